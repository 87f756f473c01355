//! `bulla inspect`: what a file is, told by its content.

use bulla_issuer::{
    DocumentKind, EvaluationNumberSpec, EvaluationNumbersSpec, QuoteKind, pem, sign_text,
};
use bulla_tests::workbench::{Answer, Folder, run, run_with_input, scenario, set_json, write_set};
use serde_json::Value;

fn inspect(content: impl AsRef<[u8]>) -> Answer {
    run_with_input(&["inspect", "-", "--format", "json"], content.as_ref())
}

#[track_caller]
fn fields(content: impl AsRef<[u8]>, kind: &str) -> Value {
    let answer = inspect(content);
    let json = answer.json();
    assert_eq!(json["kind"], kind, "{json:#}");
    assert_eq!(json["verified"], false);
    assert_eq!((answer.status, answer.stderr.as_str()), (0, ""));
    json
}

#[test]
fn quotes_of_every_kind() {
    for kind in QuoteKind::ALL {
        let quote = scenario(kind).build().quote;
        let json = fields(&quote, "quote");
        assert_eq!(json["header"]["version"], kind.version().number());
        assert_eq!(json["body_type"], kind.body_type().name());
        assert_eq!(json["size"], quote.len());
        let certification = &json["authentication"]["certification_data"];
        let leaf = &certification["certificates"][0];
        assert_eq!(leaf["simulated"], true);
        assert_eq!(leaf["sgx_extension"]["fmspc"], "ff53494d554c");
        assert_eq!(
            certification["certificates"].as_array().map(Vec::len),
            Some(3)
        );
    }
    let quote = scenario(QuoteKind::Td10V4).build().quote;
    let mut hex = fields(hex::encode(&quote), "quote");
    assert_eq!(hex["encoding"], "hex");
    hex["encoding"] = "raw".into();
    assert_eq!(hex, fields(&quote, "quote"));
}

#[test]
fn reports() {
    let body = [0x91; 384];
    assert_eq!(fields(body, "sgx_report_body")["isvprodid"], 0x9191);
    assert_eq!(fields([0x82; 432], "sgx_report")["mac"], "82".repeat(16));
    let mut report = [0; 1024];
    report[0] = 0x81;
    report[512 + 16] = 0xab;
    let json = fields(report, "td_report");
    assert_eq!(json["td_info"]["mrtd"], format!("ab{}", "00".repeat(47)));
}

#[test]
fn certificates_and_revocation_lists() {
    let mut scenario = scenario(QuoteKind::SgxV3);
    scenario.pck_crl.revoke(&[0x12, 0x34]);
    let documents = scenario.documents();
    let leaf = &documents.pck_certificate;
    let single = fields(leaf, "certificate");
    assert!(
        single["subject"]
            .to_string()
            .contains("CN=Simulated SGX PCK Certificate")
    );
    assert_eq!(single["ca"], false);
    let chain = pem::chain(&[leaf, &documents.root_certificate]);
    let json = fields(chain, "certificate_chain");
    assert_eq!(json["certificates"][0]["sha256"], single["sha256"]);
    assert_eq!(
        json["certificates"][1]["key_usage"][0],
        "certificate signing"
    );

    let crl = &documents.collateral.pck_crl;
    let json = fields(crl, "crl");
    assert_eq!(json["revoked"][0]["serial"], "1234");
    assert_eq!(json["revoked_count"], 1);
    assert_eq!(fields(pem::block("X509 CRL", crl), "crl"), json);
    assert_eq!(fields(hex::encode(crl), "crl"), json);
}

#[test]
fn documents_with_and_without_signature() {
    let scenario = scenario(QuoteKind::Td15V5);
    let set = scenario.build().collateral;
    let served = fields(DocumentKind::TcbInfo.served(&set.tcb_info), "tcb_info");
    assert_eq!(served["id"], "TDX");
    assert_eq!(served["signature"], set.tcb_info.signature);
    let bare = fields(&set.tcb_info.body, "tcb_info");
    assert_eq!(bare["sha256"], served["sha256"]);
    assert_eq!(bare["signature"], Value::Null);
    let served = DocumentKind::EnclaveIdentity.served(&set.qe_identity);
    assert_eq!(fields(served, "enclave_identity")["id"], "TD_QE");
    assert_eq!(
        fields(&set.qe_identity.body, "enclave_identity")["isvprodid"],
        2
    );

    let validity = scenario.tcb_info.validity;
    let number = |number| EvaluationNumberSpec {
        number,
        recovery_event_date: validity.from,
        tcb_date: validity.from,
    };
    let numbers = EvaluationNumbersSpec {
        id: "SGX".to_owned(),
        version: 1,
        validity,
        numbers: vec![number(16), number(17)],
    };
    let signed = sign_text(numbers.to_json(), &scenario.vendor.tcb_signer.key);
    let served = DocumentKind::EvaluationNumbers.served(&signed);
    let json = fields(served, "evaluation_data_numbers");
    assert_eq!(json["numbers"][0]["number"], 17);
}

#[test]
fn a_collateral_set_document_by_document() {
    let set = scenario(QuoteKind::Td15V5).build().collateral;
    let object = fields(set_json(&set).to_string(), "collateral_set");
    assert_eq!(object["tcb_info"]["id"], "TDX");
    assert_eq!(object["pck_crl"]["number"], 1);
    assert_eq!(object["root_ca_crl"]["revoked_count"], 0);

    let folder = Folder::new();
    write_set(&folder.path("set"), &set);
    let path = folder.text_path("set");
    let json = run(&["inspect", &path, "--format", "json"]).json();
    assert_eq!(json, object);

    folder.write("set/tcb-info.json", "{\"tcbInfo\":{},\"signature\":\"\"}");
    let json = run(&["inspect", &path, "--format", "json"]).json();
    assert!(
        json["tcb_info"].to_string().contains("unreadable: "),
        "{json:#}"
    );
    assert_eq!(json["qe_identity"], object["qe_identity"]);
}

