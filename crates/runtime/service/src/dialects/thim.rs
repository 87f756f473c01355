//! Azure's dialect (THIM) for SGX and TDX.

use std::sync::Arc;

use bulla_collateral::Series;
use bulla_pki::Timestamp;
use bulla_protocol::caching::CacheControl;
use bulla_protocol::pccs::{CrlForm, CrlTarget, Reason, Refusal, Version, cause};
use bulla_protocol::thim::{CrlPlace, LONGEST_AGE, PckCertificate, Request};
use bulla_protocol::value::Pem;
use bulla_store::fleet::{PckAnswer, PlatformId};

use super::certificate::certificate;
use super::document::{self, CLIENT_KEEPS, Form};
use super::pccs::refusal;
use super::written;
use crate::baselines::Followed;
use crate::fleet::{Fleet, NoCertificate, Wanted};
use crate::held::{Body, Held};
use crate::http::header::{AGE, CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use crate::http::{HeaderMap, Reply};
use crate::keeper::Keeper;
use crate::want::{self, Choice, Want};

static TCB_INFO: [HeaderName; 2] = [
    HeaderName::from_static("sgx-tcb-info-issuer-chain"),
    HeaderName::from_static("tcb-info-issuer-chain"),
];
static IDENTITY: [HeaderName; 1] = [HeaderName::from_static("sgx-enclave-identity-issuer-chain")];
static CRL: [HeaderName; 1] = [HeaderName::from_static("sgx-pck-crl-issuer-chain")];

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const PEM: HeaderValue = HeaderValue::from_static("application/x-pem-file");
const DER: HeaderValue = HeaderValue::from_static("application/pkix-crl");

/// Answers in Azure's dialect.
pub struct Thim {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
}

type Outcome = Result<Reply, Refusal>;

impl Thim {
    /// Answers from what `keeper` and `fleet` have.
    pub fn new(keeper: Arc<Keeper>, fleet: Arc<Fleet>) -> Self {
        Self { keeper, fleet }
    }

    /// Answers one request, of somebody who follows this.
    pub async fn respond(
        &self,
        request: Request<'_>,
        headers: &HeaderMap,
        followed: &Followed,
    ) -> Reply {
        let route = route(&request);
        let outcome = match request {
            Request::PckCertificate {
                qeid,
                cpusvn,
                pcesvn,
                pceid,
                encrypted_ppid,
                is_azures,
            } => {
                let wanted = Wanted {
                    id: PlatformId {
                        qe_id: qeid.as_str().to_owned(),
                        pce_id: pceid,
                    },
                    cpu_svn: cpusvn,
                    pce_svn: pcesvn,
                    encrypted_ppid,
                };
                self.pck_certificate(&wanted, is_azures).await
            }
            Request::PckCrl { ca, form } => {
                let want = Want::PckCrl(want::pck_ca(ca));
                self.document(want, &crl(form == CrlForm::Der), headers)
                    .await
            }
            Request::RootCaCrl => self.document(Want::RootCaCrl, &crl(false), headers).await,
            Request::Crl { place, der } => match self.published_at(&place) {
                Ok(want) => self.document(want, &crl(der), headers).await,
                Err(refusal) => Err(refusal),
            },
            Request::TcbInfo {
                tee,
                fmspc,
                version,
                selection,
            } => {
                let series = Series::TcbInfo {
                    id: want::tcb_info_id(tee),
                    fmspc: fmspc.0,
                    version,
                };
                let choice = followed.choice(series, Choice::from(selection));
                let form = json(&TCB_INFO);
                self.document(Want::Series(series, choice), &form, headers)
                    .await
            }
            Request::EnclaveIdentity { enclave, selection } => {
                let series = Series::EnclaveIdentity(want::enclave_id(enclave));
                let choice = followed.choice(series, Choice::from(selection));
                let form = json(&IDENTITY);
                self.document(Want::Series(series, choice), &form, headers)
                    .await
            }
        };
        let mut reply = outcome.unwrap_or_else(|refusal| written(route, refusal.write()));
        reply.route = route;
        reply
    }

    async fn document(&self, want: Want, form: &Form, headers: &HeaderMap) -> Outcome {
        let held = document::find(&self.keeper, want).await;
        let held = held.map_err(|absent| refusal::absent(Version::V4, &absent))?;
        let now = self.keeper.collection().now().at;
        let mut reply = document::answer("", &held, form, headers, now);
        // Azure's client does not count the age off what it may keep, so that it is not sent.
        reply.headers.remove(AGE);
        reply.headers.insert(CACHE_CONTROL, keeps(&held, now));
        Ok(reply)
    }

    /// A CRL of the vendor's, or the one whose place the root in force names.
    fn published_at(&self, place: &CrlPlace) -> Result<Want, Refusal> {
        match place {
            CrlPlace::Vendors(CrlTarget::RootCa) => Ok(Want::RootCaCrl),
            CrlPlace::Vendors(CrlTarget::Pck(ca)) => Ok(Want::PckCrl(want::pck_ca(*ca))),
            CrlPlace::Other(uri) => match self.keeper.collection().has_root_crl_at(uri) {
                true => Ok(Want::RootCaCrl),
                false => Err(Refusal::new(Reason::InvalidRequest)
                    .because("uri is not a distribution point of the vendor")),
            },
        }
    }

    async fn pck_certificate(&self, wanted: &Wanted, is_azures: bool) -> Outcome {
        let answer = self.fleet.certificate(wanted).await;
        let answer = answer.map_err(|error| no_certificate(&error))?;
        let reply = match is_azures {
            true => as_json(answer),
            false => certificate(answer),
        };
        reply.ok_or_else(|| {
            Refusal::new(Reason::Internal).because("the certificate cannot stand in an answer")
        })
    }
}

/// For how long a client may keep a document: until it ends, an hour at most, and never nothing, as
/// the client takes an answer without a time for none.
fn keeps(held: &Held, now: Timestamp) -> HeaderValue {
    let end = held.until().unix_seconds();
    let rest = end.saturating_sub(now.unix_seconds());
    let seconds = rest.clamp(1, CLIENT_KEEPS);
    HeaderValue::try_from(format!("max-age={seconds}"))
        .unwrap_or(HeaderValue::from_static("max-age=1"))
}

/// The certificate as Azure's client reads it; with the headers that Intel's, when it is set to ask
/// Azure, reads first.
fn as_json(answer: PckAnswer) -> Option<Reply> {
    let body = PckCertificate {
        certificate: Pem::new(answer.certificate.clone()).ok()?,
        tcbm: answer.tcbm,
        issuer_chain: Pem::new(answer.issuer_chain.clone()).ok()?,
        max_age: LONGEST_AGE,
    };
    let keeps = CacheControl::MaxAge(LONGEST_AGE).to_string();
    let reply = certificate(answer)?;
    Some(
        reply
            .with_header(CONTENT_TYPE, JSON)
            .with_header(CACHE_CONTROL, HeaderValue::try_from(keeps).ok()?)
            .with_body(body.write()),
    )
}

/// A platform that is not known is not there: 461 is a word of Intel's cache.
fn no_certificate(error: &NoCertificate) -> Refusal {
    match error {
        NoCertificate::PlatformUnknown => Refusal::new(Reason::NoCacheData)
            .coded(cause::PLATFORM_UNKNOWN)
            .because(&error.to_string()),
        _ => refusal::no_certificate(error),
    }
}

fn json(chain: &'static [HeaderName]) -> Form {
    Form::new(JSON, Body::AsReceived, chain)
}

fn crl(der: bool) -> Form {
    let (media_type, body) = match der {
        true => (DER, Body::AsReceived),
        false => (PEM, Body::Pem),
    };
    Form::new(media_type, body, &CRL)
}

fn route(request: &Request<'_>) -> &'static str {
    match request {
        Request::PckCertificate { .. } => "thim.pckcert",
        Request::PckCrl { .. } | Request::Crl { .. } => "thim.crl",
        Request::RootCaCrl => "thim.rootcacrl",
        Request::TcbInfo { .. } => "thim.tcb",
        Request::EnclaveIdentity { .. } => "thim.identity",
    }
}
