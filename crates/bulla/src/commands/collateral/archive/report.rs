//! What an archive holds, and until when it is good.

use std::collections::BTreeMap;
use std::path::Path;

use bulla_archive::{Anchor, DocumentRow, PlatformRow, Volume, key_sha256};
use bulla_pki::Timestamp;
use serde::Serialize;

use super::Surveyed;
use crate::args::Format;
use crate::commands::collateral::list::left;
use crate::commands::collateral::{counted, headline};
use crate::error::Result;
use crate::output::Output;
use crate::render::style::{BAD, CAUTION, GOOD, harmless, paint};
use crate::render::table;
use crate::time;

/// Days before its end from which on a document is worth a look: the vendor signs for thirty.
const SOON: u64 = 7 * 24 * 3_600;

/// Days before the end of certificates from which on there is something to be planned: the vendor signs
/// them for seven years.
const PLANNING: u64 = 90 * 24 * 3_600;

/// Most families that are counted one by one; the vendor has fifty.
const MOST_FAMILIES: usize = 1_024;

#[derive(Serialize)]
pub(super) struct Report {
    archive: String,
    simulated: bool,
    size: u64,
    volumes: u32,
    sha256: String,
    created: String,
    /// The archive that it builds on; absent for a whole one.
    base: Option<Base>,
    signer_sha256: String,
    /// Whether the signer was compared with one that is trusted.
    signer_compared: bool,
    trust_anchor: Anchor,
    /// The earliest end of all documents.
    good_until: Option<String>,
    /// Those that end first at the beginning.
    documents: Vec<Row>,
    platforms: Platforms,
}

#[derive(Serialize)]
struct Base {
    sha256: String,
    created: String,
}

#[derive(Serialize)]
struct Row {
    document: String,
    selected_as: Vec<&'static str>,
    issued: String,
    until: String,
    carried: bool,
    size: u64,
    sha256: String,
    #[serde(skip)]
    ends: Timestamp,
}

#[derive(Clone, Debug, Default, Serialize)]
struct Platforms {
    listed: usize,
    carried: usize,
    /// How many of each family are listed.
    families: BTreeMap<String, usize>,
    /// The earliest end of the certificates of all platforms.
    certificates_until: Option<String>,
    /// How many platforms have certificates that end within 90 days from now, or have ended.
    ending_within_90_days: usize,
}

/// What there is in an archive, collected volume by volume.
pub(super) struct Overview {
    now: Timestamp,
    size: u64,
    documents: usize,
    platforms: Platforms,
    until: Option<Timestamp>,
}

impl Overview {
    /// Of an archive that is looked at now.
    pub(super) fn at(now: Timestamp) -> Self {
        Self {
            now,
            size: 0,
            documents: 0,
            platforms: Platforms::default(),
            until: None,
        }
    }

    pub(super) fn add(&mut self, volume: &Volume<'_>) {
        let manifest = volume.manifest();
        self.documents += manifest.documents.len();
        for row in &manifest.platforms {
            self.platform(row);
        }
    }

    fn platform(&mut self, row: &PlatformRow) {
        let platforms = &mut self.platforms;
        platforms.listed += 1;
        platforms.carried += usize::from(row.carried);
        let families = &mut platforms.families;
        if families.len() < MOST_FAMILIES || families.contains_key(&row.fmspc) {
            *families.entry(row.fmspc.clone()).or_insert(0) += 1;
        }
        let is_soon = row.until <= self.now.saturating_add(PLANNING);
        platforms.ending_within_90_days += usize::from(is_soon);
        self.until = Some(self.until.map_or(row.until, |until| until.min(row.until)));
    }

    /// With the size of the file, in bytes.
    pub(super) fn of_size(self, size: u64) -> Self {
        Self { size, ..self }
    }

    /// How many documents and platforms are listed.
    pub(super) fn entries(&self) -> usize {
        self.documents + self.platforms.listed
    }
}

