//! Fills a folder with what fuzzing starts from, one folder for each target: what the issuer
//! signs and, where `BULLA_VECTORS` names a folder, genuine evidence and collateral.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bulla_archive::{
    Anchor, Contents, Document, Platform, PlatformName, Sealing, Sha256, Signer, Volume,
};
use bulla_collateral::SignedText;
use bulla_enclave::image::{self, Memory, demonstration};
use bulla_evidence::layout::ReportType;
use bulla_evidence::{CertificationData, Quote};
use bulla_fuzz::bases::{self, Base, Bases};
use bulla_issuer::{DocumentKind, EvaluationNumberSpec, EvaluationNumbersSpec, QuoteKind, pem};
use bulla_pki::digest::sha256;
use bulla_pki::{Certificate, SigningKey, Window};
use bulla_processor::sgxs::{CHUNK_SIZE, RECORD_SIZE, Record};
use bulla_processor::structures::PAGE_SIZE;
use rusqlite::Connection;
use serde_json::json;

#[path = "../../crates/simulation/enclave/tests/common/mod.rs"]
#[allow(
    dead_code,
    reason = "the tests of the converter reach into what is only read here"
)]
mod program;

// Nothing is fuzzed here. A program that is built with the flags for fuzzing must be linked to what
// counts the coverage.
libfuzzer_sys::fuzz_target!(|_bytes: &[u8]| {});

/// A policy with every field; `{root}` stands for the simulated root.
const POLICY: &str = include_str!("policy.toml");

/// What lets pass the evidence that is out of date or judged too late.
const EXCEPTIONS: &str = r#"
[[allowed_advisories]]
id = "SIMULATED-SA-00001"
until = "{until}"
reason = "OPS-1"
[[expired_documents]]
documents = ["tcb_info", "qe_identity", "pck_crl"]
until = "{until}"
reason = "OPS-2"
"#;

/// When they end: before, at and after the instants at which that evidence is judged.
const EXCEPTIONS_END: [&str; 4] = [
    "2026-11-22T23:59:59Z",
    "2026-11-23T00:00:00Z",
    "2027-01-22T00:00:00Z",
    "2027-01-31T23:59:59Z",
];

/// Requests to the vendor's cache: method, path, query and body, each on a line
/// of its own.
const PCCS: &str = include_str!("pccs.txt");

/// The tables of the vendor's cache.
const PCCS_SCHEMA: &str = include_str!("../../tests/data/pccs.sql");

/// Claims of a result, with places for values.
const CLAIMS: &str = include_str!("claims.txt");

fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::args_os().nth(1).ok_or("usage: seed FOLDER")?;
    let vectors = std::env::var_os("BULLA_VECTORS").map(PathBuf::from);
    let mut seeds = Seeds::default();
    let bases = Bases::new(vectors.as_deref());
    for base in bases.iter() {
        seeds.add_base(base);
    }
    seeds.add_procedures(&bases);
    seeds.add_policies(&bases);
    seeds.add_evaluation_numbers();
    seeds.add_requests();
    seeds.add_gate();
    seeds.add_images();
    seeds.add_archives(&bases);
    seeds.add_databases(&bases);
    if let Some(vectors) = &vectors {
        seeds.add_vectors(vectors)?;
    }
    seeds.write(Path::new(&folder))
}

