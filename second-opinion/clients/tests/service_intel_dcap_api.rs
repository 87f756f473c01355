//! `intel-dcap-api` with the collateral service. The library drops whatever path stands in the
//! address that it is given. Without one it finds the interface of Intel's cache, which has the
//! documents in the same places; through a gateway that puts `/pcs` in front, the vendor's.

use std::future::Future;

use independent_clients::{Gateway, PlatformRequest, Service, Vendor};
use intel_dcap_api::{ApiClient, CaType, CrlEncoding, IntelApiError, PlatformFilter, UpdateType};
use serde_json::Value;

const ADVISORY: &str = "SIMULATED-SA-00002";

/// Where the vendor's interface stands.
const BASE: &str = "/pcs";

/// A vendor that disclosed a second number.
fn recovered() -> Vendor {
    let vendor = Vendor::founded();
    vendor.run(&[
        "recover",
        "--raises",
        "microcode,qe",
        "--advisory",
        ADVISORY,
    ]);
    vendor
}

/// A client, and how to wait for it.
struct Client {
    api: ApiClient,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn of(url: &str) -> Self {
        let mut api = ApiClient::new_with_base_url(url).expect("a client");
        api.set_max_retries(0);
        Self {
            api,
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    fn wait<T>(&self, asking: impl Future<Output = T>) -> T {
        self.runtime.block_on(asking)
    }

    /// TCB info and identity of both technologies with their chains.
    fn documents(
        &self,
        fmspc: &str,
        update: Option<UpdateType>,
        number: Option<u64>,
    ) -> [Answer; 4] {
        let api = &self.api;
        let infos = [
            self.wait(api.get_sgx_tcb_info(fmspc, update, number)),
            self.wait(api.get_tdx_tcb_info(fmspc, update, number)),
        ];
        let identities = [
            self.wait(api.get_sgx_qe_identity(update, number)),
            self.wait(api.get_tdx_qe_identity(update, number)),
        ];
        let [sgx, tdx] = infos.map(|answer| {
            let answer = answer.expect("TCB info");
            (answer.tcb_info_json, answer.issuer_chain)
        });
        let [sgx_qe, tdx_qe] = identities.map(|answer| {
            let answer = answer.expect("an identity");
            (answer.enclave_identity_json, answer.issuer_chain)
        });
        [sgx, tdx, sgx_qe, tdx_qe]
    }

    /// PCK CRLs of both CAs in DER with their chains.
    fn crls(&self) -> [(Vec<u8>, String); 2] {
        [CaType::Processor, CaType::Platform].map(|ca| {
            let answer = self.wait(self.api.get_pck_crl(ca, Some(CrlEncoding::Der)));
            let answer = answer.expect("a CRL");
            (answer.crl_data, answer.issuer_chain)
        })
    }

    fn certificates(&self, of: &PlatformRequest) -> Result<String, IntelApiError> {
        let answer =
            self.api
                .get_pck_certificates_by_ppid(&of.encrypted_ppid, &of.pceid, None, None);
        self.wait(answer).map(|answer| answer.pck_certs_json)
    }
}

/// A body and the chain beside it.
type Answer = (String, String);

/// What [`Client::documents`] is to find of a set, as the vendor writes it beside quotes.
fn documents_written(vendor: &Vendor, set: &str) -> [Answer; 4] {
    let [sgx, tdx] = ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral("one", kind, set));
    let answer = |collateral: &Value, document: &str, around: &str| {
        let text = |name: &str| collateral[name].as_str().expect("a text").to_owned();
        let signature = text(&format!("{document}_signature"));
        let body = format!(
            r#"{{"{around}":{},"signature":"{signature}"}}"#,
            text(document)
        );
        (body, text(&format!("{document}_issuer_chain")))
    };
    [
        answer(&sgx, "tcb_info", "tcbInfo"),
        answer(&tdx, "tcb_info", "tcbInfo"),
        answer(&sgx, "qe_identity", "enclaveIdentity"),
        answer(&tdx, "qe_identity", "enclaveIdentity"),
    ]
}

/// What [`Client::crls`] is to find.
fn crls_written(vendor: &Vendor) -> [(Vec<u8>, String); 2] {
    ["one", "two"].map(|platform| {
        let collateral = vendor.collateral(platform, "sgx-v3", "standard");
        let text = |name: &str| collateral[name].as_str().expect("a text").to_owned();
        let crl = hex::decode(text("pck_crl")).expect("digits");
        (crl, text("pck_crl_issuer_chain"))
    })
}

/// Documents and CRLs are those of the vendor, also while it is switched off.
fn fetches_what_the_vendor_writes(url: &str, mut vendor: Vendor) {
    let client = Client::of(url);
    let fmspc = vendor.request_of("one").fmspc;
    let sets = [
        ("standard", None, None),
        ("standard", Some(UpdateType::Standard), None),
        ("early", Some(UpdateType::Early), None),
        ("1", None, Some(1)),
        ("2", None, Some(2)),
    ];
    let written = || {
        let documents = sets.map(|(set, ..)| documents_written(&vendor, set));
        (documents, crls_written(&vendor))
    };
    // Documents are signed anew once a day, which may be in between.
    let before = written();
    let fetch = || {
        let documents = sets.map(|(_, update, number)| client.documents(&fmspc, update, number));
        (documents, client.crls())
    };
    let fetched = fetch();
    let after = written();
    for (at, set) in sets.iter().enumerate() {
        for document in 0..4 {
            let written = [&before.0[at][document], &after.0[at][document]];
            assert!(
                written.contains(&&fetched.0[at][document]),
                "{set:?} {document}"
            );
        }
    }
    for ca in 0..2 {
        assert!(
            [&before.1[ca], &after.1[ca]].contains(&&fetched.1[ca]),
            "{ca}"
        );
    }
    vendor.switch_off();
    assert_eq!(fetch(), fetched);
}

/// Status and `Error-Code` of a refusal.
fn refused<T>(answer: Result<T, IntelApiError>) -> (u16, Option<String>) {
    match answer {
        Err(IntelApiError::ApiError {
            status,
            request_id,
            error_code,
            ..
        }) => {
            assert_eq!(request_id.len(), 32);
            (status.as_u16(), error_code)
        }
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("no refusal"),
    }
}

/// Status of a refusal.
fn refusal<T>(answer: Result<T, IntelApiError>) -> u16 {
    refused(answer).0
}

fn certificates(chain: &str) -> usize {
    chain.matches("-----BEGIN CERTIFICATE-----").count()
}

#[test]
fn without_a_path_it_fetches_what_the_vendor_writes() {
    let vendor = recovered();
    let service = Service::of(&vendor);
    fetches_what_the_vendor_writes(service.server().url(), vendor);
}

#[test]
fn through_a_gateway_it_fetches_what_the_vendor_writes() {
    let vendor = recovered();
    let service = Service::of(&vendor);
    let gateway = Gateway::to(service.server(), BASE);
    fetches_what_the_vendor_writes(gateway.url(), vendor);
}

#[test]
fn it_drops_the_path_of_its_address_and_misses_what_only_the_vendor_has() {
    let vendor = Vendor::founded();
    let service = Service::of(&vendor);
    let one = vendor.request_of("one");
    let client = Client::of(&format!("{}{BASE}/", service.server().url()));
    let api = &client.api;
    let identity = client.wait(api.get_sgx_qve_identity(None, None));
    assert_eq!(
        certificates(&identity.expect("an identity").issuer_chain),
        2
    );
    // Caches answer in hexadecimal digits unless DER is asked for.
    let crl = client.wait(api.get_pck_crl(CaType::Processor, Some(CrlEncoding::Pem)));
    let digits = hex::decode(crl.expect("a CRL").crl_data).expect("digits");
    assert_eq!(digits, client.crls()[0].0);
    assert_eq!(
        refusal(client.wait(api.get_sgx_qae_identity(None, None))),
        404
    );
    assert_eq!(refusal(client.wait(api.get_fmspcs(None))), 404);
    assert_eq!(
        refusal(client.wait(api.get_sgx_tcb_evaluation_data_numbers())),
        404
    );
    assert_eq!(refusal(client.certificates(&one)), 404);
    // Caches know platforms by the id of their quoting enclave, which it does not send.
    let certificate = client.wait(api.get_pck_certificate_by_ppid(
        &one.encrypted_ppid,
        &one.cpusvn,
        &one.pcesvn,
        &one.pceid,
        None,
        None,
    ));
    assert_eq!(refusal(certificate), 400);
}

#[test]
fn through_a_gateway_it_asks_for_everything_that_the_vendor_has() {
    let vendor = recovered();
    let service = Service::of(&vendor);
    let client = Client::of(Gateway::to(service.server(), BASE).url());
    let api = &client.api;
    let [one, two] = ["one", "two"].map(|platform| vendor.request_of(platform));
    for answer in [
        client.wait(api.get_sgx_qve_identity(None, None)),
        client.wait(api.get_sgx_qae_identity(Some(UpdateType::Early), None)),
    ] {
        assert_eq!(certificates(&answer.expect("an identity").issuer_chain), 2);
    }
    for answer in [
        client.wait(api.get_sgx_tcb_evaluation_data_numbers()),
        client.wait(api.get_tdx_tcb_evaluation_data_numbers()),
    ] {
        let list = answer.expect("numbers").tcb_evaluation_data_numbers_json;
        let list: Value = serde_json::from_str(&list).expect("JSON");
        let numbers = &list["tcbEvaluationDataNumbers"]["tcbEvalNumbers"];
        assert_eq!(numbers.as_array().map(Vec::len), Some(2));
    }
    let fmspcs = client.wait(api.get_fmspcs(Some(PlatformFilter::E5)));
    let fmspcs: Value = serde_json::from_str(&fmspcs.expect("a list")).expect("JSON");
    assert_eq!(fmspcs.as_array().map(Vec::len), Some(1));
    let pem = client.wait(api.get_pck_crl(CaType::Platform, Some(CrlEncoding::Pem)));
    assert!(
        pem.expect("a CRL")
            .crl_data
            .starts_with(b"-----BEGIN X509 CRL-----")
    );

    let certificate = client.wait(api.get_pck_certificate_by_ppid(
        &one.encrypted_ppid,
        &one.cpusvn,
        &one.pcesvn,
        &one.pceid,
        None,
        None,
    ));
    let certificate = certificate.expect("a certificate");
    assert_eq!(certificate.fmspc.to_lowercase(), one.fmspc);
    assert_eq!(
        certificate.tcbm.to_lowercase(),
        format!("{}{}", one.cpusvn, one.pcesvn)
    );
    assert_eq!(certificates(&certificate.issuer_chain), 2);
    assert!(client.certificates(&one).is_ok());
    let of_configuration = client.wait(api.get_pck_certificates_config_by_ppid(
        &one.encrypted_ppid,
        &one.pceid,
        &one.cpusvn,
        None,
        None,
    ));
    assert!(of_configuration.is_ok());
    assert_eq!(refusal(client.certificates(&two)), 404);
    let too_new = client.wait(api.get_sgx_tcb_info(&one.fmspc, None, Some(3)));
    assert_eq!(refusal(too_new), 404);
    vendor.run(&["promote", "2"]);
    vendor.run(&["retire", "1"]);
    let gone = client.wait(api.get_sgx_tcb_info(&one.fmspc, None, Some(1)));
    assert_eq!(refusal(gone), 410);
}

#[test]
fn through_a_gateway_a_platform_of_several_packages_registers() {
    let vendor = Vendor::founded();
    let service = Service::of(&vendor);
    let client = Client::of(Gateway::to(service.server(), BASE).url());
    let two = vendor.request_of("two");
    let manifest = vendor.manifest_of("two");
    let mut damaged = manifest.clone();
    damaged.pop();
    damaged.push(0xff);
    let code = Some("InvalidPlatformManifest".to_owned());
    let answer = client.wait(client.api.register_platform(damaged));
    assert_eq!(refused(answer), (400, code));
    assert_eq!(refusal(client.certificates(&two)), 404);
    let ppid = client.wait(client.api.register_platform(manifest.clone()));
    assert_eq!(ppid.expect("a PPID").to_lowercase(), two.ppid);
    assert!(client.certificates(&two).is_ok());
    let digits = hex::encode(manifest);
    let by_manifest = client
        .api
        .get_pck_certificates_by_manifest(&digits, &two.pceid, None);
    assert!(client.wait(by_manifest).is_ok());
}
