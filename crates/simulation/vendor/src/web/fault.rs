//! Faults on request: what a service does when something is wrong with it, at the word of whoever
//! runs the box.

use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bulla_protocol::wire::Status;
use serde::{Deserialize, Serialize};

/// Most faults that can be set at a time; each request is held against all of them.
const MOST_FAULTS: usize = 64;

/// Longest pattern of paths, in bytes.
const LONGEST_PATTERN: usize = 256;

/// Longest latency, in milliseconds: clients of the vendor wait two or three minutes.
const LONGEST_LATENCY: u64 = 600_000;

/// A fault, and which requests it befalls.
///
/// As text: the paths, what is wrong, and perhaps how often, with spaces between:
/// `/sgx/certification/v4/tcb status=503 count=2`. As JSON:
/// `{"paths":"/sgx/certification/v4/tcb","fault":{"status":503},"count":2}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fault {
    /// Paths that it befalls: `*` stands for any characters. Where the pattern has a question
    /// mark, it is held against path and query together.
    pub paths: Pattern,
    /// What is wrong.
    pub fault: FaultKind,
    /// How many more requests it befalls; absent for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FaultKind {
    /// The answer comes later, by so many milliseconds: `latency=2000`.
    Latency(Milliseconds),
    /// No answer but a status, 400 to 599: `status=503`. With 429 and 503 comes a `Retry-After`
    /// of one second.
    Status(FaultStatus),
    /// The connection is reset instead of an answer: `reset`.
    Reset,
    /// The body breaks off in the middle of what was announced: `truncate`.
    Truncate,
    /// The answer is the one of so many seconds ago: `stale=3000000` gives expired documents,
    /// unless the vendor is younger; then they are the first it issued.
    Stale(u64),
    /// One bit of each signature in the answer is changed: `wrong_signature`.
    WrongSignature,
    /// TCB info of another FMSPC, or PCK certificates of another platform: `other_platform`.
    OtherPlatform,
}

/// Milliseconds that a client can be made to wait, at most ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u64", into = "u64")]
pub struct Milliseconds(u64);

/// A status that says failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct FaultStatus(u16);

/// A pattern of paths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Pattern(String);

/// Why something is no fault.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FaultError {
    /// Text of another form.
    #[error(
        "`{0}` is no fault; write paths, what is wrong, and perhaps a count: \
         `/sgx/certification/v4/tcb status=503 count=2`"
    )]
    Form(String),
    /// Something that no fault is called.
    #[error(
        "`{0}` is no fault; there are latency=MILLISECONDS, status=NUMBER, reset, truncate, \
         stale=SECONDS, wrong_signature and other_platform"
    )]
    Kind(String),
    /// A pattern that no path can match.
    #[error("`{0}` is no pattern of paths: it begins with `/` or `*` and has at most 256 bytes")]
    Pattern(String),
    /// A latency that nobody waits for.
    #[error("{0} milliseconds are too long; at most {LONGEST_LATENCY}")]
    Latency(u64),
    /// A status that is none or says success.
    #[error("{0} is no status of a failure; those are 400 to 599")]
    Status(u16),
    /// A fault that befalls nothing.
    #[error("a count of 0 befalls no request; leave it out for all requests")]
    CountZero,
    /// More faults than can be set.
    #[error("{0} faults are too many; at most {MOST_FAULTS}")]
    TooMany(usize),
}

impl Milliseconds {
    fn duration(self) -> Duration {
        Duration::from_millis(self.0)
    }
}

impl TryFrom<u64> for Milliseconds {
    type Error = FaultError;

    fn try_from(milliseconds: u64) -> Result<Self, FaultError> {
        match milliseconds <= LONGEST_LATENCY {
            true => Ok(Self(milliseconds)),
            false => Err(FaultError::Latency(milliseconds)),
        }
    }
}

impl From<Milliseconds> for u64 {
    fn from(milliseconds: Milliseconds) -> Self {
        milliseconds.0
    }
}

impl FaultStatus {
    fn status(self) -> Status {
        Status::new(self.0).unwrap_or(Status::INTERNAL_SERVER_ERROR)
    }
}

impl TryFrom<u16> for FaultStatus {
    type Error = FaultError;

    fn try_from(number: u16) -> Result<Self, FaultError> {
        match (400..600).contains(&number) {
            true => Ok(Self(number)),
            false => Err(FaultError::Status(number)),
        }
    }
}

impl From<FaultStatus> for u16 {
    fn from(status: FaultStatus) -> Self {
        status.0
    }
}

impl Pattern {
    /// Whether a request of this path and query is meant.
    fn matches(&self, path: &str, query: &str) -> bool {
        match self.0.contains('?') {
            true => glob(&self.0, &format!("{path}?{query}")),
            false => glob(&self.0, path),
        }
    }
}

