//! Who may do what: tokens, of which only hashes are known here.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bulla_pki::digest::{sha256, sha512};
use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::address::Origin;
use super::guesses::Guesses;
use super::metrics::{Access, Metrics};

/// Longest token that is looked at, in bytes; nobody types a longer one, and hashing takes time.
const LONGEST_TOKEN: usize = 1_024;

/// What a token is good for. An administrator's is no good for what users do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Registers platforms.
    User,
    /// Looks after the service.
    Administrator,
}

impl Role {
    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Administrator => "administrator",
        }
    }
}

/// A token by its hash.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// Its name, in logs and in the audit: whose it is, or since when.
    pub name: String,
    sha512: [u8; 64],
}

/// A hash that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the hash of token {name:?} is not the SHA-512 of a token: it has {digits} characters instead \
     of 128 hexadecimal digits"
)]
pub struct TokenError {
    /// The token's name.
    pub name: String,
    /// How many characters there are.
    pub digits: usize,
}

impl Token {
    /// The token whose SHA-512 has these 128 hexadecimal digits, in either case.
    pub fn new(name: impl Into<String>, sha512: &str) -> Result<Self, TokenError> {
        let name = name.into();
        let mut octets = [0; 64];
        match hex::decode_to_slice(sha512, &mut octets) {
            Ok(()) => Ok(Self {
                name,
                sha512: octets,
            }),
            Err(_) => Err(TokenError {
                name,
                digits: sha512.chars().count(),
            }),
        }
    }
}

impl Token {
    /// A digest of this token and something else, which nobody has without both.
    pub(crate) fn bind(&self, purpose: &str, value: &[u8]) -> [u8; 32] {
        sha256(&[purpose.as_bytes(), &self.sha512, value].concat())
    }
}

/// Says nothing of the hash: a weak token can be found from it.
impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Token({:?}, ..)", self.name)
    }
}

/// Why a token does not let somebody in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denied {
    /// There is none.
    Missing,
    /// It is not one of those that are good for this. Nor is any where there are none.
    Wrong,
    /// It was not looked at: there were too many wrong ones from there.
    TooMany {
        /// How long until the next is looked at.
        wait: Duration,
    },
}

impl Denied {
    /// Its name in logs and metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Wrong => "wrong",
            Self::TooMany { .. } => "too_many",
        }
    }
}

/// Somebody who was not let in. The token itself is not told to anybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What for.
    pub role: Role,
    /// From where; `None` for a Unix socket.
    pub peer: Option<IpAddr>,
    /// Why.
    pub because: Denied,
}

/// Called with everybody who was not let in.
pub type Audit = Box<dyn Fn(&Refusal) + Send + Sync>;

/// The tokens of a service.
pub struct Tokens {
    users: Vec<Token>,
    administrators: Vec<Token>,
    guesses: Guesses,
    metrics: Arc<Metrics>,
    audit: Audit,
}

impl Tokens {
    /// These tokens, each good for its role. Several of a role let one be replaced by another
    /// without an interruption; where there is none, nobody is let in.
    pub fn new(
        users: Vec<Token>,
        administrators: Vec<Token>,
        metrics: Arc<Metrics>,
        audit: impl Fn(&Refusal) + Send + Sync + 'static,
    ) -> Self {
        Self {
            users,
            administrators,
            guesses: Guesses::default(),
            metrics,
            audit: Box::new(audit),
        }
    }

