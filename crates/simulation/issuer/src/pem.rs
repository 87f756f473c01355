//! PEM (RFC 7468).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

/// Characters of base64 on a line.
const LINE: usize = 64;

/// One block of text: `label` is `CERTIFICATE` or `X509 CRL`.
pub fn block(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    let mut rest = text.as_str();
    while !rest.is_empty() {
        let (line, after) = rest.split_at(LINE.min(rest.len()));
        pem.push_str(line);
        pem.push('\n');
        rest = after;
    }
    pem.push_str("-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

/// Certificates in DER as PEM, one after the other in the order given.
pub fn chain(certificates: &[&[u8]]) -> Vec<u8> {
    let blocks = certificates.iter().map(|der| block("CERTIFICATE", der));
    blocks.collect::<String>().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_64_characters_and_none_is_empty() {
        assert_eq!(
            block("X", &[0; 49]),
            format!(
                "-----BEGIN X-----\n{}\nAA==\n-----END X-----\n",
                "A".repeat(64)
            )
        );
        assert!(block("X", &[0; 48]).ends_with("A\n-----END X-----\n"));
    }
}
