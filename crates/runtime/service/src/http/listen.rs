//! Where the server listens.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::TcpListener;

/// Whom a listener in plain text lets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Programs on this machine: the address must be a loopback one.
    ThisMachine,
    /// Whoever reaches the address.
    Anybody,
}

/// Something to listen on.
#[derive(Clone, Debug)]
pub struct Listener {
    /// Its name in logs and metrics.
    pub name: Arc<str>,
    /// Where.
    pub place: Place,
    /// Whom it lets come.
    pub reach: Reach,
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address; port 0 is any free one.
    Tcp(SocketAddr),
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// An address in plain text that others than this machine can reach.
    #[error(
        "{0} is no loopback address, and others could read and change what goes in plain text: set \
         up TLS, or ask for plain text explicitly"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {source}")]
    Unavailable {
        /// The address.
        address: String,
        /// What the operating system says.
        source: io::Error,
    },
}

/// A listener that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) name: Arc<str>,
    pub(super) socket: TcpListener,
}

pub(super) async fn open(listener: &Listener) -> Result<Open, ListenError> {
    let Place::Tcp(address) = listener.place;
    if listener.reach == Reach::ThisMachine && !address.ip().to_canonical().is_loopback() {
        return Err(ListenError::NotLoopback(address));
    }
    let socket = TcpListener::bind(address)
        .await
        .map_err(|source| ListenError::Unavailable {
            address: address.to_string(),
            source,
        })?;
    Ok(Open {
        name: Arc::clone(&listener.name),
        socket,
    })
}
