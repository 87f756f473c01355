//! What an operator says about an upstream.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use bulla_protocol::pcs::SubscriptionKey;

/// Time for one question to an upstream, everything included, unless set: a client that waits is
/// to hear of trouble within seconds, and the vendor answers within one.
pub const DEFAULT_DEADLINE: Duration = Duration::from_secs(10);

/// Longest deadline that can be set: the time after which Intel's own cache gives up.
pub const LONGEST_DEADLINE: Duration = Duration::from_secs(120);

/// How often an upstream is tried within one question, unless set.
pub const DEFAULT_ATTEMPTS: u32 = 3;

/// Most attempts that can be set: further ones would not fit into any sensible deadline.
pub const MOST_ATTEMPTS: u32 = 10;

/// How many questions an upstream is asked at a time, unless set: what a browser would send to one
/// host, so that a refresh of everything does not look like an attack.
pub const DEFAULT_CONCURRENCY: usize = 8;

/// Highest concurrency that can be set, far below what exhausts the files of a process.
pub const MOST_CONCURRENCY: usize = 256;

/// Longest name of an upstream, in characters: it stands in metrics and logs.
pub const LONGEST_NAME: usize = 64;

/// One upstream. [`UpstreamSettings::new`] has the defaults.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "settings are written by whoever reads the configuration"
)]
pub struct UpstreamSettings {
    /// Its name in logs and metrics, 1 to 64 letters, digits and `-_.`; each only once.
    pub name: String,
    /// What it is, and where.
    pub kind: Kind,
    /// Sent to this upstream alone, and to none of its other hosts; for [`Kind::Pcs`] only, and
    /// never in clear over a network. Without it no such header is sent: the vendor refuses an
    /// empty one.
    pub api_key: Option<SubscriptionKey>,
    /// Where the root's CRL is, for [`Kind::Pcs`]. Absent: at Intel's distribution point for
    /// Intel's own service, otherwise the file's name behind the upstream's address.
    pub root_crl_url: Option<String>,
    /// Whether its "there is no such thing" (404, 410) ends the search, because it is the source
    /// and nobody after it can know better; for [`Kind::Pcs`]. Absent: for Intel's hosts only.
    pub has_last_word: Option<bool>,
    /// Time for one question, everything included: waiting for a turn, connecting, TLS, attempts
    /// and their pauses, the body. 1 millisecond to [`LONGEST_DEADLINE`].
    pub deadline: Duration,
    /// How often it is tried within one question, 1 to [`MOST_ATTEMPTS`].
    pub attempts: u32,
    /// How many questions it is asked at a time, 1 to [`MOST_CONCURRENCY`].
    pub concurrency: usize,
    /// Through which proxy.
    pub proxy: Proxy,
    /// A file of CA certificates in PEM, among which the upstream's own may be ([`crate::tls`]). With it
    /// only these count for TLS with this upstream; without it those that the operating system trusts.
    pub ca_file: Option<PathBuf>,
    /// Allows `http:` to other machines. Documents are signed and cannot be changed on the way, but
    /// whoever listens sees the encrypted PPIDs of platforms, which name machines for life; so it
    /// has to be asked for. `http:` to this machine needs no permission.
    pub insecure_http: bool,
}

impl UpstreamSettings {
    /// An upstream with the default of everything else.
    pub fn new(name: impl Into<String>, kind: Kind) -> Self {
        Self {
            name: name.into(),
            kind,
            api_key: None,
            root_crl_url: None,
            has_last_word: None,
            deadline: DEFAULT_DEADLINE,
            attempts: DEFAULT_ATTEMPTS,
            concurrency: DEFAULT_CONCURRENCY,
            proxy: Proxy::None,
            ca_file: None,
            insecure_http: false,
        }
    }

    /// Whether everything is within its bounds that can be told without looking elsewhere.
    pub(crate) fn check(&self) -> Result<(), SettingsError> {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        let name = &self.name;
        if !(1..=LONGEST_NAME).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(SettingsError::Name { name: name.clone() });
        }
        let wrong = |setting, problem| {
            Err(SettingsError::Value {
                name: name.clone(),
                setting,
                problem,
            })
        };
        if !(Duration::from_millis(1)..=LONGEST_DEADLINE).contains(&self.deadline) {
            return wrong(
                "deadline",
                format!("must be more than nothing and at most {LONGEST_DEADLINE:?}"),
            );
        }
        if !(1..=MOST_ATTEMPTS).contains(&self.attempts) {
            return wrong("attempts", format!("must be 1 to {MOST_ATTEMPTS}"));
        }
        if !(1..=MOST_CONCURRENCY).contains(&self.concurrency) {
            return wrong("concurrency", format!("must be 1 to {MOST_CONCURRENCY}"));
        }
        Ok(())
    }
}

/// What an upstream is.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// The vendor's service, or another bulla (whose address then ends in `/pcs`).
    Pcs {
        /// Its address, with or without `/sgx/certification/v4/` behind it.
        url: String,
    },
    /// Intel's cache, or what speaks like it. It has no lists of numbers, FMSPCs or certificates,
    /// and is not asked for them; nor for single certificates, which it knows by another name (the
    /// QE's id). Intel's ignores evaluation data numbers in a request and answers with the standard
    /// set: whoever asks must look at the number in the answer.
    Pccs {
        /// Its address, with or without `/sgx/certification/v4/` behind it.
        url: String,
    },
    /// A directory of files ([layout](crate::directory)).
    Directory {
        /// Where it is.
        path: PathBuf,
    },
}

/// Through which proxy an upstream is reached.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Proxy {
    /// Through none, whatever the environment says.
    #[default]
    None,
    /// As `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and `NO_PROXY` say.
    Environment,
    /// Through the one at this address (`http:` or `https:`), which may carry a name and password.
    Address(String),
}

/// Without the address, which may carry a password.
impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Environment => "Environment",
            Self::Address(_) => "Address",
        })
    }
}

/// Why settings cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// A name that cannot stand in metrics.
    #[error(
        "an upstream cannot be named `{name}`: use 1 to {LONGEST_NAME} letters, digits and `-_.`"
    )]
    Name {
        /// The name.
        name: String,
    },
    /// Two upstreams of one name.
    #[error("two upstreams are named `{name}`: give each its own name")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// A value that cannot be used.
    #[error("upstream `{name}`: {setting} {problem}")]
    Value {
        /// Which upstream.
        name: String,
        /// Which of its settings.
        setting: &'static str,
        /// What is wrong, and what can stand there.
        problem: String,
    },
}
