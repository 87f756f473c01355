//! The key that signs tokens.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::{PublicKey, SigningKey, digest};

use crate::claims::Claims;

/// A token was not signed: the crypto library failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the token was not signed: the crypto library failed")]
pub struct SignError;

/// A private key that signs tokens with ES256, and its id. Its memory is cleared when it goes, and
/// it shows itself to nobody.
pub struct TokenKey {
    key: SigningKey,
    id: String,
}

impl TokenKey {
    /// The key for tokens that is this key.
    pub fn new(key: SigningKey) -> Self {
        let id = key_id(key.public_key());
        Self { key, id }
    }

    /// Its id; see [`key_id`].
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The public half.
    pub const fn public_key(&self) -> &PublicKey {
        self.key.public_key()
    }

    /// The claims as a signed token: a JWS in compact form (RFC 7515, section 3.1).
    pub fn sign(&self, claims: &Claims) -> Result<String, SignError> {
        let header = format!(r#"{{"alg":"ES256","kid":"{}","typ":"JWT"}}"#, self.id);
        let mut text = Vec::with_capacity(USUAL_SIZE);
        serde_json::to_writer(&mut text, claims).expect("texts and numbers are JSON");
        let [header, text] = [header.as_bytes(), &text].map(|part| URL_SAFE_NO_PAD.encode(part));
        let mut token = String::with_capacity(USUAL_SIZE);
        token.push_str(&header);
        token.push('.');
        token.push_str(&text);
        let signature = self.key.sign(token.as_bytes()).map_err(|_| SignError)?;
        token.push('.');
        token.push_str(&URL_SAFE_NO_PAD.encode(signature));
        Ok(token)
    }
}

impl fmt::Debug for TokenKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenKey(.., {})", self.id)
    }
}

/// Bytes of the usual token; memory for it is got at once.
const USUAL_SIZE: usize = 4 * 1024;

/// The id of a key, `kid`: its thumbprint (RFC 7638), SHA-256 in base64url.
pub fn key_id(key: &PublicKey) -> String {
    let (x, y) = coordinates(key);
    let members = format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#);
    URL_SAFE_NO_PAD.encode(digest::sha256(members.as_bytes()))
}

/// `x` and `y` of a JWK (RFC 7518, section 6.2.1).
pub(crate) fn coordinates(key: &PublicKey) -> (String, String) {
    let [_, xy @ ..] = key.uncompressed();
    let (x, y) = xy.split_at(32);
    (URL_SAFE_NO_PAD.encode(x), URL_SAFE_NO_PAD.encode(y))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The key of RFC 7515, appendix A.3; its thumbprint was computed by hand as RFC 7638 says.
    #[test]
    fn the_id_of_a_published_key() {
        let coordinate = |text| URL_SAFE_NO_PAD.decode(text).unwrap();
        let x = coordinate("f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU");
        let y = coordinate("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0");
        let xy = [x, y].concat().try_into().unwrap();
        let key = PublicKey::from_coordinates(&xy).unwrap();
        assert_eq!(key_id(&key), "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U");
    }

    #[test]
    fn a_key_shows_only_its_id() {
        let key = TokenKey::new(SigningKey::generate().unwrap());
        assert_eq!(format!("{key:?}"), format!("TokenKey(.., {})", key.id()));
    }
}
