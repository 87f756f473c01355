//! What no vendor signed is refused, each document for a reason that stays the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bulla_collateral::{
    CollateralSet, DocumentError, EnclaveIdentity, EvaluationDataNumbers, SignedKind, SignedText,
    TcbInfo,
};
use bulla_evidence::{CertificationData, Quote, Tee};
use bulla_pki::{Certificate, PublicKey, Signature, TrustAnchors};
use bulla_tests::cases::{self, Case};
use bulla_tests::scenarios::{failures, judge_bytes};
use bulla_tests::vectors;
use bulla_verifier::{Code, Verification};

/// How many documents end where: in the wrapping, in the reader, or at the signature.
const DOCUMENTS: [(&str, usize); 7] = [
    ("document: invalid type", 23),
    ("document: invalid value", 14),
    ("document: missing field", 45),
    ("document: tcb", 1),
    ("document: tdxtcbcomponents", 1),
    ("document: text or form", 28),
    ("signature: by another key", 241),
];

/// The first reason for which each quote is refused, and how many there are.
const QUOTES: [(&str, &str, usize); 25] = [
    ("sgx-v3-27298890.bin", "PckChainMissing", 4),
    ("sgx-v3-27d110d1.bin", "PckChainMissing", 1),
    ("sgx-v3-2a49ce72.bin", "CertificateSignatureInvalid", 3),
    ("sgx-v3-2f59d4cb.bin", "PckChainMissing", 1),
    ("sgx-v3-44724863.bin", "QuoteSignatureInvalid", 1),
    ("sgx-v3-4e3f9fa7.bin", "CertificateNameMismatch", 2),
    ("sgx-v3-5042adf0.bin", "CertificationSizeMismatch", 1),
    ("sgx-v3-57316ac1.bin", "CertificateNameMismatch", 2),
    ("sgx-v3-6dc7792a.bin", "QuoteSignatureInvalid", 1),
    ("sgx-v3-72a05bf6.bin", "PckChainMissing", 1),
    ("sgx-v3-8cc428aa.bin", "CertificationSizeMismatch", 1),
    ("sgx-v3-8ccacae8.bin", "RootUntrusted", 4),
    ("sgx-v3-d5cc62aa.bin", "CertificationSizeMismatch", 1),
    ("sgx-v3-e3869b3a.trunc", "QuoteTruncated", 1),
    ("sgx-v4-1f017227.bin", "ChainMalformed", 7),
    ("sgx-v4-2b5f4c31.bin", "CertificationTypeUnsupported", 1),
    ("tdx-v4-3f49cfeb.bin", "RootUntrusted", 3),
    ("tdx-v4-6fb27f35.bin", "RootUntrusted", 3),
    ("tdx-v4-9d37356f.trunc", "QuoteTruncated", 1),
    ("tdx-v4-a15cfbbe.bin", "ChainMalformed", 3),
    ("tdx-v4-aa2cafad.bin", "ChainMalformed", 8),
    ("tdx-v4-c04eb01f.bin", "ChainMalformed", 8),
    ("tdx-v4-cfcdadb1.trunc", "QuoteTruncated", 1),
    ("tdx-v4-d9c11dc7.trunc", "QuoteTruncated", 1),
    ("tdx-v5-4fbd4361.bin", "RootUntrusted", 3),
];

/// The files of a folder in the order of their names.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.expect("a readable folder").path())
        .collect();
    files.sort();
    files
}

fn name(path: &Path) -> String {
    path.file_name()
        .expect("a file")
        .to_string_lossy()
        .into_owned()
}

/// The keys of every TCB signing certificate that the vendor has issued.
fn signing_keys(vectors: &Path) -> Vec<PublicKey> {
    let certificates = files(&vectors.join("dcap/certs"));
    let keys: Vec<PublicKey> = certificates
        .iter()
        .filter(|path| name(path).starts_with("tcbsigning-"))
        .map(|path| {
            let der = fs::read(path).expect("readable");
            let certificate = Certificate::parse(&der).expect("a certificate");
            certificate.public_key().expect("a point")
        })
        .collect();
    assert_eq!(keys.len(), 3);
    keys
}

/// What is wrong with a document, without its values.
fn kind_of(error: &DocumentError) -> &str {
    const KINDS: [&str; 4] = [
        "missing field",
        "duplicate field",
        "invalid type",
        "invalid value",
    ];
    match error {
        DocumentError::Json { reason, .. } => KINDS
            .into_iter()
            .find(|kind| reason.starts_with(kind))
            .unwrap_or("text or form"),
        DocumentError::TooLong { .. } => "too long",
        DocumentError::VersionUnsupported { .. } => "version",
        DocumentError::Field { field, .. } => field,
        DocumentError::LevelRepeated { .. } => "level repeated",
        other => panic!("give {other:?} a name"),
    }
}

