//! Pitfalls in the vendor's JSON documents: which one it is, how it is read, what was signed.

use bulla_collateral::TcbStatus;

use bulla_issuer::{QuoteKind, Scenario};

use bulla_tests::scenarios::{
    SGX_KINDS, TDX_KINDS, assert_fails, assert_genuine, assert_status, changed, judge,
    judge_changed, judge_identity_text, judge_tampered, judge_tcb_info_text, remarks, scenario,
};

use bulla_verifier::{Code, Verdict};

const TCB_INFO_MALFORMED: [(Code, &str); 1] = [(Code::DocumentMalformed, "tcb_info")];

const IDENTITY_MALFORMED: [(Code, &str); 1] = [(Code::DocumentMalformed, "qe_identity")];

/// A quote of one technology with the TCB info of the other, of the same platform.
fn with_tcb_info_of(kind: QuoteKind, other: QuoteKind) -> Scenario {
    let platform = scenario(kind).sgx_extension;
    changed(kind, |s| {
        s.tcb_info = scenario(other).tcb_info;
        s.tcb_info.fmspc = platform.fmspc;
        s.tcb_info.pceid = platform.pceid;
    })
}

#[test]
fn pitfall_22_tcb_info_of_the_other_technology() {
    let mismatch = [(Code::TcbInfoTeeMismatch, "tcb_info")];
    for kind in SGX_KINDS {
        assert_fails(
            &judge(&with_tcb_info_of(kind, QuoteKind::Td10V4)),
            &mismatch,
        );
        assert_genuine(&judge(&with_tcb_info_of(kind, QuoteKind::SgxV4)));
    }
    for kind in TDX_KINDS {
        assert_fails(&judge(&with_tcb_info_of(kind, QuoteKind::SgxV3)), &mismatch);
        assert_genuine(&judge(&with_tcb_info_of(kind, QuoteKind::Td10V4)));
    }
}

#[test]
fn pitfall_22_tcb_info_of_another_platform() {
    for kind in QuoteKind::ALL {
        for byte in [0, 5] {
            let verdict = judge_changed(kind, |s| s.tcb_info.fmspc[byte] ^= 1);
            assert_fails(&verdict, &[(Code::FmspcMismatch, "tcb_info")]);
        }
        let both = judge_changed(kind, |s| {
            s.tcb_info.fmspc = [0; 6];
            s.tcb_info.pceid = [9; 2];
        });
        assert_fails(
            &both,
            &[
                (Code::FmspcMismatch, "tcb_info"),
                (Code::PceIdMismatch, "tcb_info"),
            ],
        );
    }
}

#[test]
fn pitfall_45_both_bytes_of_the_pce_id() {
    for kind in QuoteKind::ALL {
        for byte in [0, 1] {
            let verdict = judge_changed(kind, |s| s.tcb_info.pceid[byte] ^= 1);
            assert_fails(&verdict, &[(Code::PceIdMismatch, "tcb_info")]);
        }
    }
}

