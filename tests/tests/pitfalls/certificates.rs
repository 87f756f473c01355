//! Pitfalls in certificates and revocation: who signed, for which role, and who was revoked.

use bulla_collateral::TcbStatus;

use bulla_issuer::{
    Authority, Certification, Documents, PckCa, QuoteKind, Scenario, Seed, SigningKey, extension,
    pem,
};

use bulla_tests::scenarios::{
    BELOW_THE_ROOT, assert_fails, assert_genuine, assert_status, changed, each, judge, judge_bytes,
    judge_changed, judge_tampered, now, remarks, scenario, trusting,
};

use bulla_verifier::Code;

/// The same platform as certified by one CA or the other.
fn certified_by(ca: PckCa) -> Scenario {
    Scenario::certified_by(ca, &Seed::from("pitfalls"), QuoteKind::SgxV3, now())
}

/// Puts a certificate for the CA of the PCK CRL into the collateral, and no other place.
fn set_crl_issuer(documents: &mut Documents, certificate: &[u8]) {
    documents.collateral.pck_crl_issuer_chain =
        pem::chain(&[certificate, &documents.root_certificate]);
}

#[test]
fn pitfall_17_pck_crl_of_the_other_ca() {
    for (ca, other) in [
        (PckCa::Processor, PckCa::Platform),
        (PckCa::Platform, PckCa::Processor),
    ] {
        let scenario = certified_by(ca);
        assert_status(&judge(&scenario), TcbStatus::UpToDate);
        let theirs = certified_by(other).documents();
        // With its issuer chain it is a good list, of somebody else.
        let verdict = judge_tampered(&scenario, |documents| {
            documents.collateral.pck_crl = theirs.collateral.pck_crl.clone();
            documents.collateral.pck_crl_issuer_chain =
                theirs.collateral.pck_crl_issuer_chain.clone();
        });
        assert_fails(&verdict, &[(Code::CrlIssuerMismatch, "pck_crl")]);
        // Beside the issuer chain of the right CA nothing about it fits: name, key identifier, key.
        let verdict = judge_tampered(&scenario, |documents| {
            documents.collateral.pck_crl = theirs.collateral.pck_crl.clone();
        });
        assert_fails(
            &verdict,
            &[
                (Code::CrlIssuerMismatch, "pck_crl"),
                (Code::CrlIssuerMismatch, "pck_crl"),
                (Code::CrlSignatureInvalid, "pck_crl"),
            ],
        );
    }
}

#[test]
fn pitfall_17_pck_crl_and_root_crl_swapped() {
    let verdict = judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
        let collateral = &mut documents.collateral;
        std::mem::swap(&mut collateral.pck_crl, &mut collateral.root_ca_crl);
    });
    let all_of = |name| {
        [
            Code::CrlIssuerMismatch,
            Code::CrlIssuerMismatch,
            Code::CrlSignatureInvalid,
        ]
        .map(|code| (code, name))
    };
    assert_fails(
        &verdict,
        &[all_of("root_ca_crl"), all_of("pck_crl")].concat(),
    );
}

#[test]
fn pitfall_18_a_ca_with_a_new_key_and_its_crl() {
    // The CA has a new key under its old name. Its new list says nothing about what the old key
    // signed.
    let scenario = scenario(QuoteKind::SgxV3);
    let new_key = SigningKey::derive(&Seed::from("new"), "pck processor ca");
    let mut renewed = scenario.vendor.processor_ca.certificate.clone();
    renewed.public_key = new_key.public_key();
    renewed.serial = new_key.key_identifier().to_vec();
    renewed
        .extensions
        .set(extension::subject_key_identifier(new_key.key_identifier()));
    let verdict = judge_tampered(&scenario, |documents| {
        set_crl_issuer(documents, &renewed.sign(&scenario.vendor.root.key));
        let mut crl = scenario.pck_crl.clone();
        crl.extensions.set(extension::authority_key_identifier(
            new_key.key_identifier(),
        ));
        documents.collateral.pck_crl = crl.sign(&new_key);
    });
    assert_fails(&verdict, &[(Code::CrlIssuerMismatch, "pck_crl")]);
}

