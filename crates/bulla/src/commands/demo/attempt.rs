//! Trying it: what the honest and the dishonest send.

use bulla_evidence::Quote;
use bulla_pki::hpke::{KeyPair, Sealed};
use bulla_protocol::gate::{ReleaseAnswer, TokenText};
use bulla_token::{Expected, KeySet, binding};

use super::asking::{Answer, Refusal};
use super::broken;
use super::enclave::Program;
use super::play::{ARCHIVE, DATABASE, DOMAINS, PAYROLL, PRODUCTION, Play};
use super::trial::{Ending, Trial};
use super::world::Node;
use crate::error::Result;

/// How long nonces, tokens and the vendor's documents last, in seconds, and one second more.
const AFTER_A_NONCE: u64 = 121;
const AFTER_A_TOKEN: u64 = 301;
const AFTER_A_MONTH: u64 = 31 * 86_400;

/// How it ended, and every reason for that.
pub(super) type Outcome = (Ending, Vec<Refusal>);

impl Trial {
    /// Tries it.
    pub(super) fn make(self, play: &Play) -> Result<Outcome> {
        let attested =
            |program: &Program| ended(play.attest(program, Node::Good, PAYROLL)?.map(drop));
        let genuine = play.genuine();
        match self {
            Self::Altered => attested(&Program::altered()?),
            Self::OtherSigner => attested(&Program::of_another_signer()?),
            Self::Debug => attested(&Program::debugged()?),
            Self::OldVersion => attested(&Program::outdated()?),
            Self::FlippedBit => play.show(PAYROLL, |data| {
                let mut quote = play.quote(genuine, Node::Good, data)?;
                flip_a_bit(&mut quote)?;
                Ok(quote)
            }),
            Self::Revoked => play.show(PAYROLL, |data| play.quote(genuine, Node::Revoked, data)),
            Self::Outdated => play.show(PAYROLL, |data| play.quote(genuine, Node::Outdated, data)),
            Self::OtherVendor => play.show(PAYROLL, |data| play.foreign_quote(genuine, data)),
            Self::RootNotNamed => {
                play.show(PRODUCTION, |data| play.quote(genuine, Node::Good, data))
            }
            Self::Domain => play.show(DOMAINS, |data| play.domain_quote(false, data)),
            Self::DebugDomain => play.show(DOMAINS, |data| play.domain_quote(true, data)),
            Self::NonceUsed => {
                let (nonce, key) = (play.asking.nonce()?, pair()?);
                let quote = play.bound(&nonce, &key)?;
                let first = play.asking.attest(nonce, quote.clone(), &key, PAYROLL)?;
                first.map_err(|_| broken("the nonce is not taken once"))?;
                ended(play.asking.attest(nonce, quote, &key, PAYROLL)?.map(drop))
            }
            Self::NonceUnknown => {
                let (nonce, key) = ([7; 32], pair()?);
                let quote = play.bound(&nonce, &key)?;
                ended(play.asking.attest(nonce, quote, &key, PAYROLL)?.map(drop))
            }
            Self::OtherKey => {
                let (nonce, key) = (play.asking.nonce()?, pair()?);
                let quote = play.bound(&nonce, &key)?;
                ended(
                    play.asking
                        .attest(nonce, quote, &pair()?, PAYROLL)?
                        .map(drop),
                )
            }
            Self::Recorded => {
                let (nonce, key) = (play.asking.nonce()?, pair()?);
                let quote = play.bound(&nonce, &key)?;
                let nonce = play.asking.nonce()?;
                ended(play.asking.attest(nonce, quote, &key, PAYROLL)?.map(drop))
            }
            Self::Relayed => relay(play),
            Self::LimitReached => {
                let (token, _) = accepted(play)?;
                ended(play.asking.release(&token, DATABASE)?.map(drop))
            }
            Self::PolicyReplaced => {
                let (token, _) = accepted(play)?;
                play.put_policies()?;
                ended(play.asking.release(&token, ARCHIVE)?.map(drop))
            }
            Self::NonceExpired => {
                let (nonce, key) = (play.asking.nonce()?, pair()?);
                let quote = play.bound(&nonce, &key)?;
                play.clock.pass(AFTER_A_NONCE);
                ended(play.asking.attest(nonce, quote, &key, PAYROLL)?.map(drop))
            }
            Self::TokenEnded => {
                let (token, _) = accepted(play)?;
                play.clock.pass(AFTER_A_TOKEN);
                ended(play.asking.release(&token, ARCHIVE)?.map(drop))
            }
            Self::CollateralExpired => {
                play.clock.pass(AFTER_A_MONTH);
                attested(genuine)
            }
        }
    }
}

