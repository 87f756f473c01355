//! Trust anchors: the root keys that evidence may end in.

use crate::certificate::Certificate;
use crate::digest::sha256;
use crate::error::CertificateError;
use crate::signature::PublicKey;

/// Public key of the Intel SGX Root CA, uncompressed, as published by Intel.
const INTEL_SGX_ROOT_KEY: [u8; 65] = [
    0x04, 0x0b, 0xa9, 0xc4, 0xc0, 0xc0, 0xc8, 0x61, 0x93, 0xa3, 0xfe, 0x23, 0xd6, 0xb0, 0x2c, 0xda,
    0x10, 0xa8, 0xbb, 0xd4, 0xe8, 0x8e, 0x48, 0xb4, 0x45, 0x85, 0x61, 0xa3, 0x6e, 0x70, 0x55, 0x25,
    0xf5, 0x67, 0x91, 0x8e, 0x2e, 0xdc, 0x88, 0xe4, 0x0d, 0x86, 0x0b, 0xd0, 0xcc, 0x4e, 0xe2, 0x6a,
    0xac, 0xc9, 0x88, 0xe5, 0x05, 0xa9, 0x53, 0x55, 0x8c, 0x45, 0x3f, 0x6b, 0x09, 0x04, 0xae, 0x73,
    0x94,
];

/// SHA-256 of the certificates that Intel has issued for its root key: two valid until 2033, one
/// until 2049. A chain that ends in one of these bytes needs no check of the self-signature.
const INTEL_SGX_ROOT_CERTIFICATES: [[u8; 32]; 3] = [
    [
        0x44, 0xa0, 0x19, 0x6b, 0x2b, 0x99, 0xf8, 0x89, 0xb8, 0xe1, 0x49, 0xe9, 0x5b, 0x80, 0x7a,
        0x35, 0x0e, 0x74, 0x24, 0x96, 0x43, 0x99, 0xe8, 0x85, 0xa7, 0xcb, 0xb8, 0xcc, 0xfa, 0xb6,
        0x74, 0xd3,
    ],
    [
        0x72, 0xf9, 0xc2, 0x49, 0x8a, 0x06, 0x7b, 0x1e, 0xea, 0x50, 0x22, 0x2d, 0x8c, 0x95, 0xbf,
        0xe8, 0xa8, 0xeb, 0x3e, 0xaa, 0x63, 0x52, 0x53, 0x57, 0x5c, 0xb1, 0xd3, 0x1d, 0xff, 0xad,
        0xb1, 0x9c,
    ],
    [
        0xfc, 0x64, 0xf8, 0x07, 0x6d, 0x79, 0xa4, 0xfe, 0xe9, 0xd1, 0xd4, 0x73, 0xd7, 0x4c, 0x89,
        0xeb, 0x8d, 0x8f, 0xd5, 0x5c, 0x5a, 0xba, 0xfe, 0xab, 0xea, 0x73, 0x66, 0xd2, 0x04, 0x29,
        0x40, 0x04,
    ],
];

/// Who stands behind a root key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum AnchorKind {
    /// A vendor of real processors; the key is compiled in.
    Vendor,
    /// A root that the caller named and that claims no simulation, for example a vendor's
    /// validation environment.
    Custom,
    /// The root of a software vendor and its software processors.
    Simulated,
}

/// A root key that evidence may end in, and what it stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchor {
    kind: AnchorKind,
    name: String,
    public_key: PublicKey,
    public_key_sha256: [u8; 32],
    certificates: Vec<[u8; 32]>,
}

impl TrustAnchor {
    /// A short name: `intel-sgx-root`, or `custom` or `simulated` with the start of the key's digest.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Who stands behind the key.
    pub fn kind(&self) -> AnchorKind {
        self.kind
    }

    /// Whether the anchor is a vendor's own root, compiled in; never true for one brought along.
    pub fn is_genuine(&self) -> bool {
        self.kind == AnchorKind::Vendor
    }

    /// The root's key.
    pub fn public_key(&self) -> &PublicKey {
        &self.public_key
    }

    /// SHA-256 of the 65 bytes of the uncompressed key: what a policy names an anchor by.
    pub fn public_key_sha256(&self) -> &[u8; 32] {
        &self.public_key_sha256
    }

    /// Whether these very bytes are a certificate of this root whose self-signature is known good.
    pub fn knows_certificate(&self, sha256: &[u8; 32]) -> bool {
        self.certificates.contains(sha256)
    }
}

