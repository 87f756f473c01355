//! What can stand in a configuration file.

use std::collections::BTreeSet;
use std::fmt;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::str::FromStr;

use bulla_protocol::pcs::SubscriptionKey;
use clap::ValueEnum;
use serde::de::{self, Visitor};
use serde::{Deserialize, Deserializer};

/// The whole file. A field that is left out has its default; one that is not known is an error.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct Configuration {
    /// When upstreams are asked. Absent: `lazy`.
    pub(crate) mode: Option<ModeWord>,
    /// Whether documents that have ended are served where no later issue can be had.
    pub(crate) serve_expired: bool,
    pub(crate) store: StoreSection,
    /// Where to listen. Absent: port 8081 of the loopback addresses.
    pub(crate) listen: Vec<ListenSection>,
    /// Whom to ask, in this order. Absent: Intel.
    pub(crate) upstream: Vec<UpstreamSection>,
    pub(crate) trust: TrustSection,
    pub(crate) tokens: TokensSection,
    pub(crate) keep: KeepSection,
    pub(crate) retention: RetentionSection,
    pub(crate) limits: LimitsSection,
    pub(crate) log: LogSection,
    pub(crate) pccs: PccsSection,
    pub(crate) gate: GateSection,
}

/// When upstreams are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ModeWord {
    /// Whenever something is missing, and to stay current
    #[serde(alias = "LAZY")]
    Lazy,
    /// When platforms register, and to stay current
    #[serde(alias = "REQ")]
    Req,
    /// Never
    #[serde(alias = "OFFLINE")]
    Offline,
}

/// What is remembered where.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct StoreSection {
    /// A directory. Absent: that of the service manager, else of the user.
    pub(crate) path: Option<PathBuf>,
    /// The address of a database of PostgreSQL, without a password. Absent: a file in the directory.
    pub(crate) postgres: Option<String>,
    /// The file with its password. Absent: none is sent.
    pub(crate) password_file: Option<PathBuf>,
}

/// A place to listen on: one of `address`, `unix`, `systemd`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct ListenSection {
    /// Its name in logs and metrics. Absent: the place.
    pub(crate) name: Option<String>,
    /// An address with its port.
    pub(crate) address: Option<String>,
    /// The path of a Unix socket.
    pub(crate) unix: Option<PathBuf>,
    /// Its permissions, as `chmod` has them. Absent: 660.
    pub(crate) permissions: Option<String>,
    /// The number of a socket of systemd, from 0 on.
    pub(crate) systemd: Option<usize>,
    /// Whether others than this machine may come in plain text.
    pub(crate) plain_text: bool,
    /// The one dialect that it has. Absent: all, and bulla's own routes.
    pub(crate) dialect: Option<DialectWord>,
    pub(crate) tls: Option<TlsSection>,
}

/// A dialect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DialectWord {
    Pccs,
    Pcs,
    Thim,
}

/// TLS of a place.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct TlsSection {
    /// Certificates in PEM, the server's first.
    pub(crate) certificate: PathBuf,
    /// Its key in PEM.
    pub(crate) key: PathBuf,
    /// CAs of the clients' certificates, in PEM. Absent: clients need none.
    pub(crate) client_ca: Option<PathBuf>,
    /// Whether clients must have one. Absent: they must.
    pub(crate) client_certificates: Option<ClientCertificates>,
}

/// Whether clients must have a certificate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ClientCertificates {
    Required,
    Optional,
}

/// What an upstream is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum UpstreamKind {
    Pcs,
    Pccs,
    Directory,
}

/// Whom to ask.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct UpstreamSection {
    /// Its name in logs and metrics.
    pub(crate) name: String,
    /// What it is. Absent: `pcs`.
    pub(crate) kind: Option<UpstreamKind>,
    /// Where it is.
    pub(crate) url: Option<String>,
    /// Where it is, for a directory.
    pub(crate) path: Option<PathBuf>,
    /// A file with the key of a subscription.
    pub(crate) api_key_file: Option<PathBuf>,
    /// The key itself, which stands in no configuration of bulla's own.
    #[serde(skip)]
    pub(crate) api_key: Option<SubscriptionKey>,
    /// Where the CRL of the root is.
    pub(crate) root_crl_url: Option<String>,
    /// Whether its "there is no such thing" is believed at once.
    pub(crate) has_last_word: Option<bool>,
    /// Seconds for one question, everything included.
    pub(crate) deadline: Option<f64>,
    pub(crate) attempts: Option<u32>,
    pub(crate) concurrency: Option<usize>,
    /// `none`, `environment`, or the address of a proxy.
    pub(crate) proxy: Option<String>,
    /// A file with the address of a proxy, for one that carries a password.
    pub(crate) proxy_file: Option<PathBuf>,
    /// CA certificates, in PEM.
    pub(crate) ca_file: Option<PathBuf>,
    /// Allows `http:` to other machines.
    #[serde(default)]
    pub(crate) insecure_http: bool,
}

