//! Where the server listens.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use listenfd::ListenFd;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use super::tls::Tls;

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
    /// How it speaks.
    pub speech: Speech,
}

/// Where a listener is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An address; port 0 is any free one.
    Tcp(SocketAddr),
    /// A Unix socket, which is made with these permissions (as `chmod` has them), and removed at the
    /// end. One that was left behind is replaced, one that is in use is not.
    Unix {
        /// Its path.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// A listening socket of the service manager, by its number from 0 on, in the order of the
    /// `ListenStream=` lines of a systemd socket unit.
    Passed(usize),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix { path, .. } => path.display().fmt(f),
            Self::Passed(number) => write!(f, "socket {number} of the service manager"),
        }
    }
}

/// How a listener speaks.
#[derive(Clone, Debug)]
pub enum Speech {
    /// HTTP in plain text.
    Plain(Reach),
    /// HTTP over TLS.
    Tls(Arc<Tls>),
}

/// Why a server cannot listen.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ListenError {
    /// An address in plain text that others than this machine can reach.
    #[error(
        "{0} is no loopback address, and others could read and change what goes there in plain \
         text: set up TLS, or ask for plain text explicitly"
    )]
    NotLoopback(SocketAddr),
    /// TLS on a Unix socket.
    #[error("{0} is a Unix socket, which needs no TLS: its permissions say who may use it")]
    TlsOnUnix(Place),
    /// The place cannot be had.
    #[error("{place} cannot be listened on: {source}")]
    Unavailable {
        /// The place.
        place: Place,
        /// What the operating system says.
        source: io::Error,
    },
    /// The service manager passes no such socket.
    #[error("{place} is not there: {passed} are passed")]
    NotPassed {
        /// The place.
        place: Place,
        /// How many are passed.
        passed: usize,
    },
}

/// A listener that is open.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) name: Arc<str>,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) socket: Socket,
}

/// What connections come from.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix {
        listener: UnixListener,
        /// Removed with the listener, where it was made for it.
        _file: Option<SocketFile>,
    },
}

/// A connection that was accepted.
#[derive(Debug)]
pub(super) enum Accepted {
    Tcp(TcpStream, IpAddr),
    Unix(UnixStream),
}

impl Socket {
    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, peer.ip().to_canonical()))
            }
            Self::Unix { listener, .. } => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }

    pub(super) fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok(),
            Self::Unix { .. } => None,
        }
    }
}

/// Opens all of them, or none.
pub(super) async fn open_all(listeners: &[Listener]) -> Result<Vec<Open>, ListenError> {
    let mut passed = ListenFd::from_env();
    let mut opened = Vec::new();
    for listener in listeners {
        opened.push(open(listener, &mut passed).await?);
    }
    Ok(opened)
}

async fn open(listener: &Listener, passed: &mut ListenFd) -> Result<Open, ListenError> {
    let place = &listener.place;
    let unavailable = |source| ListenError::Unavailable {
        place: place.clone(),
        source,
    };
    let socket = match place {
        Place::Tcp(address) => {
            // Refused before anybody could have come.
            check_reach(&listener.speech, *address)?;
            Socket::Tcp(TcpListener::bind(address).await.map_err(unavailable)?)
        }
        Place::Unix { path, mode } => {
            let (listener, file) = bind_unix(path, *mode).map_err(unavailable)?;
            let _file = Some(file);
            Socket::Unix { listener, _file }
        }
        Place::Passed(number) => {
            let not_passed = ListenError::NotPassed {
                place: place.clone(),
                passed: passed.len(),
            };
            take(passed, *number)
                .map_err(unavailable)?
                .ok_or(not_passed)?
        }
    };
    if let Some(address) = socket.address() {
        check_reach(&listener.speech, address)?;
    }
    let tls = match (&listener.speech, &socket) {
        (Speech::Plain(_), _) => None,
        (Speech::Tls(tls), Socket::Tcp(_)) => Some(Arc::clone(tls)),
        (Speech::Tls(_), Socket::Unix { .. }) => return Err(ListenError::TlsOnUnix(place.clone())),
    };
    Ok(Open {
        name: Arc::clone(&listener.name),
        tls,
        socket,
    })
}

fn check_reach(speech: &Speech, address: SocketAddr) -> Result<(), ListenError> {
    match speech {
        Speech::Plain(Reach::ThisMachine) if !address.ip().to_canonical().is_loopback() => {
            Err(ListenError::NotLoopback(address))
        }
        _ => Ok(()),
    }
}

fn bind_unix(path: &Path, mode: u32) -> io::Result<(UnixListener, SocketFile)> {
    let left_behind = fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket())
        && std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused);
    if left_behind {
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    let file = SocketFile(path.to_owned());
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok((listener, file))
}

fn take(passed: &mut ListenFd, number: usize) -> io::Result<Option<Socket>> {
    if number >= passed.len() {
        return Ok(None);
    }
    if let Ok(taken) = passed.take_tcp_listener(number) {
        let Some(listener) = taken else {
            return Ok(None);
        };
        listener.set_nonblocking(true)?;
        return Ok(Some(Socket::Tcp(TcpListener::from_std(listener)?)));
    }
    let Some(listener) = passed.take_unix_listener(number)? else {
        return Ok(None);
    };
    listener.set_nonblocking(true)?;
    let listener = UnixListener::from_std(listener)?;
    Ok(Some(Socket::Unix {
        listener,
        _file: None,
    }))
}

/// The file of a Unix socket, which goes with it.
#[derive(Debug)]
pub(super) struct SocketFile(PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // Where this fails it is left behind, and replaced by the next start.
        let _ = fs::remove_file(&self.0);
    }
}
