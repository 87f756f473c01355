//! Pitfalls in how certificates and CRLs are written down: PEM, chains, DER.

use bulla_collateral::{CollateralSet, TcbStatus};

use bulla_issuer::{Certification, Documents, QuoteKind, pem};

use bulla_tests::scenarios::{
    assert_fails, assert_status, changed, judge_tampered, scenario, trusting,
};

use bulla_verifier::{Code, Verdict};

#[test]
fn pitfall_28_crls_in_every_form() {
    let pem = |der: &[u8]| pem::block("X509 CRL", der).into_bytes();
    let hex = |der: &[u8]| hex::encode(der).into_bytes();
    type Form<'a> = &'a dyn Fn(&[u8]) -> Vec<u8>;
    let accepted: [Form<'_>; 8] = [
        &|der| der.to_vec(),
        &pem,
        &|der| [b"\r\n", &pem(der)[..], b"\n"].concat(),
        &|der| [&pem(der)[..], b"\0"].concat(),
        &|der| {
            String::from_utf8(pem(der))
                .expect("text")
                .replace('\n', "\r\n")
                .into_bytes()
        },
        &hex,
        &|der| hex::encode_upper(der).into_bytes(),
        &|der| [b" ", &hex(der)[..], b"\n"].concat(),
    ];
    let refused: [Form<'_>; 13] = [
        &|_| Vec::new(),
        &|_| b" \n".to_vec(),
        &|_| b"-----BEGIN X509 CRL-----\n-----END X509 CRL-----\n".to_vec(),
        &|der| [der, &[0]].concat(),
        &|der| der[..der.len() - 1].to_vec(),
        &|der| [&[0], der].concat(),
        &|der| pem::block("CERTIFICATE", der).into_bytes(),
        &|der| pem::block("CRL", der).into_bytes(),
        &|der| pem(der).repeat(2),
        &|der| [b"# a comment\n", &pem(der)[..]].concat(),
        &|der| [b"0x", &hex(der)[..]].concat(),
        &|der| hex(der)[1..].to_vec(),
        &|der| hex(&hex(der)),
    ];
    let scenario = changed(QuoteKind::SgxV3, |s| s.pck_crl.revoke(&[5; 20]));
    let in_form = |form: Form<'_>| {
        let pck_crl = judge_tampered(&scenario, |documents| {
            documents.collateral.pck_crl = form(&documents.collateral.pck_crl);
        });
        let root_ca_crl = judge_tampered(&scenario, |documents| {
            documents.collateral.root_ca_crl = form(&documents.collateral.root_ca_crl);
        });
        [(pck_crl, "pck_crl"), (root_ca_crl, "root_ca_crl")]
    };
    for form in accepted {
        for (verdict, _) in in_form(form) {
            assert_status(&verdict, TcbStatus::UpToDate);
        }
    }
    for form in refused {
        for (verdict, name) in in_form(form) {
            assert_fails(&verdict, &[(Code::CrlMalformed, name)]);
        }
    }
}

/// The certificates of the chain in a quote: leaf, CA, root.
fn pck_certificates(documents: &Documents) -> [Vec<u8>; 3] {
    [
        documents.pck_certificate.clone(),
        documents.pck_ca_certificate.clone(),
        documents.root_certificate.clone(),
    ]
}

/// The verdict on a quote with another text as chain.
fn with_chain(rewrite: impl FnOnce(&Documents) -> Vec<u8>) -> Verdict {
    judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
        documents.quote.certification = Certification::PckChain(rewrite(documents));
    })
}

#[test]
fn pitfall_29_certificates_in_any_order() {
    for order in [
        [0, 1, 2],
        [0, 2, 1],
        [1, 0, 2],
        [1, 2, 0],
        [2, 0, 1],
        [2, 1, 0],
    ] {
        let verdict = with_chain(|documents| {
            let certificates = pck_certificates(documents);
            pem::chain(&order.map(|index| &certificates[index][..]))
        });
        assert_status(&verdict, TcbStatus::UpToDate);
    }
    let verdict = judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
        let [_, ca, root] = pck_certificates(documents);
        let signer = documents.tcb_signing_certificate.clone();
        documents.collateral.pck_crl_issuer_chain = pem::chain(&[&root, &ca]);
        documents.collateral.tcb_info_issuer_chain = pem::chain(&[&root, &signer]);
        documents.collateral.qe_identity_issuer_chain = pem::chain(&[&root, &signer]);
    });
    assert_status(&verdict, TcbStatus::UpToDate);
}

