//! Pitfalls in the roles of certificates: who may sign what, and what says so.

use bulla_collateral::TcbStatus;
use bulla_issuer::{
    Documents, Extension, Extensions, QuoteKind, SigningKey, extension, pem, sign_text,
};
use bulla_tests::scenarios::{
    BELOW_THE_ROOT, assert_fails, assert_status, each, judge, judge_changed, judge_tampered,
    scenario,
};
use bulla_verifier::Code;

/// Puts a chain in the place of those of TCB info and identity.
fn set_signing_chains(documents: &mut Documents, certificates: &[&[u8]]) {
    documents.collateral.tcb_info_issuer_chain = pem::chain(certificates);
    documents.collateral.qe_identity_issuer_chain = pem::chain(certificates);
}

/// TCB info and identity signed by another key than the vendor's.
fn set_signatures(documents: &mut Documents, key: &SigningKey) {
    let collateral = &mut documents.collateral;
    collateral.tcb_info = sign_text(collateral.tcb_info.body.clone(), key);
    collateral.qe_identity = sign_text(collateral.qe_identity.body.clone(), key);
}

#[test]
fn pitfall_21_a_platform_signs_collateral() {
    let scenario = scenario(QuoteKind::SgxV3);
    let no_signer = |name, missing| {
        [
            (Code::CertificateUnexpected, name),
            (Code::CertificateUnexpected, name),
            (Code::CertificateMissing, missing),
        ]
    };
    let verdict = judge_tampered(&scenario, |documents| {
        set_signatures(documents, &scenario.pck_key);
        let (leaf, ca) = (
            documents.pck_certificate.clone(),
            documents.pck_ca_certificate.clone(),
        );
        let root = documents.root_certificate.clone();
        set_signing_chains(documents, &[&leaf, &ca, &root]);
    });
    let expected = [
        no_signer("tcb_info_issuer_chain", "tcb_info_signer"),
        no_signer("qe_identity_issuer_chain", "qe_identity_signer"),
    ];
    assert_fails(&verdict, &expected.concat());

    // Beside the vendor's own chain.
    let verdict = judge_tampered(&scenario, |d| set_signatures(d, &scenario.pck_key));
    assert_fails(
        &verdict,
        &[
            (Code::DocumentSignatureInvalid, "tcb_info"),
            (Code::DocumentSignatureInvalid, "qe_identity"),
        ],
    );
}

/// A certificate with the name of the TCB signer that the root did not issue.
#[test]
fn pitfall_21_a_signer_below_a_pck_ca() {
    let scenario = scenario(QuoteKind::SgxV3);
    let mut signer = scenario.pck_certificate.clone();
    signer.subject = scenario.vendor.tcb_signer.certificate.subject.clone();
    let verdict = judge_tampered(&scenario, |documents| {
        set_signatures(documents, &scenario.pck_key);
        let certificate = signer.sign(&scenario.vendor.processor_ca.key);
        let root = documents.root_certificate.clone();
        set_signing_chains(documents, &[&certificate, &root]);
    });
    let not_by_root = |name| {
        [
            (Code::CertificateNameMismatch, name),
            (Code::KeyIdentifierMismatch, name),
            (Code::CertificateSignatureInvalid, name),
        ]
    };
    let expected = [
        not_by_root("tcb_info_signer"),
        not_by_root("qe_identity_signer"),
    ];
    assert_fails(&verdict, &expected.concat());
}

