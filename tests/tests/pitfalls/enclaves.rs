//! Pitfalls around the vendor's own code: the quoting enclave and the TDX module.

use bulla_collateral::TcbStatus;
use bulla_evidence::layout::{SgxReportBody, sgx_attributes};
use bulla_issuer::{EnclaveIdentitySpec, QuoteKind, Scenario, Seed, SigningKey, sign_text};
use bulla_tests::scenarios::{
    TDX_KINDS, assert_fails, assert_genuine, assert_status, changed, judge, judge_changed,
    judge_tampered, remarks, scenario,
};
use bulla_verifier::Code;

/// The vendor's quoting enclave for enclaves and the one for trust domains.
const BOTH_ENCLAVES: [QuoteKind; 2] = [QuoteKind::SgxV3, QuoteKind::Td15V5];

/// An enclave of the attacker's in the place of the vendor's, and the identity that it would need.
fn with_forged_enclave(kind: QuoteKind) -> (Scenario, EnclaveIdentitySpec) {
    let scenario = changed(kind, |s| s.quote.qe_report.mrsigner = [0x66; 32]);
    let mut identity = scenario.qe_identity.clone();
    identity.mrsigner = [0x66; 32];
    (scenario, identity)
}

#[test]
fn pitfall_01_forged_identity() {
    for kind in BOTH_ENCLAVES {
        let (scenario, forged) = with_forged_enclave(kind);
        // The vendor's signature, over another text.
        let verdict = judge_tampered(&scenario, |documents| {
            documents.collateral.qe_identity.body = forged.to_json().into_bytes();
        });
        assert_fails(&verdict, &[(Code::DocumentSignatureInvalid, "qe_identity")]);

        // A good signature, by another key.
        for key in [
            scenario.pck_key.clone(),
            SigningKey::derive(&Seed::from(1), "attacker"),
        ] {
            let verdict = judge_tampered(&scenario, |documents| {
                documents.collateral.qe_identity = sign_text(forged.to_json(), &key);
            });
            assert_fails(&verdict, &[(Code::DocumentSignatureInvalid, "qe_identity")]);
        }

        // Had the vendor signed it, the enclave would pass: nothing else stands in the way.
        assert_genuine(&judge(&Scenario {
            qe_identity: forged,
            ..scenario
        }));
    }
}

#[test]
fn pitfall_01_forged_quoting_enclave() {
    type Change = fn(&mut SgxReportBody);
    let other: [(Change, Code); 6] = [
        (|qe| qe.mrsigner[31] ^= 1, Code::QeMrsignerMismatch),
        (|qe| qe.mrsigner = [0; 32], Code::QeMrsignerMismatch),
        (|qe| qe.isvprodid = 77.into(), Code::QeIsvprodidMismatch),
        (|qe| qe.miscselect = 1.into(), Code::QeMiscselectMismatch),
        (
            |qe| qe.attributes.flags |= sgx_attributes::EINITTOKEN_KEY,
            Code::QeAttributesMismatch,
        ),
        (
            |qe| qe.attributes.flags ^= sgx_attributes::PROVISION_KEY,
            Code::QeAttributesMismatch,
        ),
    ];
    // What the vendor's masks leave open, and what only the SVN's levels judge.
    let the_same: [Change; 3] = [
        |qe| qe.attributes.flags ^= sgx_attributes::MODE64,
        |qe| qe.attributes.xfrm = 3.into(),
        |qe| qe.mrenclave = [0x44; 32],
    ];
    for kind in BOTH_ENCLAVES {
        for (change, code) in other {
            let verdict = judge_changed(kind, |s| change(&mut s.quote.qe_report));
            assert_fails(&verdict, &[(code, "qe_report")]);
        }
        for change in the_same {
            let verdict = judge_changed(kind, |s| change(&mut s.quote.qe_report));
            assert_status(&verdict, TcbStatus::UpToDate);
        }
        let every_mismatch = judge_changed(kind, |s| {
            other
                .iter()
                .for_each(|(change, _)| change(&mut s.quote.qe_report));
        });
        assert_fails(
            &every_mismatch,
            &[
                (Code::QeMiscselectMismatch, "qe_report"),
                (Code::QeAttributesMismatch, "qe_report"),
                (Code::QeMrsignerMismatch, "qe_report"),
                (Code::QeIsvprodidMismatch, "qe_report"),
            ],
        );
    }
}