#[test]
fn pitfall_29_certificates_that_are_missing_or_too_many() {
    let chain = "pck_certificate_chain";
    let of = |pick: fn(&[Vec<u8>; 3], &[u8]) -> Vec<u8>| {
        with_chain(|d| pick(&pck_certificates(d), &d.tcb_signing_certificate))
    };
    assert_status(
        &of(|[leaf, ca, _], _| pem::chain(&[leaf, ca])),
        TcbStatus::UpToDate,
    );

    let missing = Code::CertificateMissing;
    assert_fails(
        &of(|[_, ca, root], _| pem::chain(&[ca, root])),
        &[(missing, "pck_certificate")],
    );
    let unexpected = [(Code::CertificateUnexpected, chain)];
    assert_fails(
        &of(|[leaf, ca, root], _| pem::chain(&[leaf, ca, root, root])),
        &unexpected,
    );
    assert_fails(
        &of(|[leaf, ca, root], _| pem::chain(&[leaf, leaf, ca, root])),
        &unexpected,
    );
    assert_fails(
        &of(|[leaf, ca, _], _| pem::chain(&[leaf, ca, ca])),
        &unexpected,
    );
    assert_fails(
        &of(|[leaf, ca, root], signer| pem::chain(&[leaf, ca, root, signer])),
        &unexpected,
    );
    let verdict = judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
        let [leaf, ca, root] = pck_certificates(documents);
        documents.collateral.pck_crl_issuer_chain = pem::chain(&[&leaf, &ca, &root]);
    });
    assert_fails(
        &verdict,
        &[(Code::CertificateUnexpected, "pck_crl_issuer_chain")],
    );
    // The issuer chains of the collateral hold their root.
    let verdict = judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
        let signer = pem::chain(&[&documents.tcb_signing_certificate]);
        documents.collateral.tcb_info_issuer_chain = signer;
    });
    assert_fails(&verdict, &[(missing, "tcb_info_root_ca")]);
}

/// Nothing that stands in a chain is searched for a path: one certificate too many ends it.
#[test]
fn pitfall_29_ten_thousand_certificates() {
    let nothing_left = [
        (Code::ChainMalformed, "pck_certificate_chain"),
        (Code::CertificateMissing, "pck_certificate"),
        (Code::CertificateMissing, "pck_ca"),
    ];
    let five = with_chain(|documents| {
        let [leaf, ca, root] = pck_certificates(documents);
        pem::chain(&[&leaf, &ca, &root, &ca, &root])
    });
    assert_fails(&five, &nothing_left);

    let scenario = scenario(QuoteKind::SgxV3);
    let mut documents = scenario.documents();
    let [leaf, ca, root] = pck_certificates(&documents);
    let chain = [
        pem::chain(&[&leaf]),
        pem::chain(&[&ca]).repeat(9_998),
        b"Nobody reads on to this, which is no certificate.".to_vec(),
    ];
    let chain = chain.concat();
    documents
        .collateral
        .tcb_info_issuer_chain
        .clone_from(&chain);
    documents.quote.certification = Certification::PckChain(chain);
    let attestation = documents.assemble();
    let anchors = trusting(&root);
    let verdict = bulla_verifier::verify(
        &attestation.quote,
        &attestation.collateral,
        &anchors,
        scenario.at,
    );
    let malformed = verdict.findings.iter();
    let malformed = malformed.filter(|finding| finding.code == Code::ChainMalformed);
    for finding in malformed {
        let message = &finding.message;
        assert!(message.contains("there are more than"), "{message}");
    }
    let in_documents = [
        (Code::ChainMalformed, "tcb_info_issuer_chain"),
        (Code::CertificateMissing, "tcb_info_signer"),
        (Code::CertificateMissing, "tcb_info_root_ca"),
    ];
    assert_fails(&verdict, &[nothing_left, in_documents].concat());
}

