//! Pitfalls in the quote itself: header, lengths, certification data, signatures.

use bulla_collateral::TcbStatus;

use bulla_evidence::{BodyType, Quote, QuoteVersion};

use bulla_issuer::{Certification, CertificationKind, Documents, QuoteKind, Scenario};

use bulla_pki::TrustAnchors;

use bulla_tests::scenarios::{
    assert_fails, assert_genuine, assert_status, changed, judge, judge_bytes, judge_changed,
    judge_quote, judge_tampered, now, remarks, scenario,
};

use bulla_verifier::{Code, Severity};

fn format_error(name: &'static str) -> [(Code, &'static str); 1] {
    [(Code::QuoteFormat(name), "format")]
}

#[test]
fn pitfall_02_quoting_enclave_of_another_vendor() {
    for kind in QuoteKind::ALL {
        for byte in [0, 7, 15] {
            let verdict = judge_changed(kind, |s| s.quote.header.qe_vendor_id[byte] ^= 1);
            assert_fails(&verdict, &format_error("QeVendorUnknown"));
        }
    }
}

#[test]
fn header_fields_that_must_be_right() {
    for kind in QuoteKind::ALL {
        for version in [0, 1, 2, 6, 0x0300] {
            let verdict = judge_quote(&scenario(kind), |quote| {
                quote[..2].copy_from_slice(&u16::to_le_bytes(version));
            });
            assert_fails(&verdict, &format_error("QuoteVersionUnsupported"));
        }
        for key_type in [0, 1, 3, 0x0200] {
            let verdict = judge_changed(kind, |s| {
                s.quote.header.attestation_key_type = key_type.into()
            });
            assert_fails(&verdict, &format_error("AttestationKeyTypeUnsupported"));
        }
        for tee_type in [1, 0x80, 0x82, 0x0100, 0x8100_0000] {
            let verdict = judge_changed(kind, |s| s.quote.header.tee_type = tee_type.into());
            assert_fails(&verdict, &format_error("TeeTypeUnsupported"));
        }
    }
    // In version 3 the field is reserved: there is nothing but zero, not even TDX.
    let verdict = judge_changed(QuoteKind::SgxV3, |s| s.quote.header.tee_type = 0x81.into());
    assert_fails(&verdict, &format_error("TeeTypeUnsupported"));
}

/// SVNs of the header decide nothing: those of the reports and of the PCK certificate do.
#[test]
fn header_fields_that_decide_nothing_are_signed_all_the_same() {
    for kind in QuoteKind::ALL {
        for svn in [0, 1, u16::MAX] {
            let verdict = judge_changed(kind, |s| {
                s.quote.header.qe_svn = svn.into();
                s.quote.header.pce_svn = svn.into();
                s.quote.header.user_data = [0xee; 20];
            });
            assert_status(&verdict, TcbStatus::UpToDate);
        }
        for offset in [8, 10, 28, 47] {
            let verdict = judge_quote(&scenario(kind), |quote| quote[offset] ^= 1);
            assert_fails(&verdict, &[(Code::QuoteSignatureInvalid, "signature")]);
        }
    }
}

#[test]
fn pitfall_39_every_kind_of_quote_is_accepted() {
    for kind in QuoteKind::ALL {
        let verdict = judge(&scenario(kind));
        assert_status(&verdict, TcbStatus::UpToDate);
        assert_eq!(remarks(&verdict), [], "{kind:?}");
        let evidence = verdict.evidence.as_ref().expect("a quote");
        assert_eq!(evidence.quote_version, kind.version());
        assert_eq!(evidence.body.borrow().body_type(), kind.body_type());
    }
}

#[test]
fn a_simulated_root_is_refused_where_only_vendors_are_trusted() {
    for kind in QuoteKind::ALL {
        let attestation = scenario(kind).build();
        let anchors = TrustAnchors::vendors();
        let verdict = judge_bytes(&attestation.quote, &attestation.collateral, &anchors, now());
        let untrusted = Code::RootUntrusted;
        assert_fails(
            &verdict,
            &[
                (untrusted, "root_ca"),
                (untrusted, "pck_crl_root_ca"),
                (untrusted, "tcb_info_root_ca"),
                (untrusted, "qe_identity_root_ca"),
            ],
        );
        assert!(verdict.trust_anchor.is_none());
    }
}

