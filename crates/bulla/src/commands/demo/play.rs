//! The play: the way it must go, and what every trial needs.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bulla_gate::blocking::Client;
use bulla_gate::{Evidence, EvidenceError, EvidenceFormat, EvidenceProvider, Settings};
use bulla_pki::digest::sha256;
use bulla_pki::hpke::KeyPair;
use bulla_pki::{SealingKey, Timestamp};
use bulla_protocol::gate::TokenText;
use bulla_token::binding;
use bulla_vendor::PROCESSOR_FMSPC;
use serde_json::json;

use super::asking::{Answer, Asking};
use super::attempt::{Outcome, ended, pair};
use super::broken;
use super::enclave::{Executor, Program, VERSION};
use super::interruption::Interruption;
use super::stage::{Clock, Stage};
use super::story::{Chain, Step};
use super::world::{HISTORY, Node, World};
use crate::error::Result;

/// The policy for the enclave, which names root, measurement, signer and least version.
pub(super) const PAYROLL: &str = "payroll";

/// The policy for trust domains, which names the root.
pub(super) const DOMAINS: &str = "payroll-domains";

/// A policy that says nothing: the default, which accepts no simulated root.
pub(super) const PRODUCTION: &str = "production";

/// The secret that is released once.
pub(super) const DATABASE: &str = "database";

/// The secret without a limit.
pub(super) const ARCHIVE: &str = "archive";

/// What the data owner has encrypted under the key of the database.
const RECORD: &str = "12 payslips of November";
const RECORD_CONTEXT: &[u8] = b"bulla demo: a record";

/// What clients fetch to verify quotes, and with which query.
const DOCUMENTS: [(&str, &str); 6] = [
    ("/sgx/certification/v4/tcb", "fmspc="),
    ("/tdx/certification/v4/tcb", "fmspc="),
    ("/sgx/certification/v4/qe/identity", ""),
    ("/tdx/certification/v4/qe/identity", ""),
    ("/sgx/certification/v4/pckcrl", "ca=processor"),
    ("/sgx/certification/v4/rootcacrl", ""),
];

/// Everybody, at work.
pub(super) struct Play {
    world: Arc<World>,
    pub(super) clock: Clock,
    stage: Stage,
    pub(super) asking: Asking,
    /// What the gate calls itself.
    pub(super) issuer: String,
    record: Vec<u8>,
}

impl Play {
    /// Has everybody take their places: the services run, the gate has policies and secrets.
    pub(super) fn open(
        at: Timestamp,
        model_only: bool,
        interruption: &Interruption,
    ) -> Result<Self> {
        let world = Arc::new(World::at(at, model_only)?);
        let clock = Clock::new(at);
        let stage = Stage::open(world.vendor(), &clock, interruption)?;
        let asking = Asking::new(&stage.url, stage.token_file())?;
        let key = SealingKey::generate().map_err(broken)?;
        let record = key.seal(RECORD_CONTEXT, RECORD.as_bytes());
        let play = Self {
            world,
            clock,
            issuer: stage.url.clone(),
            stage,
            asking,
            record: record.map_err(broken)?,
        };
        play.put_policies()?;
        for (name, value, times) in [
            (DATABASE, key.expose().as_slice(), Some(1)),
            (ARCHIVE, b"another key".as_slice(), None),
        ] {
            let mut secret = json!({ "policy": PAYROLL, "value": BASE64_STANDARD.encode(value) });
            if let (Some(times), Some(secret)) = (times, secret.as_object_mut()) {
                secret.insert("times".to_owned(), json!(times));
            }
            play.asking.put_secret(name, &secret)?;
        }
        Ok(play)
    }

    /// Puts the policies in force; where they were, each gets a new version.
    pub(super) fn put_policies(&self) -> Result<()> {
        let root = hex::encode(sha256(&self.world.vendor().root_public_key()));
        let named = format!("trust_anchors = [\"{root}\"]\n");
        let payroll = format!(
            "{named}[sgx]\nmrenclave = [\"{}\"]\nmrsigner = [\"{}\"]\nminimum_isvsvn = {VERSION}\n",
            self.genuine().mrenclave(),
            self.genuine().mrsigner(),
        );
        self.asking.put_policy(PAYROLL, &payroll)?;
        self.asking.put_policy(DOMAINS, &named)?;
        self.asking.put_policy(PRODUCTION, "# the default\n")
    }

