//! Where somebody signs in.

use askama::Template;

use crate::http::header::RETRY_AFTER;
use crate::http::{Denied, Reply, StatusCode};

use super::frame::{Frame, Place};
use super::reply::page;

#[derive(Template)]
#[template(path = "page/sign-in.html")]
struct SignInPage {
    frame: Frame,
    /// Where to go on then.
    destination: &'static str,
    /// Why nobody was let in; empty where nobody tried.
    refusal: &'static str,
}

/// The form.
pub(super) fn show(frame: Frame) -> Reply {
    let shown = SignInPage {
        frame,
        destination: Place::Documents.path(),
        refusal: "",
    };
    page(StatusCode::OK, &shown)
}

/// The form again, for somebody who was not let in.
pub(super) fn refused(frame: Frame, path: &str, denied: Denied) -> Reply {
    let (status, refusal) = match denied {
        Denied::Missing => (
            StatusCode::UNAUTHORIZED,
            "Who sees this page needs an administrator's token.",
        ),
        Denied::Wrong => (
            StatusCode::UNAUTHORIZED,
            "This is not the token of an administrator.",
        ),
        Denied::TooMany { .. } => (
            StatusCode::TOO_MANY_REQUESTS,
            "There were too many wrong tokens from your address; wait some seconds.",
        ),
    };
    let shown = SignInPage {
        frame: frame.at(Place::SignIn),
        destination: destination(Some(path)),
        refusal,
    };
    let mut reply = page(status, &shown);
    if let Denied::TooMany { wait } = denied {
        let seconds = wait.as_secs().saturating_add(1);
        reply.headers.insert(RETRY_AFTER, seconds.into());
    }
    reply
}

/// One of our own pages: nobody is led elsewhere by what a form says.
pub(super) fn destination(wanted: Option<&str>) -> &'static str {
    let place = wanted.and_then(Place::of_path);
    match place {
        None | Some(Place::SignIn) => Place::Documents.path(),
        Some(place) => place.path(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_led_elsewhere() {
        assert_eq!(destination(Some("/page/fleet")), "/page/fleet");
        for wanted in [
            "https://a.example",
            "//a.example",
            "/page/../audit",
            "/page/sign-in",
            "/page/refresh",
            "",
        ] {
            assert_eq!(destination(Some(wanted)), "/page", "{wanted}");
        }
        assert_eq!(destination(None), "/page");
    }
}