#[test]
fn an_enclave_image_is_measured() {
    let record = |tag: &[u8; 8], fields: &[(usize, u64)]| {
        let mut record = [0; 64];
        record[..8].copy_from_slice(tag);
        for (offset, value) in fields {
            record[*offset..offset + 8].copy_from_slice(&value.to_le_bytes());
        }
        record.to_vec()
    };
    // SSAFRAMESIZE 1 and SIZE 0x4000; a code page, measured; a data page, loaded only.
    let create = record(b"ECREATE\0", &[(8, 1), (12, 0x4000)]);
    let code = record(b"EADD\0\0\0\0", &[(8, 0), (16, 0x205)]);
    let data = record(b"EADD\0\0\0\0", &[(8, 0x1000), (16, 0x203)]);
    let measured = |tag, offset| [record(tag, &[(8, offset)]), vec![0x90; 256]].concat();
    let chunks: Vec<u8> = (0..16)
        .flat_map(|i| measured(b"EEXTEND\0", i * 256))
        .collect();
    let loaded: Vec<u8> = measured(b"UNMEASRD", 0x1000);
    let image = [&create[..], &code, &chunks, &data, &loaded].concat();

    let json = fields(&image, "sgxs_image");
    let hashed = [&create[..], &code, &chunks, &data].concat();
    assert_eq!(
        json["mrenclave"],
        hex::encode(bulla_pki::digest::sha256(&hashed))
    );
    assert_eq!((&json["size"], &json["pages"]), (&0x4000.into(), &2.into()));
    assert_eq!(json["ssaframesize"], 1);
    assert_eq!(json["runs"][0]["permissions"], "r-x");
    assert_eq!(json["runs"][0]["measured_bytes"], 4096);
    assert_eq!(json["runs"][1]["measured_bytes"], 0);

    let unsized_image = [&record(b"UNSIZED\0", &[(8, 1)])[..], &code].concat();
    assert_eq!(
        fields(unsized_image, "sgxs_image")["mrenclave"],
        Value::Null
    );
    for broken in [&image[..image.len() - 1], &[&image[..], &create].concat()] {
        let answer = inspect(broken);
        assert_eq!(answer.json()["error"]["code"], "ContentMalformed");
        assert_eq!(answer.status, 2);
    }
}

#[test]
fn a_sigstruct() {
    let mut sigstruct = vec![0; 1808];
    let mut put = |offset: usize, bytes: &[u8]| {
        sigstruct[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(
        0,
        &hex::decode("06000000e10000000000010000000000").expect("hex"),
    );
    put(20, &0x2026_1123_u32.to_le_bytes());
    put(
        24,
        &hex::decode("01010000600000006000000001000000").expect("hex"),
    );
    put(128, &[0xaa; 384]);
    put(512, &3_u32.to_le_bytes());
    put(928, &4_u64.to_le_bytes());
    put(960, &[0xbb; 32]);
    put(1024, &7_u16.to_le_bytes());
    put(1026, &9_u16.to_le_bytes());
    let json = fields(&sigstruct, "sigstruct");
    assert_eq!(json["date"], "20261123");
    assert_eq!(json["enclavehash"], "bb".repeat(32));
    assert_eq!(
        json["mrsigner"],
        hex::encode(bulla_pki::digest::sha256(&[0xaa; 384]))
    );
    assert_eq!(json["attribute_names"][0], "MODE64");
    assert_eq!(
        (&json["isvprodid"], &json["isvsvn"]),
        (&7.into(), &9.into())
    );
    assert_eq!(json["exponent"], 3);
}

#[test]
fn text_says_that_nothing_was_verified() {
    let quote = scenario(QuoteKind::SgxV3).build().quote;
    let text = run_with_input(&["inspect", "-"], &quote).stdout;
    assert!(
        text.starts_with("quote  nothing here was verified\n"),
        "{text}"
    );
    assert!(text.contains("attribute_names  INIT, MODE64\n"));
    assert!(!text.contains('\u{1b}'));
}

#[test]
fn what_is_nothing_known_is_an_error_that_lists_what_is() {
    let folder = Folder::new();
    let contents: [(&[u8], &str); 9] = [
        (b"", "InputEmpty"),
        (b"hello, world", "ContentUnknown"),
        (&[0xff; 100], "ContentUnknown"),
        (b"{\"hello\":1}", "ContentUnknown"),
        (b"{\"hello\":", "ContentUnknown"),
        (b"-----BEGIN PRIVATE KEY-----\n", "ContentUnknown"),
        (b"-----BEGIN CERTIFICATE-----\n", "ContentMalformed"),
        (&[3, 0, 2, 0, 0], "ContentMalformed"),
        (&[0x30, 0x82, 0x01, 0x00], "ContentMalformed"),
    ];
    for (content, code) in contents {
        let path = folder.write("file", content);
        let path = path.to_str().expect("a path in UTF-8");
        let answer = run(&["inspect", path, "--format", "json"]);
        let error = answer.json()["error"].clone();
        assert_eq!(error["code"], code, "{error}");
        assert_eq!(answer.status, 2);
        if code == "ContentUnknown" {
            assert!(
                error["message"]
                    .to_string()
                    .contains("inspect reads quotes")
            );
        }
    }
    let zeros = folder.zeros("zeros", 100_000_000);
    let answer = run(&[
        "inspect",
        zeros.to_str().expect("UTF-8"),
        "--format",
        "json",
    ]);
    assert_eq!(answer.json()["error"]["code"], "InputTooLarge");
}
