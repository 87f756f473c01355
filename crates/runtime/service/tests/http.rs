//! The front of the service, over real sockets of this machine.
#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

mod http {
    mod exchange;
    mod life;
    mod limits;
    mod support;
    mod tls;
}
