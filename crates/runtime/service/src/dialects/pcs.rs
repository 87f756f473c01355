//! The vendor's own dialect (PCS v4), so that bulla can stand in for the vendor and one bulla be
//! the upstream of another.

use std::sync::Arc;

use crate::http::header::{HeaderName, HeaderValue};
use crate::http::{HeaderMap, Reply};
use bulla_collateral::Series;
use bulla_protocol::pcs::{self, Answer, CrlEncoding, Refusal, Request, RequestError};
use bulla_protocol::value::HeaderText;
use bulla_protocol::wire::{RequestParts, ResponseParts, Status};
use bulla_upstream::{Failure, Supplied};

use super::document::{self, Form};
use super::written;
use crate::baselines::Followed;
use crate::fleet::{Fleet, NoCertificate};
use crate::held::Body;
use crate::keeper::{Absent, COME_AGAIN, Keeper, Mode, TOO_MUCH_IN_VAIN};
use crate::want::{self, Choice, Want};

static TCB_INFO: [HeaderName; 2] = [
    HeaderName::from_static("tcb-info-issuer-chain"),
    HeaderName::from_static("sgx-tcb-info-issuer-chain"),
];
static IDENTITY: [HeaderName; 1] = [HeaderName::from_static("sgx-enclave-identity-issuer-chain")];
static NUMBERS: [HeaderName; 1] = [HeaderName::from_static(
    "tcb-evaluation-data-numbers-issuer-chain",
)];
static PCK_CRL: [HeaderName; 1] = [HeaderName::from_static("sgx-pck-crl-issuer-chain")];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PEM: HeaderValue = HeaderValue::from_static("application/x-pem-file");
const CRL: HeaderValue = HeaderValue::from_static("application/pkix-crl");

/// Answers in the vendor's dialect.
pub struct Pcs {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
}

impl Pcs {
    /// Answers from what `keeper` and `fleet` have.
    pub fn new(keeper: Arc<Keeper>, fleet: Arc<Fleet>) -> Self {
        Self { keeper, fleet }
    }

    /// Answers one request, whose path has no base path any more, of somebody who follows this.
    pub async fn respond(
        &self,
        parts: RequestParts,
        headers: &HeaderMap,
        followed: &Followed,
    ) -> Reply {
        let request = match Request::read(parts) {
            Ok(request) => request,
            Err(error) => return unreadable(&error),
        };
        let route = route(&request);
        let wanted = match &request {
            Request::TcbInfo {
                tee,
                fmspc,
                selection,
            } => {
                let series = Series::TcbInfo {
                    id: want::tcb_info_id(*tee),
                    fmspc: fmspc.0,
                    version: 3,
                };
                let form = Form::new(JSON, Body::AsReceived, &TCB_INFO);
                (
                    Want::Series(series, followed.choice(series, Choice::from(*selection))),
                    form,
                )
            }
            Request::EnclaveIdentity { enclave, selection } => {
                let series = Series::EnclaveIdentity(want::enclave_id(*enclave));
                let form = Form::new(JSON, Body::AsReceived, &IDENTITY);
                (
                    Want::Series(series, followed.choice(series, Choice::from(*selection))),
                    form,
                )
            }
            Request::EvaluationDataNumbers(tee) => {
                let want = Want::EvaluationDataNumbers(want::tcb_info_id(*tee));
                (want, Form::new(JSON, Body::AsReceived, &NUMBERS))
            }
            Request::PckCrl { ca, encoding } => {
                let want = Want::PckCrl(want::pck_ca(*ca));
                (want, crl_form(*encoding, &PCK_CRL))
            }
            Request::RootCaCrl(file) => (Want::RootCaCrl, crl_form(file.encoding(), &[])),
            Request::PckCertificate { .. }
            | Request::PckCertificates { .. }
            | Request::PckCertificatesConfig { .. }
            | Request::Fmspcs(_)
            | Request::RegisterPlatform(_)
            | Request::AddPackage { .. } => return self.pass_on(route, &request).await,
        };
        let (want, form) = wanted;
        match document::find(&self.keeper, want).await {
            Ok(held) => {
                let now = self.keeper.collection().now().at;
                document::answer(route, &held, &form, headers, now)
            }
            Err(absent) => refused(route, refusal(&absent)),
        }
    }