/// Why a certificate cannot serve as a trust anchor.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum AnchorError {
    /// The bytes are not a certificate of the vendor's profile.
    #[error("the trust root is not a usable certificate: {0}")]
    Certificate(#[from] CertificateError),
    /// Issuer and subject differ, or the certificate is not signed by its own key.
    #[error("the trust root is not self-signed; give the root CA certificate, not one below it")]
    NotSelfSigned,
    /// The certificate says it belongs to a simulator, and the caller did not.
    #[error(
        "this root belongs to a simulated vendor; it can only be added as such, \
         and what it signs never counts as genuine"
    )]
    IsSimulated,
    /// The caller calls the root simulated, and the certificate does not.
    #[error(
        "this root does not say that it is simulated (extension 1.3.6.1.4.1.32473.1.1 is absent)"
    )]
    NotSimulated,
    /// The key is already an anchor under another meaning: a vendor root cannot be renamed.
    #[error("the key of this root is already trusted as {name}")]
    AlreadyNamed {
        /// Name of the anchor that holds the key.
        name: String,
    },
}

/// The set of root keys that a verifier accepts.
///
/// Starts with the vendors' own roots or with nothing; any other root enters only by an explicit
/// call, and stays distinguishable in every verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustAnchors(Vec<TrustAnchor>);

impl TrustAnchors {
    /// The vendors' own roots, compiled in: today the Intel SGX Root CA.
    pub fn vendors() -> Self {
        let public_key = PublicKey::from_uncompressed(&INTEL_SGX_ROOT_KEY);
        Self(
            public_key
                .into_iter()
                .map(|public_key| TrustAnchor {
                    kind: AnchorKind::Vendor,
                    name: "intel-sgx-root".to_owned(),
                    public_key_sha256: sha256(public_key.uncompressed()),
                    public_key,
                    certificates: INTEL_SGX_ROOT_CERTIFICATES.to_vec(),
                })
                .collect(),
        )
    }

    /// Adds the root of a software vendor, given its certificate in DER.
    ///
    /// The certificate must carry bulla's mark of simulation. Verdicts that end here say
    /// `genuine: false`.
    pub fn with_simulated(self, root_der: &[u8]) -> Result<Self, AnchorError> {
        self.with_root(root_der, AnchorKind::Simulated)
    }

    /// Adds another root, given its certificate in DER. Verdicts that end here say
    /// `genuine: false`; a root that carries bulla's mark of simulation is refused.
    pub fn with_custom(self, root_der: &[u8]) -> Result<Self, AnchorError> {
        self.with_root(root_der, AnchorKind::Custom)
    }

    /// The anchors, the vendors' first.
    pub fn iter(&self) -> impl Iterator<Item = &TrustAnchor> {
        self.0.iter()
    }

    /// The anchor that holds this uncompressed key, if any does.
    pub fn find(&self, key: &[u8; 65]) -> Option<&TrustAnchor> {
        self.0
            .iter()
            .find(|anchor| anchor.public_key.uncompressed() == key)
    }

