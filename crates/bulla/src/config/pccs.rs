//! The configuration of Intel's cache (PCCS 1.27), taken over.
//!
//! Its directory has the files of `config`, of which later ones override earlier ones, and the key and
//! certificate of its TLS. Every setting is accounted for: taken over, or left with the reason. Secrets
//! are never shown.

mod files;
mod json;
mod setting;

use std::path::Path;

use bulla_protocol::pcs::SubscriptionKey;

use super::Source;
use super::file::{
    Configuration, LevelWord, ListenSection, ModeWord, TlsSection, TokenSection, UpstreamKind,
    UpstreamSection,
};
use crate::error::Result;
use files::Files;

pub(crate) use setting::{Became, Setting};

/// The certificate and the key of the cache's TLS, in its directory.
const CERTIFICATE: &str = "ssl_key/file.crt";
const KEY: &str = "ssl_key/private.pem";

/// Under which names its tokens stand in log and audit.
const TOKEN: &str = "pccs";

/// The cache's own `uri`, where its files have none.
const INTELS: &str = "https://api.trustedservices.intel.com/sgx/certification/v4/";

/// What follows the address in `uri`.
const MOUNT: &str = "/sgx/certification/";

/// A cache's configuration, and what became of each setting.
pub(crate) struct TakenOver {
    pub(crate) source: Source,
    pub(crate) settings: Vec<Setting>,
}

/// Reads the configuration of the cache in a directory.
pub(crate) fn read(directory: &Path) -> Result<TakenOver> {
    let files = Files::read(directory)?;
    let mut reader = Reader {
        settings: files.used(),
        configuration: Configuration::default(),
        files: &files,
    };
    reader.listener()?;
    reader.upstream()?;
    reader.access()?;
    reader.rest()?;
    reader.database();
    reader.unknown();
    Ok(TakenOver {
        source: Source {
            path: Some(files.first()),
            text: String::new(),
            configuration: reader.configuration,
        },
        settings: reader.settings,
    })
}

struct Reader<'a> {
    files: &'a Files,
    settings: Vec<Setting>,
    configuration: Configuration,
}

