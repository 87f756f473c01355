//! How much of the service one client, and how much all of them, can have.

use std::time::Duration;

/// Longest head of a request, in bytes; a longer one is answered with 431. The largest query of the
/// vendor's interface has 900, and proxies add their headers.
pub const LONGEST_HEAD: usize = 16 * 1024;

/// Longest request target (path and query), in bytes; a longer one is answered with 414. As other
/// servers have it, and nine times the longest of the vendor's interface.
pub const LONGEST_TARGET: usize = 8 * 1024;

/// How many connections there may be, and how long each may take for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Most connections at a time, of all listeners together; further ones wait to be accepted. Each
    /// takes an open file and, once it has asked something, about 10 KB (40 KB with TLS).
    pub connections: usize,
    /// Most connections at a time from one address (IPv4) or one network of 64 bits (IPv6); further
    /// ones are closed at once. Does not hold for this machine and for Unix sockets.
    pub connections_of_one: usize,
    /// How long a client may take to send the head of a request, from its first byte or, for the
    /// first one, from the connection on.
    pub head_time: Duration,
    /// How long a client may take to send a body of [`LONGEST_BODY`](super::LONGEST_BODY) bytes; where a route
    /// takes longer ones, the time grows with what is announced.
    pub body_time: Duration,
    /// How long a connection may be idle between two requests.
    pub idle_time: Duration,
    /// How long a client may take nothing of an answer.
    pub taking_time: Duration,
    /// How long requests that are being answered have when the server stops.
    pub stop_time: Duration,
}

impl Default for Limits {
    /// 4,096 connections are forty megabytes at most, and as many hosts asking in the same moment
    /// as a fleet of 100,000 does that asks once a day within half an hour, each for half a minute.
    /// A quarter for one address lets a proxy in front work, and three more like it. The times are
    /// those of common servers; idle connections stay as long as at the vendor's cache.
    fn default() -> Self {
        Self {
            connections: 4_096,
            connections_of_one: 1_024,
            head_time: Duration::from_secs(10),
            body_time: Duration::from_secs(15),
            idle_time: Duration::from_secs(60),
            taking_time: Duration::from_secs(15),
            stop_time: Duration::from_secs(10),
        }
    }
}