impl Report {
    pub(super) fn of(path: &Path, surveyed: Surveyed, compared: bool) -> Self {
        let Surveyed {
            whole, overview, ..
        } = surveyed;
        let manifest = whole.manifest();
        let mut documents: Vec<Row> = manifest.documents.iter().map(row).collect();
        documents
            .sort_by(|one, other| (one.ends, &one.document).cmp(&(other.ends, &other.document)));
        let until = overview.until.map(|until| until.to_string());
        Self {
            archive: path.display().to_string(),
            simulated: manifest.trust_anchor.simulated,
            size: overview.size,
            volumes: whole.volumes(),
            sha256: whole.sha256().to_string(),
            created: manifest.created.to_string(),
            base: manifest.base.map(|base| Base {
                sha256: base.sha256.to_string(),
                created: base.created.to_string(),
            }),
            signer_sha256: key_sha256(whole.signer()).to_string(),
            signer_compared: compared,
            trust_anchor: manifest.trust_anchor.clone(),
            good_until: manifest.good_until().map(|until| until.to_string()),
            documents,
            platforms: Platforms {
                certificates_until: until,
                ..overview.platforms
            },
        }
    }

    pub(super) fn tell(&self, output: &mut Output) -> Result<()> {
        match output.format() {
            Format::Json => output.json(self),
            Format::Text => output.text(&self.text()?),
        }
    }

    fn text(&self) -> Result<String> {
        let now = time::now()?;
        let carried = self.documents.iter().filter(|row| row.carried).count();
        let kind = match &self.base {
            None => "whole archive".to_owned(),
            Some(base) => format!("what changed since the archive of {}", base.created),
        };
        let title = format!("{}: {kind}, of {}", harmless(&self.archive), self.created);
        let mut text = headline(self.simulated, &title);
        let signer = match self.signer_compared {
            true => paint(GOOD, "as expected"),
            false => paint(CAUTION, "compared with none"),
        };
        let lines = [
            ("archive", self.sha256.clone()),
            ("signed by", format!("{}, {signer}", self.signer_sha256)),
            ("under", harmless(&self.trust_anchor.name)),
            (
                "holds",
                format!(
                    "{} ({carried} carried), {} ({} carried), {} bytes in {}",
                    counted(self.documents.len(), "document"),
                    counted(self.platforms.listed, "platform"),
                    self.platforms.carried,
                    self.size,
                    counted(
                        usize::try_from(self.volumes).unwrap_or(usize::MAX),
                        "volume"
                    )
                ),
            ),
            (
                "good until",
                self.good_until.clone().unwrap_or_else(|| "-".to_owned()),
            ),
            ("PCK until", self.certificates()),
        ];
        for (name, value) in lines {
            text.push_str(&format!("{name:<10}  {value}\n"));
        }
        text.push('\n');
        let rows: Vec<[String; 5]> = self.documents.iter().map(|row| cells(row, now)).collect();
        let titles = ["document", "selected as", "until", "left", "in the archive"];
        table::write(titles, &rows, &mut text);
        Ok(text)
    }
}

impl Report {
    /// Until when the certificates of all platforms are good, and how many are to be renewed.
    fn certificates(&self) -> String {
        let Some(until) = &self.platforms.certificates_until else {
            return "-".to_owned();
        };
        let soon = match self.platforms.ending_within_90_days {
            0 => paint(GOOD, "none ends within 90 days"),
            count => {
                let text = format!("those of {} end within 90 days", counted(count, "platform"));
                paint(CAUTION, text)
            }
        };
        format!("{until}, {soon}")
    }
}

fn row(row: &DocumentRow) -> Row {
    Row {
        document: row.slot.to_string(),
        selected_as: row.selected_as.iter().map(|name| name.as_str()).collect(),
        issued: row.issued.to_string(),
        until: row.until.to_string(),
        carried: row.carried,
        size: row.body.size,
        sha256: row.body.sha256.to_string(),
        ends: row.until,
    }
}

fn cells(row: &Row, now: Timestamp) -> [String; 5] {
    let style = match (row.ends < now, row.ends <= now.saturating_add(SOON)) {
        (true, _) => BAD,
        (_, true) => CAUTION,
        _ => GOOD,
    };
    [
        row.document.clone(),
        row.selected_as.join(", "),
        row.until.clone(),
        paint(style, left(row.ends, now)),
        match row.carried {
            true => "yes".to_owned(),
            false => "in an earlier one".to_owned(),
        },
    ]
}
