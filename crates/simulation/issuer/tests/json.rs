//! Bodies are JSON, compact, with the fields of the vendor's documents in the vendor's order.

use bulla_issuer::{
    DocumentKind, EvaluationNumberSpec, EvaluationNumbersSpec, QuoteKind, Scenario, Seed, sign_text,
};

fn scenario(kind: QuoteKind) -> Scenario {
    let at = "2026-11-23T00:00:00Z".parse().expect("a time");
    Scenario::new(&Seed::from("json"), kind, at)
}

#[test]
fn tcb_info_of_version_3_for_sgx() {
    let mut info = scenario(QuoteKind::SgxV3).tcb_info;
    info.levels.remove(0);
    assert_eq!(
        info.to_json(),
        concat!(
            r#"{"id":"SGX","version":3,"issueDate":"2026-11-21T00:00:00Z","#,
            r#""nextUpdate":"2026-12-21T00:00:00Z","fmspc":"FF53494D554C","pceId":"0000","#,
            r#""tcbType":0,"tcbEvaluationDataNumber":17,"tcbLevels":[{"tcb":{"sgxtcbcomponents":["#,
            r#"{"svn":6,"category":"BIOS","type":"Early Microcode Update"},"#,
            r#"{"svn":7,"category":"OS/VMM","type":"SGX Late Microcode Update"},"#,
            r#"{"svn":2,"category":"OS/VMM","type":"TXT SINIT"},{"svn":2,"category":"BIOS"},"#,
            r#"{"svn":4,"category":"BIOS"},{"svn":1,"category":"BIOS"},{"svn":0},"#,
            r#"{"svn":255,"category":"OS/VMM","type":"SEAMLDR ACM"},{"svn":0},{"svn":0},{"svn":0},"#,
            r#"{"svn":0},{"svn":0},{"svn":0},{"svn":0},{"svn":0}],"pcesvn":13},"#,
            r#""tcbDate":"2026-11-21T00:00:00Z","tcbStatus":"OutOfDate","#,
            r#""advisoryIDs":["SIMULATED-SA-00001"]}]}"#,
        )
    );
}

#[test]
fn tcb_info_of_version_2_has_neither_id_nor_advisories() {
    let mut info = scenario(QuoteKind::SgxV3).tcb_info;
    info.version = 2;
    info.levels.remove(0);
    assert_eq!(
        info.to_json(),
        concat!(
            r#"{"version":2,"issueDate":"2026-11-21T00:00:00Z","#,
            r#""nextUpdate":"2026-12-21T00:00:00Z","fmspc":"FF53494D554C","pceId":"0000","#,
            r#""tcbType":0,"tcbEvaluationDataNumber":17,"tcbLevels":[{"tcb":{"#,
            r#""sgxtcbcomp01svn":6,"sgxtcbcomp02svn":7,"sgxtcbcomp03svn":2,"sgxtcbcomp04svn":2,"#,
            r#""sgxtcbcomp05svn":4,"sgxtcbcomp06svn":1,"sgxtcbcomp07svn":0,"sgxtcbcomp08svn":255,"#,
            r#""sgxtcbcomp09svn":0,"sgxtcbcomp10svn":0,"sgxtcbcomp11svn":0,"sgxtcbcomp12svn":0,"#,
            r#""sgxtcbcomp13svn":0,"sgxtcbcomp14svn":0,"sgxtcbcomp15svn":0,"sgxtcbcomp16svn":0,"#,
            r#""pcesvn":13},"tcbDate":"2026-11-21T00:00:00Z","tcbStatus":"OutOfDate"}]}"#,
        )
    );
}

#[test]
fn tcb_info_for_tdx_names_the_module_before_the_levels() {
    let body = scenario(QuoteKind::Td15V5).tcb_info.to_json();
    let zeros = "0".repeat(96);
    let module = format!(
        r#""mrsigner":"{zeros}","attributes":"0000000000000000","attributesMask":"FFFFFFFFFFFFFFFF""#
    );
    let start = format!(
        "\"tcbEvaluationDataNumber\":17,\"tdxModule\":{{{module}}},\
         \"tdxModuleIdentities\":[{{\"id\":\"TDX_03\",{module},\
         \"tcbLevels\":[{{\"tcb\":{{\"isvsvn\":5}},"
    );
    assert!(body.contains(&start), "{body}");
    let value: serde_json::Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(value["tdxModuleIdentities"][1]["id"], "TDX_01");
    let components = &value["tcbLevels"][0]["tcb"]["tdxtcbcomponents"];
    let svns: Vec<u64> = (0..16)
        .filter_map(|i| components[i]["svn"].as_u64())
        .collect();
    assert_eq!(svns, [5, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
}

#[test]
fn an_enclave_identity() {
    let mut scenario = scenario(QuoteKind::Td10V4);
    scenario.qe_identity.levels.pop();
    let signer = hex::encode_upper(scenario.quote.qe_report.mrsigner);
    let expected = [
        r#"{"id":"TD_QE","version":2,"issueDate":"2026-11-20T00:00:00Z","#,
        r#""nextUpdate":"2026-12-20T00:00:00Z","tcbEvaluationDataNumber":17,"#,
        r#""miscselect":"00000000","miscselectMask":"FFFFFFFF","#,
        r#""attributes":"11000000000000000000000000000000","#,
        r#""attributesMask":"FBFFFFFFFFFFFFFF0000000000000000","mrsigner":""#,
        &signer,
        r#"","isvprodid":2,"tcbLevels":[{"tcb":{"isvsvn":4},"#,
        r#""tcbDate":"2026-11-20T00:00:00Z","tcbStatus":"UpToDate"}]}"#,
    ];
    assert_eq!(scenario.qe_identity.to_json(), expected.concat());
}

#[test]
fn documents_as_served() {
    let scenario = scenario(QuoteKind::SgxV3);
    let date = scenario.at;
    let numbers = EvaluationNumbersSpec {
        id: "SGX".to_owned(),
        version: 1,
        validity: scenario.tcb_info.validity,
        numbers: vec![EvaluationNumberSpec {
            number: 17,
            recovery_event_date: date,
            tcb_date: date,
        }],
    };
    let document = sign_text(numbers.to_json(), &scenario.vendor.tcb_signer.key);
    let served = DocumentKind::EvaluationNumbers.served(&document);
    let expected = [
        r#"{"tcbEvaluationDataNumbers":{"id":"SGX","version":1,"#,
        r#""issueDate":"2026-11-21T00:00:00Z","nextUpdate":"2026-12-21T00:00:00Z","#,
        r#""tcbEvalNumbers":[{"tcbEvaluationDataNumber":17,"#,
        r#""tcbRecoveryEventDate":"2026-11-23T00:00:00Z","tcbDate":"2026-11-23T00:00:00Z"}]},"#,
        r#""signature":""#,
        &document.signature,
        r#""}"#,
    ];
    assert_eq!(String::from_utf8(served).expect("text"), expected.concat());
    assert_eq!(document.signature.len(), 128);
}
