//! Caches and directories as upstreams.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod fake;

use std::path::PathBuf;

use bulla_protocol::pcs::{
    Answer, CrlEncoding, CrlFile, Enclave, EncodedCrl, PckCa, PlatformFilter, PlatformKey, Request,
    Selection, Tee,
};
use bulla_protocol::value::{EncryptedPpid, Fmspc, PceId, PlatformManifest};
use bulla_upstream::{Failure, Kind, UpstreamSettings, Upstreams};

use fake::{CHAIN, Fake, ask, only, response, root_crl, tcb_info};

const LIST: [u8; 4] = [0x30, 0x82, 0, 1];

fn pck_crl(encoding: CrlEncoding) -> Request {
    Request::PckCrl {
        ca: PckCa::Platform,
        encoding,
    }
}

fn identity(enclave: Enclave, selection: Selection) -> Request {
    Request::EnclaveIdentity { enclave, selection }
}

fn certificates() -> Request {
    Request::PckCertificates {
        platform: PlatformKey::EncryptedPpid(Box::new(EncryptedPpid([7; 384]))),
        pceid: PceId([0, 0]),
    }
}

#[tokio::test]
async fn a_cache_is_asked_in_its_own_words() {
    let fake = Fake::saying(response(404, &[], b"No cache data for this platform.")).await;
    let mut settings = fake.pccs("cache");
    settings.kind = Kind::Pccs {
        url: fake.url() + "/sgx/certification/v4/",
    };
    let upstreams = only(settings);
    let early = Request::TcbInfo {
        tee: Tee::Tdx,
        fmspc: Fmspc([0, 0x80, 0x6F, 5, 0, 0]),
        selection: Selection::Early,
    };
    let requests = [
        tcb_info(),
        early,
        identity(Enclave::SgxQve, Selection::Standard),
        identity(Enclave::TdxQe, Selection::Number(17)),
        pck_crl(CrlEncoding::Pem),
        root_crl(),
    ];
    for request in &requests {
        let failure = ask(&upstreams, request).await.unwrap_err();
        let expected = Failure::NotFound {
            upstream: "cache".to_owned(),
            reason: "status 404".to_owned(),
            error_code: None,
        };
        assert_eq!(failure, expected);
    }
    let targets = [
        "/sgx/certification/v4/tcb?fmspc=00806F050000&update=standard",
        "/tdx/certification/v4/tcb?fmspc=00806F050000&update=early",
        "/sgx/certification/v4/qve/identity?update=standard",
        "/tdx/certification/v4/qe/identity?tcbEvaluationDataNumber=17",
        "/sgx/certification/v4/pckcrl?ca=platform&encoding=der",
        "/sgx/certification/v4/rootcacrl",
    ];
    assert_eq!(
        fake.lines(),
        targets.map(|target| format!("GET {target} HTTP/1.1"))
    );
}

#[tokio::test]
async fn a_cache_is_not_asked_for_what_it_cannot_have() {
    let fake = Fake::saying(response(200, &[], b"")).await;
    let upstreams = only(fake.pccs("cache"));
    for request in [
        certificates(),
        Request::Fmspcs(PlatformFilter::All),
        Request::EvaluationDataNumbers(Tee::Sgx),
        Request::RegisterPlatform(PlatformManifest::new(vec![1; 9_000]).unwrap()),
    ] {
        let failure = ask(&upstreams, &request).await.unwrap_err();
        assert!(matches!(failure, Failure::Unavailable { .. }), "{failure}");
        assert!(
            failure.to_string().contains("cache: not asked"),
            "{failure}"
        );
    }
    assert!(fake.asked().is_empty());
    assert_eq!(upstreams.health()[0].counts, Default::default());
    // Somebody else has it.
    let vendor = Fake::saying(response(404, &[], b"")).await;
    let both = Upstreams::new(vec![fake.pccs("cache"), vendor.pcs("vendor")]).unwrap();
    let failure = ask(&both, &certificates()).await.unwrap_err();
    assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");
}

#[tokio::test]
async fn documents_of_a_cache_are_the_vendors() {
    for chain in ["TCB-Info-Issuer-Chain", "SGX-TCB-Info-Issuer-Chain"] {
        let headers = [
            ("Content-Type", "application/json; charset=utf-8"),
            (chain, CHAIN),
        ];
        let fake = Fake::saying(response(200, &headers, fake::DOCUMENT.as_bytes())).await;
        let Answer::TcbInfo(issued) = ask(&only(fake.pccs("a")), &tcb_info()).await.unwrap() else {
            panic!("TCB info was asked for")
        };
        assert_eq!(issued.document, fake::DOCUMENT.as_bytes());
    }
}

