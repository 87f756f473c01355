//! What a form sends.

use crate::administration::{Problem, Query, read};
use crate::http::header::CONTENT_TYPE;
use crate::http::{Asked, HeaderMap};

use super::forged;

/// Longest form, in bytes: a token of the longest that is looked at, each byte encoded in three, and
/// the names.
const LONGEST: usize = 4 * 1024;

/// The field with what a session gives out in its forms.
pub(super) const CHECK: &str = "check";

/// The field with a token.
pub(super) const TOKEN: &str = "token";

/// The field with the page to go on with.
pub(super) const DESTINATION: &str = "destination";

/// The fields of a form, decoded.
#[derive(Debug)]
pub(super) struct Form(Query);

impl Form {
    /// Reads a form with no other fields than these, each once. One that a browser sends on behalf of
    /// another site's page is refused.
    pub(super) async fn read(asked: Asked, known: &[&str]) -> Result<Self, Problem> {
        refuse_others(&asked.headers)?;
        let media_type = asked.headers.get(CONTENT_TYPE).cloned();
        let body = read(asked, LONGEST).await?;
        let is_form = media_type.is_some_and(|found| found == "application/x-www-form-urlencoded");
        if !is_form {
            let detail = "the body is no form (application/x-www-form-urlencoded)";
            return Err(Problem::bad_request(detail));
        }
        let text =
            str::from_utf8(&body).map_err(|_| Problem::bad_request("the form is no UTF-8 text"))?;
        // In forms a plus is a space.
        let fields = Query::read(&text.replace('+', "%20"))?;
        fields.only(known)?;
        Ok(Self(fields))
    }

    /// The value of a field; absent where it is.
    pub(super) fn find(&self, name: &str) -> Option<&str> {
        self.0.find(name)
    }

    /// The value of a field that must be there.
    pub(super) fn required(&self, name: &str) -> Result<&str, Problem> {
        let missing = || Problem::bad_request(&format!("the field {name} is missing"));
        self.find(name).ok_or_else(missing)
    }

    /// What the session gave out in the form; empty where there is none.
    pub(super) fn check(&self) -> &str {
        self.find(CHECK).unwrap_or_default()
    }
}

/// Browsers say whose page a request comes from (Fetch Metadata), where the address is one that they
/// trust: TLS, or this machine. Who says nothing is held to the form's own field.
fn refuse_others(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("sec-fetch-site") {
        Some(site) if site != "same-origin" && site != "none" => {
            Err(forged("it was sent by a page of another site"))
        }
        _ => Ok(()),
    }
}