    /// Lets in who presents a token of this role, and says which. Wrong ones from one origin are
    /// looked at only so often.
    pub fn check(
        &self,
        role: Role,
        presented: Option<&[u8]>,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> Result<&Token, Denied> {
        self.judge(role, presented, peer, now)
            .inspect_err(|&because| {
                let access = Access {
                    role: role.name(),
                    reason: because.name(),
                };
                self.metrics.unauthorised.get_or_create(&access).inc();
                (self.audit)(&Refusal {
                    role,
                    peer,
                    because,
                });
            })
    }

    fn judge(
        &self,
        role: Role,
        presented: Option<&[u8]>,
        peer: Option<IpAddr>,
        now: Instant,
    ) -> Result<&Token, Denied> {
        let presented = presented.filter(|token| !token.is_empty());
        let presented = presented.ok_or(Denied::Missing)?;
        let origin = peer.map(Origin::of);
        if let Some(wait) = origin.and_then(|origin| self.guesses.wait(origin, now)) {
            return Err(Denied::TooMany { wait });
        }
        let found = (presented.len() <= LONGEST_TOKEN)
            .then(|| find(self.of(role), &sha512(presented)))
            .flatten();
        if let (None, Some(origin)) = (found, origin) {
            self.guesses.note(origin, now);
        }
        found.ok_or(Denied::Wrong)
    }

    /// The tokens of a role.
    pub(crate) fn of(&self, role: Role) -> &[Token] {
        match role {
            Role::User => &self.users,
            Role::Administrator => &self.administrators,
        }
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens")
            .field("users", &self.users)
            .field("administrators", &self.administrators)
            .finish_non_exhaustive()
    }
}

/// The token with this hash. Takes as long wherever it stands, and whether or not it does.
fn find<'a>(tokens: &'a [Token], hash: &[u8; 64]) -> Option<&'a Token> {
    let nowhere = u64::MAX;
    let found = (0..).zip(tokens).fold(nowhere, |found, (place, token)| {
        let same: Choice = token.sha512.ct_eq(hash);
        u64::conditional_select(&found, &place, same)
    });
    tokens.get(usize::try_from(found).ok()?)
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::*;

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn token(name: &str, secret: &str) -> Token {
        Token::new(name, &hex::encode(sha512(secret.as_bytes()))).unwrap()
    }

    fn tokens() -> Tokens {
        Tokens::new(
            vec![token("old", "secret 1"), token("new", "secret 2")],
            vec![token("admin", "secret 3")],
            Arc::new(Metrics::new("0", false)),
            |_| {},
        )
    }

    fn check(tokens: &Tokens, role: Role, secret: &str) -> Result<String, Denied> {
        tokens
            .check(role, Some(secret.as_bytes()), PEER, Instant::now())
            .map(|token| token.name.clone())
    }

    #[test]
    fn each_token_of_the_role_lets_in_and_no_other() {
        let tokens = tokens();
        assert_eq!(check(&tokens, Role::User, "secret 1").unwrap(), "old");
        assert_eq!(check(&tokens, Role::User, "secret 2").unwrap(), "new");
        assert_eq!(
            check(&tokens, Role::Administrator, "secret 3").unwrap(),
            "admin"
        );
        for (role, secret) in [
            (Role::User, "secret 3"),
            (Role::Administrator, "secret 1"),
            (Role::User, "secret"),
            (Role::User, "secret 1 "),
        ] {
            assert_eq!(check(&tokens, role, secret), Err(Denied::Wrong), "{secret}");
        }
    }

    #[test]
    fn without_tokens_nobody_is_let_in() {
        let metrics = Arc::new(Metrics::new("0", false));
        let tokens = Tokens::new(vec![], vec![], metrics, |_| {});
        let now = Instant::now();
        assert_eq!(check(&tokens, Role::User, "any"), Err(Denied::Wrong));
        for nothing in [None, Some(&b""[..])] {
            let checked = tokens.check(Role::Administrator, nothing, PEER, now);
            assert_eq!(checked, Err(Denied::Missing));
        }
    }

    #[test]
    fn guessing_ends_even_if_the_next_guess_were_right() {
        let tokens = tokens();
        let now = Instant::now();
        let try_at =
            |secret: &str, peer| tokens.check(Role::User, Some(secret.as_bytes()), peer, now);
        for _ in 0..10 {
            assert_eq!(try_at("guess", PEER), Err(Denied::Wrong));
        }
        assert!(matches!(
            try_at("secret 1", PEER),
            Err(Denied::TooMany { wait }) if wait == Duration::from_secs(6)
        ));
        assert!(try_at("secret 1", Some([192, 0, 2, 2].into())).is_ok());
        assert!(try_at("secret 1", None).is_ok());
    }

    #[test]
    fn whoever_is_refused_is_told_to_the_audit_and_counted() {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let metrics = Arc::new(Metrics::new("0", false));
        let tokens = Tokens::new(vec![token("a", "secret")], vec![], Arc::clone(&metrics), {
            let heard = Arc::clone(&heard);
            move |refusal| heard.lock().unwrap().push(*refusal)
        });
        assert!(check(&tokens, Role::User, "secret").is_ok());
        assert!(check(&tokens, Role::User, "guess").is_err());
        let refusal = Refusal {
            role: Role::User,
            peer: PEER,
            because: Denied::Wrong,
        };
        assert_eq!(*heard.lock().unwrap(), [refusal]);
        let line = "bulla_unauthorised_requests_total{role=\"user\",reason=\"wrong\"} 1\n";
        assert!(metrics.text().contains(line));
        let shown = format!("{tokens:?} {refusal:?}");
        assert!(!shown.contains(&hex::encode(sha512(b"secret"))), "{shown}");
    }

    #[test]
    fn a_hash_has_128_digits() {
        let digits = "Ab".repeat(64);
        assert!(Token::new("a", &digits).is_ok());
        for wrong in [
            "",
            &digits[2..],
            &format!("{digits}00"),
            &digits.replace('A', "x"),
        ] {
            let error = Token::new("a", wrong).unwrap_err();
            assert_eq!(error.digits, wrong.len());
        }
    }
}
