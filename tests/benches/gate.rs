//! What an attestation costs at the gate, beside what it cannot do without: verifying a quote of a
//! known platform, and signing the result.
//!
//! `cargo bench -p bulla-tests --bench gate` prints ratios to one P-256 verification, measured in
//! interleaved rounds so that a machine whose speed drifts does it to all rows alike. Evidence is
//! made between the rounds and costs nothing there. The gate is measured twice: by the thread that
//! calls it, and as the real `bulla serve` over HTTP, by the CPU time of its process. `... -- run
//! COUNT` only attests so often, for a profiler.

use std::hint::black_box;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_evidence::{CertificationData, Quote, QuoteVersion};
use bulla_issuer::Certification;
use bulla_pki::hpke::KeyPair;
use bulla_pki::{SigningKey, Timestamp, TrustAnchors};
use bulla_processor::{Enclave, EnclaveSigner, PckTcb, SmallEnclave};
use bulla_protocol::gate::{AttestRequest, Request};
use bulla_tests::daemon::Daemon;
use bulla_tests::front::Front;
use bulla_tests::gate_daemon::Grounds;
use bulla_tests::gatehouse::{Attempt, Gatehouse};
use bulla_tests::load::{self, Row, cpu_time, median, thread_time};
use bulla_tests::site::platform;
use bulla_tests::vectors;
use bulla_tests::workbench::now;
use bulla_token::binding;
use bulla_vendor::{QuoteKind, Selection, StateDirectory, Subject, Vendor};
use bulla_verifier::{KnownPlatforms, PreparedCollateral, Verification};

const ROUNDS: usize = 11;

/// Attestations of a round, each with evidence of its own.
const ATTESTATIONS: usize = 40;

/// How often the rows without evidence are done in a round.
const COUNT: u32 = 200;

/// Bytes that are signed: about as many as a token has.
const SIGNED: usize = 1_400;

/// The policy's only demand is the root; and nobody is asked to wait.
const SETTINGS: &str = "place = \"owner\"\nrequests_per_minute = 4000000\n";

fn main() {
    let Some(folder) = vectors::folder("gate") else {
        return;
    };
    let mut inside = Inside::open();
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "run")
        .skip(1);
    if let Some(count) = arguments.next() {
        inside.run(count.parse().expect("a number"));
        return;
    }
    let unit = load::units(&folder).swap_remove(0);
    let mut outside = Outside::open();
    let names = [
        "known: the quote of a known platform",
        "signature",
        "challenge and attest, in a thread",
        "challenge and attest, over HTTP",
    ];
    let mut rows: [Vec<f64>; 4] = Default::default();
    let mut units = Vec::new();
    // What is done once, such as verifying collateral, is done before.
    inside.attest();
    outside.attest();
    for _ in 0..ROUNDS {
        let measured = [
            inside.known.cost(COUNT),
            inside.signature.cost(COUNT),
            inside.attest(),
            outside.attest(),
        ];
        let one = unit.cost(COUNT);
        units.push(one);
        for (row, measured) in rows.iter_mut().zip(measured) {
            row.push(measured / one);
        }
    }
    println!(
        "unit: one P-256 verification, parsing of the key included, {:.1} us",
        median(units) * 1e6
    );
    let [known, signature, thread, service] = rows.map(median);
    for (name, value) in names.into_iter().zip([known, signature, thread, service]) {
        println!("{name:<38} {value:>6.2}");
    }
    let least = known + signature;
    println!(
        "of what known and signature allow, {least:.2}: in a thread {:.1} %, over HTTP {:.1} %",
        100.0 * least / thread,
        100.0 * least / service
    );
}

/// Makes evidence of the platform `one`, which was started once.
struct Maker {
    application: Enclave,
    running: bulla_processor::Platform,
    pck: PckTcb,
    certification: Certification,
}

impl Maker {
    fn new(vendor: &Vendor, at: Timestamp) -> Self {
        let application = SmallEnclave::new("bulla bench: an application\n");
        let application = application.start(&EnclaveSigner::demonstration());
        let application = application.expect("an enclave of the model starts");
        let platform = platform(vendor, "one");
        let running = platform.start(at);
        let certificate = vendor.select_pck_certificate(platform, running.tcb().pck(), at);
        let report = running.report_enclave(&application, [0; 64]);
        let quote = vendor.quote_enclave(platform, &report, at);
        let quote = quote.expect("its own platform");
        let quote = Quote::parse(&quote).expect("a quote");
        let CertificationData::PckChain(chain) = &quote.auth().certification else {
            panic!("the vendor's quotes carry a chain");
        };
        Self {
            pck: certificate.expect("a certificate").tcb,
            certification: Certification::PckChain(chain.to_vec()),
            application,
            running,
        }
    }

    fn quote(&self, data: [u8; 64]) -> Vec<u8> {
        let report = self.running.report_enclave(&self.application, data);
        let certification = self.certification.clone();
        self.running
            .quote_enclave(QuoteVersion::V3, &report, self.pck, certification)
            .expect("its own platform")
            .write()
    }

    /// The body of a request for this nonce, with a new key.
    fn body(&self, nonce: &[u8; 32]) -> Vec<u8> {
        let key = KeyPair::generate().expect("a key");
        let data = binding::report_data(nonce, key.public_key());
        Attempt::new(nonce, &self.quote(data), &key)
            .body
            .to_string()
            .into_bytes()
    }
}

/// A gate in this process, and what its work consists of at least.
struct Inside {
    house: Gatehouse,
    maker: Maker,
    known: Row,
    signature: Row,
}

