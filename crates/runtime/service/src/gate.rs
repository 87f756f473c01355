//! The gate: evidence in, signed results out; and secrets, released to those who have one.
//!
//! `challenge` gives a nonce, `attest` takes evidence that is bound to it and to a key, `release`
//! gives a secret sealed to that key. What is demanded stands in policies, which an administrator
//! keeps here like the secrets. How bytes are bound and tokens made is told in `docs/gate.md`.

mod administer;
mod attest;
mod counters;
mod decisions;
mod demand;
mod key_file;
mod keys;
mod meter;
mod nonces;
mod policies;
mod release;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bulla_pki::mac::RandomError;
use bulla_pki::{SealingKey, Timestamp};
use bulla_protocol::gate::{
    AttestRequest, ChallengeRequest, Instant, Name, POLICY_UNKNOWN, ReleaseRequest, Request,
};
use bulla_protocol::wire::Status;
use bulla_store::{Secrets as _, Store, StoreError};
use prometheus_client::registry::Registry;
use serde::Serialize;

use crate::administration::{Outcome, Problem, Query, json, read};
use crate::baselines::Baselines;
use crate::collection::Collection;
use crate::fleet::Fleet;
use crate::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use crate::http::{Asked, HeaderValue, Reply, StatusCode};
use crate::keeper::unhurried;
use crate::secret_file::SecretFileError;

use administer::internal;
use attest::POLICY_UNKNOWN_TITLE;
use counters::Counters;
use decisions::Decisions;
use keys::Keys;
use meter::Meter;
use nonces::Nonces;
use policies::Policies;
use release::Asker;

pub use attest::NotAttested;
pub(crate) use decisions::Decided;
pub use key_file::{FILE as KEY_FILE, check as check_key_file};
pub use keys::KeysError;
pub use nonces::MOST_TAKEN as MOST_NONCES;
pub use policies::LONGEST as LONGEST_POLICY;
pub use release::NotGiven;

/// Whose machine the gate runs on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::exhaustive_enums, reason = "the places there are")]
pub enum Place {
    /// The data owner's.
    Owner,
    /// Anybody's, inside an attested environment.
    Attested,
    /// Another's: its host can read the keys.
    #[default]
    Elsewhere,
}

impl Place {
    /// `owner`, `attested` or `elsewhere`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Attested => "attested",
            Self::Elsewhere => "elsewhere",
        }
    }

    /// Why this place is none for a gate; absent where it is one.
    pub const fn warning(self) -> Option<&'static str> {
        match self {
            Self::Owner | Self::Attested => None,
            Self::Elsewhere => Some(
                "whoever has this host can read the gate's key and with it every secret: run the \
                 gate on the data owner's machine or inside an attested environment, and say so \
                 by `gate.place`",
            ),
        }
    }
}

/// How the gate is.
#[derive(Clone, Debug)]
#[expect(
    clippy::exhaustive_structs,
    reason = "whoever starts it settles all of it"
)]
pub struct GateSettings {
    /// The version of the program, for tokens.
    pub version: &'static str,
    /// The file with its key; absent: [`KEY_FILE`] beside the store, made where it is not there.
    pub key_file: Option<PathBuf>,
    /// Who tokens say has issued them; absent: the address of the first listener.
    pub issuer: Option<String>,
    /// For whom they are, where the client names nobody, and the only ones that release secrets;
    /// absent: the issuer.
    pub audience: Option<String>,
    /// How long a token counts at most, in seconds.
    pub token_seconds: u32,
    /// How long a nonce is good, in seconds.
    pub nonce_seconds: u32,
    /// How many requests a minute one address may make at each of the three routes.
    pub requests_per_minute: u32,
    /// Whose machine it runs on.
    pub place: Place,
}

impl GateSettings {
    /// Those of a configuration that says nothing.
    pub fn new(version: &'static str) -> Self {
        Self {
            version,
            key_file: None,
            issuer: None,
            audience: None,
            token_seconds: 300,
            nonce_seconds: 120,
            requests_per_minute: 600,
            place: Place::default(),
        }
    }
}

/// Why the gate does not open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file with its key cannot be used.
    #[error(transparent)]
    KeyFile(#[from] SecretFileError),
    /// The store has what was sealed under a key that is gone.
    #[error(
        "{}: the gate's key is gone, and the store has what was sealed under it: put the file \
         back; without it the secrets are lost, and the gate needs a new store",
        path.display()
    )]
    KeyGone {
        /// The file.
        path: PathBuf,
    },
    /// The keys that sign cannot be used.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// There are no random numbers.
    #[error(transparent)]
    Random(#[from] RandomError),
}

/// The issuer where nothing is named and no address is listened on.
const UNNAMED: &str = "urn:bulla:gate";