#[test]
fn pitfall_21_a_ca_signs_collateral() {
    let scenario = scenario(QuoteKind::SgxV3);
    let ca_key = &scenario.vendor.processor_ca.key;
    let verdict = judge_tampered(&scenario, |documents| {
        set_signatures(documents, ca_key);
        let (ca, root) = (
            documents.pck_ca_certificate.clone(),
            documents.root_certificate.clone(),
        );
        set_signing_chains(documents, &[&ca, &root]);
    });
    assert_fails(
        &verdict,
        &[
            (Code::CertificateUnexpected, "tcb_info_issuer_chain"),
            (Code::CertificateMissing, "tcb_info_signer"),
            (Code::CertificateUnexpected, "qe_identity_issuer_chain"),
            (Code::CertificateMissing, "qe_identity_signer"),
        ],
    );
    // Under the name of the signer, it is still a CA: twice wrong, by constraints and by usage.
    let mut renamed = scenario.vendor.processor_ca.certificate.clone();
    renamed.subject = scenario.vendor.tcb_signer.certificate.subject.clone();
    let verdict = judge_tampered(&scenario, |documents| {
        set_signatures(documents, ca_key);
        let certificate = renamed.sign(&scenario.vendor.root.key);
        let root = documents.root_certificate.clone();
        set_signing_chains(documents, &[&certificate, &root]);
    });
    let names = [
        "tcb_info_signer",
        "tcb_info_signer",
        "qe_identity_signer",
        "qe_identity_signer",
    ];
    assert_fails(&verdict, &each(Code::CertificateExtensionInvalid, &names));
    // The root itself.
    let verdict = judge_tampered(&scenario, |documents| {
        set_signatures(documents, &scenario.vendor.root.key);
        let root = documents.root_certificate.clone();
        set_signing_chains(documents, &[&root]);
    });
    let names = ["tcb_info_signer", "qe_identity_signer"];
    assert_fails(&verdict, &each(Code::CertificateMissing, &names));
}

/// The purposes of keys go by what each bit says, not by whether the extension looks like another
/// role's.
#[test]
fn keys_have_the_purposes_of_their_role_and_no_others() {
    const DIGITAL_SIGNATURE: u8 = 0b1000_0000;
    const CERT_SIGN: u8 = 0b0000_0100;
    const CRL_SIGN: u8 = 0b0000_0010;
    let usage = |bits: u8| Extension {
        value: vec![3, 2, 1, bits],
        ..extension::ca_key_usage()
    };
    for (certificate, names) in BELOW_THE_ROOT {
        let (fitting, unfit) = match names.contains(&"pck_ca") {
            true => (
                [
                    CERT_SIGN | CRL_SIGN,
                    CERT_SIGN | CRL_SIGN | DIGITAL_SIGNATURE,
                ],
                [CERT_SIGN, CRL_SIGN, DIGITAL_SIGNATURE],
            ),
            false => (
                [DIGITAL_SIGNATURE, DIGITAL_SIGNATURE | 0b0111_1000],
                [
                    0b0100_0000,
                    DIGITAL_SIGNATURE | CERT_SIGN,
                    DIGITAL_SIGNATURE | CRL_SIGN,
                ],
            ),
        };
        let with = |bits| {
            judge_changed(QuoteKind::SgxV3, |s| {
                certificate(s).extensions.set(usage(bits));
            })
        };
        for bits in fitting {
            assert_status(&with(bits), TcbStatus::UpToDate);
        }
        for bits in unfit {
            let expected = each(Code::CertificateExtensionInvalid, names);
            assert_fails(&with(bits), &expected);
        }
    }
}

/// RFC 5280, section 4.2.1.9: a path length has a meaning for CAs only.
#[test]
fn a_path_length_stands_beside_a_ca_only() {
    let constraints = |contents: &[u8]| Extension {
        value: [&[0x30, contents.len() as u8], contents].concat(),
        ..extension::end_entity_constraints()
    };
    for (certificate, names) in [BELOW_THE_ROOT[0], BELOW_THE_ROOT[2]] {
        let with = |contents| {
            judge_changed(QuoteKind::SgxV3, |s| {
                certificate(s).extensions.set(constraints(contents));
            })
        };
        let expected = each(Code::CertificateExtensionInvalid, names);
        assert_fails(&with(&[2, 1, 0]), &expected);
        assert_fails(&with(&[1, 1, 0, 2, 1, 0]), &expected);
        // As genuine leaves may have it: `cA` written out.
        assert_status(&with(&[1, 1, 0]), TcbStatus::UpToDate);
    }
}