#[test]
fn pitfall_29_text_beside_the_certificates() {
    let rewritten = |rewrite: &dyn Fn(String) -> Vec<u8>| {
        with_chain(|documents| {
            let [leaf, ca, root] = pck_certificates(documents);
            let text = String::from_utf8(pem::chain(&[&leaf, &ca, &root]));
            rewrite(text.expect("PEM is text"))
        })
    };
    let between = |text: &str, inserted: &str| {
        let end = "-----END CERTIFICATE-----\n";
        text.replacen(end, &format!("{end}{inserted}"), 1)
            .into_bytes()
    };
    let accepted: [&dyn Fn(String) -> Vec<u8>; 6] = [
        &|text| (text + "\0").into_bytes(),
        &|text| text.trim_end().as_bytes().to_vec(),
        &|text| (text.trim_end().to_owned() + "\0").into_bytes(),
        &|text| text.replace('\n', "\r\n").into_bytes(),
        &|text| between(&text, "\n \t\r\n"),
        &|text| format!("\n{text}").into_bytes(),
    ];
    for rewrite in accepted {
        assert_status(&rewritten(rewrite), TcbStatus::UpToDate);
    }
    let refused: [&dyn Fn(String) -> Vec<u8>; 9] = [
        &|_| Vec::new(),
        &|text| (text + "\0\0").into_bytes(),
        &|text| between(&text, "\0"),
        &|text| between(&text, "# the CA\n"),
        &|text| format!("subject: leaf\n{text}").into_bytes(),
        &|text| (text + "text").into_bytes(),
        &|text| {
            text.replacen("END CERTIFICATE", "END CERTIFICATES", 1)
                .into_bytes()
        },
        &|text| {
            text.replacen("CERTIFICATE", "X509 CERTIFICATE", 2)
                .into_bytes()
        },
        &|text| text.replacen("\nM", "\n!", 1).into_bytes(),
    ];
    for rewrite in refused {
        assert_fails(
            &rewritten(rewrite),
            &[
                (Code::ChainMalformed, "pck_certificate_chain"),
                (Code::CertificateMissing, "pck_certificate"),
                (Code::CertificateMissing, "pck_ca"),
            ],
        );
    }
}

/// A set without one of its documents proves less than it seems, and never passes for a whole one.
#[test]
fn documents_that_are_empty() {
    let without = |empty: fn(&mut CollateralSet)| {
        judge_tampered(&scenario(QuoteKind::SgxV3), |documents| {
            empty(&mut documents.collateral)
        })
    };
    let malformed = Code::CrlMalformed;
    assert_fails(
        &without(|set| set.pck_crl.clear()),
        &[(malformed, "pck_crl")],
    );
    assert_fails(
        &without(|set| set.root_ca_crl.clear()),
        &[(malformed, "root_ca_crl")],
    );
    assert_fails(
        &without(|set| set.pck_crl_issuer_chain.clear()),
        &[
            (Code::ChainMalformed, "pck_crl_issuer_chain"),
            (Code::CertificateMissing, "pck_crl_ca"),
            (Code::CertificateMissing, "pck_crl_root_ca"),
        ],
    );
    assert_fails(
        &without(|set| set.tcb_info_issuer_chain.clear()),
        &[
            (Code::ChainMalformed, "tcb_info_issuer_chain"),
            (Code::CertificateMissing, "tcb_info_signer"),
            (Code::CertificateMissing, "tcb_info_root_ca"),
        ],
    );
    assert_fails(
        &without(|set| set.qe_identity_issuer_chain.clear()),
        &[
            (Code::ChainMalformed, "qe_identity_issuer_chain"),
            (Code::CertificateMissing, "qe_identity_signer"),
            (Code::CertificateMissing, "qe_identity_root_ca"),
        ],
    );
    for (verdict, name) in [
        (without(|set| set.tcb_info.body.clear()), "tcb_info"),
        (without(|set| set.qe_identity.body.clear()), "qe_identity"),
    ] {
        let expected = [Code::DocumentMalformed, Code::DocumentSignatureInvalid];
        assert_fails(&verdict, &expected.map(|code| (code, name)));
    }
}