/// Why a document is refused; `None` if it is as good as the vendor's.
fn reason(bytes: &[u8], keys: &[PublicKey]) -> Option<String> {
    let (kind, text) = match SignedText::from_wrapped(bytes) {
        Ok(parts) => parts,
        Err(error) => return Some(format!("wrapping: {}", kind_of(&error))),
    };
    let read = match kind {
        SignedKind::TcbInfo => TcbInfo::parse(&text.body).map(drop),
        SignedKind::EnclaveIdentity => EnclaveIdentity::parse(&text.body).map(drop),
        _ => EvaluationDataNumbers::parse(&text.body).map(drop),
    };
    if let Err(error) = read {
        return Some(format!("document: {}", kind_of(&error)));
    }
    let Ok(signature) = Signature::from_hex(&text.signature) else {
        return Some("signature: malformed".to_owned());
    };
    let holds = keys
        .iter()
        .any(|key| key.verify(&text.body, &signature).is_ok());
    (!holds).then(|| "signature: by another key".to_owned())
}

#[test]
fn documents_that_no_vendor_signed() {
    let Some(vectors) = vectors::folder("refusal of documents") else {
        return;
    };
    let keys = signing_keys(&vectors);
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for path in files(&vectors.join("dcap/invalid/json")) {
        let bytes = fs::read(&path).expect("readable");
        let reason = reason(&bytes, &keys);
        let reason = reason.unwrap_or_else(|| panic!("{} is accepted", path.display()));
        *counts.entry(reason).or_default() += 1;
    }
    let counts: Vec<(&str, usize)> = counts.iter().map(|(code, n)| (code.as_str(), *n)).collect();
    assert_eq!(counts, DOCUMENTS);
    assert_eq!(counts.iter().map(|(_, count)| count).sum::<usize>(), 353);
}

/// What the same keys say to what the vendor did sign: the test above does not refuse everything.
#[test]
fn documents_that_the_vendor_signed_pass_the_same_checks() {
    let Some(vectors) = vectors::folder("refusal of documents") else {
        return;
    };
    let keys = signing_keys(&vectors);
    let mut accepted = 0;
    for folder in ["dcap/tcb-info", "dcap/enclave-identity"] {
        for path in files(&vectors.join(folder)) {
            let bytes = fs::read(&path).expect("readable");
            assert_eq!(reason(&bytes, &keys), None, "{}", path.display());
            accepted += 1;
        }
    }
    assert!(accepted > 100, "{accepted}");
}

/// A document that no vendor signed, in the place of the vendor's in an otherwise genuine set.
#[test]
fn no_such_document_serves_as_collateral() {
    let Some(vectors) = vectors::folder("refusal of collateral") else {
        return;
    };
    let anchors = TrustAnchors::vendors();
    let cases = cases::read_all(&vectors);
    let case_of = |tee: &str| {
        cases
            .iter()
            .find(|case| case.tee == tee)
            .expect("one of each")
    };
    let genuine = ["SGX", "TDX"].map(|tee| {
        let case = case_of(tee);
        let (quote, set) = (case.quote(&vectors), case.collateral(&vectors));
        let verdict = judge_bytes(&quote, &set, &anchors, case.at());
        assert_eq!(verdict.verification(), Verification::Ok, "{}", case.id);
        (quote, set, case.at())
    });
    let refusals = [
        Code::DocumentMalformed,
        Code::DocumentSignatureMalformed,
        Code::DocumentSignatureInvalid,
    ];
    for path in files(&vectors.join("dcap/invalid/json")) {
        let bytes = fs::read(&path).expect("readable");
        let Ok((kind, text)) = SignedText::from_wrapped(&bytes) else {
            continue;
        };
        for (quote, set, at) in &genuine {
            let mut set = set.clone();
            let subject = if kind == SignedKind::TcbInfo {
                set.tcb_info = text.clone();
                "tcb_info"
            } else {
                set.qe_identity = text.clone();
                "qe_identity"
            };
            let verdict = bulla_verifier::verify(quote, &set, &anchors, *at);
            assert_eq!(
                verdict.verification(),
                Verification::Failed,
                "{}",
                path.display()
            );
            let (code, about) = failures(&verdict)[0];
            assert_eq!(about, subject, "{}", path.display());
            assert!(refusals.contains(&code), "{code}: {}", path.display());
        }
    }
}

