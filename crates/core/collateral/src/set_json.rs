//! A collateral set as one JSON object, in the form that verifiers exchange.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::set::{CollateralSet, SignedText};

/// Largest JSON object that is read as a collateral set, in bytes. Genuine ones have about 30,000;
/// two revocation lists of the largest size, in hexadecimal digits, need 2 MiB.
pub const MAX_SET_SIZE: usize = 4 * 1024 * 1024;

/// Why text is not a collateral set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SetError {
    /// Longer than [`MAX_SET_SIZE`].
    #[error("{size} bytes are too long for a collateral set (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// Not JSON, a field missing or standing twice, or a value of the wrong type.
    #[error("{reason}")]
    Json {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// A field holds nothing: a set without one of its documents would prove less than it seems.
    #[error("`{field}` is empty")]
    Empty {
        /// Name of the field.
        field: &'static str,
    },
    /// A document or chain that no string can hold, to be written.
    #[error("`{field}` is not UTF-8 text")]
    NotText {
        /// Name of the field.
        field: &'static str,
    },
}

impl CollateralSet {
    /// Reads a set from the JSON object in common use.
    ///
    /// `tcb_info` and `qe_identity` are strings that hold the signed text, each with its
    /// signature in hexadecimal digits beside it; `pck_crl` and `root_ca_crl` are hexadecimal DER
    /// or PEM; the chains are PEM. `pck_certificate_chain` may be absent or null. Fields of other
    /// names are ignored: nothing signs them, and other programs keep notes of theirs in them.
    pub fn from_json(text: &[u8]) -> Result<Self, SetError> {
        if text.len() > MAX_SET_SIZE {
            return Err(SetError::TooLong {
                size: text.len(),
                limit: MAX_SET_SIZE,
            });
        }
        // serde would read an array as the fields in their order.
        if !text.trim_ascii_start().starts_with(b"{") {
            return Err(SetError::Json {
                reason: "a JSON object was expected".to_owned(),
            });
        }
        let wire: SetWire<'_> = serde_json::from_slice(text).map_err(|error| SetError::Json {
            reason: error.to_string(),
        })?;
        let pck_certificate_chain = wire
            .pck_certificate_chain
            .map(|chain| filled("pck_certificate_chain", chain))
            .transpose()?;
        Ok(Self {
            tcb_info: SignedText {
                body: filled("tcb_info", wire.tcb_info)?,
                signature: wire.tcb_info_signature.into_owned(),
            },
            tcb_info_issuer_chain: filled("tcb_info_issuer_chain", wire.tcb_info_issuer_chain)?,
            qe_identity: SignedText {
                body: filled("qe_identity", wire.qe_identity)?,
                signature: wire.qe_identity_signature.into_owned(),
            },
            qe_identity_issuer_chain: filled(
                "qe_identity_issuer_chain",
                wire.qe_identity_issuer_chain,
            )?,
            pck_crl: filled("pck_crl", wire.pck_crl)?,
            pck_crl_issuer_chain: filled("pck_crl_issuer_chain", wire.pck_crl_issuer_chain)?,
            root_ca_crl: filled("root_ca_crl", wire.root_ca_crl)?,
            pck_certificate_chain,
        })
    }

    /// Writes the set as the JSON object that [`Self::from_json`] reads, in its order: signed
    /// texts byte for byte, CRLs in DER as hexadecimal digits.
    ///
    /// # Errors
    ///
    /// [`SetError::NotText`].
    pub fn to_json(&self) -> Result<String, SetError> {
        let wire = SetWire {
            tcb_info: text("tcb_info", &self.tcb_info.body)?,
            tcb_info_signature: self.tcb_info.signature.as_str().into(),
            tcb_info_issuer_chain: text("tcb_info_issuer_chain", &self.tcb_info_issuer_chain)?,
            qe_identity: text("qe_identity", &self.qe_identity.body)?,
            qe_identity_signature: self.qe_identity.signature.as_str().into(),
            qe_identity_issuer_chain: text(
                "qe_identity_issuer_chain",
                &self.qe_identity_issuer_chain,
            )?,
            pck_crl: crl("pck_crl", &self.pck_crl)?,
            pck_crl_issuer_chain: text("pck_crl_issuer_chain", &self.pck_crl_issuer_chain)?,
            root_ca_crl: crl("root_ca_crl", &self.root_ca_crl)?,
            pck_certificate_chain: self
                .pck_certificate_chain
                .as_deref()
                .map(|chain| text("pck_certificate_chain", chain))
                .transpose()?,
        };
        serde_json::to_string_pretty(&wire).map_err(|error| SetError::Json {
            reason: error.to_string(),
        })
    }
}