/// Seeds by target; equal ones once.
#[derive(Default)]
struct Seeds(BTreeMap<&'static str, BTreeMap<String, Vec<u8>>>);

impl Seeds {
    fn add(&mut self, target: &'static str, seed: impl Into<Vec<u8>>) {
        let seed = seed.into();
        let name = hex::encode(&sha256(&seed)[..8]);
        self.0.entry(target).or_default().insert(name, seed);
    }

    fn write(&self, folder: &Path) -> Result<(), Box<dyn Error>> {
        for (target, seeds) in &self.0 {
            let folder = folder.join(target);
            fs::create_dir_all(&folder)?;
            for (name, seed) in seeds {
                fs::write(folder.join(name), seed)?;
            }
            println!("{target}: {} seeds", seeds.len());
        }
        Ok(())
    }

    fn add_base(&mut self, base: &Base) {
        let set = &base.collateral;
        self.add_quote(&base.quote);
        self.add_chain(base.pck_chain());
        self.add_chain(&set.tcb_info_issuer_chain);
        self.add_chain(&set.pck_crl_issuer_chain);
        self.add_document("tcbInfo", &set.tcb_info);
        self.add_document("enclaveIdentity", &set.qe_identity);
        self.add_crl(&set.pck_crl);
        self.add_crl(&set.root_ca_crl);
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let set = json!({
            "tcb_info": text(&set.tcb_info.body),
            "tcb_info_signature": set.tcb_info.signature,
            "tcb_info_issuer_chain": text(&set.tcb_info_issuer_chain),
            "qe_identity": text(&set.qe_identity.body),
            "qe_identity_signature": set.qe_identity.signature,
            "qe_identity_issuer_chain": text(&set.qe_identity_issuer_chain),
            "pck_crl": hex::encode(&set.pck_crl),
            "pck_crl_issuer_chain": text(&set.pck_crl_issuer_chain),
            "root_ca_crl": hex::encode(&set.root_ca_crl),
            "pck_certificate_chain": set.pck_certificate_chain.as_deref().map(text),
        });
        self.add("documents", set.to_string());
    }

    fn add_quote(&mut self, bytes: &[u8]) {
        self.add("quote", bytes);
        let Ok(quote) = Quote::parse(bytes) else {
            return;
        };
        if let Some(body) = quote.body().sgx() {
            let body = zerocopy::IntoBytes::as_bytes(body);
            self.add("report", body);
            self.add("report", [body, &[0; 48]].concat());
        }
        let mut report = quote.signed().to_vec();
        report.resize(1024, 0);
        report[0] = ReportType::TDX;
        self.add("report", report);
    }

    fn add_chain(&mut self, text: &[u8]) {
        self.add("pem", text);
        for der in bulla_pki::pem::decode(text, "CERTIFICATE", 4).unwrap_or_default() {
            self.add_certificate(&der);
        }
    }

    fn add_certificate(&mut self, der: &[u8]) {
        self.add("certificate", der);
        if let Ok(certificate) = Certificate::parse(der)
            && let Some(sgx) = certificate.extensions().sgx
        {
            self.add("certificate", sgx);
        }
    }

    fn add_document(&mut self, key: &str, document: &SignedText) {
        self.add("documents", document.body.as_slice());
        let body = String::from_utf8_lossy(&document.body);
        let signature = &document.signature;
        let served = format!("{{\"{key}\":{body},\"signature\":\"{signature}\"}}");
        self.add("documents", served);
    }

    fn add_crl(&mut self, der: &[u8]) {
        self.add("crl", der);
        self.add("crl", hex::encode(der));
        self.add("crl", pem::block("X509 CRL", der));
    }

    fn add_evaluation_numbers(&mut self) {
        let at = bases::scenario(QuoteKind::SgxV3, 0).at;
        let spec = EvaluationNumbersSpec {
            id: "SGX".to_owned(),
            version: 1,
            validity: Window {
                from: at,
                until: at,
            },
            numbers: [19, 18, 17]
                .map(|number| EvaluationNumberSpec {
                    number,
                    recovery_event_date: at,
                    tcb_date: at,
                })
                .to_vec(),
        };
        self.add("documents", spec.to_json());
    }

    fn add_policies(&mut self, bases: &Bases) {
        let root = bases.anchors.iter().last().expect("a simulated root");
        let root = hex::encode(root.public_key_sha256());
        let whole = POLICY.replace("{root}", &root);
        self.add("policy", "");
        self.add("policy", whole.as_str());
        let root = format!("trust_anchors = [\"intel-sgx-root\", \"{root}\"]\n");
        self.add("policy", root.as_str());
        for until in EXCEPTIONS_END {
            let exceptions = EXCEPTIONS.replace("{until}", until);
            self.add("policy", format!("{root}{exceptions}"));
        }
        for section in whole.split("\n\n") {
            self.add("policy", section);
        }
    }

    fn add_requests(&mut self) {
        let digits = |text: &str| {
            text.replace("{ppid}", &"a7".repeat(384))
                .replace("{manifest}", &"5c".repeat(9_000))
        };
        for request in PCCS.trim_end().split("\n--\n") {
            self.add("pccs", digits(request));
        }
    }

    /// A request and an answer of each kind, the claims of a result, and a set of keys.
    fn add_gate(&mut self) {
        let octets = "A".repeat(43);
        let key = format!(r#"{{"kty":"OKP","crv":"X25519","x":"{octets}"}}"#);
        let token = "eyJ9.eyJ9.AAAA";
        let instant = "2026-11-23T00:00:00Z";
        for request in [
            "{}".to_owned(),
            format!(
                r#"{{"nonce":"{octets}","evidence":{{"format":"dcap-quote","quote":"AAEC"}},"public_key":{key},"policy":"strict","audience":"https://service.example"}}"#
            ),
            format!(r#"{{"token":"{token}","secret":"key"}}"#),
            format!(
                r#"{{"policy":"strict","value":"c2VjcmV0","times":3,"until":"{instant}","platforms":["{}"]}}"#,
                "ab".repeat(32)
            ),
            format!(r#"{{"nonce":"{octets}","expires":"{instant}","service_time":"{instant}"}}"#),
            format!(r#"{{"token":"{token}","expires":"{instant}","status":"warning"}}"#),
            format!(r#"{{"secret":"key","version":1,"enc":"{octets}","ciphertext":"AAEC"}}"#),
        ] {
            self.add("gate", request);
        }
        for measurement in [
            r#"{"tee":"sgx","mrenclave":"@32","mrsigner":"@32","isvprodid":7,"isvsvn":3,"debug":false}"#,
            r#"{"tee":"tdx","mrtd":"@48","rtmr":["@48","@48","@48","@48"],"mrseam":"@48","debug":false}"#,
        ] {
            let claims = CLAIMS
                .trim_end()
                .replace("@measurement", measurement)
                .replace("@octets", &octets)
                .replace("@32", &"ab".repeat(32))
                .replace("@48", &"cd".repeat(48));
            self.add("token", claims);
        }
        self.add("token", r#"{"alg":"ES256","kid":"A","typ":"JWT"}"#);
        // The key of RFC 7515, appendix A.3.
        self.add(
            "token",
            r#"{"keys":[{"kty":"EC","crv":"P-256","alg":"ES256","use":"sig","kid":"oKIywvGUpTVTyxMQ3bwIIeQUudfr_CkLMjCE19ECD-U","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#,
        );
    }

    /// Archives of the documents of two bases, whole and since the first, without their signatures.
    fn add_archives(&mut self, bases: &Bases) {
        let key = SigningKey::generate().expect("there are random bytes");
        let at = |text: &str| text.parse().expect("a time");
        let document = |slot: &str, body: &[u8], issuer_chain: &[u8]| Document {
            slot: slot.parse().expect("a slot"),
            selected_as: Vec::new(),
            issued: at("2026-11-23T08:00:00Z"),
            until: at("2026-12-23T08:00:00Z"),
            body: body.to_vec(),
            issuer_chain: issuer_chain.to_vec(),
        };
        let all: Vec<(Contents, Platform)> = bases
            .iter()
            .take(2)
            .map(|base| {
                let set = &base.collateral;
                let contents = Contents {
                    created: at("2026-11-24T08:00:00Z"),
                    trust_anchor: Anchor {
                        name: "simulated".to_owned(),
                        genuine: false,
                        simulated: true,
                        public_key_sha256: Sha256([0; 32]),
                    },
                    documents: vec![
                        document("root-ca-crl", &set.root_ca_crl, &set.pck_crl_issuer_chain),
                        document("pck-crl/platform", &set.pck_crl, &set.pck_crl_issuer_chain),
                        document(
                            "enclave-identity/qe/17",
                            &set.qe_identity.body,
                            &set.qe_identity_issuer_chain,
                        ),
                    ],
                };
                let platform = Platform {
                    name: PlatformName {
                        qe_id: "00".repeat(16),
                        pce_id: "0000".to_owned(),
                    },
                    fmspc: "00806F050000".to_owned(),
                    until: at("2030-01-01T00:00:00Z"),
                    body: b"{}".to_vec(),
                    issuer_chain: set.pck_crl_issuer_chain.clone(),
                };
                (contents, platform)
            })
            .collect();
        let mut base = None;
        for (contents, platform) in all {
            let known = base.as_ref();
            let sealing = Sealing::begin(contents, &key, known.map(|(whole, _)| whole));
            let mut sealing = sealing.expect("an archive");
            let row = known.map(|(_, row)| row);
            let mut archive = sealing.platform(platform, row).expect("a platform");
            archive.extend(sealing.finish().expect("an archive"));
            let (volumes, whole) = bulla_fuzz::tar::read(&archive, &key).expect("an archive");
            // The signature has one block, as its header and that of the manifest have.
            let manifest = &volumes[0].bytes()[2 * 512..];
            let size = manifest[512..].iter().position(|byte| *byte == 0);
            let (text, rest) = manifest[512..].split_at(size.expect("zeros behind it"));
            let padding = text.len().next_multiple_of(512) - text.len();
            let rest = &rest[padding..];
            let signed = bulla_fuzz::tar::volume(&key, text, rest);
            Volume::read(&signed, Signer::Key(key.public_key())).expect("the target reads it");
            self.add("archive", [text, &[0], rest].concat());
            base = Some((whole, volumes[0].manifest().platforms[0].clone()));
        }
    }

    /// The database of Intel's cache, with nothing in it and with one platform and its documents. Its
    /// pages are the shortest that there are.
    fn add_databases(&mut self, bases: &Bases) {
        let folder = std::env::temp_dir();
        let path = folder.join(format!("bulla-seed-{}.db", std::process::id()));
        let database = Connection::open(&path).expect("a database");
        database
            .execute_batch(&format!("PRAGMA page_size = 512; {PCCS_SCHEMA}"))
            .expect("a schema");
        let file = || std::fs::read(&path).expect("a database");
        self.add("pccs_database", file());
        let set = &bases.iter().next().expect("a base").collateral;
        let chain = String::from_utf8_lossy(&set.pck_crl_issuer_chain);
        let (issuer, root) = chain.split_at(
            chain.find("-----END").expect("a certificate") + "-----END CERTIFICATE-----".len(),
        );
        let info = DocumentKind::TcbInfo.served(&set.tcb_info);
        let identity = DocumentKind::EnclaveIdentity.served(&set.qe_identity);
        let tcbm = "0".repeat(36);
        let put = |sql: &str, values: &[&dyn rusqlite::ToSql]| {
            database.execute(sql, values).expect("a row");
        };
        for (id, certificate) in [
            (1, root.trim_start()),
            (2, issuer),
            (3, issuer),
            (4, issuer),
        ] {
            put(
                "INSERT INTO pcs_certificates (id, cert, crl) VALUES (?1, ?2, ?3)",
                &[&id, &certificate, &set.root_ca_crl],
            );
        }
        put(
            "INSERT INTO pck_crl (ca, pck_crl, root_cert_id, intmd_cert_id) VALUES ('PLATFORM', ?1, 1, 4)",
            &[&set.pck_crl],
        );
        put(
            "INSERT INTO fmspc_tcbs (fmspc, type, version, update_type, tcbinfo) \
             VALUES ('FF53494D554C', 0, 4, 'STANDARD', ?1), ('FF53494D554C', 0, 3, 'EARLY', ?1)",
            &[&info],
        );
        put(
            "INSERT INTO enclave_identities (id, version, update_type, identity) \
             VALUES (1, 4, 'STANDARD', ?1)",
            &[&identity],
        );
        put(
            "INSERT INTO platforms (qe_id, pce_id, enc_ppid) VALUES ('A', '0000', zeroblob(384))",
            &[],
        );
        put(
            "INSERT INTO pck_cert (qe_id, pce_id, tcbm, pck_cert) VALUES ('A', '0000', ?1, ?2)",
            &[&tcbm, &issuer],
        );
        put(
            "INSERT INTO platform_tcbs (qe_id, pce_id, cpu_svn, pce_svn, tcbm) \
             VALUES ('A', '0000', ?1, '0000', ?2)",
            &[&&tcbm[..32], &tcbm],
        );
        put(
            "INSERT INTO platforms_registered (qe_id, pce_id, cpu_svn, pce_svn, enc_ppid, state) \
             VALUES ('B', '0000', ?1, '0000', zeroblob(384), 0)",
            &[&&tcbm[..32]],
        );
        self.add("pccs_database", file());
        drop(database);
        std::fs::remove_file(path).expect("it was written");
    }

    /// A program for enclaves, the image of it with its size known and open, and one with what is
    /// not measured.
    fn add_images(&mut self) {
        let elf = program::elf();
        let memory = Memory {
            heap_size: PAGE_SIZE,
            stack_size: PAGE_SIZE,
            threads: 1,
            debug: true,
        };
        let image = image::convert(&elf, memory).expect("a program").write();
        let open = Record::Unsized {
            ssa_frame_size: 1,
            size_at: program::SYMBOLS_AT as u64,
        };
        let open = [&open.header(), &image[RECORD_SIZE..]].concat();
        let demonstration = demonstration::image();
        let last = demonstration.pages().last().expect("pages");
        let unmeasured = Record::Unmeasured {
            offset: last.offset,
            data: &[0xab; CHUNK_SIZE],
        };
        let demonstration = demonstration.write();
        let unmeasured = [
            demonstration.as_slice(),
            &unmeasured.header(),
            unmeasured.data(),
        ]
        .concat();
        for seed in [elf, image, open, demonstration, unmeasured] {
            self.add("enclave_image", seed);
        }
    }

    /// Each base as it is, and with bytes from which changes are made.
    fn add_procedures(&mut self, bases: &Bases) {
        let recorded = (0x80..).take(bases.recorded.len());
        let numbers = (0..).take(bases.issued.len()).chain(recorded);
        for number in numbers {
            self.add("procedure", [number, 0, 0, 0, 0]);
            for variant in 0..8_u8 {
                let mut bytes = sha256(&[number, variant]).to_vec();
                bytes.extend(sha256(&bytes));
                bytes[0] = number;
                bytes[1..5].fill(0);
                self.add("procedure", bytes);
            }
        }
    }

    fn add_vectors(&mut self, vectors: &Path) -> Result<(), Box<dyn Error>> {
        let dcap = vectors.join("dcap");
        for bytes in files(&[dcap.join("quotes"), dcap.join("invalid/quotes")])? {
            self.add_quote(&bytes);
            if let Ok(quote) = Quote::parse(&bytes)
                && let CertificationData::PckChain(chain) = quote.auth().certification
            {
                self.add_chain(chain);
            }
        }
        if let Some(bytes) = files(&[dcap.join("quotes")])?.first() {
            self.add("quote", hex::encode(bytes));
            self.add("quote", STANDARD.encode(bytes));
        }
        for bytes in files(&[dcap.join("certs")])? {
            self.add_certificate(&bytes);
        }
        for bytes in files(&[dcap.join("crl"), dcap.join("history/crl")])? {
            self.add_crl(&bytes);
        }
        let documents = [
            dcap.join("tcb-info"),
            dcap.join("enclave-identity"),
            dcap.join("history/tcb-info"),
            dcap.join("history/enclave-identity"),
            dcap.join("invalid/json"),
            vectors.join("pcs"),
        ];
        let put = b"PUT\n/sgx/certification/v4/platformcollateral\n\n";
        for bytes in files(&[vectors.join("pccs")])? {
            self.add("pccs", [put.as_slice(), &bytes].concat());
        }
        for bytes in files(&documents)? {
            if let Ok((_, document)) = SignedText::from_wrapped(&bytes) {
                self.add("documents", document.body);
            }
            self.add("documents", bytes);
        }
        Ok(())
    }
}

/// The contents of all files in these folders.
fn files(folders: &[PathBuf]) -> Result<Vec<Vec<u8>>, Box<dyn Error>> {
    let mut contents = Vec::new();
    for folder in folders {
        let entries: Result<Vec<_>, _> = fs::read_dir(folder)?.collect();
        let mut paths: Vec<PathBuf> = entries?.into_iter().map(|entry| entry.path()).collect();
        paths.sort();
        for path in paths {
            contents.push(fs::read(path)?);
        }
    }
    Ok(contents)
}
