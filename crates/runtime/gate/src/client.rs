//! Attesting at a gate, and what that gives.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_pki::Timestamp;
use bulla_pki::hpke::KeyPair;
use bulla_protocol::gate::{Audience, Name, TokenText};
use bulla_token::{Claims, KeySet, TokenError, binding};

use crate::attested::{Attested, Ended, Permission, Standing, Term, now};
use crate::error::GateError;
use crate::evidence::EvidenceProvider;
use crate::http::Http;
use crate::verify::{self, Expected};
use crate::wire;

/// Longest time for one question, in which a gate may have to fetch collateral.
const PATIENCE: Duration = Duration::from_secs(30);

/// After how long the nodes of a gate have heard of each other's keys: they look once a second.
const KEYS_HEARD_OF: Duration = Duration::from_secs(2);

/// How a gate is asked.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its address: https, or http on the same machine.
    pub service: String,
    /// The policy by which it is to appraise.
    pub policy: String,
    /// What the gate calls itself in its results; its address where absent.
    pub issuer: Option<String>,
    /// For whom the result is; the gate itself where absent. One that is for others opens no secret.
    pub audience: Option<String>,
    /// By which keys its results are verified.
    pub keys: TokenKeys,
    /// The CAs by which its TLS is judged, in PEM; those of the operating system where absent.
    pub certificates: Option<Vec<u8>>,
    /// Longest time for one question.
    pub deadline: Duration,
}

/// The keys by which a gate's results are verified.
#[derive(Clone, Debug)]
pub enum TokenKeys {
    /// These, as a JWKS (RFC 7517): a gate that signs with another is not believed.
    Given(Vec<u8>),
    /// Those that the gate publishes, fetched with each result: as good as its TLS.
    Published,
}

impl Settings {
    /// Settings with the gate's published keys and the operating system's CAs.
    pub fn new(service: impl Into<String>, policy: impl Into<String>) -> Self {
        Self {
            service: service.into(),
            policy: policy.into(),
            issuer: None,
            audience: None,
            keys: TokenKeys::Published,
            certificates: None,
            deadline: PATIENCE,
        }
    }
}

/// A client of one gate, for programs that wait asynchronously (with tokio).
#[derive(Clone)]
pub struct Client {
    http: Http,
    policy: Name,
    issuer: String,
    audience: Option<Audience>,
    /// Absent where the published ones count.
    keys: Option<Arc<KeySet>>,
    provider: Arc<dyn EvidenceProvider>,
}

impl Client {
    /// A client with evidence from `provider`; asks nobody yet.
    pub fn new(settings: Settings, provider: Arc<dyn EvidenceProvider>) -> Result<Self, GateError> {
        let keys = match &settings.keys {
            TokenKeys::Given(keys) => {
                let keys = verify::keys(keys).map_err(|error| GateError::Setting {
                    setting: "the keys of the gate",
                    reason: error.to_string(),
                })?;
                Some(Arc::new(keys))
            }
            TokenKeys::Published => None,
        };
        let audience = settings.audience.clone().map(Audience::try_from);
        Ok(Self {
            http: Http::new(&settings)?,
            policy: named("the policy", &settings.policy)?,
            audience: audience.transpose().map_err(|error| GateError::Setting {
                setting: "the audience",
                reason: error.to_string(),
            })?,
            issuer: settings.issuer.unwrap_or(settings.service),
            keys,
            provider,
        })
    }

    /// Attests: a challenge, evidence that is bound to it and to a new key, and the gate's result,
    /// which is verified here too.
    ///
    /// A result whose key the gate does not publish is asked for once more, two seconds later: the key
    /// may have been withdrawn since it signed, or, where the gate has several nodes, the keys come
    /// from one that has not heard of it yet.
    pub async fn attest(&self) -> Result<Attestation, GateError> {
        match self.attest_once().await {
            Err(GateError::Token(TokenError::KeyUnknown | TokenError::KeyWithdrawn))
                if self.keys.is_none() =>
            {
                tokio::time::sleep(KEYS_HEARD_OF).await;
                self.attest_once().await
            }
            attested => attested,
        }
    }

