//! What was written is read back, and nothing that comes from the wire makes the reader panic.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use crate::percent;
use crate::value::{
    CpuSvn, EncryptedPpid, Fmspc, HeaderText, PceId, PceSvn, Pem, PlatformManifest, Ppid,
    RequestId, Tcbm,
};
use crate::wire::{Headers, Method, RequestParts, ResponseParts, Status};

use super::*;

const TEES: [Tee; 2] = [Tee::Sgx, Tee::Tdx];
const ENCLAVES: [Enclave; 4] = [
    Enclave::SgxQe,
    Enclave::SgxQve,
    Enclave::SgxQae,
    Enclave::TdxQe,
];
const CAS: [PckCa; 2] = [PckCa::Processor, PckCa::Platform];

fn fmspc() -> impl Strategy<Value = Fmspc> {
    any::<[u8; 6]>().prop_map(Fmspc)
}

fn cpusvn() -> impl Strategy<Value = CpuSvn> {
    any::<[u8; 16]>().prop_map(CpuSvn)
}

fn pceid() -> impl Strategy<Value = PceId> {
    any::<[u8; 2]>().prop_map(PceId)
}

fn pcesvn() -> impl Strategy<Value = PceSvn> {
    any::<u16>().prop_map(PceSvn)
}

fn tcbm() -> impl Strategy<Value = Tcbm> {
    (cpusvn(), pcesvn()).prop_map(|(cpusvn, pcesvn)| Tcbm { cpusvn, pcesvn })
}

fn manifest() -> impl Strategy<Value = PlatformManifest> {
    let sizes = PlatformManifest::SMALLEST..=PlatformManifest::LARGEST;
    (any::<u8>(), sizes).prop_map(|(byte, size)| PlatformManifest::new(vec![byte; size]).unwrap())
}

fn platform() -> impl Strategy<Value = PlatformKey> {
    prop_oneof![
        vec(any::<u8>(), 384).prop_map(|bytes| {
            let ppid = EncryptedPpid(bytes.try_into().unwrap());
            PlatformKey::EncryptedPpid(Box::new(ppid))
        }),
        manifest().prop_map(PlatformKey::Manifest),
    ]
}

fn selection() -> impl Strategy<Value = Selection> {
    prop_oneof![
        Just(Selection::Standard),
        Just(Selection::Early),
        any::<u32>().prop_map(Selection::Number),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let filters = vec![
        PlatformFilter::All,
        PlatformFilter::Client,
        PlatformFilter::E3,
        PlatformFilter::E5,
    ];
    let encodings = vec![CrlEncoding::Pem, CrlEncoding::Der];
    prop_oneof![
        (platform(), cpusvn(), pcesvn(), pceid()).prop_map(|(platform, cpusvn, pcesvn, pceid)| {
            Request::PckCertificate {
                platform,
                cpusvn,
                pcesvn,
                pceid,
            }
        }),
        (platform(), pceid())
            .prop_map(|(platform, pceid)| Request::PckCertificates { platform, pceid }),
        (platform(), cpusvn(), pceid()).prop_map(|(platform, cpusvn, pceid)| {
            Request::PckCertificatesConfig {
                platform,
                cpusvn,
                pceid,
            }
        }),
        (select(&CAS), select(encodings))
            .prop_map(|(ca, encoding)| Request::PckCrl { ca, encoding }),
        (select(&TEES), fmspc(), selection()).prop_map(|(tee, fmspc, selection)| {
            Request::TcbInfo {
                tee,
                fmspc,
                selection,
            }
        }),
        (select(&ENCLAVES), selection())
            .prop_map(|(enclave, selection)| Request::EnclaveIdentity { enclave, selection }),
        select(filters).prop_map(Request::Fmspcs),
        select(&TEES).prop_map(Request::EvaluationDataNumbers),
        manifest().prop_map(Request::RegisterPlatform),
        (vec(any::<u8>(), 1..64), "[!-~]{1,40}").prop_map(|(add_request, key)| {
            Request::AddPackage {
                add_request,
                key: SubscriptionKey::new(&key).unwrap(),
            }
        }),
        "[A-Za-z0-9]{1,64}\\.(der|crl)"
            .prop_map(|name| Request::RootCaCrl(CrlFile::new(&name).unwrap())),
    ]
}

fn pem() -> impl Strategy<Value = Pem> {
    "-----BEGIN [ -~\\r\\n]{0,200}".prop_map(|text| Pem::new(text).unwrap())
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 1..200)
}