#[test]
fn an_identity_counts_by_its_masks() {
    let verdict = judge_changed(QuoteKind::SgxV3, |s| {
        s.quote.qe_report.miscselect = 0b11.into();
        s.qe_identity.miscselect = [0b01, 0, 0, 0];
        s.qe_identity.miscselect_mask = [0b01, 0, 0, 0];
    });
    assert_genuine(&verdict);
    // A bit that the identity demands and its own mask leaves out can never be met.
    let verdict = judge_changed(QuoteKind::SgxV3, |s| {
        s.quote.qe_report.miscselect = 0b11.into();
        s.qe_identity.miscselect = [0b11, 0, 0, 0];
        s.qe_identity.miscselect_mask = [0b01, 0, 0, 0];
    });
    assert_fails(&verdict, &[(Code::QeMiscselectMismatch, "qe_report")]);
}

#[test]
fn pitfall_23_identity_of_another_enclave() {
    for kind in QuoteKind::ALL {
        let own = scenario(kind).qe_identity.id;
        for id in ["QE", "TD_QE", "QVE", "QAE"] {
            let verdict = judge_changed(kind, |s| s.qe_identity.id = id.to_owned());
            if id == own {
                assert_genuine(&verdict);
            } else {
                assert_fails(&verdict, &[(Code::QeIdentityMismatch, "qe_identity")]);
            }
        }
    }
    for id in ["qe", "", "QE ", "TDQE"] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.qe_identity.id = id.to_owned());
        assert_fails(&verdict, &[(Code::DocumentMalformed, "qe_identity")]);
    }
    for version in [0, 1, 3] {
        let verdict = judge_changed(QuoteKind::SgxV3, |s| s.qe_identity.version = version);
        assert_fails(&verdict, &[(Code::DocumentMalformed, "qe_identity")]);
    }
}

#[test]
fn pitfall_37_debug_quoting_enclave() {
    for kind in BOTH_ENCLAVES {
        let debug = changed(kind, |s| {
            s.quote.qe_report.attributes.flags |= sgx_attributes::DEBUG
        });
        assert_fails(
            &judge(&debug),
            &[
                (Code::QeAttributesMismatch, "qe_report"),
                (Code::QeDebug, "qe_report"),
            ],
        );
        // Neither a mask that forgets the bit nor an identity that asks for it lets it pass.
        let mut forgotten = debug.clone();
        forgotten.qe_identity.attributes_mask[0] &= !0x02;
        assert_fails(&judge(&forgotten), &[(Code::QeDebug, "qe_report")]);
        let mut demanded = debug;
        demanded.qe_identity.attributes[0] |= 0x02;
        assert_fails(&judge(&demanded), &[(Code::QeDebug, "qe_report")]);
    }
}

#[test]
fn pitfall_03_tdx_module_of_another_signer() {
    let signer = (Code::TdxModuleSignerMismatch, "tdx_module");
    for kind in TDX_KINDS {
        for byte in [0, 47] {
            let verdict = judge_changed(kind, |s| td(s).mrsignerseam[byte] = 1);
            assert_fails(&verdict, &[signer]);
        }
        // Another signer that the vendor names is the right one.
        let named = changed(kind, |s| {
            td(s).mrsignerseam = [7; 48];
            own_module(s).module.mrsigner = [7; 48];
        });
        assert_genuine(&judge(&named));
    }
}

#[test]
fn pitfall_03_tdx_module_attributes() {
    let attributes = (Code::TdxModuleAttributesMismatch, "tdx_module");
    for kind in TDX_KINDS {
        for bit in [0, 63] {
            let mut scenario = changed(kind, |s| td(s).seamattributes = (1_u64 << bit).into());
            assert_fails(&judge(&scenario), &[attributes]);
            // The mask of the document does not loosen the check.
            own_module(&mut scenario).module.attributes_mask = [0; 8];
            assert_fails(&judge(&scenario), &[attributes]);
            // Nor do attributes that say the same: a module in production has none.
            own_module(&mut scenario).module.attributes = (1_u64 << bit).to_le_bytes();
            assert_fails(&judge(&scenario), &[attributes]);
        }
        let demanded = judge_changed(kind, |s| own_module(s).module.attributes[0] = 1);
        assert_fails(&demanded, &[attributes]);
    }
}

#[test]
fn pitfall_03_tdx_module_version_without_identity() {
    for kind in TDX_KINDS {
        let unknown = judge_changed(kind, |s| {
            set_module(s, 9);
        });
        assert_fails(&unknown, &[(Code::TdxModuleIdentityNotFound, "tdx_module")]);
        let missing = judge_changed(kind, |s| s.tcb_info.tdx_module_identities = None);
        assert_fails(
            &missing,
            &[(Code::TdxModuleIdentitiesMissing, "tdx_module")],
        );
        let empty = judge_changed(kind, |s| {
            s.tcb_info.tdx_module_identities = Some(Vec::new())
        });
        assert_fails(&empty, &[(Code::DocumentMalformed, "tcb_info")]);
        let no_module = judge_changed(kind, |s| s.tcb_info.tdx_module = None);
        assert_fails(&no_module, &[(Code::DocumentMalformed, "tcb_info")]);
    }
}

