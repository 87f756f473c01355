//! From a signed result to a secret, sealed to the key that was attested.
//!
//! What is checked, in this order: the token (key, signature, issuer, audience, time), that it
//! rests on this service's root, the secret, that the policy attached to it is in force exactly as
//! the token names it, that the baseline that is demanded is the one that it was given under; then in
//! one transaction of the store once more all that can change, the
//! limits, the count, and the entry in the audit. Only after that is on the disk is the value
//! opened and sealed to the client.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use bulla_pki::hpke;
use bulla_protocol::gate::{Name, Octets, RELEASE_REFUSED, ReleaseAnswer, ReleaseRequest};
use bulla_protocol::wire::Status;
use bulla_store::audit::Event;
use bulla_store::secrets::{Claim, InForce, NotReleased, Released};
use bulla_store::{Audit as _, Secrets as _, StoreError};
use bulla_token::{Claims, Expected, TokenError, binding};
use serde::Deserialize;
use serde_json::json;

use super::keys::Present;
use super::{Gate, internal, secret_context};
use crate::administration::Problem;

/// By how many seconds a token may seem to come from the future: the service's clock may have been
/// set back a little since it gave it out.
const LEEWAY: u32 = 60;

/// How often a release is looked at anew where something changed meanwhile. Whoever changes things
/// more often than that at a stretch has no claim to be answered.
const ATTEMPTS: u32 = 3;

/// Who acts where a client asks: who that is the details say.
const ACTOR: &str = "attested";

/// Why a secret is not released. Told to the operator; to the client only that it is so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NotGiven {
    /// The token does not count.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The token rests on another root than that of this service.
    #[error("the token rests on another root than this service")]
    OtherRoot,
    /// The policy attached to the secret is not in force as the token names it.
    #[error("the secret is released under the policy {expected}, and the token is for {actual}")]
    OtherPolicy {
        /// Which is attached, and its version.
        expected: String,
        /// Which the token names.
        actual: String,
    },
    /// Something else is demanded now than what the token was given under.
    #[error("the baseline {expected} is demanded, and the token was given under {actual}")]
    OtherBaseline {
        /// Which is demanded, and the decision that gave it its content.
        expected: String,
        /// Which the token names.
        actual: String,
    },
    /// An exception that was in force when the token was given was ended since, or changed.
    #[error("the exception {name} was ended or changed since the token was given")]
    ExceptionEnded {
        /// Its name.
        name: String,
    },
    /// Nothing can be sealed to the key in the token.
    #[error("nothing can be sealed to the key that was attested")]
    KeyUseless,
    /// There is no such secret, a limit is reached, or something changed again and again.
    #[error(transparent)]
    NotReleased(#[from] NotReleased),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret was counted and could not be sealed: nothing left.
    #[error("it was counted, and nothing left: {0}")]
    Lost(String),
}

impl NotGiven {
    /// Its stable name, for metrics and the operator.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Token(error) => match error {
                TokenError::KeyWithdrawn => "token-key-withdrawn",
                TokenError::KeyUnknown | TokenError::KeyEnded { .. } => "token-key-unknown",
                TokenError::Expired { .. } => "token-expired",
                TokenError::AudienceMismatch { .. } => "token-audience",
                _ => "token-invalid",
            },
            Self::OtherRoot => "root-mismatch",
            Self::OtherPolicy { .. } => "policy-mismatch",
            Self::OtherBaseline { .. } | Self::ExceptionEnded { .. } => "baseline-mismatch",
            Self::KeyUseless => "key-useless",
            Self::NotReleased(NotReleased::Absent) => "secret-unknown",
            Self::NotReleased(NotReleased::Exhausted { .. }) => "times-reached",
            Self::NotReleased(NotReleased::Ended { .. }) => "until-passed",
            Self::NotReleased(NotReleased::PlatformNotListed) => "platform-not-listed",
            Self::NotReleased(_) => "changed-meanwhile",
            Self::Store(_) => "store-unavailable",
            Self::Lost(_) => "sealing-failed",
        }
    }
}