    fn with_root(mut self, root_der: &[u8], kind: AnchorKind) -> Result<Self, AnchorError> {
        let root = Certificate::parse(root_der)?;
        let public_key = root.public_key().map_err(|_| AnchorError::NotSelfSigned)?;
        if root.issuer() != root.subject() || root.verify_signature(&public_key).is_err() {
            return Err(AnchorError::NotSelfSigned);
        }
        match (kind, root.extensions().simulated) {
            (AnchorKind::Simulated, false) => return Err(AnchorError::NotSimulated),
            (AnchorKind::Custom, true) => return Err(AnchorError::IsSimulated),
            _ => {}
        }
        let digest = sha256(root_der);
        if let Some(known) = self.0.iter_mut().find(|a| a.public_key == public_key) {
            if known.kind != kind {
                return Err(AnchorError::AlreadyNamed {
                    name: known.name.clone(),
                });
            }
            known.certificates.push(digest);
            return Ok(self);
        }
        let public_key_sha256 = sha256(public_key.uncompressed());
        let prefix = if kind == AnchorKind::Simulated {
            "simulated"
        } else {
            "custom"
        };
        self.0.push(TrustAnchor {
            kind,
            name: format!("{prefix}-{}", hex::encode(&public_key_sha256[..8])),
            public_key,
            public_key_sha256,
            certificates: vec![digest],
        });
        Ok(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::sha384;
    use crate::encode::{CertificatePieces, extension, name, new_key, verifying_key};

    /// Content octets of `1.3.6.1.4.1.32473.1.1`.
    const SIMULATED: &[u8] = &[0x2b, 6, 1, 4, 1, 0x81, 0xfd, 0x59, 1, 1];

    fn marked(mut pieces: CertificatePieces) -> CertificatePieces {
        pieces.extensions.push(extension(SIMULATED, false, b""));
        pieces
    }

    #[test]
    fn the_intel_root_key_has_the_digest_that_intel_publishes() {
        let anchors = TrustAnchors::vendors();
        let names: Vec<&str> = anchors.iter().map(TrustAnchor::name).collect();
        assert_eq!(names, ["intel-sgx-root"]);
        let anchor = anchors.iter().next().unwrap();
        assert!(anchor.is_genuine());
        assert_eq!(
            hex::encode(sha384(anchor.public_key().uncompressed())),
            "46e403bd34f05a3f2817ab9badcaacc7ffc98e0f261008cd30dae936cace18d5\
             dcf58eef31463613de1570d516200993"
        );
    }

    #[test]
    fn a_root_enters_as_what_it_says_it_is_and_never_as_genuine() {
        let key = new_key();
        let custom = CertificatePieces::root(&key).signed_by(&key);
        let simulated = marked(CertificatePieces::root(&key)).signed_by(&key);
        let digest = sha256(verifying_key(&key).uncompressed());
        let short = hex::encode(&digest[..8]);
        let none = || TrustAnchors(Vec::new());
        for (anchors, root, kind, name) in [
            (
                none().with_custom(&custom),
                &custom,
                AnchorKind::Custom,
                "custom",
            ),
            (
                none().with_simulated(&simulated),
                &simulated,
                AnchorKind::Simulated,
                "simulated",
            ),
        ] {
            let anchors = anchors.unwrap();
            let anchor = anchors.find(verifying_key(&key).uncompressed()).unwrap();
            assert_eq!((anchor.kind(), anchor.is_genuine()), (kind, false));
            assert_eq!(anchor.name(), format!("{name}-{short}"));
            assert_eq!(*anchor.public_key(), verifying_key(&key));
            assert_eq!(*anchor.public_key_sha256(), digest);
            assert!(anchor.knows_certificate(&sha256(root)));
            assert!(!anchor.knows_certificate(&digest));
            assert_eq!(anchors.find(verifying_key(&new_key()).uncompressed()), None);
        }
        let error = none().with_custom(&simulated);
        assert_eq!(error, Err(AnchorError::IsSimulated));
        let error = none().with_simulated(&custom);
        assert_eq!(error, Err(AnchorError::NotSimulated));
    }

    #[test]
    fn only_a_certificate_that_issued_and_signed_itself_is_a_root() {
        let (key, other) = (new_key(), new_key());
        let mut issued_by_another = CertificatePieces::root(&key);
        issued_by_another.issuer = name("another");
        let mut off_the_curve = CertificatePieces::root(&key);
        off_the_curve.key[67] ^= 1;
        for der in [
            issued_by_another.signed_by(&key),
            CertificatePieces::root(&key).signed_by(&other),
            off_the_curve.signed_by(&key),
        ] {
            let error = TrustAnchors::vendors().with_custom(&der);
            assert_eq!(error, Err(AnchorError::NotSelfSigned));
        }
        let error = TrustAnchors::vendors().with_custom(b"0");
        assert!(matches!(error, Err(AnchorError::Certificate(_))));
    }

    #[test]
    fn a_key_has_one_meaning_and_may_have_several_certificates() {
        let (key, other) = (new_key(), new_key());
        let first = CertificatePieces::root(&key).signed_by(&key);
        let mut renewed = CertificatePieces::root(&key);
        renewed.serial = vec![2, 1, 0x12];
        let renewed = renewed.signed_by(&key);
        let second = CertificatePieces::root(&other).signed_by(&other);
        let anchors = TrustAnchors::vendors()
            .with_custom(&first)
            .and_then(|anchors| anchors.with_custom(&renewed))
            .and_then(|anchors| anchors.with_custom(&second))
            .unwrap();
        let genuine: Vec<bool> = anchors.iter().map(TrustAnchor::is_genuine).collect();
        assert_eq!(genuine, [true, false, false]);
        let knows = |key, der| {
            let anchor = anchors.find(verifying_key(key).uncompressed()).unwrap();
            anchor.knows_certificate(&sha256(der))
        };
        assert!(knows(&key, &first) && knows(&key, &renewed) && knows(&other, &second));
        assert!(!knows(&key, &second) && !knows(&other, &first));

        let simulated = marked(CertificatePieces::root(&key)).signed_by(&key);
        let name = anchors
            .find(verifying_key(&key).uncompressed())
            .unwrap()
            .name()
            .to_owned();
        let error = anchors.with_simulated(&simulated);
        assert_eq!(error, Err(AnchorError::AlreadyNamed { name }));
    }
}