/// Version 0 is the module from before there were versions: the document's general entry describes
/// it, its SVN is judged by the platform's levels, and it has no level of its own.
#[test]
fn a_module_without_version_is_described_by_the_general_entry() {
    for kind in TDX_KINDS {
        for identities in [true, false] {
            let mut old = changed(kind, |s| set_module(s, 0));
            if !identities {
                old.tcb_info.tdx_module_identities = None;
            }
            let verdict = judge(&old);
            assert_status(&verdict, TcbStatus::UpToDate);
            assert_eq!(assert_genuine(&verdict).tdx_module_level, None);

            let module = old.tcb_info.tdx_module.as_mut().expect("TDX has one");
            module.mrsigner = [7; 48];
            let mismatch = [(Code::TdxModuleSignerMismatch, "tdx_module")];
            assert_fails(&judge(&old), &mismatch);
            td(&mut old).mrsignerseam = [7; 48];
            assert_genuine(&judge(&old));
        }
    }
}

#[test]
fn the_module_that_runs_now_must_be_known_too() {
    for kind in [QuoteKind::Td15V5, QuoteKind::Td15ExV5] {
        let now_on = |version| {
            judge_changed(kind, |s| {
                s.quote.body.td15_mut().expect("a TD 1.5").tee_tcb_svn2[1] = version;
            })
        };
        assert_fails(
            &now_on(9),
            &[(Code::TdxModuleIdentityNotFound, "tdx_module")],
        );
        let known = now_on(3);
        assert_status(&known, TcbStatus::UpToDate);
        assert_eq!(remarks(&known), [Code::TdxModuleSignerUnknown]);
        assert_eq!(remarks(&now_on(1)), [], "the version of the launch");
    }
}

#[test]
fn pitfall_11_letter_case_of_module_ids() {
    for kind in TDX_KINDS {
        let named = |id: &str| {
            judge_changed(kind, |s| {
                set_module(s, 0x0a);
                own_module(s).id = id.to_owned();
            })
        };
        for id in ["TDX_0A", "TDX_0a", "tdx_0a", "Tdx_0A"] {
            assert_status(&named(id), TcbStatus::UpToDate);
        }
        // The digits are hexadecimal: `10` is 16, not ten.
        assert_fails(
            &named("TDX_10"),
            &[(Code::TdxModuleIdentityNotFound, "tdx_module")],
        );
        for id in [
            "TDX_A", "TDX_00A", "SGX_0A", "0A", "TDX0A", "TDX_0G", " TDX_0A", "TDX_é",
        ] {
            assert_fails(&named(id), &[(Code::DocumentMalformed, "tcb_info")]);
        }
        let twice = judge_changed(kind, |s| {
            let mut again = own_module(s).clone();
            again.id = again.id.to_lowercase();
            s.tcb_info
                .tdx_module_identities
                .get_or_insert_default()
                .push(again);
        });
        assert_fails(&twice, &[(Code::DocumentMalformed, "tcb_info")]);
    }
}

#[test]
fn pitfall_11_signer_in_the_module_identity() {
    for kind in TDX_KINDS {
        // The general entry names a signer, the identity of the version another: that one counts.
        let mut scenario = changed(kind, |s| {
            s.tcb_info
                .tdx_module
                .as_mut()
                .expect("TDX has one")
                .mrsigner = [1; 48];
            own_module(s).module.mrsigner = [2; 48];
        });
        for (signer, expected) in [(0, false), (1, false), (2, true)] {
            td(&mut scenario).mrsignerseam = [signer; 48];
            let verdict = judge(&scenario);
            if expected {
                assert_genuine(&verdict);
            } else {
                assert_fails(&verdict, &[(Code::TdxModuleSignerMismatch, "tdx_module")]);
            }
        }
    }
}

/// The fields that every trust domain has.
fn td(scenario: &mut Scenario) -> &mut bulla_evidence::layout::TdReport10 {
    scenario.quote.body.td10_mut().expect("a TD")
}

/// The identity of the module version that the TD was launched on: the last one in the list.
fn own_module(scenario: &mut Scenario) -> &mut bulla_issuer::TdxModuleIdentitySpec {
    let identities = scenario.tcb_info.tdx_module_identities.as_mut();
    identities
        .expect("TDX has identities")
        .last_mut()
        .expect("of its own version")
}

/// Launches the TD on a module of this version, which it still runs on.
fn set_module(scenario: &mut Scenario, version: u8) {
    td(scenario).tee_tcb_svn[1] = version;
    if let Some(td15) = scenario.quote.body.td15_mut() {
        td15.tee_tcb_svn2[1] = version;
    }
}
