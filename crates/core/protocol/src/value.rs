//! What stands in parameters and headers, as types.
//!
//! Hexadecimal digits are read in both cases and written in upper case, as the vendor does.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

/// Why text is not a value of its kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ValueError {
    /// Another number of hexadecimal digits.
    #[error("{found} characters instead of {expected} hexadecimal digits")]
    Length {
        /// How many digits there must be.
        expected: usize,
        /// How many characters there are.
        found: usize,
    },
    /// Something else than hexadecimal digits.
    #[error("not hexadecimal digits")]
    Digits,
    /// A platform manifest of an impossible size.
    #[error("{size} bytes are no platform manifest: it has {smallest} to {largest}")]
    ManifestSize {
        /// Size found, in bytes.
        size: usize,
        /// Smallest size, in bytes.
        smallest: usize,
        /// Largest size, in bytes.
        largest: usize,
    },
    /// Bytes that are no eight slots, or more of them used than there are.
    #[error("{size} bytes of which {count} slots are used are no 8 slots of one size")]
    Slots {
        /// Size found, in bytes.
        size: usize,
        /// How many slots are said to be used.
        count: u8,
    },
    /// None of the words that can stand here.
    #[error("not one of {0}")]
    Word(&'static str),
    /// No characters, where there must be some.
    #[error("empty")]
    Empty,
    /// Something else than decimal digits.
    #[error("not a number")]
    Number,
    /// Bytes that are no UTF-8.
    #[error("not UTF-8 text")]
    Utf8,
    /// Text that is no JSON object, or has something around it.
    #[error("not a JSON object")]
    JsonObject,
    /// Text that is no PEM: it is empty, not ASCII, or does not begin with a block.
    #[error("not PEM text")]
    Pem,
    /// Longer than what can be carried.
    #[error("{size} bytes are too long (at most {limit})")]
    TooLong {
        /// Size found, in bytes.
        size: usize,
        /// Size allowed, in bytes.
        limit: usize,
    },
    /// Not percent-encoded.
    #[error(transparent)]
    Percent(#[from] crate::percent::PercentError),
    /// Characters that cannot stand in a header.
    #[error("not visible ASCII text")]
    HeaderText,
}

/// Exactly as many bytes as `octets` has, from hexadecimal digits of either case.
fn read_hex(text: &str, octets: &mut [u8]) -> Result<(), ValueError> {
    let expected = octets.len().saturating_mul(2);
    if text.len() != expected {
        return Err(ValueError::Length {
            expected,
            found: text.chars().count(),
        });
    }
    hex::decode_to_slice(text, octets).map_err(|_| ValueError::Digits)
}

macro_rules! octets {
    ($(#[$documentation:meta])* $name:ident, $size:literal, $encode:path) => {
        $(#[$documentation])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; $size]);

        impl FromStr for $name {
            type Err = ValueError;

            fn from_str(text: &str) -> Result<Self, ValueError> {
                let mut octets = [0; $size];
                read_hex(text, &mut octets)?;
                Ok(Self(octets))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&$encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }
    };
}

octets! {
    /// Family, model, stepping, platform type and customised SKU; 6 bytes.
    Fmspc, 6, hex::encode_upper
}
octets! {
    /// CPUSVN as the processor reports it; 16 bytes.
    CpuSvn, 16, hex::encode_upper
}
octets! {
    /// Identity of the provisioning certification enclave; 2 bytes, the lower one first.
    PceId, 2, hex::encode_upper
}
octets! {
    /// Platform provisioning id; 16 bytes.
    Ppid, 16, hex::encode_upper
}
octets! {
    /// The PPID under the vendor's RSA-3072 key (OAEP); 384 bytes, most significant first.
    EncryptedPpid, 384, hex::encode_upper
}
impl EncryptedPpid {
    /// Whether it is all zeros, which Intel's client sends when it has none.
    pub fn is_zero(&self) -> bool {
        self.0.iter().all(|byte| *byte == 0)
    }
}

octets! {
    /// Name of one exchange, made anew for each; 16 bytes.
    RequestId, 16, hex::encode
}

/// Security version of the provisioning certification enclave.
///
/// In text 4 hexadecimal digits, the lower byte first: 13 is `0D00`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PceSvn(pub u16);

impl FromStr for PceSvn {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut octets = [0; 2];
        read_hex(text, &mut octets)?;
        Ok(Self(u16::from_le_bytes(octets)))
    }
}

impl fmt::Display for PceSvn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode_upper(self.0.to_le_bytes()))
    }
}