/// Whether `text` is `pattern` with something, or nothing, for each star.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(start) else {
        return false;
    };
    // What stands between two stars is best found early; what stands behind the last, at the end.
    let (middle, end) = rest.rsplit_once('*').unwrap_or(("", rest));
    for part in middle.split('*') {
        match text.find(part) {
            Some(place) => text = &text[place + part.len()..],
            None => return false,
        }
    }
    text.ends_with(end)
}

impl TryFrom<String> for Pattern {
    type Error = FaultError;

    fn try_from(text: String) -> Result<Self, FaultError> {
        match text.len() <= LONGEST_PATTERN && text.starts_with(['/', '*']) {
            true => Ok(Self(text)),
            false => Err(FaultError::Pattern(text.chars().take(80).collect())),
        }
    }
}

impl From<Pattern> for String {
    fn from(pattern: Pattern) -> Self {
        pattern.0
    }
}

impl FromStr for Fault {
    type Err = FaultError;

    fn from_str(text: &str) -> Result<Self, FaultError> {
        let form = || FaultError::Form(text.chars().take(320).collect());
        let mut words = text.split_ascii_whitespace();
        let paths = words.next().ok_or_else(form)?.to_owned().try_into()?;
        let fault = words.next().ok_or_else(form)?.parse()?;
        let count = match words.next() {
            None => None,
            Some(word) => {
                let number = word.strip_prefix("count=").ok_or_else(form)?;
                Some(number.parse().map_err(|_| form())?)
            }
        };
        if words.next().is_some() {
            return Err(form());
        }
        Ok(Self {
            paths,
            fault,
            count,
        })
    }
}

impl FromStr for FaultKind {
    type Err = FaultError;

    fn from_str(word: &str) -> Result<Self, FaultError> {
        let unknown = || FaultError::Kind(word.chars().take(80).collect());
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let number = || value.parse::<u64>().map_err(|_| unknown());
        match (name, value) {
            ("latency", _) => Ok(Self::Latency(number()?.try_into()?)),
            ("status", _) => {
                let number = u16::try_from(number()?).map_err(|_| unknown())?;
                Ok(Self::Status(number.try_into()?))
            }
            ("stale", _) => Ok(Self::Stale(number()?)),
            ("reset", "") => Ok(Self::Reset),
            ("truncate", "") => Ok(Self::Truncate),
            ("wrong_signature", "") => Ok(Self::WrongSignature),
            ("other_platform", "") => Ok(Self::OtherPlatform),
            _ => Err(unknown()),
        }
    }
}

/// The name as it stands in text, in JSON and in the header of answers.
impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Latency(_) => "latency",
            Self::Status(_) => "status",
            Self::Reset => "reset",
            Self::Truncate => "truncate",
            Self::Stale(_) => "stale",
            Self::WrongSignature => "wrong_signature",
            Self::OtherPlatform => "other_platform",
        })
    }
}

/// The faults that are set.
#[derive(Debug, Default)]
pub(super) struct Faults(Mutex<Vec<Fault>>);

/// What befalls one request: of each kind the first fault that is set for it. The others of that
/// kind wait, so that faults with counts can follow each other.
#[derive(Clone, Debug, Default)]
pub(super) struct Misfortune {
    pub(super) latency: Duration,
    pub(super) status: Option<Status>,
    pub(super) reset: bool,
    pub(super) truncate: bool,
    pub(super) stale: Option<u64>,
    pub(super) wrong_signature: bool,
    pub(super) other_platform: bool,
    /// Names of all that befell, in their order.
    pub(super) names: Vec<String>,
}

impl Faults {
    /// Sets these faults and no others.
    pub(super) fn set(&self, faults: Vec<Fault>) -> Result<(), FaultError> {
        if faults.len() > MOST_FAULTS {
            return Err(FaultError::TooMany(faults.len()));
        }
        if faults.iter().any(|fault| fault.count == Some(0)) {
            return Err(FaultError::CountZero);
        }
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = faults;
        Ok(())
    }

    /// The faults that are set, with the counts that are left.
    pub(super) fn list(&self) -> Vec<Fault> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// What befalls a request, counted.
    pub(super) fn befall(&self, path: &str, query: &str) -> Misfortune {
        let mut misfortune = Misfortune::default();
        let mut faults = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for fault in faults.iter_mut() {
            if fault.paths.matches(path, query) && misfortune.add(fault.fault) {
                fault.count = fault.count.map(|count| count.saturating_sub(1));
            }
        }
        faults.retain(|fault| fault.count != Some(0));
        misfortune
    }
}

impl Misfortune {
    /// Takes back the name of a fault that had nothing to befall.
    pub(super) fn spared(&mut self, name: &str) {
        self.names.retain(|other| other != name);
    }

    /// Takes back the names of all faults of what an answer says: there is no answer.
    pub(super) fn spared_contents(&mut self) {
        for name in ["stale", "other_platform", "wrong_signature"] {
            self.spared(name);
        }
    }