#[test]
fn pitfall_18_key_identifiers_of_crls() {
    let other = || extension::authority_key_identifier([7; 20]);
    let verdict = judge_changed(QuoteKind::SgxV3, |s| s.pck_crl.extensions.set(other()));
    assert_fails(&verdict, &[(Code::CrlIssuerMismatch, "pck_crl")]);
    let verdict = judge_changed(QuoteKind::SgxV3, |s| s.root_ca_crl.extensions.set(other()));
    assert_fails(&verdict, &[(Code::CrlIssuerMismatch, "root_ca_crl")]);
    for oid in [extension::AUTHORITY_KEY_IDENTIFIER, extension::CRL_NUMBER] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.pck_crl.extensions.remove(oid));
        assert_fails(&verdict, &[(Code::CrlMalformed, "pck_crl")]);
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.root_ca_crl.extensions.remove(oid));
        assert_fails(&verdict, &[(Code::CrlMalformed, "root_ca_crl")]);
    }
}

#[test]
fn pitfall_18_key_identifiers_of_certificates() {
    for (certificate, names) in BELOW_THE_ROOT {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            certificate(s)
                .extensions
                .set(extension::authority_key_identifier([7; 20]));
        });
        assert_fails(&verdict, &each(Code::KeyIdentifierMismatch, names));
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            certificate(s)
                .extensions
                .remove(extension::AUTHORITY_KEY_IDENTIFIER);
        });
        let missing = |name| {
            [
                Code::CertificateExtensionInvalid,
                Code::KeyIdentifierMismatch,
            ]
            .map(|c| (c, name))
        };
        let expected: Vec<_> = names.iter().copied().flat_map(missing).collect();
        assert_fails(&verdict, &expected);
    }
    // A CA that calls its key something else than all it has signed.
    let verdict = judge_changed(QuoteKind::SgxV3, |s| {
        let ca = &mut s.vendor.processor_ca.certificate;
        ca.extensions
            .set(extension::subject_key_identifier([7; 20]));
    });
    assert_fails(
        &verdict,
        &[
            (Code::KeyIdentifierMismatch, "pck_certificate"),
            (Code::CrlIssuerMismatch, "pck_crl"),
        ],
    );
}

#[test]
fn pitfall_19_revoked_certificates() {
    let leaf = judge_changed(QuoteKind::SgxV3, |s| {
        s.pck_crl.revoke(&s.pck_certificate.serial)
    });
    assert_fails(&leaf, &[(Code::CertificateRevoked, "pck_certificate")]);

    let by_root = |of: fn(&Scenario) -> &Authority| {
        judge_changed(QuoteKind::SgxV3, |s| {
            let serial = of(s).certificate.serial.clone();
            s.root_ca_crl.revoke(&serial);
        })
    };
    let revoked = |names| each(Code::CertificateRevoked, names);
    assert_fails(
        &by_root(|s| &s.vendor.processor_ca),
        &revoked(&["pck_ca", "pck_crl_ca"]),
    );
    assert_fails(
        &by_root(|s| &s.vendor.tcb_signer),
        &revoked(&["tcb_info_signer", "qe_identity_signer"]),
    );
    assert_fails(
        &by_root(|s| &s.vendor.root),
        &revoked(&[
            "root_ca",
            "pck_crl_root_ca",
            "tcb_info_root_ca",
            "qe_identity_root_ca",
        ]),
    );
    // The CA of other platforms.
    assert_genuine(&by_root(|s| &s.vendor.platform_ca));
}

