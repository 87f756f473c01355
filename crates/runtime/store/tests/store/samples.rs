//! Things to keep. Nothing of them is genuine.

use bulla_collateral::tcb_info::TcbInfoId;
use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, Window};
use bulla_store::AnchorId;
use bulla_store::documents::{NewDocument, Selection, SetAside};

pub(crate) const ANCHOR: AnchorId = AnchorId([1; 32]);
pub(crate) const OTHER: AnchorId = AnchorId([2; 32]);
pub(crate) const DAY: u64 = 86_400;

/// Midnight of a day of 2026.
pub(crate) fn day(number: u64) -> Timestamp {
    let start: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    start.saturating_add(number * DAY)
}

pub(crate) const QE: Series = Series::EnclaveIdentity(EnclaveId::Qe);

pub(crate) const TCB: Series = Series::TcbInfo {
    id: TcbInfoId::Tdx,
    fmspc: [0, 0x80, 0x6f, 5, 0, 0],
    version: 3,
};

/// A slot of every kind.
pub(crate) fn slots() -> Vec<Slot> {
    vec![
        Slot::Numbered(QE, 17),
        Slot::Numbered(QE, 18),
        Slot::Numbered(TCB, 17),
        Slot::EvaluationDataNumbers(TcbInfoId::Sgx),
        Slot::PckCrl(PckCa::Processor),
        Slot::PckCrl(PckCa::Platform),
        Slot::RootCaCrl,
    ]
}

/// A document issued on a day for 30 days, which arrived on another.
pub(crate) fn document(slot: Slot, content: &str, issued: u64, arrived: u64) -> NewDocument {
    let body = [b"body\0\xff ", content.as_bytes()].concat();
    NewDocument {
        slot,
        sha256: sha256(&body),
        body,
        issuer_chain: b"-----BEGIN CERTIFICATE-----".to_vec(),
        window: Window {
            from: day(issued),
            until: day(issued + 30),
        },
        arrived: day(arrived),
        source: "https://vendor.example".to_owned(),
    }
}

pub(crate) fn selection(selector: Selector, number: u32, seen: u64) -> Selection {
    Selection {
        series: QE,
        selector,
        number,
        since: day(seen),
        seen: day(seen),
    }
}

pub(crate) fn refused(what: &str, body: &[u8], arrived: u64) -> SetAside {
    SetAside {
        arrived: day(arrived),
        source: "https://vendor.example".to_owned(),
        what: what.to_owned(),
        code: "signature".to_owned(),
        reason: "the signature does not hold".to_owned(),
        body: body.to_vec(),
    }
}
