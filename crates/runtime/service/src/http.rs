//! The front of the service: sockets, limits, TLS, tokens, request ids, logs and metrics. What is
//! asked and answered is none of its business: that is an [`Application`].
//!
//! HTTP/1.1 only: every client of collateral speaks it, and one answer a connection leaves nothing
//! for HTTP/2 to interleave.

mod application;
mod attendance;
mod body;
mod connection;
mod exchange;
mod limits;
mod listen;
mod request_id;
mod server;
mod stage;
mod stream;

pub use application::{Application, Asked, Reply};
pub use body::{BodyError, LONGEST_BODY, RequestBody};
pub use connection::Connection;
pub use limits::{LONGEST_HEAD, LONGEST_TARGET, Limits};
pub use listen::{ListenError, Listener, Place, Reach};
pub use request_id::{REQUEST_ID, RequestId};
pub use server::Server;

// What requests and replies are made of.
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, StatusCode, Uri};