/// Who asked for what, as far as that is known.
#[derive(Debug, Default)]
pub(super) struct Asker {
    /// SHA-256 of the platform's PPID.
    pub(super) platform: Option<[u8; 32]>,
    pub(super) policy: Option<String>,
    token: Option<[u8; 16]>,
}

impl Gate {
    /// Releases a secret to the holder of a token. Blocks.
    pub fn release(&self, request: &ReleaseRequest) -> Result<ReleaseAnswer, NotGiven> {
        self.release_noting(request, "", &mut Asker::default())
    }

    /// The same; who asks is noted as soon as that is known.
    pub(super) fn release_noting(
        &self,
        request: &ReleaseRequest,
        request_id: &str,
        asker: &mut Asker,
    ) -> Result<ReleaseAnswer, NotGiven> {
        let mut attempt = 1;
        loop {
            let given = self.try_release(request, request_id, asker);
            let changed = matches!(
                given,
                Err(NotGiven::NotReleased(NotReleased::Changed { .. }))
            );
            if !changed || attempt == ATTEMPTS {
                if let Err(reason) = &given {
                    self.note_refusal(request, request_id, asker, reason);
                }
                return given;
            }
            attempt += 1;
            self.read_anew();
        }
    }

    /// Takes up what was decided, by whatever node. Where that fails, the next attempt goes by what is
    /// known, and the store lets nothing out by it that has changed.
    fn read_anew(&self) {
        let baselines = self.baselines.catch_up().map_err(|error| error.to_string());
        if let Err(error) = baselines.and_then(|()| self.catch_up()) {
            tracing::error!(error, "what was decided meanwhile is not taken up");
        }
    }

    fn try_release(
        &self,
        request: &ReleaseRequest,
        request_id: &str,
        asker: &mut Asker,
    ) -> Result<ReleaseAnswer, NotGiven> {
        let now = self.now();
        let keys = self.keys.present();
        let expected = Expected {
            issuer: &self.issuer,
            audience: &self.audience,
            at: now,
            leeway_seconds: LEEWAY,
        };
        let token = request.token.as_str();
        let claims = bulla_token::verify(token, &keys.set, &expected)?;
        asker.platform = Some(claims.bulla.platform.0);
        asker.policy = Some(claims.bulla.policy.name.clone());
        asker.token = Some(claims.jti.0);
        if claims.bulla.trust_anchor.public_key_sha256.0 != self.anchor {
            return Err(NotGiven::OtherRoot);
        }

        let name = request.secret.as_str();
        let secret = self.store.secret(name)?.ok_or(NotReleased::Absent)?;
        let policy = self.policy_in_force(&secret.policy, &claims)?;
        let baselines_in_force = self.still_demanded(&claims, &secret.policy)?;
        let key_in_force = key_in_force(&keys, token).ok_or(TokenError::KeyUnknown)?;
        let public_key = claims.cnf.jwk.0.0;
        // Else the release would be counted for nothing.
        hpke::seal(&public_key, b"", b"", b"").map_err(|_| NotGiven::KeyUseless)?;

        let claim = Claim {
            name: name.to_owned(),
            version: secret.version,
            platform: claims.bulla.platform.0,
            at: now,
            in_force: vec![policy, key_in_force, baselines_in_force],
        };
        let details = json!({
            "version": secret.version,
            "policy": claims.bulla.policy.name,
            "policy_version": claims.bulla.policy.version,
            "policy_sha256": hex::encode(claims.bulla.policy.sha256.0),
            "platform": hex::encode(claims.bulla.platform.0),
            "evidence_sha256": hex::encode(claims.bulla.evidence_sha256.0),
            "key": hex::encode(public_key),
            "token": hex::encode(claims.jti.0),
            "request": request_id,
        });
        let event = self.event(ACTOR, "secret.release", name, &details);
        let released = self.store.release(&claim, &event)??;
        self.sealed(
            &request.secret,
            secret.version,
            &secret.policy,
            &claims,
            &released,
        )
        .inspect_err(|reason| self.note_loss(name, &released, reason))
    }

