//! JSON bodies as the vendor signs and serves them.

use bulla_collateral::SignedText;

use crate::key::SigningKey;

/// The kinds of signed JSON documents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DocumentKind {
    /// TCB info.
    TcbInfo,
    /// An enclave identity.
    EnclaveIdentity,
    /// A list of TCB evaluation data numbers.
    EvaluationNumbers,
}

impl DocumentKind {
    /// The field that holds the body in the document as served.
    pub const fn key(self) -> &'static str {
        match self {
            Self::TcbInfo => "tcbInfo",
            Self::EnclaveIdentity => "enclaveIdentity",
            Self::EvaluationNumbers => "tcbEvaluationDataNumbers",
        }
    }

    /// The document as served: `{"tcbInfo":<body>,"signature":"<hex>"}`, the body byte for byte.
    pub fn served(self, document: &SignedText) -> Vec<u8> {
        let mut text = format!("{{\"{}\":", self.key()).into_bytes();
        text.extend_from_slice(&document.body);
        text.extend_from_slice(format!(",\"signature\":\"{}\"}}", document.signature).as_bytes());
        text
    }
}

/// Signs a body, whatever it is: a test signs one that no specification here would write.
pub fn sign_text(body: impl Into<Vec<u8>>, key: &SigningKey) -> SignedText {
    let body = body.into();
    let signature = hex::encode(key.sign(&body));
    SignedText { body, signature }
}
