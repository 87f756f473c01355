//! Fortanix' clients with the collateral service: that for caches as it is, that for the vendor's
//! interface below `/pcs`, to which its requests are carried.

use dcap_artifact_retrieval::{Error, PcsVersion, ProvisioningClient, StatusCode};
use independent_clients::fortanix::{
    ADVISORY, cache_client, fmspc, intel_client, joined, levels, pck_id,
};
use independent_clients::{Service, Vendor};
use pcs::{DcapArtifactIssuer, PckCert, RootCaCrl, TcbStatus, Unverified};

/// A vendor that disclosed a second number.
fn recovered() -> Vendor {
    let vendor = Vendor::founded();
    vendor.run(&["recover", "--raises", "microcode", "--advisory", ADVISORY]);
    vendor
}

/// Its client for the vendor's interface.
fn vendor_client(service: &Service) -> impl ProvisioningClient + use<> {
    let base = format!("{}/pcs", service.server().url());
    intel_client(&base, &format!("{base}/IntelSGXRootCA"))
}

fn is_not_found(error: &Error) -> bool {
    matches!(error, Error::PCSError(StatusCode::NotFound, _))
}

fn certificate(
    client: &impl ProvisioningClient,
    vendor: &Vendor,
    platform: &str,
) -> Result<PckCert<Unverified>, Error> {
    let id = pck_id(&vendor.request_of(platform));
    let (ppid, qe_id) = (Some(&id.enc_ppid), Some(&id.qe_id));
    client.pckcert(ppid, &id.pce_id, &id.cpu_svn, id.pce_isvsvn, qe_id)
}

/// What a client fetches of the documents with a number, in the order of [`written`].
fn documents(client: &impl ProvisioningClient, vendor: &Vendor, platform: &str) -> Vec<String> {
    let fmspc = fmspc(&vendor.request_of(platform));
    let sgx = client.sgx_tcbinfo(&fmspc, Some(1)).expect("TCB info");
    let tdx = client.tdx_tcbinfo(&fmspc, Some(1)).expect("TCB info");
    let identity = client.qe_identity(Some(1)).expect("an identity");
    vec![
        sgx.raw_tcb_info().to_owned(),
        joined(sgx.certificate_chain()),
        tdx.raw_tcb_info().to_owned(),
        joined(tdx.certificate_chain()),
        identity.raw_qe_identity().to_owned(),
        joined(identity.certificate_chain()),
    ]
}

/// The same as the vendor writes it.
fn written(vendor: &Vendor, platform: &str) -> Vec<String> {
    let [sgx, tdx] = ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral(platform, kind, "1"));
    let texts = [
        &sgx["tcb_info"],
        &sgx["tcb_info_issuer_chain"],
        &tdx["tcb_info"],
        &tdx["tcb_info_issuer_chain"],
        &sgx["qe_identity"],
        &sgx["qe_identity_issuer_chain"],
    ];
    let texts = texts.map(|text| text.as_str().expect("a text").to_owned());
    texts.to_vec()
}

/// Documents, certificates and CRLs by one of the clients, as far as the library follows.
fn everything(client: &impl ProvisioningClient, vendor: &Vendor) {
    for platform in ["one", "two"] {
        let before = written(vendor, platform);
        let fetched = documents(client, vendor, platform);
        let after = written(vendor, platform);
        for (at, text) in fetched.iter().enumerate() {
            // Documents are signed anew once a day, which may be in between.
            assert!([&before[at], &after[at]].contains(&text), "{platform} {at}");
        }
    }
    let fmspc = fmspc(&vendor.request_of("one"));
    // Without a number it asks for the early set.
    for (asked, number) in [(Some(1), 1), (Some(2), 2), (None, 2)] {
        let sgx = client.sgx_tcbinfo(&fmspc, asked).expect("TCB info");
        let sgx = sgx.data().expect("TCB info can be read");
        let tdx = client.tdx_tcbinfo(&fmspc, asked).expect("TCB info");
        let tdx = tdx.data().expect("TCB info can be read");
        assert_eq!(
            [
                sgx.tcb_evaluation_data_number(),
                tdx.tcb_evaluation_data_number()
            ],
            [number; 2]
        );
        let read: [Vec<_>; 2] = [
            sgx.iter_tcb_components().collect(),
            tdx.iter_tcb_components().collect(),
        ];
        let set = number.to_string();
        let written = ["sgx-v3", "tdx15-v5"].map(|kind| vendor.collateral("one", kind, &set));
        assert_eq!(read, written.map(|collateral| levels(&collateral)));
    }
    let too_new = client
        .sgx_tcbinfo(&fmspc, Some(3))
        .map(|_| ())
        .expect_err("a refusal");
    assert!(is_not_found(&too_new), "{too_new}");
    certificates(client, vendor);
}

