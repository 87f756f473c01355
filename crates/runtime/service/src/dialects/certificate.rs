//! A PCK certificate as an answer, as Intel's cache writes it.

use bulla_collateral::PckCa;
use bulla_store::fleet::PckAnswer;

use crate::http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use crate::http::{HeaderMap, Reply, StatusCode};

const PCK_CHAIN: HeaderName = HeaderName::from_static("sgx-pck-certificate-issuer-chain");
const TCBM: HeaderName = HeaderName::from_static("sgx-tcbm");
const FMSPC: HeaderName = HeaderName::from_static("sgx-fmspc");
const CA_TYPE: HeaderName = HeaderName::from_static("sgx-pck-certificate-ca-type");

const PEM: HeaderValue = HeaderValue::from_static("application/x-pem-file");

/// The certificate in PEM, and in headers its chain and what it is for; absent if HTTP cannot carry it.
pub(super) fn certificate(answer: PckAnswer) -> Option<Reply> {
    let chain = str::from_utf8(&answer.issuer_chain).ok()?;
    let chain = bulla_protocol::percent::encode(chain);
    let mut headers = HeaderMap::with_capacity(6);
    headers.insert(CONTENT_TYPE, PEM);
    headers.insert(TCBM, HeaderValue::try_from(answer.tcbm.to_string()).ok()?);
    headers.insert(FMSPC, HeaderValue::try_from(answer.fmspc.to_string()).ok()?);
    let ca = match answer.ca {
        PckCa::Processor => "PROCESSOR",
        PckCa::Platform => "PLATFORM",
    };
    headers.insert(CA_TYPE, HeaderValue::from_static(ca));
    headers.insert(PCK_CHAIN, HeaderValue::try_from(chain).ok()?);
    Some(Reply {
        status: StatusCode::OK,
        headers,
        body: answer.certificate.into(),
        route: "",
        outcome: "",
    })
}
