//! The service on a model of the processor, with a stand-in for the gate on the loopback.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_protocol::gate::{
    AttestAnswer, AttestRequest, Challenge, Octets, ReleaseAnswer, ReleaseRequest, Request,
    ResultStatus,
};
use hpke::aead::AesGcm256;
use hpke::kdf::HkdfSha256;
use hpke::kem::X25519HkdfSha256;
use hpke::{Deserializable, OpModeS, Serializable, setup_sender};
use risk_score::batch::DataKey;
use risk_score::gate::{Attester, Gate};
use risk_score::http;
use risk_score::service::Service;
use risk_score::state::{KeyWish, Processor, StateError, Versions};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// A processor with a secret of its own, at a version that can be raised.
#[derive(Clone)]
struct Model {
    secret: u8,
    cpusvn: u8,
    quotes: bool,
}

impl Processor for Model {
    fn versions(&self) -> Versions {
        Versions {
            cpusvn: [self.cpusvn; 16],
            isvsvn: 1,
        }
    }

    fn sealing_key(&self, wish: &KeyWish) -> Result<Zeroizing<[u8; 16]>, StateError> {
        if wish.versions.cpusvn[0] > self.cpusvn {
            return Err(StateError::Newer);
        }
        let parts = [&[self.secret][..], &wish.versions.cpusvn, &wish.key_id].concat();
        let digest: [u8; 32] = Sha256::digest(parts).into();
        let (key, _) = digest.split_first_chunk().expect("32 bytes");
        Ok(Zeroizing::new(*key))
    }
}

impl Attester for Model {
    fn quote(&self, report_data: &[u8; 64]) -> Result<Vec<u8>, String> {
        match self.quotes {
            true => Ok(report_data.to_vec()),
            false => Err("nobody answers".to_owned()),
        }
    }
}

const PLATFORM: Model = Model {
    secret: 1,
    cpusvn: 1,
    quotes: true,
};

/// Secrets and how often each is still released. A quote is the report data alone.
type Secrets = Arc<Mutex<BTreeMap<String, (Vec<u8>, u32)>>>;

/// A stand-in for the gate; gives its address.
fn gate(secrets: Secrets) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address").to_string();
    thread::spawn(move || {
        let mut key = [0; 32];
        while let Ok((mut stream, _)) = listener.accept() {
            let request = http::read(&mut stream, 1 << 16, true).expect("a request");
            let answer = match request.start.as_str() {
                "POST /challenge HTTP/1.1" => Some(challenge()),
                "POST /attest HTTP/1.1" => {
                    let request = AttestRequest::read(&request.body).expect("a request");
                    key = request.public_key.0.0;
                    Some(token())
                }
                _ => release(&secrets, key, &request.body),
            };
            let problem = br#"{"title": "No secret is released", "code": "release-refused"}"#;
            let (status, body) = match answer {
                Some(body) => ("200 OK", body),
                None => ("403 Forbidden", problem.to_vec()),
            };
            let start = format!("HTTP/1.1 {status}");
            http::write(stream, &start, "application/json", &body).expect("somebody reads");
        }
    });
    address
}

fn challenge() -> Vec<u8> {
    let instant = || "2026-11-28T10:00:00Z".parse().expect("an instant");
    let challenge = Challenge {
        nonce: Octets([5; 32]),
        expires: instant(),
        service_time: instant(),
    };
    challenge.write()
}

fn token() -> Vec<u8> {
    let claims = URL_SAFE_NO_PAD.encode(r#"{"jti": "a result"}"#);
    let answer = AttestAnswer {
        token: format!("e30.{claims}.e30").parse().expect("a token"),
        expires: "2026-11-28T10:05:00Z".parse().expect("an instant"),
        status: ResultStatus::Warning,
    };
    answer.write()
}

fn release(secrets: &Secrets, key: [u8; 32], body: &[u8]) -> Option<Vec<u8>> {
    let request = ReleaseRequest::read(body).expect("a request");
    let name = request.secret.as_str();
    let mut secrets = secrets.lock().expect("nobody panicked");
    let (value, left) = secrets.get_mut(name)?;
    *left = left.checked_sub(1)?;
    let info = [b"bulla release v1\0", name.as_bytes()].concat();
    let key = Deserializable::from_bytes(&key).expect("a key");
    let (enc, mut sealing) =
        setup_sender::<AesGcm256, HkdfSha256, X25519HkdfSha256>(&OpModeS::Base, &key, &info)
            .expect("a key that can be sealed to");
    let answer = ReleaseAnswer {
        version: 1,
        enc: Octets(enc.to_bytes().into()),
        ciphertext: sealing.seal(value, b"a result").expect("some bytes"),
        secret: request.secret,
    };
    Some(answer.write())
}

/// What comes in and goes out of one connection.
struct Connection {
    input: io::Cursor<Vec<u8>>,
    output: Vec<u8>,
}

impl Read for &mut Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.input.read(buffer)
    }
}

