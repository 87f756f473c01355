//! What an upstream's refusals mean.

use std::time::Duration;

use bulla_protocol::pcs::{ErrorCode, Refusal, Request, Selection};
use bulla_protocol::wire::Status;

use crate::gate::{Shut, UNREADABLE_HOLD};
use crate::health::Counts;

/// Why an upstream gave no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Miss {
    /// It is of a kind that cannot be asked for this.
    NotAsked(&'static str),
    /// It cannot be reached, or does not answer as it should.
    Unavailable {
        reason: String,
        /// How long it is not worth asking again; absent where that is not known.
        wait: Option<Duration>,
        /// Whether it may have done what it was asked for all the same.
        perhaps_done: bool,
    },
    /// 410 to a number.
    Gone,
    /// It has no such thing, or does not understand.
    NotFound {
        reason: String,
        /// What it found wrong with what it was asked.
        error_code: Option<ErrorCode>,
        /// Whether it understood what it was asked for.
        is_understood: bool,
    },
}

impl Miss {
    /// Nothing came of it, and nobody knows when something will.
    pub(crate) fn unavailable(reason: String, perhaps_done: bool) -> Self {
        Self::Unavailable {
            reason,
            wait: None,
            perhaps_done,
        }
    }
}

impl From<Shut> for Miss {
    fn from(shut: Shut) -> Self {
        let (reason, wait) = match shut {
            Shut::Held(wait) => ("it asked to be left alone", Some(wait)),
            Shut::Open(wait) => ("it failed too often of late", Some(wait)),
            Shut::OnTrial => ("it failed too often of late, and is on trial", None),
        };
        Self::Unavailable {
            reason: match wait {
                Some(wait) => format!("{reason}, for {} seconds more", whole_seconds(wait)),
                None => reason.to_owned(),
            },
            wait,
            perhaps_done: false,
        }
    }
}

/// Which count a question goes to.
pub(crate) type Count = fn(&mut Counts) -> &mut u64;

/// What a refusal means.
pub(crate) enum Meaning {
    /// The upstream works, and does not have it.
    Nothing(Miss, Count),
    /// It wants to be left alone.
    Wait(Duration),
    /// It is in trouble.
    Trouble,
    /// It is not what it was taken for, or does not take us for a customer.
    Unusable(&'static str),
}

pub(crate) fn meaning(refusal: &Refusal, says_when: bool, request: &Request) -> Meaning {
    let wait = refusal.retry_after.map_or(UNREADABLE_HOLD, |seconds| {
        Duration::from_secs(seconds.into())
    });
    match refusal.status() {
        Status::GONE if names_number(request) => {
            Meaning::Nothing(Miss::Gone, |counts| &mut counts.gone)
        }
        // 461 and 462 are a cache's: an unknown platform, no certificates.
        status if [400, 404, 410, 461, 462].contains(&status.number()) => Meaning::Nothing(
            Miss::NotFound {
                reason: said(refusal),
                error_code: match status {
                    Status::BAD_REQUEST => refusal.error_code.clone(),
                    _ => None,
                },
                is_understood: status != Status::BAD_REQUEST,
            },
            |counts| &mut counts.not_found,
        ),
        // The key of a package is that of whoever adds it: that it is wrong says nothing of the
        // upstream, which must not be left alone because of it.
        status
            if [401, 403].contains(&status.number())
                && matches!(request, Request::AddPackage { .. }) =>
        {
            Meaning::Nothing(
                Miss::NotFound {
                    reason: said(refusal),
                    error_code: None,
                    is_understood: false,
                },
                |counts| &mut counts.not_found,
            )
        }
        Status::TOO_MANY_REQUESTS => Meaning::Wait(wait),
        Status::SERVICE_UNAVAILABLE if says_when => Meaning::Wait(wait),
        status => match status.number() {
            300..=399 => Meaning::Unusable("redirects are not followed: name the final address"),
            401 | 403 => Meaning::Unusable("it wants an api_key that it knows, or none"),
            407 => Meaning::Unusable("the proxy wants a name and password"),
            400..=499 => Meaning::Unusable("it does not take what it was asked"),
            _ => Meaning::Trouble,
        },
    }
}

/// A refusal in words.
pub(crate) fn said(refusal: &Refusal) -> String {
    let mut text = format!("status {}", refusal.status());
    if let Some(code) = &refusal.error_code {
        text = format!("{text}, {}", code.as_str());
    }
    if let Some(message) = &refusal.message {
        text = format!("{text}: {message}");
    }
    text
}

/// Whether asking twice does the same as asking once.
pub(crate) fn is_repeatable(request: &Request) -> bool {
    !matches!(
        request,
        Request::RegisterPlatform(_) | Request::AddPackage { .. }
    )
}

fn names_number(request: &Request) -> bool {
    match request {
        Request::TcbInfo { selection, .. } | Request::EnclaveIdentity { selection, .. } => {
            matches!(selection, Selection::Number(_))
        }
        _ => false,
    }
}

/// Seconds after which a time has passed.
pub(crate) fn whole_seconds(time: Duration) -> u32 {
    let more = u64::from(time.subsec_nanos() > 0);
    u32::try_from(time.as_secs().saturating_add(more)).unwrap_or(u32::MAX)
}
