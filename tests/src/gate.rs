//! A small gate on loopback, for what no real one does: it signs what it is told, changes its mind,
//! and lies. It checks that evidence is bound to nonce and key, and appraises nothing.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;

use bulla_evidence::Quote;
use bulla_pki::digest::sha256;
use bulla_pki::{SigningKey, Timestamp, hpke};
use bulla_protocol::gate::{
    ATTESTATION_REFUSED, AttestAnswer, AttestRequest, BINDING_MISMATCH, Challenge, NONCE_UNKNOWN,
    Octets, RELEASE_REFUSED, ReleaseAnswer, ReleaseRequest, Request, ResultStatus,
};
use bulla_protocol::problem::{Code, Problem};
use bulla_protocol::wire::Status as HttpStatus;
use bulla_token::binding::{release_info, report_data};
use bulla_token::claims::{
    AnchorFacts, Base64Url, Confirmation, ConfirmedKey, Facts, Hex, Measurement, PolicyId, Profile,
    Submod, Submods, TcbClaims, VerifierId,
};
use bulla_token::trust::{TrustClaim, TrustVector};
use bulla_token::{Claims, KeySet, KeyState, Status, TokenKey};

use crate::workbench::now;

/// What it calls itself.
pub const ISSUER: &str = "https://gate.test.example";

/// How it treats those who ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// Whoever proves the binding is accepted.
    Accept,
    /// Nobody is.
    Refuse,
    /// It cannot decide now.
    Busy,
    /// Its answers are nothing that could be read.
    Garble,
    /// It signs with a key that it does not publish.
    SignWithOtherKey,
    /// It withdraws its key as soon as that has signed one token, and then accepts.
    WithdrawOnce,
    /// Its tokens name another key than the attester's.
    ConfirmOtherKey,
    /// Its tokens answer another nonce.
    AnswerOtherNonce,
    /// Its tokens are for somebody else.
    NameOtherAudience,
    /// Its tokens were made under another policy.
    NameOtherPolicy,
    /// Its tokens have ended.
    SignWhatEnded,
    /// It seals another secret's text as this one's.
    SealForOtherName,
    /// It seals to another key.
    SealToOtherKey,
    /// It gives another secret than was asked for.
    GiveOtherSecret,
}

/// What can be changed while it runs.
pub struct State {
    /// How it treats those who ask.
    pub mood: Mood,
    /// How long tokens last, in seconds.
    pub token_seconds: u64,
    /// The text of each policy.
    pub policy_text: String,
    /// What it releases, by name.
    pub secrets: BTreeMap<String, Vec<u8>>,
    /// The paths that were asked for.
    pub asked: Vec<String>,
    key: TokenKey,
    other_key: TokenKey,
    nonces: Vec<[u8; 32]>,
    tokens: BTreeMap<String, Claims>,
}

