//! What happens to the vendor.

use std::collections::BTreeSet;

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use bulla_vendor::{Event, Part, PckCa, Recovery, Revoked, Vendor, cadence};

use super::{argument, directory, event_fields};
use crate::args::{CaArg, EventArgs, NumberArgs, RecoverArgs, RevokeArgs};
use crate::describe::Fields;
use crate::error::{Error, Result};
use crate::time;

pub(super) fn recover(args: &RecoverArgs) -> Result<Fields> {
    let mut raises = BTreeSet::new();
    for word in &args.raises {
        raises.extend(parts("--raises", word)?);
    }
    let below: TcbStatus = argument("--below", &args.below)?;
    let date = args.date.as_deref().map(time::parse).transpose()?;
    record(&args.event, |vendor, at| {
        Event::Recovery(Recovery {
            number: vendor.history().newest(Timestamp::MAX).saturating_add(1),
            date: cadence::midnight(date.unwrap_or(at)),
            raises,
            below,
            advisory_ids: args.advisory.iter().cloned().collect(),
        })
    })
}

pub(super) fn promote(args: &NumberArgs) -> Result<Fields> {
    let number = args.number;
    record(&args.event, |_, _| Event::Promotion { number })
}

pub(super) fn retire(args: &NumberArgs) -> Result<Fields> {
    let number = args.number;
    record(&args.event, |_, _| Event::EndOfSigning { number })
}

pub(super) fn revoke(args: &RevokeArgs) -> Result<Fields> {
    let of = match (&args.platform, args.ca) {
        (Some(name), _) => Revoked::Platform(argument("--platform", name)?),
        (None, Some(CaArg::Processor)) => Revoked::Ca(PckCa::Processor),
        (None, Some(CaArg::Platform)) => Revoked::Ca(PckCa::Platform),
        (None, None) => Revoked::Signer,
    };
    record(&args.event, |_, _| Event::Revocation { of })
}

pub(super) fn rotate_signer(args: &EventArgs) -> Result<Fields> {
    record(args, |_, _| Event::SignerRotation)
}

/// The parts that a word on the command line names.
pub(super) fn parts(option: &'static str, word: &str) -> Result<BTreeSet<Part>> {
    Part::named(word).map_err(|error| Error::ArgumentInvalid {
        option,
        reason: error.to_string(),
    })
}

/// Lets an event happen and tells it.
fn record(args: &EventArgs, event: impl FnOnce(&Vendor, Timestamp) -> Event) -> Result<Fields> {
    let now = time::now()?;
    let at = args.at.as_deref().map_or(Ok(now), time::parse)?;
    directory(&args.place).change(|vendor| {
        let event = event(vendor, at);
        vendor.record(at, event)?;
        let latest = vendor.history().occurrences().last();
        Ok(latest.map_or_else(Fields::new, |latest| event_fields(latest, now.max(at))))
    })
}
