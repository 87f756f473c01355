//! Fortanix' `dcap-artifact-retrieval` and `pcs`: how requests are carried, and what their types say.

use std::time::Duration;

use dcap_artifact_retrieval::{
    Error, Fetcher, IntelProvisioningClientBuilder, PccsProvisioningClientBuilder, PcsVersion,
    ProvisioningClient, StatusCode,
};
use pcs::{Fmspc, PckID};
use serde_json::Value;

use crate::PlatformRequest;

/// For how long it asks again, far longer than anything is unavailable.
const PATIENCE: Duration = Duration::from_secs(20);

/// It knows advisories by their form, and takes no other.
pub const ADVISORY: &str = "INTEL-SA-99999";

/// Carries its requests; those that name the vendor's own hosts, elsewhere.
struct Detour {
    to: String,
    /// Where the root's CRL is, without the ending of the file.
    root: String,
    client: reqwest::blocking::Client,
}

impl Detour {
    fn new(to: &str, root: &str) -> Self {
        Self {
            to: to.to_owned(),
            root: root.to_owned(),
            client: reqwest::blocking::Client::new(),
        }
    }
}

impl Fetcher<'_> for Detour {
    type Request = reqwest::blocking::RequestBuilder;
    type Response = reqwest::blocking::Response;

    fn build_request(
        &self,
        url: &String,
        headers: Vec<(String, String)>,
    ) -> Result<Self::Request, Error> {
        let root = "https://certificates.trustedservices.intel.com/IntelSGXRootCA";
        let url = url
            .replace("https://api.trustedservices.intel.com", &self.to)
            .replace(root, &self.root);
        assert!(url.starts_with(&self.to), "{url}");
        let request = self.client.get(url);
        Ok(headers.into_iter().fold(request, |request, (name, value)| {
            request.header(name, value)
        }))
    }

    fn send(&self, request: Self::Request) -> Result<(StatusCode, Self::Response), Error> {
        let response = request.send().map_err(|error| error.to_string())?;
        let status = StatusCode::try_from(response.status().as_u16());
        Ok((status.map_err(|error| error.to_string())?, response))
    }

    fn parse_response(
        &self,
        response: Self::Response,
    ) -> Result<(String, Vec<(String, String)>), Error> {
        let headers = response.headers().iter().map(|(name, value)| {
            let value = value.to_str().expect("ASCII");
            (name.to_string(), value.to_owned())
        });
        let headers = headers.collect();
        let body = response.text().map_err(|error| error.to_string())?;
        Ok((body, headers))
    }
}

/// Its client for the vendor's interface, with the one at the address `to`; the root's CRL is at the
/// address `root`, which lacks the ending of the file.
pub fn intel_client(to: &str, root: &str) -> impl ProvisioningClient + use<> {
    IntelProvisioningClientBuilder::new(PcsVersion::V4)
        .set_retry_timeout(PATIENCE)
        .build(Detour::new(to, root))
}

/// Its client for caches, with one that is at this address.
pub fn cache_client(url: &str, version: PcsVersion) -> impl ProvisioningClient + use<> {
    PccsProvisioningClientBuilder::new(version, url.to_owned())
        .set_retry_timeout(PATIENCE)
        .build(Detour::new(url, ""))
}

/// Its FMSPC.
pub fn fmspc(request: &PlatformRequest) -> Fmspc {
    Fmspc::try_from(request.fmspc.as_str()).expect("an FMSPC")
}

/// What names it where its certificates are asked for.
pub fn pck_id(request: &PlatformRequest) -> PckID {
    let octets = |digits: &str| hex::decode(digits).expect("digits");
    let number = |digits: &str| u16::from_le_bytes(octets(digits).try_into().expect("two bytes"));
    PckID {
        enc_ppid: octets(&request.encrypted_ppid),
        pce_id: number(&request.pceid),
        cpu_svn: octets(&request.cpusvn).try_into().expect("16 bytes"),
        pce_isvsvn: number(&request.pcesvn),
        qe_id: octets(&request.qe_id).try_into().expect("16 bytes"),
    }
}

/// Certificates as it keeps them, put together as the vendor writes them.
pub fn joined(chain: &[String]) -> String {
    chain
        .iter()
        .map(|pem| format!("{}\n", pem.trim()))
        .collect()
}

/// CPUSVN and PCESVN of the levels of TCB info that the vendor wrote.
pub fn levels(collateral: &Value) -> Vec<([u8; 16], u16)> {
    let text = collateral["tcb_info"].as_str().expect("a text");
    let info: Value = serde_json::from_str(text).expect("JSON");
    let levels = info["tcbLevels"].as_array().expect("a list").iter();
    let number = |value: &Value| u16::try_from(value.as_u64().expect("a number"));
    let levels = levels.map(|level| {
        let tcb = &level["tcb"];
        let svn = |at: usize| number(&tcb["sgxtcbcomponents"][at]["svn"]).expect("an SVN");
        let cpusvn = std::array::from_fn(|at| u8::try_from(svn(at)).expect("a byte"));
        (cpusvn, number(&tcb["pcesvn"]).expect("two bytes"))
    });
    levels.collect()
}
