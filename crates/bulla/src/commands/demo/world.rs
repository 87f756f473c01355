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

/// A vendor, and its platforms as they were started.
struct House {
    vendor: Vendor,
    running: Vec<(Node, bulla_processor::Platform)>,
}

impl House {
    fn open(seed: &str, at: Timestamp) -> Result<Self> {
        let vendor = found(seed, at)?;
        let running = Node::ALL
            .into_iter()
            .map(|node| Ok((node, platform(&vendor, node, at)?.start(at))))
            .collect::<Result<_>>()?;
        Ok(Self { vendor, running })
    }

    fn running(&self, node: Node) -> Result<&bulla_processor::Platform> {
        let mut all = self.running.iter();
        let found = all.find(|(name, _)| *name == node);
        let (_, running) = found.ok_or_else(|| broken("the platform was not started"))?;
        Ok(running)
    }
}

/// Two vendors with their platforms, and what executes enclaves.
pub(super) struct World {
    house: House,
    /// As like the first as one vendor is like another, but for the seed.
    other_house: House,
    /// The program that the policy is for.
    pub(super) genuine: Program,
    pub(super) executor: Executor,
}

impl World {
    /// The world at an instant. Enclaves are executed where that is wanted and can be done.
    pub(super) fn at(at: Timestamp, model_only: bool) -> Result<Self> {
        let house = House::open("bulla demo", at)?;
        let genuine = Program::genuine()?;
        let executor = match model_only {
            true => Executor::Model {
                reason: "that was not wanted (--model-only)".to_owned(),
            },
            false => Executor::find(&genuine, house.running(Node::Good)?),
        };
        Ok(Self {
            house,
            other_house: House::open("another vendor", at)?,
            genuine,
            executor,
        })
    }

    /// The vendor whose root the policies name.
    pub(super) fn vendor(&self) -> &Vendor {
        &self.house.vendor
    }

    /// A quote of a program on a platform.
    pub(super) fn quote(
        &self,
        program: &Program,
        node: Node,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        self.quote_of(&self.house, program, node, data, at)
    }

    /// A quote of a program on a platform of the other vendor.
    pub(super) fn foreign_quote(
        &self,
        program: &Program,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        self.quote_of(&self.other_house, program, Node::Good, data, at)
    }

    fn quote_of(
        &self,
        house: &House,
        program: &Program,
        node: Node,
        data: [u8; 64],
        at: Timestamp,
    ) -> Result<Vec<u8>> {
        let report = self.executor.report(program, house.running(node)?, data);
        let platform = platform(&house.vendor, node, at)?;
        let quote = house
            .vendor
            .quote_enclave(platform, &report.map_err(broken)?, at);
        quote.map_err(broken)
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
        let vendor = self.vendor();
        let platform = platform(vendor, Node::Good, at)?;
        let attested = vendor.attest(platform, &subject, Selection::Standard, at);
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