    /// What only the vendor can answer: by an encrypted PPID, which is another text each time it
    /// is encrypted, nothing can be found again here. Certificates are verified on their way.
    async fn pass_on(&self, route: &'static str, request: &Request) -> Reply {
        let may_ask = match self.keeper.mode() {
            Mode::Lazy => true,
            Mode::Req => is_registration(request),
            Mode::Offline => false,
        };
        if !may_ask {
            let message = "upstreams are not asked in this mode";
            return refused(
                route,
                Refusal::new(Status::NOT_FOUND).because(said(message)),
            );
        }
        if let Err(wait) = self.keeper.measure() {
            let refusal = Refusal::new(Status::SERVICE_UNAVAILABLE).because(said(TOO_MUCH_IN_VAIN));
            return refused(route, refusal.retry_after(wait));
        }
        let supplied = self
            .keeper
            .upstreams()
            .ask(request, |supplied| self.examine(request, supplied))
            .await;
        match supplied {
            Ok(answer) => {
                // The list of families is there for whoever asks, as often as he likes.
                if !matches!(answer, Answer::Fmspcs(_)) {
                    self.keeper.was_not_in_vain();
                }
                written(route, response(Ok(answer)))
            }
            Err(failure) => refused(route, failed(&failure)),
        }
    }

    fn examine(&self, request: &Request, supplied: Supplied) -> Result<Answer, String> {
        match &supplied.answer {
            Answer::PckCertificate { .. } | Answer::PckCertificates { .. } => {
                let checked: Result<(), NoCertificate> =
                    self.fleet.check_answer(request, &supplied);
                checked.map_err(|error| error.to_string())?;
                Ok(supplied.answer)
            }
            Answer::Fmspcs(_) | Answer::PlatformRegistered(_) | Answer::PackageAdded(_) => {
                Ok(supplied.answer)
            }
            _ => Err("the answer is not what was asked for".to_owned()),
        }
    }
}

fn is_registration(request: &Request) -> bool {
    matches!(
        request,
        Request::RegisterPlatform(_) | Request::AddPackage { .. }
    )
}

fn route(request: &Request) -> &'static str {
    match request {
        Request::PckCertificate { .. } => "pcs.pckcert",
        Request::PckCertificates { .. } => "pcs.pckcerts",
        Request::PckCertificatesConfig { .. } => "pcs.pckcerts_config",
        Request::PckCrl { .. } => "pcs.pckcrl",
        Request::TcbInfo { .. } => "pcs.tcb",
        Request::EnclaveIdentity { .. } => "pcs.identity",
        Request::Fmspcs(_) => "pcs.fmspcs",
        Request::EvaluationDataNumbers(_) => "pcs.tcbevaluationdatanumbers",
        Request::RegisterPlatform(_) => "pcs.register",
        Request::AddPackage { .. } => "pcs.package",
        Request::RootCaCrl(_) => "pcs.rootcacrl",
    }
}

fn crl_form(encoding: CrlEncoding, chain: &'static [HeaderName]) -> Form {
    match encoding {
        CrlEncoding::Pem => Form::new(PEM, Body::Pem, chain),
        CrlEncoding::Der => Form::new(CRL, Body::AsReceived, chain),
    }
}

fn refusal(absent: &Absent) -> Refusal {
    let message = said(&absent.to_string());
    match absent {
        Absent::Missing(_) => Refusal::new(Status::NOT_FOUND).because(message),
        Absent::Gone(_) => Refusal::new(Status::GONE).because(message),
        Absent::Expired { retry_after, .. } | Absent::Unavailable { retry_after, .. } => {
            Refusal::new(Status::SERVICE_UNAVAILABLE)
                .because(message)
                .retry_after(*retry_after)
        }
    }
}

fn failed(failure: &Failure) -> Refusal {
    let message = said(&failure.to_string());
    match failure {
        Failure::NotFound {
            error_code: Some(code),
            ..
        } => Refusal::new(Status::BAD_REQUEST)
            .because(message)
            .coded(code.clone()),
        Failure::NotFound { .. } => Refusal::new(Status::NOT_FOUND).because(message),
        Failure::Gone { .. } => Refusal::new(Status::GONE).because(message),
        Failure::Unavailable { retry_after, .. } => Refusal::new(Status::SERVICE_UNAVAILABLE)
            .because(message)
            .retry_after(retry_after.unwrap_or(COME_AGAIN)),
        _ => Refusal::new(Status::SERVICE_UNAVAILABLE)
            .because(message)
            .retry_after(COME_AGAIN),
    }
}

fn unreadable(error: &RequestError) -> Reply {
    refused("pcs.unreadable", error.refusal())
}

fn refused(route: &'static str, refusal: Refusal) -> Reply {
    written(route, response(Err(refusal)))
}

/// On the wire; the front names the exchange.
fn response(outcome: Result<Answer, Refusal>) -> ResponseParts {
    let response = pcs::Response {
        request_id: None,
        warning: None,
        outcome,
    };
    response.write()
}

fn said(message: &str) -> HeaderText {
    HeaderText::sanitised(message)
}
