//! Clients of others in two rings of one service at once: each gets the number that its ring demands,
//! without being told any.

use dcap_qvl::QuoteCollateralV3;
use dcap_qvl::collateral::TcbEvaluationDataSet::Standard;
use independent_clients::qvl::fetch_at;
use independent_clients::{Service, Vendor};
use intel_dcap_api::ApiClient;
use serde_json::Value;

/// The number that is disclosed and not promoted yet for `canary`, and the one in force for `prod`.
const PLAN: &str = r#"
[baselines.level-1]
sgx = { number = 1 }
tdx = { number = 1 }
[baselines.level-2]
sgx = { number = 2 }
tdx = { number = 2 }
[rings.prod]
hosts = ["127.0.0.1"]
[rings.canary]
hosts = ["localhost"]
[rollouts.prod]
ring = "prod"
baseline = "level-1"
[rollouts.canary]
ring = "canary"
baseline = "level-2"
"#;

const RINGS: [(&str, u64); 2] = [("prod", 1), ("canary", 2)];

fn service() -> (Vendor, Service) {
    let vendor = Vendor::founded();
    vendor.run(&["recover", "--raises", "microcode"]);
    let service = Service::of(&vendor);
    service.decide(PLAN);
    (vendor, service)
}

fn number(document: &str) -> u64 {
    let document: Value = serde_json::from_str(document).expect("JSON");
    let number = &document["tcbEvaluationDataNumber"];
    number.as_u64().expect("a number")
}

/// By their base paths, of which the client keeps what it is given.
#[test]
fn dcap_qvl_follows_two_rings_by_their_paths() {
    let (vendor, service) = service();
    for kind in ["sgx-v3", "tdx15-v5"] {
        let quote = vendor.quote("one", kind);
        for (ring, expected) in RINGS {
            for base in ["", "/pcs"] {
                let url = format!("{}/ring/{ring}{base}", service.server().url());
                let set = fetch_at(&url, &quote, Standard);
                let set: QuoteCollateralV3 = set.expect("collateral");
                let numbers = (number(&set.tcb_info), number(&set.qe_identity));
                assert_eq!(numbers, (expected, expected), "{url} {kind}");
            }
        }
        let nowhere = format!("{}/ring/nowhere", service.server().url());
        let error = fetch_at(&nowhere, &quote, Standard).unwrap_err();
        assert!(error.contains("404"), "{error}");
    }
}

/// By their host names, since the client drops every path.
#[test]
fn intel_dcap_api_follows_two_rings_by_their_hosts() {
    let (vendor, service) = service();
    let (_, port) = service.server().url().rsplit_once(':').expect("a port");
    let fmspc = vendor.collateral("one", "sgx-v3", "standard")["tcb_info"].clone();
    let fmspc: Value = serde_json::from_str(fmspc.as_str().expect("text")).expect("JSON");
    let fmspc = fmspc["fmspc"].as_str().expect("an FMSPC");
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    for (host, expected) in [("127.0.0.1", 1), ("localhost", 2)] {
        let api = ApiClient::new_with_base_url(format!("http://{host}:{port}")).expect("a client");
        let info = runtime.block_on(api.get_tdx_tcb_info(fmspc, None, None));
        let identity = runtime.block_on(api.get_tdx_qe_identity(None, None));
        let inner = |text: &str, member: &str| {
            let json: Value = serde_json::from_str(text).expect("JSON");
            json[member]["tcbEvaluationDataNumber"].as_u64()
        };
        let info = info.expect("TCB info").tcb_info_json;
        let identity = identity.expect("an identity").enclave_identity_json;
        assert_eq!(inner(&info, "tcbInfo"), Some(expected), "{host}");
        assert_eq!(
            inner(&identity, "enclaveIdentity"),
            Some(expected),
            "{host}"
        );
    }
}