/// What a certificate's extensions say of it, one thing wrong at a time.
#[test]
fn extensions_that_do_not_fit_the_role() {
    let unknown = |critical| Extension {
        oid: "1.2.3.4".parse().expect("an OID"),
        critical,
        value: vec![5, 0],
    };
    for (certificate, names) in BELOW_THE_ROOT {
        let is_ca = names.contains(&"pck_ca");
        let (other_usage, other_constraints) = match is_ca {
            true => (
                extension::signing_key_usage(),
                extension::end_entity_constraints(),
            ),
            false => (extension::ca_key_usage(), extension::ca_constraints(0)),
        };
        let wrong = |change: &dyn Fn(&mut Extensions)| {
            let verdict =
                judge_changed(QuoteKind::SgxV3, |s| change(&mut certificate(s).extensions));
            assert_fails(&verdict, &each(Code::CertificateExtensionInvalid, names));
        };
        wrong(&|extensions| extensions.set(other_usage.clone()));
        wrong(&|extensions| extensions.set(other_constraints.clone()));
        wrong(&|extensions| extensions.remove(extension::KEY_USAGE));
        wrong(&|extensions| extensions.remove(extension::BASIC_CONSTRAINTS));
        wrong(&|extensions| extensions.remove(extension::CRL_DISTRIBUTION_POINTS));
        wrong(&|extensions| extensions.set(unknown(true)));
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            certificate(s).extensions.set(unknown(false));
        });
        assert_status(&verdict, TcbStatus::UpToDate);
    }
    // The vendor's mark of simulation is known, critical or not.
    let mut critical = scenario(QuoteKind::SgxV3);
    critical.vendor.mark_critically();
    critical
        .pck_certificate
        .extensions
        .set(extension::simulated(true));
    assert_status(&judge(&critical), TcbStatus::UpToDate);
}

/// A root has its role because it issued itself, and must still bear the name of one.
#[test]
fn a_root_of_another_name() {
    let named = |name: &str| {
        judge_changed(QuoteKind::SgxV3, |s| {
            let root = &mut s.vendor.root.certificate;
            root.subject.common_name = name.to_owned();
            let subject = root.subject.clone();
            for (certificate, _) in &BELOW_THE_ROOT[1..] {
                certificate(s).issuer = subject.clone();
            }
            s.vendor.root.certificate.issuer = subject.clone();
            s.root_ca_crl.issuer = subject;
        })
    };
    assert_status(&named("Another SGX Root CA"), TcbStatus::UpToDate);
    let roots = [
        "root_ca",
        "pck_crl_root_ca",
        "tcb_info_root_ca",
        "qe_identity_root_ca",
    ];
    let expected = each(Code::CertificateNameMismatch, &roots);
    assert_fails(&named("Another Root CA"), &expected);
}

#[test]
fn names_that_do_not_fit_the_role() {
    // The subject is what gives a certificate its role: without it there is none.
    for (certificate, missing) in [
        (
            BELOW_THE_ROOT[0].0,
            ["pck_certificate_chain", "pck_certificate"],
        ),
        (
            BELOW_THE_ROOT[2].0,
            ["tcb_info_issuer_chain", "tcb_info_signer"],
        ),
    ] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            certificate(s).subject.common_name = "Simulated Certificate".to_owned();
        });
        let first: Vec<_> = verdict
            .failures()
            .take(2)
            .map(|f| (f.code, f.subject))
            .collect();
        assert_eq!(
            first,
            [
                (Code::CertificateUnexpected, missing[0]),
                (Code::CertificateMissing, missing[1])
            ]
        );
    }
    for (certificate, names) in BELOW_THE_ROOT {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            certificate(s).issuer.locality = "Elsewhere".to_owned();
        });
        assert_fails(&verdict, &each(Code::CertificateNameMismatch, names));
    }
}
