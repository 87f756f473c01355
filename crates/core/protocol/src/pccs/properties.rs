//! What was written is read back, and nothing that comes from the wire makes the reader panic.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use crate::pcs::{Enclave, IssuedDocument, PckCa, PckCertificateEntry, Selection, Tee};
use crate::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn, Pem, PlatformManifest, Tcbm};
use crate::wire::{Headers, RequestParts, ResponseParts, Status};

use super::*;

fn fmspc() -> impl Strategy<Value = Fmspc> {
    any::<[u8; 6]>().prop_map(Fmspc)
}

fn cpusvn() -> impl Strategy<Value = CpuSvn> {
    any::<[u8; 16]>().prop_map(CpuSvn)
}

fn pcesvn() -> impl Strategy<Value = PceSvn> {
    any::<u16>().prop_map(PceSvn)
}

fn pceid() -> impl Strategy<Value = PceId> {
    any::<[u8; 2]>().prop_map(PceId)
}

fn qe_id() -> impl Strategy<Value = QeId<'static>> {
    // Some letters have an upper case that is longer, or none.
    prop_oneof!["[0-9A-F]{32}", "[ -~]{1,40}", "[a-zäß&=%+]{1,10}"]
        .prop_map(|text| QeId::new(text).unwrap())
}

fn ppid() -> impl Strategy<Value = Box<EncryptedPpid>> {
    any::<u8>().prop_map(|byte| Box::new(EncryptedPpid([byte; 384])))
}

fn manifest() -> impl Strategy<Value = PlatformManifest> {
    let sizes = PlatformManifest::SMALLEST..PlatformManifest::SMALLEST + 9;
    (any::<u8>(), sizes).prop_map(|(byte, size)| PlatformManifest::new(vec![byte; size]).unwrap())
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::Standard),
        Just(Selection::Early),
        any::<u32>().prop_map(Selection::Number),
    ]
}

fn pem() -> impl Strategy<Value = Pem> {
    "-----BEGIN [ -~\\r\\n]{0,200}".prop_map(|text| Pem::new(text).unwrap())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..100)
}

fn registered() -> impl Strategy<Value = RegisteredPlatform> {
    let identity = prop_oneof![
        manifest().prop_map(PlatformIdentity::Manifest),
        (cpusvn(), pcesvn(), ppid()).prop_map(|(cpusvn, pcesvn, encrypted_ppid)| {
            PlatformIdentity::Ppid {
                cpusvn,
                pcesvn,
                encrypted_ppid,
            }
        }),
    ];
    (qe_id(), pceid(), identity).prop_map(|(qe_id, pce_id, identity)| RegisteredPlatform {
        qe_id,
        pce_id,
        identity,
    })
}

fn listed() -> impl Strategy<Value = ListedPlatform> {
    let parts = (
        qe_id(),
        pceid(),
        option::of(cpusvn()),
        option::of(pcesvn()),
        option::of(manifest()),
        option::of(ppid()),
    );
    parts.prop_map(
        |(qe_id, pce_id, cpusvn, pcesvn, manifest, encrypted_ppid)| ListedPlatform {
            qe_id,
            pce_id,
            cpusvn,
            pcesvn,
            manifest,
            encrypted_ppid,
        },
    )
}

fn entry() -> impl Strategy<Value = PckCertificateEntry> {
    let parts = (
        any::<[u8; 16]>(),
        any::<u16>(),
        (cpusvn(), pcesvn()),
        option::of(pem()),
    );
    parts.prop_map(
        |(components, svn, (cpusvn, pcesvn), certificate)| PckCertificateEntry {
            components,
            pcesvn: svn,
            tcbm: Tcbm { cpusvn, pcesvn },
            certificate,
        },
    )
}

fn certificates() -> impl Strategy<Value = PlatformCertificates> {
    let parts = (
        qe_id(),
        pceid(),
        option::of(ppid()),
        option::of(manifest()),
        vec(entry(), 1..3),
    );
    parts.prop_map(
        |(qe_id, pce_id, encrypted_ppid, manifest, certificates)| PlatformCertificates {
            qe_id,
            pce_id,
            encrypted_ppid,
            manifest,
            certificates,
        },
    )
}