fn text<'a>(field: &'static str, bytes: &'a [u8]) -> Result<Cow<'a, str>, SetError> {
    std::str::from_utf8(bytes)
        .map(Cow::Borrowed)
        .map_err(|_| SetError::NotText { field })
}

/// DER begins with the tag of a SEQUENCE, which is also the digit `0`: what is text all through is
/// PEM or hexadecimal digits already.
fn crl<'a>(field: &'static str, bytes: &'a [u8]) -> Result<Cow<'a, str>, SetError> {
    match bytes
        .iter()
        .all(|b| b.is_ascii_graphic() || b.is_ascii_whitespace())
    {
        true => text(field, bytes),
        false => Ok(Cow::Owned(hex::encode(bytes))),
    }
}

fn filled(field: &'static str, text: Cow<'_, str>) -> Result<Vec<u8>, SetError> {
    if text.trim().is_empty() {
        return Err(SetError::Empty { field });
    }
    Ok(text.into_owned().into_bytes())
}

#[derive(Serialize, Deserialize)]
struct SetWire<'a> {
    #[serde(borrow)]
    tcb_info: Cow<'a, str>,
    #[serde(borrow)]
    tcb_info_signature: Cow<'a, str>,
    #[serde(borrow)]
    tcb_info_issuer_chain: Cow<'a, str>,
    #[serde(borrow)]
    qe_identity: Cow<'a, str>,
    #[serde(borrow)]
    qe_identity_signature: Cow<'a, str>,
    #[serde(borrow)]
    qe_identity_issuer_chain: Cow<'a, str>,
    #[serde(borrow)]
    pck_crl: Cow<'a, str>,
    #[serde(borrow)]
    pck_crl_issuer_chain: Cow<'a, str>,
    #[serde(borrow)]
    root_ca_crl: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    pck_certificate_chain: Option<Cow<'a, str>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: [&str; 9] = [
        "tcb_info",
        "tcb_info_signature",
        "tcb_info_issuer_chain",
        "qe_identity",
        "qe_identity_signature",
        "qe_identity_issuer_chain",
        "pck_crl",
        "pck_crl_issuer_chain",
        "root_ca_crl",
    ];

    /// An object in which every field but `without` holds its own name.
    fn object(without: &str, more: &str) -> String {
        let fields: Vec<String> = FIELDS
            .iter()
            .filter(|field| **field != without)
            .map(|field| format!("{field:?}:{field:?}"))
            .collect();
        format!("{{{}{more}}}", fields.join(","))
    }

    fn read(text: &str) -> Result<CollateralSet, SetError> {
        CollateralSet::from_json(text.as_bytes())
    }

    #[test]
    fn each_field_finds_its_place() {
        let set = read(&object("", "")).unwrap();
        assert_eq!(set.tcb_info.body, b"tcb_info");
        assert_eq!(set.tcb_info.signature, "tcb_info_signature");
        assert_eq!(set.tcb_info_issuer_chain, b"tcb_info_issuer_chain");
        assert_eq!(set.qe_identity.body, b"qe_identity");
        assert_eq!(set.qe_identity.signature, "qe_identity_signature");
        assert_eq!(set.qe_identity_issuer_chain, b"qe_identity_issuer_chain");
        assert_eq!(set.pck_crl, b"pck_crl");
        assert_eq!(set.pck_crl_issuer_chain, b"pck_crl_issuer_chain");
        assert_eq!(set.root_ca_crl, b"root_ca_crl");
        assert_eq!(set.pck_certificate_chain, None);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let mut set = read(&object("", "")).unwrap();
        set.tcb_info.body = b"{\"a\":\t1}\n".to_vec();
        assert_eq!(read(&set.to_json().unwrap()), Ok(set.clone()));
        set.pck_certificate_chain = Some(b"pem".to_vec());
        assert_eq!(read(&set.to_json().unwrap()), Ok(set.clone()));

        set.pck_crl = vec![0x30, 0x00];
        let reread = read(&set.to_json().unwrap()).unwrap();
        assert_eq!(reread.pck_crl, b"3000");
        set.qe_identity.body = vec![0xff];
        let field = "qe_identity";
        assert_eq!(set.to_json(), Err(SetError::NotText { field }));
    }

    #[test]
    fn signed_text_is_kept_byte_for_byte() {
        let text = object("tcb_info", r#","tcb_info":"{ \"a\":\t1 }\u000a""#);
        assert_eq!(read(&text).unwrap().tcb_info.body, b"{ \"a\":\t1 }\n");
    }

    #[test]
    fn the_chain_of_the_quote_is_optional_and_other_fields_are_not_read() {
        let chain = |more: &str| read(&object("", more)).unwrap().pck_certificate_chain;
        assert_eq!(chain(r#","pck_certificate_chain":null"#), None);
        assert_eq!(
            chain(r#","pck_certificate_chain":"pem""#),
            Some(b"pem".to_vec())
        );
        assert_eq!(chain(r#","fetched_from":{"a":[1,2]}"#), None);
    }

    #[test]
    fn what_is_missing_twice_empty_or_of_another_type_is_an_error() {
        for field in FIELDS {
            let reason = read(&object(field, "")).unwrap_err().to_string();
            assert!(
                reason.starts_with(&format!("missing field `{field}`")),
                "{reason}"
            );
            let twice = format!(",{field:?}:\"again\"");
            let reason = read(&object("", &twice)).unwrap_err().to_string();
            assert!(
                reason.starts_with(&format!("duplicate field `{field}`")),
                "{reason}"
            );
            for other in ["1", "null", "{}", "[48]"] {
                assert!(read(&object(field, &format!(",{field:?}:{other}"))).is_err());
            }
        }
        let empty = read(&object("pck_crl", r#","pck_crl":" ""#));
        assert_eq!(empty, Err(SetError::Empty { field: "pck_crl" }));
        for text in ["", "[]", "null", "{}", "{} {}", &"[".repeat(100_000)] {
            assert!(read(text).is_err());
        }
        assert!(
            read(&format!("{FIELDS:?}")).is_err(),
            "an array of all fields"
        );
    }

    #[test]
    fn two_revocation_lists_of_the_largest_size_fit() {
        let digits = "30".repeat(bulla_pki::crl::MAX_CRL_SIZE);
        let text = object("", "").replace(":\"pck_crl\"", &format!(":{digits:?}"));
        let text = text.replace(":\"root_ca_crl\"", &format!(":{digits:?}"));
        assert_eq!(read(&text).unwrap().root_ca_crl, digits.as_bytes());
        let padded = format!("{}{text}", " ".repeat(MAX_SET_SIZE - text.len()));
        assert!(read(&padded).is_ok());
    }

    #[test]
    fn what_is_too_long_is_refused_by_its_size() {
        let size = MAX_SET_SIZE + 1;
        let error = SetError::TooLong {
            size,
            limit: MAX_SET_SIZE,
        };
        assert_eq!(CollateralSet::from_json(&vec![b' '; size]), Err(error));
    }
}
