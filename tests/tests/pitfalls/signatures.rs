//! Pitfalls in the signatures of quotes and documents, and in the keys they are checked under.

use bulla_collateral::TcbStatus;
use bulla_issuer::{QuoteKind, qe_report_data, with_other_s};
use bulla_tests::scenarios::{
    SGX_KINDS, assert_fails, assert_status, judge_changed, judge_tampered, scenario,
};
use bulla_verifier::Code;

/// The order of the group P-256, big-endian.
const ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";

fn number(text: &str) -> [u8; 32] {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).expect("64 digits");
    bytes
}

/// Byte by byte `r`, then `s`.
fn pair(r: [u8; 32], s: [u8; 32]) -> [u8; 64] {
    let mut both = [0; 64];
    both[..32].copy_from_slice(&r);
    both[32..].copy_from_slice(&s);
    both
}

#[test]
fn auth_data_of_the_quoting_enclave_may_have_any_length() {
    for kind in QuoteKind::ALL {
        for length in [0, 1, 31, 33, 64, 1000, 60_000] {
            let verdict = judge_changed(kind, |s| s.quote.qe_auth = vec![0x5a; length]);
            assert_status(&verdict, TcbStatus::UpToDate);
        }
        // It is bound to the report, byte by byte and in its length.
        let mismatch = [(Code::QeReportDataMismatch, "qe_report")];
        let verdict = judge_tampered(&scenario(kind), |d| d.quote.qe_auth[31] ^= 1);
        assert_fails(&verdict, &mismatch);
        let verdict = judge_tampered(&scenario(kind), |d| d.quote.qe_auth.push(0));
        assert_fails(&verdict, &mismatch);
    }
}

#[test]
fn the_report_of_the_quoting_enclave_binds_the_key_and_ends_in_zeros() {
    for kind in QuoteKind::ALL {
        for byte in [0, 31, 32, 63] {
            let scenario = scenario(kind);
            let verdict = judge_tampered(&scenario, |documents| {
                documents.quote.qe_report.reportdata[byte] ^= 1;
                documents.quote.sign_qe_report(&scenario.pck_key);
            });
            assert_fails(&verdict, &[(Code::QeReportDataMismatch, "qe_report")]);
        }
    }
}

#[test]
fn pitfall_33_signatures_out_of_range() {
    let (zero, one, order) = (
        number(&"00".repeat(32)),
        number(&format!("{:064x}", 1)),
        number(ORDER),
    );
    let beyond = number(&"ff".repeat(32));
    let mut hopeless = vec![pair(one, one), pair(zero, zero)];
    for bad in [zero, order, beyond] {
        hopeless.extend([pair(bad, one), pair(one, bad)]);
    }
    for kind in QuoteKind::ALL {
        for signature in &hopeless {
            let verdict = judge_tampered(&scenario(kind), |d| d.quote.signature = *signature);
            assert_fails(&verdict, &[(Code::QuoteSignatureInvalid, "signature")]);
            let verdict = judge_tampered(&scenario(kind), |d| {
                d.quote.qe_report_signature = *signature
            });
            assert_fails(&verdict, &[(Code::QeReportSignatureInvalid, "qe_report")]);
        }
        // Good numbers in the wrong order are no signature either.
        let verdict = judge_tampered(&scenario(kind), |d| d.quote.signature.rotate_left(32));
        assert_fails(&verdict, &[(Code::QuoteSignatureInvalid, "signature")]);
    }
}

#[test]
fn pitfall_33_both_forms_of_s_are_accepted() {
    for kind in SGX_KINDS {
        for times in [1, 2] {
            let verdict = judge_tampered(&scenario(kind), |documents| {
                for _ in 0..times {
                    let quote = &mut documents.quote;
                    quote.signature = with_other_s(&quote.signature).expect("in range");
                    quote.qe_report_signature =
                        with_other_s(&quote.qe_report_signature).expect("in range");
                }
            });
            assert_status(&verdict, TcbStatus::UpToDate);
        }
    }
}

