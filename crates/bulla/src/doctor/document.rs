//! One document after the other: whether it came, holds by itself, and is fresh.

use bulla_collateral::Slot;
use bulla_pki::{Timestamp, Window};
use bulla_protocol::wire::ResponseParts;
use bulla_service::freshness::{Age, Freshness};
use bulla_service::want::Want;
use bulla_verifier::Code;
use bulla_verifier::arrival::{self, Arrival, Received, Refusal, RevocationList};
use serde::Serialize;

use super::finding::{self, Ailment, Finding};
use super::plan::Dialect;
use super::site::Asked;
use super::{Standard, headers, root};

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
    /// What it is, and when it was issued; absent where it is not genuine.
    #[serde(skip)]
    pub(super) issue: Option<(Slot, Timestamp)>,
    #[serde(skip)]
    pub(super) body: Vec<u8>,
}

pub(super) fn examine_all(
    asked: &[Asked<'_>],
    standard: &Standard,
    dialect: Dialect,
    findings: &mut Vec<Finding>,
) -> Vec<Document> {
    let roots = root::certificates(asked, standard.realm.anchor());
    let revoked = revocations(asked, &roots, standard);
    asked
        .iter()
        .map(|one| {
            let examination = Examination {
                asked: one,
                roots: &roots,
                revoked: revoked.as_ref(),
                standard,
                dialect,
            };
            examination.run(findings)
        })
        .collect()
}

/// Whom the root has revoked, if that came and holds: every other document is held against it.
fn revocations(
    asked: &[Asked<'_>],
    roots: &[Vec<u8>],
    standard: &Standard,
) -> Option<RevocationList> {
    let list = asked
        .iter()
        .find(|one| one.question.want == Want::RootCaCrl)?;
    let crl = &list.reply.as_ref().ok()?.parts.body;
    root_ca_crl(crl, roots, standard)?.ok()?.revocations
}

/// The root's CRL, by the first certificate of the root that it holds by; absent where there is no
/// such certificate.
fn root_ca_crl(
    crl: &[u8],
    roots: &[Vec<u8>],
    standard: &Standard,
) -> Option<Result<Arrival, Refusal>> {
    let anchors = standard.realm.anchors();
    let mut arrivals = roots.iter().map(|root| {
        let received = Received::RootCaCrl { crl, root };
        arrival::receive(received, anchors, None, standard.at)
    });
    let first = arrivals.next()?;
    match first {
        Ok(_) => Some(first),
        Err(_) => Some(arrivals.find(Result::is_ok).unwrap_or(first)),
    }
}

struct Examination<'a> {
    asked: &'a Asked<'a>,
    roots: &'a [Vec<u8>],
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
            issue: None,
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
        if reply.took > self.standard.slow_after {
            let (took, limit) = (reply.took, self.standard.slow_after);
            let message = format!(
                "It took {} ms, more than {} ms.",
                took.as_millis(),
                limit.as_millis()
            );
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
                document.issue = Some((arrival.slot, arrival.window.from));
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
        let realm = &self.standard.realm;
        let body = &parts.body[..];
        let received = match want {
            Want::RootCaCrl => root_ca_crl(body, self.roots, self.standard).ok_or_else(|| {
                let message = format!(
                    "No answer came with the root {}, by which this is checked.",
                    realm.anchor().name()
                );
                findings.push(finding::refused(name, Code::RootUntrusted, message));
                State::Refused
            })?,
            _ => {
                // What is missing, or no chain, was told with the headers.
                let chain = headers::chain(&parts.headers, want);
                let chain = chain.and_then(Result::ok).ok_or(State::Refused)?;
                let issuer_chain = chain.as_bytes();
                let received = match want {
                    Want::PckCrl(_) => Received::PckCrl {
                        crl: body,
                        issuer_chain,
                    },
                    _ => Received::Signed {
                        document: body,
                        issuer_chain,
                    },
                };
                arrival::receive(received, realm.anchors(), self.revoked, self.standard.at)
            }
        };
        let arrival = received.map_err(|refusal| {
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
            // One of a root is followed by the next shortly before its end alone.
            Freshness::Due if self.asked.question.want == Want::RootCaCrl => State::Current,
            Freshness::Due => {
                let message = format!(
                    "It was issued on {}, has been due since {}, and ends on {}.",
                    window.from,
                    age.due(0),
                    window.until
                );
                findings.push(Ailment::Due.of(name, message));
                State::Due
            }
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