impl Reader<'_> {
    fn note(&mut self, name: &'static str, value: impl Into<String>, became: Became, why: &str) {
        self.settings.push(Setting::new(name, value, became, why));
    }

    /// The cache listens at one place, with TLS.
    fn listener(&mut self) -> Result<()> {
        let port = self.files.number("HTTPS_PORT")?.unwrap_or(8081);
        let host = self.files.text("hosts")?;
        let (host, why) = match host.as_deref() {
            None | Some("localhost") => ("127.0.0.1".to_owned(), ""),
            // Node listens so where it is given no host (net.Server.listen).
            Some("") => ("[::]".to_owned(), "empty: every address of this machine"),
            Some(v6) if v6.contains(':') => (format!("[{v6}]"), ""),
            Some(other) => (other.to_owned(), ""),
        };
        self.note("HTTPS_PORT", port.to_string(), Became::TakenOver, "");
        self.note("hosts", host.as_str(), Became::TakenOver, why);
        for file in [CERTIFICATE, KEY] {
            self.note(file, "", Became::TakenOver, "read anew when it changes");
        }
        self.configuration.listen.push(ListenSection {
            address: Some(format!("{host}:{port}")),
            tls: Some(TlsSection {
                certificate: self.files.directory().join(CERTIFICATE),
                key: self.files.directory().join(KEY),
                client_ca: None,
                client_certificates: None,
            }),
            ..ListenSection::default()
        });
        Ok(())
    }

    fn upstream(&mut self) -> Result<()> {
        let uri = self.files.text("uri")?.filter(|uri| !uri.is_empty());
        let is_set = uri.is_some();
        let uri = uri.unwrap_or_else(|| INTELS.to_owned());
        let url = match uri.split_once(MOUNT) {
            Some((url, _)) => url.to_owned(),
            None => uri.trim_end_matches('/').to_owned(),
        };
        let why = match uri.contains("/v4/") {
            true => "",
            false => "version 4 is asked, the only one that Intel still serves",
        };
        match is_set {
            true => self.note("uri", uri.as_str(), Became::TakenOver, why),
            false => self.note("uri", "", Became::Left, "not set: Intel's service is asked"),
        }
        let key = self.files.text("ApiKey")?.filter(|key| !key.is_empty());
        let api_key = match &key {
            None => None,
            Some(key) => Some(
                SubscriptionKey::new(key)
                    .map_err(|error| self.files.wrong("ApiKey", &error.to_string()))?,
            ),
        };
        match (&key, self.files.are_open()) {
            (None, _) => self.note("ApiKey", "not set", Became::Left, "no key is sent"),
            (Some(_), false) => self.note("ApiKey", "set", Became::TakenOver, ""),
            (Some(_), true) => {
                let why = "everybody on this machine can read the file that it stands in";
                self.note("ApiKey", "set", Became::TakenOver, why);
            }
        }
        let proxy = self.files.text("proxy")?.filter(|proxy| !proxy.is_empty());
        match &proxy {
            None => self.note("proxy", "not set", Became::Left, "no proxy is used"),
            Some(proxy) if proxy.contains('@') => {
                let reason = "the address carries a password, which is taken from a file of its own \
                              alone; write a configuration of bulla with `upstream.proxy_file`";
                return Err(self.files.wrong("proxy", reason));
            }
            Some(proxy) => self.note("proxy", proxy.as_str(), Became::TakenOver, ""),
        }
        self.configuration.upstream.push(UpstreamSection {
            name: "pccs-uri".to_owned(),
            kind: Some(UpstreamKind::Pcs),
            url: Some(url),
            api_key,
            proxy,
            ..UpstreamSection::default()
        });
        Ok(())
    }

    fn access(&mut self) -> Result<()> {
        for (name, whose) in [
            ("UserTokenHash", "user"),
            ("AdminTokenHash", "administrator"),
        ] {
            let hash = self.files.text(name)?.filter(|hash| !hash.is_empty());
            let Some(sha512) = hash else {
                let why = match whose {
                    "user" => "nobody can register platforms, as with the cache",
                    _ => "one is made for this machine, beside the store",
                };
                self.note(name, "not set", Became::Left, why);
                continue;
            };
            let is_hash = sha512.len() == 128 && sha512.bytes().all(|b| b.is_ascii_hexdigit());
            if !is_hash {
                let reason = "a hash is 128 hexadecimal digits of SHA-512";
                return Err(self.files.wrong(name, reason));
            }
            self.note(name, "set", Became::TakenOver, "");
            let token = TokenSection {
                name: TOKEN.to_owned(),
                sha512: sha512.to_ascii_lowercase(),
            };
            match whose {
                "user" => self.configuration.tokens.users.push(token),
                _ => self.configuration.tokens.administrators.push(token),
            }
        }
        Ok(())
    }

    fn rest(&mut self) -> Result<()> {
        let word = self.files.text("CachingFillMode")?.unwrap_or_default();
        let mode = match word.as_str() {
            "" | "LAZY" => ModeWord::Lazy,
            "REQ" => ModeWord::Req,
            "OFFLINE" => ModeWord::Offline,
            _ => {
                return Err(self
                    .files
                    .wrong("CachingFillMode", "it is LAZY, REQ or OFFLINE"));
            }
        };
        self.configuration.mode = Some(mode);
        self.note("CachingFillMode", word, Became::TakenOver, "");
        let level = self.files.text("LogLevel")?.unwrap_or_default();
        let (known, why) = match level.as_str() {
            "error" => (LevelWord::Error, ""),
            "warn" => (LevelWord::Warn, ""),
            "debug" | "silly" | "verbose" => (LevelWord::Debug, ""),
            "info" | "http" | "" => (LevelWord::Info, ""),
            _ => (LevelWord::Info, "not known: info"),
        };
        self.configuration.log.level = Some(known);
        self.note("LogLevel", level, Became::TakenOver, why);
        if let Some(seconds) = self.files.number("KeepAliveTimeoutSeconds")? {
            let seconds = std::num::NonZeroU32::new(seconds);
            self.configuration.limits.idle_seconds = seconds;
            let shown = seconds.map_or(0, std::num::NonZeroU32::get).to_string();
            self.note("KeepAliveTimeoutSeconds", shown, Became::TakenOver, "");
        }
        // Tools of the cache refresh by it; it takes the administrator's token there and here.
        self.configuration.pccs.refresh_by_get = true;
        for (name, why) in [
            (
                "RefreshSchedule",
                "each document is asked for anew by its own age",
            ),
            (
                "MaxRequestBodySize",
                "32 MiB of collateral are taken, 128 KiB of a platform",
            ),
            ("HeadersTimeoutSeconds", "bulla has limits of its own"),
            ("RequestTimeoutSeconds", "bulla has limits of its own"),
            ("OPENSSL_FIPS_MODE", "there is no OpenSSL here"),
            ("mysql", "its data cannot be taken from MySQL"),
            ("init_db", "the store makes itself"),
        ] {
            if let Some(value) = self.files.shown(name) {
                self.note(name, value, Became::Left, why);
            }
        }
        Ok(())
    }

    /// Where the data are; they come in by a command of their own, which verifies them.
    fn database(&mut self) {
        let kind = self.files.shown("DB_CONFIG").unwrap_or_default();
        let path = self.files.database();
        let why = match &path {
            Some(path) => format!(
                "its data come in by `bulla pccs import --database {}`",
                path.display()
            ),
            None => "its data cannot be taken over from there".to_owned(),
        };
        self.note("DB_CONFIG", kind, Became::Left, &why);
    }

    /// What nobody has asked for above.
    fn unknown(&mut self) {
        let known: Vec<&str> = self.settings.iter().map(Setting::name).collect();
        let unknown = self
            .files
            .names()
            .filter(|name| !known.contains(name) && !["sqlite", "DB_CONFIG"].contains(name));
        let unknown: Vec<Setting> = unknown
            .map(|name| Setting::new(name, "", Became::Left, "not known"))
            .collect();
        self.settings.extend(unknown);
    }
}