    /// That the policy attached to a secret is the very one that the token was given under.
    fn policy_in_force(&self, attached: &str, claims: &Claims) -> Result<InForce, NotGiven> {
        let named = self.policies.find(attached);
        let actual = &claims.bulla.policy;
        match &named {
            Some(named)
                if named.name == actual.name
                    && u64::from(named.version) == actual.version
                    && named.sha256 == actual.sha256.0 =>
            {
                Ok(named.in_force())
            }
            _ => Err(NotGiven::OtherPolicy {
                expected: match &named {
                    Some(named) => format!("{}@{}", named.name, named.version),
                    None => format!("{attached}, which is not there"),
                },
                actual: format!("{}@{}", actual.name, actual.version),
            }),
        }
    }

    /// The value, sealed to the key in the token.
    fn sealed(
        &self,
        name: &Name,
        version: u32,
        policy: &str,
        claims: &Claims,
        released: &Released,
    ) -> Result<ReleaseAnswer, NotGiven> {
        let context = secret_context(name.as_str(), version, policy);
        let lost = |error: &dyn std::fmt::Display| NotGiven::Lost(error.to_string());
        let value = self.key.open(&context, &released.value);
        let value = value.map_err(|error| lost(&error))?;
        let info = binding::release_info(name.as_str());
        let aad = claims.jti.to_string();
        let sealed = hpke::seal(&claims.cnf.jwk.0.0, &info, aad.as_bytes(), &value);
        let sealed = sealed.map_err(|error| lost(&error))?;
        Ok(ReleaseAnswer {
            secret: name.clone(),
            version: version.into(),
            enc: Octets(sealed.enc),
            ciphertext: sealed.ciphertext,
        })
    }

    /// Has the audit say that a release which was counted never left.
    fn note_loss(&self, name: &str, released: &Released, reason: &NotGiven) {
        tracing::error!(secret = name, %reason, "a secret cannot be sealed");
        let details = json!({ "entry": released.entry.sequence, "reason": reason.to_string() });
        self.record(&self.event("service", "secret.lost", name, &details));
    }

    /// Has the audit say who was refused which secret. Not every refusal enters it, or anybody
    /// could fill the disk: only those of somebody with a token of this service's.
    fn note_refusal(
        &self,
        request: &ReleaseRequest,
        request_id: &str,
        asker: &Asker,
        reason: &NotGiven,
    ) {
        let (Some(platform), Some(token)) = (asker.platform, asker.token) else {
            return;
        };
        if matches!(reason, NotGiven::Store(_) | NotGiven::Lost(_)) {
            return;
        }
        let details = json!({
            "code": reason.code(),
            "reason": reason.to_string(),
            "platform": hex::encode(platform),
            "token": hex::encode(token),
            "request": request_id,
        });
        let name = request.secret.as_str();
        self.record(&self.event(ACTOR, "secret.refuse", name, &details));
    }

    fn record(&self, event: &Event) {
        if let Err(error) = self.store.record(event) {
            let action = &event.action;
            tracing::error!(%error, action, "the audit cannot be written");
        }
    }
}

/// The key in a token's header, which was believed before, and that it stands where it stood.
fn key_in_force(keys: &Present, token: &str) -> Option<InForce> {
    #[derive(Deserialize)]
    struct Header {
        kid: String,
    }
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next()?).ok()?;
    let header: Header = serde_json::from_slice(&header).ok()?;
    keys.in_force(&header.kid)
}

impl From<NotGiven> for Problem {
    /// One answer to all refusals: what is wrong is the operator's business.
    fn from(reason: NotGiven) -> Self {
        match reason {
            NotGiven::Store(error) => error.into(),
            NotGiven::Lost(reason) => internal(&reason),
            _ => Self::of(
                Status::FORBIDDEN,
                RELEASE_REFUSED,
                "The secret is not released.",
            ),
        }
    }
}
