//! From configuration and arguments to what the service is started with.

use std::collections::HashMap;
use std::env;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bulla_pki::{Timestamp, TrustAnchors};
use bulla_protocol::pccs::RouteRules;
use bulla_service::daemon::Settings;
use bulla_service::http::Limits;
use bulla_service::http::log::{LevelFilter, LogFormat, LogSettings};
use bulla_service::keeper::Mode;
use bulla_service::realm::Realm;
use bulla_service::refresh::Standing;
use bulla_store::Retention;
use bulla_upstream::{Kind, Mirror, UpstreamSettings};

use super::file::{FormatWord, LevelWord, LimitsSection, LogSection, ModeWord, RetentionSection};
use super::{Source, database, gate, listen, tokens, upstream};
use crate::error::{Error, Result};
use crate::{roots, time};

const DAY: u64 = 86_400;

/// What arguments say instead of the configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) listen: Vec<String>,
    pub(crate) store: Option<PathBuf>,
    pub(crate) upstream: Vec<String>,
    pub(crate) trust_root: Option<PathBuf>,
    pub(crate) simulated: bool,
    pub(crate) mode: Option<ModeWord>,
    /// Another cache to compare with, and the CAs by which its TLS is judged.
    pub(crate) shadow: Option<String>,
    pub(crate) shadow_ca_file: Option<PathBuf>,
}

/// Everything that is needed to start.
pub(crate) struct Settled {
    pub(crate) settings: Settings,
    pub(crate) log: LogSettings,
    /// Names and places of the upstreams.
    pub(crate) upstreams: Vec<String>,
}

/// Reads every file that is named, opens nothing, and asks nobody.
pub(crate) fn settle(source: &Source, overrides: &Overrides) -> Result<Settled> {
    let configuration = &source.configuration;
    let realm = realm(source, overrides)?;
    let mode = mode(overrides.mode.or(configuration.mode));
    let (upstreams, shown) = upstreams(source, overrides, &realm, mode)?;
    let (listeners, dialects) = if !overrides.listen.is_empty() {
        (listen::given(&overrides.listen)?, HashMap::new())
    } else if !configuration.listen.is_empty() {
        let listeners = listen::configured(source)?;
        let dialects = listen::dialects(source, &listeners)?;
        (listeners, dialects)
    } else {
        (listen::default(), HashMap::new())
    };
    let given = overrides.store.clone();
    let configured = configuration.store.path.as_deref();
    let store = match given.or_else(|| configured.map(|path| source.path(path))) {
        Some(path) => path,
        None => default_store()?,
    };
    let database = database::configured(source)?;
    let log = log(configuration.log, realm.is_simulated());
    let (users, administrators) = (
        tokens::configured(source, "users", &configuration.tokens.users)?,
        tokens::configured(
            source,
            "administrators",
            &configuration.tokens.administrators,
        )?,
    );
    let gate = gate::configured(source, &store)?;
    let started = time::now()?;
    let settings = Settings {
        version: env!("CARGO_PKG_VERSION"),
        realm,
        clock: Arc::new(move || clock(started)),
        store,
        database,
        upstreams,
        mode,
        listeners,
        dialects,
        limits: limits(configuration.limits),
        access_log: configuration.log.access.unwrap_or(true),
        users,
        administrators,
        standing: Standing {
            families: configuration
                .keep
                .families
                .iter()
                .map(|one| one.0)
                .collect(),
            early: configuration.keep.early,
        },
        serve_expired: configuration.serve_expired,
        retention: retention(configuration.retention),
        shadow: shadow(overrides)?,
        rules: RouteRules::default().refresh_by_get(configuration.pccs.refresh_by_get),
        gate,
    };
    Ok(Settled {
        settings,
        log,
        upstreams: shown,
    })
}

/// Another cache to compare with.
fn shadow(overrides: &Overrides) -> Result<Option<Mirror>> {
    let Some(url) = &overrides.shadow else {
        return Ok(None);
    };
    let mut settings = UpstreamSettings::new("shadow", Kind::Pccs { url: url.clone() });
    settings.ca_file.clone_from(&overrides.shadow_ca_file);
    let mirror = Mirror::new(url, &settings).map_err(|error| Error::ArgumentInvalid {
        option: "--shadow",
        reason: error.to_string(),
    })?;
    Ok(Some(mirror))
}

/// The present instant, or that of the start where the clock cannot be read any more.
fn clock(started: Timestamp) -> Timestamp {
    time::now().unwrap_or(started)
}

fn mode(word: Option<ModeWord>) -> Mode {
    match word {
        None | Some(ModeWord::Lazy) => Mode::Lazy,
        Some(ModeWord::Req) => Mode::Req,
        Some(ModeWord::Offline) => Mode::Offline,
    }
}

