//! What the demonstration tries.

use bulla_appraisal::Policy;
use bulla_appraisal::policy::{AnchorName, AnyOf, HexBytes};
use bulla_evidence::layout::{sgx_attributes, td_attributes};
use bulla_issuer::{Attestation, QuoteKind, Scenario, Seed, YEAR};
use bulla_pki::{Timestamp, TrustAnchors};

use crate::error::{Error, Result};
use crate::judge::{Judge, Outcome, QuoteInput};

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Genuine,
    FlippedBit,
    DefaultAnchors,
    DefaultPolicy,
    RevokedPlatform,
    OutOfDate,
    Debug,
    OldCollateral,
}

pub(super) const TRIALS: [Trial; 8] = [
    Trial::Genuine,
    Trial::FlippedBit,
    Trial::DefaultAnchors,
    Trial::DefaultPolicy,
    Trial::RevokedPlatform,
    Trial::OutOfDate,
    Trial::Debug,
    Trial::OldCollateral,
];

impl Trial {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Genuine => "as it came, the policy names the root",
            Self::FlippedBit => "one bit of the measurement flipped",
            Self::DefaultAnchors => "under the vendors' roots only",
            Self::DefaultPolicy => "the root known, but not named by the policy",
            Self::RevokedPlatform => "the platform's certificate revoked",
            Self::OutOfDate => "a security update not installed",
            Self::Debug => "started in debug mode",
            Self::OldCollateral => "judged by year-old collateral",
        }
    }

    /// The reason to refuse; `None` where the quote is to be accepted.
    pub(super) fn expected_code(self, world: &World) -> Option<&'static str> {
        Some(match self {
            Self::Genuine => return None,
            Self::FlippedBit => "QuoteSignatureInvalid",
            Self::DefaultAnchors => "RootUntrusted",
            Self::DefaultPolicy => "TrustAnchorNotAccepted",
            Self::RevokedPlatform => "CertificateRevoked",
            Self::OutOfDate => "TcbStatusNotAccepted",
            Self::Debug if world.is_sgx() => "DebugEnclave",
            Self::Debug => "DebugTd",
            Self::OldCollateral => "CollateralExpired",
        })
    }
}

/// A simulated vendor, a platform of its own, and the terms under which both count.
pub(super) struct World {
    scenario: Scenario,
    anchors: TrustAnchors,
    policy: Policy,
}

impl World {
    pub(super) fn new(seed: &Seed, kind: QuoteKind, at: Timestamp) -> Result<Self> {
        let broken = |reason: String| Error::DemoBroken { reason };
        let scenario = Scenario::new(seed, kind, at);
        let anchors = TrustAnchors::vendors()
            .with_simulated(&scenario.vendor.root_certificate())
            .map_err(|error| broken(error.to_string()))?;
        let simulated = anchors.iter().find(|anchor| !anchor.is_genuine());
        let digest = simulated.map(|anchor| HexBytes(*anchor.public_key_sha256()));
        let named = digest
            .map(AnchorName::KeySha256)
            .into_iter()
            .collect::<Vec<_>>();
        let mut policy = Policy::default();
        policy.trust_anchors =
            Some(AnyOf::try_from(named).map_err(|error| broken(error.to_string()))?);
        Ok(Self {
            scenario,
            anchors,
            policy,
        })
    }

    fn is_sgx(&self) -> bool {
        self.scenario.quote.body.as_body().sgx().is_some()
    }

    /// What bulla says when this is tried.
    pub(super) fn judge(&self, trial: Trial) -> Result<Outcome> {
        let at = match trial {
            Trial::OldCollateral => self.scenario.at.saturating_add(YEAR),
            _ => self.scenario.at,
        };
        let anchors = match trial {
            Trial::DefaultAnchors => TrustAnchors::vendors(),
            _ => self.anchors.clone(),
        };
        let policy = match trial {
            Trial::DefaultPolicy | Trial::DefaultAnchors => Policy::default(),
            _ => self.policy.clone(),
        };
        let Attestation { quote, collateral } = self.attest(trial)?;
        let judge = Judge::new(at, anchors, policy);
        let verify =
            |quote: &[u8]| bulla_verifier::verify(quote, &collateral, &judge.anchors, judge.at);
        Ok(judge.judge(QuoteInput::decode(&quote), verify))
    }

    /// What the platform hands over, or what an attacker makes of it.
    fn attest(&self, trial: Trial) -> Result<Attestation> {
        let mut scenario = self.scenario.clone();
        match trial {
            Trial::RevokedPlatform => scenario
                .pck_crl
                .revoke(&self.scenario.pck_certificate.serial),
            Trial::OutOfDate => miss_an_update(&mut scenario),
            Trial::Debug => start_in_debug_mode(&mut scenario),
            _ => {}
        }
        let mut attestation = scenario.build();
        if trial == Trial::FlippedBit {
            self.flip_a_bit(&mut attestation.quote)?;
        }
        Ok(attestation)
    }

    /// Flips the lowest bit of what measures the code.
    fn flip_a_bit(&self, quote: &mut [u8]) -> Result<()> {
        let body = self.scenario.quote.body.as_body();
        let measurement: &[u8] = match (body.sgx(), body.td10()) {
            (Some(report), _) => &report.mrenclave,
            (None, Some(report)) => &report.mrtd,
            (None, None) => &[],
        };
        let position = quote
            .windows(measurement.len().max(1))
            .position(|window| window == measurement);
        let byte = position.and_then(|position| quote.get_mut(position));
        let byte = byte.ok_or_else(|| Error::DemoBroken {
            reason: "the quote does not hold its measurement".to_owned(),
        })?;
        *byte ^= 1;
        Ok(())
    }
}

/// The platform stays one step below the level that the vendor calls up to date.
fn miss_an_update(scenario: &mut Scenario) {
    let svn = &mut scenario.sgx_extension.component_svns;
    if let Some(first) = svn.first_mut() {
        *first = first.saturating_sub(1);
    }
    if let Some(first) = scenario.sgx_extension.cpusvn.first_mut() {
        *first = first.saturating_sub(1);
    }
}

fn start_in_debug_mode(scenario: &mut Scenario) {
    if let Some(report) = scenario.quote.body.sgx_mut() {
        report.attributes.flags |= sgx_attributes::DEBUG;
    }
    if let Some(report) = scenario.quote.body.td10_mut() {
        report.tdattributes |= td_attributes::DEBUG;
    }
}
