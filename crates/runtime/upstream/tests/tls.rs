//! TLS: whom an upstream trusts, and what a proxy in between sees.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod fake;

use std::path::PathBuf;
use std::sync::Arc;

use bulla_issuer::{CertificateSpec, Extension, Issuer, Name, ObjectIdentifier, Seed, SigningKey};
use bulla_issuer::{Tag, pem, tlv};
use bulla_pki::{Timestamp, Window};
use bulla_upstream::{Kind, Proxy, SettingsError, UpstreamSettings, Upstreams};
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivateSec1KeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{ProtocolVersion, ServerConfig};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use fake::{Fake, Reply, ask, document, key, once, only, response, tcb_info};

const SUBJECT_ALTERNATIVE_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");

/// A CA, made for one test and trusted where its file is named.
struct Authority {
    name: Name,
    key: SigningKey,
    file: PathBuf,
}

impl Authority {
    fn new(label: &str) -> Self {
        let name = Name::simulated(label);
        let key = SigningKey::derive(&Seed::from(label), "ca");
        let spec = CertificateSpec::ca(name.clone(), &key, issuer(&name, &key), valid(false), 0);
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{label}.pem"));
        std::fs::write(&file, pem::chain(&[&spec.sign(&key)])).unwrap();
        Self { name, key, file }
    }

    /// A server for an IPv4 address, whose certificate may be over.
    fn server(&self, address: [u8; 4], is_over: bool) -> ServerConfig {
        let (spec, key) = self.certificate(address, is_over);
        serving(spec.sign(&self.key), key)
    }

    fn certificate(
        &self,
        address: [u8; 4],
        is_over: bool,
    ) -> (CertificateSpec, PrivateKeyDer<'static>) {
        // The seed stands here for all to read: the key protects nothing but this test.
        let scalar = Seed::from("server").bytes("scalar");
        let key = SigningKey::from_scalar(&scalar).unwrap();
        let mut spec = CertificateSpec::end_entity(
            Name::simulated("server"),
            &key,
            issuer(&self.name, &self.key),
            valid(is_over),
        );
        spec.extensions.set(Extension {
            oid: SUBJECT_ALTERNATIVE_NAME,
            critical: false,
            value: tlv::sequence(&[tlv::context_primitive(7, &address)]),
        });
        // ECPrivateKey (RFC 5915).
        let private = tlv::sequence(&[
            tlv::encode(&1_u8),
            tlv::wrap(Tag::OctetString, &scalar),
            tlv::context(
                0,
                &tlv::oid(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7")),
            ),
            tlv::context(1, &tlv::bits(&key.public_key())),
        ]);
        (spec, PrivateSec1KeyDer::from(private).into())
    }
}

/// A server with this certificate, whatever rustls thinks of it.
fn serving(certificate: Vec<u8>, key: PrivateKeyDer<'static>) -> ServerConfig {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let key = provider.key_provider.load_private_key(key).unwrap();
    let certified = CertifiedKey::new(vec![CertificateDer::from(certificate)], key);
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(SingleCertAndKey::from(certified)))
}

/// A certificate as one of X.509 version 1, which knows neither versions nor extensions, signed anew.
fn of_version_1(spec: &CertificateSpec, key: &SigningKey) -> Vec<u8> {
    let signed = spec.to_be_signed();
    // The version has five octets, as every certificate's.
    let fields = &contents(&signed)[5..];
    let extensions = tlv::context(3, &spec.extensions.to_der());
    let fields = fields.strip_suffix(&extensions[..]).unwrap();
    bulla_issuer::certificate::seal(&tlv::sequence(&[fields.to_vec()]), key)
}

/// What is within a DER element that is longer than 255 bytes.
fn contents(element: &[u8]) -> &[u8] {
    assert_eq!(element[1], 0x82);
    &element[4..]
}

impl Drop for Authority {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.file);
    }
}

fn issuer(name: &Name, key: &SigningKey) -> Issuer {
    Issuer {
        name: name.clone(),
        key_identifier: key.key_identifier(),
        crl_uri: bulla_issuer::NO_ADDRESS.to_owned(),
    }
}

/// Valid until 2049, or only until 2020.
fn valid(is_over: bool) -> Window {
    let at = |seconds| Timestamp::from_unix_seconds(seconds).unwrap();
    Window {
        from: at(1_500_000_000),
        until: at(if is_over {
            1_580_000_000
        } else {
            2_500_000_000
        }),
    }
}

/// Serves a document over TLS, and tells the version of each connection and what was asked on it.
struct Served {
    port: u16,
    seen: mpsc::UnboundedReceiver<(Option<ProtocolVersion>, String)>,
    task: JoinHandle<()>,
}

