//! `bulla collateral export`: all that a service keeps, into one signed file.

use std::fs;
use std::path::Path;

use bulla_archive::{Anchor, Contents, Document, Platform, PlatformName, Sealing, Sha256, Signer};
use bulla_collateral::{Selector, Slot};
use bulla_pki::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::base::Base;
use super::report::Report;
use super::{keys, survey};
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
    /// How many there are, those without certificates included.
    all: usize,
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
    until: String,
    issuer_chain: String,
    platform: Box<RawValue>,
}

/// Under which name a platform goes.
#[derive(Deserialize)]
struct Named {
    qe_id: String,
    pce_id: String,
}

pub(super) fn run(args: &ExportArgs, output: &mut Output) -> Result<Exit> {
    let key = keys::private(&args.key)?;
    if is_same(&args.key, &args.output) {
        return Err(Error::ArgumentInvalid {
            option: "--output",
            reason: "the archive would take the place of the key that signs it".to_owned(),
        });
    }
    let signer = Signer::Key(key.public_key());
    let base = args.since.as_deref();
    let mut base = base.map(|path| Base::open(path, signer)).transpose()?;
    let service = Service::open_for(&args.at, args.token_file.as_deref(), PATIENCE)?;
    let contents = contents(&service)?;
    // Certificates are personal to machines.
    let mut file = PrivateFile::begin(&args.output)?;
    let unsealable = |source| Error::ArchiveUnsealable {
        path: args.output.clone(),
        source,
    };
    let sealing = Sealing::begin(contents, &key, base.as_ref().map(Base::whole));
    let mut sealing = sealing.map_err(unsealable)?;
    if !args.without_platforms {
        platforms(&service, |platform| {
            let known = match &mut base {
                Some(base) => base.platform(&platform.name)?,
                None => None,
            };
            let piece = sealing.platform(platform, known.as_ref());
            file.write(&piece.map_err(unsealable)?)
        })?;
    }
    file.write(&sealing.finish().map_err(unsealable)?)?;
    // What was written is read again before it gets its name.
    let surveyed = survey(file.beside(), signer)?;
    file.finish(&[])?;
    Report::of(&args.output, surveyed, true).tell(output)?;
    Ok(Exit::Done)
}

/// Whether two paths lead to one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let [one, other] = [one, other].map(|path| fs::canonicalize(path).ok());
    one.is_some() && one == other
}

fn contents(service: &Service) -> Result<Contents> {
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

/// Hands over the platforms, in the order of their names.
fn platforms(service: &Service, mut each: impl FnMut(Platform) -> Result<()>) -> Result<()> {
    let mut done = 0;
    let mut progress = None;
    let mut after: Option<Next> = None;
    loop {
        let query: Vec<(&str, &str)> = match &after {
            Some(last) => vec![("after_qe_id", &last.qe_id), ("after_pce_id", &last.pce_id)],
            None => Vec::new(),
        };
        let page = service.get::<Page>("/platforms/certificates", &query)?;
        let page = page.value;
        done += page.platforms.len();
        let progress = progress.get_or_insert_with(|| Progress::new(page.all));
        progress.show(done, "platforms");
        for certified in page.platforms {
            each(platform(service, certified)?)?;
        }
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

fn platform(service: &Service, certified: Certified) -> Result<Platform> {
    let body = certified.platform.get();
    let Named { qe_id, pce_id } =
        serde_json::from_str(body).map_err(|error| unknown(service, &error.to_string()))?;
    Ok(Platform {
        name: PlatformName { qe_id, pce_id },
        fmspc: certified.fmspc,
        until: parsed(service, &certified.until)?,
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
