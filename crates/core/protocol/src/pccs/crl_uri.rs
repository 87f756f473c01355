//! The URI by which `crl` names a list.

use std::borrow::Cow;

use crate::pcs::PckCa;

/// Where a certificate says that a CRL is published. It is a name only: nobody fetches from it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CrlUri<'a>(Cow<'a, str>);

/// The list that a distribution point of the vendor has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(
    clippy::exhaustive_enums,
    reason = "the interface's list; a new one must break callers"
)]
pub enum CrlTarget {
    /// The CRL of the root.
    RootCa,
    /// The CRL of a PCK CA.
    Pck(PckCa),
}

impl<'a> CrlUri<'a> {
    /// Longest URI, in characters: that of Intel's cache.
    pub const LONGEST: usize = 2_048;

    /// Takes a URI of visible ASCII characters; absent if it is none, or too long.
    pub fn new(text: impl Into<Cow<'a, str>>) -> Option<Self> {
        let text = text.into();
        let fits = (1..=Self::LONGEST).contains(&text.len());
        (fits && text.bytes().all(|byte| byte.is_ascii_graphic())).then_some(Self(text))
    }

    /// The text, as it was sent.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Which list of the vendor is meant; absent for every other address, among them the
    /// distribution points of other roots.
    ///
    /// Hosts are those that Intel's cache knows. A user, a port or a fragment in the address is
    /// not one of the vendor's.
    pub fn of_vendor(&self) -> Option<CrlTarget> {
        let rest = strip_ignoring_case(&self.0, "https://")?;
        let (host, path) = rest.split_at(rest.find('/')?);
        let host = host.to_ascii_lowercase();
        if is_root_host(&host) {
            let file = path.strip_prefix("/IntelSGXRootCA.")?;
            return matches!(file, "der" | "crl").then_some(CrlTarget::RootCa);
        }
        if !is_pck_host(&host) {
            return None;
        }
        let (version, query) = path
            .strip_prefix("/sgx/certification/v")?
            .split_once("/pckcrl?")?;
        let digits = version.bytes().all(|byte| byte.is_ascii_digit());
        if !digits || version.is_empty() || version.starts_with('0') {
            return None;
        }
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("ca="))
            .and_then(ca)
            .map(CrlTarget::Pck)
    }
}

/// A PCK CA, its name in any letter case.
pub(crate) fn ca(text: &str) -> Option<PckCa> {
    [PckCa::Processor, PckCa::Platform]
        .into_iter()
        .find(|ca| ca.as_str().eq_ignore_ascii_case(text))
}

fn is_root_host(host: &str) -> bool {
    let glued = host.strip_suffix("certificates.trustedservices.intel.com");
    host == "certprx.adsdcsp.com" || glued.is_some_and(is_label_part)
}

fn is_pck_host(host: &str) -> bool {
    let glued = host
        .strip_suffix("api.trustedservices.intel.com")
        .map(|front| front.strip_suffix('.').unwrap_or(front));
    let label = host
        .strip_suffix(".az.sgxprod.adsdcsp.com")
        .or_else(|| host.strip_suffix(".az.sgxnp.adsdcsp.com"));
    glued.is_some_and(is_label_part)
        || label.is_some_and(|label| !label.is_empty() && is_label_part(label))
}

fn is_label_part(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

fn strip_ignoring_case<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (front, rest) = text.split_at_checked(prefix.len())?;
    front.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(uri: &str) -> Option<CrlTarget> {
        CrlUri::new(uri).unwrap().of_vendor()
    }

    #[test]
    fn the_vendor_s_distribution_points_are_known() {
        for uri in [
            "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            "https://certificates.trustedservices.intel.com/IntelSGXRootCA.crl",
            "HTTPS://sbx-certificates.TrustedServices.intel.com/IntelSGXRootCA.der",
            "https://certprx.adsdcsp.com/IntelSGXRootCA.der",
        ] {
            assert_eq!(target(uri), Some(CrlTarget::RootCa), "{uri}");
        }
        for (uri, ca) in [
            (
                "https://api.trustedservices.intel.com/sgx/certification/v3/pckcrl?ca=platform&encoding=der",
                PckCa::Platform,
            ),
            (
                "https://sbx.api.trustedservices.intel.com/sgx/certification/v4/pckcrl?encoding=der&ca=Processor",
                PckCa::Processor,
            ),
            (
                "https://sbxapi.trustedservices.intel.com/sgx/certification/v10/pckcrl?ca=processor",
                PckCa::Processor,
            ),
            (
                "https://a-1.az.sgxprod.adsdcsp.com/sgx/certification/v4/pckcrl?ca=platform",
                PckCa::Platform,
            ),
        ] {
            assert_eq!(target(uri), Some(CrlTarget::Pck(ca)), "{uri}");
        }
    }

    #[test]
    fn every_other_address_is_none_of_the_vendor_s() {
        for uri in [
            "https:",
            "https://certificates.trustedservices.intel.com",
            "http://certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            "https://certificates.trustedservices.intel.com/IntelSGXRootCA.cer",
            "https://certificates.trustedservices.intel.com/intelsgxrootca.der",
            "https://certificates.trustedservices.intel.com:8443/IntelSGXRootCA.der",
            "https://a@certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            "https://a.certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            "https://certificates.trustedservices.intel.com.example.org/IntelSGXRootCA.der",
            "https://example.org/certificates.trustedservices.intel.com/IntelSGXRootCA.der",
            "https://api.trustedservices.intel.com/sgx/certification/v0/pckcrl?ca=platform",
            "https://api.trustedservices.intel.com/sgx/certification/v04/pckcrl?ca=platform",
            "https://api.trustedservices.intel.com/sgx/certification/v/pckcrl?ca=platform",
            "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=root",
            "https://api.trustedservices.intel.com/sgx/certification/v4/pckcrl",
            "https://a.b.api.trustedservices.intel.com/sgx/certification/v4/pckcrl?ca=platform",
            "https://.az.sgxprod.adsdcsp.com/sgx/certification/v4/pckcrl?ca=platform",
        ] {
            assert_eq!(target(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_uri_has_a_limit_and_no_spaces() {
        assert!(CrlUri::new("a".repeat(CrlUri::LONGEST)).is_some());
        for text in [
            String::new(),
            "a b".to_owned(),
            "é".to_owned(),
            "a".repeat(2_049),
        ] {
            assert_eq!(CrlUri::new(text), None);
        }
    }
}
