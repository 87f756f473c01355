//! The platforms in the database, with their certificates and what they reported.

use bulla_protocol::pccs::{ListedPlatform, PlatformCertificates, QeId};
use bulla_protocol::pcs::PckCertificateEntry;
use bulla_protocol::percent;
use bulla_protocol::value::{CpuSvn, EncryptedPpid, PceId, PceSvn, Pem, PlatformManifest, Tcbm};
use rusqlite::{Row, params};

use super::row::{bytes, parsed, text};
use super::{LeftOut, MOST_OF_PLATFORM, PccsDatabase, Result};

/// How the database names a platform: QE-ID and PCE-ID, as they stand there.
type PlatformName = (String, String);

/// Where some platforms stand.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a page of a list")]
pub struct Rows {
    /// Their rows, in the order of their names: so they are kept next to each other elsewhere.
    pub by_name: Vec<i64>,
    /// The row of the last of them in the order of rows; absent where there is none.
    pub last: Option<i64>,
}

/// Some platforms.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Platforms {
    /// Their certificates; a platform without any is left out.
    pub certificates: Vec<PlatformCertificates>,
    /// What they reported, each with the TCB of the certificate that the cache selects for it.
    pub reported: Vec<(ListedPlatform, Option<Tcbm>)>,
    /// What could not be read.
    pub left_out: Vec<LeftOut>,
}

/// A platform that waits for its certificates.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::exhaustive_structs, reason = "a row of the queue")]
pub struct Waiting {
    /// The platform.
    pub platform: ListedPlatform,
    /// Whether the vendor had no certificate for it.
    pub not_available: bool,
}

/// A row of `platforms`.
struct Found {
    name: PlatformName,
    manifest: Vec<u8>,
    ppid: Vec<u8>,
}

impl PccsDatabase {
    /// How many platforms there are.
    pub fn platform_count(&self) -> Result<u64> {
        let count = "SELECT count(*) FROM platforms";
        let count = self.connection.query_row(count, [], |row| row.get(0));
        count.map_err(self.failed())
    }

    /// The rows of platforms behind the row `after`, at most `limit`. Names would not lead on: one that is
    /// no text stands behind every text.
    pub fn rows_of_platforms(&self, after: Option<i64>, limit: usize) -> Result<Rows> {
        let limit = i64::try_from(limit).unwrap_or(i64::MAX);
        let mut statement = self
            .connection
            .prepare_cached(
                "SELECT rowid, substr(qe_id, 1, 32) AS qe_id FROM platforms \
                 WHERE rowid > ?1 ORDER BY rowid LIMIT ?2",
            )
            .map_err(self.failed())?;
        let found = statement
            .query_map(params![after.unwrap_or(i64::MIN), limit], |row| {
                Ok((text(row, "qe_id")?, row.get::<_, i64>(0)?))
            })
            .map_err(self.failed())?;
        let mut last = None;
        let mut named = Vec::new();
        for row in found {
            let (name, number) = row.map_err(self.failed())?;
            // In a damaged file one leads to another for ever.
            if last.or(after).is_some_and(|before| number <= before) {
                return Err(self.unfit("it is damaged: its rows are not in their order; take a backup of it, or a file of `pcsclient` by `--file`"));
            }
            last = Some(number);
            named.push((name, number));
        }
        named.sort_unstable();
        Ok(Rows {
            by_name: named.into_iter().map(|(_, number)| number).collect(),
            last,
        })
    }

    /// The platforms in these rows.
    pub fn platforms(&self, rows: &[i64]) -> Result<Platforms> {
        let mut page = Platforms::default();
        for row in rows {
            let platform = self
                .connection
                .prepare_cached(
                    "SELECT qe_id, pce_id, platform_manifest, enc_ppid FROM platforms \
                     WHERE rowid = ?1",
                )
                .and_then(|mut statement| statement.query_row([row], found))
                .map_err(self.failed())?;
            self.platform(platform, &mut page)?;
        }
        Ok(page)
    }

    fn platform(&self, found: Found, page: &mut Platforms) -> Result<()> {
        let what = format!("platforms {}/{}", found.name.0, found.name.1);
        let listed = match listed(&found) {
            Ok(listed) => listed,
            Err(reason) => {
                page.left_out.push(LeftOut { what, reason });
                return Ok(());
            }
        };
        let certificates = self.certificates_of(&found.name, page)?;
        if certificates.is_empty() {
            let reason = "no certificate of it is there".to_owned();
            page.left_out.push(LeftOut { what, reason });
            return Ok(());
        }
        page.certificates.push(PlatformCertificates {
            qe_id: listed.qe_id.clone(),
            pce_id: listed.pce_id,
            encrypted_ppid: listed.encrypted_ppid.clone(),
            manifest: listed.manifest.clone(),
            certificates,
        });
        for (cpu_svn, pce_svn, tcbm) in self.by_name(
            "SELECT cpu_svn, pce_svn, tcbm FROM platform_tcbs WHERE qe_id = ?1 AND pce_id = ?2 \
             ORDER BY cpu_svn, pce_svn",
            &found.name,
            |row| {
                Ok((
                    text(row, "cpu_svn")?,
                    text(row, "pce_svn")?,
                    text(row, "tcbm")?,
                ))
            },
        )? {
            match svns(&cpu_svn, &pce_svn) {
                Ok((cpusvn, pcesvn)) => {
                    let reported = ListedPlatform {
                        cpusvn,
                        pcesvn,
                        ..listed.clone()
                    };
                    page.reported.push((reported, tcbm.parse().ok()));
                }
                Err(reason) => page.left_out.push(LeftOut {
                    what: format!("platform_tcbs {}/{cpu_svn}/{pce_svn}", found.name.0),
                    reason,
                }),
            }
        }
        Ok(())
    }