#[tokio::test]
async fn lists_of_a_cache_come_in_both_forms() {
    let digits = hex::encode(LIST).into_bytes();
    let chain = ("SGX-PCK-CRL-Issuer-Chain", CHAIN);
    for (media_type, body) in [
        ("application/pkix-crl", LIST.to_vec()),
        ("application/x-pem-file; charset=utf-8", digits.clone()),
    ] {
        let headers = [("Content-Type", media_type), chain];
        let fake = Fake::saying(response(200, &headers, &body)).await;
        let upstreams = only(fake.pccs("a"));
        let answer = ask(&upstreams, &pck_crl(CrlEncoding::Der)).await.unwrap();
        let Answer::PckCrl { crl, issuer_chain } = answer else {
            panic!("a list was asked for")
        };
        assert_eq!(crl, EncodedCrl::Der(LIST.to_vec()));
        assert!(issuer_chain.as_str().contains("BEGIN CERTIFICATE"));
        let answer = ask(&upstreams, &pck_crl(CrlEncoding::Pem)).await.unwrap();
        let Answer::PckCrl {
            crl: EncodedCrl::Pem(text),
            ..
        } = answer
        else {
            panic!("PEM was asked for")
        };
        assert_eq!(
            bulla_pki::pem::decode(text.as_str().as_bytes(), "X509 CRL", 1).unwrap(),
            [LIST]
        );
    }
    let fake = Fake::saying(response(
        200,
        &[("Content-Type", "application/pkix-crl; charset=utf-8")],
        &digits,
    ))
    .await;
    let answer = ask(&only(fake.pccs("a")), &root_crl()).await.unwrap();
    assert_eq!(answer, Answer::RootCaCrl(EncodedCrl::Der(LIST.to_vec())));

    // Without its chain it is nothing.
    let fake = Fake::saying(response(200, &[], &LIST)).await;
    let failure = ask(&only(fake.pccs("a")), &pck_crl(CrlEncoding::Der))
        .await
        .unwrap_err();
    assert!(
        failure.to_string().contains("SGX-PCK-CRL-Issuer-Chain"),
        "{failure}"
    );
}

/// A directory of this test's own, removed at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
        // A run that was killed may have left one.
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, content).unwrap();
    }

    fn upstreams(&self) -> Upstreams {
        let path = self.0.clone();
        only(UpstreamSettings::new("files", Kind::Directory { path }))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";

#[tokio::test]
async fn a_directory_has_a_file_for_each_document() {
    let folder = Folder::new("documents");
    let cases = [
        (
            Request::TcbInfo {
                tee: Tee::Tdx,
                fmspc: Fmspc([0, 0x80, 0x6f, 5, 0, 0]),
                selection: Selection::Number(17),
            },
            "tcb-info/tdx/00806F050000/17",
        ),
        (tcb_info(), "tcb-info/sgx/00806F050000/standard"),
        (
            identity(Enclave::SgxQe, Selection::Early),
            "identity/qe/early",
        ),
        (
            identity(Enclave::SgxQve, Selection::Standard),
            "identity/qve/standard",
        ),
        (
            identity(Enclave::SgxQae, Selection::Standard),
            "identity/qae/standard",
        ),
        (
            identity(Enclave::TdxQe, Selection::Number(9)),
            "identity/td-qe/9",
        ),
        (
            Request::EvaluationDataNumbers(Tee::Sgx),
            "evaluation-data-numbers/sgx",
        ),
        (
            Request::EvaluationDataNumbers(Tee::Tdx),
            "evaluation-data-numbers/tdx",
        ),
    ];
    let upstreams = folder.upstreams();
    for (request, stem) in cases {
        let failure = ask(&upstreams, &request).await.unwrap_err();
        assert!(matches!(failure, Failure::NotFound { .. }), "{failure}");
        folder.put(&format!("{stem}.json"), stem);
        let failure = ask(&upstreams, &request).await.unwrap_err();
        assert!(
            matches!(failure, Failure::NotFound { .. }),
            "without a chain: {failure}"
        );
        folder.put(&format!("{stem}.issuer-chain.pem"), PEM);
        let issued = match ask(&upstreams, &request).await.unwrap() {
            Answer::TcbInfo(issued)
            | Answer::EnclaveIdentity(issued)
            | Answer::EvaluationDataNumbers(issued) => issued,
            other => panic!("{other:?}"),
        };
        assert_eq!(issued.document, stem.as_bytes());
        assert_eq!(issued.issuer_chain.as_str(), PEM);
    }
    folder.put("pck-crl/platform.der", LIST);
    folder.put("pck-crl/platform.issuer-chain.pem", PEM);
    folder.put("root-ca-crl.der", hex::encode(LIST));
    folder.put(
        "fmspcs/all.json",
        r#"[{"fmspc":"00806F050000","platform":"E5"}]"#,
    );
    for encoding in [CrlEncoding::Der, CrlEncoding::Pem] {
        assert!(ask(&upstreams, &pck_crl(encoding)).await.is_ok());
    }
    let named = Request::RootCaCrl(CrlFile::new("Other.der").unwrap());
    assert_eq!(
        ask(&upstreams, &named).await.unwrap(),
        Answer::RootCaCrl(EncodedCrl::Der(LIST.to_vec()))
    );
    let Answer::Fmspcs(list) = ask(&upstreams, &Request::Fmspcs(PlatformFilter::All))
        .await
        .unwrap()
    else {
        panic!("a list was asked for")
    };
    assert_eq!(list.len(), 1);
    let failure = ask(&upstreams, &certificates()).await.unwrap_err();
    assert!(failure.to_string().contains("not asked"), "{failure}");
}

#[tokio::test]
async fn what_is_no_file_of_fitting_size_is_not_read() {
    let folder = Folder::new("odd");
    let upstreams = folder.upstreams();
    folder.put("root-ca-crl.der/x", "");
    let failure = ask(&upstreams, &root_crl()).await.unwrap_err();
    assert!(failure.to_string().contains("is no file"), "{failure}");
    let folder = Folder::new("large");
    folder.put("root-ca-crl.der", vec![b'0'; 1_500_001]);
    let failure = ask(&folder.upstreams(), &root_crl()).await.unwrap_err();
    assert!(
        failure.to_string().contains("more than 1500000 bytes"),
        "{failure}"
    );
}
