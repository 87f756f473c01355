//! Whom to ask.

use std::time::Duration;

use bulla_protocol::pcs::SubscriptionKey;
use bulla_upstream::{Kind, Proxy, SettingsError, UpstreamSettings, Upstreams};

use super::file::{UpstreamKind, UpstreamSection};
use super::{Source, secret};
use crate::error::{Error, Result};

/// Intel's service.
const INTEL: &str = "https://api.trustedservices.intel.com";

/// Intel's service alone.
pub(super) fn default() -> UpstreamSettings {
    let url = INTEL.to_owned();
    UpstreamSettings::new("intel", Kind::Pcs { url })
}

/// Those of `--upstream`: an address, or a kind, `=` and a place.
pub(super) fn given(places: &[String]) -> Vec<UpstreamSettings> {
    let kinds = (1..).zip(places).map(|(number, text)| {
        let kind = match text.split_once('=') {
            Some(("pccs", url)) => Kind::Pccs { url: url.into() },
            Some(("directory", path)) => Kind::Directory { path: path.into() },
            Some(("pcs", url)) => Kind::Pcs { url: url.into() },
            _ => Kind::Pcs { url: text.clone() },
        };
        UpstreamSettings::new(format!("upstream-{number}"), kind)
    });
    kinds.collect()
}

/// The list for settings that came from arguments.
pub(super) fn open_given(settings: Vec<UpstreamSettings>) -> Result<Upstreams> {
    Upstreams::new(settings).map_err(|error| Error::ArgumentInvalid {
        option: "--upstream",
        reason: error.to_string(),
    })
}

/// The list for settings that came from the configuration.
pub(super) fn open_configured(
    source: &Source,
    settings: Vec<UpstreamSettings>,
) -> Result<Upstreams> {
    Upstreams::new(settings).map_err(|error| {
        let sections = &source.configuration.upstream;
        let index = |wanted: &str| sections.iter().rposition(|one| one.name == wanted);
        let (index, setting) = match &error {
            SettingsError::Name { name } | SettingsError::NameTwice { name } => {
                (index(name), "name")
            }
            SettingsError::Value { name, setting, .. } => (index(name), *setting),
            _ => (None, ""),
        };
        let field = match index {
            Some(index) => format!("upstream[{index}].{setting}"),
            None => "upstream".to_owned(),
        };
        source.wrong(&field, error.to_string())
    })
}

/// Those of the configuration.
pub(super) fn configured(source: &Source) -> Result<Vec<UpstreamSettings>> {
    let sections = source.configuration.upstream.iter();
    sections
        .enumerate()
        .map(|(index, section)| upstream(source, &format!("upstream[{index}]"), section))
        .collect()
}

fn upstream(source: &Source, field: &str, section: &UpstreamSection) -> Result<UpstreamSettings> {
    let mut settings = UpstreamSettings::new(section.name.clone(), kind(source, field, section)?);
    settings.api_key.clone_from(&section.api_key);
    if let Some(file) = &section.api_key_file {
        let key = secret::read_line("key of a subscription", &source.path(file))?;
        let key = SubscriptionKey::new(&key).map_err(|error| {
            source.wrong(
                &format!("{field}.api_key_file"),
                format!("what stands in that file cannot stand in a header: {error}"),
            )
        })?;
        settings.api_key = Some(key);
    }
    if let Some(seconds) = section.deadline {
        settings.deadline = Duration::try_from_secs_f64(seconds).map_err(|_| {
            let reason = format!("{seconds} is no time; write seconds, for example 10");
            source.wrong(&format!("{field}.deadline"), reason)
        })?;
    }
    settings.root_crl_url.clone_from(&section.root_crl_url);
    settings.has_last_word = section.has_last_word;
    settings.attempts = section.attempts.unwrap_or(settings.attempts);
    settings.concurrency = section.concurrency.unwrap_or(settings.concurrency);
    settings.proxy = proxy(source, field, section)?;
    settings.ca_file = section.ca_file.as_deref().map(|path| source.path(path));
    settings.insecure_http = section.insecure_http;
    Ok(settings)
}

fn kind(source: &Source, field: &str, section: &UpstreamSection) -> Result<Kind> {
    let kind = section.kind.unwrap_or(UpstreamKind::Pcs);
    match (kind, &section.url, &section.path) {
        (UpstreamKind::Pcs, Some(url), None) => Ok(Kind::Pcs { url: url.clone() }),
        (UpstreamKind::Pccs, Some(url), None) => Ok(Kind::Pccs { url: url.clone() }),
        (UpstreamKind::Directory, None, Some(path)) => Ok(Kind::Directory {
            path: source.path(path),
        }),
        (UpstreamKind::Directory, ..) => {
            Err(source.wrong(field, "a directory has a `path`, and no `url`"))
        }
        _ => Err(source.wrong(field, "a service has a `url`, and no `path`")),
    }
}

fn proxy(source: &Source, field: &str, section: &UpstreamSection) -> Result<Proxy> {
    match (section.proxy.as_deref(), &section.proxy_file) {
        (None | Some("none"), None) => Ok(Proxy::None),
        (Some("environment"), None) => Ok(Proxy::Environment),
        (Some(address), None) if address.contains('@') => Err(source.wrong(
            &format!("{field}.proxy"),
            "the address carries a password, which must not stand here; write the address into a \
             file of its own, and name that by `proxy_file`",
        )),
        (Some(address), None) => Ok(Proxy::Address(address.to_owned())),
        (None, Some(file)) => {
            secret::read_line("address of a proxy", &source.path(file)).map(Proxy::Address)
        }
        (Some(_), Some(_)) => Err(source.wrong(
            &format!("{field}.proxy"),
            "there is `proxy_file` too; leave one of them out",
        )),
    }
}