impl Inside {
    fn open() -> Self {
        let house = Gatehouse::open();
        let at = house.clock.now();
        let maker = Maker::new(&house.vendor, at);
        let subject = Subject {
            kind: QuoteKind::SgxV3,
            report_data: [0; 64],
            debug: false,
            launched: None,
        };
        let one = platform(&house.vendor, "one");
        let attested = house.vendor.attest(one, &subject, Selection::Standard, at);
        let anchors = TrustAnchors::vendors()
            .with_simulated(&house.vendor.root_certificate())
            .expect("a root");
        let set = attested.expect("a quote").collateral;
        let prepared = Arc::new(PreparedCollateral::new(&set, &anchors));
        let known = KnownPlatforms::new(prepared, 16.try_into().expect("not zero"));
        // Each another one: a check that is repeated is learnt by the processor.
        let quotes: Vec<Vec<u8>> = (0..64).map(|number| maker.quote([number; 64])).collect();
        let verdict = known.verify(&quotes[0], at);
        assert_eq!(verdict.verification(), Verification::Ok);
        let next = std::cell::Cell::new(0);
        let known = Row {
            name: "known".to_owned(),
            work: Box::new(move || {
                next.set((next.get() + 1) % quotes.len());
                black_box(known.verify(&quotes[next.get()], at));
            }),
        };
        let (key, message) = (SigningKey::generate().expect("a key"), [0; SIGNED]);
        let signature = Row {
            name: "signature".to_owned(),
            work: Box::new(move || {
                black_box(key.sign(&message)).expect("a signature");
            }),
        };
        Self {
            house,
            maker,
            known,
            signature,
        }
    }

    /// The mean cost of an attestation, in seconds: from the question for a nonce to the bytes of
    /// the answer.
    fn attest(&mut self) -> f64 {
        let start = thread_time();
        let nonces = challenges(&self.house.front, ATTESTATIONS);
        let mut spent = thread_time() - start;
        let bodies = self.bodies(&nonces);
        let start = thread_time();
        attestations(&self.house.front, &bodies);
        spent += thread_time() - start;
        spent.as_secs_f64() / ATTESTATIONS as f64
    }

    /// So many attestations, for a profiler that looks at what [`attestations`] calls.
    fn run(&self, count: usize) {
        let nonces = challenges(&self.house.front, count + 1);
        let mut bodies = self.bodies(&nonces);
        let first = bodies.pop().expect("one more");
        let request = AttestRequest::read(&first).expect("a request");
        let front = &self.house.front;
        front
            .block_on(front.gate.attest(&request))
            .expect("accepted");
        attestations(front, &bodies);
    }

    fn bodies(&self, nonces: &[[u8; 32]]) -> Vec<Vec<u8>> {
        nonces.iter().map(|nonce| self.maker.body(nonce)).collect()
    }
}

/// Nonces, from the question to the bytes of each answer.
#[inline(never)]
fn challenges(front: &Front, count: usize) -> Vec<[u8; 32]> {
    let nonce = |_| {
        let challenge = front.gate.challenge().expect("a nonce");
        black_box(challenge.write());
        challenge.nonce.0
    };
    (0..count).map(nonce).collect()
}

/// From the bytes of each request to those of its answer.
#[inline(never)]
fn attestations(front: &Front, bodies: &[Vec<u8>]) {
    for body in bodies {
        let request = AttestRequest::read(body).expect("a request");
        let attested = front.block_on(front.gate.attest(&request));
        black_box(attested.expect("accepted").write());
    }
}

/// A service in a process of its own, and a connection to it.
struct Outside {
    maker: Maker,
    service: Daemon,
    connection: BufReader<TcpStream>,
    /// What the service keeps is gone with this.
    _grounds: Grounds,
}

impl Outside {
    fn open() -> Self {
        let grounds = Grounds::new(SETTINGS);
        let service = grounds.start();
        grounds.furnish(&service, "database", &[]);
        let directory = StateDirectory::new(grounds.folder.path("box"));
        let stream = TcpStream::connect(&service.address).expect("the service listens");
        stream.set_nodelay(true).expect("no delay");
        Self {
            maker: Maker::new(&directory.read().expect("a vendor"), now()),
            service,
            connection: BufReader::new(stream),
            _grounds: grounds,
        }
    }

    /// The mean CPU time of the service for an attestation, in seconds.
    fn attest(&mut self) -> f64 {
        let process = self.service.id();
        let start = cpu_time(process);
        let challenges = [(); ATTESTATIONS].map(|()| self.post("/challenge", b""));
        let mut spent = cpu_time(process) - start;
        let bodies = challenges.map(|challenge| {
            let challenge: serde_json::Value = serde_json::from_slice(&challenge).expect("JSON");
            let nonce = URL_SAFE_NO_PAD.decode(challenge["nonce"].as_str().expect("a nonce"));
            let nonce = nonce.expect("base64url").try_into().expect("32 bytes");
            self.maker.body(&nonce)
        });
        let start = cpu_time(process);
        for body in &bodies {
            let answer = self.post("/attest", body);
            assert!(answer.starts_with(b"{\"token\""), "{answer:?}");
        }
        spent += cpu_time(process) - start;
        spent.as_secs_f64() / ATTESTATIONS as f64
    }

    fn post(&mut self, path: &str, body: &[u8]) -> Vec<u8> {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let stream = self.connection.get_mut();
        stream
            .write_all(&[head.as_bytes(), body].concat())
            .expect("sent");
        let mut size = 0;
        loop {
            let mut line = String::new();
            self.connection.read_line(&mut line).expect("a head");
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                size = value.trim().parse().expect("a number");
            }
        }
        let mut body = vec![0; size];
        self.connection.read_exact(&mut body).expect("a body");
        body
    }
}
