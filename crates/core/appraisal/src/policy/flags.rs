//! The words that a policy file has for attributes.

use serde::Deserialize;

/// What to do about an attribute that takes protection away.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "an attribute is tolerated or it is not"
)]
pub enum Tolerance {
    /// Evidence that has the attribute is refused.
    #[default]
    Refused,
    /// Evidence passes with or without the attribute, which is reported.
    Any,
}

/// What to do about an attribute that adds protection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
#[expect(
    clippy::exhaustive_enums,
    reason = "an attribute is demanded or it is not"
)]
pub enum Demand {
    /// Evidence that lacks the attribute is refused.
    Required,
    /// Evidence passes with or without the attribute, whose absence is reported.
    #[default]
    Any,
}