fn crl(encoding: CrlEncoding) -> BoxedStrategy<EncodedCrl> {
    match encoding {
        CrlEncoding::Pem => pem().prop_map(EncodedCrl::Pem).boxed(),
        CrlEncoding::Der => bytes().prop_map(EncodedCrl::Der).boxed(),
    }
}

fn entry() -> impl Strategy<Value = PckCertificateEntry> {
    let parts = (any::<[u8; 16]>(), any::<u16>(), tcbm(), option(pem()));
    parts.prop_map(
        |(components, pcesvn, tcbm, certificate)| PckCertificateEntry {
            components,
            pcesvn,
            tcbm,
            certificate,
        },
    )
}

fn option<T: Clone + std::fmt::Debug>(
    strategy: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    proptest::option::of(strategy)
}

fn supported() -> impl Strategy<Value = SupportedPlatform> {
    (fmspc(), "[A-Za-z0-9_-]{1,64}").prop_map(|(fmspc, class)| SupportedPlatform {
        fmspc,
        class: PlatformClass::new(&class).unwrap(),
    })
}

/// An answer that goes with the request.
fn answer(request: &Request) -> BoxedStrategy<Answer> {
    let issued = (bytes(), pem()).prop_map(|(document, issuer_chain)| IssuedDocument {
        document,
        issuer_chain,
    });
    match request {
        Request::PckCertificate { .. } => (pem(), tcbm(), fmspc(), select(&CAS), pem())
            .prop_map(
                |(certificate, tcbm, fmspc, ca, issuer_chain)| Answer::PckCertificate {
                    certificate,
                    tcbm,
                    fmspc,
                    ca,
                    issuer_chain,
                },
            )
            .boxed(),
        Request::PckCertificates { .. } | Request::PckCertificatesConfig { .. } => {
            (vec(entry(), 0..4), fmspc(), select(&CAS), pem())
                .prop_map(
                    |(certificates, fmspc, ca, issuer_chain)| Answer::PckCertificates {
                        certificates,
                        fmspc,
                        ca,
                        issuer_chain,
                    },
                )
                .boxed()
        }
        Request::PckCrl { encoding, .. } => (crl(*encoding), pem())
            .prop_map(|(crl, issuer_chain)| Answer::PckCrl { crl, issuer_chain })
            .boxed(),
        Request::TcbInfo { .. } => issued.prop_map(Answer::TcbInfo).boxed(),
        Request::EnclaveIdentity { .. } => issued.prop_map(Answer::EnclaveIdentity).boxed(),
        Request::EvaluationDataNumbers(_) => issued.prop_map(Answer::EvaluationDataNumbers).boxed(),
        Request::Fmspcs(_) => vec(supported(), 0..5).prop_map(Answer::Fmspcs).boxed(),
        Request::RegisterPlatform(_) => any::<[u8; 16]>()
            .prop_map(|ppid| Answer::PlatformRegistered(Ppid(ppid)))
            .boxed(),
        Request::AddPackage { .. } => (any::<u8>(), 1_usize..50, 0_u8..=8)
            .prop_map(|(byte, size, count)| {
                let slots = vec![byte; size * 8];
                Answer::PackageAdded(MembershipCertificates::new(slots, count).unwrap())
            })
            .boxed(),
        Request::RootCaCrl(file) => crl(file.encoding()).prop_map(Answer::RootCaCrl).boxed(),
    }
}

fn header_text() -> impl Strategy<Value = HeaderText> {
    "[!-~]([ -~]{0,60}[!-~])?".prop_map(|text| HeaderText::new(text).unwrap())
}

fn refusal() -> impl Strategy<Value = Refusal> {
    let methods = vec![
        vec![],
        vec![Method::Get],
        vec![Method::Post],
        vec![Method::Get, Method::Post],
    ];
    let code = "[A-Za-z0-9_-]{1,64}".prop_map(|code| ErrorCode::new(&code).unwrap());
    let parts = (
        prop_oneof![100..200_u16, 300..600_u16],
        option(code),
        option(header_text()),
        option(any::<u32>()),
        select(methods),
    );
    parts.prop_map(|(status, error_code, message, retry_after, allow)| {
        let mut refusal = Refusal::new(Status::new(status).unwrap());
        refusal.error_code = error_code;
        refusal.message = message;
        refusal.retry_after = retry_after;
        refusal.allow = allow;
        refusal
    })
}

