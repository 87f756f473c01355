//! `intel-dcap-api`: everything that it can ask of the vendor's interface.

use std::future::Future;

use independent_clients::Vendor;
use intel_dcap_api::{ApiClient, CaType, CrlEncoding, IntelApiError, PlatformFilter, UpdateType};
use serde_json::Value;

/// A client of this vendor, and how to wait for it.
struct Client {
    api: ApiClient,
    runtime: tokio::runtime::Runtime,
}

impl Client {
    fn of(vendor: &Vendor) -> Self {
        Self {
            api: ApiClient::new_with_base_url(vendor.server().url()).expect("a client"),
            runtime: tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime"),
        }
    }

    fn wait<T>(&self, asking: impl Future<Output = T>) -> T {
        self.runtime.block_on(asking)
    }
}

/// Status and `Error-Code` of a refusal.
fn refusal<T>(answer: Result<T, IntelApiError>) -> (u16, Option<String>) {
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

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn certificates(chain: &str) -> usize {
    chain.matches("-----BEGIN CERTIFICATE-----").count()
}

/// A document with its signature as the service answers, of the texts that the vendor writes beside
/// a quote.
fn body(collateral: &Value, document: &str, around: &str) -> String {
    let text = |name: &str| collateral[name].as_str().expect("a text").to_owned();
    let signature = text(&format!("{document}_signature"));
    format!(
        r#"{{"{around}":{},"signature":"{signature}"}}"#,
        text(document)
    )
}

#[test]
fn tcb_info_and_identities_of_every_set_are_those_that_the_vendor_writes() {
    let vendor = Vendor::founded();
    vendor.run(&[
        "recover",
        "--raises",
        "microcode,qe",
        "--advisory",
        "SIMULATED-SA-00002",
    ]);
    let fmspc = vendor.request_of("one").fmspc;
    let client = Client::of(&vendor);
    let api = &client.api;
    for (update, number, name) in [
        (None, None, "standard"),
        (Some(UpdateType::Standard), None, "standard"),
        (Some(UpdateType::Early), None, "early"),
        (None, Some(1), "1"),
        (None, Some(2), "2"),
    ] {
        let written = || ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral("one", kind, name));
        // Documents are signed anew once a day, which may be in between.
        let before = written();
        let infos = [
            client.wait(api.get_sgx_tcb_info(&fmspc, update, number)),
            client.wait(api.get_tdx_tcb_info(&fmspc, update, number)),
        ];
        let identities = [
            client.wait(api.get_sgx_qe_identity(update, number)),
            client.wait(api.get_tdx_qe_identity(update, number)),
        ];
        let after = written();
        let infos = infos.map(|answer| answer.expect("TCB info"));
        let identities = identities.map(|answer| answer.expect("an identity"));
        for technology in 0..2 {
            let written = [&before[technology], &after[technology]];
            let info = &infos[technology];
            let is_info = |one: &Value| {
                body(one, "tcb_info", "tcbInfo") == info.tcb_info_json
                    && one["tcb_info_issuer_chain"] == *info.issuer_chain
            };
            assert!(written.into_iter().any(is_info), "{name} {technology}");
            let identity = &identities[technology];
            let is_identity = |one: &Value| {
                body(one, "qe_identity", "enclaveIdentity") == identity.enclave_identity_json
                    && one["qe_identity_issuer_chain"] == *identity.issuer_chain
            };
            assert!(written.into_iter().any(is_identity), "{name} {technology}");
        }
    }
}

#[test]
fn identities_of_other_enclaves_and_what_there_is_none_of() {
    let vendor = Vendor::founded();
    vendor.run(&[
        "recover",
        "--raises",
        "microcode,qe",
        "--advisory",
        "SIMULATED-SA-00002",
    ]);
    let fmspc = vendor.request_of("one").fmspc;
    let client = Client::of(&vendor);
    let api = &client.api;
    for (update, by_number, number) in [
        (None, None, 1),
        (Some(UpdateType::Early), None, 2),
        (None, Some(1), 1),
    ] {
        let identities = [
            client.wait(api.get_sgx_qve_identity(update, by_number)),
            client.wait(api.get_sgx_qae_identity(update, by_number)),
        ];
        for (id, answer) in ["QVE", "QAE"].into_iter().zip(identities) {
            let answer = answer.expect("an identity");
            let identity = &json(&answer.enclave_identity_json)["enclaveIdentity"];
            assert_eq!(identity["id"], id);
            assert_eq!(identity["tcbEvaluationDataNumber"], number);
            assert_eq!(certificates(&answer.issuer_chain), 2);
        }
    }
    let unknown = client.wait(api.get_sgx_tcb_info("ffffffffffff", None, None));
    assert_eq!(refusal(unknown), (404, None));
    let too_new = client.wait(api.get_sgx_tcb_info(&fmspc, None, Some(3)));
    assert_eq!(refusal(too_new), (404, None));
    vendor.run(&["promote", "2"]);
    vendor.run(&["retire", "1"]);
    let gone = client.wait(api.get_sgx_qe_identity(None, Some(1)));
    assert_eq!(refusal(gone), (410, None));
}

