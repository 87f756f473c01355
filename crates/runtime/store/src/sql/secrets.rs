//! Secrets.

use super::column::{sealed, timestamp};
use super::connection::{Connection, Row};
use super::fault::{Fault, Outcome};
use super::{audit, governance};
use crate::audit::Event;
use crate::encoding::Encoding;
use crate::secrets::{Claim, Limits, NewSecret, NotReleased, Release, Released, Secret};
use crate::{Result, Secrets, Store};

impl Secrets for Store {
    fn put_secret(&self, new: &NewSecret, event: &Event) -> Result<bool> {
        self.write(|transaction| {
            let before = find(transaction, &new.name)?.map_or(0, |kept| kept.secret.version);
            if before.checked_add(1) != Some(new.version) {
                return Ok(false);
            }
            let kept = Kept {
                secret: Secret {
                    name: new.name.clone(),
                    version: new.version,
                    policy: new.policy.clone(),
                    limits: new.limits.clone(),
                    releases: 0,
                    at: event.at,
                    author: event.actor.clone(),
                },
                value: Some(new.value.clone()),
            };
            write(transaction, &kept)?;
            audit::record(transaction, event)?;
            Ok(true)
        })
    }

    fn secret_version(&self, name: &str) -> Result<u32> {
        self.read(|transaction| Ok(find(transaction, name)?.map_or(0, |kept| kept.secret.version)))
    }

    fn secret(&self, name: &str) -> Result<Option<Secret>> {
        self.read(|transaction| Ok(find(transaction, name)?.and_then(Kept::present)))
    }

    fn secrets(&self) -> Result<Vec<Secret>> {
        self.read(|transaction| {
            transaction.query(
                "SELECT * FROM secrets WHERE value IS NOT NULL ORDER BY name",
                &[],
                |row| Ok(read(row)?.secret),
            )
        })
    }

    fn remove_secret(&self, name: &str, event: &Event) -> Result<bool> {
        self.write(|transaction| {
            let Some(kept) = find(transaction, name)?.filter(|kept| kept.value.is_some()) else {
                return Ok(false);
            };
            let removed = Kept {
                secret: Secret {
                    at: event.at,
                    author: event.actor.clone(),
                    ..kept.secret
                },
                value: None,
            };
            write(transaction, &removed)?;
            audit::record(transaction, event)?;
            Ok(true)
        })
    }

    fn release(&self, claim: &Claim, event: &Event) -> Result<Release> {
        self.write(|transaction| release(transaction, claim, event))
    }
}

fn release(connection: &Connection<'_>, claim: &Claim, event: &Event) -> Outcome<Release> {
    let kept = find(connection, &claim.name)?;
    let Some((mut secret, value)) = kept.and_then(|kept| Some((kept.secret, kept.value?))) else {
        return Ok(Err(NotReleased::Absent));
    };
    let changed = |what: String| Ok(Err(NotReleased::Changed { what }));
    if secret.version != claim.version {
        return changed("the secret".to_owned());
    }
    for decision in &claim.in_force {
        let latest = governance::latest(connection, &decision.kind, &decision.name)?;
        let still_stands = match latest {
            Some(latest) => latest.version == decision.version && latest.body.is_some(),
            None => decision.version == 0,
        };
        if !still_stands {
            return changed(format!("{} {}", decision.kind, decision.name));
        }
    }
    if let Some(refusal) = secret.limits.refuse(secret.releases, claim) {
        return Ok(Err(refusal));
    }
    let Some(number) = secret.releases.checked_add(1) else {
        return Ok(Err(NotReleased::Exhausted { times: u64::MAX }));
    };
    secret.releases = number;
    let kept = Kept {
        secret,
        value: Some(value),
    };
    write(connection, &kept)?;
    let entry = audit::record(connection, event)?;
    Ok(Ok(Released {
        value: kept.value.unwrap_or_default(),
        number,
        entry,
    }))
}

/// A row.
struct Kept {
    secret: Secret,
    /// Absent where the secret was removed.
    value: Option<Vec<u8>>,
}

impl Kept {
    fn present(self) -> Option<Secret> {
        self.value.map(|_| self.secret)
    }

    fn platforms(&self) -> Option<Vec<u8>> {
        self.secret
            .limits
            .platforms
            .as_ref()
            .map(|all| all.concat())
    }

    fn seal(&self) -> [u8; 32] {
        let secret = &self.secret;
        let number = |number: Option<u64>| number.map(u64::to_be_bytes);
        Encoding::of("secret")
            .text(&secret.name)
            .number(secret.version.into())
            .number(secret.at.unix_seconds())
            .text(&secret.author)
            .text(&secret.policy)
            .optional(number(secret.limits.times).as_ref().map(|it| &it[..]))
            .optional(
                number(secret.limits.until.map(|until| until.unix_seconds()))
                    .as_ref()
                    .map(|it| &it[..]),
            )
            .optional(self.platforms().as_deref())
            .number(secret.releases)
            .optional(self.value.as_deref())
            .sha256()
    }
}

fn find(connection: &Connection<'_>, name: &str) -> Outcome<Option<Kept>> {
    connection.first("SELECT * FROM secrets WHERE name = ?1", &[&name], read)
}

fn write(connection: &Connection<'_>, kept: &Kept) -> Outcome<()> {
    let secret = &kept.secret;
    connection.execute(
        "INSERT INTO secrets
             (name, version, at, author, policy, times, until, platforms, releases, seal, value)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)
         ON CONFLICT (name) DO UPDATE
         SET version = ?2, at = ?3, author = ?4, policy = ?5, times = ?6, until = ?7,
             platforms = ?8, releases = ?9, seal = ?10, value = ?11",
        &[
            &secret.name,
            &secret.version,
            &secret.at.unix_seconds(),
            &secret.author,
            &secret.policy,
            &secret.limits.times,
            &secret.limits.until.map(|until| until.unix_seconds()),
            &kept.platforms(),
            &secret.releases,
            &kept.seal(),
            &kept.value,
        ],
    )?;
    Ok(())
}

fn read(row: &Row<'_>) -> Outcome<Kept> {
    let platforms: Option<Vec<u8>> = row.get("platforms")?;
    let until: Option<u64> = row.get("until")?;
    let kept = Kept {
        secret: Secret {
            name: row.get("name")?,
            version: row.get("version")?,
            policy: row.get("policy")?,
            limits: Limits {
                times: row.get("times")?,
                until: until.map(|_| timestamp(row, "until")).transpose()?,
                platforms: platforms.map(digests).transpose()?,
            },
            releases: row.get("releases")?,
            at: timestamp(row, "at")?,
            author: row.get("author")?,
        },
        value: row.get("value")?,
    };
    sealed(row, kept.seal(), "secrets")?;
    Ok(kept)
}

/// Digests that stand one behind the other.
fn digests(octets: Vec<u8>) -> Outcome<Vec<[u8; 32]>> {
    let (digests, rest) = octets.as_chunks::<32>();
    match rest.is_empty() {
        true => Ok(digests.to_vec()),
        false => Err(Fault::Damaged(
            "platforms of secrets are no digests".to_owned(),
        )),
    }
}

/// Reads everything, so that every seal is checked.
pub(super) fn check(connection: &Connection<'_>) -> Outcome<()> {
    connection.each("SELECT * FROM secrets", |row| read(row).map(drop))?;
    Ok(())
}
