//! Of the tests in this crate: evidence that the issuer writes, and its root trusted.

use bulla_collateral::CollateralSet;
use bulla_issuer::{QuoteKind, Scenario, Seed};
use bulla_pki::TrustAnchors;

use crate::PreparedCollateral;

pub(crate) fn scenario(kind: QuoteKind) -> Scenario {
    let at = "2026-11-23T00:00:00Z".parse().unwrap();
    Scenario::new(&Seed::from("unit"), kind, at)
}

/// The vendors' roots and that of the scenario.
pub(crate) fn anchors(scenario: &Scenario) -> TrustAnchors {
    TrustAnchors::vendors()
        .with_simulated(&scenario.vendor.root_certificate())
        .unwrap()
}

pub(crate) fn prepared(scenario: &Scenario, set: &CollateralSet) -> PreparedCollateral {
    PreparedCollateral::new(set, &anchors(scenario))
}
