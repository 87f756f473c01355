//! No text makes verification panic, and no changed token counts.

use std::sync::LazyLock;

use bulla_token::{KeySet, verify};
use proptest::prelude::*;

use crate::support::{claims, expected, key};

static SIGNED: LazyLock<(String, KeySet)> = LazyLock::new(|| {
    let (key, keys) = key();
    (key.sign(&claims()).unwrap(), keys)
});

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", parts in "[A-Za-z0-9_.=-]{0,200}") {
        let (_, keys) = &*SIGNED;
        prop_assert!(verify(&text, keys, &expected()).is_err());
        prop_assert!(verify(&parts, keys, &expected()).is_err());
        let _ = KeySet::from_jwks(text.as_bytes());
    }

    #[test]
    fn a_token_with_any_character_changed_does_not_count(
        at in any::<prop::sample::Index>(),
        character in "[A-Za-z0-9_.-]",
    ) {
        let (token, keys) = &*SIGNED;
        let at = at.index(token.len());
        let changed = format!("{}{character}{}", &token[..at], &token[at + 1..]);
        prop_assume!(&changed != token);
        prop_assert!(verify(&changed, keys, &expected()).is_err());
    }
}
