//! The dialect of Intel's cache (PCCS v3 and v4).

mod collateral;
pub(super) mod refusal;
mod upkeep;

use std::sync::Arc;

use crate::http::header::{HeaderName, HeaderValue, WARNING};
use crate::http::{HeaderMap, Reply};
use bulla_collateral::Series;
use bulla_protocol::pccs::{Answer, CrlForm, CrlTarget, CrlUri, Reason, Refusal, Request, Version};
use bulla_protocol::pcs::Tee;
use bulla_protocol::value::Fmspc;
use bulla_store::Audit as _;
use bulla_store::audit::Event;
use bulla_store::fleet::PlatformId;

use super::certificate::certificate;
use super::document::{self, Form};
use super::written;
use crate::baselines::Followed;
use crate::fleet::{Fleet, Wanted};
use crate::held::Body;
use crate::intake::Intake;
use crate::keeper::Keeper;
use crate::refresh::Refresh;
use crate::want::{self, Choice, Want};

static TCB_INFO: [HeaderName; 2] = [
    HeaderName::from_static("tcb-info-issuer-chain"),
    HeaderName::from_static("sgx-tcb-info-issuer-chain"),
];
static TCB_INFO_V3: [HeaderName; 1] = [HeaderName::from_static("sgx-tcb-info-issuer-chain")];
static IDENTITY: [HeaderName; 1] = [HeaderName::from_static("sgx-enclave-identity-issuer-chain")];
static PCK_CRL: [HeaderName; 1] = [HeaderName::from_static("sgx-pck-crl-issuer-chain")];

const JSON: HeaderValue = HeaderValue::from_static("application/json; charset=utf-8");
const PEM_UTF8: HeaderValue = HeaderValue::from_static("application/x-pem-file; charset=utf-8");
const CRL: HeaderValue = HeaderValue::from_static("application/pkix-crl");
const CRL_UTF8: HeaderValue = HeaderValue::from_static("application/pkix-crl; charset=utf-8");

/// What answers of version 3 warn of.
const VERSION_3: HeaderValue = HeaderValue::from_static(
    "299 - \"PCS API version 3 is no longer available. Cached collateral downloaded from API \
     version 3 is deprecated, will not be refreshed, and may expire. Please migrate to API \
     version 4.\"",
);

/// Answers in the dialect of Intel's cache.
pub struct Pccs {
    keeper: Arc<Keeper>,
    fleet: Arc<Fleet>,
    refresh: Arc<Refresh>,
    intake: Intake,
}

/// What is answered to one request.
type Outcome = Result<Reply, Refusal>;

impl Pccs {
    /// Answers from what `fleet` and the documents that `refresh` keeps current have.
    pub fn new(fleet: Arc<Fleet>, refresh: Arc<Refresh>) -> Self {
        let keeper = Arc::clone(refresh.keeper());
        Self {
            intake: Intake::new(Arc::clone(&keeper), Arc::clone(&fleet)),
            keeper,
            fleet,
            refresh,
        }
    }

    /// Answers one request, of somebody who may make it and follows this.
    pub async fn respond(
        &self,
        version: Version,
        request: Request<'_>,
        headers: &HeaderMap,
        followed: &Followed,
    ) -> Reply {
        let route = route(&request);
        let outcome = match request {
            Request::TcbInfo {
                tee,
                fmspc,
                selection,
            } => {
                let (series, form) = tcb_info(version, tee, fmspc);
                let choice = followed.choice(series, Choice::from(selection));
                let want = Want::Series(series, choice);
                self.document(version, want, &form, headers).await
            }
            Request::EnclaveIdentity { enclave, selection } => {
                let series = Series::EnclaveIdentity(want::enclave_id(enclave));
                let choice = followed.choice(series, Choice::from(selection));
                let want = Want::Series(series, choice);
                let form = Form::new(JSON, Body::AsReceived, &IDENTITY);
                self.document(version, want, &form, headers).await
            }
            Request::PckCrl { ca, form: encoding } => {
                let form = match encoding {
                    CrlForm::Hex => Form::new(PEM_UTF8, Body::Hex, &PCK_CRL),
                    CrlForm::Der => Form::new(CRL, Body::AsReceived, &PCK_CRL),
                };
                let want = Want::PckCrl(want::pck_ca(ca));
                self.document(version, want, &form, headers).await
            }
            Request::RootCaCrl => {
                let form = Form::new(CRL_UTF8, Body::Hex, &[]);
                self.document(version, Want::RootCaCrl, &form, headers)
                    .await
            }
            Request::Crl(uri) => self.crl(version, &uri, headers).await,
            Request::PckCertificate {
                qeid,
                cpusvn,
                pcesvn,
                pceid,
                encrypted_ppid,
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
                self.pck_certificate(&wanted).await
            }
            other => {
                let answer = self.upkeep(version, other).await;
                answer.map(|answer| written(route, answer.write(version)))
            }
        };
        let mut response = match outcome {
            Ok(response) => response,
            Err(refusal) => written(route, refusal.version(version).write()),
        };
        if version == Version::V3 {
            // A document that has ended says so as well.
            let mut warnings = response.headers.get_all(WARNING).iter();
            if !warnings.any(|warning| warning == VERSION_3) {
                response.headers.append(WARNING, VERSION_3);
            }
        }
        response.route = route;
        response
    }

