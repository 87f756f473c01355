//! PEM: a chain that is accepted is its blocks and white space, and nothing else.

#![no_main]

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_issuer::pem as issuer;
use bulla_pki::pem;
use libfuzzer_sys::fuzz_target;

/// Most blocks that are asked for.
const LIMIT: usize = 4;

fuzz_target!(|text: &[u8]| {
    let blocks = match pem::decode(text, "CERTIFICATE", LIMIT) {
        Ok(blocks) => blocks,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    assert!((1..=LIMIT).contains(&blocks.len()));
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let written: Vec<u8> = text.iter().copied().filter(|byte| !blank(byte)).collect();
    let expected: String = blocks
        .iter()
        .map(|block| {
            let digits = STANDARD.encode(block);
            format!("-----BEGINCERTIFICATE-----{digits}-----ENDCERTIFICATE-----")
        })
        .collect();
    assert_eq!(written, expected.as_bytes());

    let fewer = pem::decode(text, "CERTIFICATE", blocks.len() - 1);
    assert!(fewer.is_err(), "more blocks than the limit");
    let der: Vec<&[u8]> = blocks.iter().map(Vec::as_slice).collect();
    let rewritten = pem::decode(&issuer::chain(&der), "CERTIFICATE", LIMIT);
    assert_eq!(rewritten, Ok(blocks));
});