/// Identifiers are bytes: how their digits are written does not matter.
#[test]
fn pitfall_11_pce_id_and_fmspc_are_no_text() {
    let scenario = changed(QuoteKind::SgxV3, |s| {
        s.sgx_extension.pceid = [0xab, 0xcd];
        s.tcb_info.pceid = [0xab, 0xcd];
    });
    let (upper, lower) = (r#""pceId":"ABCD""#, r#""pceId":"abcd""#);
    for written in [upper, lower, r#""pceId":"aBcD""#] {
        let verdict = judge_tcb_info_text(&scenario, |text| text.replace(upper, written));
        assert_status(&verdict, TcbStatus::UpToDate);
        assert_eq!(
            verdict.evidence.and_then(|e| e.platform).map(|p| p.pce_id),
            Some([0xab, 0xcd])
        );
    }
    let fmspc = hex::encode_upper(scenario.tcb_info.fmspc);
    let verdict = judge_tcb_info_text(&scenario, |text| {
        text.replace(&fmspc, &fmspc.to_lowercase())
    });
    assert_status(&verdict, TcbStatus::UpToDate);
    // The bytes in the other order are another PCE.
    let swapped = judge_tcb_info_text(&scenario, |text| text.replace("ABCD", "CDAB"));
    assert_fails(&swapped, &[(Code::PceIdMismatch, "tcb_info")]);
}

#[test]
fn pitfall_41_tcb_info_of_version_2() {
    for kind in SGX_KINDS {
        assert_status(
            &judge_changed(kind, |s| s.tcb_info.version = 2),
            TcbStatus::UpToDate,
        );
    }
    for kind in TDX_KINDS {
        let mut scenario = with_tcb_info_of(kind, QuoteKind::SgxV3);
        scenario.tcb_info.version = 2;
        assert_fails(&judge(&scenario), &[(Code::TcbInfoTeeMismatch, "tcb_info")]);
        // The version for SGX alone with the fields of TDX.
        let verdict = judge_changed(kind, |s| s.tcb_info.version = 2);
        assert_fails(&verdict, &TCB_INFO_MALFORMED);
    }
    for version in [0, 1, 4, 258] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.tcb_info.version = version);
        assert_fails(&verdict, &TCB_INFO_MALFORMED);
    }
    let v2 = changed(QuoteKind::SgxV3, |s| s.tcb_info.version = 2);
    let with_id = judge_tcb_info_text(&v2, |text| text.replacen('{', r#"{"id":"SGX","#, 1));
    assert_fails(&with_id, &TCB_INFO_MALFORMED);
    // Both ways of naming the components in one document.
    let v3 = scenario(QuoteKind::SgxV3);
    let mixed = judge_tcb_info_text(&v3, |text| {
        text.replacen(r#""pcesvn":"#, r#""sgxtcbcomp01svn":0,"pcesvn":"#, 1)
    });
    assert_fails(&mixed, &TCB_INFO_MALFORMED);
}

#[test]
fn ids_and_types_of_tcb_info() {
    for id in ["", "sgx", "TDX ", "SNP"] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.tcb_info.id = id.to_owned());
        assert_fails(&verdict, &TCB_INFO_MALFORMED);
    }
    let verdict = judge_changed(QuoteKind::SgxV3, |s| s.tcb_info.tcb_type = 1);
    assert_fails(&verdict, &TCB_INFO_MALFORMED);
    // The fields that only TDX has.
    let tdx = scenario(QuoteKind::Td10V4).tcb_info;
    let verdict = judge_changed(QuoteKind::SgxV3, |s| s.tcb_info.tdx_module = tdx.tdx_module);
    assert_fails(&verdict, &TCB_INFO_MALFORMED);
    let verdict = judge_changed(QuoteKind::SgxV3, |s| {
        s.tcb_info.tdx_module_identities = tdx.tdx_module_identities;
    });
    assert_fails(&verdict, &TCB_INFO_MALFORMED);
}

/// The same text with white space wherever JSON allows it.
fn airy(text: &str) -> String {
    let mut airy = String::from("{\n");
    let mut in_string = false;
    for character in text.trim_start_matches('{').chars() {
        in_string ^= character == '"';
        airy.push(character);
        if !in_string && matches!(character, ',' | ':' | '[') {
            airy.push_str(" \r\n\t");
        }
    }
    airy
}

