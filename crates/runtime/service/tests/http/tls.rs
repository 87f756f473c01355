//! TLS: certificates and who has which, and new ones while running.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bulla_issuer::{
    CertificateSpec, Extension, Issuer, Name, ObjectIdentifier, Seed, SigningKey, Tag, pem, tlv,
};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, Window};
use bulla_service::http::{
    Clients, Limits, ListenError, Listener, Metrics, Place, Server, ServerSettings, Speech, Tls,
    TlsError, TlsSettings,
};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::support::{Client, Front, bounded, local};

const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
const PRIME256V1: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");

/// Names the test below that runs as a process of its own.
const CHILD: &str = "http::tls::serves_from_a_folder";

/// Tells that process the folder.
const FOLDER: &str = "BULLA_TEST_TLS_FOLDER";

/// A CA, made for one test.
struct Authority {
    name: Name,
    key: SigningKey,
    certificate: Vec<u8>,
}

/// A certificate and its key, in PEM.
struct Identity {
    certificate: Vec<u8>,
    chain: Vec<u8>,
    key: String,
}

impl Authority {
    fn new(label: &str) -> Self {
        let name = Name::simulated(label);
        let key = SigningKey::derive(&Seed::from(label), "ca");
        let spec = CertificateSpec::ca(name.clone(), &key, issuer(&name, &key), valid(), 0);
        let certificate = spec.sign(&key);
        Self {
            name,
            key,
            certificate,
        }
    }

    /// One for 127.0.0.1, with a key that anybody can derive from its label.
    fn issue(&self, label: &str) -> Identity {
        let scalar = Seed::from(label).bytes("scalar");
        let key = SigningKey::from_scalar(&scalar).unwrap();
        let issuer = issuer(&self.name, &self.key);
        let name = Name::simulated(label);
        let mut spec = CertificateSpec::end_entity(name, &key, issuer, valid());
        spec.extensions.set(Extension {
            oid: SUBJECT_ALTERNATIVE_NAME,
            critical: false,
            value: tlv::sequence(&[tlv::context_primitive(7, &[127, 0, 0, 1])]),
        });
        let certificate = spec.sign(&self.key);
        // ECPrivateKey (RFC 5915).
        let private = tlv::sequence(&[
            tlv::encode(&1_u8),
            tlv::wrap(Tag::OctetString, &scalar),
            tlv::context(0, &tlv::oid(PRIME256V1)),
            tlv::context(1, &tlv::bits(&key.public_key())),
        ]);
        Identity {
            chain: pem::chain(&[&certificate]),
            certificate,
            key: pem::block("EC PRIVATE KEY", &private),
        }
    }

    /// A client that trusts this CA, and has this certificate.
    fn client(
        &self,
        identity: Option<&Identity>,
        version: &'static SupportedProtocolVersion,
    ) -> ClientConfig {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from(self.certificate.clone()))
            .unwrap();
        let builder = ClientConfig::builder_with_provider(aws_lc_rs::default_provider().into())
            .with_protocol_versions(&[version])
            .unwrap()
            .with_root_certificates(roots);
        let Some(identity) = identity else {
            return builder.with_no_client_auth();
        };
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let chain = vec![CertificateDer::from(identity.certificate.clone())];
        builder.with_client_auth_cert(chain, key).unwrap()
    }
}

fn issuer(name: &Name, key: &SigningKey) -> Issuer {
    Issuer {
        name: name.clone(),
        key_identifier: key.key_identifier(),
        crl_uri: bulla_issuer::NO_ADDRESS.to_owned(),
    }
}

/// Until 2049.
fn valid() -> Window {
    let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
    Window {
        from: at(1_500_000_000),
        until: at(2_500_000_000),
    }
}

/// Where a server finds its certificates; goes away with the test.
struct Files(PathBuf);

impl Files {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("bulla-tls-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn with(identity: &Identity) -> Self {
        let files = Self::new();
        files.put(identity);
        files
    }

