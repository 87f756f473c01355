//! Fortanix' `dcap-artifact-retrieval` and `pcs`: fetched by the one, read by the other.
//!
//! The library verifies documents and certificates of signers with Intel's own names only, which the
//! simulated vendor does not use on purpose. CRLs it verifies by key.

use dcap_artifact_retrieval::{Error, ProvisioningClient, StatusCode};
use independent_clients::Vendor;
use independent_clients::fortanix::{ADVISORY, fmspc, intel_client, joined, levels, pck_id};
use pcs::{DcapArtifactIssuer, RootCaCrl};

fn client(vendor: &Vendor) -> impl ProvisioningClient + use<> {
    let url = vendor.server().url();
    intel_client(url, &format!("{url}/SimulatedSGXRootCA"))
}

fn root_crl(vendor: &Vendor) -> RootCaCrl {
    let crl = client(vendor).root_ca_crl().expect("the root's CRL");
    crl.verify(&[vendor.root()]).expect("the root's CRL holds")
}

#[test]
fn documents_are_those_that_the_vendor_writes_and_can_be_read() {
    let vendor = Vendor::founded();
    let client = client(&vendor);
    for platform in ["one", "two"] {
        let fmspc = fmspc(&vendor.request_of(platform));
        // Documents are signed anew once a day, which may be in between.
        let before = ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral(platform, kind, "1"));
        let sgx = client.sgx_tcbinfo(&fmspc, Some(1)).expect("TCB info");
        let tdx = client.tdx_tcbinfo(&fmspc, Some(1)).expect("TCB info");
        let identity = client.qe_identity(Some(1)).expect("an identity");
        let after = ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral(platform, kind, "1"));
        let [by_sgx, by_tdx, by_qe] = [
            sgx.certificate_chain(),
            tdx.certificate_chain(),
            identity.certificate_chain(),
        ]
        .map(|chain| joined(chain));
        for (kind, name, text) in [
            (0, "tcb_info", sgx.raw_tcb_info()),
            (0, "tcb_info_issuer_chain", &by_sgx),
            (1, "tcb_info", tdx.raw_tcb_info()),
            (1, "tcb_info_issuer_chain", &by_tdx),
            (0, "qe_identity", identity.raw_qe_identity()),
            (0, "qe_identity_issuer_chain", &by_qe),
        ] {
            let written = [&before[kind][name], &after[kind][name]];
            assert!(
                written.into_iter().any(|one| one == text),
                "{platform} {name}"
            );
        }

        let sgx = sgx.data().expect("TCB info can be read");
        let tdx = tdx.data().expect("TCB info can be read");
        let read: [Vec<_>; 2] = [
            sgx.iter_tcb_components().collect(),
            tdx.iter_tcb_components().collect(),
        ];
        assert_eq!(read, before.map(|written| levels(&written)));
    }
}

#[test]
fn evaluation_data_numbers_can_be_read() {
    let vendor = Vendor::founded();
    let client = client(&vendor);
    let sgx = client.sgx_tcb_evaluation_data_numbers().expect("numbers");
    let tdx = client.tdx_tcb_evaluation_data_numbers().expect("numbers");
    let sgx = sgx.evaluation_data_numbers().expect("numbers can be read");
    let tdx = tdx.evaluation_data_numbers().expect("numbers can be read");
    let numbers = [sgx.numbers(), tdx.numbers()];
    let numbers = numbers.map(|list| list.map(|each| each.number()).collect::<Vec<_>>());
    assert_eq!(numbers, [[1], [1]]);
}

