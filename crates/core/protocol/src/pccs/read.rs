//! Reading a request, after its route.

use std::str::FromStr;

use serde::Deserialize;

use crate::pcs::Selection;
use crate::value::{Fmspc, ValueError};

use super::crl_uri::ca;
use super::platform::Fields;
use super::query::{Query, missing};
use super::{
    CrlForm, CrlUri, MAX_COLLATERAL_BODY_SIZE, MAX_PLATFORM_BODY_SIZE, MAX_POLICY_BODY_SIZE,
    Operation, PlatformCollateral, QeId, Reason, Refresh, RefreshedDocuments, Refusal, Request,
    Route, Source, SubmittedPolicy, UpdateScope,
};

impl Route {
    /// Longest body of a request by this route, in bytes. Whoever receives bodies stops there;
    /// [`Route::request`] refuses what is longer.
    pub const fn max_body_size(self) -> usize {
        match self.operation {
            Operation::AddPlatform => MAX_PLATFORM_BODY_SIZE,
            Operation::PutCollateral => MAX_COLLATERAL_BODY_SIZE,
            Operation::PutAppraisalPolicy => MAX_POLICY_BODY_SIZE,
            // What the body of any other request says, does not count.
            _ => 0,
        }
    }

    /// Reads what follows the route: the query without its question mark, the header
    /// `Content-Type`, the body. To be called after the client was found to have
    /// [access](Self::access).
    ///
    /// The body counts for [`Operation::AddPlatform`], [`Operation::PutCollateral`] and
    /// [`Operation::PutAppraisalPolicy`] alone, and must be JSON there.
    pub fn request<'a>(
        self,
        query: &'a str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Request<'a>, Refusal> {
        self.read_request(query, content_type, body)
            .map_err(|refusal| refusal.version(self.version))
    }

    fn read_request<'a>(
        self,
        query: &'a str,
        content_type: Option<&str>,
        body: &[u8],
    ) -> Result<Request<'a>, Refusal> {
        let query = Query::new(query)?;
        match self.operation {
            Operation::PckCertificate => Ok(Request::PckCertificate {
                qeid: qeid(query)?,
                cpusvn: query.required("cpusvn")?,
                pcesvn: query.required("pcesvn")?,
                pceid: query.required("pceid")?,
                encrypted_ppid: query.optional("encrypted_ppid")?.map(Box::new),
            }),
            Operation::PckCrl => {
                let name = query.find("ca")?.ok_or_else(|| missing("ca"))?;
                Ok(Request::PckCrl {
                    ca: ca(&name)
                        .ok_or_else(|| Refusal::invalid("ca is not processor or platform"))?,
                    form: form(query)?,
                })
            }
            Operation::TcbInfo(tee) => Ok(Request::TcbInfo {
                tee,
                fmspc: query.required("fmspc")?,
                selection: selection(query)?,
            }),
            Operation::EnclaveIdentity(enclave) => Ok(Request::EnclaveIdentity {
                enclave,
                selection: selection(query)?,
            }),
            Operation::RootCaCrl => Ok(Request::RootCaCrl),
            Operation::Crl => {
                let text = query.find("uri")?.ok_or_else(|| missing("uri"))?;
                CrlUri::new(text)
                    .map(Request::Crl)
                    .ok_or_else(|| Refusal::invalid("uri is no URI, or too long"))
            }
            Operation::AddPlatform => {
                let update: Option<UpdateScope> = query.optional("update")?;
                let fields: Fields = json(self.body(content_type, body)?)?;
                Ok(Request::AddPlatform {
                    platform: Box::new(fields.registered()?),
                    update: update.unwrap_or_default(),
                })
            }
            Operation::Platforms => source(query).map(Request::Platforms),
            Operation::PutCollateral => {
                let body = self.body(content_type, body)?;
                let collateral = PlatformCollateral::read(self.version, body)?;
                Ok(Request::PutCollateral(Box::new(collateral)))
            }
            Operation::Refresh => refresh(query).map(Request::Refresh),
            Operation::PutAppraisalPolicy => SubmittedPolicy::read(self.body(content_type, body)?)
                .map(Request::PutAppraisalPolicy),
            Operation::AppraisalPolicy => Ok(Request::AppraisalPolicy(query.required("fmspc")?)),
        }
    }

    fn body<'b>(self, content_type: Option<&str>, body: &'b [u8]) -> Result<&'b [u8], Refusal> {
        let limit = self.max_body_size();
        if body.len() > limit {
            let problem = format!("the body has {} bytes (at most {limit})", body.len());
            return Err(Refusal::new(Reason::ContentTooLarge).because(&problem));
        }
        let media_type = content_type.and_then(|text| text.split(';').next());
        match media_type {
            Some(text) if text.trim().eq_ignore_ascii_case("application/json") => Ok(body),
            _ => Err(Refusal::invalid("Content-Type is not application/json")),
        }
    }
}