/// Whoever relays a quote gets a result, and with it a secret: both for the key in the quote.
fn relay(play: &Play) -> Result<Outcome> {
    let (token, victim) = accepted(play)?;
    let thief = pair()?;
    let sealed = play.asking.release(&token, ARCHIVE)?;
    let sealed = sealed.map_err(|_| broken("the secret is not released"))?;
    let opens =
        |key: &KeyPair| -> Result<bool> { Ok(opened(play, key, &token, &sealed)?.is_some()) };
    match (opens(&thief)?, opens(&victim)?) {
        (false, true) => {
            let message = "What is released opens with the key in the quote and with no other.";
            Ok((
                Ending::Unopened,
                vec![Refusal {
                    code: "sealed".to_owned(),
                    message: message.to_owned(),
                }],
            ))
        }
        (true, _) => Ok((Ending::Accepted, Vec::new())),
        (false, false) => Err(broken("the secret opens with no key")),
    }
}

/// The secret, where this key opens it.
fn opened(
    play: &Play,
    key: &KeyPair,
    token: &TokenText,
    answer: &ReleaseAnswer,
) -> Result<Option<usize>> {
    let keys = KeySet::from_jwks(&play.asking.keys()?).map_err(broken)?;
    let expected = Expected {
        issuer: &play.issuer,
        audience: &play.issuer,
        at: play.clock.now(),
        leeway_seconds: 0,
    };
    let claims = bulla_token::verify(token.as_str(), &keys, &expected).map_err(broken)?;
    let sealed = Sealed {
        enc: answer.enc.0,
        ciphertext: answer.ciphertext.clone(),
    };
    let info = binding::release_info(answer.secret.as_str());
    let aad = claims.jti.to_string();
    let value = key.open(&sealed, &info, aad.as_bytes()).ok();
    Ok(value.map(|value| value.len()))
}

/// A token that is given, and the key that it is for.
fn accepted(play: &Play) -> Result<(TokenText, KeyPair)> {
    let attested = play.attest(play.genuine(), Node::Good, PAYROLL)?;
    attested.map_err(|reasons| broken(format!("good evidence is refused: {reasons:?}")))
}

/// What an answer means.
pub(super) fn ended(answer: Answer<()>) -> Result<Outcome> {
    Ok(match answer {
        Ok(()) => (Ending::Accepted, Vec::new()),
        Err(reasons) => (Ending::Refused, reasons),
    })
}

/// A new pair of keys.
pub(super) fn pair() -> Result<KeyPair> {
    KeyPair::generate().map_err(broken)
}

/// Flips the lowest bit of what measures the code.
fn flip_a_bit(bytes: &mut [u8]) -> Result<()> {
    let quote = Quote::parse(bytes).map_err(broken)?;
    let report = quote.body().sgx();
    let measurement = report
        .ok_or_else(|| broken("the quote is of no enclave"))?
        .mrenclave;
    let position = bytes
        .windows(measurement.len())
        .position(|window| window == measurement);
    let byte = position.and_then(|position| bytes.get_mut(position));
    *byte.ok_or_else(|| broken("the quote does not hold its measurement"))? ^= 1;
    Ok(())
}
