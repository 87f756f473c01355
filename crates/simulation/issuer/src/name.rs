//! Distinguished names, and what a simulated vendor calls itself.

use der::Tag;
use der::asn1::ObjectIdentifier;

use crate::tlv;

/// The organization of every simulated certificate: whoever reads one cannot take it for genuine.
pub const SIMULATED_ORGANIZATION: &str = "SIMULATED PROCESSOR - NOT INTEL";

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");
const ORGANIZATION: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.10");
const LOCALITY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.7");
const STATE: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.8");
const COUNTRY: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.6");

/// A distinguished name of the vendor's profile: five attributes in this order, each in a SET of
/// its own, all UTF8String but the country.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// `CN`: says which role the certificate plays.
    pub common_name: String,
    /// `O`.
    pub organization: String,
    /// `L`.
    pub locality: String,
    /// `ST`.
    pub state: String,
    /// `C`: two letters, as PrintableString.
    pub country: String,
}

impl Name {
    /// The simulated counterpart of the vendor's name with this phrase in its common name, for
    /// example `SGX Root CA`.
    ///
    /// Verifiers look for the phrase, so it is kept behind the word `Simulated`. `ZZ` is a code
    /// that ISO 3166 never assigns to a country.
    pub fn simulated(phrase: &str) -> Self {
        Self {
            common_name: format!("Simulated {phrase}"),
            organization: SIMULATED_ORGANIZATION.to_owned(),
            locality: "Nowhere".to_owned(),
            state: "ZZ".to_owned(),
            country: "ZZ".to_owned(),
        }
    }

    /// `RDNSequence` (RFC 5280, section 4.1.2.4).
    pub fn to_der(&self) -> Vec<u8> {
        let attribute = |oid, tag, text: &str| {
            let value = tlv::wrap(tag, text.as_bytes());
            tlv::set_of_one(&tlv::sequence(&[tlv::oid(oid), value]))
        };
        tlv::sequence(&[
            attribute(COMMON_NAME, Tag::Utf8String, &self.common_name),
            attribute(ORGANIZATION, Tag::Utf8String, &self.organization),
            attribute(LOCALITY, Tag::Utf8String, &self.locality),
            attribute(STATE, Tag::Utf8String, &self.state),
            attribute(COUNTRY, Tag::PrintableString, &self.country),
        ])
    }
}
