//! Appraisal policies: signed texts that the cache keeps for Intel's verifier.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::value::Fmspc;

use super::Refusal;
use super::platform::read;

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum PolicyKind {
    /// Platforms with SGX.
    Sgx,
    /// Platforms with TDX 1.0.
    Tdx10,
    /// Platforms with TDX 1.5.
    Tdx15,
}

/// The classes of environments that give a policy its kind, as Intel's verifier names them.
const CLASSES: [(&str, PolicyKind); 3] = [
    ("3123ec35-8d38-4ea5-87a5-d6c48b567570", PolicyKind::Sgx),
    ("9eec018b-7481-4b1c-8e1a-9f7c0c8c777f", PolicyKind::Tdx10),
    ("f708b97f-0fb2-4e6b-8b03-8a5bcd1221d3", PolicyKind::Tdx15),
];

/// A policy that shall be stored. Its signature is not checked here: whoever appraises does.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SubmittedPolicy {
    /// Whether it becomes the default of its family and kind, in place of the former.
    pub is_default: bool,
    /// The family of platforms.
    pub fmspc: Fmspc,
    /// The signed text (RFC 7519), as it came.
    pub text: String,
    /// What it is for: the first known class in it.
    pub kind: PolicyKind,
}

impl SubmittedPolicy {
    /// Takes a policy whose kind can be told.
    pub fn new(is_default: bool, fmspc: Fmspc, text: String) -> Result<Self, Refusal> {
        let kind = kind(&text)
            .ok_or_else(|| Refusal::invalid("the policy names no class of environments known"))?;
        Ok(Self {
            is_default,
            fmspc,
            text,
            kind,
        })
    }

    pub(super) fn read(body: &[u8]) -> Result<Self, Refusal> {
        let Body {
            is_default,
            fmspc,
            policy,
        } = super::read::json(body)?;
        Self::new(is_default, read("fmspc", &fmspc)?, policy)
    }

    pub(super) fn write(&self) -> Vec<u8> {
        super::write::json(&Body {
            is_default: self.is_default,
            fmspc: self.fmspc.to_string(),
            policy: self.text.clone(),
        })
    }
}

#[derive(Serialize, Deserialize)]
struct Body {
    is_default: bool,
    fmspc: String,
    policy: String,
}

#[derive(Deserialize)]
struct Claims {
    policy_payload: String,
}

#[derive(Deserialize)]
struct Payload {
    policy_array: Vec<Entry>,
}

#[derive(Deserialize)]
struct Entry {
    environment: Environment,
}

#[derive(Deserialize)]
struct Environment {
    class_id: String,
}

fn kind(text: &str) -> Option<PolicyKind> {
    let claims = text.split('.').nth(1)?.trim_end_matches('=');
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).ok()?;
    let claims: Claims = serde_json::from_slice(&claims).ok()?;
    let payload: Payload = serde_json::from_str(&claims.policy_payload).ok()?;
    payload.policy_array.iter().find_map(|entry| {
        CLASSES
            .iter()
            .find(|(class, _)| entry.environment.class_id.eq_ignore_ascii_case(class))
            .map(|(_, kind)| *kind)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy(classes: &[&str]) -> String {
        let entries: Vec<String> = classes
            .iter()
            .map(|class| format!(r#"{{"environment":{{"class_id":"{class}"}}}}"#))
            .collect();
        let payload = format!(r#"{{"policy_array":[{}]}}"#, entries.join(","));
        let claims = serde_json::json!({ "policy_payload": payload }).to_string();
        format!("e30.{}.", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_first_known_class_is_the_kind() {
        let [sgx, tdx_1_0, tdx_1_5] = CLASSES.map(|(class, _)| class);
        let td_qe = "3769258c-75e6-4bc7-8d72-d2b0e224cad2";
        assert_eq!(kind(&policy(&[sgx, tdx_1_0])), Some(PolicyKind::Sgx));
        assert_eq!(kind(&policy(&[td_qe, tdx_1_0])), Some(PolicyKind::Tdx10));
        let upper = tdx_1_5.to_ascii_uppercase();
        assert_eq!(kind(&policy(&[&upper])), Some(PolicyKind::Tdx15));
        assert_eq!(kind(&policy(&[td_qe])), None);
        for text in ["", "a", "a.b.c", "a.e30.c", "..."] {
            assert_eq!(kind(text), None, "{text}");
        }
    }

    #[test]
    fn a_policy_is_stored_as_it_came() {
        let text = policy(&[CLASSES[0].0]);
        let body =
            format!(r#"{{"is_default":true,"fmspc":"00906ed50000","policy":"{text}","x":1}}"#);
        let read = SubmittedPolicy::read(body.as_bytes()).unwrap();
        assert_eq!(read.text, text);
        assert_eq!(SubmittedPolicy::read(&read.write()), Ok(read));
        for (from, to) in [
            ("true", "\"true\""),
            ("00906ed5", "00906"),
            ("\"policy\"", "\"p\""),
        ] {
            let body = body.replace(from, to);
            assert!(SubmittedPolicy::read(body.as_bytes()).is_err(), "{body}");
        }
    }
}
