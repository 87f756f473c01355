//! What clients of every dialect share.

use std::error::Error;
use std::fmt::Write;
use std::net::IpAddr;

/// Whether nothing leaves this machine on the way to a host, as an address names it: `localhost`,
/// or an address of loopback, one of IPv6 with or without brackets. Names are not looked up.
pub fn is_this_machine(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

/// An error with all its causes, in one line: the first seldom says why.
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        // Writing into a string cannot fail.
        let _ = write!(text, ": {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_loopback_in_every_form() {
        for host in ["localhost", "127.0.0.1", "127.255.0.2", "::1", "[::1]"] {
            assert!(is_this_machine(host), "{host}");
        }
        for host in [
            "",
            "localhost.example",
            "127.0.0.1.example",
            "10.0.0.1",
            "0.0.0.0",
            "[::]",
            "[2001:db8::1]",
        ] {
            assert!(!is_this_machine(host), "{host}");
        }
    }

    #[derive(Debug, thiserror::Error)]
    #[error("{text}")]
    struct Caused {
        text: &'static str,
        source: Option<Box<Caused>>,
    }

    #[test]
    fn every_cause_is_told() {
        let cause = |text, source: Option<Caused>| Caused {
            text,
            source: source.map(Box::new),
        };
        let error = cause(
            "not sent",
            Some(cause("no way", Some(cause("refused", None)))),
        );
        assert_eq!(with_causes(&error), "not sent: no way: refused");
        assert_eq!(with_causes(&cause("alone", None)), "alone");
    }
}
