//! What is taken over, in parts that a service takes one at a time: documents first, as the
//! certificates of platforms are looked up in them.

use std::path::Path;

use bulla_protocol::pccs::{PlatformCollateral, Version};
use bulla_store::pccs_database::{LeftOut, PccsDatabase, Policy};

use crate::error::{Error, Result};
use crate::input;

/// How many platforms go at once: with a certificate for each of a dozen TCBs they have 3 MB, of the
/// 32 that a service takes.
const PLATFORMS: usize = 100;

/// Among how many the next are chosen by their names. Names are random, and those of a batch lie all over
/// the index of whoever keeps them; in their order they lie side by side.
const NAMES: usize = 20_000;

/// Largest file, in bytes: what Intel's client fetches for 10,000 platforms.
const MAX_FILE_SIZE: usize = 512 * 1024 * 1024;

/// One part.
pub(super) struct Batch {
    pub(super) version: Version,
    pub(super) collateral: PlatformCollateral,
    /// How many platforms it ends behind.
    pub(super) platforms: usize,
}

/// Where everything comes from.
pub(super) enum Origin {
    Database(Box<FromDatabase>),
    File(Vec<Batch>),
}

pub(super) struct FromDatabase {
    database: PccsDatabase,
    /// What comes before the platforms.
    first: Vec<Batch>,
    chains: PlatformCollateral,
    policies: Vec<Policy>,
    left_out: Vec<LeftOut>,
}

impl Origin {
    /// Opens a database.
    pub(super) fn database(path: &Path) -> Result<Self> {
        // That it is not there is said in the words of every command.
        drop(input::Source::open("database of Intel's cache", path)?);
        let database = PccsDatabase::open(path)?;
        let documents = database.documents()?;
        let chains = PlatformCollateral {
            processor_chain: documents.version_4.processor_chain.clone(),
            platform_chain: documents.version_4.platform_chain.clone(),
            ..PlatformCollateral::default()
        };
        let mut first = vec![Batch::of(Version::V4, documents.version_4)];
        if !documents.version_3.tcb_infos.is_empty() {
            first.push(Batch::of(Version::V3, documents.version_3));
        }
        Ok(Self::Database(Box::new(FromDatabase {
            database,
            first,
            chains,
            policies: documents.policies,
            left_out: documents.left_out,
        })))
    }

    /// Reads a file of Intel's client.
    pub(super) fn file(path: &Path) -> Result<Self> {
        let bytes = input::read("file of collateral", path, MAX_FILE_SIZE)?;
        let of = |version| PlatformCollateral::read(version, &bytes);
        let (version, mut whole) = match of(Version::V4) {
            Ok(whole) => (Version::V4, whole),
            Err(reason) => match of(Version::V3) {
                Ok(whole) if !has_version(&bytes) => (Version::V3, whole),
                _ => {
                    return Err(Error::PccsFileMalformed {
                        path: path.to_owned(),
                        reason: reason.to_string(),
                    });
                }
            },
        };
        let chains = PlatformCollateral {
            processor_chain: whole.processor_chain.clone(),
            platform_chain: whole.platform_chain.clone(),
            ..PlatformCollateral::default()
        };
        let certificates = std::mem::take(&mut whole.pck_certificates);
        let platforms = std::mem::take(&mut whole.platforms);
        let mut batches = vec![Batch::of(version, whole)];
        let mut behind = 0;
        for some in certificates.chunks(PLATFORMS) {
            behind += some.len();
            batches.push(Batch {
                version,
                collateral: PlatformCollateral {
                    pck_certificates: some.to_vec(),
                    ..chains.clone()
                },
                platforms: behind,
            });
        }
        for some in platforms.chunks(PLATFORMS) {
            batches.push(Batch {
                version,
                collateral: PlatformCollateral {
                    platforms: some.to_vec(),
                    ..PlatformCollateral::default()
                },
                platforms: behind,
            });
        }
        Ok(Self::File(batches))
    }

    /// How many platforms there are.
    pub(super) fn platforms(&self) -> Result<usize> {
        match self {
            Self::Database(from) => {
                let count = from.database.platform_count()?;
                Ok(usize::try_from(count).unwrap_or(usize::MAX))
            }
            Self::File(batches) => Ok(batches.last().map_or(0, |batch| batch.platforms)),
        }
    }

    /// Hands over every part, and then what is no part: policies, and what could not be read.
    pub(super) fn each(
        self,
        mut give: impl FnMut(Batch) -> Result<()>,
    ) -> Result<(Vec<Policy>, Vec<LeftOut>)> {
        match self {
            Self::File(batches) => {
                batches.into_iter().try_for_each(give)?;
                Ok((Vec::new(), Vec::new()))
            }
            Self::Database(mut from) => {
                std::mem::take(&mut from.first)
                    .into_iter()
                    .try_for_each(&mut give)?;
                from.each_platform(&mut give)?;
                Ok((from.policies, from.left_out))
            }
        }
    }
}

impl FromDatabase {
    fn each_platform(&mut self, give: &mut impl FnMut(Batch) -> Result<()>) -> Result<()> {
        let mut after: Option<i64> = None;
        let mut behind = 0;
        loop {
            let rows = self.database.rows_of_platforms(after, NAMES)?;
            if rows.last.is_none() {
                break;
            }
            after = rows.last;
            for some in rows.by_name.chunks(PLATFORMS) {
                let page = self.database.platforms(some)?;
                self.left_out.extend(page.left_out);
                behind += some.len();
                let reported = page.reported.into_iter();
                give(Batch {
                    version: Version::V4,
                    collateral: PlatformCollateral {
                        pck_certificates: page.certificates,
                        platforms: reported.map(|(platform, _)| platform).collect(),
                        ..self.chains.clone()
                    },
                    platforms: behind,
                })?;
            }
        }
        let (waiting, left_out) = self.database.waiting()?;
        self.left_out.extend(left_out);
        for some in waiting.chunks(PLATFORMS) {
            let platforms = some.iter().map(|waiting| waiting.platform.clone());
            give(Batch {
                version: Version::V4,
                collateral: PlatformCollateral {
                    platforms: platforms.collect(),
                    ..PlatformCollateral::default()
                },
                platforms: behind,
            })?;
        }
        Ok(())
    }
}

impl Batch {
    fn of(version: Version, collateral: PlatformCollateral) -> Self {
        Self {
            version,
            collateral,
            platforms: 0,
        }
    }
}

/// Whether a body says of which version it is, which those of version 3 do not.
fn has_version(bytes: &[u8]) -> bool {
    let parsed: std::result::Result<serde_json::Value, _> = serde_json::from_slice(bytes);
    parsed.is_ok_and(|body| !body["collaterals"]["version"].is_null())
}
