//! PEM text (RFC 7468), strictly: blocks of one label, nothing between them but white space.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

/// Why text is not a sequence of PEM blocks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PemError {
    /// Something else than white space stands outside the blocks.
    #[error("something else than a PEM block `{label}` begins at byte {offset}")]
    TextOutside {
        /// The label that was expected.
        label: &'static str,
        /// Offset in the text.
        offset: usize,
    },
    /// A block has no end line.
    #[error("the PEM block that begins at byte {offset} has no end line")]
    Unterminated {
        /// Offset in the text.
        offset: usize,
    },
    /// The content of a block is not base64.
    #[error("the PEM block that begins at byte {offset} is not base64")]
    Base64 {
        /// Offset in the text.
        offset: usize,
    },
    /// There are more blocks than allowed.
    #[error("there are more than {limit} PEM blocks")]
    TooMany {
        /// How many are allowed.
        limit: usize,
    },
    /// There is no block at all.
    #[error("there is no PEM block")]
    Empty,
}

/// The contents of one to `limit` blocks labelled `label`.
///
/// White space may stand between the blocks, and one NUL at the end of the text: most quotes carry
/// one behind their certificate chain. The bound is checked before anything is decoded.
pub fn decode(text: &[u8], label: &'static str, limit: usize) -> Result<Vec<Vec<u8>>, PemError> {
    let text = text.strip_suffix(&[0]).unwrap_or(text);
    let mut blocks = Vec::new();
    let mut rest = text.trim_ascii_start();
    while !rest.is_empty() {
        let offset = text.len().saturating_sub(rest.len());
        let (content, after) = block(rest, label, offset)?;
        if blocks.len() == limit {
            return Err(PemError::TooMany { limit });
        }
        rest = after;
        blocks.push((offset, content));
    }
    if blocks.is_empty() {
        return Err(PemError::Empty);
    }
    let decoded = blocks.into_iter();
    decoded
        .map(|(offset, content)| decode_content(content, offset))
        .collect()
}

/// The content of the first block, which is labelled `label`; what follows it is not looked at.
pub fn decode_first(text: &[u8], label: &'static str) -> Result<Vec<u8>, PemError> {
    let (offset, content) = first(text, label)?;
    decode_content(content, offset)
}

/// The content of the first block as it stands, not decoded: what [`decode_first`] decodes.
pub fn first_undecoded<'a>(text: &'a [u8], label: &'static str) -> Result<&'a [u8], PemError> {
    first(text, label).map(|(_, content)| content)
}

fn first<'a>(text: &'a [u8], label: &'static str) -> Result<(usize, &'a [u8]), PemError> {
    let rest = text.trim_ascii_start();
    if rest.is_empty() {
        return Err(PemError::Empty);
    }
    let offset = text.len().saturating_sub(rest.len());
    let (content, _) = block(rest, label, offset)?;
    Ok((offset, content))
}

/// What stands in the block with which `text` begins, and what behind it and white space.
fn block<'a>(
    text: &'a [u8],
    label: &'static str,
    offset: usize,
) -> Result<(&'a [u8], &'a [u8]), PemError> {
    let after_begin =
        mark(text, "-----BEGIN ", label).ok_or(PemError::TextOutside { label, offset })?;
    // No base64 digit is a hyphen: the first one ends the content.
    let content_length = memchr::memchr(b'-', after_begin);
    let (content, after) =
        after_begin.split_at(content_length.ok_or(PemError::Unterminated { offset })?);
    let rest = mark(after, "-----END ", label).ok_or(PemError::Unterminated { offset })?;
    Ok((content, rest.trim_ascii_start()))
}

/// What follows the line before or behind a block.
fn mark<'a>(text: &'a [u8], before: &str, label: &str) -> Option<&'a [u8]> {
    text.strip_prefix(before.as_bytes())?
        .strip_prefix(label.as_bytes())?
        .strip_prefix(b"-----")
}

fn decode_content(content: &[u8], offset: usize) -> Result<Vec<u8>, PemError> {
    let mut digits = Vec::with_capacity(content.len());
    let mut rest = content;
    while let Some(end) = memchr::memchr(b'\n', rest) {
        let (line, after) = rest.split_at(end);
        digits.extend_from_slice(line.trim_ascii());
        rest = after.get(1..).unwrap_or_default();
    }
    digits.extend_from_slice(rest.trim_ascii());
    BASE64_STANDARD
        .decode(digits)
        .map_err(|_| PemError::Base64 { offset })
}

/// Characters of base64 in a line (RFC 7468, section 2).
const LINE: usize = 64;