#[test]
fn pitfall_19_what_revokes_and_what_does_not() {
    let with = |change: fn(&mut Scenario, Vec<u8>)| {
        judge_changed(QuoteKind::SgxV3, |s| {
            let serial = s.pck_certificate.serial.clone();
            change(s, serial);
        })
    };
    let revoked = [(Code::CertificateRevoked, "pck_certificate")];
    // Whatever the reason, `removeFromCRL` included, and whenever it happened.
    for reason in [None, Some(0), Some(8), Some(255)] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| {
            s.pck_crl.revoke(&s.pck_certificate.serial);
            s.pck_crl.revoked[0].reason = reason;
            s.pck_crl.revoked[0].date = s.at.saturating_add(1000);
        });
        assert_fails(&verdict, &revoked);
    }
    // Among many, in any order, and twice.
    let verdict = with(|s, serial| {
        for number in (1_u16..600).rev() {
            s.pck_crl.revoke(&number.to_be_bytes());
        }
        s.pck_crl.revoke(&serial);
        s.pck_crl.revoke(&[9; 20]);
        s.pck_crl.revoke(&serial);
    });
    assert_fails(&verdict, &revoked);
    // Another serial number, and the right one in the list of another CA.
    assert_genuine(&with(|s, mut serial| {
        serial[19] ^= 1;
        s.pck_crl.revoke(&serial);
    }));
    assert_genuine(&with(|s, serial| s.pck_crl.revoke(&serial[..19])));
    assert_genuine(&with(|s, serial| s.root_ca_crl.revoke(&serial)));
    // A list that cannot be read clears nobody.
    let verdict = with(|s, serial| {
        s.pck_crl.revoke(&serial);
        s.pck_crl.revoke(&[0]);
    });
    assert_fails(&verdict, &[(Code::CrlMalformed, "pck_crl")]);
}

#[test]
fn signatures_by_the_wrong_key() {
    let vendor = scenario(QuoteKind::SgxV3).vendor;
    let stranger = SigningKey::derive(&Seed::from("stranger"), "any");
    for key in [&stranger, &vendor.platform_ca.key] {
        let scenario = scenario(QuoteKind::SgxV3);
        let with = |change: &dyn Fn(&mut Documents)| {
            judge_tampered(&scenario, |documents| {
                change(documents);
                documents.rewrite_chains();
            })
        };
        let leaf = with(&|d| d.pck_certificate = scenario.pck_certificate_spec().sign(key));
        assert_fails(
            &leaf,
            &[(Code::CertificateSignatureInvalid, "pck_certificate")],
        );
        let ca = with(&|d| d.pck_ca_certificate = vendor.processor_ca.certificate.sign(key));
        let names = ["pck_ca", "pck_crl_ca"];
        assert_fails(&ca, &each(Code::CertificateSignatureInvalid, &names));
        let signer = with(&|d| d.tcb_signing_certificate = vendor.tcb_signer.certificate.sign(key));
        let names = ["tcb_info_signer", "qe_identity_signer"];
        assert_fails(&signer, &each(Code::CertificateSignatureInvalid, &names));
        let crl = with(&|d| d.collateral.pck_crl = scenario.pck_crl.sign(key));
        assert_fails(&crl, &[(Code::CrlSignatureInvalid, "pck_crl")]);
        let crl = with(&|d| d.collateral.root_ca_crl = scenario.root_ca_crl.sign(key));
        assert_fails(&crl, &[(Code::CrlSignatureInvalid, "root_ca_crl")]);
        let root = with(&|d| d.root_certificate = vendor.root.certificate.sign(key));
        let roots = [
            "root_ca",
            "pck_crl_root_ca",
            "tcb_info_root_ca",
            "qe_identity_root_ca",
        ];
        assert_fails(&root, &each(Code::RootSignatureInvalid, &roots));
    }
}

