//! Where to listen.

use std::collections::HashMap;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::sync::Arc;

use bulla_service::dialects::Dialect;
use bulla_service::http::{Clients, Listener, Place, Reach, Speech, Tls, TlsSettings};

use super::file::{ClientCertificates, DialectWord, ListenSection, TlsSection};
use super::{Source, secret};
use crate::error::{Error, Result};

/// The port of Intel's cache, which its clients expect.
const PORT: u16 = 8081;

/// Permissions of a Unix socket unless set: for its owner and the group.
const UNIX_MODE: u32 = 0o660;

/// The loopback addresses that this machine has.
pub(super) fn default() -> Vec<Listener> {
    let v4 = plain((Ipv4Addr::LOCALHOST, PORT).into());
    // Where there is no IPv6, its loopback address cannot be listened on, whatever the port.
    let has_v6 = TcpListener::bind((Ipv6Addr::LOCALHOST, 0)).is_ok();
    let v6 = has_v6.then(|| plain((Ipv6Addr::LOCALHOST, PORT).into()));
    [v4].into_iter().chain(v6).collect()
}

/// Those of `--listen`.
pub(super) fn given(addresses: &[String]) -> Result<Vec<Listener>> {
    addresses
        .iter()
        .map(|text| {
            let address: SocketAddr = text.parse().map_err(|_| Error::ArgumentInvalid {
                option: "--listen",
                reason: format!("`{text}` is no address; write for example 127.0.0.1:8081"),
            })?;
            if !address.ip().is_loopback() {
                return Err(Error::ArgumentInvalid {
                    option: "--listen",
                    reason: format!(
                        "{address} is no loopback address; set it up in a configuration, with \
                         `tls`, or with `plain_text = true`"
                    ),
                });
            }
            Ok(plain(address))
        })
        .collect()
}

fn plain(address: SocketAddr) -> Listener {
    Listener {
        name: address.to_string().into(),
        place: Place::Tcp(address),
        speech: Speech::Plain(Reach::ThisMachine),
    }
}

/// The listeners of the configuration that have one dialect alone, by name.
pub(super) fn dialects(
    source: &Source,
    listeners: &[Listener],
) -> Result<HashMap<Arc<str>, Dialect>> {
    let sections = source.configuration.listen.iter().zip(listeners);
    let mut dialects = HashMap::new();
    for (index, (section, listener)) in sections.enumerate() {
        let Some(word) = section.dialect else {
            continue;
        };
        let names = listeners.iter().map(|other| &other.name);
        if names.filter(|name| **name == listener.name).count() > 1 {
            let reason = "another listener has the same name, and must have one of its own";
            return Err(source.wrong(&format!("listen[{index}].name"), reason));
        }
        let dialect = match word {
            DialectWord::Pccs => Dialect::Pccs,
            DialectWord::Pcs => Dialect::Pcs,
            DialectWord::Thim => Dialect::Thim,
        };
        dialects.insert(listener.name.clone(), dialect);
    }
    Ok(dialects)
}

/// Those of the configuration.
pub(super) fn configured(source: &Source) -> Result<Vec<Listener>> {
    let sections = source.configuration.listen.iter();
    sections
        .enumerate()
        .map(|(index, section)| listener(source, &format!("listen[{index}]"), section))
        .collect()
}

fn listener(source: &Source, field: &str, section: &ListenSection) -> Result<Listener> {
    let place = place(source, field, section)?;
    let speech = match &section.tls {
        Some(_) if section.plain_text => {
            return Err(source.wrong(
                &format!("{field}.plain_text"),
                "there is `tls` too; leave one of them out",
            ));
        }
        Some(tls) => Speech::Tls(load(source, &format!("{field}.tls"), tls)?),
        None if section.plain_text => Speech::Plain(Reach::Anybody),
        None => Speech::Plain(Reach::ThisMachine),
    };
    match (&place, &speech) {
        (Place::Tcp(address), Speech::Plain(Reach::ThisMachine)) if !address.ip().is_loopback() => {
            return Err(source.wrong(
                &format!("{field}.address"),
                format!(
                    "{address} is no loopback address, and others could read and change what goes \
                     there in plain text; add `tls`, or `plain_text = true` if that is meant"
                ),
            ));
        }
        (Place::Unix { .. }, Speech::Tls(_)) => {
            return Err(source.wrong(
                &format!("{field}.tls"),
                "a Unix socket needs no TLS; its `permissions` say who may use it",
            ));
        }
        _ => {}
    }
    let name = section.name.clone().unwrap_or_else(|| place.to_string());
    Ok(Listener {
        name: name.into(),
        place,
        speech,
    })
}

fn place(source: &Source, field: &str, section: &ListenSection) -> Result<Place> {
    let place = match (&section.address, &section.unix, section.systemd) {
        (Some(text), None, None) => Place::Tcp(text.parse().map_err(|_| {
            source.wrong(
                &format!("{field}.address"),
                format!("`{text}` is no address; write for example \"127.0.0.1:8081\""),
            )
        })?),
        (None, Some(path), None) => Place::Unix {
            path: source.path(path),
            mode: match &section.permissions {
                None => UNIX_MODE,
                Some(digits) => permissions(digits).ok_or_else(|| {
                    source.wrong(
                        &format!("{field}.permissions"),
                        format!("`{digits}` are no permissions; write for example \"660\""),
                    )
                })?,
            },
        },
        (None, None, Some(number)) => Place::Passed(number),
        _ => {
            let reason = "give one of `address`, `unix` and `systemd`";
            return Err(source.wrong(field, reason));
        }
    };
    if section.permissions.is_some() && !matches!(place, Place::Unix { .. }) {
        let reason = "only a socket that is given by `unix` has permissions; leave them out";
        return Err(source.wrong(&format!("{field}.permissions"), reason));
    }
    Ok(place)
}

fn permissions(digits: &str) -> Option<u32> {
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o777 && digits.len() <= 4)
}

fn load(source: &Source, field: &str, section: &TlsSection) -> Result<Arc<Tls>> {
    let key = source.path(&section.key);
    secret::check("key of TLS", &key)?;
    let clients = match (&section.client_ca, section.client_certificates) {
        (None, None) => Clients::Anonymous,
        (None, Some(_)) => {
            let reason = "clients' certificates are judged by their CAs; add `client_ca`";
            return Err(source.wrong(&format!("{field}.client_certificates"), reason));
        }
        (Some(file), Some(ClientCertificates::Optional)) => Clients::Known(source.path(file)),
        (Some(file), _) => Clients::Required(source.path(file)),
    };
    let settings = TlsSettings {
        certificate: source.path(&section.certificate),
        key,
        clients,
    };
    Tls::load(settings).map_err(|error| source.wrong(field, error.to_string()))
}
