//! A database as Intel's cache has it, with what a vendor publishes.

use std::path::Path;

use bulla_pki::Timestamp;
use bulla_protocol::pcs::{
    Answer, CrlEncoding, Enclave, EncodedCrl, PckCa, PlatformKey, Request, Selection, Tee,
};
use bulla_protocol::percent;
use bulla_protocol::value::{EncryptedPpid, Fmspc, PceId, PceSvn, Pem, PlatformManifest};
use bulla_tests::host::Host;
use bulla_vendor::answer::answer;
use bulla_vendor::{PLATFORM_FMSPC, PROCESSOR_FMSPC, Vendor};
use rusqlite::{Connection, params};

/// When rows were written, as the cache writes it.
const WRITTEN: &str = "2026-11-23 11:02:03.004 +00:00";

const SCHEMA: &str = "
CREATE TABLE umzug (name VARCHAR(255) PRIMARY KEY);
CREATE TABLE platforms (qe_id VARCHAR(255), pce_id VARCHAR(255), platform_manifest BLOB,
    enc_ppid BLOB, fmspc VARCHAR(255), ca VARCHAR(255), created_time DATETIME, updated_time DATETIME,
    PRIMARY KEY (qe_id, pce_id));
CREATE TABLE platform_tcbs (qe_id VARCHAR(255), pce_id VARCHAR(255), cpu_svn VARCHAR(255),
    pce_svn VARCHAR(255), tcbm VARCHAR(255), created_time DATETIME, updated_time DATETIME,
    PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));
CREATE TABLE pck_cert (qe_id VARCHAR(255), pce_id VARCHAR(255), tcbm VARCHAR(255), pck_cert BLOB,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (qe_id, pce_id, tcbm));
CREATE TABLE platforms_registered (qe_id VARCHAR(255), pce_id VARCHAR(255), cpu_svn VARCHAR(255),
    pce_svn VARCHAR(255), enc_ppid BLOB, platform_manifest BLOB, state INTEGER,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (qe_id, pce_id, cpu_svn, pce_svn));
CREATE TABLE fmspc_tcbs (fmspc VARCHAR(255), type INTEGER, version INTEGER,
    update_type VARCHAR(255), tcbinfo BLOB, root_cert_id INTEGER, signing_cert_id INTEGER,
    created_time DATETIME, updated_time DATETIME, PRIMARY KEY (fmspc, type, version, update_type));
CREATE TABLE enclave_identities (id INTEGER, version INTEGER, update_type VARCHAR(255),
    identity BLOB, root_cert_id INTEGER, signing_cert_id INTEGER, created_time DATETIME,
    updated_time DATETIME, PRIMARY KEY (id, version, update_type));
CREATE TABLE pck_crl (ca VARCHAR(255) PRIMARY KEY, pck_crl BLOB, root_cert_id INTEGER,
    intmd_cert_id INTEGER, created_time DATETIME, updated_time DATETIME);
CREATE TABLE pck_certchain (ca VARCHAR(255) PRIMARY KEY, root_cert_id INTEGER,
    intmd_cert_id INTEGER, created_time DATETIME, updated_time DATETIME);
CREATE TABLE pcs_certificates (id INTEGER PRIMARY KEY, cert BLOB, crl BLOB, created_time DATETIME,
    updated_time DATETIME);
CREATE TABLE crl_cache (cdp_url VARCHAR(255) PRIMARY KEY, crl BLOB, created_time DATETIME,
    updated_time DATETIME);
CREATE TABLE appraisal_policies (id VARCHAR(255) PRIMARY KEY, type INTEGER, policy TEXT,
    is_default BOOLEAN, fmspc VARCHAR(255), created_time DATETIME, updated_time DATETIME);
CREATE TABLE pcs_version (id INTEGER PRIMARY KEY, api_version INTEGER, server_addr VARCHAR(255),
    db_version INTEGER, created_time DATETIME, updated_time DATETIME);
INSERT INTO pcs_version VALUES (1, 4, 'api.trustedservices.intel.com', 5, '', '');
";

/// The CAs with their ids among the certificates, and their families.
const CAS: [(PckCa, &str, i64, [u8; 6]); 2] = [
    (PckCa::Processor, "PROCESSOR", 2, PROCESSOR_FMSPC),
    (PckCa::Platform, "PLATFORM", 4, PLATFORM_FMSPC),
];

/// An empty database.
pub(crate) fn empty(path: &Path) -> Connection {
    let database = Connection::open(path).expect("a database");
    database.execute_batch(SCHEMA).expect("a schema");
    database
}

/// A database with all documents of a moment, and these platforms.
pub(crate) fn filled(path: &Path, vendor: &Vendor, hosts: &[Host], at: Timestamp) -> Connection {
    let database = empty(path);
    documents(&database, vendor, at);
    for host in hosts {
        platform(&database, vendor, host, at);
    }
    database
}

fn documents(database: &Connection, vendor: &Vendor, at: Timestamp) {
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
    let (_, ca, ..) = CAS.into_iter().find(|(one, ..)| *one == ca).expect("a CA");
    let ppid = manifest.is_none().then(|| host.encrypted_ppid.to_vec());
    insert(
        database,
        "platforms",
        params![
            host.qe_id,
            "0000",
            manifest,
            ppid,
            fmspc.to_string(),
            ca,
            WRITTEN,
            WRITTEN
        ],
    );
    let reported = (
        hex::encode_upper(host.cpu_svn),
        PceSvn(host.pce_svn).to_string(),
    );
    let mut highest = None;
    for entry in &certificates {
        let Some(certificate) = &entry.certificate else {
            continue;
        };
        let tcbm = entry.tcbm.to_string();
        insert(
            database,
            "pck_cert",
            params![
                host.qe_id,
                "0000",
                tcbm,
                certificate.as_str(),
                WRITTEN,
                WRITTEN
            ],
        );
        let is_reached = entry.pcesvn <= host.pce_svn
            && entry
                .components
                .iter()
                .zip(&host.cpu_svn)
                .all(|(one, other)| one <= other);
        let rank = (entry.components, entry.pcesvn, tcbm);
        if is_reached && highest.as_ref().is_none_or(|other| rank > *other) {
            highest = Some(rank);
        }
    }
    let (.., tcbm) = highest.expect("a certificate for what is reported");
    insert(
        database,
        "platform_tcbs",
        params![
            host.qe_id, "0000", reported.0, reported.1, tcbm, WRITTEN, WRITTEN
        ],
    );
}

/// A platform that waits, as with mode OFFLINE.
pub(crate) fn queue(database: &Connection, host: &Host) {
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
    assert_eq!(database.execute(&insert, values), Ok(1), "{table}");
}
