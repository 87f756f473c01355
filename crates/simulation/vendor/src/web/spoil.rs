//! Answers made wrong: signatures with a changed bit, and documents about somebody else.

use bulla_issuer::pem;
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{Answer, EncodedCrl, Refusal, Request};
use bulla_protocol::value::{Fmspc, Pem};
use bulla_protocol::wire::Status;

use crate::answer::{answer, find, pck_certificate, pck_certificates, refusal};
use crate::platform::Platform;
use crate::vendor::Vendor;
use bulla_processor::PckTcb;

/// The same answer about another platform of this vendor: `None` where the request is about none.
pub(super) fn about_another(
    vendor: &Vendor,
    request: &Request,
    at: Timestamp,
) -> Option<Result<Answer, Refusal>> {
    match request {
        Request::TcbInfo {
            tee,
            fmspc,
            selection,
        } => {
            let kinds = vendor.fmspcs(at);
            let other = kinds.iter().find(|(kind, _)| *kind != fmspc.0);
            Some(match other {
                Some((kind, _)) => {
                    let request = Request::TcbInfo {
                        tee: *tee,
                        fmspc: Fmspc(*kind),
                        selection: *selection,
                    };
                    answer(vendor, &request, at)
                }
                None => Err(nobody_else("kind of platform")),
            })
        }
        Request::PckCertificate {
            platform,
            cpusvn,
            pcesvn,
            pceid,
        } => Some(find(vendor, platform, *pceid, at).and_then(|platform| {
            let raw = PckTcb {
                cpusvn: cpusvn.0,
                pcesvn: pcesvn.0,
            };
            pck_certificate(vendor, other_than(vendor, platform, at)?, raw, at)
        })),
        Request::PckCertificates { platform, pceid }
        | Request::PckCertificatesConfig {
            platform, pceid, ..
        } => Some(find(vendor, platform, *pceid, at).and_then(|platform| {
            Ok(pck_certificates(
                vendor,
                other_than(vendor, platform, at)?,
                at,
            ))
        })),
        _ => None,
    }
}

fn other_than<'a>(
    vendor: &'a Vendor,
    platform: &Platform,
    at: Timestamp,
) -> Result<&'a Platform, Refusal> {
    let others = vendor.platforms().iter();
    let mut others = others.filter(|other| other.name() != platform.name() && other.made() <= at);
    // One of the same CA shows less at a glance that it is another.
    let first = others.next().ok_or_else(|| nobody_else("platform"))?;
    let alike = std::iter::once(first)
        .chain(others)
        .find(|other| other.ca() == platform.ca());
    Ok(alike.unwrap_or(first))
}

fn nobody_else(what: &str) -> Refusal {
    let message = format!("the fault other_platform needs another {what}; make one");
    refusal(Status::INTERNAL_SERVER_ERROR, &message)
}

/// Changes the last bit of each signature in the answer. Whether there was one.
pub(super) fn forge(answer: &mut Answer) -> bool {
    match answer {
        Answer::TcbInfo(issued)
        | Answer::EnclaveIdentity(issued)
        | Answer::EvaluationDataNumbers(issued) => forge_document(&mut issued.document),
        Answer::PckCertificate { certificate, .. } => forge_pem(certificate, "CERTIFICATE"),
        Answer::PckCertificates { certificates, .. } => {
            let certificates = certificates.iter_mut();
            let certificates = certificates.filter_map(|entry| entry.certificate.as_mut());
            let forged = certificates.map(|certificate| forge_pem(certificate, "CERTIFICATE"));
            forged.filter(|forged| *forged).count() > 0
        }
        Answer::PckCrl { crl, .. } | Answer::RootCaCrl(crl) => match crl {
            EncodedCrl::Pem(text) => forge_pem(text, "X509 CRL"),
            EncodedCrl::Der(der) => forge_der(der),
        },
        Answer::Fmspcs(_) | Answer::PlatformRegistered(_) | Answer::PackageAdded(_) => false,
    }
}

/// The signature of a document is its last value, in hexadecimal digits.
fn forge_document(document: &mut [u8]) -> bool {
    for byte in document.iter_mut().rev() {
        let digit = char::from(*byte).to_digit(16);
        if let Some(changed) = digit.and_then(|digit| char::from_digit(digit ^ 1, 16)) {
            *byte = u8::try_from(changed).unwrap_or(*byte);
            return true;
        }
    }
    false
}

/// The signature of a certificate or CRL stands at its end.
fn forge_der(der: &mut [u8]) -> bool {
    match der.last_mut() {
        Some(last) => {
            *last ^= 1;
            true
        }
        None => false,
    }
}

fn forge_pem(text: &mut Pem, label: &'static str) -> bool {
    let blocks = bulla_pki::pem::decode(text.as_str().as_bytes(), label, 1);
    let Some(mut der) = blocks.ok().and_then(|mut blocks| blocks.pop()) else {
        return false;
    };
    let forged = forge_der(&mut der);
    match Pem::new(pem::block(label, &der)) {
        Ok(changed) => *text = changed,
        Err(_) => return false,
    }
    forged
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_bit_of_the_signature_changes_and_nothing_else() {
        for (digit, changed) in [("0", "1"), ("9", "8"), ("a", "b"), ("f", "e")] {
            let document = |digit| format!("{{\"tcbInfo\":{{}},\"signature\":\"abc{digit}\"}}");
            let mut forged = document(digit).into_bytes();
            assert!(forge_document(&mut forged));
            assert_eq!(forged, document(changed).as_bytes());
        }
        assert!(!forge_document(&mut b"[]".to_vec()));

        let mut text = Pem::new(pem::block("X509 CRL", &[1, 2, 3])).unwrap();
        assert!(forge_pem(&mut text, "X509 CRL"));
        assert_eq!(text.as_str(), pem::block("X509 CRL", &[1, 2, 2]));
    }
}