/// The members of an object in the other order.
fn reordered(text: &str) -> String {
    let (version, rest) = text
        .trim_start_matches('{')
        .split_once(r#","issueDate""#)
        .expect("the version comes before the dates");
    let rest = rest.strip_suffix('}').expect("an object");
    format!(r#"{{"issueDate"{rest},{version}}}"#)
}

#[test]
fn pitfall_27_the_received_text_is_what_was_signed() {
    for kind in [QuoteKind::SgxV3, QuoteKind::Td15V5] {
        let scenario = scenario(kind);
        type Rewrite = fn(&str) -> String;
        let escaped: Rewrite = |text| text.replacen(r#""version""#, r#""v\u0065rsion""#, 1);
        for rewrite in [airy, reordered, escaped] {
            // What the vendor signed counts as it is, whatever its form.
            let original = scenario.tcb_info.to_json();
            assert_ne!(rewrite(&original), original);
            let verdict = judge_tcb_info_text(&scenario, |text| rewrite(&text));
            assert_status(&verdict, TcbStatus::UpToDate);
            let verdict = judge_identity_text(&scenario, |text| rewrite(&text));
            assert_status(&verdict, TcbStatus::UpToDate);

            // What somebody rewrote on the way does not, though it says the same.
            let verdict = judge_tampered(&scenario, |documents| {
                documents.collateral.tcb_info.body = rewrite(&original).into_bytes();
            });
            assert_fails(&verdict, &[(Code::DocumentSignatureInvalid, "tcb_info")]);
            let verdict = judge_tampered(&scenario, |documents| {
                let text = rewrite(&scenario.qe_identity.to_json());
                documents.collateral.qe_identity.body = text.into_bytes();
            });
            assert_fails(&verdict, &[(Code::DocumentSignatureInvalid, "qe_identity")]);
        }
        for space in ["\n", " "] {
            let verdict = judge_tampered(&scenario, |documents| {
                documents.collateral.tcb_info.body.extend(space.as_bytes());
            });
            assert_fails(&verdict, &[(Code::DocumentSignatureInvalid, "tcb_info")]);
        }
    }
}

/// A change of the signed text, which the vendor signs like any other.
fn replaced(from: &'static str, to: &'static str) -> impl Fn(String) -> String {
    move |text| {
        assert!(text.contains(from), "{text}");
        text.replacen(from, to, 1)
    }
}

fn tdx_text(rewrite: impl Fn(String) -> String) -> Verdict {
    judge_tcb_info_text(&scenario(QuoteKind::Td15V5), rewrite)
}

#[test]
fn pitfall_27_keys_that_stand_twice() {
    for (from, to) in [
        (r#""tcbType":0"#, r#""tcbType":0,"tcbType":0"#),
        (r#""tcbType":0"#, r#""tcbType":0,"tcbTyp\u0065":0"#),
        (r#""pcesvn":13"#, r#""pcesvn":13,"pcesvn":0"#),
        (r#"{"svn":7"#, r#"{"svn":0,"svn":7"#),
        (r#"{"svn":7"#, r#"{"\u0073vn":0,"svn":7"#),
        (r#""tcbStatus":"#, r#""tcbStatus":"UpToDate","tcbStatus":"#),
        (r#""mrsigner":"#, r#""mrsigner":"","mrsigner":"#),
        (r#"{"isvsvn":5"#, r#"{"isvsvn":5,"isvsvn":5"#),
        (r#"{"id""#, r#"{"x":1,"x":1,"id""#),
        (r#"{"id""#, r#"{"x":{"y":1,"y":1},"id""#),
        (r#"{"id""#, r#"{"x":[[{"y":1,"\u0079":1}]],"id""#),
    ] {
        assert_fails(&tdx_text(replaced(from, to)), &TCB_INFO_MALFORMED);
    }
    let identity = |from, to| judge_identity_text(&scenario(QuoteKind::SgxV3), replaced(from, to));
    for (from, to) in [
        (r#""isvprodid":1"#, r#""isvprodid":1,"isvprodid":1"#),
        (r#""isvprodid":1"#, r#""isvprodid":1,"\u0069svprodid":2"#),
        (r#""mrsigner":"#, r#""mrsigner":"","mrsigner":"#),
        (r#"{"isvsvn":8"#, r#"{"isvsvn":9,"isvsvn":8"#),
    ] {
        assert_fails(&identity(from, to), &IDENTITY_MALFORMED);
    }
    assert_status(
        &identity(r#""isvprodid":1"#, r#""\u0069svprodid":1"#),
        TcbStatus::UpToDate,
    );
}

#[test]
fn fields_that_nobody_knows_are_noted() {
    for (from, to) in [
        (r#"{"id""#, r#"{"x":1,"id""#),
        (r#"{"id""#, r#"{"x":{"svn":256,"deep":[[[[]]]]},"id""#),
        (r#""pcesvn":13"#, r#""pcesvn":13,"x":null"#),
        (r#"{"svn":7"#, r#"{"svn":7,"x":"y""#),
        (r#"{"isvsvn":5"#, r#"{"isvsvn":5,"x":[]"#),
    ] {
        let verdict = tdx_text(replaced(from, to));
        assert_status(&verdict, TcbStatus::UpToDate);
        assert_eq!(remarks(&verdict), [Code::DocumentFieldUnknown]);
    }
}

#[test]
fn text_that_is_no_document() {
    let deep = |depth: usize| {
        move |text: String| {
            let nested = format!(r#"{{"x":{}{},"id""#, "[".repeat(depth), "]".repeat(depth));
            text.replacen(r#"{"id""#, &nested, 1)
        }
    };
    assert_status(&tdx_text(deep(20)), TcbStatus::UpToDate);
    assert_fails(&tdx_text(deep(32)), &TCB_INFO_MALFORMED);
    assert_fails(&tdx_text(deep(50_000)), &TCB_INFO_MALFORMED);

    let rewrites: [fn(String) -> String; 8] = [
        |_| String::new(),
        |text| text + "{}",
        |text| text + "x",
        |text| text + "\0",
        |text| format!("[{text}]"),
        |text| format!("\u{feff}{text}"),
        |text| text[..text.len() - 1].to_owned(),
        |text| text.replace(r#""tcbType":0"#, r#""tcbType":0,"#),
    ];
    for rewrite in rewrites {
        assert_fails(&tdx_text(rewrite), &TCB_INFO_MALFORMED);
    }
    let long = judge_tcb_info_text(&scenario(QuoteKind::SgxV3), |text| {
        text + &" ".repeat(1 << 20)
    });
    assert_fails(&long, &TCB_INFO_MALFORMED);
    let padded = judge_tcb_info_text(&scenario(QuoteKind::SgxV3), |text| text + " \r\n");
    assert_status(&padded, TcbStatus::UpToDate);
}

#[test]
fn values_of_the_wrong_form() {
    for (from, to) in [
        (r#""tcbType":0"#, r#""tcbType":"0""#),
        (r#""tcbType":0"#, r#""tcbType":0.0"#),
        (r#""tcbType":0"#, r#""tcbType":null"#),
        (
            r#""tcbEvaluationDataNumber":17"#,
            r#""tcbEvaluationDataNumber":-17"#,
        ),
        (
            r#""tcbEvaluationDataNumber":17"#,
            r#""tcbEvaluationDataNumber":17e0"#,
        ),
        (
            r#""tcbEvaluationDataNumber":17"#,
            r#""tcbEvaluationDataNumber":4294967296"#,
        ),
        (r#""fmspc":"FF"#, r#""fmspc":""#),
        (r#""fmspc":"FF"#, r#""fmspc":"FFFF"#),
        (r#""fmspc":"FF"#, r#""fmspc":"0xFF"#),
        (r#""issueDate":"2026"#, r#""issueDate":"26"#),
        (
            r#""issueDate":"2026-11-21T00:00:00Z""#,
            r#""issueDate":"2026-11-21T00:00:00""#,
        ),
        (
            r#""issueDate":"2026-11-21T00:00:00Z""#,
            r#""issueDate":"2026-11-21T00:00:00.0Z""#,
        ),
        (
            r#""issueDate":"2026-11-21T00:00:00Z""#,
            r#""issueDate":"2026-11-21T00:00:00+00:00""#,
        ),
        (r#""issueDate":"2026-11-21"#, r#""issueDate":"2026-02-30"#),
        (r#""tdxModule":{"#, r#""tdxModule":null,"x":{"#),
        (
            r#""tdxModuleIdentities":["#,
            r#""tdxModuleIdentities":null,"x":["#,
        ),
        (r#""advisoryIDs":["#, r#""advisoryIDs":null,"x":["#),
        (r#""advisoryIDs":["#, r#""advisoryIDs":[1,"#),
        (r#""id":"TDX""#, r#""id":null"#),
    ] {
        assert_fails(&tdx_text(replaced(from, to)), &TCB_INFO_MALFORMED);
    }
    // Without its signer an identity would let any enclave pass.
    let signer = hex::encode_upper(scenario(QuoteKind::SgxV3).qe_identity.mrsigner);
    for written in ["", "00"] {
        let verdict = judge_identity_text(&scenario(QuoteKind::SgxV3), |text| {
            text.replace(&signer, written)
        });
        assert_fails(&verdict, &IDENTITY_MALFORMED);
    }
    let verdict = judge_identity_text(&scenario(QuoteKind::SgxV3), |text| {
        text.replace(&format!(r#""mrsigner":"{signer}","#), "")
    });
    assert_fails(&verdict, &IDENTITY_MALFORMED);
}

/// Everything that is wrong is named, in the order of the procedure.
#[test]
fn the_signature_of_a_malformed_document_is_checked_as_well() {
    let scenario = scenario(QuoteKind::SgxV3);
    let verdict = judge_tampered(&scenario, |documents| {
        documents.collateral.tcb_info.body.push(b'x');
        documents.collateral.qe_identity.body.clear();
        documents.quote.signature[0] ^= 1;
    });
    assert_fails(
        &verdict,
        &[
            (Code::DocumentMalformed, "tcb_info"),
            (Code::DocumentSignatureInvalid, "tcb_info"),
            (Code::DocumentMalformed, "qe_identity"),
            (Code::DocumentSignatureInvalid, "qe_identity"),
            (Code::QuoteSignatureInvalid, "signature"),
        ],
    );
}
