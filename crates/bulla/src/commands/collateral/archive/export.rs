//! `bulla collateral export`: all that a service keeps, into one signed file.

use std::path::Path;

use bulla_archive::{Anchor, Archive, Contents, Document, Platform, SealError, Sha256};
use bulla_collateral::{Selector, Slot};
use bulla_pki::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{keys, read, refused, report};
use crate::args::ExportArgs;
use crate::client::PATIENCE;
use crate::commands::collateral::list::{Listing, Row};
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::private_file::PrivateFile;
use crate::progress::Progress;
use crate::service::Service;

/// A document with its bytes.
#[derive(Deserialize)]
struct Given {
    sha256: String,
    document: Option<String>,
    document_hex: Option<String>,
    issuer_chain: String,
}

#[derive(Deserialize)]
struct Page {
    platforms: Vec<Certified>,
    next: Option<Next>,
}

#[derive(Deserialize)]
struct Next {
    qe_id: String,
    pce_id: String,
}

#[derive(Deserialize)]
struct Certified {
    fmspc: String,
    issuer_chain: String,
    platform: Box<RawValue>,
}

/// Under which name a platform goes.
#[derive(Deserialize)]
struct Named {
    qe_id: String,
    pce_id: String,
}

pub(crate) fn run(args: &ExportArgs, output: &mut Output) -> Result<Exit> {
    let key = keys::private(&args.key)?;
    let base = args.since.as_deref().map(read).transpose()?;
    let base = match (&args.since, &base) {
        // Whoever makes archives builds on none but his own.
        (Some(path), Some(bytes)) => match Archive::read(bytes, key.public_key()) {
            Ok(archive) => Some(archive),
            Err(source) => return Ok(refused(path, source, output)),
        },
        _ => None,
    };
    let service = Service::open_for(&args.at, args.token_file.as_deref(), PATIENCE)?;
    let contents = contents(&service, !args.without_platforms)?;
    let sealed = contents.seal(&key, base.as_ref());
    let bytes = sealed.map_err(|source| unsealable(&args.output, source))?;
    let archive = Archive::read(&bytes, key.public_key());
    let archive = archive.map_err(|source| Error::ArchiveRefused {
        path: args.output.clone(),
        source,
    })?;
    // Certificates are personal to machines.
    PrivateFile::begin(&args.output)?.finish(&bytes)?;
    let report = report::Report::of(&args.output, &archive, bytes.len(), true);
    report.tell(output)?;
    Ok(Exit::Done)
}

fn contents(service: &Service, with_platforms: bool) -> Result<Contents> {
    let listing = service.get::<Listing>("/collateral", &[])?.value;
    let created: Timestamp = parsed(service, &listing.now)?;
    let mut documents = Vec::with_capacity(listing.documents.len());
    let progress = Progress::new(listing.documents.len());
    for (done, row) in listing.documents.iter().enumerate() {
        progress.show(done, &row.slot);
        // Nobody would take what has ended.
        if parsed::<Timestamp>(service, &row.until)? >= created {
            documents.push(document(service, row, &listing.now)?);
        }
    }
    let platforms = match with_platforms {
        true => platforms(service, &progress)?,
        false => Vec::new(),
    };
    let anchor = listing.trust_anchor;
    Ok(Contents {
        created,
        trust_anchor: Anchor {
            public_key_sha256: parsed(service, &anchor.public_key_sha256)?,
            name: anchor.name,
            genuine: anchor.genuine,
            simulated: anchor.simulated,
        },
        documents,
        platforms,
    })
}

/// A document as it was at the instant of the listing.
fn document(service: &Service, row: &Row, at: &str) -> Result<Document> {
    let query = [("slot", row.slot.as_str()), ("at", at)];
    let given = service.get::<Given>("/collateral/document", &query)?.value;
    let body = match (given.document, given.document_hex) {
        (Some(text), _) => text.into_bytes(),
        (None, Some(digits)) => hex::decode(digits).map_err(|_| unknown(service, &row.slot))?,
        (None, None) => return Err(unknown(service, &row.slot)),
    };
    if given.sha256 != row.sha256 || Sha256::of(&body).to_string() != row.sha256 {
        return Err(Error::ServiceAnswerUnknown {
            url: service.url.clone(),
            reason: format!("{} changed while it was read; export again", row.slot),
        });
    }
    let selected = row.selected_as.iter().map(|name| {
        let known = [Selector::Standard, Selector::Early];
        let found = known.into_iter().find(|known| known.as_str() == name);
        found.ok_or_else(|| unknown(service, name))
    });
    Ok(Document {
        slot: parsed::<Slot>(service, &row.slot)?,
        selected_as: selected.collect::<Result<_>>()?,
        issued: parsed(service, &row.issued)?,
        until: parsed(service, &row.until)?,
        body,
        issuer_chain: given.issuer_chain.into_bytes(),
    })
}

fn platforms(service: &Service, progress: &Progress) -> Result<Vec<Platform>> {
    let mut platforms: Vec<Platform> = Vec::new();
    let mut after: Option<Next> = None;
    loop {
        progress.show(
            progress.all(),
            format_args!("{} platforms", platforms.len()),
        );
        let query: Vec<(&str, &str)> = match &after {
            Some(last) => vec![("after_qe_id", &last.qe_id), ("after_pce_id", &last.pce_id)],
            None => Vec::new(),
        };
        let page = service
            .get::<Page>("/platforms/certificates", &query)?
            .value;
        for certified in page.platforms {
            platforms.push(platform(service, certified)?);
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(platforms),
        }
    }
}

fn platform(service: &Service, certified: Certified) -> Result<Platform> {
    let body = certified.platform.get();
    let Named { qe_id, pce_id } =
        serde_json::from_str(body).map_err(|error| unknown(service, &error.to_string()))?;
    Ok(Platform {
        name: format!("{qe_id}/{pce_id}"),
        fmspc: certified.fmspc,
        body: body.as_bytes().to_vec(),
        issuer_chain: certified.issuer_chain.into_bytes(),
    })
}

fn parsed<T>(service: &Service, text: &str) -> Result<T>
where
    T: std::str::FromStr,
{
    text.parse().map_err(|_| unknown(service, text))
}

fn unknown(service: &Service, what: &str) -> Error {
    Error::ServiceAnswerUnknown {
        url: service.url.clone(),
        reason: format!("`{what}`"),
    }
}

fn unsealable(path: &Path, source: SealError) -> Error {
    Error::ArchiveUnsealable {
        path: path.to_owned(),
        remedy: match &source {
            SealError::TooLarge(_) => "; leave the platforms out by --without-platforms",
            _ => "",
        },
        source,
    }
}
