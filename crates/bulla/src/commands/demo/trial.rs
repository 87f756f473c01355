//! What the demonstration tries.

use std::collections::BTreeSet;

use bulla_appraisal::Policy;
use bulla_appraisal::policy::{AnchorName, AnyOf, HexBytes};
use bulla_collateral::TcbStatus;
use bulla_evidence::{Quote, Tee};
use bulla_issuer::{QuoteKind, Seed, YEAR};
use bulla_pki::{Timestamp, TrustAnchors};
use bulla_vendor::cadence::{DAY, midnight};
use bulla_vendor::{
    Attested, Charter, Event, FIRST_NUMBER, Order, Part, PckCa, PlatformName, Recovery, Revoked,
    Selection, Subject, Vendor,
};

use crate::error::{Error, Result};
use crate::judge::{Judge, Outcome, QuoteInput};

/// One thing to try.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trial {
    Genuine,
    FlippedBit,
    Debug,
    OtherVendor,
    DefaultAnchors,
    DefaultPolicy,
    RevokedPlatform,
    TcbRecovery,
    Updated,
    OldCollateral,
}

pub(super) const TRIALS: [Trial; 10] = [
    Trial::Genuine,
    Trial::FlippedBit,
    Trial::Debug,
    Trial::OtherVendor,
    Trial::DefaultAnchors,
    Trial::DefaultPolicy,
    Trial::RevokedPlatform,
    Trial::TcbRecovery,
    Trial::Updated,
    Trial::OldCollateral,
];

impl Trial {
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Genuine => "as it came, the policy names the root",
            Self::FlippedBit => "one bit of the measurement flipped",
            Self::Debug => "started in debug mode",
            Self::OtherVendor => "from a processor of another such vendor",
            Self::DefaultAnchors => "under the vendors' roots only",
            Self::DefaultPolicy => "the root known, but not named by the policy",
            Self::RevokedPlatform => "the platform revoked",
            Self::TcbRecovery => "after a TCB recovery, the update missing",
            Self::Updated => "after a TCB recovery, the update installed",
            Self::OldCollateral => "judged by year-old collateral",
        }
    }

    /// The reason to refuse; `None` where the quote is to be accepted.
    pub(super) fn expected_code(self, world: &World) -> Option<&'static str> {
        Some(match self {
            Self::Genuine | Self::Updated => return None,
            Self::FlippedBit => "QuoteSignatureInvalid",
            Self::OtherVendor | Self::DefaultAnchors => "RootUntrusted",
            Self::DefaultPolicy => "TrustAnchorNotAccepted",
            Self::RevokedPlatform => "CertificateRevoked",
            Self::TcbRecovery => "TcbStatusNotAccepted",
            Self::Debug if world.tee() == Tee::Sgx => "DebugEnclave",
            Self::Debug => "DebugTd",
            Self::OldCollateral => "CollateralExpired",
        })
    }
}

/// A simulated vendor, a platform of its own, and the terms under which both count.
pub(super) struct World {
    at: Timestamp,
    kind: QuoteKind,
    vendor: Vendor,
    /// As like the first as one vendor is like another, but for the seed.
    other_vendor: Vendor,
    platform: PlatformName,
    anchors: TrustAnchors,
    policy: Policy,
}

impl World {
    pub(super) fn new(kind: QuoteKind, at: Timestamp) -> Result<Self> {
        let platform: PlatformName = "node-1".parse().map_err(broken)?;
        let vendor = found("bulla demo", &platform, at)?;
        let anchors = TrustAnchors::vendors()
            .with_simulated(&vendor.root_certificate())
            .map_err(broken)?;
        let simulated = anchors.iter().find(|anchor| !anchor.is_genuine());
        let digest = simulated.map(|anchor| HexBytes(*anchor.public_key_sha256()));
        let named = digest
            .map(AnchorName::KeySha256)
            .into_iter()
            .collect::<Vec<_>>();
        let mut policy = Policy::default();
        policy.trust_anchors = Some(AnyOf::try_from(named).map_err(broken)?);
        Ok(Self {
            at,
            kind,
            vendor,
            other_vendor: found("another vendor", &platform, at)?,
            platform,
            anchors,
            policy,
        })
    }

    fn tee(&self) -> Tee {
        self.kind.body_type().tee()
    }