fn json_object() -> impl Strategy<Value = JsonObject> {
    any::<(String, u32)>().prop_map(|(text, number)| {
        JsonObject::new(serde_json::json!({ text: number }).to_string()).unwrap()
    })
}

/// Families in order, the documents of each in the order of their keys, as they are read.
fn tcb_infos() -> impl Strategy<Value = Vec<TcbInfoDocument>> {
    let family = (fmspc(), vec(option::of(json_object()), 4));
    vec(family, 0..3).prop_map(|families| {
        let document = |fmspc, (tee, update), document: Option<JsonObject>| {
            Some(TcbInfoDocument {
                tee,
                fmspc,
                update,
                document: document?,
            })
        };
        let keys = [
            (Tee::Sgx, Update::Standard),
            (Tee::Tdx, Update::Standard),
            (Tee::Sgx, Update::Early),
            (Tee::Tdx, Update::Early),
        ];
        let of_family = |(fmspc, documents): (Fmspc, Vec<Option<JsonObject>>)| {
            keys.into_iter()
                .zip(documents)
                .filter_map(move |(key, text)| document(fmspc, key, text))
        };
        families.into_iter().flat_map(of_family).collect()
    })
}

fn identities() -> impl Strategy<Value = Vec<IdentityDocument>> {
    vec(option::of(json_object()), 6).prop_map(|documents| {
        let keys = [Enclave::SgxQe, Enclave::TdxQe, Enclave::SgxQve]
            .into_iter()
            .flat_map(|enclave| [Update::Standard, Update::Early].map(|update| (enclave, update)));
        keys.zip(documents)
            .filter_map(|((enclave, update), document)| {
                Some(IdentityDocument {
                    enclave,
                    update,
                    document: document?,
                })
            })
            .collect()
    })
}

fn collateral() -> impl Strategy<Value = PlatformCollateral> {
    let lists = (
        vec(listed(), 0..3),
        vec(certificates(), 0..3),
        tcb_infos(),
        identities(),
    );
    let crls = vec(option::of(bytes()), 3);
    let chains = vec(option::of(pem()), 4);
    let uri = option::of("https://[a-z]{1,9}/[a-z]{1,9}");
    (lists, crls, chains, uri).prop_map(|(lists, mut crls, mut chains, root_ca_crl_uri)| {
        let (platforms, pck_certificates, tcb_infos, identities) = lists;
        let mut crl = || crls.pop().unwrap();
        let mut chain = || chains.pop().unwrap();
        PlatformCollateral {
            platforms,
            pck_certificates,
            tcb_infos,
            identities,
            processor_crl: crl(),
            platform_crl: crl(),
            root_ca_crl: crl(),
            root_ca_crl_uri,
            processor_chain: chain(),
            platform_chain: chain(),
            tcb_info_chain: chain(),
            identity_chain: chain(),
        }
    })
}

