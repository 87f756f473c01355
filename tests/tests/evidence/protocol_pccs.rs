//! Genuine collateral in the dialect of the vendor's cache: the recorded import read and written
//! again, and every document in it as the cache answers with it.

use bulla_collateral::pck_selection::{PckTcb, select_certificate};
use bulla_collateral::{EnclaveIdentity, SignedKind, SignedText, TcbInfo};
use bulla_pki::crl::{Crl, decode_encoding};
use bulla_pki::{Certificate, SgxExtension, Signature, pem};
use bulla_protocol::pccs::{
    Access, Answer, CrlForm, PlatformCollateral, Request, Route, RouteRules, Source, Version,
};
use bulla_protocol::pcs::{IssuedDocument, PckCa, Selection, Tee};
use bulla_protocol::percent;
use bulla_protocol::value::{Fmspc, Pem};
use bulla_protocol::wire::{ResponseParts, Status};
use bulla_tests::vectors;
use serde_json::Value;

const PATH: &str = "/sgx/certification/v4/platformcollateral";
const JSON: Option<&str> = Some("application/json");

/// The recorded body, and what is read from it; absent without the vectors.
fn recorded() -> Option<(Vec<u8>, PlatformCollateral)> {
    let folder = vectors::folder("protocol_pccs")?;
    let body = std::fs::read(folder.join("pccs/platform_collaterals.json")).expect("a file");
    let collateral = read(&body);
    Some((body, collateral))
}

fn read(body: &[u8]) -> PlatformCollateral {
    let route = Route::read("PUT", PATH, RouteRules::default()).expect("a route");
    assert_eq!(route.access(), Access::Administrator);
    match route.request("", JSON, body).expect("a body") {
        Request::PutCollateral(collateral) => *collateral,
        other => panic!("another request: {other:?}"),
    }
}

/// The answer as it goes onto the wire, read back equal.
fn served(request: &Request<'_>, answer: Answer) -> ResponseParts {
    assert!(answer.fits_clients(), "{request:?}");
    let parts = answer.clone().write(Version::V4);
    assert_eq!(parts.status, Status::OK);
    for (name, value) in parts.headers.iter() {
        assert!(
            value.bytes().all(|byte| (0x20..0x7f).contains(&byte)),
            "{name}"
        );
    }
    assert_eq!(Answer::read(request, parts.clone()), Ok(Ok(answer)));
    parts
}

#[test]
fn an_import_comes_back_with_every_signed_byte() {
    let Some((body, collateral)) = recorded() else {
        return;
    };
    assert_eq!(collateral.platforms.len(), 1);
    assert_eq!(collateral.pck_certificates.len(), 1);
    assert_eq!(collateral.tcb_infos.len(), 2);
    assert_eq!(collateral.identities.len(), 2);

    let written = collateral.write(Version::V4);
    assert_eq!(read(&written), collateral);
    // The same values, but for the order of keys and for blanks.
    let [before, after] =
        [&body, &written].map(|text| serde_json::from_slice::<Value>(text).expect("JSON"));
    assert_eq!(after, before);

    for info in &collateral.tcb_infos {
        let (kind, signed) =
            SignedText::from_wrapped(info.document.as_str().as_bytes()).expect("a signed document");
        assert_eq!(kind, SignedKind::TcbInfo);
        let parsed = TcbInfo::parse(&signed.body).expect("TCB info");
        assert_eq!(parsed.fmspc, info.fmspc.0);
        assert!(!info.document.as_str().contains(": "), "blanks are left");
    }
    for identity in &collateral.identities {
        let (_, signed) = SignedText::from_wrapped(identity.document.as_str().as_bytes())
            .expect("a signed document");
        EnclaveIdentity::parse(&signed.body).expect("an identity");
    }
}

/// Signatures hold over what came through the import: they would not, had one blank been left or
/// one key been moved.
#[test]
fn signatures_hold_after_an_import() {
    let Some((_, collateral)) = recorded() else {
        return;
    };
    let tcb_infos = collateral.tcb_infos.iter().map(|info| &info.document);
    let identities = collateral
        .identities
        .iter()
        .map(|identity| &identity.document);
    for (chain, documents) in [
        (&collateral.tcb_info_chain, tcb_infos.collect::<Vec<_>>()),
        (&collateral.identity_chain, identities.collect()),
    ] {
        let ders = certificates(chain.as_ref().expect("a chain"));
        let signer = Certificate::parse(&ders[0]).expect("a certificate");
        let key = signer.public_key().expect("a key");
        assert_eq!(documents.len(), 2);
        for document in documents {
            let (_, signed) =
                SignedText::from_wrapped(document.as_str().as_bytes()).expect("a document");
            let signature = Signature::from_hex(&signed.signature).expect("a signature");
            key.verify(&signed.body, &signature).expect("it holds");
        }
    }
}

fn certificates(text: &Pem) -> Vec<Vec<u8>> {
    pem::decode(text.as_str().as_bytes(), "CERTIFICATE", 10).expect("certificates")
}