/// What a route of the gate does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Action {
    /// Gives a nonce.
    Challenge,
    /// Appraises evidence.
    Attest,
    /// Releases a secret.
    Release,
    /// Gives the keys by which tokens are checked.
    Jwks,
    /// Lists policies, or shows one.
    Policies,
    /// Puts a policy in force.
    PutPolicy,
    /// Removes a policy.
    RemovePolicy,
    /// Lists secrets, without their values.
    Secrets,
    /// Takes a secret.
    PutSecret,
    /// Removes a secret.
    RemoveSecret,
    /// Lists the keys that sign and signed.
    Keys,
    /// Has a new key sign.
    Rotate,
    /// Has nothing count that a key signed.
    Withdraw,
    /// Lists what was decided of late.
    Decisions,
}

/// The gate.
pub struct Gate {
    settings: GateSettings,
    issuer: String,
    audience: String,
    collection: Arc<Collection>,
    store: Arc<Store>,
    fleet: Arc<Fleet>,
    baselines: Arc<Baselines>,
    /// SHA-256 of the public key of the service's root.
    anchor: [u8; 32],
    /// What secrets and signing keys are sealed under.
    key: SealingKey,
    key_file: PathBuf,
    key_is_new: bool,
    keys: Keys,
    nonces: Nonces,
    policies: Policies,
    meters: [Meter; 3],
    counters: Counters,
    decisions: Decisions,
}

impl Gate {
    /// Opens the gate over what `collection` keeps; `directory` is that of the store. Blocks.
    pub fn open(
        settings: GateSettings,
        collection: Arc<Collection>,
        fleet: Arc<Fleet>,
        baselines: Arc<Baselines>,
        directory: &Path,
    ) -> Result<Self, OpenError> {
        let store = Arc::clone(collection.store());
        let key_file = match &settings.key_file {
            Some(path) => key_file::read(path)?,
            None => own_key(&directory.join(KEY_FILE), &store)?,
        };
        let now = collection.now().at;
        let lifetime = u64::from(settings.token_seconds);
        let meter = || Meter::per_minute(settings.requests_per_minute);
        if let Some(warning) = settings.place.warning() {
            tracing::warn!(place = settings.place.as_str(), "{warning}");
        }
        let issuer = settings.issuer.clone();
        let issuer = issuer.unwrap_or_else(|| UNNAMED.to_owned());
        let audience = settings.audience.clone();
        Ok(Self {
            audience: audience.unwrap_or_else(|| issuer.clone()),
            issuer,
            anchor: *collection.realm().anchor().public_key_sha256(),
            keys: Keys::open(Arc::clone(&store), &key_file.key, lifetime, now)?,
            nonces: match store.is_shared() {
                true => Nonces::shared(settings.nonce_seconds.into(), key_file.nonces),
                false => Nonces::new(settings.nonce_seconds.into())?,
            },
            policies: Policies::open(Arc::clone(&store))?,
            meters: [meter(), meter(), meter()],
            counters: Counters::default(),
            decisions: Decisions::default(),
            key: key_file.key,
            key_file: key_file.file,
            key_is_new: key_file.is_new,
            settings,
            collection,
            store,
            fleet,
            baselines,
        })
    }

    /// Reads anew what was decided, by whatever node; what cannot be read, in words. Blocks.
    pub(crate) fn catch_up(&self) -> Result<(), String> {
        self.policies.take_up().map_err(|error| error.to_string())?;
        let keys = self.keys.catch_up(&self.key, self.now());
        keys.map_err(|error| error.to_string())
    }

    /// Where its key is, and whether that was made just now.
    pub fn key_file(&self) -> (&Path, bool) {
        (&self.key_file, self.key_is_new)
    }

    /// Has its counts shown with the others.
    pub(crate) fn register(&self, registry: &mut Registry) {
        self.counters.register(registry);
    }

    /// Answers one request of somebody who may make it.
    pub(crate) async fn respond(
        &self,
        action: Action,
        query: &Query,
        asked: Asked,
        actor: &str,
    ) -> Outcome {
        match action {
            Action::Challenge => self.answer_challenge(query, asked).await,
            Action::Attest => self.answer_attest(query, asked).await,
            Action::Release => self.answer_release(query, asked).await,
            Action::Jwks => self.jwks(query),
            Action::Policies => self.policies(query),
            Action::PutPolicy => self.put_policy(query, asked, actor).await,
            Action::RemovePolicy => self.remove_policy(query, actor),
            Action::Secrets => self.secrets(query),
            Action::PutSecret => self.put_secret(query, asked, actor).await,
            Action::RemoveSecret => self.remove_secret(query, actor),
            Action::Keys => self.list_keys(query),
            Action::Rotate => self.rotate(query, actor),
            Action::Withdraw => self.withdraw(query, actor),
            Action::Decisions => self.list_decisions(query),
        }
    }