/// It looks at the root first, then at chain and CRL, then at the name of the signer, and only then at
/// the signature of the document: the errors tell how far it came.
#[test]
fn signers_hold_under_the_root_and_have_none_of_the_names_that_it_knows() {
    let vendor = Vendor::founded();
    let client = client(&vendor);
    let info = client.sgx_tcbinfo(&fmspc(&vendor.request_of("one")), None);
    let info = info.expect("TCB info");
    let refusal = || {
        let verified = info.verify_with_rootcacrl(&[vendor.root()], &[root_crl(&vendor)], 3);
        verified.map(|_| ()).unwrap_err()
    };
    let by_name = refusal();
    assert!(matches!(by_name, pcs::Error::IncorrectCA), "{by_name}");
    vendor.run(&["revoke", "--signer"]);
    let by_chain = refusal();
    assert!(
        matches!(by_chain, pcs::Error::InvalidQe3Id(_)),
        "{by_chain}"
    );
}

#[test]
fn crls_are_fetched_and_hold_under_the_root() {
    let vendor = Vendor::founded();
    let roots = [vendor.root()];
    for (platform, ca) in [
        ("one", DcapArtifactIssuer::PCKProcessorCA),
        ("two", DcapArtifactIssuer::PCKPlatformCA),
    ] {
        let before = vendor.collateral(platform, "sgx-v3", "1");
        let crl = client(&vendor).pckcrl(ca).expect("a CRL");
        let after = vendor.collateral(platform, "sgx-v3", "1");
        let digits = hex::encode(crl.crl_as_der().expect("DER"));
        assert!(
            [before, after]
                .iter()
                .any(|written| written["pck_crl"] == digits)
        );
        // Its signature and chain come first, then the name of the CA, which is none that it knows.
        let error = crl.verify(&roots).map(|_| ()).unwrap_err();
        assert!(matches!(error, pcs::Error::InvalidCaFormat), "{error}");
    }
    root_crl(&vendor);

    vendor.set_faults(r#"[{"paths":"*","fault":"wrong_signature"}]"#);
    let crl = client(&vendor).pckcrl(DcapArtifactIssuer::PCKProcessorCA);
    let error = crl.expect("a CRL").verify(&roots).map(|_| ()).unwrap_err();
    assert!(matches!(error, pcs::Error::InvalidCrl(_)), "{error}");
    let crl = client(&vendor).root_ca_crl().expect("the root's CRL");
    let error = crl.verify(&roots).map(|_| ()).unwrap_err();
    assert!(matches!(error, pcs::Error::IncorrectCA), "{error}");
}

#[test]
fn pck_certificates_are_fetched_and_hold_under_the_root() {
    let vendor = Vendor::founded();
    let client = client(&vendor);
    let one = vendor.request_of("one");
    let id = pck_id(&one);
    let fetch = || {
        let (ppid, qe_id) = (Some(&id.enc_ppid), Some(&id.qe_id));
        let answer = client.pckcert(ppid, &id.pce_id, &id.cpu_svn, id.pce_isvsvn, qe_id);
        answer.expect("a certificate")
    };
    let certificate = fetch();
    let extension = certificate.sgx_extension().expect("the extension");
    assert_eq!(hex::encode(&extension.ppid), one.ppid);
    assert_eq!((extension.fmspc, extension.pceid), (fmspc(&one), id.pce_id));
    let tcb = certificate.platform_tcb().expect("a TCB");
    assert_eq!(
        (tcb.cpusvn, tcb.tcb_components.pce_svn()),
        (id.cpu_svn, id.pce_isvsvn)
    );

    let verify = |root: &Vendor, crls: &[RootCaCrl]| {
        fetch().verify_with_rootcacrl(&[root.root()], crls, None)
    };
    let verified = verify(&vendor, &[root_crl(&vendor)]).expect("a certificate that holds");
    let info = client.sgx_tcbinfo(&fmspc(&one), None).expect("TCB info");
    let info = info.data().expect("TCB info can be read");
    let level = verified.find_tcb_state(&info).expect("a level");
    assert_eq!(level.tcb_status(), pcs::TcbStatus::UpToDate);

    assert!(verify(&Vendor::founded(), &[]).is_err());
    vendor.run(&["revoke", "--ca", "processor"]);
    assert!(verify(&vendor, &[root_crl(&vendor)]).is_err());
}

#[test]
fn it_selects_the_certificate_that_the_vendor_selects() {
    let vendor = Vendor::founded();
    vendor.run(&["recover", "--raises", "microcode", "--advisory", ADVISORY]);
    let client = client(&vendor);
    let one = vendor.request_of("one");
    let id = pck_id(&one);
    let all = client.pckcerts_with_fallback(&id).expect("certificates");
    assert_eq!(all.fmspc().expect("an FMSPC"), fmspc(&one));
    assert!(all.iter().count() >= 2);
    let info = client.sgx_tcbinfo(&fmspc(&one), None).expect("TCB info");
    let info = info.data().expect("TCB info can be read");
    let selected = all.select_pck(&info, &id.cpu_svn, id.pce_isvsvn, id.pce_id);
    let (ppid, qe_id) = (Some(&id.enc_ppid), Some(&id.qe_id));
    let answered = client.pckcert(ppid, &id.pce_id, &id.cpu_svn, id.pce_isvsvn, qe_id);
    let [selected, answered] =
        [selected.expect("one"), answered.expect("one")].map(|certificate| {
            certificate
                .sgx_extension()
                .expect("the extension")
                .tcb
                .cpusvn
        });
    assert_eq!(selected, answered);
}

#[test]
fn a_recovery_is_seen_and_a_number_that_ended_is_gone() {
    let vendor = Vendor::founded();
    let fmspc = fmspc(&vendor.request_of("one"));
    vendor.run(&["recover", "--raises", "microcode", "--advisory", ADVISORY]);
    let number = |number| {
        let info = client(&vendor).sgx_tcbinfo(&fmspc, number)?;
        let data = info.data().expect("TCB info");
        Ok::<u64, Error>(data.tcb_evaluation_data_number())
    };
    // Without a number it asks for the early set.
    let numbers = [Some(1), Some(2), None].map(|asked| number(asked).ok());
    assert_eq!(numbers, [Some(1), Some(2), Some(2)]);
    let too_new = number(Some(3)).unwrap_err();
    assert!(matches!(too_new, Error::PCSError(StatusCode::NotFound, _)));
    vendor.run(&["promote", "2"]);
    vendor.run(&["retire", "1"]);
    let gone = number(Some(1)).unwrap_err();
    assert!(matches!(gone, Error::PCSError(StatusCode::Gone, _)));
    let numbers = client(&vendor)
        .sgx_tcb_evaluation_data_numbers()
        .expect("numbers");
    let numbers = numbers.evaluation_data_numbers().expect("numbers");
    assert_eq!(
        numbers.numbers().map(|n| n.number()).collect::<Vec<_>>(),
        [2]
    );
}

#[test]
fn it_reads_tcb_info_only_with_advisories_called_as_the_vendor_calls_them() {
    for (advisory, readable) in [(ADVISORY, true), ("SIMULATED-SA-00002", false)] {
        let vendor = Vendor::founded();
        vendor.run(&["recover", "--raises", "microcode", "--advisory", advisory]);
        let fmspc = fmspc(&vendor.request_of("one"));
        let info = client(&vendor).sgx_tcbinfo(&fmspc, Some(2));
        assert_eq!(
            info.expect("TCB info").data().is_ok(),
            readable,
            "{advisory}"
        );
    }
}

#[test]
fn it_asks_again_when_the_service_is_unavailable() {
    let vendor = Vendor::founded();
    let fmspc = fmspc(&vendor.request_of("one"));
    vendor.set_faults(r#"[{"paths":"*/tcb","fault":{"status":503},"count":1}]"#);
    assert!(client(&vendor).sgx_tcbinfo(&fmspc, None).is_ok());
    vendor.set_faults(r#"[{"paths":"*/tcb","fault":{"status":404}}]"#);
    let error = client(&vendor).sgx_tcbinfo(&fmspc, None).unwrap_err();
    assert!(
        matches!(error, Error::PCSError(StatusCode::NotFound, _)),
        "{error}"
    );
}
