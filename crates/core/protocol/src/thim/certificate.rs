//! The PCK certificate as Azure gives it: JSON.

use serde::{Deserialize, Serialize};

use crate::pcs::ResponseError;
use crate::value::{Pem, Tcbm, ValueError};

use super::LONGEST_AGE;

/// Longest body, in bytes: certificate and chain have 4,000.
const MAX_BODY_SIZE: usize = 64 * 1024;

/// A PCK certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "the interface has these keys")]
pub struct PckCertificate {
    /// The certificate alone.
    pub certificate: Pem,
    /// Its TCB, which may be lower than the one that was asked for.
    pub tcbm: Tcbm,
    /// The CA that issued it, and the root.
    pub issuer_chain: Pem,
    /// For how many seconds the client may keep it, at most [`LONGEST_AGE`].
    pub max_age: u32,
}

#[derive(Deserialize, Serialize)]
struct Body {
    #[serde(rename = "pckCert")]
    certificate: String,
    #[serde(rename = "sgx-Pck-Certificate-Issuer-Chain")]
    issuer_chain: String,
    #[serde(rename = "sgx-Tcbm")]
    tcbm: String,
    /// A text, as Azure has it; its client reads numbers too.
    #[serde(rename = "cacheMaxAge")]
    max_age: String,
}

impl PckCertificate {
    /// The body of the answer, `application/json`.
    pub fn write(&self) -> Vec<u8> {
        let body = Body {
            certificate: self.certificate.as_str().to_owned(),
            issuer_chain: self.issuer_chain.encoded(),
            tcbm: self.tcbm.to_string(),
            max_age: self.max_age.min(LONGEST_AGE).to_string(),
        };
        serde_json::to_vec(&body).expect("texts are JSON")
    }

    /// Reads such a body.
    pub fn read(body: &[u8]) -> Result<Self, ResponseError> {
        if body.len() > MAX_BODY_SIZE {
            return Err(ResponseError::BodyTooLong {
                size: body.len(),
                limit: MAX_BODY_SIZE,
            });
        }
        let body: Body = serde_json::from_slice(body)
            .map_err(|_| ResponseError::Body(ValueError::JsonObject))?;
        let max_age = body.max_age.parse();
        Ok(Self {
            certificate: Pem::new(body.certificate).map_err(ResponseError::Body)?,
            tcbm: body.tcbm.parse().map_err(ResponseError::Body)?,
            issuer_chain: Pem::decode(&body.issuer_chain).map_err(ResponseError::Body)?,
            max_age: max_age.map_err(|_| ResponseError::Body(ValueError::Number))?,
        })
    }
}
