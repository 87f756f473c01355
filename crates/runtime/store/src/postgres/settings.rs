//! Which database, and how it is reached.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres::Config;
use tokio_postgres::config::{ChannelBinding, Host, SslMode, TargetSessionAttrs};

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
    /// So it is for `require` and `verify-ca` too, which ask for less. Plain text is for sockets of
    /// this machine, and for whoever says `sslmode=disable`.
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
        let mut roots = None;
        let mut rest = Vec::new();
        for option in options.split('&').filter(|option| !option.is_empty()) {
            match option.split_once('=') {
                Some(("sslmode", value)) => mode = Some(value),
                Some(("sslrootcert", value)) => roots = Some(value),
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
        let is_local = config
            .get_hosts()
            .iter()
            .all(|host| matches!(host, Host::Unix(_)));
        let is_plain = match mode {
            None => is_local,
            Some("disable") => true,
            Some("require" | "verify-ca" | "verify-full") => false,
            Some(other) => return Err(SettingsError::Mode(other.to_owned())),
        };
        let tls = match is_plain {
            true => None,
            false => Some(Arc::new(client(roots.map(|roots| directory.join(roots)))?)),
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
        Ok(Self { config, name, tls })
    }

    /// The database and its servers, for people.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether everything between here and the database can be read on the way.
    pub fn is_plain_text(&self) -> bool {
        self.tls.is_none()
    }

    pub(super) fn config(&self) -> &Config {
        &self.config
    }

    pub(super) fn tls(&self) -> Option<&Arc<ClientConfig>> {
        self.tls.as_ref()
    }
}

fn client(roots: Option<std::path::PathBuf>) -> Result<ClientConfig, SettingsError> {
    let system = |error: rustls::Error| SettingsError::SystemRoots(error.to_string());
    let builder = ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(system)?;
    let builder = match roots {
        None => builder.with_platform_verifier().map_err(system)?,
        Some(file) => {
            let unfit = |reason: String| SettingsError::Roots {
                file: file.display().to_string(),
                reason,
            };
            let mut store = RootCertStore::empty();
            let certificates =
                CertificateDer::pem_file_iter(&file).map_err(|error| unfit(error.to_string()))?;
            for certificate in certificates {
                let certificate = certificate.map_err(|error| unfit(error.to_string()))?;
                store
                    .add(certificate)
                    .map_err(|error| unfit(error.to_string()))?;
            }
            if store.is_empty() {
                return Err(unfit("it has none in PEM".to_owned()));
            }
            builder.with_root_certificates(store)
        }
    };
    let mut client = builder.with_no_client_auth();
    client.alpn_protocols = vec![b"postgresql".to_vec()];
    Ok(client)
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
    }
}