fn exchange() -> impl Strategy<Value = (Request, Response)> {
    let outcome = |request: Request| {
        let answer = answer(&request);
        let outcome = prop_oneof![3 => answer.prop_map(Ok), 1 => refusal().prop_map(Err)];
        (Just(request), outcome)
    };
    let parts = (
        request().prop_flat_map(outcome),
        option(any::<[u8; 16]>().prop_map(RequestId)),
        option(header_text()),
    );
    parts.prop_map(|((request, outcome), request_id, warning)| {
        let response = Response {
            request_id,
            warning,
            outcome,
        };
        (request, response)
    })
}

/// Something like a path of the service, often one of its own.
fn path() -> impl Strategy<Value = String> {
    prop_oneof![
        request().prop_map(|request| request.write().path),
        any::<String>(),
    ]
}

fn headers() -> impl Strategy<Value = Headers> {
    let name = select(vec![
        "Content-Type",
        "Ocp-Apim-Subscription-Key",
        "PPID-Encryption-Key",
        "TCB-Info-Issuer-Chain",
        "SGX-TCBm",
        "Request-ID",
        "Retry-After",
        "Certificate-Count",
        "Allow",
    ]);
    let value = prop_oneof![
        any::<String>(),
        Just("application/json".to_owned()),
        Just("application/octet-stream".to_owned()),
        Just("application/x-pem-file".to_owned()),
        Just("application/pkix-crl".to_owned()),
    ];
    vec((name, value), 0..6).prop_map(|pairs| {
        pairs
            .into_iter()
            .fold(Headers::new(), |headers, (name, value)| {
                headers.with(name, value)
            })
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_request_that_was_written_is_read_back(request in request()) {
        prop_assert_eq!(Request::read(request.write()), Ok(request));
    }

    #[test]
    fn a_response_that_was_written_is_read_back((request, response) in exchange()) {
        let written = response.clone().write();
        for (_, value) in written.headers.iter() {
            prop_assert!(value.is_ascii() && !value.contains(['\r', '\n']));
        }
        prop_assert_eq!(Response::read(&request, written), Ok(response));
    }

    #[test]
    fn letter_case_of_digits_does_not_count(request in request()) {
        let mut parts = request.write();
        let encoded: Vec<String> = parts
            .query
            .split('&')
            .map(|pair| match pair.split_once('=') {
                Some((name, value)) if name != "platform" => {
                    format!("{name}={}", value.to_ascii_lowercase())
                }
                _ => pair.to_owned(),
            })
            .collect();
        parts.query = encoded.join("&");
        prop_assert_eq!(Request::read(parts), Ok(request));
    }

    #[test]
    fn parameters_of_other_names_do_not_count(request in request(), name in "[a-z]{1,8}x") {
        let mut parts = request.write();
        let more = format!("{name}={}&", percent::encode("a=b&c"));
        parts.query.insert_str(0, &more);
        prop_assert_eq!(Request::read(parts), Ok(request));
    }

    #[test]
    fn reading_never_panics(
        method in prop_oneof![Just("GET".to_owned()), Just("POST".to_owned()), any::<String>()],
        path in path(),
        query in any::<String>(),
        headers in headers(),
        body in vec(any::<u8>(), 0..100),
    ) {
        let parts = RequestParts { method, path, query, headers, body };
        if let Ok(request) = Request::read(parts) {
            prop_assert_eq!(Request::read(request.write()), Ok(request));
        }
    }

    #[test]
    fn reading_a_response_never_panics(
        request in request(),
        status in 100..600_u16,
        headers in headers(),
        body in prop_oneof![
            vec(any::<u8>(), 0..100),
            "[\\[{\":,0-9a-z}\\]]{0,60}".prop_map(String::into_bytes),
        ],
    ) {
        let status = Status::new(status).unwrap();
        let parts = ResponseParts { status, headers, body };
        if let Ok(response) = Response::read(&request, parts) {
            prop_assert_eq!(Response::read(&request, response.clone().write()), Ok(response));
        }
    }

    #[test]
    fn a_request_with_one_character_changed_does_not_panic(
        request in request(),
        place in any::<prop::sample::Index>(),
        character in any::<char>(),
    ) {
        let mut parts = request.write();
        let mut query: Vec<char> = parts.query.chars().collect();
        if !query.is_empty() {
            let index = place.index(query.len());
            query[index] = character;
        }
        parts.query = query.into_iter().collect();
        let _ = Request::read(parts);
    }
}
