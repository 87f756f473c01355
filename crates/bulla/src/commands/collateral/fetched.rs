//! What became of documents that were fetched, and how they are written.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use bulla_protocol::pcs::Request;
use bulla_service::held::Held;
use bulla_service::want::Want;
use bulla_upstream::directory;
use serde::Serialize;

use crate::error::{Error, Result};
use crate::output::Exit;
use crate::render::style::{BAD, CAUTION, FAINT, GOOD, PLAIN, harmless, paint};
use crate::render::table;

/// A document that was wanted.
pub(super) struct Row {
    pub(super) want: Want,
    pub(super) outcome: Outcome,
}

/// What became of it.
pub(super) enum Outcome {
    /// It was written.
    Written { held: Arc<Held> },
    /// What the directory has is as new.
    Same { held: Arc<Held> },
    /// There is none, and need not be.
    Absent { reason: String },
    /// What came is not what it should be; nothing was written.
    Refused { code: String, reason: String },
    /// It could not be had.
    Unavailable { reason: String },
}

impl Outcome {
    pub(super) fn exit(&self) -> Exit {
        match self {
            Self::Written { .. } | Self::Same { .. } | Self::Absent { .. } => Exit::Done,
            Self::Refused { .. } => Exit::Refused,
            Self::Unavailable { .. } => Exit::Failed,
        }
    }

    fn as_str(&self) -> &'static str {
        match self {
            Self::Written { .. } => "written",
            Self::Same { .. } => "unchanged",
            Self::Absent { .. } => "absent",
            Self::Refused { .. } => "refused",
            Self::Unavailable { .. } => "unavailable",
        }
    }

    fn held(&self) -> Option<&Held> {
        match self {
            Self::Written { held } | Self::Same { held } => Some(held),
            _ => None,
        }
    }

    fn reason(&self) -> Option<&str> {
        match self {
            Self::Absent { reason }
            | Self::Refused { reason, .. }
            | Self::Unavailable { reason } => Some(reason),
            _ => None,
        }
    }
}

/// Writes a document, and its chain before it. A reader meets a whole file, the old or the new one.
pub(super) fn write(
    out: &Path,
    request: &Request,
    document: &[u8],
    chain: Option<&[u8]>,
) -> Result<()> {
    let Some(files) = directory::files(request) else {
        return Ok(());
    };
    let chain = files.issuer_chain.zip(chain);
    let files = chain.into_iter().chain([(files.document, document)]);
    for (name, content) in files {
        replace(&out.join(name), content)?;
    }
    Ok(())
}

fn replace(path: &Path, content: &[u8]) -> Result<()> {
    let unwritable = |source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    };
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).map_err(unwritable)?;
    }
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    fs::write(&beside, content).map_err(unwritable)?;
    fs::rename(&beside, path).map_err(unwritable)
}

#[derive(Serialize)]
struct Fetched<'a> {
    upstream: &'a str,
    out: &'a str,
    simulated: bool,
    documents: Vec<Document<'a>>,
}

#[derive(Serialize)]
struct Document<'a> {
    document: String,
    outcome: &'static str,
    slot: Option<String>,
    issued: Option<String>,
    until: Option<String>,
    sha256: Option<String>,
    code: Option<&'a str>,
    reason: Option<&'a str>,
}

/// The answer for programs.
pub(super) fn answer<'a>(
    upstream: &'a str,
    out: &'a str,
    simulated: bool,
    rows: &'a [Row],
) -> impl Serialize + use<'a> {
    let document = |row: &'a Row| {
        let held = row.outcome.held();
        Document {
            document: row.want.to_string(),
            outcome: row.outcome.as_str(),
            slot: held.map(|held| held.slot.to_string()),
            issued: held.map(|held| held.window.from.to_string()),
            until: held.map(|held| held.until().to_string()),
            sha256: held.map(|held| hex::encode(held.sha256)),
            code: match &row.outcome {
                Outcome::Refused { code, .. } => Some(code),
                _ => None,
            },
            reason: row.outcome.reason(),
        }
    };
    Fetched {
        upstream,
        out,
        simulated,
        documents: rows.iter().map(document).collect(),
    }
}

/// The answer for people: what came, then why the rest did not.
pub(super) fn table(rows: &[Row], text: &mut String) {
    let cells: Vec<[String; 5]> = rows
        .iter()
        .map(|row| {
            let style = match row.outcome.exit() {
                _ if matches!(row.outcome, Outcome::Absent { .. }) => FAINT,
                _ if matches!(row.outcome, Outcome::Same { .. }) => PLAIN,
                Exit::Done => GOOD,
                Exit::Refused => BAD,
                Exit::Failed | Exit::Other(_) => CAUTION,
            };
            let held = row.outcome.held();
            let day = |time: String| time.chars().take(10).collect();
            [
                row.want.to_string(),
                held.and_then(|held| held.slot.number())
                    .map_or_else(|| "-".to_owned(), |number| number.to_string()),
                paint(style, row.outcome.as_str()),
                held.map_or_else(String::new, |held| day(held.window.from.to_string())),
                held.map_or_else(String::new, |held| day(held.until().to_string())),
            ]
        })
        .collect();
    table::write(["document", "number", "", "issued", "until"], &cells, text);
    let reasons = rows.iter().filter(|row| row.outcome.exit() != Exit::Done);
    for row in reasons {
        let reason = harmless(row.outcome.reason().unwrap_or_default());
        let code = match &row.outcome {
            Outcome::Refused { code, .. } => format!("  {code}"),
            _ => String::new(),
        };
        let what = paint(BAD, row.want);
        text.push_str(&format!("\n{what}{code}\n  {reason}\n"));
    }
}