fn policy() -> impl Strategy<Value = SubmittedPolicy> {
    (any::<bool>(), fmspc(), "[A-Za-z0-9_-]{0,40}").prop_map(|(is_default, fmspc, signature)| {
        let class = "3123ec35-8d38-4ea5-87a5-d6c48b567570";
        let payload =
            serde_json::json!({ "policy_array": [{ "environment": { "class_id": class } }] });
        let claims = serde_json::json!({ "policy_payload": payload.to_string() }).to_string();
        let text = format!("e30.{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(claims));
        SubmittedPolicy::new(is_default, fmspc, text).unwrap()
    })
}

fn request() -> impl Strategy<Value = Request<'static>> {
    let tees = vec![Tee::Sgx, Tee::Tdx];
    let enclaves = vec![Enclave::SgxQe, Enclave::SgxQve, Enclave::TdxQe];
    let scopes = vec![UpdateScope::Standard, UpdateScope::Early, UpdateScope::All];
    let documents = vec![
        RefreshedDocuments::Collateral,
        RefreshedDocuments::PckCertificates,
    ];
    prop_oneof![
        (qe_id(), cpusvn(), pcesvn(), pceid(), option::of(ppid())).prop_map(
            |(qeid, cpusvn, pcesvn, pceid, encrypted_ppid)| Request::PckCertificate {
                qeid,
                cpusvn,
                pcesvn,
                pceid,
                encrypted_ppid,
            }
        ),
        (
            select(vec![PckCa::Processor, PckCa::Platform]),
            select(vec![CrlForm::Hex, CrlForm::Der])
        )
            .prop_map(|(ca, form)| Request::PckCrl { ca, form }),
        (select(tees), fmspc(), selection()).prop_map(|(tee, fmspc, selection)| {
            Request::TcbInfo {
                tee,
                fmspc,
                selection,
            }
        }),
        (select(enclaves), selection())
            .prop_map(|(enclave, selection)| Request::EnclaveIdentity { enclave, selection }),
        Just(Request::RootCaCrl),
        "https://[!-~]{0,100}".prop_map(|uri| Request::Crl(CrlUri::new(uri).unwrap())),
        (registered(), select(scopes)).prop_map(|(platform, update)| Request::AddPlatform {
            platform: Box::new(platform),
            update
        }),
        prop_oneof![
            Just(Source::Waiting),
            Just(Source::NotAvailable),
            vec(fmspc(), 0..4).prop_map(Source::Cached),
        ]
        .prop_map(Request::Platforms),
        collateral().prop_map(|collateral| Request::PutCollateral(Box::new(collateral))),
        (select(documents), vec(fmspc(), 0..4))
            .prop_map(|(documents, fmspcs)| Request::Refresh(Refresh::new(documents, fmspcs))),
        policy().prop_map(Request::PutAppraisalPolicy),
        fmspc().prop_map(Request::AppraisalPolicy),
    ]
}

/// An answer that goes with the request.
fn answer(request: &Request<'_>) -> BoxedStrategy<Answer> {
    let issued = (bytes(), pem()).prop_map(|(document, issuer_chain)| IssuedDocument {
        document,
        issuer_chain,
    });
    match request {
        Request::PckCertificate { .. } => {
            let cas = select(vec![PckCa::Processor, PckCa::Platform]);
            (pem(), cpusvn(), pcesvn(), fmspc(), cas, pem())
                .prop_map(|(certificate, cpusvn, pcesvn, fmspc, ca, issuer_chain)| {
                    Answer::PckCertificate {
                        certificate,
                        tcbm: Tcbm { cpusvn, pcesvn },
                        fmspc,
                        ca,
                        issuer_chain,
                    }
                })
                .boxed()
        }
        Request::PckCrl { form, .. } => {
            let form = *form;
            (bytes(), pem())
                .prop_map(move |(crl, issuer_chain)| Answer::PckCrl {
                    crl,
                    form,
                    issuer_chain,
                })
                .boxed()
        }
        Request::TcbInfo { .. } => issued.prop_map(Answer::TcbInfo).boxed(),
        Request::EnclaveIdentity { .. } => issued.prop_map(Answer::EnclaveIdentity).boxed(),
        Request::RootCaCrl => bytes().prop_map(Answer::RootCaCrl).boxed(),
        Request::Crl(_) => bytes().prop_map(Answer::Crl).boxed(),
        Request::AddPlatform { .. } | Request::PutCollateral(_) | Request::Refresh(_) => {
            Just(Answer::Done).boxed()
        }
        Request::Platforms(source) => {
            let cached = matches!(source, Source::Cached(_));
            vec(listed(), 0..3)
                .prop_map(move |platforms| Answer::Platforms { platforms, cached })
                .boxed()
        }
        Request::PutAppraisalPolicy(_) => any::<[u8; 32]>()
            .prop_map(|half| {
                let mut digest = [0; 48];
                digest[..32].copy_from_slice(&half);
                Answer::PolicyStored(digest)
            })
            .boxed(),
        Request::AppraisalPolicy(_) => vec("[A-Za-z0-9_.-]{1,40}", 1..3)
            .prop_map(Answer::AppraisalPolicies)
            .boxed(),
    }
}

fn exchange() -> impl Strategy<Value = (Request<'static>, Answer)> {
    request().prop_flat_map(|request| {
        let answer = answer(&request);
        (Just(request), answer)
    })
}