    fn certificates_of(
        &self,
        name: &PlatformName,
        page: &mut Platforms,
    ) -> Result<Vec<PckCertificateEntry>> {
        let rows = self.by_name(
            "SELECT tcbm, pck_cert FROM pck_cert WHERE qe_id = ?1 AND pce_id = ?2 ORDER BY tcbm",
            name,
            |row| Ok((text(row, "tcbm")?, text(row, "pck_cert")?)),
        )?;
        let mut entries = Vec::with_capacity(rows.len());
        for (tcbm, certificate) in rows {
            match entry(&tcbm, certificate) {
                Ok(entry) => entries.push(entry),
                Err(reason) => page.left_out.push(LeftOut {
                    what: format!("pck_cert {}/{}/{tcbm}", name.0, name.1),
                    reason,
                }),
            }
        }
        Ok(entries)
    }

    /// Platforms that wait for their certificates.
    pub fn waiting(&self) -> Result<(Vec<Waiting>, Vec<LeftOut>)> {
        let rows = self.rows(
            "SELECT qe_id, pce_id, cpu_svn, pce_svn, enc_ppid, platform_manifest, state \
             FROM platforms_registered WHERE state IN (0, 1) ORDER BY created_time",
            |row| {
                let svns = (text(row, "cpu_svn")?, text(row, "pce_svn")?);
                Ok((found(row)?, svns, row.get::<_, i64>("state")?))
            },
        )?;
        let (mut all, mut left_out) = (Vec::new(), Vec::new());
        for (found, (cpu_svn, pce_svn), state) in rows {
            let read = || {
                let (cpusvn, pcesvn) = svns(&cpu_svn, &pce_svn)?;
                Ok(ListedPlatform {
                    cpusvn,
                    pcesvn,
                    ..listed(&found)?
                })
            };
            match read() {
                Ok(platform) => all.push(Waiting {
                    platform,
                    not_available: state == 1,
                }),
                Err(reason) => left_out.push(LeftOut {
                    what: format!("platforms_registered {}/{}", found.name.0, found.name.1),
                    reason,
                }),
            }
        }
        Ok((all, left_out))
    }

    fn by_name<T>(
        &self,
        query: &str,
        name: &PlatformName,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>> {
        let mut statement = self
            .connection
            .prepare_cached(query)
            .map_err(self.failed())?;
        let rows = statement
            .query_map(params![name.0, name.1], read)
            .map_err(self.failed())?;
        self.collect(rows, MOST_OF_PLATFORM)
    }
}

fn found(row: &Row<'_>) -> rusqlite::Result<Found> {
    Ok(Found {
        name: (text(row, "qe_id")?, text(row, "pce_id")?),
        manifest: bytes(row, "platform_manifest")?,
        ppid: bytes(row, "enc_ppid")?,
    })
}

fn listed(found: &Found) -> std::result::Result<ListedPlatform, String> {
    let present = |bytes: &[u8]| (!bytes.is_empty()).then(|| bytes.to_vec());
    Ok(ListedPlatform {
        qe_id: QeId::new(found.name.0.clone()).map_err(|problem| format!("qe_id: {problem}"))?,
        pce_id: parsed::<PceId>("pce_id", &found.name.1)?,
        cpusvn: None,
        pcesvn: None,
        manifest: present(&found.manifest)
            .map(PlatformManifest::new)
            .transpose()
            .map_err(|problem| format!("platform_manifest: {problem}"))?,
        encrypted_ppid: match present(&found.ppid) {
            None => None,
            Some(bytes) => {
                let bytes = <[u8; 384]>::try_from(bytes)
                    .map_err(|_| "enc_ppid: it has not 384 bytes".to_owned())?;
                Some(Box::new(EncryptedPpid(bytes)))
            }
        },
    })
}

/// What a platform reported; both are empty for one that has a manifest alone.
fn svns(
    cpu_svn: &str,
    pce_svn: &str,
) -> std::result::Result<(Option<CpuSvn>, Option<PceSvn>), String> {
    if cpu_svn.is_empty() && pce_svn.is_empty() {
        return Ok((None, None));
    }
    let cpu_svn = parsed("cpu_svn", cpu_svn)?;
    Ok((Some(cpu_svn), Some(parsed("pce_svn", pce_svn)?)))
}

fn entry(tcbm: &str, certificate: String) -> std::result::Result<PckCertificateEntry, String> {
    let tcbm: Tcbm = parsed("tcbm", tcbm)?;
    let certificate = match certificate.contains('%') {
        true => percent::decode(&certificate).map_err(|problem| format!("pck_cert: {problem}"))?,
        false => certificate,
    };
    Ok(PckCertificateEntry {
        components: tcbm.cpusvn.0,
        pcesvn: tcbm.pcesvn.0,
        tcbm,
        certificate: Some(Pem::new(certificate).map_err(|problem| format!("pck_cert: {problem}"))?),
    })
}
