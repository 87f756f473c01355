//! TLS to the database.

use std::path::Path;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, InvalidDnsNameError, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_postgres::Socket;
use tokio_postgres::tls::{ChannelBinding, MakeTlsConnect, TlsConnect, TlsStream};
use tokio_rustls::TlsConnector;

use super::settings::{Files, Settings, SettingsError};

/// How servers are judged, and who the node says it is.
pub(super) fn client(files: &Files) -> Result<ClientConfig, SettingsError> {
    let system = |error: rustls::Error| SettingsError::SystemRoots(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(system)?;
    let builder = match &files.roots {
        None => builder.with_platform_verifier().map_err(system)?,
        Some(file) => builder.with_root_certificates(roots(file)?),
    };
    let mut client = match (&files.certificate, &files.key) {
        (None, None) => builder.with_no_client_auth(),
        (Some(certificate), Some(key)) => {
            let unfit = |reason: String| SettingsError::Certificate {
                certificate: certificate.display().to_string(),
                key: key.display().to_string(),
                reason,
            };
            let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect);
            let chain = chain.map_err(|error| unfit(error.to_string()))?;
            let private = PrivateKeyDer::from_pem_file(key);
            let private = private.map_err(|error| unfit(error.to_string()))?;
            let client = builder.with_client_auth_cert(chain, private);
            client.map_err(|error| unfit(error.to_string()))?
        }
        _ => return Err(SettingsError::Half),
    };
    client.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(client)
}

fn roots(file: &Path) -> Result<RootCertStore, SettingsError> {
    let unfit = |reason: String| SettingsError::Roots {
        file: file.display().to_string(),
        reason,
    };
    let mut store = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(file).map_err(|error| unfit(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unfit(error.to_string()))?;
        let added = store.add(certificate);
        added.map_err(|error| unfit(error.to_string()))?;
    }
    match store.is_empty() {
        true => Err(unfit("it has none in PEM".to_owned())),
        false => Ok(store),
    }
}

/// Makes connections secure. Where the settings say plain text, nobody asks it to.
#[derive(Clone)]
pub(super) struct Connector(Option<Arc<ClientConfig>>);

impl Connector {
    pub(super) fn new(settings: &Settings) -> Self {
        Self(settings.tls().cloned())
    }
}

/// The same for one server.
pub(super) struct ToServer {
    /// Absent for plain text.
    connector: Option<TlsConnector>,
    name: ServerName<'static>,
}

impl MakeTlsConnect<Socket> for Connector {
    type Stream = Stream;
    type TlsConnect = ToServer;
    type Error = InvalidDnsNameError;

    /// The driver asks for this in plain text and for sockets without a name as well, and then does
    /// not use it.
    fn make_tls_connect(&mut self, domain: &str) -> Result<ToServer, InvalidDnsNameError> {
        let connector = self.0.clone().map(TlsConnector::from);
        let name = match domain {
            domain if connector.is_some() && !domain.is_empty() => domain,
            _ => "none.invalid",
        };
        Ok(ToServer {
            connector,
            name: ServerName::try_from(name)?.to_owned(),
        })
    }
}

impl TlsConnect<Socket> for ToServer {
    type Stream = Stream;
    type Error = std::io::Error;
    type Future = Pin<Box<dyn Future<Output = std::io::Result<Stream>> + Send>>;

    fn connect(self, socket: Socket) -> Self::Future {
        Box::pin(async move {
            let Some(connector) = self.connector else {
                return Err(std::io::Error::other("TLS was not asked for"));
            };
            Ok(Stream(connector.connect(self.name, socket).await?))
        })
    }
}

/// A secure connection.
pub(super) struct Stream(tokio_rustls::client::TlsStream<Socket>);

impl TlsStream for Stream {
    /// The server is judged by its certificate, not by its knowledge of the password's hash.
    fn channel_binding(&self) -> ChannelBinding {
        ChannelBinding::none()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, octets)
    }

    fn poll_flush(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<std::io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}