fn revocations(client: &impl ProvisioningClient, vendor: &Vendor) -> RootCaCrl {
    let roots = [vendor.root()];
    for (platform, ca) in [
        ("one", DcapArtifactIssuer::PCKProcessorCA),
        ("two", DcapArtifactIssuer::PCKPlatformCA),
    ] {
        let before = vendor.collateral(platform, "sgx-v3", "1");
        let crl = client.pckcrl(ca).expect("a CRL");
        let after = vendor.collateral(platform, "sgx-v3", "1");
        let digits = hex::encode(crl.crl_as_der().expect("DER"));
        let written = [&before["pck_crl"], &after["pck_crl"]];
        assert!(written.into_iter().any(|one| *one == digits));
        // Its signature and chain come first, then the name of the CA, which is none that it knows.
        let error = crl.verify(&roots).map(|_| ()).expect_err("a refusal");
        assert!(matches!(error, pcs::Error::InvalidCaFormat), "{error}");
    }
    let crl = client.root_ca_crl().expect("the root's CRL");
    crl.verify(&roots).expect("the root's CRL holds")
}

fn certificates(client: &impl ProvisioningClient, vendor: &Vendor) {
    let root_crl = revocations(client, vendor);
    for platform in ["one", "two"] {
        let request = vendor.request_of(platform);
        let fetch = || certificate(client, vendor, platform).expect("a certificate");
        let extension = fetch().sgx_extension().expect("the extension");
        assert_eq!(hex::encode(&extension.ppid), request.ppid);
        assert_eq!(extension.fmspc, fmspc(&request));
        let verified =
            fetch().verify_with_rootcacrl(&[vendor.root()], std::slice::from_ref(&root_crl), None);
        let verified = verified.expect("a certificate that holds");
        let info = client
            .sgx_tcbinfo(&fmspc(&request), Some(1))
            .expect("TCB info");
        let info = info.data().expect("TCB info can be read");
        let level = verified.find_tcb_state(&info).expect("a level");
        assert_eq!(level.tcb_status(), TcbStatus::UpToDate);

        // A cache has no list of all of them: there it asks once for each level.
        let id = pck_id(&request);
        let all = client.pckcerts_with_fallback(&id).expect("certificates");
        assert_eq!(all.fmspc().expect("an FMSPC"), fmspc(&request));
        assert!(all.iter().count() >= 2);
        let selected = all.select_pck(&info, &id.cpu_svn, id.pce_isvsvn, id.pce_id);
        let selected = selected
            .expect("one of them")
            .platform_tcb()
            .expect("a TCB");
        let answered = fetch().platform_tcb().expect("a TCB");
        assert_eq!(
            (selected.cpusvn, selected.tcb_components.pce_svn()),
            (answered.cpusvn, answered.tcb_components.pce_svn())
        );
    }
}

#[test]
fn its_client_for_caches_also_while_the_vendor_is_switched_off() {
    let mut vendor = recovered();
    vendor.register("two");
    let service = Service::of(&vendor);
    everything(
        &cache_client(service.server().url(), PcsVersion::V4),
        &vendor,
    );
    vendor.switch_off();
    // Another client: this one has a cache of its own.
    everything(
        &cache_client(service.server().url(), PcsVersion::V4),
        &vendor,
    );
}

#[test]
fn its_client_for_the_vendors_interface() {
    let mut vendor = recovered();
    let service = Service::of(&vendor);
    let client = vendor_client(&service);
    let unknown = certificate(&client, &vendor, "two")
        .map(|_| ())
        .unwrap_err();
    assert!(is_not_found(&unknown), "{unknown}");
    vendor.register("two");
    everything(&client, &vendor);
    let sgx = client.sgx_tcb_evaluation_data_numbers().expect("numbers");
    let tdx = client.tdx_tcb_evaluation_data_numbers().expect("numbers");
    let sgx = sgx.evaluation_data_numbers().expect("numbers can be read");
    let tdx = tdx.evaluation_data_numbers().expect("numbers can be read");
    let numbers = [sgx.numbers(), tdx.numbers()];
    let numbers = numbers.map(|list| list.map(|each| each.number()).collect::<Vec<_>>());
    assert_eq!(numbers, [[2, 1], [2, 1]]);

    vendor.switch_off();
    let client = vendor_client(&service);
    revocations(&client, &vendor);
    documents(&client, &vendor, "one");
}

#[test]
fn what_a_cache_does_not_have() {
    let vendor = recovered();
    let service = Service::of(&vendor);
    let client = cache_client(service.server().url(), PcsVersion::V4);
    // It asks caches for what only the vendor's interface has.
    let numbers = client.sgx_tcb_evaluation_data_numbers().map(|_| ());
    let unknown = certificate(&client, &vendor, "two").map(|_| ());
    for error in [numbers, unknown].map(|answer| answer.unwrap_err()) {
        assert!(is_not_found(&error), "{error}");
    }
}

#[test]
fn version_3_but_for_what_the_vendor_no_longer_issues() {
    let vendor = Vendor::founded();
    vendor.register("two");
    let service = Service::of(&vendor);
    let client = cache_client(service.server().url(), PcsVersion::V3);
    revocations(&client, &vendor);
    for platform in ["one", "two"] {
        let certificate = certificate(&client, &vendor, platform).expect("a certificate");
        assert!(certificate.verify(&[vendor.root()], None).is_ok());
    }
    let identity = client.qe_identity(None).expect("an identity");
    assert_eq!(identity.certificate_chain().len(), 2);
    let fmspc = fmspc(&vendor.request_of("one"));
    let info = client
        .sgx_tcbinfo(&fmspc, None)
        .map(|_| ())
        .expect_err("a refusal");
    assert!(
        matches!(info, Error::PCSError(StatusCode::Gone, _)),
        "{info}"
    );
}
