//! TLS: certificates from files, and taking over new ones while running.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use bulla_pki::certificate::public_key_info;
use bulla_pki::digest::sha256_of;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{NoClientAuth, VerifierBuilderError, WebPkiClientVerifier};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::version::{TLS12, TLS13};
use rustls::{CertificateError, InconsistentKeys, RootCertStore, ServerConfig};
use zeroize::Zeroizing;

/// Largest file that is read, in bytes: some hundred certificates.
const LARGEST_FILE: u64 = 1024 * 1024;

/// Where certificates are found, in PEM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsSettings {
    /// The server's certificate, followed by those of the CAs in between.
    pub certificate: PathBuf,
    /// Its private key: PKCS#8, SEC 1 or PKCS#1.
    pub key: PathBuf,
    /// Whether clients have certificates.
    pub clients: Clients,
}

/// What is asked of clients.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Clients {
    /// Nothing.
    #[default]
    Anonymous,
    /// A certificate of one of the CAs in this file, if they have one.
    Known(PathBuf),
    /// A certificate of one of the CAs in this file.
    Required(PathBuf),
}

impl Clients {
    fn file(&self) -> Option<&Path> {
        match self {
            Self::Anonymous => None,
            Self::Known(file) | Self::Required(file) => Some(file),
        }
    }
}

/// Why TLS cannot be set up.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{file} cannot be read: {source}")]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// What the operating system says.
        source: io::Error,
    },
    /// A file is not what it should be.
    #[error("{file} is no PEM file with a {what}: {source}")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What it should hold.
        what: &'static str,
        /// What is wrong.
        source: pem::Error,
    },
    /// Certificate and key do not belong together, or are of a kind that is not understood.
    #[error("certificate {certificate} and key {key} cannot be used: {source}")]
    Unusable {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's.
        key: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
    /// The CAs of clients are no CAs.
    #[error("the certificates in {file} are not those of CAs: {source}")]
    Cas {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: VerifierBuilderError,
    },
    /// A certificate of a CA cannot be used.
    #[error("a certificate in {file} is not that of a CA: {source}")]
    Ca {
        /// The file.
        file: PathBuf,
        /// What is wrong.
        source: rustls::Error,
    },
}

/// TLS as it is set up now.
#[derive(Debug)]
pub struct Tls {
    settings: TlsSettings,
    current: ArcSwap<ServerConfig>,
    /// The digest of the files that were looked at last, whether or not they were taken over.
    seen: Mutex<[u8; 32]>,
}

impl Tls {
    /// Reads the files.
    pub fn load(settings: TlsSettings) -> Result<Arc<Self>, TlsError> {
        let files = Files::read(&settings)?;
        let config = files.config(&settings)?;
        Ok(Arc::new(Self {
            settings,
            current: ArcSwap::new(Arc::new(config)),
            seen: Mutex::new(files.digest()),
        }))
    }

    /// Reads the files again, and takes over what they hold if it is new; says whether it was.
    /// Whatever is wrong with them is told once, and what was taken over before stays.
    ///
    /// Certificate and key are two files, which do not change in the same moment: the pair is wrong
    /// for that long, and right the next time.
    pub fn reload(&self) -> Result<bool, TlsError> {
        let files = Files::read(&self.settings)?;
        let digest = files.digest();
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == digest {
            return Ok(false);
        }
        *seen = digest;
        self.current.store(Arc::new(files.config(&self.settings)?));
        Ok(true)
    }

    pub(super) fn config(&self) -> Arc<ServerConfig> {
        self.current.load_full()
    }
}

/// The contents of the files.
struct Files {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    cas: Vec<u8>,
}

impl Files {
    fn read(settings: &TlsSettings) -> Result<Self, TlsError> {
        Ok(Self {
            certificate: read(&settings.certificate)?,
            key: Zeroizing::new(read(&settings.key)?),
            cas: settings.clients.file().map_or(Ok(Vec::new()), read)?,
        })
    }

    fn digest(&self) -> [u8; 32] {
        let length = |bytes: &[u8]| bytes.len().to_be_bytes();
        sha256_of(&[
            &length(&self.certificate),
            &self.certificate,
            &length(&self.key),
            &self.key,
            &self.cas,
        ])
    }

    fn config(&self, settings: &TlsSettings) -> Result<ServerConfig, TlsError> {
        let chain = certificates(&settings.certificate, &self.certificate)?;
        let key =
            PrivateKeyDer::from_pem_slice(&self.key).map_err(|source| TlsError::Malformed {
                file: settings.key.clone(),
                what: "private key",
                source,
            })?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let unusable = |source| TlsError::Unusable {
            certificate: settings.certificate.clone(),
            key: settings.key.clone(),
            source,
        };
        let clients = self.clients(settings, &provider)?;
        let key = provider.key_provider.load_private_key(key);
        let certified = CertifiedKey::new(chain, key.map_err(unusable)?);
        check_pair(&certified).map_err(unusable)?;
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13, &TLS12])
            .map_err(unusable)?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Sessions are resumed from what the client keeps: no memory, and no session that outlives
        // a change of certificates or CAs.
        config.ticketer = aws_lc_rs::Ticketer::new().map_err(unusable)?;
        Ok(config)
    }

    fn clients(
        &self,
        settings: &TlsSettings,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Arc<dyn ClientCertVerifier>, TlsError> {
        let Some(file) = settings.clients.file() else {
            return Ok(Arc::new(NoClientAuth));
        };
        let mut roots = RootCertStore::empty();
        for certificate in certificates(file, &self.cas)? {
            roots.add(certificate).map_err(|source| TlsError::Ca {
                file: file.to_owned(),
                source,
            })?;
        }
        let mut builder =
            WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider));
        if matches!(settings.clients, Clients::Known(_)) {
            builder = builder.allow_unauthenticated();
        }
        builder.build().map_err(|source| TlsError::Cas {
            file: file.to_owned(),
            source,
        })
    }
}

/// That the key is the certificate's. rustls reads no certificate of version 1, which OpenSSL before 3.4
/// makes for Intel's cache, and which the clients of that take: there its key is read alone.
fn check_pair(certified: &CertifiedKey) -> Result<(), rustls::Error> {
    match certified.keys_match() {
        Err(rustls::Error::InvalidCertificate(CertificateError::Other(_))) => {
            let certificate = certified.end_entity_cert()?;
            let own = certified.key.public_key();
            let own = own.as_ref().map(|key| &key[..]);
            match own.is_some() && public_key_info(certificate).ok() == own {
                true => Ok(()),
                false => Err(InconsistentKeys::KeyMismatch.into()),
            }
        }
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::Unknown)) => Ok(()),
        other => other,
    }
}

fn read(file: &Path) -> Result<Vec<u8>, TlsError> {
    let unreadable = |source| TlsError::Unreadable {
        file: file.to_owned(),
        source,
    };
    let size = std::fs::metadata(file).map_err(unreadable)?.len();
    if size > LARGEST_FILE {
        let message = format!("it has {size} bytes, more than the {LARGEST_FILE} that are read");
        return Err(unreadable(io::Error::other(message)));
    }
    std::fs::read(file).map_err(unreadable)
}

/// All certificates of a PEM file; one at least.
fn certificates(file: &Path, text: &[u8]) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let malformed = |source| TlsError::Malformed {
        file: file.to_owned(),
        what: "certificate",
        source,
    };
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(malformed)?;
    match certificates.is_empty() {
        true => Err(malformed(pem::Error::NoItemsFound)),
        false => Ok(certificates),
    }
}
