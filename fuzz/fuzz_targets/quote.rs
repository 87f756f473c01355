//! Quotes: what is parsed is all there, and is written back as it was.

#![no_main]

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bulla_evidence::input::{Encoding, MAX_QUOTE_SIZE, decode_text_or_raw};
use bulla_evidence::{Quote, signed_part, write_quote};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check_input(bytes);
    match Quote::parse(bytes) {
        Ok(quote) => check_quote(&quote, bytes),
        Err(error) => {
            assert!(error.offset() <= bytes.len(), "{error}");
            assert!(!error.to_string().is_empty());
        }
    }
});

fn check_quote(quote: &Quote<'_>, bytes: &[u8]) {
    assert_eq!([quote.encoded(), quote.trailing()].concat(), bytes);
    assert!(quote.encoded().starts_with(quote.signed()));

    let body = quote.body();
    assert_eq!(quote.version().number(), quote.header().version.get());
    assert_eq!(quote.tee().tee_type(), quote.header().tee_type.get());
    assert_eq!(quote.tee(), body.tee());
    assert!(quote.version().admits(body.body_type()));
    assert_eq!(body.as_bytes().len(), body.body_type().size() as usize);
    assert!(quote.signed().ends_with(body.as_bytes()));
    assert_eq!(body.sgx().is_some(), body.td10().is_none());
    let certification = &quote.auth().certification;
    assert!(quote.encoded().ends_with(certification.as_bytes()));
    assert!(matches!(certification.kind(), 1..=5 | 7));

    let signed = signed_part(quote.version(), quote.header(), body).expect("it was parsed");
    assert_eq!(signed, quote.signed());
    let written = write_quote(&signed, quote.auth()).expect("it was parsed");
    assert_eq!(written, quote.encoded());

    // Every length in a quote meets its neighbour: no shorter one begins like it.
    let shorter = &quote.encoded()[..quote.encoded().len() - 1];
    assert!(Quote::parse(shorter).is_err());
    // What follows a quote changes nothing about it.
    let alone = Quote::parse(quote.encoded()).expect("it was parsed");
    assert!(alone.trailing().is_empty());
    assert_eq!(alone.auth(), quote.auth());

    if bytes.len() <= MAX_QUOTE_SIZE {
        assert_eq!(Encoding::detect(bytes), Ok(Encoding::Raw));
        for text in [
            hex::encode(bytes),
            format!("0x{}\n", hex::encode_upper(bytes)),
            STANDARD.encode(bytes),
            URL_SAFE_NO_PAD.encode(bytes),
        ] {
            let decoded = decode_text_or_raw(text.as_bytes()).expect("an encoded quote");
            assert_eq!(decoded, bytes);
        }
    }
}

/// What was decoded to raw bytes stays as it is.
fn check_input(bytes: &[u8]) {
    let Ok(decoded) = decode_text_or_raw(bytes) else {
        return;
    };
    assert!(!decoded.is_empty() && decoded.len() <= MAX_QUOTE_SIZE);
    match Encoding::detect(bytes).expect("it was decoded") {
        Encoding::Raw => assert!(matches!(decoded, Cow::Borrowed(same) if same == bytes)),
        Encoding::Hex | Encoding::Base64 => assert!(decoded.len() < bytes.len()),
    }
    if Encoding::detect(&decoded) == Ok(Encoding::Raw) {
        assert_eq!(decode_text_or_raw(&decoded).expect("raw bytes"), decoded);
    }
}