#[test]
fn lists_of_numbers_and_of_kinds_of_platforms() {
    let vendor = Vendor::founded();
    let client = Client::of(&vendor);
    let api = &client.api;
    let numbers = [
        client.wait(api.get_sgx_tcb_evaluation_data_numbers()),
        client.wait(api.get_tdx_tcb_evaluation_data_numbers()),
    ];
    for (id, answer) in ["SGX", "TDX"].into_iter().zip(numbers) {
        let answer = answer.expect("numbers");
        let list = &json(&answer.tcb_evaluation_data_numbers_json)["tcbEvaluationDataNumbers"];
        assert_eq!(list["id"], id);
        assert_eq!(list["tcbEvalNumbers"][0]["tcbEvaluationDataNumber"], 1);
        assert_eq!(certificates(&answer.issuer_chain), 2);
    }
    for (filter, count) in [
        (None, 2),
        (Some(PlatformFilter::All), 2),
        (Some(PlatformFilter::E3), 1),
        (Some(PlatformFilter::E5), 1),
        (Some(PlatformFilter::Client), 0),
    ] {
        let list = client.wait(api.get_fmspcs(filter)).expect("a list");
        assert_eq!(json(&list).as_array().map(Vec::len), Some(count));
    }
}

#[test]
fn crls_are_those_that_the_vendor_writes() {
    let vendor = Vendor::founded();
    let client = Client::of(&vendor);
    let api = &client.api;
    for (platform, ca) in [("one", CaType::Processor), ("two", CaType::Platform)] {
        vendor.run(&["revoke", "--platform", platform]);
        let before = vendor.collateral(platform, "sgx-v3", "standard");
        let der = client.wait(api.get_pck_crl(ca, Some(CrlEncoding::Der)));
        let pem = client.wait(api.get_pck_crl(ca, None));
        let after = vendor.collateral(platform, "sgx-v3", "standard");
        let [der, pem] = [der, pem].map(|answer| answer.expect("a CRL"));
        let digits = hex::encode(&der.crl_data);
        let is_crl = |one: &Value| {
            one["pck_crl"] == digits && one["pck_crl_issuer_chain"] == *der.issuer_chain
        };
        assert!([before, after].iter().any(is_crl), "{platform}");
        assert!(pem.crl_data.starts_with(b"-----BEGIN X509 CRL-----"));
        assert_eq!(pem.issuer_chain, der.issuer_chain);
    }
}

#[test]
fn pck_certificates_by_ppid() {
    let vendor = Vendor::founded();
    let one = vendor.request_of("one");
    let client = Client::of(&vendor);
    let api = &client.api;
    for suite in [None, Some("RSA-3072")] {
        let answer = client.wait(api.get_pck_certificate_by_ppid(
            &one.encrypted_ppid,
            &one.cpusvn,
            &one.pcesvn,
            &one.pceid,
            None,
            suite,
        ));
        let answer = answer.expect("a certificate");
        assert_eq!(certificates(&answer.pck_cert_pem), 1);
        assert_eq!(certificates(&answer.issuer_chain), 2);
        assert_eq!(answer.fmspc.to_lowercase(), one.fmspc);
        assert_eq!(
            answer.tcbm.to_lowercase(),
            format!("{}{}", one.cpusvn, one.pcesvn)
        );
    }
    let all = client.wait(api.get_pck_certificates_by_ppid(
        &one.encrypted_ppid,
        &one.pceid,
        Some("any key"),
        None,
    ));
    let all = all.expect("certificates").pck_certs_json;
    let of_configuration = client.wait(api.get_pck_certificates_config_by_ppid(
        &one.encrypted_ppid,
        &one.pceid,
        &one.cpusvn,
        None,
        None,
    ));
    assert_eq!(of_configuration.expect("certificates").pck_certs_json, all);
    let first = &json(&all)[0];
    assert_eq!(first["tcb"]["pcesvn"], 13);
    let encoded = first["cert"].as_str().expect("text");
    assert!(encoded.starts_with("-----BEGIN%20CERTIFICATE-----%0A"));

    let stranger = "00".repeat(384);
    let answer = api.get_pck_certificates_by_ppid(&stranger, &one.pceid, None, None);
    assert_eq!(refusal(client.wait(answer)), (404, None));
    let malformed = api.get_pck_certificates_by_ppid("00", &one.pceid, None, None);
    let code = Some("InvalidRequestSyntax".to_owned());
    assert_eq!(refusal(client.wait(malformed)), (400, code));
}

