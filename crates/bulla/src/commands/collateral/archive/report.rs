//! What an archive holds, and until when it is good.

use std::collections::BTreeMap;
use std::path::Path;

use bulla_archive::{Anchor, Archive, DocumentRow, key_sha256};
use serde::Serialize;

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

#[derive(Serialize)]
pub(super) struct Report {
    archive: String,
    simulated: bool,
    size: usize,
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
    ends: bulla_pki::Timestamp,
}

#[derive(Serialize)]
struct Platforms {
    listed: usize,
    carried: usize,
    /// How many of each family are listed.
    families: BTreeMap<String, usize>,
}

impl Report {
    pub(super) fn of(path: &Path, archive: &Archive<'_>, size: usize, compared: bool) -> Self {
        let manifest = archive.manifest();
        let mut documents: Vec<Row> = manifest.documents.iter().map(row).collect();
        documents
            .sort_by(|one, other| (one.ends, &one.document).cmp(&(other.ends, &other.document)));
        let mut families = BTreeMap::new();
        for row in &manifest.platforms {
            *families.entry(row.fmspc.clone()).or_insert(0) += 1;
        }
        Self {
            archive: path.display().to_string(),
            simulated: manifest.trust_anchor.simulated,
            size,
            sha256: archive.sha256().to_string(),
            created: manifest.created.to_string(),
            base: manifest.base.map(|base| Base {
                sha256: base.sha256.to_string(),
                created: base.created.to_string(),
            }),
            signer_sha256: key_sha256(archive.signer()).to_string(),
            signer_compared: compared,
            trust_anchor: manifest.trust_anchor.clone(),
            good_until: manifest.good_until().map(|until| until.to_string()),
            documents,
            platforms: Platforms {
                listed: manifest.platforms.len(),
                carried: manifest.platforms.iter().filter(|row| row.carried).count(),
                families,
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
                    "{} ({carried} carried), {} ({} carried), {} bytes",
                    counted(self.documents.len(), "document"),
                    counted(self.platforms.listed, "platform"),
                    self.platforms.carried,
                    self.size
                ),
            ),
            (
                "good until",
                self.good_until.clone().unwrap_or_else(|| "-".to_owned()),
            ),
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

fn cells(row: &Row, now: bulla_pki::Timestamp) -> [String; 5] {
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
