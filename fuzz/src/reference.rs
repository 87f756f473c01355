//! X.509 as another library reads it.

use bulla_pki::x509::Serial;
use bulla_pki::{Name, Timestamp};
use der::{Decode, Encode, ErrorKind};
use x509_cert::ext::Extension;
use x509_cert::serial_number::SerialNumber;

/// What the other library reads; `None` where it lacks the means for what is well formed.
///
/// It has no name for some universal tags, and no room for object identifiers with numbers of more
/// than 32 bits, with a second number above 39 or of more than 39 octets.
///
/// # Panics
///
/// If it refuses the bytes for any other reason.
pub fn read<'a, T: Decode<'a, Error = der::Error>>(bytes: &'a [u8]) -> Option<T> {
    match T::from_der(bytes) {
        Ok(theirs) => Some(theirs),
        Err(error) => match error.kind() {
            ErrorKind::TagUnknown { .. } | ErrorKind::OidMalformed => None,
            _ => panic!("the other library refuses it: {error}"),
        },
    }
}

/// The instant that a time stands for.
pub fn instant(time: &x509_cert::time::Time) -> Timestamp {
    Timestamp::from_unix_seconds(time.to_unix_duration().as_secs()).expect("at most the year 9999")
}

/// A serial number of at most 20 octets.
pub fn serial(number: &SerialNumber) -> Option<Serial> {
    let digits = match number.as_bytes() {
        [0, digits @ ..] => digits,
        digits => digits,
    };
    Serial::from_digits(digits)
}

/// The content of the extension with this object identifier, if there is exactly one.
pub fn extension<'a>(extensions: &'a [Extension], oid: &str) -> Option<&'a [u8]> {
    let mut found = extensions
        .iter()
        .filter(|extension| extension.extn_id.to_string() == oid);
    match (found.next(), found.next()) {
        (Some(only), None) => Some(only.extn_value.as_bytes()),
        _ => None,
    }
}

/// The key identifier in an authority key identifier.
pub fn authority_key_identifier(extensions: &[Extension]) -> Option<Vec<u8>> {
    let value = extension(extensions, "2.5.29.35")?;
    let value = x509_cert::ext::pkix::AuthorityKeyIdentifier::from_der(value).expect("strict DER");
    Some(value.key_identifier?.as_bytes().to_vec())
}

/// Asserts that both libraries mean the same name, and that its text can be shown to people.
pub fn assert_same_name(ours: Name<'_>, theirs: &x509_cert::name::Name) {
    assert_eq!(ours.der(), theirs.to_der().expect("it was parsed"));
    let text = ours.to_text();
    assert!(!text.chars().any(char::is_control), "{text:?}");
    let common_names: Vec<&[u8]> = theirs
        .iter()
        .filter(|attribute| attribute.oid.to_string() == "2.5.4.3")
        .map(|attribute| attribute.value.value())
        .collect();
    if let Some(name) = ours.common_name() {
        assert_eq!(common_names, [name.as_bytes()]);
        // No value can look like the end of it and another attribute.
        let unescaped = text.replace("\\\\", "").replace("\\,", "");
        assert_eq!(
            unescaped.split(',').count(),
            theirs.iter().count(),
            "{text}"
        );
    }
}
