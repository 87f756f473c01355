//! One document after the other: whether it came, holds by itself, and is fresh.

use std::time::Duration;

use bulla_pki::{Timestamp, Window};
use bulla_protocol::wire::ResponseParts;
use bulla_service::freshness::{Age, Freshness};
use bulla_service::want::Want;
use bulla_verifier::Code;
use bulla_verifier::arrival::{self, Arrival, Received, RevocationList};
use serde::Serialize;

use super::finding::{self, Ailment, Finding};
use super::plan::Dialect;
use super::site::Asked;
use super::{Standard, headers};

/// From when on an answer is called slow: the vendor's own service answers within this, from
/// another continent.
const SLOW: Duration = Duration::from_secs(1);

/// How a document is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    /// Genuine, and nothing is to be done.
    Current,
    /// Genuine, and a later issue can be had.
    Due,
    /// Genuine, its end is near, and nothing has followed.
    Overdue,
    /// It has ended.
    Expired,
    /// It does not hold by itself.
    Refused,
    /// There is none.
    Absent,
    /// It was not given.
    Unavailable,
}

impl State {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Current => "current",
            Self::Due => "due",
            Self::Overdue => "overdue",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Absent => "absent",
            Self::Unavailable => "unavailable",
        }
    }
}

/// A document as it was given.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Document {
    /// How it was asked for, for example `tcb-info/sgx/00806F050000/3/standard`.
    pub(crate) name: String,
    /// Path and query of the question.
    pub(crate) target: String,
    pub(crate) state: State,
    /// Absent where there was no answer.
    pub(crate) status: Option<u16>,
    pub(crate) milliseconds: Option<u64>,
    /// Of the body, in bytes.
    pub(crate) size: Option<usize>,
    pub(crate) header_size: Option<usize>,
    /// Its evaluation number; absent where it has none, or is not genuine.
    pub(crate) number: Option<u32>,
    pub(crate) issued: Option<String>,
    /// Its own end, or that of its chain.
    pub(crate) until: Option<String>,
    #[serde(skip)]
    pub(super) want: Want,
    #[serde(skip)]
    pub(super) body: Vec<u8>,
}