/// The trust anchor.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct TrustSection {
    /// A root certificate. Absent: the vendor's root, which is compiled in.
    pub(crate) root: Option<PathBuf>,
    /// Whether it is that of a simulated vendor.
    pub(crate) simulated: bool,
}

/// Who may do what.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct TokensSection {
    /// Who may register platforms.
    pub(crate) users: Vec<TokenSection>,
    /// Who looks after the service.
    pub(crate) administrators: Vec<TokenSection>,
}

/// A token by its hash.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with `name` and `sha512`")]
pub(crate) struct TokenSection {
    pub(crate) name: String,
    pub(crate) sha512: String,
}

/// What is kept whether somebody asked for it or not.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct KeepSection {
    /// FMSPCs.
    pub(crate) families: BTreeSet<Family>,
    /// Whether the vendor's newest set is kept too.
    pub(crate) early: bool,
}

/// How long what is kept.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct RetentionSection {
    /// Days that a superseded document stays after its end.
    pub(crate) documents_days: Option<u32>,
    /// Days that a refused document stays.
    pub(crate) refused_days: Option<u32>,
    /// How many refused documents stay.
    pub(crate) refused_count: Option<u64>,
    /// How many bytes they may have.
    pub(crate) refused_bytes: Option<u64>,
}

/// What clients can have.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct LimitsSection {
    /// Most connections at a time.
    pub(crate) connections: Option<NonZeroU32>,
    /// Most of these from one address.
    pub(crate) connections_of_one: Option<NonZeroU32>,
    /// Seconds that a connection may be idle.
    pub(crate) idle_seconds: Option<NonZeroU32>,
    /// Seconds that requests have when the service ends.
    pub(crate) stop_seconds: Option<u32>,
}

/// The log, on standard error.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct LogSection {
    /// Absent: `text`.
    pub(crate) format: Option<FormatWord>,
    /// Absent: `info`.
    pub(crate) level: Option<LevelWord>,
    /// Whether each answer gets a line. Absent: yes.
    pub(crate) access: Option<bool>,
}

/// How a line of the log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FormatWord {
    Text,
    Json,
}

/// What is worth a line. There is no `trace`: what libraries tell there has never been looked
/// through for names of platforms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LevelWord {
    Error,
    Warn,
    Info,
    Debug,
}

/// The dialect of Intel's cache.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct PccsSection {
    /// Whether `GET /refresh` refreshes.
    pub(crate) refresh_by_get: bool,
}

/// The gate.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields, expecting = "a table")]
pub(crate) struct GateSection {
    /// Whether there is one.
    pub(crate) enabled: bool,
    /// Whose machine it runs on. Absent: another's.
    pub(crate) place: Option<PlaceWord>,
    /// The file with its key. Absent: `gate-key` beside the store, made where it is not there.
    pub(crate) key_file: Option<PathBuf>,
    /// Who its tokens say has issued them. Absent: the address of the first listener.
    pub(crate) issuer: Option<String>,
    /// For whom they are, where the client names nobody. Absent: the issuer.
    pub(crate) audience: Option<String>,
    /// How long a token counts at most, in seconds.
    pub(crate) token_seconds: Option<u32>,
    /// How long a nonce is good, in seconds.
    pub(crate) nonce_seconds: Option<u32>,
    /// How many requests a minute one address may make at each of its open routes.
    pub(crate) requests_per_minute: Option<NonZeroU32>,
}

/// Whose machine the gate runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum PlaceWord {
    Owner,
    Attested,
    Elsewhere,
}

/// An FMSPC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Family(pub(crate) [u8; 6]);

impl FromStr for Family {
    type Err = String;

    fn from_str(text: &str) -> std::result::Result<Self, String> {
        let mut bytes = [0; 6];
        hex::decode_to_slice(text, &mut bytes)
            .map(|()| Self(bytes))
            .map_err(|_| format!("`{text}` is no FMSPC; write its 12 hexadecimal digits"))
    }
}

impl<'de> Deserialize<'de> for Family {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> std::result::Result<Self, D::Error> {
        // Errors of a visitor know their place; those made of its result do not.
        deserializer.deserialize_str(Digits)
    }
}

struct Digits;

impl Visitor<'_> for Digits {
    type Value = Family;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("12 hexadecimal digits")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> std::result::Result<Family, E> {
        text.parse().map_err(E::custom)
    }
}