#[test]
fn imported_documents_are_answered_as_the_cache_does() {
    let Some((_, collateral)) = recorded() else {
        return;
    };
    for info in collateral.tcb_infos {
        let request = Request::TcbInfo {
            tee: info.tee,
            fmspc: info.fmspc,
            selection: Selection::Standard,
        };
        let chain = collateral.tcb_info_chain.clone().expect("a chain");
        let issued = IssuedDocument {
            document: info.document.into_bytes(),
            issuer_chain: chain.clone(),
        };
        let parts = served(&request, Answer::TcbInfo(issued));
        let encoded = percent::encode(chain.as_str());
        for name in ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"] {
            assert_eq!(parts.headers.find(name), Some(encoded.as_str()));
        }
        let media_type = parts.headers.find("Content-Type");
        assert_eq!(media_type, Some("application/json; charset=utf-8"));
    }
    for identity in collateral.identities {
        let request = Request::EnclaveIdentity {
            enclave: identity.enclave,
            selection: Selection::Standard,
        };
        let issued = IssuedDocument {
            document: identity.document.into_bytes(),
            issuer_chain: collateral.identity_chain.clone().expect("a chain"),
        };
        served(&request, Answer::EnclaveIdentity(issued));
    }
    for (ca, crl, chain) in [
        (
            PckCa::Processor,
            &collateral.processor_crl,
            &collateral.processor_chain,
        ),
        (
            PckCa::Platform,
            &collateral.platform_crl,
            &collateral.platform_chain,
        ),
    ] {
        for form in [CrlForm::Hex, CrlForm::Der] {
            let crl = crl.clone().expect("a CRL");
            Crl::parse(&crl).expect("a CRL");
            let answer = Answer::PckCrl {
                crl,
                form,
                issuer_chain: chain.clone().expect("a chain"),
            };
            served(&Request::PckCrl { ca, form }, answer);
        }
    }
    let root = collateral.root_ca_crl.expect("a CRL");
    let parts = served(&Request::RootCaCrl, Answer::RootCaCrl(root.clone()));
    assert_eq!(decode_encoding(&parts.body).expect("digits"), root);
    let platforms = collateral.platforms;
    for source in [Source::Waiting, Source::Cached(Vec::new())] {
        let cached = matches!(source, Source::Cached(_));
        let platforms = platforms.clone();
        let answer = Answer::Platforms { platforms, cached };
        let parts = served(&Request::Platforms(source), answer);
        assert_eq!(parts.headers.find("platform-count"), Some("1"));
    }
}

#[test]
fn a_recorded_certificate_is_selected() {
    let Some((_, collateral)) = recorded() else {
        return;
    };
    let platform = &collateral.platforms[0];
    let entry = &collateral.pck_certificates[0].certificates[0];
    let certificate = entry.certificate.clone().expect("a certificate");
    let der = certificates(&certificate).remove(0);
    let parsed = Certificate::parse(&der).expect("a certificate");
    let extension = parsed.extensions().sgx.expect("the extension");
    let sgx = SgxExtension::parse(extension).expect("the extension");
    assert_eq!(sgx.components, entry.components);
    assert_eq!(sgx.cpusvn, entry.tcbm.cpusvn.0);
    let raw = PckTcb {
        components: platform.cpusvn.expect("a CPUSVN").0,
        pcesvn: platform.pcesvn.expect("a PCESVN").0,
    };
    let info = collateral
        .tcb_infos
        .iter()
        .find(|info| info.tee == Tee::Sgx)
        .expect("TCB info");
    let (_, signed) =
        SignedText::from_wrapped(info.document.as_str().as_bytes()).expect("a document");
    let info = TcbInfo::parse(&signed.body).expect("TCB info");
    let selected = select_certificate(&info, &[sgx], platform.pce_id.0, &raw);
    assert_eq!(selected, Ok(Some(0)));

    let request = Request::PckCertificate {
        qeid: platform.qe_id.clone(),
        cpusvn: platform.cpusvn.expect("a CPUSVN"),
        pcesvn: platform.pcesvn.expect("a PCESVN"),
        pceid: platform.pce_id,
        encrypted_ppid: platform.encrypted_ppid.clone(),
    };
    let parts = request.write(Version::V4);
    let route = Route::read(&parts.method, &parts.path, RouteRules::default()).expect("a route");
    assert_eq!(route.access(), Access::Anybody);
    assert_eq!(
        route.request(&parts.query, None, b"").as_ref(),
        Ok(&request)
    );
    let answer = Answer::PckCertificate {
        certificate,
        tcbm: entry.tcbm,
        fmspc: Fmspc(sgx.fmspc),
        ca: PckCa::Processor,
        issuer_chain: collateral.processor_chain.expect("a chain"),
    };
    let parts = served(&request, answer);
    assert_eq!(
        parts.headers.find("SGX-TCBm"),
        Some(entry.tcbm.to_string().as_str())
    );
}