/// A recorded case and the platform family that its TCB info is for.
type CaseOfFamily<'a> = (&'a Case, [u8; 6]);

fn with_families<'a>(cases: &'a [Case], vectors: &Path) -> Vec<CaseOfFamily<'a>> {
    let family = |case: &Case| {
        let set = case.collateral(vectors);
        TcbInfo::parse(&set.tcb_info.body).expect("genuine").fmspc
    };
    cases.iter().map(|case| (case, family(case))).collect()
}

/// A genuine case of the quote's platform family if there is one, else of its technology; the
/// newest, so that no window stands in the way of the platform's own certificates.
fn fitting<'a>(quote: &[u8], cases: &[CaseOfFamily<'a>]) -> &'a Case {
    let parsed = Quote::parse(quote).ok();
    let tee = match parsed.map(|quote| quote.tee()) {
        Some(Tee::Tdx) => "TDX",
        _ => "SGX",
    };
    let wanted = parsed.and_then(|quote| fmspc(&quote));
    let of_tee = cases.iter().filter(|(case, _)| case.tee == tee);
    let best = of_tee.max_by_key(|(case, family)| (Some(*family) == wanted, case.at));
    best.expect("cases of both technologies").0
}

/// The platform family in the certificate chain of a quote, if it holds one that can be read.
fn fmspc(quote: &Quote<'_>) -> Option<[u8; 6]> {
    let CertificationData::PckChain(chain) = quote.auth().certification else {
        return None;
    };
    let certificates = bulla_pki::pem::decode(chain, "CERTIFICATE", 4).ok()?;
    certificates.iter().find_map(|der| {
        let certificate = Certificate::parse(der).ok()?;
        let content = certificate.extensions().sgx?;
        Some(bulla_pki::SgxExtension::parse(content).ok()?.fmspc)
    })
}

#[test]
fn quotes_that_no_platform_made() {
    let Some(vectors) = vectors::folder("refusal of quotes") else {
        return;
    };
    let anchors = TrustAnchors::vendors();
    let cases = cases::read_all(&vectors);
    let cases = with_families(&cases, &vectors);
    let mut found = Vec::new();
    for path in files(&vectors.join("dcap/invalid/quotes")) {
        let quote = fs::read(&path).expect("readable");
        let case = fitting(&quote, &cases);
        let set = case.collateral(&vectors);
        let verdict = judge_bytes(&quote, &set, &anchors, case.at());
        assert_eq!(
            verdict.verification(),
            Verification::Failed,
            "{}",
            path.display()
        );
        assert!(verdict.tcb.is_none(), "{}", path.display());
        let failures = failures(&verdict);
        found.push((name(&path), failures[0].0.as_str(), failures.len()));
        check_without_chain(&quote, &set, case, &anchors, failures[0].0);
    }
    let found: Vec<_> = found
        .iter()
        .map(|(file, code, n)| (file.as_str(), *code, *n))
        .collect();
    assert_eq!(found, QUOTES);
}

/// A quote that carries no chain asks for one; with one of another platform it is refused as well.
fn check_without_chain(
    quote: &[u8],
    set: &CollateralSet,
    case: &Case,
    anchors: &TrustAnchors,
    first: Code,
) {
    let Ok(parsed) = Quote::parse(quote) else {
        return;
    };
    if matches!(parsed.auth().certification, CertificationData::PckChain(_)) {
        return;
    }
    assert_eq!(first, Code::PckChainMissing);
    let genuine = case_quote_chain(case);
    let with_chain = CollateralSet {
        pck_certificate_chain: Some(genuine),
        ..set.clone()
    };
    let verdict = judge_bytes(quote, &with_chain, anchors, case.at());
    assert_eq!(verdict.verification(), Verification::Failed);
    let codes: Vec<Code> = verdict.failures().map(|failure| failure.code).collect();
    assert!(!codes.contains(&Code::PckChainMissing), "{codes:?}");
    assert!(codes.contains(&Code::QeReportSignatureInvalid), "{codes:?}");
}

/// The certificate chain in the genuine quote of a case.
fn case_quote_chain(case: &Case) -> Vec<u8> {
    let vectors = vectors::folder("refusal of quotes").expect("used before");
    let bytes = case.quote(&vectors);
    let quote = Quote::parse(&bytes).expect("genuine");
    match quote.auth().certification {
        CertificationData::PckChain(chain) => chain.to_vec(),
        other => panic!("no chain: {other:?}"),
    }
}
