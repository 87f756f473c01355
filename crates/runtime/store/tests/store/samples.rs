//! Things to keep. Nothing of them is genuine.

use bulla_collateral::tcb_info::TcbInfoId;
use bulla_collateral::{EnclaveId, PckCa, Selector, Series, Slot};
use bulla_pki::digest::sha256;
use bulla_pki::{Timestamp, Window};
use bulla_protocol::value::{CpuSvn, EncryptedPpid, Fmspc, PceId, PceSvn, PlatformManifest, Tcbm};
use bulla_store::AnchorId;
use bulla_store::audit::Event;
use bulla_store::documents::{NewDocument, Selection, SetAside};
use bulla_store::fleet::{Evidence, PckCertificates, Platform, PlatformId, RawTcb, Registration};
use bulla_store::secrets::{Claim, InForce, Limits, NewSecret};

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

pub(crate) fn event(action: &str) -> Event {
    Event {
        at: day(1),
        actor: "operator".to_owned(),
        action: action.to_owned(),
        subject: "root-ca-crl".to_owned(),
        details: "{}".to_owned(),
    }
}

pub(crate) fn id(name: &str) -> PlatformId {
    PlatformId {
        qe_id: name.to_owned(),
        pce_id: PceId([0, 0]),
    }
}

pub(crate) fn fmspc(number: u8) -> Fmspc {
    Fmspc([0, 0x80, 0x6f, 5, 0, number])
}

pub(crate) fn ppid(number: u8) -> Box<EncryptedPpid> {
    Box::new(EncryptedPpid([number; 384]))
}

pub(crate) fn manifest(number: u8) -> PlatformManifest {
    PlatformManifest::new(vec![number; PlatformManifest::SMALLEST]).unwrap()
}

/// A platform of which nothing is known but its name.
pub(crate) fn platform(name: &str) -> Platform {
    Platform {
        id: id(name),
        encrypted_ppid: None,
        manifest: None,
        fmspc: None,
        ca: None,
        registered: day(1),
    }
}

pub(crate) fn tcbm(number: u8) -> Tcbm {
    Tcbm {
        cpusvn: CpuSvn([number; 16]),
        pcesvn: PceSvn(0x0100 + u16::from(number)),
    }
}

/// A reported TCB, and the number of the certificate that was selected for it.
pub(crate) fn raw(number: u8, selected: Option<u8>) -> RawTcb {
    RawTcb {
        cpu_svn: CpuSvn([number; 16]),
        pce_svn: PceSvn(u16::from(number)),
        selected: selected.map(tcbm),
    }
}

/// Certificates for the TCBs 1 and 2, and none for 9 and 8.
pub(crate) fn certificates(number: u8) -> PckCertificates {
    let certificate = |tcb: u8| {
        let text = format!("-----BEGIN CERTIFICATE----- {number} {tcb}");
        (tcbm(tcb), text.into_bytes())
    };
    PckCertificates {
        certificates: vec![certificate(1), certificate(2)],
        not_available: vec![tcbm(9), tcbm(8)],
        issuer_chain: vec![b'-', number],
        fmspc: fmspc(number),
        ca: match number {
            1 => PckCa::Processor,
            _ => PckCa::Platform,
        },
        arrived: day(number.into()),
        source: format!("https://vendor.example/{number}"),
    }
}

pub(crate) fn evidence(number: u8, tee: &str, arrived: u64) -> Evidence {
    Evidence {
        ppid: [number; 16],
        pce_id: PceId([0, 0]),
        qe_id: [number + 1; 16],
        fmspc: fmspc(number),
        tee: tee.to_owned(),
        quote: format!("quote {arrived}").into_bytes(),
        arrived: day(arrived),
        tcb_status: "UpToDate".to_owned(),
    }
}

/// A platform that waits with a TCB.
pub(crate) fn reported(name: &str, tcb: u8) -> Registration {
    Registration {
        id: id(name),
        cpu_svn: Some(CpuSvn([tcb; 16])),
        pce_svn: Some(PceSvn(u16::from(tcb))),
        encrypted_ppid: Some(ppid(tcb)),
        manifest: None,
    }
}

/// A secret under the policy `any`, without limits.
pub(crate) fn secret(name: &str, version: u32) -> NewSecret {
    NewSecret {
        name: name.to_owned(),
        version,
        policy: "any".to_owned(),
        limits: Limits::default(),
        value: format!("sealed {name} {version}").into_bytes(),
    }
}

/// A claim on a secret, on its first day, that rests on no decision.
pub(crate) fn claim(name: &str, version: u32) -> Claim {
    Claim {
        name: name.to_owned(),
        version,
        platform: [7; 32],
        at: day(1),
        in_force: Vec::new(),
    }
}

/// A version of a policy.
pub(crate) fn policy(name: &str, version: u32) -> InForce {
    InForce {
        kind: "policy".to_owned(),
        name: name.to_owned(),
        version,
    }
}