    /// Whether this is the first fault of its kind.
    fn add(&mut self, kind: FaultKind) -> bool {
        let name = kind.to_string();
        if self.names.contains(&name) {
            return false;
        }
        self.names.push(name);
        match kind {
            FaultKind::Latency(latency) => self.latency = latency.duration(),
            FaultKind::Status(status) => self.status = Some(status.status()),
            FaultKind::Reset => self.reset = true,
            FaultKind::Truncate => self.truncate = true,
            FaultKind::Stale(seconds) => self.stale = Some(seconds),
            FaultKind::WrongSignature => self.wrong_signature = true,
            FaultKind::OtherPlatform => self.other_platform = true,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_stand_for_anything() {
        for (pattern, text, matches) in [
            ("/a", "/a", true),
            ("/a", "/ab", false),
            ("*", "", true),
            ("*", "/a/b", true),
            ("/a*", "/a", true),
            ("/a*", "/b", false),
            ("*/tcb", "/sgx/certification/v4/tcb", true),
            ("*/tcb", "/tcbx", false),
            ("/*/v4/*", "/sgx/certification/v4/tcb", true),
            ("/*/v4/*b", "/sgx/certification/v4/tcb", true),
            ("/*/v4/*b*b", "/sgx/certification/v4/tcb", false),
            ("/a*a", "/a", false),
            ("/a**a", "/aa", true),
        ] {
            assert_eq!(glob(pattern, text), matches, "{pattern} {text}");
        }
    }

    #[test]
    fn a_pattern_with_a_question_mark_looks_at_the_query() {
        let pattern = |text: &str| Pattern::try_from(text.to_owned()).unwrap();
        assert!(pattern("*/pckcrl").matches("/sgx/pckcrl", "ca=processor"));
        assert!(pattern("*/pckcrl?*ca=processor*").matches("/sgx/pckcrl", "ca=processor"));
        assert!(!pattern("*/pckcrl?*ca=platform*").matches("/sgx/pckcrl", "ca=processor"));
    }

    #[test]
    fn text_and_json_say_the_same() {
        for (text, json) in [
            ("/a latency=5", r#"{"paths":"/a","fault":{"latency":5}}"#),
            (
                "* status=503 count=2",
                r#"{"paths":"*","fault":{"status":503},"count":2}"#,
            ),
            ("/a reset", r#"{"paths":"/a","fault":"reset"}"#),
            ("/a truncate", r#"{"paths":"/a","fault":"truncate"}"#),
            ("/a stale=9", r#"{"paths":"/a","fault":{"stale":9}}"#),
            (
                "/a wrong_signature",
                r#"{"paths":"/a","fault":"wrong_signature"}"#,
            ),
            (
                "/a other_platform",
                r#"{"paths":"/a","fault":"other_platform"}"#,
            ),
        ] {
            let fault: Fault = text.parse().unwrap();
            assert_eq!(serde_json::to_string(&fault).unwrap(), json);
            assert_eq!(serde_json::from_str::<Fault>(json).unwrap(), fault);
        }
    }

    #[test]
    fn what_is_no_fault_is_refused() {
        for text in [
            "",
            "/a",
            "a reset",
            "/a resets",
            "/a reset=1",
            "/a status",
            "/a status=200",
            "/a status=600",
            "/a status=65536",
            "/a latency=600001",
            "/a latency=-1",
            "/a reset 2",
            "/a reset count=",
            "/a reset count=1 more",
        ] {
            assert!(text.parse::<Fault>().is_err(), "{text}");
        }
        for json in [
            r#"{"paths":"a","fault":"reset"}"#,
            r#"{"paths":"/a","fault":{"status":200}}"#,
            r#"{"paths":"/a","fault":"reset","counts":1}"#,
            r#"{"paths":"/a"}"#,
        ] {
            assert!(serde_json::from_str::<Fault>(json).is_err(), "{json}");
        }
        let faults = Faults::default();
        let none: Fault = "/a reset count=0".parse().unwrap();
        assert_eq!(faults.set(vec![none]), Err(FaultError::CountZero));
        let many = vec!["/a reset".parse().unwrap(); MOST_FAULTS + 1];
        assert_eq!(faults.set(many), Err(FaultError::TooMany(65)));
    }

    #[test]
    fn a_fault_befalls_as_often_as_it_says() {
        let faults = Faults::default();
        let set = ["/a status=500 count=2", "* latency=1", "/a status=503"];
        let set = set.iter().map(|text| text.parse().unwrap());
        faults.set(set.collect()).unwrap();
        let status = |path| faults.befall(path, "").status.map(Status::number);
        assert_eq!(status("/b"), None);
        assert_eq!(
            [status("/a"), status("/a"), status("/a")],
            [Some(500), Some(500), Some(503)]
        );
        assert_eq!(faults.list().len(), 2);
        assert_eq!(faults.befall("/a", "").names, ["latency", "status"]);
    }
}