    async fn answer_challenge(&self, query: &Query, asked: Asked) -> Outcome {
        let _: ChallengeRequest = self.request(0, query, asked).await?;
        answer(&self.challenge()?)
    }

    async fn answer_attest(&self, query: &Query, asked: Asked) -> Outcome {
        let mut decided = Decided::new("attest", asked.request_id.to_string(), self.now());
        let request: AttestRequest = self.request(1, query, asked).await?;
        decided.policy = Some(request.policy.to_string());
        let mut platform = None;
        let attested = self.attest_noting(&request, &mut platform).await;
        decided.platform = platform.map(hex::encode);
        match attested {
            Ok(attested) => {
                self.counters.attested("accepted", None);
                decided.outcome = "accepted";
                self.decisions.note(decided);
                answer(&attested)
            }
            Err(reason) => {
                let problem = Problem::from(reason);
                let code = problem.first_finding().unwrap_or(problem.code());
                self.counters.attested("refused", Some(code));
                decided.code = Some(code.to_owned());
                decided.reason = Some(problem.reason());
                self.decisions.note(decided);
                Err(problem)
            }
        }
    }

    async fn answer_release(&self, query: &Query, asked: Asked) -> Outcome {
        let request_id = asked.request_id.to_string();
        let mut decided = Decided::new("release", request_id.clone(), self.now());
        let request: ReleaseRequest = self.request(2, query, asked).await?;
        decided.secret = Some(request.secret.to_string());
        let mut asker = Asker::default();
        let given = unhurried(|| self.release_noting(&request, &request_id, &mut asker));
        decided.platform = asker.platform.map(hex::encode);
        decided.policy = asker.policy;
        match given {
            Ok(given) => {
                self.counters.released("released", None);
                decided.outcome = "released";
                self.decisions.note(decided);
                answer(&given)
            }
            Err(reason) => {
                self.counters.released("refused", Some(reason.code()));
                decided.code = Some(reason.code().to_owned());
                decided.reason = Some(reason.to_string());
                self.decisions.note(decided);
                Err(reason.into())
            }
        }
    }

    fn jwks(&self, query: &Query) -> Outcome {
        query.only(&[])?;
        let body = self.keys.present().set.to_jwks(self.now());
        let keep = HeaderValue::from_static("max-age=60");
        Ok(Reply::new("", StatusCode::OK)
            .with_header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
            .with_header(CACHE_CONTROL, keep)
            .with_body(body))
    }

    /// Reads what somebody asks who has no token, if he did not ask too often.
    async fn request<T: Request>(
        &self,
        meter: usize,
        query: &Query,
        asked: Asked,
    ) -> Result<T, Problem> {
        query.only(&[])?;
        let granted = self.meters.get(meter).map_or(Ok(()), |meter| {
            meter.grant(asked.connection.peer(), std::time::Instant::now())
        });
        granted.map_err(|wait| {
            let seconds = u32::try_from(wait.as_secs().saturating_add(1)).unwrap_or(u32::MAX);
            let title = "There were too many requests from there.";
            Problem::new(Status::TOO_MANY_REQUESTS, "too-many-requests", title).retry_after(seconds)
        })?;
        let body = read(asked, T::MAX_SIZE).await?;
        T::read(&body).map_err(|error| Problem::bad_request(&error.to_string()))
    }

    fn now(&self) -> Timestamp {
        self.collection.now().at
    }
}

/// The key beside the store. None is made where the store has what was sealed under another.
fn own_key(path: &Path, store: &Store) -> Result<key_file::KeyFile, OpenError> {
    match key_file::read(path) {
        Err(SecretFileError::Missing { .. }) => {}
        read => return Ok(read?),
    }
    if Keys::are_kept(store)? || !store.secrets()?.is_empty() {
        return Err(OpenError::KeyGone {
            path: path.to_owned(),
        });
    }
    Ok(key_file::make(path)?)
}

fn answer(value: &impl Serialize) -> Outcome {
    json(value)
}

fn policy_unknown(name: &Name) -> Problem {
    Problem::of(Status::NOT_FOUND, POLICY_UNKNOWN, POLICY_UNKNOWN_TITLE)
        .because(&format!("no policy is named {name}"))
}

/// An instant as the interface has it.
fn instant(at: Timestamp) -> Instant {
    at.to_string()
        .parse()
        .expect("instants are written in this form")
}

/// Where a sealed value belongs: under no other name, in no other version, under no other policy
/// does it open.
fn secret_context(name: &str, version: u32, policy: &str) -> Vec<u8> {
    format!("bulla secret v1\0{name}\0{version}\0{policy}").into_bytes()
}
