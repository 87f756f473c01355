//! Who is signed in.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bulla_pki::digest::sha256;
use bulla_protocol::wire::Status;
use bulla_store::{Nodes as _, Store};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::administration::Problem;
use crate::http::header::COOKIE;
pub(super) use crate::http::header::SET_COOKIE;
use crate::http::{HeaderMap, HeaderValue, Role, Token, Tokens};
use crate::keeper::unhurried;

/// How long somebody stays signed in, in seconds: a working day.
const LIFETIME: u32 = 8 * 60 * 60;

/// Most sessions in memory at a time. Each needs an administrator's token to begin; of more than these
/// the one that began first ends.
const MOST: usize = 64;

/// The name of the cookie. It is sent back to the pages only, by pages of this service only, and no
/// script can read it.
const NAME: &str = "bulla-session";

/// What the digest of a session begins with.
const PURPOSE: &str = "bulla: session of the operator's page";

/// Somebody who signed in with a token. The session lasts no longer than that is one of the service's.
#[derive(Clone)]
pub(super) struct Session {
    /// The name of the token.
    pub(super) actor: String,
    /// What stands in every form that is given out, and must come back: 64 hexadecimal digits.
    pub(super) check: String,
}

impl Session {
    fn of(token: &Token, cookie: &[u8]) -> Self {
        let check = sha256(&[b"bulla: form of the operator's page", cookie].concat());
        Self {
            actor: token.name.clone(),
            check: hex::encode(check),
        }
    }

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

/// The ends of sessions, by the SHA-256 of token and cookie: how long a search takes tells nothing of
/// these. With several nodes they are in the store instead, and the same at each.
#[derive(Debug, Default)]
pub(super) struct Sessions(Mutex<HashMap<[u8; 32], Instant>>);

/// The value of a cookie: 64 hexadecimal digits.
pub(super) struct Cookie(Zeroizing<String>);

impl Cookie {
    /// As it is given out; over TLS for TLS only.
    pub(super) fn header(&self, is_encrypted: bool) -> Result<HeaderValue, Problem> {
        let secure = if is_encrypted { "; Secure" } else { "" };
        let text = format!(
            "{NAME}={}; Path=/page; Max-Age={LIFETIME}; HttpOnly; SameSite=Strict{secure}",
            *self.0
        );
        let mut value = HeaderValue::try_from(text).map_err(|_| no_session())?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl Sessions {
    /// Begins one.
    pub(super) fn begin(
        &self,
        store: &Store,
        token: &Token,
        now: Instant,
    ) -> Result<Cookie, Problem> {
        let cookie = Cookie(Zeroizing::new(random()?));
        let name = token.bind(PURPOSE, cookie.0.as_bytes());
        if store.is_shared() {
            unhurried(|| store.hold(&name, LIFETIME))?;
            return Ok(cookie);
        }
        let mut sessions = self.lock();
        sessions.retain(|_, end| *end > now);
        if sessions.len() >= MOST {
            let first = sessions.iter().min_by_key(|(_, end)| **end);
            if let Some(first) = first.map(|(name, _)| *name) {
                sessions.remove(&first);
            }
        }
        sessions.insert(name, now + Duration::from_secs(LIFETIME.into()));
        Ok(cookie)
    }

    /// The session of whoever sends these headers; absent where there is none, or it has ended.
    pub(super) fn find(
        &self,
        store: &Store,
        tokens: &Tokens,
        headers: &HeaderMap,
        now: Instant,
    ) -> Result<Option<Session>, Problem> {
        let Some(cookie) = cookie(headers) else {
            return Ok(None);
        };
        for token in tokens.of(Role::Administrator) {
            let name = token.bind(PURPOSE, cookie);
            let is_there = match store.is_shared() {
                true => unhurried(|| store.is_held(&name))?,
                false => self.lock().get(&name).is_some_and(|end| *end > now),
            };
            if is_there {
                return Ok(Some(Session::of(token, cookie)));
            }
        }
        Ok(None)
    }

    /// Ends the session of whoever sends these headers.
    pub(super) fn end(
        &self,
        store: &Store,
        tokens: &Tokens,
        headers: &HeaderMap,
    ) -> Result<(), Problem> {
        let Some(cookie) = cookie(headers) else {
            return Ok(());
        };
        for token in tokens.of(Role::Administrator) {
            let name = token.bind(PURPOSE, cookie);
            unhurried(|| store.let_go(&name))?;
            self.lock().remove(&name);
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Has a browser forget the cookie.
pub(super) fn no_cookie() -> HeaderValue {
    HeaderValue::from_static("bulla-session=; Path=/page; Max-Age=0; HttpOnly; SameSite=Strict")
}

/// The value of our cookie, if it is as long as ours are. Of two of our name the first counts.
fn cookie(headers: &HeaderMap) -> Option<&[u8]> {
    let all = headers.get_all(COOKIE).into_iter();
    let mut pairs = all
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let (_, value) = pairs.find(|(name, _)| *name == NAME)?;
    (value.len() == 64).then_some(value.as_bytes())
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
    use std::sync::Arc;

    use bulla_pki::digest::sha512;

    use super::*;
    use crate::http::Metrics;

    /// The sessions of a node that has its store alone, and two tokens.
    struct Node {
        sessions: Sessions,
        store: Store,
        tokens: Tokens,
        start: Instant,
    }

    fn tokens(secrets: &[&str]) -> Tokens {
        let token = |secret: &&str| {
            let hash = hex::encode(sha512(secret.as_bytes()));
            Token::new(format!("of {secret}"), &hash).unwrap()
        };
        let administrators = secrets.iter().map(token).collect();
        let metrics = Arc::new(Metrics::new("0", false));
        Tokens::new(Vec::new(), administrators, metrics, |_| {})
    }

    impl Node {
        fn new() -> Self {
            Self {
                sessions: Sessions::default(),
                store: Store::open_in_memory().unwrap(),
                tokens: tokens(&["one", "two"]),
                start: Instant::now(),
            }
        }

        /// Somebody signs in with the token at a place, so many seconds after the start.
        fn begin(&self, place: usize, later: u32) -> Cookie {
            let token = &self.tokens.of(Role::Administrator)[place];
            let now = self.start + Duration::from_secs(later.into());
            self.sessions.begin(&self.store, token, now).unwrap()
        }

        fn find(&self, headers: &HeaderMap, later: u32) -> Option<Session> {
            let now = self.start + Duration::from_secs(later.into());
            let found = self.sessions.find(&self.store, &self.tokens, headers, now);
            found.unwrap()
        }
    }

    fn headers(cookie: &Cookie) -> HeaderMap {
        let value = format!("other=1; {NAME}={}", *cookie.0);
        [(COOKIE, HeaderValue::try_from(value).unwrap())]
            .into_iter()
            .collect()
    }

    #[test]
    fn a_session_lasts_a_working_day_or_until_it_is_ended() {
        let node = Node::new();
        let [one, two] = [0, 1].map(|place| headers(&node.begin(place, 0)));
        assert_eq!(node.find(&one, 0).unwrap().actor, "of one");
        assert_eq!(node.find(&two, LIFETIME - 1).unwrap().actor, "of two");
        assert!(node.find(&two, LIFETIME).is_none());
        node.sessions.end(&node.store, &node.tokens, &one).unwrap();
        assert!(node.find(&one, 0).is_none());
        assert!(node.find(&two, 0).is_some());
        assert!(node.find(&HeaderMap::new(), 0).is_none());
        let made_up = Cookie(Zeroizing::new("0".repeat(64)));
        assert!(node.find(&headers(&made_up), 0).is_none());
    }

    #[test]
    fn a_session_ends_with_its_token() {
        let mut node = Node::new();
        let [one, two] = [0, 1].map(|place| headers(&node.begin(place, 0)));
        // Another token of the same name is another token.
        let other = Token::new("of one", &"00".repeat(64)).unwrap();
        let [_, kept] = node.tokens.of(Role::Administrator) else {
            panic!("two tokens");
        };
        let metrics = Arc::new(Metrics::new("0", false));
        let tokens = vec![other, kept.clone()];
        node.tokens = Tokens::new(Vec::new(), tokens, metrics, |_| {});
        assert!(node.find(&one, 0).is_none());
        assert!(node.find(&two, 0).is_some());
    }

    #[test]
    fn the_first_of_too_many_ends() {
        let node = Node::new();
        let most = u32::try_from(MOST).unwrap();
        let all: Vec<Cookie> = (0..=most).map(|later| node.begin(0, later)).collect();
        let found = |cookie: &Cookie| node.find(&headers(cookie), most).is_some();
        assert!(!found(&all[0]));
        assert!(all[1..].iter().all(found));
    }

    #[test]
    fn forms_are_of_their_session_and_cookies_are_not_written_down() {
        let node = Node::new();
        let cookies = [(); 2].map(|()| node.begin(0, 0));
        let [one, two] = [0, 1].map(|place| node.find(&headers(&cookies[place]), 0).unwrap());
        assert!(one.has_check(&one.check) && !one.has_check(&two.check));
        assert!(!one.has_check("") && !one.has_check(&one.check[1..]));
        assert_eq!(format!("{one:?}"), "Session(\"of one\", ..)");
        let given = |is_encrypted| cookies[0].header(is_encrypted).unwrap();
        assert!(!given(false).to_str().unwrap().contains("Secure"));
        let attributes = "; HttpOnly; SameSite=Strict; Secure";
        assert!(given(true).to_str().unwrap().ends_with(attributes));
        assert_eq!(format!("{:?}", given(true)), "Sensitive");
    }
}