pub(super) fn examine_all(
    asked: &[Asked<'_>],
    standard: &Standard,
    dialect: Dialect,
    findings: &mut Vec<Finding>,
) -> Vec<Document> {
    let root = asked.iter().find_map(|one| chain_of(one));
    let revoked = revocations(asked, root.as_deref(), standard);
    asked
        .iter()
        .map(|one| {
            let examination = Examination {
                asked: one,
                root: root.as_deref(),
                revoked: revoked.as_ref(),
                standard,
                dialect,
            };
            examination.run(findings)
        })
        .collect()
}

/// The chain of an answer with a document.
fn chain_of(asked: &Asked<'_>) -> Option<String> {
    let parts = &asked.reply.as_ref().ok()?.parts;
    headers::chain(&parts.headers, asked.question.want)
        .filter(|_| parts.status.is_success())?
        .ok()
}

/// Whom the root has revoked, if that came and holds: every other document is held against it.
fn revocations(
    asked: &[Asked<'_>],
    root: Option<&str>,
    standard: &Standard,
) -> Option<RevocationList> {
    let list = asked
        .iter()
        .find(|one| one.question.want == Want::RootCaCrl)?;
    let received = Received::RootCaCrl {
        crl: &list.reply.as_ref().ok()?.parts.body,
        root: root?.as_bytes(),
    };
    let anchors = standard.realm.anchors();
    arrival::receive(received, anchors, None, standard.at)
        .ok()?
        .revocations
}

struct Examination<'a> {
    asked: &'a Asked<'a>,
    root: Option<&'a str>,
    revoked: Option<&'a RevocationList>,
    standard: &'a Standard,
    dialect: Dialect,
}

impl Examination<'_> {
    fn run(&self, findings: &mut Vec<Finding>) -> Document {
        let want = self.asked.question.want;
        let name = want.to_string();
        let mut document = Document {
            name: name.clone(),
            target: self.asked.target.clone(),
            state: State::Unavailable,
            status: None,
            milliseconds: None,
            size: None,
            header_size: None,
            number: None,
            issued: None,
            until: None,
            want,
            body: Vec::new(),
        };
        let reply = match &self.asked.reply {
            Ok(reply) => reply,
            Err(reason) => {
                findings
                    .push(Ailment::Unanswered.of(&name, format!("There was no answer: {reason}.")));
                return document;
            }
        };
        document.status = Some(reply.status());
        document.milliseconds = u64::try_from(reply.took.as_millis()).ok();
        document.size = Some(reply.parts.body.len());
        document.header_size = Some(headers::size(&reply.parts.headers));
        if reply.took > SLOW {
            let message = format!("It took {:.1} seconds.", reply.took.as_secs_f64());
            findings.push(Ailment::Slow.of(&name, message));
        }
        if !reply.parts.status.is_success() {
            document.state = self.refusal(&name, &reply.parts, findings);
            return document;
        }
        headers::examine(&name, &reply.parts.headers, want, self.dialect, findings);
        document.state = match self.arrive(&name, &reply.parts, findings) {
            Err(state) => state,
            Ok(arrival) => {
                document.number = arrival.slot.number();
                document.issued = Some(arrival.window.from.to_string());
                document.until = Some(until(&arrival).to_string());
                let state = self.age(&name, &arrival, findings);
                document.body = arrival.body;
                state
            }
        };
        document
    }

    /// What an answer without a document means for clients.
    fn refusal(&self, name: &str, parts: &ResponseParts, findings: &mut Vec<Finding>) -> State {
        let status = parts.status.number();
        let said = parts
            .headers
            .find("Error-Message")
            .map(|text| format!(": {text}"));
        let message = format!("The status is {status}{}.", said.unwrap_or_default());
        let is_needed = self.asked.question.is_needed;
        match status {
            404 | 410 => {
                if is_needed {
                    findings.push(Ailment::Missing.of(name, message));
                }
                State::Absent
            }
            503 => {
                if !parts.body.is_empty() {
                    let message = format!("503 comes with a body of {} bytes.", parts.body.len());
                    findings.push(Ailment::BodyWithUnavailable.of(name, message));
                }
                findings.push(Ailment::Unavailable.of(name, message));
                State::Unavailable
            }
            300..=399 => {
                findings.push(Ailment::Redirected.of(name, message));
                State::Unavailable
            }
            _ => {
                findings.push(Ailment::UnexpectedStatus.of(name, message));
                State::Unavailable
            }
        }
    }

    /// The document as a service would take it.
    fn arrive(
        &self,
        name: &str,
        parts: &ResponseParts,
        findings: &mut Vec<Finding>,
    ) -> Result<Arrival, State> {
        let want = self.asked.question.want;
        let chain = match (want, headers::chain(&parts.headers, want)) {
            (Want::RootCaCrl, _) => self.root.unwrap_or_default().to_owned(),
            // Told already: there is nothing to verify by.
            (_, None | Some(Err(_))) => return Err(State::Refused),
            (_, Some(Ok(chain))) => chain,
        };
        let (body, chain) = (&parts.body[..], chain.as_bytes());
        let received = match want {
            Want::PckCrl(_) => Received::PckCrl {
                crl: body,
                issuer_chain: chain,
            },
            Want::RootCaCrl => Received::RootCaCrl {
                crl: body,
                root: chain,
            },
            _ => Received::Signed {
                document: body,
                issuer_chain: chain,
            },
        };
        let realm = &self.standard.realm;
        let arrival = arrival::receive(received, realm.anchors(), self.revoked, self.standard.at)
            .map_err(|refusal| {
            let code = refusal.code();
            findings.push(finding::refused(name, code, refusal.to_string()));
            match code {
                Code::DocumentExpired | Code::ChainExpired => State::Expired,
                _ => State::Refused,
            }
        })?;
        let anchor = arrival.anchor.public_key_sha256();
        if anchor != realm.anchor().public_key_sha256() {
            let (given, wanted) = (arrival.anchor.name(), realm.anchor().name());
            let message = format!("It is signed under {given}, not under {wanted}.");
            findings.push(finding::refused(name, Code::AnchorsDiffer, message));
            return Err(State::Refused);
        }
        if !want.is_met_by(arrival.slot) {
            let message = format!("{} was given.", arrival.slot);
            findings.push(Ailment::DocumentNotAsked.of(name, message));
            return Err(State::Refused);
        }
        findings.extend(arrival.notes.iter().map(|note| finding::noted(name, note)));
        Ok(arrival)
    }

    fn age(&self, name: &str, arrival: &Arrival, findings: &mut Vec<Finding>) -> State {
        let window = Window {
            from: arrival.window.from,
            until: until(arrival),
        };
        // When it was asked for is not known from here; it was not before it was issued.
        let age = Age {
            window,
            asked: window.from,
        };
        match age.freshness(self.standard.at, 0) {
            Freshness::Current => State::Current,
            Freshness::Due => State::Due,
            Freshness::Expired => State::Expired,
            Freshness::Overdue => {
                let message = format!(
                    "It was issued on {}, ends on {}, and no later issue is given.",
                    window.from, window.until
                );
                findings.push(Ailment::Overdue.of(name, message));
                State::Overdue
            }
        }
    }
}

fn until(arrival: &Arrival) -> Timestamp {
    arrival.window.until.min(arrival.chain_until)
}