fn read(parts: &RequestParts) -> Result<(Version, Request<'_>), Refusal> {
    let route = Route::read(&parts.method, &parts.path, RouteRules::default())?;
    let content_type = parts.headers.find("Content-Type");
    let request = route.request(&parts.query, content_type, &parts.body)?;
    Ok((route.version, request))
}

fn version() -> impl Strategy<Value = Version> {
    select(vec![Version::V3, Version::V4])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_that_was_written_is_read_back(request in request()) {
        let parts = request.write(Version::V4);
        prop_assert_eq!(read(&parts), Ok((Version::V4, request)));
    }

    #[test]
    fn version_3_says_the_same_but_for_tdx(request in request()) {
        let parts = request.write(Version::V3);
        let (version, mut read) = read(&parts).unwrap();
        let operation = request.operation();
        let is_tdx = matches!(
            operation,
            Operation::TcbInfo(Tee::Tdx) | Operation::EnclaveIdentity(Enclave::TdxQe)
        );
        prop_assert_eq!(version == Version::V4, is_tdx);
        let mut expected = request;
        for request in [&mut read, &mut expected] {
            if let Request::PutCollateral(collateral) = request {
                collateral.tcb_infos.retain(|info| info.tee == Tee::Sgx);
            }
        }
        prop_assert_eq!(read, expected);
    }

    #[test]
    fn an_answer_that_was_written_is_read_back(
        (request, answer) in exchange(),
        version in version(),
    ) {
        let written = answer.clone().write(version);
        for (_, value) in written.headers.iter() {
            prop_assert!(value.is_ascii() && !value.contains(['\r', '\n']));
        }
        let expected = version == Version::V3;
        prop_assert_eq!(written.headers.find("Warning").is_some(), expected);
        prop_assert_eq!(Answer::read(&request, written), Ok(Ok(answer)));
    }

    #[test]
    fn letter_case_of_a_path_does_not_count(request in request(), upper in any::<bool>()) {
        let mut parts = request.write(Version::V4);
        parts.path = if upper { parts.path.to_uppercase() } else { parts.path + "/" };
        prop_assert_eq!(read(&parts), Ok((Version::V4, request)));
    }

    #[test]
    fn reading_never_panics(
        method in prop_oneof![
            select(vec!["GET", "HEAD", "POST", "PUT"]).prop_map(str::to_owned),
            any::<String>(),
        ],
        path in prop_oneof![
            request().prop_map(|request| request.write(Version::V3).path),
            any::<String>(),
        ],
        query in prop_oneof![
            any::<String>(),
            "(fmspc|update|uri|source|ca|type|qeid)=[A-Za-z0-9%,\\[\\]]{0,16}",
        ],
        body in prop_oneof![
            vec(any::<u8>(), 0..100),
            "\\{[\\[\\{\":,0-9a-z_}\\]]{0,60}".prop_map(String::into_bytes),
        ],
    ) {
        let headers = Headers::new().with("Content-Type", "application/json");
        let parts = RequestParts { method, path, query, headers, body };
        match read(&parts) {
            Ok((version, request)) => {
                let written = request.write(version);
                prop_assert_eq!(read(&written).map(|(_, read)| read), Ok(request));
            }
            Err(refusal) => prop_assert!(!refusal.write().status.is_success()),
        }
    }

    #[test]
    fn a_body_with_one_byte_changed_does_not_panic(
        collateral in collateral(),
        place in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut parts = Request::PutCollateral(Box::new(collateral)).write(Version::V4);
        let index = place.index(parts.body.len());
        parts.body[index] = byte;
        let _ = read(&parts);
    }

    #[test]
    fn reading_an_answer_never_panics(
        request in request(),
        status in 100..600_u16,
        chain in any::<String>(),
        body in vec(any::<u8>(), 0..100),
    ) {
        let headers = Headers::new()
            .with("TCB-Info-Issuer-Chain", chain.clone())
            .with("SGX-PCK-CRL-Issuer-Chain", chain);
        let status = Status::new(status).unwrap();
        let _ = Answer::read(&request, ResponseParts { status, headers, body });
    }
}