/// The one anchor: a root that was named, or the vendor's own.
fn realm(source: &Source, overrides: &Overrides) -> Result<Realm> {
    let trust = &source.configuration.trust;
    let (root, simulated) = match (&overrides.trust_root, &trust.root) {
        (Some(root), _) => (Some(root.clone()), overrides.simulated),
        (None, Some(root)) => (Some(source.path(root)), trust.simulated),
        (None, None) if trust.simulated => {
            return Err(source.wrong(
                "trust.simulated",
                "it says of `root` that it is simulated, and there is none; name it, or leave \
                 this out",
            ));
        }
        (None, None) => (None, false),
    };
    let realm = match root {
        None => Realm::vendor(),
        Some(root) => Realm::named(roots::load(&[root], simulated)?),
    };
    realm.ok_or_else(|| Error::Usage {
        message: format!(
            "none of {} anchors can be used; this is a fault in bulla, report it",
            TrustAnchors::vendors().iter().count()
        ),
    })
}

fn upstreams(
    source: &Source,
    overrides: &Overrides,
    realm: &Realm,
    mode: Mode,
) -> Result<(bulla_upstream::Upstreams, Vec<String>)> {
    if !overrides.upstream.is_empty() {
        let settings = upstream::given(&overrides.upstream);
        let shown = shown(&settings);
        return Ok((upstream::open_given(settings)?, shown));
    }
    if !source.configuration.upstream.is_empty() {
        let settings = upstream::configured(source)?;
        let shown = shown(&settings);
        return Ok((upstream::open_configured(source, settings)?, shown));
    }
    if mode == Mode::Offline {
        return Ok((upstream::open_given(Vec::new())?, Vec::new()));
    }
    if !realm.anchor().is_genuine() {
        return Err(Error::Usage {
            message: "a root is named and no upstream: Intel's service, the default, has nothing \
                      that is signed under it; add `--upstream URL` or `[[upstream]]`, or have \
                      nobody asked by `--mode offline`"
                .to_owned(),
        });
    }
    let settings = vec![upstream::default()];
    let shown = shown(&settings);
    Ok((upstream::open_given(settings)?, shown))
}

/// Name and place of each.
fn shown(settings: &[UpstreamSettings]) -> Vec<String> {
    let shown = settings.iter().map(|one| {
        let (kind, place) = match &one.kind {
            Kind::Pcs { url } => ("pcs", url.clone()),
            Kind::Pccs { url } => ("pccs", url.clone()),
            Kind::Directory { path } => ("directory", path.display().to_string()),
            _ => ("upstream", String::new()),
        };
        format!("{} ({kind}) {place}", one.name)
    });
    shown.collect()
}

/// Where services and programs of users keep what they remember. A store brings in no trust:
/// whatever is in it is checked against the anchor again.
fn default_store() -> Result<PathBuf> {
    let named = |name| env::var_os(name).filter(|value| !value.is_empty());
    let absolute = |path: &PathBuf| path.is_absolute();
    // systemd separates several by colons; the first is the service's own.
    let of_service = named("STATE_DIRECTORY").and_then(|all| {
        let first = all.to_str()?.split(':').next()?.to_owned();
        Some(PathBuf::from(first)).filter(absolute)
    });
    let of_user = || {
        let state = named("XDG_STATE_HOME").map(PathBuf::from).filter(absolute);
        let home = || named("HOME").map(|home| PathBuf::from(home).join(".local/state"));
        let state = state.or_else(|| home().filter(absolute))?;
        Some(state.join("bulla"))
    };
    of_service
        .or_else(of_user)
        .ok_or_else(|| Error::ArgumentInvalid {
            option: "--store",
            reason: "this user has no home to keep anything in; name a directory".to_owned(),
        })
}

fn limits(section: LimitsSection) -> Limits {
    let default = Limits::default();
    let count = |given: Option<NonZeroU32>, default| {
        given.map_or(default, |count| {
            usize::try_from(count.get()).unwrap_or(default)
        })
    };
    let seconds = |given: Option<u32>, default| {
        given.map_or(default, |seconds| Duration::from_secs(seconds.into()))
    };
    Limits {
        connections: count(section.connections, default.connections),
        connections_of_one: count(section.connections_of_one, default.connections_of_one),
        idle_time: seconds(section.idle_seconds.map(NonZeroU32::get), default.idle_time),
        stop_time: seconds(section.stop_seconds, default.stop_time),
        ..default
    }
}

fn retention(section: RetentionSection) -> Retention {
    let default = Retention::default();
    let days = |given: Option<u32>, default| {
        given.map_or(default, |days| u64::from(days).saturating_mul(DAY))
    };
    Retention {
        documents: days(section.documents_days, default.documents),
        set_aside: days(section.refused_days, default.set_aside),
        set_aside_count: section.refused_count.unwrap_or(default.set_aside_count),
        set_aside_bytes: section.refused_bytes.unwrap_or(default.set_aside_bytes),
    }
}

fn log(section: LogSection, simulated: bool) -> LogSettings {
    LogSettings {
        format: match section.format {
            None | Some(FormatWord::Text) => LogFormat::Text,
            Some(FormatWord::Json) => LogFormat::Json,
        },
        level: match section.level {
            Some(LevelWord::Error) => LevelFilter::ERROR,
            Some(LevelWord::Warn) => LevelFilter::WARN,
            None | Some(LevelWord::Info) => LevelFilter::INFO,
            Some(LevelWord::Debug) => LevelFilter::DEBUG,
        },
        simulated,
    }
}
