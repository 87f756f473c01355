//! CRLs in whichever form they come.
//!
//! The vendor's are DER or PEM, a cache's DER or hexadecimal digits of it, under media types that
//! do not tell which. The forms cannot be mistaken for each other: DER of more than 127 bytes, and a
//! CRL has 200 at least, is not ASCII throughout.

use bulla_pki::pem;
use bulla_protocol::pcs::{Answer, CrlEncoding, EncodedCrl, PckCa, Request};
use bulla_protocol::value::Pem;
use bulla_protocol::wire::{Headers, ResponseParts, header};

use crate::http;
use crate::trouble::Trouble;

/// The type that the vendor's grammar expects with DER.
const CRL_TYPE: &str = "application/pkix-crl";

const LABEL: &str = "X509 CRL";

/// The list in the form that is wanted, from any.
pub(crate) fn converted(body: Vec<u8>, wanted: CrlEncoding) -> Result<EncodedCrl, String> {
    let text = body.trim_ascii();
    if text.starts_with(b"-----BEGIN") {
        return match wanted {
            CrlEncoding::Pem => Pem::new(text)
                .map(EncodedCrl::Pem)
                .map_err(|e| e.to_string()),
            CrlEncoding::Der => pem::decode(text, LABEL, 1)
                .map_err(|error| error.to_string())
                .map(|blocks| EncodedCrl::Der(blocks.concat())),
        };
    }
    let der = match text {
        [] => return Err("the list is empty".to_owned()),
        [first, ..] if first.is_ascii_hexdigit() && text.is_ascii() => hex::decode(text)
            .map_err(|error| format!("the list is not hexadecimal digits: {error}"))?,
        [0x30, ..] => body,
        _ => return Err("the list is neither DER, nor digits of it, nor PEM".to_owned()),
    };
    match wanted {
        CrlEncoding::Der => Ok(EncodedCrl::Der(der)),
        CrlEncoding::Pem => Pem::new(pem::encode(LABEL, &der))
            .map(EncodedCrl::Pem)
            .map_err(|error| error.to_string()),
    }
}

/// The request for the CRL of a PCK CA, as DER.
pub(crate) fn request(ca: PckCa) -> Request {
    Request::PckCrl {
        ca,
        encoding: CrlEncoding::Der,
    }
}

/// The CRL of a PCK CA and its chain, in the form that is wanted, from a response that has it in
/// any.
pub(crate) fn of_pck_ca(
    ca: PckCa,
    wanted: CrlEncoding,
    response: ResponseParts,
) -> Result<Answer, Trouble> {
    let lists = |body, encoding| converted(body, encoding).map_err(Trouble::Malformed);
    let body = match lists(response.body, CrlEncoding::Der)? {
        EncodedCrl::Der(der) => der,
        EncodedCrl::Pem(text) => text.into_bytes(),
    };
    // The first of equal names counts.
    let mut headers = Headers::new().with(header::CONTENT_TYPE, CRL_TYPE);
    for (name, value) in response.headers.iter() {
        headers.add(name, value);
    }
    let response = ResponseParts {
        status: response.status,
        headers,
        body,
    };
    match http::read(&request(ca), response)? {
        Answer::PckCrl {
            crl: EncodedCrl::Der(der),
            issuer_chain,
        } => Ok(Answer::PckCrl {
            crl: lists(der, wanted)?,
            issuer_chain,
        }),
        other => Ok(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn der() -> Vec<u8> {
        let mut der = vec![0x30, 0x81, 0x80];
        der.extend(0..0x80);
        der
    }

    #[test]
    fn every_form_becomes_every_form() {
        let EncodedCrl::Pem(pem) = converted(der(), CrlEncoding::Pem).unwrap() else {
            panic!("PEM was wanted")
        };
        let forms = [
            der(),
            hex::encode(der()).into_bytes(),
            hex::encode_upper(der()).into_bytes(),
            format!("{}\n", hex::encode(der())).into_bytes(),
            pem.as_str().as_bytes().to_vec(),
        ];
        for form in forms {
            let found = converted(form.clone(), CrlEncoding::Der).unwrap();
            assert_eq!(found, EncodedCrl::Der(der()));
            let EncodedCrl::Pem(found) = converted(form, CrlEncoding::Pem).unwrap() else {
                panic!("PEM was wanted")
            };
            assert_eq!(found.as_str().trim(), pem.as_str().trim());
        }
        assert!(pem.as_str().lines().all(|line| line.len() <= 64));
    }

    #[test]
    fn anything_else_is_no_list() {
        for body in [
            &b""[..],
            b" \n",
            b"308",
            b"30zz",
            b"<html>",
            b"No cache data",
            b"-----BEGIN X509 CRL-----",
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----",
        ] {
            let text = String::from_utf8_lossy(body);
            assert!(
                converted(body.to_vec(), CrlEncoding::Der).is_err(),
                "{text}"
            );
        }
    }
}
