//! How long an answer may be kept, how old it is, and whether the client has it already
//! (RFC 9111, RFC 9110).

use std::fmt;

use crate::value::HeaderText;

/// Names of the headers.
pub mod header {
    pub use crate::wire::header::{CACHE_CONTROL, WARNING};

    /// Seconds since the answer was known to be current (RFC 9111, section 5.1).
    pub const AGE: &str = "Age";
    /// Name of the answer's content (RFC 9110, section 8.8.3).
    pub const ETAG: &str = "ETag";
    /// The contents that a client has (RFC 9110, section 13.1.2).
    pub const IF_NONE_MATCH: &str = "If-None-Match";
}

/// How long others may keep an answer (RFC 9111, section 5.2.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "what bulla says; a new one must break callers"
)]
pub enum CacheControl {
    /// Not at all: answers that belong to one client, refusals.
    NoStore,
    /// So many seconds; 0 means that it must be asked for again each time. A document's is at most
    /// what is left of its validity.
    MaxAge(
        /// Seconds.
        u32,
    ),
}

impl CacheControl {
    /// The longest time that bulla gives, in seconds: with more than a day the Azure client does
    /// not keep an answer at all.
    pub const LONGEST: u32 = 86_400;

    /// For a document that is valid for so many seconds more, and shall be kept for `wanted` at
    /// most.
    pub fn within(left: u64, wanted: u32) -> Self {
        let left = u32::try_from(left).unwrap_or(u32::MAX);
        Self::MaxAge(left.min(wanted).min(Self::LONGEST))
    }
}

impl fmt::Display for CacheControl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStore => f.write_str("no-store"),
            Self::MaxAge(seconds) => write!(f, "max-age={seconds}"),
        }
    }
}

/// The value of `Age` for so many seconds (RFC 9111, section 1.2.2: what is too large is sent as
/// 2147483648).
pub fn age(seconds: u64) -> String {
    seconds.min(2_147_483_648).to_string()
}

/// Something to be aware of (RFC 7234, section 5.5; RFC 9111 no longer has the header, but the
/// vendor sends it).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Warning {
    code: u16,
    text: HeaderText,
}

impl Warning {
    /// 110: the answer is past its end.
    pub fn stale() -> Self {
        Self {
            code: 110,
            text: HeaderText::sanitised("Response is Stale"),
        }
    }

    /// 299: anything else that lasts.
    pub fn lasting(text: &str) -> Self {
        Self {
            code: 299,
            text: HeaderText::sanitised(text),
        }
    }

    /// Its number.
    pub const fn code(&self) -> u16 {
        self.code
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self
            .text
            .as_str()
            .replace('\\', "\\\\")
            .replace('"', "\\\"");
        write!(f, "{} - \"{text}\"", self.code)
    }
}

/// Name of an answer's content (RFC 9110, section 8.8.3).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntityTag {
    weak: bool,
    name: String,
}

impl EntityTag {
    /// Longest name, in bytes: twice the hexadecimal digits of the longest digest.
    pub const LONGEST: usize = 256;

    /// A name for the very bytes; absent if it cannot stand between quotes, or is too long.
    pub fn strong(name: impl Into<String>) -> Option<Self> {
        let name = name.into();
        let fits = name.len() <= Self::LONGEST && name.bytes().all(|byte| is_etagc(&byte));
        fits.then_some(Self { weak: false, name })
    }

    /// A name for what the bytes say, whatever they are; absent as above.
    pub fn weak(name: impl Into<String>) -> Option<Self> {
        Self::strong(name).map(|tag| Self { weak: true, ..tag })
    }

    /// Whether both name the same, weakly compared (RFC 9110, section 8.8.3.2).
    pub fn names_same(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

impl fmt::Display for EntityTag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let weak = if self.weak { "W/" } else { "" };
        write!(f, "{weak}\"{}\"", self.name)
    }
}

/// What can stand in a name. Bytes beyond ASCII are left to others.
const fn is_etagc(byte: &u8) -> bool {
    matches!(byte, 0x21 | 0x23..=0x7e)
}

