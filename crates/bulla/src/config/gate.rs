//! The gate.

use std::path::{Path, PathBuf};

use bulla_protocol::gate::Audience;
use bulla_service::gate::{GateSettings, Place, check_key_file};

use super::Source;
use super::file::PlaceWord;
use crate::error::Result;

/// How long a token can be good, in seconds: shorter ones end on their way, and what a longer one
/// says may not be true any more.
const TOKEN_SECONDS: std::ops::RangeInclusive<u32> = 10..=86_400;

/// How long a nonce can be good, in seconds: quotes take a few, and used ones are remembered as
/// long.
const NONCE_SECONDS: std::ops::RangeInclusive<u32> = 5..=3_600;

/// The gate of the configuration; absent where it is not enabled. `store` is the directory of the
/// store. The file with the key is looked at, and not read.
pub(super) fn configured(source: &Source, store: &Path) -> Result<Option<GateSettings>> {
    let section = &source.configuration.gate;
    if !section.enabled {
        return Ok(None);
    }
    let default = GateSettings::new(env!("CARGO_PKG_VERSION"));
    let within =
        |field: &str, given: Option<u32>, default, range: std::ops::RangeInclusive<u32>| {
            let seconds = given.unwrap_or(default);
            match range.contains(&seconds) {
                true => Ok(seconds),
                false => Err(source.wrong(
                    field,
                    format!("{seconds} is not from {} to {}", range.start(), range.end()),
                )),
            }
        };
    let text = |field: &str, given: &Option<String>| match given {
        Some(text) if Audience::try_from(text.clone()).is_err() => Err(source.wrong(
            field,
            format!(
                "write 1 to {} visible characters of ASCII, usually an address",
                Audience::MAX_SIZE
            ),
        )),
        given => Ok(given.clone()),
    };
    Ok(Some(GateSettings {
        key_file: key_file(source, store)?,
        issuer: text("gate.issuer", &section.issuer)?,
        audience: text("gate.audience", &section.audience)?,
        token_seconds: within(
            "gate.token_seconds",
            section.token_seconds,
            default.token_seconds,
            TOKEN_SECONDS,
        )?,
        nonce_seconds: within(
            "gate.nonce_seconds",
            section.nonce_seconds,
            default.nonce_seconds,
            NONCE_SECONDS,
        )?,
        requests_per_minute: section
            .requests_per_minute
            .map_or(default.requests_per_minute, |count| count.get()),
        place: match section.place {
            Some(PlaceWord::Owner) => Place::Owner,
            Some(PlaceWord::Attested) => Place::Attested,
            None | Some(PlaceWord::Elsewhere) => Place::Elsewhere,
        },
        ..default
    }))
}

/// The file with the key, which must not lie where backups of the store do.
fn key_file(source: &Source, store: &Path) -> Result<Option<PathBuf>> {
    let field = "gate.key_file";
    let Some(path) = &source.configuration.gate.key_file else {
        return Ok(None);
    };
    let path = source.path(path);
    check_key_file(&path).map_err(|error| source.wrong(field, error.to_string()))?;
    if path.starts_with(store.join("backups")) {
        let reason = "it lies among the backups of the store, which are carried away; put it \
                      elsewhere";
        return Err(source.wrong(field, reason));
    }
    Ok(Some(path))
}