    /// The way it must go: from the vendor to work, with every link of the chain between.
    pub(super) fn act(&mut self) -> Result<(Vec<Step>, Chain)> {
        let mut steps = vec![
            Step::new("vendor", HISTORY),
            Step::new("enclave", self.executed()),
        ];
        for (path, query) in DOCUMENTS {
            let query = match query.strip_suffix("fmspc=") {
                Some(_) => format!("{query}{}", hex::encode_upper(PROCESSOR_FMSPC)),
                None => query.to_owned(),
            };
            self.asking.fetch(path, &query)?;
        }
        let count = DOCUMENTS.len();
        let served = format!(
            "{count} documents fetched from the vendor, verified and kept; serves at {}, and is a \
             gate with the policy {PAYROLL} and the secret {DATABASE}",
            self.stage.url
        );
        steps.push(Step::new("service", served));
        self.stage.switch_vendor_off();
        steps.push(Step::new("outage", "the vendor is off from here on"));

        let settings = Settings::new(&self.stage.url, PAYROLL);
        let provider = Arc::new(Provider {
            world: Arc::clone(&self.world),
            clock: self.clock.clone(),
        });
        let client = Client::new(settings, provider).map_err(broken)?;
        let attestation = client.attest().map_err(broken)?;
        let chain = Chain::of(attestation.claims().map_err(broken)?, Node::Good.name());
        let accepted = format!(
            "accepted until {}, by what the service keeps: a token about this nonce and this key",
            attestation.until()
        );
        steps.push(Step::new("attestation", accepted));

        let secret = client.release(&attestation, DATABASE).map_err(broken)?;
        let released = format!("{DATABASE}, once, sealed to the key in the quote");
        steps.push(Step::new("release", released));
        let key = secret.get().map_err(broken)?.as_slice();
        let key = SealingKey::from_bytes(key.try_into().map_err(broken)?);
        let record = key.open(RECORD_CONTEXT, &self.record).map_err(broken)?;
        let record = String::from_utf8_lossy(&record).into_owned();
        attestation.permission().get().map_err(broken)?;
        let work = format!("opened with it: {record}; goes on while the attestation stands");
        steps.push(Step::new("work", work));
        Ok((steps, chain))
    }

    fn executed(&self) -> String {
        let measurement = self.genuine().mrenclave();
        let short = measurement.get(..16).unwrap_or_default();
        match &self.world.executor {
            Executor::Machine => format!(
                "MRENCLAVE {short}..., loaded, measured, and executed in a process of its own"
            ),
            Executor::Model { .. } => format!(
                "MRENCLAVE {short}..., loaded and measured; not executed, the model of the \
                 processor reports for it"
            ),
        }
    }

    /// Why no enclave is executed; absent where they are.
    pub(super) fn not_executed(&self) -> Option<&str> {
        match &self.world.executor {
            Executor::Machine => None,
            Executor::Model { reason } => Some(reason),
        }
    }

    /// The program that the policy is for.
    pub(super) fn genuine(&self) -> &Program {
        &self.world.genuine
    }

    /// A quote of a program on a platform, now.
    pub(super) fn quote(&self, program: &Program, node: Node, data: [u8; 64]) -> Result<Vec<u8>> {
        self.world.quote(program, node, data, self.clock.now())
    }

    /// A quote of a program on a platform of another vendor, now.
    pub(super) fn foreign_quote(&self, program: &Program, data: [u8; 64]) -> Result<Vec<u8>> {
        self.world.foreign_quote(program, data, self.clock.now())
    }

    /// A quote of a trust domain, now.
    pub(super) fn domain_quote(&self, debug: bool, data: [u8; 64]) -> Result<Vec<u8>> {
        self.world.domain_quote(debug, data, self.clock.now())
    }

    /// A quote of the genuine program, bound to a nonce and a key.
    pub(super) fn bound(&self, nonce: &[u8; 32], key: &KeyPair) -> Result<Vec<u8>> {
        let data = binding::report_data(nonce, key.public_key());
        self.quote(self.genuine(), Node::Good, data)
    }

    /// Attests with a new nonce and key; gives the token and the key.
    pub(super) fn attest(
        &self,
        program: &Program,
        node: Node,
        policy: &str,
    ) -> Result<Answer<(TokenText, KeyPair)>> {
        let (nonce, key) = (self.asking.nonce()?, pair()?);
        let data = binding::report_data(&nonce, key.public_key());
        let quote = self.quote(program, node, data)?;
        let token = self.asking.attest(nonce, quote, &key, policy)?;
        Ok(token.map(|token| (token, key)))
    }

    /// Shows the gate evidence that is made for a new nonce and key.
    pub(super) fn show(
        &self,
        policy: &str,
        quote: impl FnOnce([u8; 64]) -> Result<Vec<u8>>,
    ) -> Result<Outcome> {
        let (nonce, key) = (self.asking.nonce()?, pair()?);
        let quote = quote(binding::report_data(&nonce, key.public_key()))?;
        ended(self.asking.attest(nonce, quote, &key, policy)?.map(drop))
    }
}

/// Evidence for the library's client: of the genuine program on the good platform.
struct Provider {
    world: Arc<World>,
    clock: Clock,
}

impl EvidenceProvider for Provider {
    fn collect(&self, report_data: &[u8; 64]) -> std::result::Result<Evidence, EvidenceError> {
        let World { genuine, .. } = &*self.world;
        let now = self.clock.now();
        let quote = self.world.quote(genuine, Node::Good, *report_data, now);
        Ok(Evidence {
            format: EvidenceFormat::DcapQuote,
            bytes: quote.map_err(|error| EvidenceError::Other(error.to_string().into()))?,
            auxiliary: Vec::new(),
        })
    }
}