    fn put(&self, identity: &Identity) {
        self.write("certificate.pem", &identity.chain);
        self.write("key.pem", &identity.key);
    }

    fn write(&self, name: &str, contents: impl AsRef<[u8]>) {
        std::fs::write(self.0.join(name), contents).unwrap();
    }

    fn settings(&self, clients: Clients) -> TlsSettings {
        settings(&self.0, clients)
    }

    fn load(&self) -> Arc<Tls> {
        Tls::load(self.settings(Clients::Anonymous)).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn settings(folder: &std::path::Path, clients: Clients) -> TlsSettings {
    TlsSettings {
        certificate: folder.join("certificate.pem"),
        key: folder.join("key.pem"),
        clients,
    }
}

async fn serve(tls: &Arc<Tls>, limits: Limits) -> Front {
    Front::listening(limits, vec![local(Speech::Tls(Arc::clone(tls)))]).await
}

async fn connect(
    address: SocketAddr,
    config: ClientConfig,
) -> io::Result<Client<TlsStream<TcpStream>>> {
    let stream = TcpStream::connect(address).await?;
    let name = ServerName::from(address.ip());
    let connector = TlsConnector::from(Arc::new(config));
    bounded(connector.connect(name, stream)).await.map(Client)
}

/// What the server has to say about the client; an error where it does not let it in.
async fn who(address: SocketAddr, config: ClientConfig) -> io::Result<String> {
    let mut client = connect(address, config).await?;
    client.send("GET /who HTTP/1.1\r\nHost: a\r\n\r\n").await;
    // In TLS 1.3 the client learns from its first read that it was refused.
    let mut byte = [0];
    bounded(client.0.read_exact(&mut byte)).await?;
    Ok(client.answer().await.body)
}

fn presented(client: &Client<TlsStream<TcpStream>>) -> Vec<u8> {
    let certificates = client.0.get_ref().1.peer_certificates().unwrap();
    certificates[0].to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn versions_from_1_2_on_are_spoken() {
    let authority = Authority::new("versions");
    let files = Files::with(&authority.issue("server"));
    let front = serve(&files.load(), Limits::default()).await;
    for version in [&TLS12, &TLS13] {
        let seen = who(front.addresses[0], authority.client(None, version)).await;
        assert_eq!(seen.unwrap(), "local Some(127.0.0.1) ");
    }

    // A ClientHello of TLS 1.1 with one suite and one signature algorithm.
    let hello = [
        &[0x16, 3, 1, 0, 55, 1, 0, 0, 51, 3, 2][..],
        &[7; 32],
        &[0, 0, 2, 0xc0, 0x13, 1, 0],
        &[0, 8, 0, 13, 0, 4, 0, 2, 4, 3],
    ];
    let mut client = front.connect().await;
    client.send(hello.concat()).await;
    // A fatal alert: protocol_version.
    let alert = client.rest().await;
    assert!(alert.ends_with(&[0, 2, 2, 70]), "{alert:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn new_certificates_are_taken_over_and_broken_ones_are_not() {
    let authority = Authority::new("reload");
    let [old, new] = ["old", "new"].map(|label| authority.issue(label));
    let files = Files::with(&old);
    let tls = files.load();
    let front = serve(&tls, Limits::default()).await;
    let client = || connect(front.addresses[0], authority.client(None, &TLS13));
    let mut first = client().await.unwrap();
    assert_eq!(presented(&first), old.certificate);
    assert!(!tls.reload().unwrap());

    // The certificate is there before its key: for that long the old ones are in use.
    files.write("certificate.pem", &new.chain);
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
    assert_eq!(presented(&client().await.unwrap()), old.certificate);
    // It is told once.
    assert!(!tls.reload().unwrap());

    files.write("key.pem", &new.key);
    assert!(tls.reload().unwrap());
    assert_eq!(presented(&client().await.unwrap()), new.certificate);
    assert_eq!(first.get("/").await.status, 200);

    for broken in ["", "no certificate", "-----BEGIN CERTIFICATE-----\n"] {
        files.write("certificate.pem", broken);
        let error = tls.reload().unwrap_err();
        assert!(matches!(error, TlsError::Malformed { .. }), "{error}");
        assert_eq!(presented(&client().await.unwrap()), new.certificate);
    }
    std::fs::remove_file(files.0.join("key.pem")).unwrap();
    let error = tls.reload().unwrap_err();
    assert!(matches!(error, TlsError::Unreadable { .. }), "{error}");
    assert_eq!(presented(&client().await.unwrap()), new.certificate);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hangup_has_the_files_looked_at() {
    let authority = Authority::new("hangup");
    let [old, new] = ["old", "new"].map(|label| authority.issue(label));
    let files = Files::with(&old);
    let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    let mut child = Command::new("sh")
        .args(["-c", "LISTEN_PID=$$ LISTEN_FDS=1 exec \"$0\" \"$@\" 3<&0"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", CHILD, "--ignored", "--quiet"])
        .env(FOLDER, &files.0)
        .stdin(std::os::fd::OwnedFd::from(socket))
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let client = || connect(address, authority.client(None, &TLS13));
    let before = client().await.unwrap();
    assert_eq!(presented(&before), old.certificate);
    files.put(&new);
    let hangup = format!("kill -HUP {}", child.id());
    let status = Command::new("sh").args(["-c", &hangup]).status().unwrap();
    assert!(status.success());
    bounded(async {
        while presented(&client().await.unwrap()) != new.certificate {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
    assert_eq!(client().await.unwrap().get("/wait").await.body, "waited");
    let status = bounded(tokio::task::spawn_blocking(move || child.wait())).await;
    assert!(status.unwrap().unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "runs as a process of its own, which the test above starts"]
async fn serves_from_a_folder() {
    let folder = PathBuf::from(std::env::var_os(FOLDER).unwrap());
    let tls = Tls::load(settings(&folder, Clients::Anonymous)).unwrap();
    let listener = Listener {
        place: Place::Passed(0),
        ..local(Speech::Tls(tls))
    };
    let mut front = Front::listening(Limits::default(), vec![listener]).await;
    bounded(front.application.asked.notified()).await;
    front
        .until_counted("bulla_tls_reloads_total{listener=\"local\",result=\"taken\"} 1")
        .await;
    front.application.answers.0.add_permits(1);
    front.stop();
    bounded(front.running).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_known_by_certificates_of_the_named_ca_alone() {
    let [own, other] = ["own", "other"].map(Authority::new);
    let [good, foreign] = [&own, &other].map(|authority| authority.issue("client"));
    let files = Files::with(&own.issue("server"));
    files.write("cas.pem", pem::chain(&[&own.certificate]));
    let cas = files.0.join("cas.pem");
    let digest = hex::encode(sha256(&good.certificate));
    for required in [true, false] {
        let clients = match required {
            true => Clients::Required(cas.clone()),
            false => Clients::Known(cas.clone()),
        };
        let tls = Tls::load(files.settings(clients)).unwrap();
        let front = serve(&tls, Limits::default()).await;
        for version in [&TLS12, &TLS13] {
            let who = |identity| who(front.addresses[0], own.client(identity, version));
            let seen = who(Some(&good)).await.unwrap();
            assert_eq!(seen, format!("local Some(127.0.0.1) {digest}"));
            assert!(who(Some(&foreign)).await.is_err());
            let unknown = who(None).await;
            match required {
                true => assert!(unknown.is_err()),
                false => assert_eq!(unknown.unwrap(), "local Some(127.0.0.1) "),
            }
        }
        let refused = if required { 4 } else { 2 };
        let line = format!("bulla_http_connections_broken_off_total{{reason=\"tls\"}} {refused}");
        front.until_counted(&line).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_tls_ends_and_so_does_silence() {
    let authority = Authority::new("silence");
    let files = Files::with(&authority.issue("server"));
    let limits = Limits {
        head_time: Duration::from_millis(50),
        ..Limits::default()
    };
    let front = serve(&files.load(), limits).await;
    let mut plain = front.connect().await;
    plain.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").await;
    let said = plain.rest().await;
    assert!(!said.starts_with(b"HTTP"), "{said:?}");
    let mut silent = front.connect().await;
    assert!(silent.rest().await.is_empty());
    let line = "bulla_http_connections_broken_off_total{reason=\"tls\"} 2";
    front.until_counted(line).await;
}

#[tokio::test]
async fn unix_sockets_have_no_tls() {
    let authority = Authority::new("unix");
    let files = Files::with(&authority.issue("server"));
    let listener = Listener {
        place: Place::Unix {
            path: files.0.join("socket"),
            mode: 0o600,
        },
        ..local(Speech::Tls(files.load()))
    };
    let settings = ServerSettings {
        listeners: vec![listener],
        limits: Limits::default(),
        access_log: false,
    };
    let metrics = Arc::new(Metrics::new("0", false));
    let error = Server::bind(settings, metrics).await.unwrap_err();
    assert!(matches!(error, ListenError::TlsOnUnix(_)), "{error}");
}

/// A certificate of version 1, without extensions, of the key with this label: as OpenSSL makes one from
/// a request. Who signed it does not count.
fn of_version_1(label: &str) -> Vec<u8> {
    let key = SigningKey::from_scalar(&Seed::from(label).bytes("scalar")).unwrap();
    let oid = |text| tlv::oid(ObjectIdentifier::new_unwrap(text));
    let algorithm = tlv::sequence(&[oid("1.2.840.10045.4.3.2")]);
    let name = tlv::sequence::<Vec<u8>>(&[]);
    let Window { from, until } = valid();
    let of_key = tlv::sequence(&[oid("1.2.840.10045.2.1"), tlv::oid(PRIME256V1)]);
    let to_sign = tlv::sequence(&[
        tlv::unsigned(&[1]),
        algorithm.clone(),
        name.clone(),
        tlv::sequence(&[tlv::time(from), tlv::time(until)]),
        name,
        tlv::sequence(&[of_key, tlv::bits(&key.public_key())]),
    ]);
    let signature = tlv::bits(&key.sign_der(&to_sign));
    tlv::sequence(&[to_sign, algorithm, signature])
}

#[test]
fn a_certificate_of_version_1_is_served_by_its_own_key_alone() {
    let identity = Authority::new("old").issue("one");
    let files = Files::with(&identity);
    let pem = |label| pem::block("CERTIFICATE", &of_version_1(label));
    files.write("certificate.pem", pem("one"));
    drop(files.load());
    files.write("certificate.pem", pem("other"));
    let error = Tls::load(files.settings(Clients::Anonymous)).unwrap_err();
    assert!(matches!(error, TlsError::Unusable { .. }), "{error}");
}

#[test]
fn what_cannot_be_used_is_named_without_the_key() {
    let authority = Authority::new("errors");
    let [one, other] = ["one", "other"].map(|label| authority.issue(label));
    let files = Files::with(&one);
    let load = |clients| Tls::load(files.settings(clients)).unwrap_err().to_string();
    files.write("key.pem", &other.key);
    let error = load(Clients::Anonymous);
    assert!(error.contains("key.pem"), "{error}");
    files.write("key.pem", one.key.replace("PRIVATE", "PUBLIC"));
    let error = load(Clients::Anonymous);
    assert!(
        error.contains("key.pem") && error.contains("private key"),
        "{error}"
    );
    let secret = one.key.lines().nth(1).unwrap();
    assert!(!error.contains(secret), "{error}");
    files.put(&one);
    let error = load(Clients::Required(files.0.join("missing.pem")));
    assert!(error.contains("missing.pem"), "{error}");
    files.write("cas.pem", "");
    let error = load(Clients::Required(files.0.join("cas.pem")));
    assert!(error.contains("cas.pem"), "{error}");
    files.write("certificate.pem", vec![b'a'; 2_000_000]);
    let error = load(Clients::Anonymous);
    assert!(error.contains("2000000 bytes"), "{error}");
}
