//! Who is at the other end of a connection, and what it is doing.

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::limits::Limits;

/// How long a client whose request was refused half read may go on sending before the connection
/// ends. Ended at once, the system would throw the answer away before the client sees it.
const LINGERING_TIME: Duration = Duration::from_secs(2);

/// A connection, as it is told to the application.
///
/// All of it happens in one task; the values are atomic only because a task may move between
/// threads.
#[derive(Debug)]
pub struct Connection {
    listener: Arc<str>,
    peer: Option<IpAddr>,
    client: Option<ClientCertificate>,
    is_encrypted: bool,
    limits: Arc<Limits>,
    begin: Instant,
    phase: AtomicU8,
    /// When the phase began, in microseconds after `begin`.
    since: AtomicU64,
    /// Since when the client takes nothing, in microseconds after `begin`; [`NEVER`] if it does.
    stalled: AtomicU64,
    /// A body was not, or not yet, read to its end.
    unread: AtomicBool,
}

/// The certificate that a client proved to hold the key of, and that one of the CAs issued that the
/// listener asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The certificate in DER.
    pub der: Bytes,
    /// The SHA-256 of it, by which it is known.
    pub sha256: [u8; 32],
}

/// Why connections end whose heads are too long, or none by the rules of HTTP.
pub(super) const MALFORMED: &str = "malformed";

/// No time.
const NEVER: u64 = u64::MAX;

/// What a connection is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Phase {
    /// The client is to send the head of a request.
    Head = 0,
    /// The same, and the time is not taken yet: mostly the head is there in one piece.
    HeadBegins = 1,
    /// A request is being answered.
    Answering = 2,
    /// The client may send another request.
    Idle = 3,
    /// The client may go on sending what nobody reads.
    Lingering = 4,
}

impl Connection {
    pub(super) fn new(
        listener: Arc<str>,
        peer: Option<IpAddr>,
        client: Option<ClientCertificate>,
        is_encrypted: bool,
        limits: Arc<Limits>,
    ) -> Self {
        Self {
            listener,
            peer,
            client,
            is_encrypted,
            limits,
            begin: Instant::now(),
            phase: AtomicU8::new(Phase::Head as u8),
            since: AtomicU64::new(0),
            stalled: AtomicU64::new(NEVER),
            unread: AtomicBool::new(false),
        }
    }

    /// The name of the listener at which it came in.
    pub fn listener(&self) -> &str {
        &self.listener
    }

    /// The client's address; `None` on a Unix socket.
    pub fn peer(&self) -> Option<IpAddr> {
        self.peer
    }

    /// The client's certificate; `None` where it has none, or was not asked for any.
    pub fn client(&self) -> Option<&ClientCertificate> {
        self.client.as_ref()
    }

    /// Whether it is TLS.
    pub fn is_encrypted(&self) -> bool {
        self.is_encrypted
    }

    pub(super) fn limits(&self) -> &Limits {
        &self.limits
    }

    pub(super) fn begin(&self) -> Instant {
        self.begin
    }

    pub(super) fn phase(&self) -> Phase {
        match self.phase.load(Ordering::Relaxed) {
            0 => Phase::Head,
            1 => Phase::HeadBegins,
            2 => Phase::Answering,
            3 => Phase::Idle,
            _ => Phase::Lingering,
        }
    }

    /// From now on it does something else.
    pub(super) fn enter(&self, phase: Phase, now: Instant) {
        self.since.store(self.after_begin(now), Ordering::Relaxed);
        self.phase.store(phase as u8, Ordering::Relaxed);
    }

    /// Bytes have arrived.
    pub(super) fn received(&self) {
        if self.phase() == Phase::Idle {
            let phase = Phase::HeadBegins as u8;
            self.phase.store(phase, Ordering::Relaxed);
        }
    }

    /// The client takes something, or nothing.
    pub(super) fn takes(&self, something: bool) {
        let stalled = self.stalled.load(Ordering::Relaxed) != NEVER;
        if something == stalled {
            let now = self.after_begin(Instant::now());
            let since = if something { NEVER } else { now };
            self.stalled.store(since, Ordering::Relaxed);
            if something && self.phase() == Phase::Idle {
                self.since.store(now, Ordering::Relaxed);
            }
        }
    }

    pub(super) fn leave_unread(&self, unread: bool) {
        self.unread.store(unread, Ordering::Relaxed);
    }

    /// Whether there is a body, or the rest of one, that nobody has read.
    pub(super) fn has_unread(&self) -> bool {
        self.unread.load(Ordering::Relaxed)
    }

    /// Whether the client may be sending still, and has to be let finish.
    pub(super) fn must_linger(&self) -> bool {
        matches!(self.phase(), Phase::Head | Phase::HeadBegins) || self.has_unread()
    }

    /// Until when it may do what it does; `None` for as long as it likes.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.phase() == Phase::HeadBegins {
            self.enter(Phase::Head, Instant::now());
        }
        let patience = match self.phase() {
            Phase::Head | Phase::HeadBegins => Some(self.limits.head_time),
            Phase::Answering => None,
            Phase::Idle => Some(self.limits.idle_time),
            Phase::Lingering => Some(LINGERING_TIME),
        };
        let since = self.since.load(Ordering::Relaxed);
        let phase = patience.map(|patience| self.at(since) + patience);
        let stalled = self.stalled.load(Ordering::Relaxed);
        let taking = (stalled != NEVER).then(|| self.at(stalled) + self.limits.taking_time);
        match (phase, taking) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        }
    }

    /// In a word why the deadline ended it; `None` where there was nothing left to be done.
    pub(super) fn verdict(&self) -> Option<&'static str> {
        if self.stalled.load(Ordering::Relaxed) != NEVER {
            return Some("slow_taking");
        }
        match self.phase() {
            Phase::Head | Phase::HeadBegins => Some("slow_head"),
            // After a refused body there is one left unread, after a refused head there is none.
            Phase::Lingering if !self.has_unread() => Some(MALFORMED),
            Phase::Answering | Phase::Idle | Phase::Lingering => None,
        }
    }

    fn after_begin(&self, now: Instant) -> u64 {
        let passed = now.saturating_duration_since(self.begin).as_micros();
        u64::try_from(passed).unwrap_or(NEVER - 1)
    }

    fn at(&self, microseconds: u64) -> Instant {
        self.begin + Duration::from_micros(microseconds)
    }
}
