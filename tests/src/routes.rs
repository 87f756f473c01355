//! Requests that `docs/openapi.json` describes, each with values of this test's world.

use bulla_vendor::PROCESSOR_FMSPC;
use serde_json::Value;

use crate::front::{ADMINISTRATOR, Front, USER};
use crate::openapi::{document, members, resolved};

/// An operation of the document.
#[derive(Clone, Copy)]
pub struct Operation {
    /// Its path, a file named in it.
    pub path: &'static str,
    /// Its method.
    pub method: &'static str,
    /// Its description.
    pub described: &'static Value,
}

/// Which grammar a path has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Intel's cache.
    Cache,
    /// Intel's service.
    Vendor,
    /// Azure's.
    Azure,
    /// bulla's own.
    Own,
}

/// Every operation.
pub fn operations() -> Vec<Operation> {
    let mut all = Vec::new();
    for (path, place) in members(&document()["paths"]) {
        for (method, described) in members(place) {
            all.push(Operation {
                path: match path.as_str() {
                    "/pcs/{file}" => "/pcs/IntelSGXRootCA.der",
                    path if path.contains("{version}") => {
                        let path = path.replace("{version}", "v4");
                        String::leak(path.replace("{fmspc}", &hex::encode(PROCESSOR_FMSPC)))
                    }
                    path => path,
                },
                method: match method.as_str() {
                    "get" => "GET",
                    "post" => "POST",
                    "put" => "PUT",
                    "delete" => "DELETE",
                    other => panic!("{other}"),
                },
                described,
            });
        }
    }
    all
}

impl Operation {
    /// The grammar of its path.
    pub fn dialect(&self) -> Dialect {
        match self.path {
            path if path.starts_with("/pcs/") => Dialect::Vendor,
            path if path.starts_with("/thim/") => Dialect::Azure,
            path if path.contains("/certification/") => Dialect::Cache,
            _ => Dialect::Own,
        }
    }

    /// The token that it needs, as a header; none where it needs none.
    pub fn token(&self) -> Option<(&'static str, &'static str)> {
        let security = self.described["security"].as_array().expect("a list");
        let first = security.first()?.as_object().expect("an object");
        match first.keys().next().map(String::as_str) {
            Some("user-token") => Some(USER),
            Some("admin-token") => Some(ADMINISTRATOR),
            other => panic!("{other:?}"),
        }
    }

    /// Most bytes of its body; none where it has none.
    pub fn body_limit(&self) -> Option<usize> {
        let size = self.described["requestBody"]["x-max-bytes"].as_u64()?;
        usize::try_from(size).ok()
    }

    /// The parameters of its query: name, whether it must be there, and a good value.
    pub fn parameters(&self) -> Vec<(&'static str, bool, String)> {
        let all = self.described["parameters"].as_array().expect("a list");
        all.iter()
            .filter_map(|parameter| {
                let parameter = resolved(parameter);
                let name = parameter["name"].as_str()?;
                (parameter["in"] == "query").then(|| {
                    // Azure's names a list by one of two parameters.
                    let is_one_of_two = name == "ca" && self.dialect() == Dialect::Azure;
                    let required = parameter["required"] == true || is_one_of_two;
                    (name, required, good(self.path, name))
                })
            })
            .collect()
    }

    /// The target with every parameter that must be there, and these; an empty one is left out.
    pub fn target(&self, others: &[(&str, &str)]) -> String {
        let mut pairs: Vec<String> = self
            .parameters()
            .into_iter()
            .filter(|(name, required, _)| {
                *required && !others.iter().any(|(other, _)| other == name)
            })
            .map(|(name, _, value)| format!("{name}={value}"))
            .collect();
        let others = others.iter().filter(|(name, _)| !name.is_empty());
        pairs.extend(others.map(|(name, value)| format!("{name}={value}")));
        match pairs.is_empty() {
            true => self.path.to_owned(),
            false => format!("{}?{}", self.path, pairs.join("&")),
        }
    }

    /// The status of a request by whoever may make it, without a body.
    #[track_caller]
    pub fn status(&self, front: &Front, target: &str) -> u16 {
        let mut headers: Vec<(&str, &str)> = self.token().into_iter().collect();
        if self.path.ends_with("/package") {
            headers.push(("Ocp-Apim-Subscription-Key", "key"));
        }
        front.send(self.method, target, &headers, b"").status()
    }
}

/// A value that a parameter can have. Of platforms it is none that the vendor knows.
fn good(path: &str, name: &str) -> String {
    let value = match name {
        "fmspc" if path.ends_with("/refresh") => "FF53494D554C,FF53494D5550",
        "fmspc" => "FF53494D554C",
        "tcbEvaluationDataNumber" => "1",
        "update" => "standard",
        "ca" => "processor",
        "clientid" => "production_client",
        "api-version" => "2018-10-01-preview",
        // tcbEvaluationDataNumber=1;region=us central, and a zero.
        "customParameter" => "dGNiRXZhbHVhdGlvbkRhdGFOdW1iZXI9MTtyZWdpb249dXMgY2VudHJhbAA=",
        "encoding" => "der",
        "uri" => "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
        "qeid" | "qe_id" | "after_qe_id" => "0123456789ABCDEF0123456789ABCDEF",
        "cpusvn" => "000102030405060708090A0B0C0D0E0F",
        "pcesvn" => "0D00",
        "pceid" | "pce_id" | "after_pce_id" => "0000",
        "encrypted_ppid" => return "5A".repeat(384),
        "source" => "[FF53494D554C]",
        "type" => "certs",
        "platform" => "all",
        "slot" => "pck-crl/processor",
        "limit" => "7",
        "at" => "2026-11-23T11:00:00Z",
        "after" | "from" => "0",
        "ring" if path == "/baselines/preview" => "default",
        "name" | "ring" | "rollout" => "payroll",
        "baseline" => "standard",
        "number" => "early",
        "version" => "4",
        "reason" => "checked",
        "digest" | "signer" => return "0".repeat(64),
        "kid" => "oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U",
        other => panic!("{path}: {other}"),
    };
    value.to_owned()
}