#[test]
fn pitfall_40_tee_type_against_body_type() {
    let described = |kind, tee_type: u32, body_type: u16, size: u32| {
        judge_changed(kind, |s| {
            s.quote.header.tee_type = tee_type.into();
            let descriptor = s.quote.descriptor.as_mut().expect("version 5 has one");
            descriptor.body_type = body_type.into();
            descriptor.size = size.into();
        })
    };
    for kind in QuoteKind::ALL
        .into_iter()
        .filter(|kind| scenario(*kind).quote.descriptor.is_some())
    {
        let body = kind.body_type();
        let tee_type = body.tee().tee_type();
        assert_genuine(&described(kind, tee_type, body.number(), body.size()));
        let verdict = described(kind, tee_type ^ 0x81, body.number(), body.size());
        assert_fails(&verdict, &format_error("BodyDescriptorMismatch"));
        for other in BodyType::ALL.into_iter().filter(|other| *other != body) {
            // Under the size of the body that is there the descriptor contradicts itself; under
            // its own size the bytes behind it no longer fit.
            let verdict = described(kind, tee_type, other.number(), body.size());
            assert_fails(&verdict, &format_error("BodyDescriptorMismatch"));
        }
        for size in [0, body.size() - 1, body.size() + 1, u32::MAX] {
            let verdict = described(kind, tee_type, body.number(), size);
            assert_fails(&verdict, &format_error("BodyDescriptorMismatch"));
        }
        for body_type in [0, 5, 0x0100] {
            let verdict = described(kind, tee_type, body_type, body.size());
            assert_fails(&verdict, &format_error("BodyTypeUnsupported"));
        }
    }
}

const WITHOUT_CHAIN: [CertificationKind; 4] = [
    CertificationKind::PpidClear,
    CertificationKind::PpidRsa2048,
    CertificationKind::PpidRsa3072,
    CertificationKind::PckLeaf,
];

#[test]
fn pitfall_30_quotes_without_a_chain() {
    for kind in QuoteKind::ALL {
        for certification in WITHOUT_CHAIN {
            let scenario = changed(kind, |s| s.certification = certification);
            assert_status(&judge(&scenario), TcbStatus::UpToDate);
            let verdict = judge_tampered(&scenario, |documents| {
                documents.collateral.pck_certificate_chain = None;
            });
            assert_fails(&verdict, &[(Code::PckChainMissing, "certification_data")]);
        }
        let manifest = |documents: &mut Documents| {
            documents.quote.certification = Certification::PlatformManifest(vec![7; 100]);
        };
        let verdict = judge_tampered(&scenario(kind), manifest);
        assert_fails(&verdict, &[(Code::PckChainMissing, "certification_data")]);
        let verdict = judge_quote(&scenario(kind), |quote| {
            let offset = certification_type_offset(quote);
            quote[offset..offset + 2].copy_from_slice(&8_u16.to_le_bytes());
        });
        assert_fails(&verdict, &format_error("CertificationTypeUnsupported"));
    }
}

#[test]
fn a_chain_beside_the_quotes_own_does_not_count() {
    let own = scenario(QuoteKind::SgxV3);
    let other = Scenario::new(&"another vendor".into(), QuoteKind::SgxV3, now());
    let other_chain = chain_in_quote(&other.documents());
    let same_chain = chain_in_quote(&own.documents());
    let padded = [b"\n", &same_chain[..], b"\n\0"].concat();
    for (brought, warned) in [(same_chain, false), (padded, false), (other_chain, true)] {
        let verdict = judge_tampered(&own, |documents| {
            documents.collateral.pck_certificate_chain = Some(brought);
        });
        assert_status(&verdict, TcbStatus::UpToDate);
        let warnings: Vec<_> = verdict
            .findings
            .iter()
            .filter(|finding| finding.severity == Severity::Warning)
            .map(|finding| finding.code)
            .collect();
        let expected = warned.then_some(Code::BroughtChainDiffers);
        assert_eq!(warnings, expected.into_iter().collect::<Vec<_>>());
    }
}

fn chain_in_quote(documents: &Documents) -> Vec<u8> {
    match &documents.quote.certification {
        Certification::PckChain(chain) => chain.clone(),
        other => panic!("no chain: {other:?}"),
    }
}

/// Where the lengths of a quote stand.
struct Offsets {
    auth_size: usize,
    /// Of the certification data around the report; version 3 has none.
    outer_size: Option<usize>,
    qe_auth_size: usize,
    certification_size: usize,
}

