//! Questions to the gate as nobody asks who uses the library: other people's evidence, wrong keys,
//! old nonces.

use std::path::PathBuf;

use bulla_pki::hpke::KeyPair;
use bulla_protocol::gate::{
    AttestAnswer, AttestRequest, Challenge, Evidence, EvidenceFormat, Octets, Quote,
    RefusalFinding, ReleaseAnswer, ReleaseRequest, Request, TokenText, X25519Jwk,
};
use bulla_protocol::problem::Problem;
use bulla_protocol::wire::{Headers, RequestParts, header};
use serde::Deserialize;
use serde_json::Value;

use super::broken;
use crate::args::{ServiceAt, TokenAt};
use crate::client::{PATIENCE, Reply};
use crate::error::Result;
use crate::service::{Role, Service};

/// Who asks.
pub(super) struct Asking {
    anybody: Service,
    administrator: Service,
}

/// Why something was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) message: String,
}

/// What was asked for, or why it was not given.
pub(super) type Answer<T> = std::result::Result<T, Vec<Refusal>>;

/// What the operator sees of a decision.
#[derive(Deserialize)]
struct Decided {
    code: Option<String>,
    reason: Option<String>,
}

impl Asking {
    pub(super) fn new(url: &str, token_file: PathBuf) -> Result<Self> {
        let at = || ServiceAt {
            service: url.to_owned(),
            ca_file: None,
        };
        let token = TokenAt {
            at: at(),
            token_file,
        };
        Ok(Self {
            anybody: Service::open(&at())?,
            administrator: Service::open_with_token(&token, PATIENCE)?,
        })
    }

    /// Puts a policy in force.
    pub(super) fn put_policy(&self, name: &str, text: &str) -> Result<()> {
        let body = ("application/toml", text.as_bytes().to_vec());
        self.administrate("/gate/policies", name, body)
    }

    /// Has the gate keep a secret.
    pub(super) fn put_secret(&self, name: &str, specification: &Value) -> Result<()> {
        let body = ("application/json", specification.to_string().into_bytes());
        self.administrate("/gate/secrets", name, body)
    }

    fn administrate(&self, path: &str, name: &str, body: (&str, Vec<u8>)) -> Result<()> {
        let (query, role) = ([("name", name)], Role::Administrator);
        let put = self
            .administrator
            .ask::<Value>("PUT", path, &query, Some(body), role);
        put.map(drop)
    }

    /// Asks for a document as Intel's clients do.
    pub(super) fn fetch(&self, path: &str, query: &str) -> Result<()> {
        let reply = self
            .anybody
            .send(request("GET", path, query, None), Role::User)?;
        match reply.parts.status.is_success() {
            true => Ok(()),
            false => Err(self.anybody.refused(&reply)),
        }
    }

    /// A nonce.
    pub(super) fn nonce(&self) -> Result<[u8; 32]> {
        let asked = self
            .anybody
            .ask::<Challenge>("POST", "/challenge", &[], None, Role::User);
        Ok(asked?.value.nonce.0)
    }

    /// The token for evidence, whoever shows it.
    pub(super) fn attest(
        &self,
        nonce: [u8; 32],
        quote: Vec<u8>,
        key: &KeyPair,
        policy: &str,
    ) -> Result<Answer<TokenText>> {
        let asked = AttestRequest {
            nonce: Octets(nonce),
            evidence: Evidence {
                format: EvidenceFormat::DcapQuote,
                quote: Quote::new(quote).map_err(broken)?,
            },
            public_key: X25519Jwk(Octets(*key.public_key())),
            policy: policy.parse().map_err(broken)?,
            audience: None,
        };
        let reply = self.post("/attest", asked.write())?;
        if !reply.parts.status.is_success() {
            return Ok(Err(self.refusals(&reply)?));
        }
        let answer = AttestAnswer::read(&reply.parts.body).map_err(broken)?;
        Ok(Ok(answer.token))
    }

    /// A secret, sealed; where it is not given, why, as the operator sees it.
    pub(super) fn release(&self, token: &TokenText, secret: &str) -> Result<Answer<ReleaseAnswer>> {
        let asked = ReleaseRequest {
            token: token.clone(),
            secret: secret.parse().map_err(broken)?,
        };
        let reply = self.post("/release", asked.write())?;
        if reply.parts.status.is_success() {
            let answer = ReleaseAnswer::read(&reply.parts.body);
            return Ok(Ok(answer.map_err(broken)?));
        }
        let last = [("limit", "1")];
        let last = self
            .administrator
            .get::<Vec<Decided>>("/gate/decisions", &last)?;
        let decided = last.value.into_iter().next();
        let told = decided.and_then(|last| {
            Some(Refusal {
                code: last.code?,
                message: last.reason?,
            })
        });
        match told {
            Some(refusal) => Ok(Err(vec![refusal])),
            None => Err(self.anybody.refused(&reply)),
        }
    }

    /// The keys by which tokens are believed, as a JWKS.
    pub(super) fn keys(&self) -> Result<Vec<u8>> {
        let request = request("GET", "/.well-known/jwks.json", "", None);
        Ok(self.anybody.send(request, Role::User)?.parts.body)
    }

    fn post(&self, path: &str, body: Vec<u8>) -> Result<Reply> {
        let request = request("POST", path, "", Some(body));
        self.anybody.send(request, Role::User)
    }

    /// What a refusal says: each finding, or the problem itself where there is none.
    fn refusals(&self, reply: &Reply) -> Result<Vec<Refusal>> {
        #[derive(Deserialize)]
        struct Findings {
            #[serde(default)]
            findings: Vec<RefusalFinding>,
        }
        let Some(problem) = Problem::read(&reply.parts) else {
            return Err(self.anybody.refused(reply));
        };
        let found = serde_json::from_slice::<Findings>(&reply.parts.body);
        let findings = found.map(|found| found.findings).unwrap_or_default();
        if findings.is_empty() {
            return Ok(vec![Refusal {
                code: problem.code.as_str().to_owned(),
                message: problem.title.into_owned(),
            }]);
        }
        let refusals = findings.into_iter().map(|finding| Refusal {
            code: finding.code,
            message: finding.message,
        });
        Ok(refusals.collect())
    }
}

fn request(method: &str, path: &str, query: &str, body: Option<Vec<u8>>) -> RequestParts {
    let mut headers = Headers::new();
    if body.is_some() {
        headers.add(header::CONTENT_TYPE, "application/json");
    }
    RequestParts {
        method: method.to_owned(),
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body: body.unwrap_or_default(),
    }
}
