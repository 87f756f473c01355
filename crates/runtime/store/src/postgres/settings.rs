//! Which database, and how it is reached.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bulla_protocol::percent;
use rustls::ClientConfig;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, TargetSessionAttrs};

use super::tls;

/// How long an attempt to reach one address may take.
const CONNECT: Duration = Duration::from_secs(4);

/// After how long without a sign of life the operating system gives a connection up.
const SILENCE: Duration = Duration::from_secs(8);

/// Which database, and how it is reached.
#[derive(Debug)]
pub struct Settings {
    config: Config,
    name: String,
    /// Absent for plain text.
    tls: Option<Arc<ClientConfig>>,
    /// Absent where the node has no certificate.
    key: Option<PathBuf>,
}

/// The files that an address names for TLS.
#[derive(Debug, Default)]
pub(super) struct Files {
    /// The CAs by which the server is judged; absent for those of the operating system.
    pub(super) roots: Option<PathBuf>,
    /// The node's own certificate.
    pub(super) certificate: Option<PathBuf>,
    /// Its private key.
    pub(super) key: Option<PathBuf>,
}

/// Why an address of a database is none that can be used. The address is not repeated.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// It is no address of a database.
    #[error("this is no address of a database: {0}")]
    Address(String),
    /// It has a password in it.
    #[error(
        "the address has a password in it, which would be told in too many places: put it into a file"
    )]
    Password,
    /// It leaves open whether the connection is secure.
    #[error(
        "`sslmode={0}` leaves open whether the connection is secure: use `verify-full`, or `disable` \
         for plain text"
    )]
    Mode(String),
    /// The certificates that it names cannot be used.
    #[error("{file} has no certificates that can be used: {reason}")]
    Roots {
        /// The file.
        file: String,
        /// What is wrong.
        reason: String,
    },
    /// The node's own certificate cannot be used.
    #[error("the certificate {certificate} and the key {key} cannot be used: {reason}")]
    Certificate {
        /// The file with the certificate.
        certificate: String,
        /// The file with its key.
        key: String,
        /// What is wrong.
        reason: String,
    },
    /// There is a certificate without its key, or the other way round.
    #[error("`sslcert` and `sslkey` belong together: name both, or none")]
    Half,
    /// The roots of the operating system cannot be used.
    #[error("the operating system's certificates cannot be used: {0}")]
    SystemRoots(String),
}

impl Settings {
    /// Reads an address as PostgreSQL has them,
    /// `postgresql://user@host:port/database?sslmode=verify-full`. Several hosts are tried in turn
    /// until one takes changes.
    ///
    /// A server is reached by TLS, and must prove its name: by the certificates in the file that
    /// `sslrootcert` names, relative to `directory`, or by those that the operating system trusts.
    /// So it is for `require` and `verify-ca` too, which ask for less. Where the server wants to know
    /// who comes, `sslcert` and `sslkey` name a certificate and its key, all in PEM. Plain text is for
    /// sockets of this machine, and for whoever says `sslmode=disable`.
    pub fn parse(
        address: &str,
        password: Option<&str>,
        directory: &Path,
    ) -> Result<Self, SettingsError> {
        if !["postgresql://", "postgres://"]
            .iter()
            .any(|scheme| address.starts_with(scheme))
        {
            return Err(SettingsError::Address(
                "it does not begin with `postgresql://`".to_owned(),
            ));
        }
        let (place, options) = address.split_once('?').unwrap_or((address, ""));
        let mut mode = None;
        let mut files = Files::default();
        let mut rest = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => files.roots = Some(file(value, directory)?),
                Some(("sslcert", value)) => files.certificate = Some(file(value, directory)?),
                Some(("sslkey", value)) => files.key = Some(file(value, directory)?),
                _ => rest.push(option),
            }
        }
        let mut config: Config = format!("{place}?{}", rest.join("&"))
            .parse()
            .map_err(|error: tokio_postgres::Error| SettingsError::Address(in_words(&error)))?;
        if config.get_password().is_some() {
            return Err(SettingsError::Password);
        }
        if config.get_hosts().is_empty() {
            return Err(SettingsError::Address("it names no host".to_owned()));
        }
        if config.get_channel_binding() == ChannelBinding::Require {
            return Err(SettingsError::Address(
                "`channel_binding=require` cannot be had: a server is judged by its certificate; \
                 leave it out"
                    .to_owned(),
            ));
        }
        let is_socket = |host: &Host| matches!(host, Host::Unix(_));
        if !config.get_hostaddrs().is_empty() && config.get_hosts().iter().any(is_socket) {
            return Err(SettingsError::Address(
                "`hostaddr` leads past the socket that it names; leave one of them out".to_owned(),
            ));
        }
        let is_local = config.get_hosts().iter().all(is_socket);
        let is_plain = match mode {
            None => is_local,
            Some("disable") => true,
            Some("require" | "verify-ca" | "verify-full") => false,
            Some(other) => return Err(SettingsError::Mode(other.to_owned())),
        };
        let tls = match is_plain {
            true => None,
            false => Some(Arc::new(tls::client(&files)?)),
        };
        if let Some(password) = password {
            config.password(password);
        }
        if config.get_application_name().is_none() {
            config.application_name("bulla");
        }
        config
            .ssl_mode(match is_plain {
                true => SslMode::Disable,
                false => SslMode::Require,
            })
            .channel_binding(ChannelBinding::Prefer)
            .target_session_attrs(TargetSessionAttrs::ReadWrite)
            .connect_timeout(CONNECT)
            .tcp_user_timeout(SILENCE)
            .keepalives_idle(SILENCE);
        let name = name(&config);
        Ok(Self {
            config,
            name,
            tls,
            key: files.key,
        })
    }

    /// The database and its servers, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether everything between here and the database can be read on the way.
    pub fn is_plain_text(&self) -> bool {
        self.tls.is_none()
    }

    /// The file with the private key of the node's own certificate, which is for its owner alone;
    /// absent where it has none.
    pub fn key(&self) -> Option<&Path> {
        self.key.as_deref()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }
}

