//! Who is signed in.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bulla_pki::digest::sha256;
use bulla_protocol::wire::Status;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::administration::Problem;
use crate::http::header::COOKIE;
pub(super) use crate::http::header::SET_COOKIE;
use crate::http::{HeaderMap, HeaderValue};

/// How long somebody stays signed in: a working day.
const LIFETIME: Duration = Duration::from_secs(8 * 60 * 60);

/// Most sessions at a time. Each needs an administrator's token to begin; of more than these the one
/// that began first ends.
const MOST: usize = 64;

/// The name of the cookie. It is sent back to the pages only, by pages of this service only, and no
/// script can read it.
const NAME: &str = "bulla-session";

/// Somebody who signed in with a token. Tokens stay the same as long as the process runs, and so long
/// at most does a session.
#[derive(Clone)]
pub(super) struct Session {
    /// The name of the token.
    pub(super) actor: String,
    /// What stands in every form that is given out, and must come back: 64 hexadecimal digits.
    pub(super) check: String,
    end: Instant,
}

impl Session {
    /// Whether a form has what the session gives out.
    pub(super) fn has_check(&self, presented: &str) -> bool {
        self.check.as_bytes().ct_eq(presented.as_bytes()).into()
    }
}

/// Says neither the cookie nor what stands in forms.
impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({:?}, ..)", self.actor)
    }
}

/// The sessions, by the SHA-256 of their cookies: how long a search takes tells nothing of these.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Session>>);

/// The value of a cookie: 64 hexadecimal digits.
pub(super) struct Cookie(Zeroizing<String>);

impl Cookie {
    /// As it is given out; over TLS for TLS only.
    pub(super) fn header(&self, is_encrypted: bool) -> Result<HeaderValue, Problem> {
        let seconds = LIFETIME.as_secs();
        let secure = if is_encrypted { "; Secure" } else { "" };
        let text = format!(
            "{NAME}={}; Path=/page; Max-Age={seconds}; HttpOnly; SameSite=Strict{secure}",
            *self.0
        );
        let mut value = HeaderValue::try_from(text).map_err(|_| no_session())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Sessions {
    /// Begins one.
    pub(super) fn begin(&self, actor: &str, now: Instant) -> Result<Cookie, Problem> {
        let cookie = Zeroizing::new(random()?);
        let session = Session {
            actor: actor.to_owned(),
            check: random()?,
            end: now + LIFETIME,
        };
        let mut sessions = self.lock();
        sessions.retain(|_, session| session.end > now);
        if sessions.len() >= MOST {
            let first = sessions.iter().min_by_key(|(_, session)| session.end);
            if let Some(first) = first.map(|(name, _)| *name) {
                sessions.remove(&first);
            }
        }
        sessions.insert(sha256(cookie.as_bytes()), session);
        Ok(Cookie(cookie))
    }

    /// The session of whoever sends these headers; absent where there is none, or it has ended.
    pub(super) fn find(&self, headers: &HeaderMap, now: Instant) -> Option<Session> {
        let name = name(headers)?;
        let session = self.lock().get(&name).cloned()?;
        (session.end > now).then_some(session)
    }

    /// Ends the session of whoever sends these headers.
    pub(super) fn end(&self, headers: &HeaderMap) {
        if let Some(name) = name(headers) {
            self.lock().remove(&name);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Session>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a browser forget the cookie.
pub(super) fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("bulla-session=; Path=/page; Max-Age=0; HttpOnly; SameSite=Strict")
}

/// Under which name a session is kept. Of two cookies of our name the first counts.
fn name(headers: &HeaderMap) -> Option<[u8; 32]> {
    let all = headers.get_all(COOKIE).into_iter();
    let mut pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == NAME)?;
    Some(sha256(value.as_bytes()))
}

/// 64 hexadecimal digits that nobody can guess.
fn random() -> Result<String, Problem> {
    let mut bytes = Zeroizing::new([0; 32]);
    getrandom::fill(&mut *bytes).map_err(|error| {
        tracing::error!(%error, "the operating system gives no random bytes");
        no_session()
    })?;
    Ok(hex::encode(*bytes))
}

fn no_session() -> Problem {
    let title = "The service cannot answer; its log says why.";
    Problem::new(Status::INTERNAL_SERVER_ERROR, "internal", title)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(cookie: &Cookie) -> HeaderMap {
        let value = format!("other=1; {NAME}={}", *cookie.0);
        [(COOKIE, HeaderValue::try_from(value).unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_session_lasts_a_working_day_or_until_it_is_ended() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let [one, two] = ["one", "two"].map(|name| sessions.begin(name, now).unwrap());
        let find = |cookie, later| sessions.find(&headers(cookie), now + later);
        assert_eq!(find(&one, Duration::ZERO).unwrap().actor, "one");
        assert_eq!(
            find(&two, LIFETIME - Duration::from_secs(1)).unwrap().actor,
            "two"
        );
        assert!(find(&two, LIFETIME).is_none());
        sessions.end(&headers(&one));
        assert!(find(&one, Duration::ZERO).is_none());
        assert!(find(&two, Duration::ZERO).is_some());
        assert!(sessions.find(&HeaderMap::new(), now).is_none());
        let made_up = Cookie(Zeroizing::new("0".repeat(64)));
        assert!(find(&made_up, Duration::ZERO).is_none());
    }

    #[test]
    fn the_first_of_too_many_ends() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let begin = |later: u64| {
            let now = now + Duration::from_secs(later);
            sessions.begin("name", now).unwrap()
        };
        let all: Vec<Cookie> = (0..=MOST as u64).map(begin).collect();
        let found = |cookie: &Cookie| sessions.find(&headers(cookie), now).is_some();
        assert!(!found(&all[0]));
        assert!(all[1..].iter().all(found));
    }

    #[test]
    fn forms_are_of_their_session_and_cookies_are_not_written_down() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let cookies = [(); 2].map(|()| sessions.begin("name", now).unwrap());
        let [one, two] = [0, 1].map(|place| sessions.find(&headers(&cookies[place]), now).unwrap());
        assert!(one.has_check(&one.check) && !one.has_check(&two.check));
        assert!(!one.has_check("") && !one.has_check(&one.check[1..]));
        assert_eq!(format!("{one:?}"), "Session(\"name\", ..)");
        assert!(
            !cookies[0]
                .header(false)
                .unwrap()
                .to_str()
                .unwrap()
                .contains("Secure")
        );
        let given = cookies[0].header(true).unwrap();
        assert!(
            given
                .to_str()
                .unwrap()
                .ends_with("; HttpOnly; SameSite=Strict; Secure")
        );
        assert_eq!(format!("{given:?}"), "Sensitive");
    }
}