    /// What bulla says when this is tried.
    pub(super) fn judge(&self, trial: Trial) -> Result<Outcome> {
        let at = match trial {
            Trial::OldCollateral => self.at.saturating_add(YEAR),
            _ => self.at,
        };
        let anchors = match trial {
            Trial::DefaultAnchors => TrustAnchors::vendors(),
            _ => self.anchors.clone(),
        };
        let policy = match trial {
            Trial::DefaultPolicy | Trial::DefaultAnchors => Policy::default(),
            _ => self.policy.clone(),
        };
        let Attested { quote, collateral } = self.attest(trial)?;
        let judge = Judge::new(at, anchors, policy);
        let verify =
            |quote: &[u8]| bulla_verifier::verify(quote, &collateral, &judge.anchors, judge.at);
        Ok(judge.judge(QuoteInput::decode(&quote), verify))
    }

    /// What the platform hands over, or what an attacker makes of it.
    fn attest(&self, trial: Trial) -> Result<Attested> {
        let mut vendor = match trial {
            Trial::OtherVendor => self.other_vendor.clone(),
            _ => self.vendor.clone(),
        };
        match trial {
            Trial::RevokedPlatform => {
                let of = Revoked::Platform(self.platform.clone());
                vendor
                    .record(self.at, Event::Revocation { of })
                    .map_err(broken)?;
            }
            Trial::TcbRecovery => self.recover(&mut vendor)?,
            Trial::Updated => {
                self.recover(&mut vendor)?;
                vendor
                    .update(&self.platform, None, Part::all(), self.at)
                    .map_err(broken)?;
            }
            _ => {}
        }
        let subject = Subject {
            kind: self.kind,
            report_data: [0; 64],
            debug: trial == Trial::Debug,
            launched: None,
        };
        let platform = vendor.platform(&self.platform, self.at).map_err(broken)?;
        let mut attested = vendor
            .attest(platform, &subject, Selection::Standard, self.at)
            .map_err(broken)?;
        if trial == Trial::FlippedBit {
            flip_a_bit(&mut attested.quote)?;
        }
        Ok(attested)
    }

    /// The vendor finds a weakness, has microcode against it, and makes the update mandatory.
    fn recover(&self, vendor: &mut Vendor) -> Result<()> {
        let number = FIRST_NUMBER + 1;
        let recovery = Recovery {
            number,
            date: midnight(self.at),
            raises: Part::MICROCODE.into(),
            below: TcbStatus::OutOfDate,
            advisory_ids: BTreeSet::from(["SIMULATED-SA-00002".to_owned()]),
        };
        vendor
            .record(self.at, Event::Recovery(recovery))
            .map_err(broken)?;
        vendor
            .record(self.at, Event::Promotion { number })
            .map_err(broken)
    }
}

/// A vendor who has been in business for a while, and has made this platform.
fn found(seed: &str, platform: &PlatformName, at: Timestamp) -> Result<Vendor> {
    let charter = Charter {
        public_url: bulla_issuer::NO_ADDRESS.parse().map_err(broken)?,
        founded: at.saturating_sub(90 * DAY),
        mark_critically: false,
    };
    let mut vendor = Vendor::new(Seed::from(seed), charter);
    let order = Order {
        name: platform.clone(),
        ca: PckCa::Processor,
        fmspc: None,
        number: None,
    };
    vendor
        .make(order, at.saturating_sub(60 * DAY))
        .map_err(broken)?;
    Ok(vendor)
}

/// Flips the lowest bit of what measures the code.
fn flip_a_bit(bytes: &mut [u8]) -> Result<()> {
    let quote = Quote::parse(bytes).map_err(broken)?;
    let measurement = match (quote.body().sgx(), quote.body().td10()) {
        (Some(report), _) => report.mrenclave.to_vec(),
        (None, Some(report)) => report.mrtd.to_vec(),
        (None, None) => Vec::new(),
    };
    let position = bytes
        .windows(measurement.len().max(1))
        .position(|window| window == measurement);
    let byte = position.and_then(|position| bytes.get_mut(position));
    *byte.ok_or_else(|| broken("the quote does not hold its measurement"))? ^= 1;
    Ok(())
}

fn broken(reason: impl ToString) -> Error {
    Error::DemoBroken {
        reason: reason.to_string(),
    }
}
