//! A certificate for this machine, made for one run.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;

use bulla_issuer::{
    CertificateSpec, Extension, Issuer, Name, ObjectIdentifier, Seed, SigningKey, Tag, pem, tlv,
};
use bulla_pki::{Timestamp, Window};

use crate::workbench::Folder;

const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// A certificate for 127.0.0.1 with its key, and the CA that issued it.
pub struct Identity {
    /// The certificate of the CA, in DER.
    pub authority: Vec<u8>,
    /// The certificate, in PEM.
    pub chain: Vec<u8>,
    /// Its private key, in PEM.
    pub key: String,
}

/// What a certificate says of itself.
#[derive(Clone, Copy)]
pub struct Holder<'a> {
    /// The name of a host; absent for 127.0.0.1.
    pub host: Option<&'a str>,
    /// When it counts.
    pub validity: Window,
}

impl Default for Holder<'_> {
    fn default() -> Self {
        Self {
            host: None,
            validity: valid(),
        }
    }
}

impl Identity {
    /// A certificate whose key anybody can derive from the label.
    pub fn new(label: &str) -> Self {
        Self::of(label, Holder::default())
    }

    /// The same for this holder, from the same CA.
    pub fn of(label: &str, holder: Holder<'_>) -> Self {
        let name = Name::simulated(label);
        let authority = SigningKey::derive(&Seed::from(label), "ca");
        let issuer = Issuer {
            name: name.clone(),
            key_identifier: authority.key_identifier(),
            crl_uri: bulla_issuer::NO_ADDRESS.to_owned(),
        };
        let ca = CertificateSpec::ca(name, &authority, issuer.clone(), valid(), 0);
        let scalar = Seed::from(label).bytes("scalar");
        let key = SigningKey::from_scalar(&scalar).expect("a key");
        let name = Name::simulated(&format!("{label} server"));
        let mut spec = CertificateSpec::end_entity(name, &key, issuer, holder.validity);
        // GeneralName (RFC 5280, section 4.2.1.6): dNSName or iPAddress.
        let name = match holder.host {
            Some(host) => tlv::context_primitive(2, host.as_bytes()),
            None => tlv::context_primitive(7, &[127, 0, 0, 1]),
        };
        spec.extensions.set(Extension {
            oid: SUBJECT_ALTERNATIVE_NAME,
            critical: false,
            value: tlv::sequence(&[name]),
        });
        // ECPrivateKey (RFC 5915).
        let private = tlv::sequence(&[
            tlv::encode(&1_u8),
            tlv::wrap(Tag::OctetString, &scalar),
            tlv::context(0, &tlv::oid(PRIME256V1)),
            tlv::context(1, &tlv::bits(&key.public_key())),
        ]);
        Self {
            authority: ca.sign(&authority),
            chain: pem::chain(&[&spec.sign(&authority)]),
            key: pem::block("EC PRIVATE KEY", &private),
        }
    }

    /// The certificate of the CA, in PEM.
    pub fn authority_pem(&self) -> String {
        pem::block("CERTIFICATE", &self.authority)
    }

    /// Writes certificate and key, and the CA into `tls-ca.pem`; the paths of the first two.
    pub fn lay_out(&self, folder: &Folder) -> (String, String) {
        folder.write("tls-ca.pem", self.authority_pem());
        folder.write("tls.pem", &self.chain);
        let key = folder.write("tls.key", &self.key);
        std::fs::set_permissions(key, Permissions::from_mode(0o600)).expect("a file");
        (folder.text_path("tls.pem"), folder.text_path("tls.key"))
    }
}

/// Until 2049.
fn valid() -> Window {
    let at = |seconds| Timestamp::from_unix_seconds(seconds).expect("a time");
    Window {
        from: at(1_500_000_000),
        until: at(2_500_000_000),
    }
}
