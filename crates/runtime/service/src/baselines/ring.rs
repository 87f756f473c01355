//! Who follows which ring, and what a ring is served.
//!
//! A client is found in this order: by the base path `/ring/NAME`, by the token that he sends, by the
//! host that he asks, by the listener at which he comes in; whoever follows no other is in the ring
//! `default`.

use std::sync::Arc;

use bulla_appraisal::baseline::{Baseline, FamilyName, Name, Number, Technology};
use bulla_collateral::{EnclaveId, Selector, Series, TcbInfoId};

use super::Baselines;
use crate::http::header::HOST;
use crate::http::{Asked, HeaderMap};
use crate::want::Choice;

/// In front of the name of a ring in a path.
const BASE: &str = "/ring/";

/// The baseline that a client follows, as far as documents can carry it.
#[derive(Clone, Debug, Default)]
pub struct Followed(Option<Arc<Baseline>>);

impl Followed {
    /// Which document of a series is meant. A number that the client names himself, and `early`,
    /// stay what they are: whoever asks for what is standard gets what his ring demands.
    pub fn choice(&self, series: Series, asked: Choice) -> Choice {
        match (&self.0, asked) {
            (Some(baseline), Choice::Selected(Selector::Standard)) => {
                number(baseline, series).into()
            }
            _ => asked,
        }
    }
}

/// Identities are of no family, so that they follow what is demanded of the technology.
fn number(baseline: &Baseline, series: Series) -> Number {
    match series {
        Series::TcbInfo { id, fmspc, .. } => {
            let family = FamilyName(fmspc);
            baseline.requirement(technology(id), &family).number
        }
        Series::EnclaveIdentity(EnclaveId::TdQe) => baseline.tdx.number,
        Series::EnclaveIdentity(_) => baseline.sgx.number,
    }
}

/// The technology, as baselines name it.
pub(crate) fn technology(id: TcbInfoId) -> Technology {
    match id {
        TcbInfoId::Sgx => Technology::Sgx,
        TcbInfoId::Tdx => Technology::Tdx,
    }
}

impl From<Number> for Choice {
    fn from(number: Number) -> Self {
        match number {
            Number::Standard => Self::Selected(Selector::Standard),
            Number::Early => Self::Selected(Selector::Early),
            Number::Pinned(number) => Self::Number(number),
        }
    }
}

/// What stands in a path below [`BASE`]: the name, and the path that follows.
pub(crate) fn below(path: &str) -> Option<(&str, &str)> {
    let rest = path.strip_prefix(BASE)?;
    let end = rest.find('/').unwrap_or(rest.len());
    rest.split_at_checked(end)
}

impl Baselines {
    /// Whether there is a ring of this name.
    pub(crate) fn has_ring(&self, ring: &Name) -> bool {
        self.governance.load().latest().has_ring(ring)
    }

    /// The ring of a client who names none by his path. `token` gives the name of the token that he
    /// sends, if he is let in by it; it is not asked where no ring has one.
    pub(crate) fn ring_of(&self, asked: &Asked, token: impl FnOnce() -> Option<String>) -> Name {
        let governance = self.governance.load();
        let state = governance.latest();
        let has_tokens = || state.rings.values().any(|ring| !ring.tokens.is_empty());
        let by_token = || {
            let token = has_tokens().then(token)??;
            state.ring_by("token", &token)
        };
        let by_host = || state.ring_by("host", &host(asked)?);
        let by_listener = || state.ring_by("listener", asked.connection.listener());
        let found = match state.rings.is_empty() {
            true => None,
            false => by_token().or_else(by_host).or_else(by_listener),
        };
        found.cloned().unwrap_or_else(Name::default_ring)
    }

    /// What a ring is served now.
    pub(crate) fn followed(&self, ring: &Name) -> Followed {
        let governance = self.governance.load();
        let state = governance.latest();
        match state.rollouts.is_empty() {
            true => Followed::default(),
            false => Followed(state.baseline(ring, self.now()).cloned()),
        }
    }
}

/// The name of the host that is asked, in lower case and without port.
fn host(asked: &Asked) -> Option<String> {
    let named = |headers: &HeaderMap| Some(headers.get(HOST)?.to_str().ok()?.to_owned());
    // HTTP/2 has it in the target.
    let host = match asked.target.host() {
        Some(host) => host.to_owned(),
        None => named(&asked.headers)?,
    };
    let host = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name.to_owned(),
        _ => host,
    };
    Some(host.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ring_stands_in_front_of_any_path() {
        assert_eq!(below("/ring/prod/pcs/a"), Some(("prod", "/pcs/a")));
        assert_eq!(below("/ring/prod/"), Some(("prod", "/")));
        assert_eq!(below("/ring/prod"), Some(("prod", "")));
        assert_eq!(below("/ring//pcs"), Some(("", "/pcs")));
        for path in [
            "/ring",
            "/rings/prod/pcs",
            "/Ring/prod/pcs",
            "/pcs/ring/prod",
        ] {
            assert_eq!(below(path), None, "{path}");
        }
    }

    #[test]
    fn standard_is_what_the_ring_demands_and_whatever_else_is_asked_for_stays() {
        let baseline = Baseline::from_toml(
            "[sgx]\nnumber = 20\n[tdx]\nnumber = \"early\"\n\
             [families.00906ED50000]\nsgx = { number = 19 }\n",
        );
        let followed = Followed(Some(Arc::new(baseline.unwrap())));
        let standard = Choice::Selected(Selector::Standard);
        let early = Choice::Selected(Selector::Early);
        let info = |id, fmspc| Series::TcbInfo {
            id,
            fmspc,
            version: 3,
        };
        let other = [0, 0x90, 0x6E, 0xD5, 0, 0];
        for (series, expected) in [
            (info(TcbInfoId::Sgx, [1; 6]), Choice::Number(20)),
            (info(TcbInfoId::Sgx, other), Choice::Number(19)),
            (info(TcbInfoId::Tdx, other), early),
            (Series::EnclaveIdentity(EnclaveId::Qe), Choice::Number(20)),
            (Series::EnclaveIdentity(EnclaveId::Qve), Choice::Number(20)),
            (Series::EnclaveIdentity(EnclaveId::TdQe), early),
        ] {
            assert_eq!(followed.choice(series, standard), expected, "{series}");
            assert_eq!(followed.choice(series, early), early);
            assert_eq!(
                followed.choice(series, Choice::Number(7)),
                Choice::Number(7)
            );
            assert_eq!(Followed::default().choice(series, standard), standard);
        }
    }
}