/// The key is what is trusted. The vendor renews certificates and keeps keys.
#[test]
fn pitfall_42_several_certificates_of_one_key() {
    let scenario = scenario(QuoteKind::SgxV3);
    let renewed = |authority: &Authority| {
        let mut certificate = authority.certificate.clone();
        certificate.serial = vec![0x11; 20];
        certificate.validity.until = certificate.validity.until.saturating_add(1000);
        certificate.sign(&scenario.vendor.root.key)
    };
    let root = renewed(&scenario.vendor.root);
    let everywhere = judge_tampered(&scenario, |documents| {
        documents.root_certificate = root.clone();
        documents.rewrite_chains();
    });
    assert_status(&everywhere, TcbStatus::UpToDate);
    // Once: in the other chains it has bytes that were looked at already.
    assert_eq!(remarks(&everywhere), [Code::RootCertificateUnknown]);

    let in_quote = judge_tampered(&scenario, |documents| {
        let own = &documents.pck_ca_certificate;
        let chain = pem::chain(&[&documents.pck_certificate, own, &root]);
        documents.quote.certification = Certification::PckChain(chain);
    });
    assert_status(&in_quote, TcbStatus::UpToDate);
    assert_eq!(remarks(&in_quote), [Code::RootCertificateUnknown]);

    let ca_beside_crl = judge_tampered(&scenario, |d| {
        set_crl_issuer(d, &renewed(&scenario.vendor.processor_ca))
    });
    assert_status(&ca_beside_crl, TcbStatus::UpToDate);
    let signer = judge_tampered(&scenario, |d| {
        let chain = [
            renewed(&scenario.vendor.tcb_signer),
            d.root_certificate.clone(),
        ];
        d.collateral.qe_identity_issuer_chain = pem::chain(&[&chain[0], &chain[1]]);
    });
    assert_status(&signer, TcbStatus::UpToDate);
    // Which certificate was revoked is told by its number: the other one of the key still holds.
    let old_one_revoked = changed(QuoteKind::SgxV3, |s| {
        let serial = s.vendor.processor_ca.certificate.serial.clone();
        s.root_ca_crl.revoke(&serial);
    });
    let verdict = judge_tampered(&old_one_revoked, |documents| {
        documents.pck_ca_certificate = renewed(&scenario.vendor.processor_ca);
        documents.rewrite_chains();
    });
    assert_status(&verdict, TcbStatus::UpToDate);
    // The quote with the old one, the list with the new one.
    let verdict = judge_tampered(&old_one_revoked, |d| {
        set_crl_issuer(d, &renewed(&scenario.vendor.processor_ca));
    });
    assert_fails(&verdict, &[(Code::CertificateRevoked, "pck_ca")]);
}

/// A quote under one trusted root, its collateral under another.
#[test]
fn roots_that_differ() {
    let ours = scenario(QuoteKind::SgxV3);
    let theirs = Scenario::new(&Seed::from("another vendor"), QuoteKind::SgxV3, now());
    let anchors = trusting(&ours.vendor.root_certificate())
        .with_simulated(&theirs.vendor.root_certificate())
        .expect("another root");
    let (own, other) = (ours.build(), theirs.build());

    let mut documents_by_others = own.collateral.clone();
    documents_by_others.tcb_info = other.collateral.tcb_info.clone();
    documents_by_others.tcb_info_issuer_chain = other.collateral.tcb_info_issuer_chain.clone();
    let verdict = judge_bytes(&own.quote, &documents_by_others, &anchors, now());
    assert_fails(&verdict, &[(Code::AnchorsDiffer, "tcb_info_root_ca")]);

    let verdict = judge_bytes(&own.quote, &other.collateral, &anchors, now());
    let codes: Vec<_> = verdict.failures().map(|f| (f.code, f.subject)).collect();
    assert_eq!(
        codes,
        [
            (Code::CrlIssuerMismatch, "pck_crl"),
            (Code::AnchorsDiffer, "root_ca"),
            (Code::QeMrsignerMismatch, "qe_report"),
        ]
    );
    assert_genuine(&judge_bytes(
        &other.quote,
        &other.collateral,
        &anchors,
        now(),
    ));
}
