//! A database as Intel's cache has it, with what a vendor publishes.

use std::path::Path;

use bulla_collateral::pck_selection::PckTcb;
use bulla_pki::Timestamp;
use bulla_protocol::pcs::{
    Answer, CrlEncoding, Enclave, EncodedCrl, PckCa, PlatformKey, Request, Selection, Tee,
};
use bulla_protocol::percent;
use bulla_protocol::value::{EncryptedPpid, Fmspc, PceId, PceSvn, Pem, PlatformManifest};
use bulla_vendor::answer::answer;
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC, Vendor};
use rusqlite::{Connection, params};

use crate::host::Host;

/// When rows were written, as the cache writes it.
const WRITTEN: &str = "2026-11-23 11:02:03.004 +00:00";

const SCHEMA: &str = include_str!("../data/pccs.sql");

/// The CAs with their ids among the certificates, and their families.
const CAS: [(PckCa, &str, i64, [u8; 6]); 2] = [
    (PckCa::Processor, "PROCESSOR", 2, PROCESSOR_FMSPC),
    (PckCa::Platform, "PLATFORM", 4, PLATFORM_FMSPC),
];

/// An empty database.
pub fn empty(path: &Path) -> Connection {
    let database = Connection::open(path).expect("a database");
    database.execute_batch(SCHEMA).expect("a schema");
    database
}

/// A database with all documents of a moment, and these platforms.
pub fn filled(path: &Path, vendor: &Vendor, hosts: &[Host], at: Timestamp) -> Connection {
    let database = empty(path);
    documents(&database, vendor, at);
    for host in hosts {
        platform(&database, vendor, host, at);
    }
    database
}

/// Puts in all documents of a moment.
pub fn documents(database: &Connection, vendor: &Vendor, at: Timestamp) {
    let ask = |request: &Request| answer(vendor, request, at).expect("an answer");
    for (ca, name, id, _) in CAS {
        let encoding = CrlEncoding::Der;
        let Answer::PckCrl {
            crl: EncodedCrl::Der(der),
            issuer_chain,
        } = ask(&Request::PckCrl { ca, encoding })
        else {
            panic!("a CRL");
        };
        certificates(database, id, &issuer_chain);
        insert(
            database,
            "pck_certchain",
            params![name, 1, id, WRITTEN, WRITTEN],
        );
        insert(
            database,
            "pck_crl",
            params![name, der, 1, id, WRITTEN, WRITTEN],
        );
    }
    let root = vendor.root_ca_crl(at).der;
    let update = "UPDATE pcs_certificates SET crl = ?1 WHERE id = 1";
    assert_eq!(database.execute(update, params![root]), Ok(1));
    let url = "https://certificates.trustedservices.intel.com/IntelSGXRootCA.der";
    insert(database, "crl_cache", params![url, root, WRITTEN, WRITTEN]);
    let updates = [
        ("STANDARD", Selection::Standard),
        ("EARLY", Selection::Early),
    ];
    for (update, selection) in updates {
        for (.., family) in CAS {
            for (tee, kind) in [(Tee::Sgx, 0), (Tee::Tdx, 1)] {
                let fmspc = Fmspc(family);
                let request = Request::TcbInfo {
                    tee,
                    fmspc,
                    selection,
                };
                // Not every family has both technologies.
                let Ok(Answer::TcbInfo(issued)) = answer(vendor, &request, at) else {
                    continue;
                };
                certificates(database, 3, &issued.issuer_chain);
                insert(
                    database,
                    "fmspc_tcbs",
                    params![
                        fmspc.to_string(),
                        kind,
                        4,
                        update,
                        issued.document,
                        1,
                        3,
                        WRITTEN,
                        WRITTEN
                    ],
                );
            }
        }
        for (enclave, id) in [
            (Enclave::SgxQe, 1),
            (Enclave::SgxQve, 2),
            (Enclave::TdxQe, 3),
        ] {
            let Answer::EnclaveIdentity(issued) =
                ask(&Request::EnclaveIdentity { enclave, selection })
            else {
                panic!("an identity");
            };
            insert(
                database,
                "enclave_identities",
                params![id, 4, update, issued.document, 1, 3, WRITTEN, WRITTEN],
            );
        }
    }
}

