//! The token of whoever administrates the service on its own machine, where no other was set.

use std::path::{Path, PathBuf};

use bulla_pki::digest::sha512;

use crate::http::Token;
use crate::secret_file::{Kind, SecretFileError};

/// The file in the directory of the store.
pub const FILE: &str = "administrator-token";

/// The name of the token in logs and in the audit.
const NAME: &str = "local";

const TOKEN: Kind = Kind {
    what: "the administrator's token",
    if_missing: "start the service once more",
    if_exposed: "remove it for a new one, and set nothing but `chmod 600` on that",
    if_malformed: "remove it for a new one",
};

/// The token, and where its owner finds it.
pub(super) struct LocalToken {
    pub(super) token: Token,
    pub(super) file: PathBuf,
    pub(super) is_new: bool,
}

/// Reads the token in the directory of the store, or makes one.
pub(super) fn take(directory: &Path) -> Result<LocalToken, SecretFileError> {
    let path = directory.join(FILE);
    let (digits, is_new) = match TOKEN.read(&path) {
        Err(SecretFileError::Missing { .. }) => (TOKEN.make(&path)?, true),
        read => (read?, false),
    };
    let token = Token::new(NAME, &hex::encode(sha512(digits.as_bytes())));
    Ok(LocalToken {
        token: token.expect("a digest in hexadecimal digits"),
        file: path,
        is_new,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::sync::Arc;
    use std::time::Instant;

    use super::*;
    use crate::http::{Metrics, Role, Tokens};

    #[test]
    fn a_token_is_made_once_and_lets_its_owner_in() {
        let name = format!("bulla-token-{}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        fs::create_dir_all(&directory).unwrap();
        let first = take(&directory).unwrap();
        let second = take(&directory).unwrap();
        let presented = fs::read_to_string(&first.file).unwrap();
        fs::remove_dir_all(&directory).unwrap();
        assert!(first.is_new && !second.is_new);
        assert!(first.token == second.token);
        let metrics = Arc::new(Metrics::new("0", false));
        let tokens = Tokens::new(vec![], vec![second.token], metrics, |_| {});
        let presented = Some(presented.trim().as_bytes());
        let now = Instant::now();
        assert!(
            tokens
                .check(Role::Administrator, presented, None, now)
                .is_ok()
        );
        assert!(tokens.check(Role::User, presented, None, now).is_err());
    }
}