/// One block of this label, in lines of 64 characters, each with a line feed at its end.
pub fn encode(label: &str, content: &[u8]) -> String {
    let digits = BASE64_STANDARD.encode(content);
    let mut text = format!("-----BEGIN {label}-----\n");
    let mut rest = digits.as_str();
    while let Some((line, behind)) = rest.split_at_checked(LINE) {
        text.push_str(line);
        text.push('\n');
        rest = behind;
    }
    if !rest.is_empty() {
        text.push_str(rest);
        text.push('\n');
    }
    text.push_str("-----END ");
    text.push_str(label);
    text.push_str("-----\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const BLOCK: &str = "-----BEGIN CERTIFICATE-----\nAAEC\nAwQ=\n-----END CERTIFICATE-----\n";

    fn read(text: &str) -> Result<Vec<Vec<u8>>, PemError> {
        decode(text.as_bytes(), "CERTIFICATE", 2)
    }

    #[test]
    fn blocks_with_white_space_and_one_nul() {
        let content = vec![0, 1, 2, 3, 4];
        assert_eq!(read(BLOCK), Ok(vec![content.clone()]));
        let two = format!("\r\n{BLOCK}\n \t{}\0", BLOCK.replace('\n', "\r\n"));
        assert_eq!(read(&two), Ok(vec![content.clone(), content]));
    }

    #[test]
    fn what_is_written_reads_back_in_lines_of_64() {
        for size in [0, 1, 47, 48, 49, 96, 1_000] {
            let content = vec![7; size];
            let text = encode("CERTIFICATE", &content);
            assert!(
                text.lines()
                    .all(|line| line.len() <= 64 && !line.is_empty())
            );
            assert_eq!(read(&text), Ok(vec![content]));
        }
    }

    #[test]
    fn the_first_block_is_read_whatever_follows() {
        let first = |text: &str| decode_first(text.as_bytes(), "CERTIFICATE");
        let content = Ok(vec![0, 1, 2, 3, 4]);
        assert_eq!(first(BLOCK), content);
        assert_eq!(first(&format!("\n{BLOCK}x")), content);
        let second = BLOCK.replace("AAEC", "AA*C");
        assert_eq!(first(&format!("{BLOCK}{second}")), content);
        assert_eq!(
            first(&format!("{second}{BLOCK}")),
            Err(PemError::Base64 { offset: 0 })
        );
        let label = "CERTIFICATE";
        let outside = Err(PemError::TextOutside { label, offset: 1 });
        assert_eq!(first(&format!(" x{BLOCK}")), outside);
        assert_eq!(first(" \n"), Err(PemError::Empty));
        let undecoded = |text: &str| first_undecoded(text.as_bytes(), label).map(<[u8]>::to_vec);
        assert_eq!(undecoded(&format!("{BLOCK}{second}")), undecoded(BLOCK));
        assert_ne!(undecoded(&second), undecoded(BLOCK));
        assert_eq!(
            first(&BLOCK[..40]),
            Err(PemError::Unterminated { offset: 0 })
        );
    }

    #[test]
    fn anything_else_is_refused_with_its_place() {
        let three = BLOCK.repeat(3);
        let label = "CERTIFICATE";
        for (text, error) in [
            ("", PemError::Empty),
            ("\0", PemError::Empty),
            (&three, PemError::TooMany { limit: 2 }),
            ("x", PemError::TextOutside { label, offset: 0 }),
            (
                &format!("{BLOCK}x{BLOCK}"),
                PemError::TextOutside {
                    label,
                    offset: BLOCK.len(),
                },
            ),
            (
                &format!("{BLOCK}\0\0"),
                PemError::TextOutside {
                    label,
                    offset: BLOCK.len(),
                },
            ),
            (
                &format!("{BLOCK}\0{BLOCK}"),
                PemError::TextOutside {
                    label,
                    offset: BLOCK.len(),
                },
            ),
            (&BLOCK[..40], PemError::Unterminated { offset: 0 }),
            (
                &BLOCK.replace("END", "FIN"),
                PemError::Unterminated { offset: 0 },
            ),
            (
                &BLOCK.replace("AAEC", "AA*C"),
                PemError::Base64 { offset: 0 },
            ),
            (
                &BLOCK.replace("AwQ=", "AwQ"),
                PemError::Base64 { offset: 0 },
            ),
            (
                &BLOCK.replace("AwQ=", "AwR="),
                PemError::Base64 { offset: 0 },
            ),
        ] {
            assert_eq!(read(text), Err(error), "{text:?}");
        }
    }
}