impl Served {
    async fn by(config: ServerConfig) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let (tell, seen) = mpsc::unbounded_channel();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let Ok(mut stream) = acceptor.accept(stream).await else {
                    continue;
                };
                let version = stream.get_ref().1.protocol_version();
                if let Some(asked) = fake::read(&mut stream).await {
                    let _ = tell.send((version, asked.head));
                    fake::write(stream, document()).await;
                }
            }
        });
        Self { port, seen, task }
    }

    fn settings(&self, host: &str) -> UpstreamSettings {
        let url = format!("https://{host}:{}", self.port);
        once(UpstreamSettings::new("a", Kind::Pcs { url }))
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[tokio::test]
async fn a_ca_that_is_named_is_trusted_and_no_other() {
    let own = Authority::new("own");
    let other = Authority::new("other");
    let mut served = Served::by(own.server([127, 0, 0, 1], false)).await;
    let mut settings = served.settings("127.0.0.1");
    settings.api_key = Some(key());
    settings.ca_file = Some(own.file.clone());
    ask(&only(settings.clone()), &tcb_info()).await.unwrap();
    let (version, head) = served.seen.recv().await.unwrap();
    assert_eq!(version, Some(ProtocolVersion::TLSv1_3));
    assert!(head.contains("s3cret"), "{head}");

    settings.ca_file = Some(other.file.clone());
    let failure = ask(&only(settings.clone()), &tcb_info()).await.unwrap_err();
    assert!(failure.to_string().contains("UnknownIssuer"), "{failure}");

    settings.ca_file = None;
    match Upstreams::new(vec![settings]) {
        Ok(upstreams) => {
            let failure = ask(&upstreams, &tcb_info()).await.unwrap_err();
            assert!(failure.to_string().contains("certificate"), "{failure}");
        }
        // A machine that trusts nobody.
        Err(error) => assert!(matches!(error, SettingsError::Value { setting: "TLS", .. })),
    }
    assert!(served.seen.try_recv().is_err(), "nothing was asked");
}

#[tokio::test]
async fn a_certificate_for_another_host_or_another_time_is_refused() {
    let own = Authority::new("hosts");
    for (address, is_over, said) in [
        ([127, 0, 0, 2], false, "certificate not valid for name"),
        ([127, 0, 0, 1], true, "expired"),
    ] {
        let mut served = Served::by(own.server(address, is_over)).await;
        let mut settings = served.settings("127.0.0.1");
        settings.ca_file = Some(own.file.clone());
        let failure = ask(&only(settings), &tcb_info()).await.unwrap_err();
        assert!(
            failure.to_string().to_lowercase().contains(said),
            "{failure}"
        );
        assert!(served.seen.try_recv().is_err(), "nothing was asked");
    }
}

#[tokio::test]
async fn the_certificate_that_is_named_itself_is_known_by_its_bytes() {
    let own = Authority::new("named");
    // For another host, and over; for no host, as the script of Intel's cache makes it.
    let (spec, key) = own.certificate([127, 0, 0, 2], true);
    for certificate in [spec.sign(&own.key), of_version_1(&spec, &own.key)] {
        let file = own.file.with_extension("itself.pem");
        std::fs::write(&file, pem::chain(&[&certificate])).unwrap();
        let mut served = Served::by(serving(certificate, key.clone_key())).await;
        let mut settings = served.settings("127.0.0.1");
        settings.ca_file = Some(file.clone());
        ask(&only(settings.clone()), &tcb_info()).await.unwrap();
        assert!(served.seen.recv().await.is_some());

        // Another of the same key and name is not the one that was named.
        let mut other = spec.clone();
        other.serial = vec![2];
        for other in [other.sign(&own.key), of_version_1(&other, &own.key)] {
            let mut served = Served::by(serving(other, key.clone_key())).await;
            let mut settings = served.settings("127.0.0.1");
            settings.ca_file = Some(file.clone());
            ask(&only(settings), &tcb_info()).await.unwrap_err();
            assert!(served.seen.try_recv().is_err(), "nothing was asked");
        }
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn whoever_shows_the_certificate_must_have_its_key() {
    let own = Authority::new("shown");
    let (spec, _) = own.certificate([127, 0, 0, 1], false);
    let scalar = tlv::wrap(Tag::OctetString, &Seed::from("thief").bytes::<32>("scalar"));
    let curve = tlv::oid(ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7"));
    let stolen = tlv::sequence(&[tlv::encode(&1_u8), scalar, tlv::context(0, &curve)]);
    for certificate in [spec.sign(&own.key), of_version_1(&spec, &own.key)] {
        let file = own.file.with_extension("shown.pem");
        std::fs::write(&file, pem::chain(&[&certificate])).unwrap();
        let key = PrivateSec1KeyDer::from(stolen.clone()).into();
        let mut served = Served::by(serving(certificate, key)).await;
        let mut settings = served.settings("127.0.0.1");
        settings.ca_file = Some(file.clone());
        let failure = ask(&only(settings), &tcb_info()).await.unwrap_err();
        assert!(failure.to_string().contains("BadSignature"), "{failure}");
        assert!(served.seen.try_recv().is_err(), "nothing was asked");
        std::fs::remove_file(file).unwrap();
    }
}

#[tokio::test]
async fn nothing_is_asked_of_what_does_not_speak_tls() {
    let own = Authority::new("clear");
    let fake = Fake::saying(document()).await;
    let url = format!("https://{}", fake.address);
    let mut settings = once(UpstreamSettings::new("a", Kind::Pcs { url }));
    settings.ca_file = Some(own.file.clone());
    settings.deadline = std::time::Duration::from_secs(1);
    ask(&only(settings), &tcb_info()).await.unwrap_err();
    assert!(fake.asked().is_empty());
}

#[tokio::test]
async fn a_proxy_sees_nothing_of_what_is_encrypted() {
    let authority = Authority::new("proxied");
    for reply in [
        response(407, &[], b""),
        response(502, &[], b""),
        Reply::Reset,
    ] {
        let proxy = Fake::saying(reply).await;
        let mut settings = once(UpstreamSettings::new(
            "a",
            Kind::Pcs {
                url: "https://vendor.example".to_owned(),
            },
        ));
        settings.proxy = Proxy::Address(proxy.url());
        settings.api_key = Some(key());
        settings.ca_file = Some(authority.file.clone());
        let failure = ask(&only(settings), &tcb_info()).await.unwrap_err();
        assert_eq!(
            proxy.lines(),
            ["CONNECT vendor.example:443 HTTP/1.1"],
            "{failure}"
        );
        let head = proxy.asked()[0].head.clone();
        assert!(!head.contains("s3cret"), "{head}");
    }
}
