//! The front of the service: sockets, limits, TLS, tokens, request ids, logs and metrics. What is
//! asked and answered is none of its business: that is an [`Application`].
//!
//! HTTP/1.1 only: every client of collateral speaks it, and one answer a connection leaves nothing
//! for HTTP/2 to interleave. For Unix: sockets in the file system, signals, the service manager.

pub mod health;
pub mod log;
pub mod signals;

mod address;
mod application;
mod attendance;
mod body;
mod connection;
mod durations;
mod exchange;
mod guesses;
mod limits;
mod listen;
mod metrics;
mod open_files;
mod reload;
mod request_id;
mod server;
mod stage;
mod stream;
mod tls;
mod tokens;

pub(crate) use address::Origin;
pub use application::{Application, Asked, Reply};
pub use body::{BodyError, LONGEST_BODY, RequestBody};
pub use connection::{ClientCertificate, Connection};
pub use limits::{LONGEST_HEAD, LONGEST_TARGET, Limits};
pub use listen::{ListenError, Listener, Place, Reach, Speech};
pub use metrics::Metrics;
pub use request_id::{REQUEST_ID, RequestId};
pub use server::{Server, ServerSettings};
pub use tls::{Clients, Tls, TlsError, TlsSettings};
pub use tokens::{Audit, Denied, Refusal, Role, Token, TokenError, Tokens};

// What requests and replies are made of.
pub use hyper::header::{self, HeaderMap, HeaderName, HeaderValue};
pub use hyper::{Method, StatusCode, Uri};
// What further counts are made of.
pub use prometheus_client;