/// The gate until this is dropped.
pub struct Gate {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Gate {
    /// A gate with one secret, `database`.
    pub fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Mutex::new(State {
            mood: Mood::Accept,
            token_seconds: 300,
            policy_text: "first".to_owned(),
            secrets: BTreeMap::from([("database".to_owned(), b"open sesame".to_vec())]),
            asked: Vec::new(),
            key: TokenKey::new(SigningKey::generate().unwrap()),
            other_key: TokenKey::new(SigningKey::generate().unwrap()),
            nonces: Vec::new(),
            tokens: BTreeMap::new(),
        }));
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, shared) = (Arc::clone(&stop), Arc::clone(&state));
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever goes away early is not waited for.
                let _ = stream.and_then(|stream| exchange(stream, &shared));
            }
        };
        Self {
            address,
            state,
            stop,
            thread: Some(std::thread::spawn(serve)),
        }
    }

    /// Its address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What can be changed.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    /// Changes how it treats those who ask.
    pub fn set(&self, mood: Mood) {
        self.state().mood = mood;
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let state = self.state();
        state.asked.iter().filter(|asked| *asked == path).count()
    }

    /// The keys that it publishes.
    pub fn keys(&self) -> Vec<u8> {
        self.state().jwks()
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Whoever waits for a connection gets one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

type Answer = Result<Vec<u8>, Problem>;

impl State {
    fn answer(&mut self, path: &str, body: &[u8]) -> Answer {
        self.asked.push(path.to_owned());
        match (path, self.mood) {
            (_, Mood::Garble) => Ok(b"<html>".to_vec()),
            (_, Mood::Busy) => Err(Problem::new(
                HttpStatus::SERVICE_UNAVAILABLE,
                Code::UNAVAILABLE,
                "No collateral",
            )),
            ("/challenge", _) => Ok(self.challenge()),
            ("/attest", _) => self.attest(body),
            ("/release", _) => self.release(body),
            ("/.well-known/jwks.json", _) => Ok(self.jwks()),
            _ => Err(refusal(Code::PATH_UNKNOWN)),
        }
    }

    fn challenge(&mut self) -> Vec<u8> {
        let number = u8::try_from(self.nonces.len() % 256).unwrap();
        let nonce = sha256(&[number, 1, 2, 3]);
        self.nonces.push(nonce);
        let instant = |at: Timestamp| at.to_string().parse().unwrap();
        Challenge {
            nonce: Octets(nonce),
            expires: instant(now().saturating_add(120)),
            service_time: instant(now()),
        }
        .write()
    }

    fn attest(&mut self, body: &[u8]) -> Answer {
        let request = AttestRequest::read(body).unwrap();
        let (nonce, key) = (request.nonce.0, request.public_key.0.0);
        let place = self.nonces.iter().position(|known| *known == nonce);
        // Blanked, so that the numbers of later ones do not change.
        self.nonces[place.ok_or_else(|| refusal(NONCE_UNKNOWN))?] = [0; 32];
        let quote = Quote::parse(request.evidence.quote.as_bytes()).unwrap();
        if *quote.body().report_data() != report_data(&nonce, &key) {
            return Err(refusal(BINDING_MISMATCH));
        }
        if self.mood == Mood::Refuse {
            let problem = refusal(ATTESTATION_REFUSED);
            return Err(problem.detail("TcbStatusNotAccepted: OutOfDate"));
        }
        let audience = request
            .audience
            .as_ref()
            .map_or(ISSUER, |name| name.as_str());
        let claims = self.claims(nonce, key, request.policy.as_str(), audience);
        let signer = match self.mood {
            Mood::SignWithOtherKey => &self.other_key,
            _ => &self.key,
        };
        let token = signer.sign(&claims).unwrap();
        if self.mood == Mood::WithdrawOnce {
            self.key = TokenKey::new(SigningKey::generate().unwrap());
            self.mood = Mood::Accept;
        }
        self.tokens.insert(token.clone(), claims.clone());
        Ok(AttestAnswer {
            token: token.parse().unwrap(),
            expires: claims.exp.to_string().parse().unwrap(),
            status: ResultStatus::Warning,
        }
        .write())
    }

    fn claims(&self, nonce: [u8; 32], key: [u8; 32], policy: &str, audience: &str) -> Claims {
        let swap = |mood, value: [u8; 32]| if self.mood == mood { [9; 32] } else { value };
        let name = |mood, value: &str| match self.mood == mood {
            true => "another".to_owned(),
            false => value.to_owned(),
        };
        let iat = match self.mood {
            Mood::SignWhatEnded => now().saturating_sub(7_200),
            _ => now(),
        };
        let policy = name(Mood::NameOtherPolicy, policy);
        let vector = TrustVector {
            configuration: TrustClaim::Warning,
            executables: None,
            hardware: None,
        };
        Claims {
            iss: ISSUER.to_owned(),
            aud: name(Mood::NameOtherAudience, audience),
            iat,
            nbf: iat,
            exp: iat.saturating_add(self.token_seconds),
            jti: Base64Url(nonce[..16].try_into().unwrap()),
            eat_profile: Profile,
            eat_nonce: Base64Url(swap(Mood::AnswerOtherNonce, nonce)),
            ear_verifier_id: VerifierId {
                developer: "a test".to_owned(),
                build: "1".to_owned(),
            },
            ear_status: Status::Warning,
            submods: Submods {
                bulla: Submod {
                    ear_status: Status::Warning,
                    ear_trustworthiness_vector: vector,
                    ear_appraisal_policy_ids: [format!("{policy}@1")],
                },
            },
            cnf: Confirmation {
                jwk: ConfirmedKey(Base64Url(swap(Mood::ConfirmOtherKey, key))),
            },
            bulla: self.facts(policy),
        }
    }

    fn facts(&self, policy: String) -> Facts {
        Facts {
            policy: PolicyId {
                name: policy,
                version: 1,
                sha256: Hex(sha256(self.policy_text.as_bytes())),
            },
            trust_anchor: AnchorFacts {
                name: "a test's".to_owned(),
                genuine: false,
                public_key_sha256: Hex([3; 32]),
            },
            simulated: true,
            collateral: BTreeMap::new(),
            tcb: TcbClaims {
                status: "UpToDate".parse().unwrap(),
                date: now(),
                advisory_ids: Vec::new(),
                evaluation_data_number: 1,
            },
            evidence_sha256: Hex([4; 32]),
            baseline: None,
            platform: Hex([5; 32]),
            measurement: Measurement::Sgx {
                mrenclave: Hex([6; 32]),
                mrsigner: Hex([7; 32]),
                isvprodid: 0,
                isvsvn: 0,
                debug: false,
            },
        }
    }

    fn release(&mut self, body: &[u8]) -> Answer {
        let request = ReleaseRequest::read(body).unwrap();
        let refused = || refusal(RELEASE_REFUSED);
        let claims = self
            .tokens
            .get(request.token.as_str())
            .ok_or_else(refused)?;
        let name = request.secret.as_str();
        let text = self.secrets.get(name).ok_or_else(refused)?;
        let key = match self.mood {
            Mood::SealToOtherKey => *hpke::KeyPair::generate().unwrap().public_key(),
            _ => claims.cnf.jwk.0.0,
        };
        let info = match self.mood {
            Mood::SealForOtherName => release_info("another"),
            _ => release_info(name),
        };
        let sealed = hpke::seal(&key, &info, claims.jti.to_string().as_bytes(), text).unwrap();
        let given = match self.mood {
            Mood::GiveOtherSecret => "another",
            _ => name,
        };
        Ok(ReleaseAnswer {
            secret: given.parse().unwrap(),
            version: 1,
            enc: Octets(sealed.enc),
            ciphertext: sealed.ciphertext,
        }
        .write())
    }

    fn jwks(&self) -> Vec<u8> {
        let mut keys = KeySet::new();
        let key = self.key.public_key().clone();
        keys.insert(key, KeyState::Current).unwrap();
        keys.to_jwks(now()).into_bytes()
    }
}

fn refusal(code: Code) -> Problem {
    Problem::new(HttpStatus::new(403).unwrap(), code, "Refused")
}

fn exchange(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut size = 0;
    loop {
        let mut header = String::new();
        if reader.read_line(&mut header)? <= 2 {
            break;
        }
        if let Some((name, value)) = header.split_once(':')
            && name.eq_ignore_ascii_case("content-length")
        {
            size = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; size];
    reader.read_exact(&mut body)?;
    let (status, media_type, body) = match state.lock().unwrap().answer(&path, &body) {
        Ok(body) => (200, "application/json", body),
        Err(problem) => {
            let parts = problem.write();
            (
                parts.status.number(),
                "application/problem+json",
                parts.body,
            )
        }
    };
    let mut stream = reader.into_inner();
    let size = body.len();
    write!(
        stream,
        "HTTP/1.1 {status} X\r\nContent-Type: {media_type}\r\nContent-Length: {size}\r\n\
         Connection: close\r\n\r\n"
    )?;
    stream.write_all(&body)
}
