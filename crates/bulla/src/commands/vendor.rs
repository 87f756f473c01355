//! `bulla vendor`: a vendor in a box.

mod events;
mod platform;
mod quote;
mod serve;

pub(crate) use quote::{deliver, kind, report_data, selection};

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::str::FromStr;

use bulla_pki::Timestamp;
use bulla_pki::digest::sha256;
use bulla_vendor::{Charter, Event, Occurrence, SeedSecret, StateDirectory, Vendor};

use crate::args::{Format, InitArgs, PlaceArgs, ShowArgs, VendorCommand};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::output::{Exit, Output};
use crate::render::fields;
use crate::render::style::{CAUTION, STRONG, paint};
use crate::time;

pub(crate) fn run(command: &VendorCommand, output: &mut Output) -> Result<Exit> {
    let (title, told) = match command {
        VendorCommand::Init(args) => ("vendor founded", init(args)?),
        VendorCommand::Show(args) => ("vendor", show(args)?),
        VendorCommand::Platform(command) => platform::run(command)?,
        VendorCommand::Quote(args) => ("quote written", quote::run(args)?),
        VendorCommand::Recover(args) => ("TCB recovery disclosed", events::recover(args)?),
        VendorCommand::Promote(args) => ("number promoted", events::promote(args)?),
        VendorCommand::Retire(args) => ("number retired", events::retire(args)?),
        VendorCommand::Revoke(args) => ("revoked", events::revoke(args)?),
        VendorCommand::RotateSigner(args) => ("signer rotated", events::rotate_signer(args)?),
        VendorCommand::Serve(args) => return serve::run(args, output),
    };
    tell(title, told, output)?;
    Ok(Exit::Done)
}

/// Answers, and says that it is all simulated.
fn tell(title: &str, told: Fields, output: &mut Output) -> Result<()> {
    match output.format() {
        // The field is there so that no program takes any of it for genuine.
        Format::Json => output.json(&Fields::new().with("simulated", true).and(told)),
        Format::Text => {
            let mark = paint(CAUTION, "SIMULATED");
            let mut text = format!("{mark}  {}\n\n", paint(STRONG, title));
            fields::write(&told, 0, &mut text);
            output.text(&text)
        }
    }
}

fn init(args: &InitArgs) -> Result<Fields> {
    let charter = Charter {
        public_url: argument("--public-url", &args.public_url)?,
        founded: time::given_or_now(args.at.as_deref())?,
        mark_critically: args.mark_critically,
    };
    let secret = match &args.seed {
        Some(text) => SeedSecret::of_text(text),
        None => random()?,
    };
    let at = charter.founded;
    // Names that cannot be used are to be known before anything is written.
    let orders = platform::orders(&args.platform)?;
    let directory = directory(&args.place);
    let vendor = directory.found(&secret, charter)?;
    if orders.is_empty() {
        return Ok(charter_fields(&vendor));
    }
    directory.change(|vendor| {
        for order in orders {
            vendor.make(order, at)?;
        }
        let made = platform::fields_of_all(vendor, at);
        Ok(charter_fields(vendor).with("platforms", made))
    })
}

fn show(args: &ShowArgs) -> Result<Fields> {
    let at = time::given_or_now(args.at.as_deref())?;
    let vendor = directory(&args.place).read()?;
    let history = vendor.history();
    let signed: Vec<u32> = history
        .editions(at)
        .map(|edition| edition.number)
        .filter(|number| !history.has_ended(*number, at))
        .collect();
    let numbers = Fields::new()
        .with("standard", history.standard(at))
        .with("early", history.newest(at))
        .with("signed", signed);
    let events: Vec<Fields> = history
        .occurrences()
        .iter()
        .map(|occurrence| event_fields(occurrence, at))
        .collect();
    Ok(charter_fields(&vendor)
        .with("at", at)
        .with("evaluation_data_numbers", numbers)
        .with("platforms", platform::fields_of_all(&vendor, at))
        .with("events", events))
}

fn charter_fields(vendor: &Vendor) -> Fields {
    let charter = vendor.charter();
    Fields::new()
        .with("public_url", charter.public_url.as_str())
        .with("founded", charter.founded)
        .with("mark_critically", charter.mark_critically)
        .hex("root_public_key_sha256", root_key_digest(vendor))
}

/// One event, and whether it has happened at `at`.
fn event_fields(occurrence: &Occurrence, at: Timestamp) -> Fields {
    let fields = Fields::new()
        .with("at", occurrence.at)
        .with("happened", occurrence.at <= at);
    match &occurrence.event {
        Event::Recovery(recovery) => {
            let raises: Vec<String> = recovery.raises.iter().map(ToString::to_string).collect();
            let advisories: Vec<String> = recovery.advisory_ids.iter().cloned().collect();
            fields
                .with("event", "recovery")
                .with("number", recovery.number)
                .with("date", recovery.date)
                .with("raises", raises)
                .with("below", recovery.below.as_str())
                .with("advisory_ids", advisories)
        }
        Event::Promotion { number } => fields.with("event", "promotion").with("number", *number),
        Event::EndOfSigning { number } => fields
            .with("event", "end_of_signing")
            .with("number", *number),
        Event::Revocation { of } => fields
            .with("event", "revocation")
            .with("of", of.to_string()),
        Event::SignerRotation => fields.with("event", "signer_rotation"),
    }
}

/// SHA-256 of the root's key: what a policy names the root by.
fn root_key_digest(vendor: &Vendor) -> [u8; 32] {
    sha256(&vendor.root_public_key())
}

fn random() -> Result<SeedSecret> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::RandomUnavailable {
        reason: error.to_string(),
    })?;
    Ok(SeedSecret::new(bytes))
}

fn directory(place: &PlaceArgs) -> StateDirectory {
    StateDirectory::new(&place.dir)
}

/// Reads an argument whose type says what is wrong with it.
pub(crate) fn argument<T: FromStr<Err: Display>>(option: &'static str, text: &str) -> Result<T> {
    text.parse()
        .map_err(|error: T::Err| Error::ArgumentInvalid {
            option,
            reason: error.to_string(),
        })
}

fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    fs::write(path, content).map_err(|source| Error::FileUnwritable {
        path: path.to_owned(),
        source,
    })
}