    /// Notes in the audit what an administrator asked for and how it ended. That it cannot be noted
    /// is told in the log; what was done is done.
    pub fn note(&self, actor: &str, reply: &Reply) {
        let collection = self.keeper.collection();
        let noted = collection.store().record(&Event {
            at: collection.now().at,
            actor: actor.to_owned(),
            action: reply.route.to_owned(),
            subject: String::new(),
            details: serde_json::json!({ "status": reply.status.as_u16() }).to_string(),
        });
        if let Err(error) = noted {
            tracing::error!(%error, action = reply.route, "the audit cannot be written");
        }
    }

    /// What is not asked by every client, and written by the grammar.
    async fn upkeep(&self, version: Version, request: Request<'_>) -> Result<Answer, Refusal> {
        match request {
            Request::AddPlatform { platform, update } => self.add_platform(&platform, update).await,
            Request::Platforms(source) => self.platforms(&source),
            Request::PutCollateral(collateral) => self.put(version, *collateral).await,
            Request::Refresh(refresh) => self.renew(&refresh).await,
            Request::PutAppraisalPolicy(policy) => self.put_policy(&policy),
            Request::AppraisalPolicy(fmspc) => self.policy(fmspc),
            _ => Err(Refusal::new(Reason::Internal)),
        }
    }

    async fn document(
        &self,
        version: Version,
        want: Want,
        form: &Form,
        headers: &HeaderMap,
    ) -> Outcome {
        let held = document::find(&self.keeper, want).await;
        let held = held.map_err(|absent| refusal::absent(version, &absent))?;
        let now = self.keeper.collection().now().at;
        Ok(document::answer("", &held, form, headers, now))
    }

    /// A CRL by the place where its issuer says that it is published: one of the vendor's, or the
    /// one that the root in force names.
    async fn crl(&self, version: Version, uri: &CrlUri<'_>, headers: &HeaderMap) -> Outcome {
        let want = match uri.of_vendor() {
            Some(CrlTarget::RootCa) => Want::RootCaCrl,
            Some(CrlTarget::Pck(ca)) => Want::PckCrl(want::pck_ca(ca)),
            None if self.keeper.collection().has_root_crl_at(uri.as_str()) => Want::RootCaCrl,
            None => {
                return Err(Refusal::new(Reason::InvalidRequest)
                    .because("uri is not a distribution point of the vendor"));
            }
        };
        let form = Form::new(CRL, Body::AsReceived, &[]);
        self.document(version, want, &form, headers).await
    }

    async fn pck_certificate(&self, wanted: &Wanted) -> Outcome {
        let answer = self.fleet.certificate(wanted).await;
        let answer = answer.map_err(|error| refusal::no_certificate(&error))?;
        certificate(answer).ok_or_else(|| {
            Refusal::new(Reason::Internal).because("the certificate cannot stand in an answer")
        })
    }
}

/// TCB info and its form. Version 3 has one of its own, which the vendor no longer issues: what was
/// brought is served while it lasts.
fn tcb_info(version: Version, tee: Tee, fmspc: Fmspc) -> (Series, Form) {
    let (number, chain) = match version {
        Version::V3 => (2, TCB_INFO_V3.as_slice()),
        Version::V4 => (3, TCB_INFO.as_slice()),
    };
    let series = Series::TcbInfo {
        id: want::tcb_info_id(tee),
        fmspc: fmspc.0,
        version: number,
    };
    (series, Form::new(JSON, Body::AsReceived, chain))
}

fn route(request: &Request<'_>) -> &'static str {
    match request {
        Request::PckCertificate { .. } => "pccs.pckcert",
        Request::PckCrl { .. } => "pccs.pckcrl",
        Request::TcbInfo { .. } => "pccs.tcb",
        Request::EnclaveIdentity { .. } => "pccs.identity",
        Request::RootCaCrl => "pccs.rootcacrl",
        Request::Crl(_) => "pccs.crl",
        Request::AddPlatform { .. } => "pccs.platforms_add",
        Request::Platforms(_) => "pccs.platforms_list",
        Request::PutCollateral(_) => "pccs.platformcollateral",
        Request::Refresh(_) => "pccs.refresh",
        Request::PutAppraisalPolicy(_) => "pccs.appraisalpolicy_put",
        Request::AppraisalPolicy(_) => "pccs.appraisalpolicy",
    }
}