/// A JSON object of the expected form.
pub(super) fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Refusal> {
    // serde would read an array as the fields in their order.
    if !body.trim_ascii_start().starts_with(b"{") {
        return Err(Refusal::invalid("the body does not begin with a brace"));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::invalid(&format!("the body: {error}")))
}

pub(crate) fn qeid<'a>(query: Query<'a>) -> Result<QeId<'a>, Refusal> {
    let text = query.find("qeid")?.ok_or_else(|| missing("qeid"))?;
    QeId::new(text).map_err(|problem| Refusal::invalid(&format!("the parameter qeid: {problem}")))
}

pub(crate) fn form(query: Query<'_>) -> Result<CrlForm, Refusal> {
    let der = query
        .find("encoding")?
        .is_some_and(|text| text.eq_ignore_ascii_case("der"));
    Ok(if der { CrlForm::Der } else { CrlForm::Hex })
}

pub(crate) fn selection(query: Query<'_>) -> Result<Selection, Refusal> {
    let update: Option<UpdateScope> = query.optional("update")?;
    let number: Option<Number> = query.optional("tcbEvaluationDataNumber")?;
    match (update, number) {
        (None, None) | (Some(UpdateScope::Standard), None) => Ok(Selection::Standard),
        (Some(UpdateScope::Early), None) => Ok(Selection::Early),
        (None, Some(Number(number))) => Ok(Selection::Number(number)),
        (Some(UpdateScope::All), None) => Err(Refusal::invalid(
            "the parameter update: one set is served at a time",
        )),
        (Some(_), Some(_)) => Err(Refusal::invalid(
            "update and tcbEvaluationDataNumber exclude each other",
        )),
    }
}

impl FromStr for UpdateScope {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        [Self::Standard, Self::Early, Self::All]
            .into_iter()
            .find(|scope| scope.as_str().eq_ignore_ascii_case(text))
            .ok_or(ValueError::Word("standard, early, all"))
    }
}

/// A value of `tcbEvaluationDataNumber`.
struct Number(u32);

impl FromStr for Number {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ValueError::Number);
        }
        Ok(Self(text.parse().unwrap_or(u32::MAX)))
    }
}

fn source(query: Query<'_>) -> Result<Source, Refusal> {
    let Some(text) = query.find("source")? else {
        return Ok(Source::Waiting);
    };
    match &*text {
        "reg" => Ok(Source::Waiting),
        "reg_na" => Ok(Source::NotAvailable),
        "[]" => Ok(Source::Cached(Vec::new())),
        list => list
            .strip_prefix('[')
            .and_then(|list| list.strip_suffix(']'))
            .and_then(fmspcs)
            .map(Source::Cached)
            .ok_or_else(|| Refusal::invalid("source is not reg, reg_na or a list like [F1,F2]")),
    }
}

fn refresh(query: Query<'_>) -> Result<Refresh, Refusal> {
    let documents = match query.find("type")?.as_deref() {
        None => RefreshedDocuments::Collateral,
        Some(text) if text.eq_ignore_ascii_case("certs") => RefreshedDocuments::PckCertificates,
        Some(_) => return Err(Refusal::invalid("type is not certs")),
    };
    let list = query.find("fmspc")?;
    let fmspcs = match list.as_deref() {
        None | Some("") => Vec::new(),
        Some(text) if text.eq_ignore_ascii_case("all") => Vec::new(),
        Some(list) => fmspcs(list)
            .ok_or_else(|| Refusal::invalid("fmspc is not all, or a list like F1,F2"))?,
    };
    Ok(Refresh { documents, fmspcs })
}

fn fmspcs(list: &str) -> Option<Vec<Fmspc>> {
    list.split(',').map(|text| text.parse().ok()).collect()
}