/// A file as an address names it.
fn file(value: &str, directory: &Path) -> Result<PathBuf, SettingsError> {
    let name = percent::decode(value);
    let name = name.map_err(|error| SettingsError::Address(error.to_string()))?;
    Ok(directory.join(name))
}

fn name(config: &Config) -> String {
    let ports = config.get_ports();
    let hosts: Vec<String> = config
        .get_hosts()
        .iter()
        .enumerate()
        .map(|(place, host)| {
            let port = ports.get(place).or_else(|| ports.first()).unwrap_or(&5432);
            match host {
                Host::Tcp(name) if name.contains(':') => format!("[{name}]:{port}"),
                Host::Tcp(name) => format!("{name}:{port}"),
                Host::Unix(directory) => directory.display().to_string(),
            }
        })
        .collect();
    let user = config.get_user().unwrap_or_default();
    let database = config.get_dbname().unwrap_or(user);
    format!("database {database} at {}", hosts.join(", "))
}

fn in_words(error: &tokio_postgres::Error) -> String {
    use std::error::Error as _;
    error
        .source()
        .map_or_else(|| error.to_string(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(address: &str) -> Result<Settings, SettingsError> {
        Settings::parse(address, None, Path::new("/nowhere"))
    }

    #[test]
    fn what_is_not_said_is_secure_but_for_sockets_of_this_machine() {
        let is_plain = |address: &str| parse(address).unwrap().is_plain_text();
        assert!(!is_plain("postgresql://bulla@db.example/bulla"));
        assert!(!is_plain(
            "postgres://bulla@db.example/bulla?sslmode=require"
        ));
        assert!(!is_plain("postgresql://bulla@127.0.0.1/bulla"));
        assert!(is_plain(
            "postgresql://bulla@db.example/bulla?sslmode=disable"
        ));
        assert!(is_plain("postgresql://bulla@%2Frun%2Fpostgresql/bulla"));
        assert!(!is_plain("postgresql://bulla@a.example,%2Frun/bulla"));
    }

    #[test]
    fn what_could_turn_plain_in_silence_is_refused() {
        for mode in ["prefer", "allow", "", "verify_full"] {
            let address = format!("postgresql://bulla@db.example/bulla?sslmode={mode}");
            let refused = parse(&address).unwrap_err();
            assert!(
                matches!(refused, SettingsError::Mode(_)),
                "{mode}: {refused}"
            );
        }
    }

    #[test]
    fn what_is_asked_for_and_cannot_be_had_is_refused() {
        for (address, word) in [
            (
                "postgresql://bulla@%2Frun/bulla?hostaddr=192.0.2.1",
                "hostaddr",
            ),
            (
                "postgresql://bulla@db.example,%2Frun/bulla?hostaddr=192.0.2.1,192.0.2.2",
                "hostaddr",
            ),
            (
                "postgresql://bulla@db.example/bulla?channel_binding=require",
                "channel_binding",
            ),
        ] {
            let refused = parse(address).unwrap_err().to_string();
            assert!(refused.contains(word), "{address}: {refused}");
        }
    }

    #[test]
    fn an_error_does_not_repeat_a_password() {
        for address in [
            "postgresql://bulla:geheim@db.example/bulla",
            "postgresql://bulla@db.example/bulla?password=geheim",
            "postgresql://bulla:geheim@db.example:x/bulla",
            "mysql://bulla:geheim@db.example/bulla",
        ] {
            let refused = parse(address).unwrap_err();
            let told = format!("{refused} {refused:?}");
            assert!(!told.contains("geheim"), "{told}");
        }
        let address = "postgresql://bulla@db.example/bulla";
        let settings = Settings::parse(address, Some("geheim"), Path::new("/")).unwrap();
        assert!(!format!("{settings:?}").contains("geheim"));
    }

    #[test]
    fn a_database_has_a_name_for_people() {
        let name = |address: &str| parse(address).unwrap().name().to_owned();
        assert_eq!(
            name("postgresql://bulla@a.example:5433,b.example:5434/things"),
            "database things at a.example:5433, b.example:5434"
        );
        assert_eq!(
            name("postgresql://bulla@a.example"),
            "database bulla at a.example:5432"
        );
    }

    #[test]
    fn roots_that_are_not_there_are_named() {
        let address = "postgresql://bulla@db.example/bulla?sslrootcert=ca.pem";
        let refused = parse(address).unwrap_err().to_string();
        assert!(refused.contains("/nowhere/ca.pem"), "{refused}");
        let refused = parse(&address.replace("ca.pem", "the%20ca.pem"));
        let refused = refused.unwrap_err().to_string();
        assert!(refused.contains("/nowhere/the ca.pem"), "{refused}");
    }

    #[test]
    fn a_certificate_and_its_key_belong_together() {
        for option in ["sslcert", "sslkey"] {
            let address = format!("postgresql://bulla@db.example/bulla?{option}=one.pem");
            let refused = parse(&address);
            assert!(matches!(refused, Err(SettingsError::Half)), "{refused:?}");
        }
    }
}
