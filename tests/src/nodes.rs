//! A fleet of twenty-two nodes, seven of which stay behind when the vendor raises a level.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use bulla_collateral::TcbStatus;
use bulla_pki::Timestamp;
use bulla_vendor::{Event, Order, Part, PckCa, Recovery, Vendor};

use crate::site::vendor;

/// The nodes.
pub const NODES: u8 = 22;

/// Those that miss the update.
pub const BEHIND: [u8; 7] = [2, 3, 7, 11, 13, 17, 22];

/// The advisory that is open on those.
pub const ADVISORY: &str = "INTEL-SA-09999";

/// When number 2 becomes the vendor's standard.
pub const PROMOTED: &str = "2026-11-28T09:00:00Z";

/// The name of a node.
pub fn node(number: u8) -> String {
    format!("node-{number}")
}

/// The vendor of all tests with the nodes, of several packages. Number 2, which asks for newer
/// microcode, was disclosed on 2026-11-20; two days later all but seven have it.
pub fn vendor_with_nodes() -> Vendor {
    let mut vendor = vendor();
    let time = |text: &str| text.parse::<Timestamp>().unwrap();
    for number in 1..=NODES {
        let order = Order {
            name: node(number).parse().unwrap(),
            ca: PckCa::Platform,
            fmspc: None,
            number: None,
        };
        vendor.make(order, time("2026-11-02T00:00:00Z")).unwrap();
    }
    let recovery = Recovery {
        number: 2,
        date: time("2026-11-10T00:00:00Z"),
        raises: Part::MICROCODE.into(),
        below: TcbStatus::OutOfDate,
        advisory_ids: [ADVISORY.to_owned()].into(),
    };
    let disclosed = time("2026-11-20T00:00:00Z");
    vendor.record(disclosed, Event::Recovery(recovery)).unwrap();
    for number in (1..=NODES).filter(|number| !BEHIND.contains(number)) {
        update(&mut vendor, number, time("2026-11-22T00:00:00Z"));
    }
    let promotion = Event::Promotion { number: 2 };
    vendor.record(time(PROMOTED), promotion).unwrap();
    vendor
}

/// Installs all that was disclosed on a node.
pub fn update(vendor: &mut Vendor, number: u8, at: Timestamp) {
    let name = node(number).parse().unwrap();
    vendor.update(&name, None, Part::all(), at).unwrap();
}
