//! TLS by a file of certificates: CAs, whose certificates are checked in every respect, and the server's
//! own, which is known by its bytes.
//!
//! The certificate that the script of Intel's cache makes is of X.509 version 1 and names no host: no
//! check of a chain can accept it. Whoever names it means this one key, so its name, dates and version
//! count for nothing, and no other certificate has the same bytes.

use std::sync::Arc;

use bulla_pki::certificate::public_key_info;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, aws_lc_rs, verify_tls12_signature,
    verify_tls13_signature, verify_tls13_signature_with_raw_key,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

pub use rustls::ClientConfig;

/// Longest file of certificates, in bytes: all CAs that the public web knows have 300,000.
pub const MAX_CA_FILE_SIZE: usize = 4 * 1024 * 1024;

/// The settings of a client that trusts the certificates of a file, in PEM, and no others; in words what
/// is wrong with the file. TLS is at least 1.2; with a server's own certificate of X.509 version 1 it
/// must be 1.3.
pub fn trusting(pem: &[u8]) -> Result<ClientConfig, String> {
    let listed: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    let listed = listed.map_err(|error| format!("this is no PEM: {error}"))?;
    if listed.is_empty() {
        return Err("there is no certificate in PEM".to_owned());
    }
    // Told now, and not as an unknown issuer when somebody is asked.
    if let Some(place) = listed.iter().position(|one| public_key_info(one).is_err()) {
        return Err(format!("certificate {} is none of X.509", place + 1));
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(listed.iter().cloned());
    // Without any CA there is nobody else to trust.
    let issued = match roots.is_empty() {
        true => None,
        false => Some(chains(roots, &provider)?),
    };
    let verifier = Listed {
        listed,
        issued,
        algorithms: provider.signature_verification_algorithms,
    };
    let versions =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = versions
        .map_err(|error| error.to_string())?
        // So rustls calls every check that is not its own.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    Ok(config)
}

fn chains(
    roots: RootCertStore,
    provider: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let builder =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
    builder.build().map_err(|error| error.to_string())
}

#[derive(Debug)]
struct Listed {
    listed: Vec<CertificateDer<'static>>,
    issued: Option<Arc<WebPkiServerVerifier>>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Listed {
    fn has(&self, certificate: &CertificateDer<'_>) -> bool {
        self.listed.contains(certificate)
    }
}

impl ServerCertVerifier for Listed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.has(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match &self.issued {
            Some(chains) => chains.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
            None => Err(CertificateError::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    /// By the key alone where the certificate is known by its bytes: rustls reads no certificate of
    /// version 1.
    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if !self.has(certificate) {
            return verify_tls13_signature(message, certificate, signature, &self.algorithms);
        }
        let key = public_key_info(certificate).map_err(|_| CertificateError::BadEncoding)?;
        let key = SubjectPublicKeyInfoDer::from(key);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_never_count_is_refused_when_the_file_is_read() {
        let of = |text: &str| trusting(text.as_bytes()).unwrap_err();
        assert_eq!(of("a file"), "there is no certificate in PEM");
        let block = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        assert_eq!(of(block), "certificate 1 is none of X.509");
    }
}