#[test]
fn pitfall_34_attestation_keys_that_are_no_point() {
    let good = scenario(QuoteKind::SgxV3).documents().quote.attestation_key;
    let (x, y) = good.split_at(32);
    let mut off_the_curve = good;
    off_the_curve[63] ^= 1;
    let mut swapped = good;
    swapped[..32].copy_from_slice(y);
    swapped[32..].copy_from_slice(x);
    let invalid = [[0; 64], [0xff; 64], off_the_curve, swapped];
    for kind in QuoteKind::ALL {
        for key in invalid {
            let scenario = scenario(kind);
            // The quoting enclave vouches for it, so that nothing but the key is wrong.
            let verdict = judge_tampered(&scenario, |documents| {
                let quote = &mut documents.quote;
                quote.attestation_key = key;
                quote.qe_report.reportdata = qe_report_data(&key, &quote.qe_auth);
                quote.sign_qe_report(&scenario.pck_key);
            });
            assert_fails(
                &verdict,
                &[(Code::AttestationKeyInvalid, "attestation_key")],
            );
        }
    }
}

#[test]
fn pitfall_34_platform_keys_that_are_no_point() {
    let mut zero = [0; 65];
    zero[0] = 4;
    for key in [zero, [0; 65], [4; 65]] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.pck_certificate.public_key = key);
        assert_fails(&verdict, &[(Code::QeReportSignatureInvalid, "qe_report")]);
    }
}

#[test]
fn a_body_signed_by_another_key_is_not_the_quoting_enclaves() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let verdict = judge_tampered(&scenario, |d| d.quote.sign_body(&scenario.pck_key));
        assert_fails(&verdict, &[(Code::QuoteSignatureInvalid, "signature")]);
        let verdict = judge_tampered(&scenario, |d| {
            d.quote.sign_qe_report(&scenario.quote.attestation_key)
        });
        assert_fails(&verdict, &[(Code::QeReportSignatureInvalid, "qe_report")]);
    }
}

#[test]
fn pitfall_36_signatures_of_documents_are_128_digits() {
    let (zero, one) = ("0".repeat(64), format!("{:064x}", 1));
    let scenario = scenario(QuoteKind::SgxV3);
    let with_signature = |rewrite: &dyn Fn(&str) -> String| {
        let of_tcb_info = judge_tampered(&scenario, |documents| {
            let signature = &mut documents.collateral.tcb_info.signature;
            *signature = rewrite(signature);
        });
        let of_identity = judge_tampered(&scenario, |documents| {
            let signature = &mut documents.collateral.qe_identity.signature;
            *signature = rewrite(signature);
        });
        [of_tcb_info, of_identity]
    };
    let body = scenario.tcb_info.to_json();
    let der = hex::encode(scenario.vendor.tcb_signer.key.sign_der(body.as_bytes()));
    let malformed: [&dyn Fn(&str) -> String; 14] = [
        &|_| String::new(),
        &|_| der.clone(),
        &|good| good[..126].to_owned(),
        &|good| good[..127].to_owned(),
        &|good| format!("{good}0"),
        &|good| format!("{good}00"),
        &|good| format!("0x{good}"),
        &|good| format!(" {good}"),
        &|good| format!("{good}\n"),
        &|good| format!("{zero}{}", &good[64..]),
        &|good| format!("{}{zero}", &good[..64]),
        &|good| format!("{ORDER}{}", &good[64..]),
        &|good| format!("{}{ORDER}", &good[..64]),
        &|good| format!("{}{}", &good[..64], "f".repeat(64)),
    ];
    for rewrite in malformed {
        let [of_tcb_info, of_identity] = with_signature(rewrite);
        assert_fails(
            &of_tcb_info,
            &[(Code::DocumentSignatureMalformed, "tcb_info")],
        );
        assert_fails(
            &of_identity,
            &[(Code::DocumentSignatureMalformed, "qe_identity")],
        );
    }
    for verdict in with_signature(&|_| format!("{one}{one}"))
        .iter()
        .zip(["tcb_info", "qe_identity"])
    {
        assert_fails(verdict.0, &[(Code::DocumentSignatureInvalid, verdict.1)]);
    }
    for verdict in with_signature(&|good| good.to_uppercase()) {
        assert_status(&verdict, TcbStatus::UpToDate);
    }
    let other_s = |good: &str| {
        let mut raw = [0; 64];
        hex::decode_to_slice(good, &mut raw).expect("128 digits");
        hex::encode(bulla_issuer::with_other_s(&raw).expect("in range"))
    };
    for verdict in with_signature(&other_s) {
        assert_status(&verdict, TcbStatus::UpToDate);
    }
}