/// The TCB of a platform or of a PCK certificate as one value; 36 digits: CPUSVN, then PCESVN.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tcbm {
    /// The processor's part.
    pub cpusvn: CpuSvn,
    /// The part of the provisioning certification enclave.
    pub pcesvn: PceSvn,
}

impl FromStr for Tcbm {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut octets = [0; 18];
        read_hex(text, &mut octets)?;
        let [cpusvn @ .., low, high] = octets;
        Ok(Self {
            cpusvn: CpuSvn(cpusvn),
            pcesvn: PceSvn(u16::from_le_bytes([low, high])),
        })
    }
}

impl fmt::Display for Tcbm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.cpusvn, self.pcesvn)
    }
}

/// What a platform of several packages registers with: opaque here, as long as the vendor says.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct PlatformManifest(Vec<u8>);

impl PlatformManifest {
    /// Smallest manifest, in bytes: the 16,862 digits of the vendor's description of version 4.
    pub const SMALLEST: usize = 8_431;
    /// Largest manifest, in bytes: the 112,884 digits of the same.
    pub const LARGEST: usize = 56_442;

    /// Takes the bytes of a manifest if their number is possible.
    pub fn new(bytes: Vec<u8>) -> Result<Self, ValueError> {
        if !(Self::SMALLEST..=Self::LARGEST).contains(&bytes.len()) {
            return Err(ValueError::ManifestSize {
                size: bytes.len(),
                smallest: Self::SMALLEST,
                largest: Self::LARGEST,
            });
        }
        Ok(Self(bytes))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

impl FromStr for PlatformManifest {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        Self::new(hex::decode(text).map_err(|_| ValueError::Digits)?)
    }
}

impl fmt::Display for PlatformManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&hex::encode_upper(&self.0))
    }
}

impl fmt::Debug for PlatformManifest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PlatformManifest({} bytes)", self.0.len())
    }
}

/// PEM text, kept as it came: certificates direct issuer first, or one CRL. Its content is not
/// looked into.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Pem(String);

impl Pem {
    /// Longest text, in bytes. A CRL of the largest size that bulla reads, 1 MiB of DER, needs 1.4
    /// million; a chain of two certificates has 1,900.
    pub const LONGEST: usize = 1_500_000;

    /// Takes text that begins with a PEM block.
    pub fn new(text: impl Into<Vec<u8>>) -> Result<Self, ValueError> {
        let text = text.into();
        if text.len() > Self::LONGEST {
            return Err(ValueError::TooLong {
                size: text.len(),
                limit: Self::LONGEST,
            });
        }
        match String::from_utf8(text) {
            Ok(text) if text.is_ascii() && text.starts_with("-----BEGIN ") => Ok(Self(text)),
            _ => Err(ValueError::Pem),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text as bytes.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0.into_bytes()
    }

    /// As headers and the vendor's JSON carry it.
    pub(crate) fn encoded(&self) -> String {
        crate::percent::encode(&self.0)
    }

    /// From a header or the vendor's JSON.
    pub(crate) fn decode(text: &str) -> Result<Self, ValueError> {
        Self::new(crate::percent::decode(text)?)
    }
}

/// Text that can stand in a header: visible ASCII and single spaces inside, not empty.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct HeaderText(Cow<'static, str>);

impl HeaderText {
    /// Longest text, in bytes. The longest warning known has 204.
    pub const LONGEST: usize = 512;

    /// Takes text that can stand in a header.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Result<Self, ValueError> {
        let text = text.into();
        if text.len() > Self::LONGEST {
            return Err(ValueError::TooLong {
                size: text.len(),
                limit: Self::LONGEST,
            });
        }
        let visible = text
            .bytes()
            .all(|byte| byte == b' ' || byte.is_ascii_graphic());
        if text.is_empty() || !visible || text.trim_ascii() != text {
            return Err(ValueError::HeaderText);
        }
        Ok(Self(text))
    }

