//! The database that several nodes share.

use bulla_service::daemon::Database;

use super::Source;
use crate::error::Result;

/// What the configuration says, with the password from its file. Nobody is asked yet.
#[cfg(feature = "postgres")]
pub(crate) fn configured(source: &Source) -> Result<Database> {
    use std::path::Path;

    use bulla_store::postgres::{Settings, SettingsError};

    use super::secret;

    let section = &source.configuration.store;
    let Some(address) = &section.postgres else {
        return match section.password_file {
            None => Ok(Database::File),
            Some(_) => Err(source.wrong(
                "store.password_file",
                "it is the password of a database, and there is no `postgres`; name that, or leave \
                 this out",
            )),
        };
    };
    if source.configuration.gate.enabled && source.configuration.gate.key_file.is_none() {
        return Err(source.wrong(
            "store.postgres",
            "the gate is enabled without `gate.key_file`: all nodes with one store need the same key; \
             make one with `(umask 077; openssl rand -hex 32 > gate-key)`, put it on each node, and \
             name it",
        ));
    }
    let password = match &section.password_file {
        None => None,
        Some(file) => Some(secret::read_line(
            "password of a database",
            &source.path(file),
        )?),
    };
    let directory = source.path(Path::new(""));
    let settings = Settings::parse(address, password.as_deref(), &directory);
    let settings = settings.map_err(|error| {
        let remedy = match error {
            SettingsError::Password => ", and name that by `password_file`",
            _ => "",
        };
        source.wrong("store.postgres", format!("{error}{remedy}"))
    })?;
    if let Some(key) = settings.key() {
        secret::check("key for a database", key)?;
    }
    Ok(Database::Postgres(Box::new(settings)))
}

/// This program has no PostgreSQL in it.
#[cfg(not(feature = "postgres"))]
pub(crate) fn configured(source: &Source) -> Result<Database> {
    let section = &source.configuration.store;
    match section.postgres.is_some() || section.password_file.is_some() {
        false => Ok(Database::File),
        true => Err(source.wrong(
            "store.postgres",
            "this program was built without PostgreSQL; use one that was built with the feature \
             `postgres`, or leave this out",
        )),
    }
}