impl Write for &mut Connection {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.output.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn service(model: Model, gate: &str) -> Service<Model> {
    let policy = "patients".parse().expect("a name");
    Service::new(model, Gate::new(gate.to_owned(), policy))
}

/// The status and the body of the answer.
fn ask(service: &mut Service<Model>, start: &str, body: &[u8]) -> (String, Vec<u8>) {
    let mut request = Vec::new();
    let start = format!("{start} HTTP/1.1");
    http::write(&mut request, &start, "application/octet-stream", body).expect("memory");
    let mut connection = Connection {
        input: io::Cursor::new(request),
        output: Vec::new(),
    };
    service.serve(&mut connection);
    let answer = http::read(&connection.output[..], 1 << 16, false).expect("an answer");
    let status = answer.start.strip_prefix("HTTP/1.1 ").expect("a status");
    (status[..3].to_owned(), answer.body)
}

#[track_caller]
fn answered(answer: (String, Vec<u8>), status: &str, text: &str) {
    let body = String::from_utf8(answer.1).expect("text");
    assert_eq!((answer.0.as_str(), body.as_str()), (status, text));
}

/// Three batches of one owner, and the gate that releases the key once for each.
fn world() -> (Secrets, String, [Vec<u8>; 3]) {
    let key = [7; 32];
    let names = ["batch-1", "batch-2", "batch-3"];
    let secrets = names.map(|name| (name.to_owned(), (key.to_vec(), 1)));
    let secrets: Secrets = Arc::new(Mutex::new(secrets.into()));
    let key = DataKey::new(&key).expect("32 bytes");
    let lines = [
        "62,150,240,1,0\n".repeat(3),
        "62,150,240,1,0\nnothing\n".repeat(2),
    ];
    let seal = |number, lines: &str| key.seal(number, lines.as_bytes()).expect("sealed");
    let batches = [
        seal(1, &lines[0]),
        seal(2, &lines[1]),
        seal(3, "40,120,180,0,0\n"),
    ];
    let address = gate(Arc::clone(&secrets));
    (secrets, address, batches)
}

const FIRST: &str = "records  3\nrefused  0\nmean     too few records to tell\n";
const SECOND: &str = "records  5\nrefused  2\nmean     51\nhigh     5\n";
const AGAIN: &str = "no key for batch 2: the gate refuses: No secret is released\n";

#[test]
fn batches_are_computed_over_restarts_and_updates_of_the_processor() {
    let (_, gate, batches) = world();
    let mut first = service(PLATFORM, &gate);
    answered(ask(&mut first, "POST /batch", &batches[0]), "200", FIRST);
    let (status, state) = ask(&mut first, "GET /state", b"");
    assert_eq!(status, "200");

    let mut restarted = service(PLATFORM, &gate);
    answered(ask(&mut restarted, "PUT /state", &state), "200", "");
    answered(
        ask(&mut restarted, "POST /batch", &batches[1]),
        "200",
        SECOND,
    );
    let (_, state) = ask(&mut restarted, "GET /state", b"");

    let updated = Model {
        cpusvn: 2,
        ..PLATFORM
    };
    let mut after = service(updated, &gate);
    answered(ask(&mut after, "PUT /state", &state), "200", "");
    let third = "records  6\nrefused  2\nmean     44\nhigh     5\n";
    answered(ask(&mut after, "POST /batch", &batches[2]), "200", third);

    // What the updated processor sealed is for no older one.
    let (_, state) = ask(&mut after, "GET /state", b"");
    let newer = "the state is not taken: the state was sealed at a later security version than \
                 this one\n";
    answered(
        ask(&mut service(PLATFORM, &gate), "PUT /state", &state),
        "400",
        newer,
    );
}

#[test]
fn an_old_state_gets_no_key() {
    let (secrets, gate, batches) = world();
    let mut service = service(PLATFORM, &gate);
    ask(&mut service, "POST /batch", &batches[0]);
    let (_, old) = ask(&mut service, "GET /state", b"");
    answered(ask(&mut service, "POST /batch", &batches[1]), "200", SECOND);

    answered(ask(&mut service, "PUT /state", &old), "200", "");
    answered(ask(&mut service, "POST /batch", &batches[1]), "403", AGAIN);
    // Nor does no state at all.
    let mut empty = self::service(PLATFORM, &gate);
    let (status, _) = ask(&mut empty, "POST /batch", &batches[0]);
    assert_eq!(status, "403");

    // The owner can decide otherwise, after a crash between key and state.
    let again = ("batch-2".to_owned(), (vec![7; 32], 1));
    secrets.lock().expect("nobody panicked").extend([again]);
    answered(ask(&mut service, "POST /batch", &batches[1]), "200", SECOND);
}

#[test]
fn whoever_poses_as_the_gate_has_no_part_in_a_state() {
    let (_, gate, batches) = world();
    let mut service = service(PLATFORM, &gate);
    ask(&mut service, "POST /batch", &batches[0]);
    let (_, state) = ask(&mut service, "GET /state", b"");

    let wrong = vec![9; 32];
    let known = DataKey::new(&wrong).expect("32 bytes");
    let known = known.seal(2, b"20,60,50,0,0\n").expect("sealed");
    let secrets = [("batch-2".to_owned(), (wrong, 1))];
    let poser = self::gate(Arc::new(Mutex::new(secrets.into())));
    let mut deceived = self::service(PLATFORM, &poser);
    answered(ask(&mut deceived, "PUT /state", &state), "200", "");
    let refused = "no key for batch 2: what was released is the key of somebody else than the \
                   owner\n";
    answered(ask(&mut deceived, "POST /batch", &known), "403", refused);
}

#[test]
fn what_cannot_be_done_changes_nothing() {
    let (secrets, gate, batches) = world();
    let mut service = service(PLATFORM, &gate);
    answered(ask(&mut service, "POST /batch", &batches[0]), "200", FIRST);
    let (_, state) = ask(&mut service, "GET /state", b"");

    let elsewhere = Model {
        secret: 2,
        ..PLATFORM
    };
    let sealed = "the state is not taken: the state was sealed elsewhere or by another program, or \
                  changed since\n";
    answered(
        ask(&mut self::service(elsewhere, &gate), "PUT /state", &state),
        "400",
        sealed,
    );
    for at in 0..state.len() {
        let mut changed = state.clone();
        changed[at] ^= 1;
        assert_eq!(ask(&mut service, "PUT /state", &changed).0, "400", "{at}");
        assert_eq!(
            ask(&mut service, "PUT /state", &state[..at]).0,
            "400",
            "{at}"
        );
    }
    assert_eq!(ask(&mut service, "DELETE /state", b"").0, "404");

    // A batch in another's place uses up the key for its own: the owner grants it again.
    let wrong = "this is not batch 2 as its owner sealed it\n";
    answered(ask(&mut service, "POST /batch", &batches[2]), "400", wrong);
    answered(ask(&mut service, "POST /batch", &batches[1]), "403", AGAIN);
    let again = ("batch-2".to_owned(), (vec![7; 32], 1));
    secrets.lock().expect("nobody panicked").extend([again]);
    answered(ask(&mut service, "POST /batch", &batches[1]), "200", SECOND);
}

#[test]
fn without_a_quote_or_a_gate_there_is_no_key() {
    let (_, gate, batches) = world();
    let mute = Model {
        quotes: false,
        ..PLATFORM
    };
    let no_quote = "no key for batch 1: there is no quote: nobody answers\n";
    answered(
        ask(&mut service(mute, &gate), "POST /batch", &batches[0]),
        "503",
        no_quote,
    );
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let nobody = listener.local_addr().expect("an address").to_string();
    drop(listener);
    let (status, text) = ask(&mut service(PLATFORM, &nobody), "POST /batch", &batches[0]);
    let text = String::from_utf8(text).expect("text");
    assert_eq!(status, "503");
    assert!(
        text.starts_with("no key for batch 1: the gate cannot be asked"),
        "{text}"
    );
}