    /// Any text made fit: what cannot stand in a header becomes `?`, what is too long is cut.
    pub fn sanitised(text: &str) -> Self {
        let fit = |character: char| match character {
            ' ' => ' ',
            visible if visible.is_ascii_graphic() => visible,
            _ => '?',
        };
        let text: String = text.trim().chars().take(Self::LONGEST).map(fit).collect();
        match text.trim_ascii_end() {
            "" => Self(Cow::Borrowed("?")),
            text => Self(Cow::Owned(text.to_owned())),
        }
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for HeaderText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// A word of a list that the vendor may lengthen: letters, digits and `-_`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Word(Cow<'static, str>);

impl Word {
    /// Longest word, in bytes. The longest known, a code of an error, has 26.
    const LONGEST: usize = 64;

    pub(crate) const fn known(text: &'static str) -> Self {
        Self(Cow::Borrowed(text))
    }

    pub(crate) fn read(text: &str, meaning: &'static str) -> Result<Self, ValueError> {
        let fits = (1..=Self::LONGEST).contains(&text.len());
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
        if !fits || !text.bytes().all(plain) {
            return Err(ValueError::Word(meaning));
        }
        Ok(Self(Cow::Owned(text.to_owned())))
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_in_both_cases_and_counted() {
        assert_eq!(
            "00906ed50000".parse(),
            Ok(Fmspc([0, 0x90, 0x6e, 0xd5, 0, 0]))
        );
        assert_eq!(
            "00906eD50000".parse::<Fmspc>().unwrap().to_string(),
            "00906ED50000"
        );
        for (text, found) in [("", 0), ("00906ED5000", 11), ("00906ED5000000", 14)] {
            let expected = 12;
            assert_eq!(
                text.parse::<Fmspc>(),
                Err(ValueError::Length { expected, found })
            );
        }
        for text in ["00906ED5000g", "00906ED500 0", "0x906ED50000", "éééééé"] {
            assert_eq!(text.parse::<Fmspc>(), Err(ValueError::Digits), "{text}");
        }
    }

    #[test]
    fn svns_have_their_lower_byte_first() {
        assert_eq!("0D00".parse(), Ok(PceSvn(13)));
        assert_eq!(PceSvn(0x0102).to_string(), "0201");
        let text = "0B0B0202FF01000000000000000000000D00";
        let tcbm: Tcbm = text.parse().unwrap();
        assert_eq!((tcbm.pcesvn, tcbm.cpusvn.0[4]), (PceSvn(13), 0xff));
        assert_eq!(tcbm.to_string(), text);
    }

    #[test]
    fn the_size_of_a_manifest_has_two_ends() {
        let of = |size| PlatformManifest::new(vec![0; size]).is_ok();
        assert_eq!(
            [8_430, 8_431, 56_442, 56_443].map(of),
            [false, true, true, false]
        );
        assert_eq!(
            "0".repeat(16_863).parse::<PlatformManifest>(),
            Err(ValueError::Digits)
        );
    }

    #[test]
    fn pem_begins_with_a_block() {
        assert!(Pem::new("-----BEGIN CERTIFICATE-----").is_ok());
        for text in ["", " -----BEGIN X", "MIIC", "-----BEGIN é"] {
            assert_eq!(Pem::new(text), Err(ValueError::Pem), "{text}");
        }
        let long = format!("-----BEGIN {}", "a".repeat(Pem::LONGEST));
        assert!(matches!(Pem::new(long), Err(ValueError::TooLong { .. })));
    }

    #[test]
    fn header_text_is_what_a_header_can_hold() {
        for text in ["", " a", "a ", "a\nb", "a\r\nSet-Cookie: b", "é"] {
            assert_eq!(
                HeaderText::new(text),
                Err(ValueError::HeaderText),
                "{text:?}"
            );
            assert!(
                HeaderText::new(HeaderText::sanitised(text).0).is_ok(),
                "{text:?}"
            );
        }
        let long = format!("{} {}", "a".repeat(HeaderText::LONGEST - 1), "b");
        assert!(HeaderText::new(HeaderText::sanitised(&long).0).is_ok());
        assert_eq!(
            HeaderText::new("299 - \"text\"").unwrap().as_str(),
            "299 - \"text\""
        );
    }
}