    async fn attest_once(&self) -> Result<Attestation, GateError> {
        let key = KeyPair::generate().map_err(|source| GateError::Key {
            subject: "the key of this attestation".to_owned(),
            source,
        })?;
        let answer = self
            .http
            .post(wire::CHALLENGE, wire::challenge_request())
            .await?;
        let (nonce, service_time) = wire::challenge(&answer)?;
        // What the gate's clock says ends is counted from here.
        let start = Instant::now();
        let report_data = binding::report_data(&nonce, key.public_key());
        let provider = Arc::clone(&self.provider);
        let collected = tokio::task::spawn_blocking(move || provider.collect(&report_data));
        let evidence = collected.await.map_err(|error| GateError::Provider {
            reason: error.to_string(),
        })??;
        let request = wire::attest_request(
            &nonce,
            evidence,
            key.public_key(),
            &self.policy,
            self.audience.as_ref(),
        )?;
        let token = wire::token(&self.http.post(wire::ATTEST, request).await?)?;
        let keys = match &self.keys {
            Some(keys) => Arc::clone(keys),
            None => {
                let published = self.http.get(wire::KEYS).await?;
                let keys = verify::keys(&published).map_err(|error| GateError::Answer {
                    reason: error.to_string(),
                })?;
                Arc::new(keys)
            }
        };
        let expected = Expected {
            issuer: &self.issuer,
            policy: &self.policy,
            audience: self.audience.as_ref(),
            nonce: &nonce,
            public_key: key.public_key(),
        };
        let claims = verify::verify(&token, &keys, &expected, now().ok_or(GateError::Clock)?)?;
        let left = claims
            .exp
            .unix_seconds()
            .saturating_sub(service_time.unix_seconds());
        let term = Term::new(claims.exp, start, Duration::from_secs(left));
        term.check()?;
        Ok(Attestation {
            token,
            standing: Standing {
                term,
                policy: claims.bulla.policy.sha256.0,
            },
            claims,
            key,
        })
    }

    /// Has a secret released to the key of an attestation.
    pub async fn release(
        &self,
        attestation: &Attestation,
        secret: &str,
    ) -> Result<Attested<Vec<u8>>, GateError> {
        let name = named("the secret", secret)?;
        attestation.standing.term.check()?;
        let request = wire::release_request(&attestation.token, &name);
        let answer = self.http.post(wire::RELEASE, request).await?;
        let sealed = wire::released(&answer, &name)?;
        let info = binding::release_info(name.as_str());
        let aad = attestation.claims.jti.to_string();
        let opened = attestation.key.open(&sealed, &info, aad.as_bytes());
        let mut value = opened.map_err(|source| GateError::Key {
            subject: secret.to_owned(),
            source,
        })?;
        attestation.standing.term.check()?;
        Ok(Attested::new(
            std::mem::take(&mut *value),
            attestation.standing.clone(),
        ))
    }
}

/// Says what is asked for, and nothing of what passed.
impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// The result of a successful appraisal: this machine, and one key that never left this process.
pub struct Attestation {
    token: TokenText,
    standing: Standing,
    claims: Claims,
    key: KeyPair,
}

impl Attestation {
    /// The gate's signed result, for as long as it stands. Whoever has it can show it, and open
    /// nothing with it.
    pub fn token(&self) -> Result<&str, Ended> {
        self.standing.term.check()?;
        Ok(self.token.as_str())
    }

    /// What the gate says of this machine, in the token.
    pub fn claims(&self) -> Result<&Claims, Ended> {
        self.standing.term.check()?;
        Ok(&self.claims)
    }

    /// That work may go on, for as long as this stands.
    pub fn permission(&self) -> Attested<Permission> {
        Attested::new(Permission::new(), self.standing.clone())
    }

    /// When it ends, by the gate's clock.
    pub fn until(&self) -> Timestamp {
        self.standing.term.until
    }

    /// How long it still stands.
    pub fn left(&self) -> Result<Duration, Ended> {
        let left = self.standing.term.left(now(), Instant::now());
        left.ok_or(Ended {
            until: self.until(),
        })
    }

    /// Whether the evidence was that of a simulated platform.
    pub fn is_simulated(&self) -> bool {
        self.claims.bulla.simulated
    }

    /// How good the evidence was: `affirming` or `warning`.
    pub fn status(&self) -> &'static str {
        self.claims.ear_status.as_str()
    }

    pub(crate) fn standing(&self) -> &Standing {
        &self.standing
    }
}

/// Says when it ends, and nothing of token and key.
impl fmt::Debug for Attestation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attestation")
            .field("until", &self.until())
            .field("simulated", &self.claims.bulla.simulated)
            .finish_non_exhaustive()
    }
}

fn named(setting: &'static str, text: &str) -> Result<Name, GateError> {
    text.parse().map_err(
        |error: bulla_protocol::value::ValueError| GateError::Setting {
            setting,
            reason: error.to_string(),
        },
    )
}