/// A platform with its certificates and the TCB that it reports.
fn platform(database: &Connection, vendor: &Vendor, host: &Host, at: Timestamp) {
    let manifest = host.manifest.clone();
    let key = match &manifest {
        Some(bytes) => PlatformKey::Manifest(PlatformManifest::new(bytes.clone()).expect("one")),
        None => PlatformKey::EncryptedPpid(Box::new(EncryptedPpid(host.encrypted_ppid))),
    };
    let pceid = PceId([0; 2]);
    let request = Request::PckCertificates {
        platform: key,
        pceid,
    };
    let Answer::PckCertificates {
        certificates,
        fmspc,
        ca,
        ..
    } = answer(vendor, &request, at).expect("certificates")
    else {
        panic!("certificates");
    };
    let certificates = certificates.iter().filter_map(|entry| {
        let certificate = entry.certificate.as_ref()?;
        let tcb = PckTcb {
            components: entry.components,
            pcesvn: entry.pcesvn,
        };
        Some((tcb, certificate.as_str().to_owned()))
    });
    let certificates: Vec<_> = certificates.collect();
    certified(database, host, fmspc, ca, &certificates);
}

/// A platform with these certificates in PEM, and the TCB that it reports.
pub fn certified(
    database: &Connection,
    host: &Host,
    fmspc: Fmspc,
    ca: PckCa,
    certificates: &[(PckTcb, String)],
) {
    let (_, ca, ..) = CAS.into_iter().find(|(one, ..)| *one == ca).expect("a CA");
    let by_ppid = host.manifest.is_none();
    let ppid = by_ppid.then(|| host.encrypted_ppid.to_vec());
    let fmspc = fmspc.to_string();
    insert(
        database,
        "platforms",
        params![
            host.qe_id,
            "0000",
            host.manifest,
            ppid,
            fmspc,
            ca,
            WRITTEN,
            WRITTEN
        ],
    );
    let raw = PckTcb {
        components: host.cpu_svn,
        pcesvn: host.pce_svn,
    };
    let mut highest = None;
    for (tcb, certificate) in certificates {
        let (cpu_svn, pce_svn) = svns(tcb);
        let tcbm = format!("{cpu_svn}{pce_svn}");
        insert(
            database,
            "pck_cert",
            params![host.qe_id, "0000", tcbm, certificate, WRITTEN, WRITTEN],
        );
        let rank = (tcb, tcbm);
        if raw.reaches(tcb) && highest.as_ref().is_none_or(|other| rank > *other) {
            highest = Some(rank);
        }
    }
    let (_, tcbm) = highest.expect("a certificate for what is reported");
    let (cpu_svn, pce_svn) = svns(&raw);
    insert(
        database,
        "platform_tcbs",
        params![host.qe_id, "0000", cpu_svn, pce_svn, tcbm, WRITTEN, WRITTEN],
    );
}

/// CPUSVN and PCESVN as the cache writes them.
fn svns(tcb: &PckTcb) -> (String, String) {
    let cpu_svn = hex::encode_upper(tcb.components);
    (cpu_svn, PceSvn(tcb.pcesvn).to_string())
}

/// A platform that waits, as with mode OFFLINE.
pub fn queue(database: &Connection, host: &Host) {
    insert(
        database,
        "platforms_registered",
        params![
            host.qe_id,
            "0000",
            hex::encode_upper(host.cpu_svn),
            PceSvn(host.pce_svn).to_string(),
            host.encrypted_ppid,
            None::<Vec<u8>>,
            0,
            WRITTEN,
            WRITTEN
        ],
    );
}

/// The issuer of a chain under its id, and the root under 1; percent-encoded, as the cache keeps them.
fn certificates(database: &Connection, id: i64, chain: &Pem) {
    let end = "-----END CERTIFICATE-----\n";
    let mut blocks = chain.as_str().split_inclusive(end);
    for id in [id, 1] {
        let block = percent::encode(blocks.next().expect("two certificates"));
        database
            .execute(
                "INSERT OR REPLACE INTO pcs_certificates VALUES \
                 (?1, ?2, (SELECT crl FROM pcs_certificates WHERE id = ?1), ?3, ?3)",
                params![id, block, WRITTEN],
            )
            .expect("a row");
    }
}

fn insert(database: &Connection, table: &str, values: &[&dyn rusqlite::ToSql]) {
    let places: Vec<String> = (1..=values.len())
        .map(|place| format!("?{place}"))
        .collect();
    let insert = format!("INSERT INTO {table} VALUES ({})", places.join(", "));
    let mut insert = database.prepare_cached(&insert).expect("a statement");
    assert_eq!(insert.execute(values), Ok(1), "{table}");
}