fn offsets(bytes: &[u8]) -> Offsets {
    let quote = Quote::parse(bytes).expect("a quote");
    let auth_size = quote.signed().len();
    let behind_the_key = auth_size + 4 + 64 + 64;
    let wrapped = quote.version() != QuoteVersion::V3;
    let qe_auth_size = behind_the_key + if wrapped { 2 + 4 } else { 0 } + 384 + 64;
    Offsets {
        auth_size,
        outer_size: wrapped.then_some(behind_the_key + 2),
        qe_auth_size,
        certification_size: qe_auth_size + 2 + quote.auth().qe_auth.len() + 2,
    }
}

fn certification_type_offset(bytes: &[u8]) -> usize {
    offsets(bytes).certification_size - 2
}

#[test]
fn pitfall_31_lengths_that_lie() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let with_auth_size = |size: u32| {
            judge_quote(&scenario, |quote| {
                let offset = offsets(quote).auth_size;
                quote[offset..offset + 4].copy_from_slice(&size.to_le_bytes());
            })
        };
        for size in [u32::MAX, 0x8000_0000, 0x0010_0000] {
            assert_fails(&with_auth_size(size), &format_error("QuoteTruncated"));
        }
        for size in [0, 63, 64, 127] {
            assert_fails(&with_auth_size(size), &format_error("AuthDataSizeMismatch"));
        }
        // Where the auth data would end in the middle of the chain.
        assert_fails(
            &with_auth_size(1000),
            &format_error("CertificationSizeMismatch"),
        );
        let with_certification_size = |size: u32| {
            judge_quote(&scenario, |quote| {
                let offset = offsets(quote).certification_size;
                quote[offset..offset + 4].copy_from_slice(&size.to_le_bytes());
            })
        };
        for size in [u32::MAX, 0x8000_0000, 0] {
            let verdict = with_certification_size(size);
            assert_fails(&verdict, &format_error("CertificationSizeMismatch"));
        }
        let verdict = judge_quote(&scenario, |quote| {
            let offset = offsets(quote).qe_auth_size;
            quote[offset..offset + 2].copy_from_slice(&u16::MAX.to_le_bytes());
        });
        assert_fails(&verdict, &format_error("AuthDataSizeMismatch"));
    }
}

#[test]
fn pitfall_32_bytes_behind_the_quote() {
    for kind in QuoteKind::ALL {
        let with_tail = |tail: &[u8]| judge_quote(&scenario(kind), |quote| quote.extend(tail));
        for zeros in [1, 4096] {
            let verdict = with_tail(&vec![0; zeros]);
            assert_status(&verdict, TcbStatus::UpToDate);
            assert_eq!(remarks(&verdict), [Code::TrailingBytes]);
        }
        for tail in [&[1][..], &[0, 0, 1], b"\n", &[1, 0, 0]] {
            assert_fails(&with_tail(tail), &[(Code::TrailingData, "format")]);
        }
    }
}

#[test]
fn pitfall_32_bytes_left_inside() {
    for kind in QuoteKind::ALL {
        let scenario = scenario(kind);
        let zero_inside = |raised: fn(&Offsets) -> Vec<Option<usize>>| {
            judge_quote(&scenario, |quote| {
                for offset in raised(&offsets(quote)).into_iter().flatten() {
                    let size = quote[offset..offset + 4].try_into().expect("four bytes");
                    let size = u32::from_le_bytes(size) + 1;
                    quote[offset..offset + 4].copy_from_slice(&size.to_le_bytes());
                }
                quote.push(0);
            })
        };
        let mismatch = format_error("CertificationSizeMismatch");
        // Between certification data and the end of the auth data.
        assert_fails(&zero_inside(|at| vec![Some(at.auth_size)]), &mismatch);
        // Between the inner and the outer end of certification data.
        if kind != QuoteKind::SgxV3 {
            assert_fails(
                &zero_inside(|at| vec![Some(at.auth_size), at.outer_size]),
                &mismatch,
            );
        }
        // At the end of the chain, where most genuine quotes have one.
        let in_chain = |at: &Offsets| {
            vec![
                Some(at.auth_size),
                at.outer_size,
                Some(at.certification_size),
            ]
        };
        assert_status(&zero_inside(in_chain), TcbStatus::UpToDate);
    }
}