/// Whether a client that sends this `If-None-Match` has the content already, so that 304 is the
/// answer.
///
/// Tags are compared weakly (RFC 9110, section 13.1.2). A list that cannot be read does not match
/// from there on: the client gets what it would without the header.
pub fn has_already(if_none_match: &str, current: &EntityTag) -> bool {
    if if_none_match.trim() == "*" {
        return true;
    }
    let mut rest = if_none_match;
    loop {
        rest = rest.trim_start_matches([' ', '\t', ',']);
        let opaque = rest.strip_prefix("W/").unwrap_or(rest);
        let Some((name, after)) = opaque
            .strip_prefix('"')
            .and_then(|text| text.split_once('"'))
        else {
            return false;
        };
        let readable = name.bytes().all(|byte| is_etagc(&byte) || byte >= 0x80);
        let ends = after.trim_start_matches([' ', '\t']);
        if !readable || !(ends.is_empty() || ends.starts_with(',')) {
            return false;
        }
        if name == current.name {
            return true;
        }
        rest = ends;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_document_is_kept_no_longer_than_it_is_valid() {
        let of = |left, wanted| CacheControl::within(left, wanted).to_string();
        assert_eq!(of(1_000_000, 3_600), "max-age=3600");
        assert_eq!(of(10, 3_600), "max-age=10");
        assert_eq!(of(0, 3_600), "max-age=0");
        assert_eq!(of(u64::MAX, u32::MAX), "max-age=86400");
        assert_eq!(CacheControl::NoStore.to_string(), "no-store");
    }

    #[test]
    fn ages_have_a_largest() {
        assert_eq!(age(0), "0");
        assert_eq!(age(u64::MAX), "2147483648");
    }

    #[test]
    fn warnings_are_quoted() {
        assert_eq!(Warning::stale().to_string(), "110 - \"Response is Stale\"");
        assert_eq!(
            Warning::lasting("a \"b\" \\ c\r\nd").to_string(),
            "299 - \"a \\\"b\\\" \\\\ c??d\""
        );
        assert_eq!(Warning::lasting("a").code(), 299);
    }

    #[test]
    fn tags_are_quoted_and_have_no_quotes_inside() {
        assert_eq!(EntityTag::strong("a-1").unwrap().to_string(), "\"a-1\"");
        assert_eq!(EntityTag::weak("").unwrap().to_string(), "W/\"\"");
        for name in ["a\"b", "a b", "a\n", "ä"] {
            assert_eq!(EntityTag::strong(name), None, "{name:?}");
        }
        assert_eq!(EntityTag::strong("a".repeat(257)), None);
    }

    #[test]
    fn lists_are_compared_weakly() {
        let [strong, weak] = [EntityTag::strong("b"), EntityTag::weak("b")].map(Option::unwrap);
        assert!(strong.names_same(&weak) && strong != weak);
        for tag in [strong, weak] {
            for header in [
                "*",
                " * ",
                "\"b\"",
                "W/\"b\"",
                "\"a\", W/\"b\"",
                ",, \"a\",\t\"b\" , \"c\"",
                "\"a,\",\"b\"",
                "\"ä\", \"b\"",
            ] {
                assert!(has_already(header, &tag), "{header}");
            }
            for header in [
                "",
                "b",
                "\"B\"",
                "w/\"b\"",
                "\"a\"",
                "\"a\" \"b\"",
                "\"b",
                "\"a,b\"",
                "*, \"a\"",
                "\"a\"x, \"b\"",
            ] {
                assert!(!has_already(header, &tag), "{header}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_tag_is_found_in_every_list_that_has_it(
            names in vec("[!#-~]{0,8}", 0..5),
            name in "[!#-~]{0,8}",
            place in any::<prop::sample::Index>(),
        ) {
            let tag = EntityTag::strong(name).unwrap();
            let mut tags: Vec<String> = names
                .into_iter()
                .map(|name| EntityTag::weak(name).unwrap().to_string())
                .collect();
            tags.insert(place.index(tags.len() + 1), tag.to_string());
            prop_assert!(has_already(&tags.join(", "), &tag));
        }

        #[test]
        fn reading_never_panics(header in any::<String>(), quoted in "[W/\", a*]{0,20}") {
            let tag = EntityTag::strong("a").unwrap();
            let _ = has_already(&header, &tag);
            let _ = has_already(&quoted, &tag);
        }
    }
}