#[test]
fn a_platform_of_several_packages_registers() {
    let vendor = Vendor::founded();
    let two = vendor.request_of("two");
    let manifest = vendor.manifest_of("two");
    let client = Client::of(&vendor);
    let api = &client.api;
    let by_ppid = || {
        let answer = api.get_pck_certificates_by_ppid(&two.encrypted_ppid, &two.pceid, None, None);
        client.wait(answer)
    };
    assert_eq!(refusal(by_ppid()), (404, None));
    let ppid = client.wait(api.register_platform(manifest.clone()));
    assert_eq!(ppid.expect("a PPID").to_lowercase(), two.ppid);
    assert!(by_ppid().is_ok());
    let shown = vendor.run(&["platform", "show", "two"]);
    assert_eq!(shown["registration"], "direct");

    let mut damaged = manifest;
    damaged.pop();
    damaged.push(0xff);
    let code = Some("InvalidPlatformManifest".to_owned());
    assert_eq!(
        refusal(client.wait(api.register_platform(damaged))),
        (400, code)
    );
    let package = client.wait(api.add_package(vec![1], "any key"));
    let code = Some("InvalidAddRequest".to_owned());
    assert_eq!(refusal(package), (400, code));
}

#[test]
fn a_platform_asks_with_its_manifest() {
    let vendor = Vendor::founded();
    let two = vendor.request_of("two");
    let manifest = vendor.manifest_of("two");
    let digits = hex::encode(&manifest);
    let client = Client::of(&vendor);
    let api = &client.api;
    let one = client.wait(api.get_pck_certificate_by_manifest(
        &digits,
        &two.cpusvn,
        &two.pcesvn,
        &two.pceid,
        None,
    ));
    assert_eq!(one.expect("a certificate").fmspc.to_lowercase(), two.fmspc);
    let all = client.wait(api.get_pck_certificates_by_manifest(&digits, &two.pceid, None));
    let of_configuration = client.wait(api.get_pck_certificates_config_by_manifest(
        &digits,
        &two.pceid,
        &two.cpusvn,
        None,
    ));
    let [all, of_configuration] =
        [all, of_configuration].map(|answer| answer.expect("certificates").pck_certs_json);
    assert_eq!(all, of_configuration);
    let code = Some("CachedKeysPolicyViolation".to_owned());
    assert_eq!(
        refusal(client.wait(api.register_platform(manifest))),
        (400, code)
    );
}

#[test]
fn it_waits_as_long_as_it_is_told_and_asks_again() {
    let vendor = Vendor::founded();
    let fmspcs = "/sgx/certification/v4/fmspcs";
    let mut client = Client::of(&vendor);
    vendor.set_faults(&format!(
        r#"[{{"paths":"{fmspcs}","fault":{{"status":429}},"count":2}}]"#
    ));
    assert!(client.wait(client.api.get_fmspcs(None)).is_ok());
    client.api.set_max_retries(0);
    vendor.set_faults(&format!(
        r#"[{{"paths":"{fmspcs}","fault":{{"status":429}}}}]"#
    ));
    let answer = client.wait(client.api.get_fmspcs(None));
    assert!(matches!(
        answer,
        Err(IntelApiError::TooManyRequests { retry_after: 1, .. })
    ));
    for status in [500, 503] {
        let fault = format!(r#"[{{"paths":"*","fault":{{"status":{status}}}}}]"#);
        vendor.set_faults(&fault);
        assert_eq!(refusal(client.wait(client.api.get_fmspcs(None))).0, status);
    }
}
