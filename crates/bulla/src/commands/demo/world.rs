//! The vendor of the demonstration, its three platforms, and what has happened to them.

use std::collections::BTreeSet;

use bulla_collateral::TcbStatus;
use bulla_issuer::{QuoteKind, Seed};
use bulla_pki::Timestamp;
use bulla_vendor::cadence::{DAY, midnight};
use bulla_vendor::{
    Charter, Event, FIRST_NUMBER, Order, Part, PckCa, Platform, PlatformName, Recovery, Revoked,
    Selection, Subject, Vendor,
};

use super::broken;
use super::enclave::{Executor, Program};
use crate::error::Result;

/// A platform of the vendor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// Has every update.
    Good,
    /// Was revoked.
    Revoked,
    /// Lacks the last update.
    Outdated,
}

impl Node {
    const ALL: [Self; 3] = [Self::Good, Self::Revoked, Self::Outdated];

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Good => "node-1",
            Self::Revoked => "node-2",
            Self::Outdated => "node-3",
        }
    }
}

/// What has happened, as the vendor tells it.
pub(super) const HISTORY: &str = "founded 90 days ago, with a root of its own and three platforms; \
    since then a TCB recovery, whose update node-3 lacks, and the revocation of node-2";

/// Two vendors, and what executes enclaves.
pub(super) struct World {
    pub(super) vendor: Vendor,
    /// As like the first as one vendor is like another, but for the seed.
    other_vendor: Vendor,
    pub(super) executor: Executor,
}

impl World {
    /// The world at an instant. Enclaves are executed where that is wanted and can be done.
    pub(super) fn at(at: Timestamp, model_only: bool) -> Result<Self> {
        let vendor = found("bulla demo", at)?;
        let executor = match model_only {
            true => Executor::Model {
                reason: "that was not wanted (--model-only)".to_owned(),
            },
            false => Executor::find(platform(&vendor, Node::Good, at)?, at),
        };
        Ok(Self {
            vendor,
            other_vendor: found("another vendor", at)?,
            executor,
        })
    }

    /// A quote of a program on a platform.
    pub(super) fn quote(
        &self,
        program: &Program,
        node: Node,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        self.quote_of(&self.vendor, program, node, data, at)
    }

    /// A quote of a program on a platform of the other vendor.
    pub(super) fn foreign_quote(
        &self,
        program: &Program,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        self.quote_of(&self.other_vendor, program, Node::Good, data, at)
    }

    fn quote_of(
        &self,
        vendor: &Vendor,
        program: &Program,
        node: Node,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        let platform = platform(vendor, node, at)?;
        let report = self.executor.report(program, platform, data, at);
        let report = report.map_err(broken)?;
        vendor.quote_enclave(platform, &report, at).map_err(broken)
    }

    /// A quote of a trust domain, which is not executed.
    pub(super) fn domain_quote(
        &self,
        debug: bool,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        let subject = Subject {
            kind: QuoteKind::Td15V5,
            report_data: data,
            debug,
            launched: None,
        };
        let platform = platform(&self.vendor, Node::Good, at)?;
        let attested = self
            .vendor
            .attest(platform, &subject, Selection::Standard, at);
        Ok(attested.map_err(broken)?.quote)
    }
}

fn platform(vendor: &Vendor, node: Node, at: Timestamp) -> Result<&Platform> {
    vendor.platform(&name(node)?, at).map_err(broken)
}

fn name(node: Node) -> Result<PlatformName> {
    node.name().parse().map_err(broken)
}

/// A vendor who has been in business for a while.
fn found(seed: &str, at: Timestamp) -> Result<Vendor> {
    let ago = |days| at.saturating_sub(days * DAY);
    let charter = Charter {
        public_url: bulla_issuer::NO_ADDRESS.parse().map_err(broken)?,
        founded: ago(90),
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(seed), charter);
    for node in Node::ALL {
        let order = Order {
            name: name(node)?,
            ca: PckCa::Processor,
            fmspc: None,
            number: None,
        };
        vendor.make(order, ago(60)).map_err(broken)?;
    }
    let number = FIRST_NUMBER + 1;
    let recovery = Recovery {
        number,
        date: midnight(ago(30)),
        raises: Part::MICROCODE.into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: BTreeSet::from(["SIMULATED-SA-00002".to_owned()]),
    };
    let of = Revoked::Platform(name(Node::Revoked)?);
    for (days, event) in [
        (30, Event::Recovery(recovery)),
        (10, Event::Promotion { number }),
        (2, Event::Revocation { of }),
    ] {
        vendor.record(ago(days), event).map_err(broken)?;
    }
    for node in [Node::Good, Node::Revoked] {
        let updated = vendor.update(&name(node)?, None, Part::all(), ago(29));
        updated.map_err(broken)?;
    }
    Ok(vendor)
}
