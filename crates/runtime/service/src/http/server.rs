//! Accepting connections, within limits, until told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bulla_pki::digest::sha256;
use bytes::Bytes;
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use super::address::{Crowd, Seat};
use super::application::Application;
use super::attendance::attend;
use super::connection::{ClientCertificate, Connection};
use super::exchange::Host;
use super::limits::Limits;
use super::listen::{Accepted, ListenError, Listener, Open, open_all};
use super::metrics::{At, Because, Metrics};
use super::open_files::make_room;
use super::reload::{hangup, keep_current};
use super::stage::{Curtain, Stage, Watch};
use super::tls::Tls;

/// How long to wait when no connection can be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// What a server needs besides its application.
#[derive(Clone, Debug)]
pub struct ServerSettings {
    /// Where it listens.
    pub listeners: Vec<Listener>,
    /// What clients can have of it.
    pub limits: Limits,
    /// Whether each answer gets a line in the log.
    pub access_log: bool,
}

/// A server that listens. Connections wait until [`Self::run`].
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Open>,
    limits: Arc<Limits>,
    access_log: bool,
    metrics: Arc<Metrics>,
}

impl Server {
    /// Takes all the places to listen on, and raises this process's limit of open files as far as
    /// the connections need it.
    pub async fn bind(
        settings: ServerSettings,
        metrics: Arc<Metrics>,
    ) -> Result<Self, ListenError> {
        let mut limits = settings.limits;
        limits.connections = make_room(limits.connections);
        Ok(Self {
            listeners: open_all(&settings.listeners).await?,
            limits: Arc::new(limits),
            access_log: settings.access_log,
            metrics,
        })
    }

    /// The addresses, with the ports that port 0 became, in the order of the listeners without those
    /// that are Unix sockets.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.places().into_iter().flatten().collect()
    }

    /// The address of each listener in their order; absent for Unix sockets.
    pub fn places(&self) -> Vec<Option<SocketAddr>> {
        self.listeners
            .iter()
            .map(|open| open.socket.address())
            .collect()
    }

    /// Answers until `stop` is done. Then nobody is let in any more, idle connections end at once,
    /// and requests that are being answered have [`Limits::stop_time`] still.
    pub async fn run<A: Application>(self, application: Arc<A>, stop: impl Future<Output = ()>) {
        let most = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        let permits = Arc::new(Semaphore::new(self.limits.connections));
        let floor = Arc::new(Floor {
            host: Arc::new(Host {
                application,
                metrics: Arc::clone(&self.metrics),
                permits: Arc::clone(&permits),
                connections: self.limits.connections,
                access_log: self.access_log,
            }),
            metrics: self.metrics,
            permits,
            crowd: Arc::default(),
            limits: self.limits,
            curtain: Curtain::default(),
        });
        let mut tasks = JoinSet::new();
        let tls = self.listeners.iter().filter_map(|listener| {
            let tls = listener.tls.as_ref().map(Arc::clone)?;
            Some((Arc::clone(&listener.name), tls))
        });
        let metrics = Arc::clone(&floor.metrics);
        tasks.spawn(keep_current(tls.collect(), hangup(), metrics));
        for listener in self.listeners {
            tasks.spawn(accept_all(Arc::clone(&floor), listener));
        }
        stop.await;
        tasks.shutdown().await;
        floor.curtain.set(Stage::Stopping);
        let all_ended = floor.permits.acquire_many(most);
        let ended = tokio::time::timeout(floor.limits.stop_time, all_ended).await;
        if ended.is_err() {
            floor.curtain.set(Stage::Over);
            let _ = floor.permits.acquire_many(most).await;
        }
    }
}

/// What all listeners have in common.
struct Floor<A> {
    host: Arc<Host<A>>,
    metrics: Arc<Metrics>,
    permits: Arc<Semaphore>,
    crowd: Arc<Crowd>,
    limits: Arc<Limits>,
    curtain: Curtain,
}

/// A connection that was let in, until it is dropped.
struct Guest {
    metrics: Arc<Metrics>,
    _permit: OwnedSemaphorePermit,
    _seat: Option<Seat>,
}

impl Drop for Guest {
    fn drop(&mut self) {
        self.metrics.connections.dec();
    }
}

async fn accept_all<A: Application>(floor: Arc<Floor<A>>, listener: Open) {
    let at = At {
        listener: listener.name.to_string(),
    };
    let count = floor.metrics.accepted.get_or_create_owned(&at);
    loop {
        let accepted = match listener.socket.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::debug!(%error, listener = &*listener.name, "no connection accepted");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        count.inc();
        let Ok(permit) = Arc::clone(&floor.permits).acquire_owned().await else {
            return;
        };
        let Ok(seat) = floor.seat(&accepted) else {
            floor.broken_off("too_many_of_one");
            continue;
        };
        floor.metrics.connections.inc();
        let guest = Guest {
            metrics: Arc::clone(&floor.metrics),
            _permit: permit,
            _seat: seat,
        };
        let floor = Arc::clone(&floor);
        let name = Arc::clone(&listener.name);
        // The configuration of this moment: later connections may have another.
        let tls = listener.tls.clone();
        tokio::spawn(async move {
            if let Some(reason) = floor.receive(name, tls, accepted).await {
                floor.broken_off(reason);
            }
            drop(guest);
        });
    }
}

impl<A: Application> Floor<A> {
    /// A place for one more of where this connection comes from, or none. Limits for one do not hold
    /// for this machine.
    fn seat(&self, accepted: &Accepted) -> Result<Option<Seat>, TooMany> {
        match accepted {
            Accepted::Tcp(_, peer) if !peer.is_loopback() => {
                let most = self.limits.connections_of_one;
                self.crowd.admit(*peer, most).map(Some).ok_or(TooMany)
            }
            _ => Ok(None),
        }
    }

    /// Serves a connection to its end, and says why it ended where that is worth counting.
    async fn receive(
        &self,
        name: Arc<str>,
        tls: Option<Arc<Tls>>,
        accepted: Accepted,
    ) -> Option<&'static str> {
        let host = Arc::clone(&self.host);
        let mut watch = self.curtain.watch();
        let is_encrypted = tls.is_some();
        let connection = |peer, client| {
            let limits = Arc::clone(&self.limits);
            Arc::new(Connection::new(name, peer, client, is_encrypted, limits))
        };
        let (stream, peer) = match accepted {
            Accepted::Unix(stream) => {
                return attend(host, stream, connection(None, None), watch).await;
            }
            Accepted::Tcp(stream, peer) => (stream, Some(peer)),
        };
        // Where this fails answers are a little later.
        let _ = stream.set_nodelay(true);
        let Some(tls) = tls else {
            return attend(host, stream, connection(peer, None), watch).await;
        };
        match shake_hands(&tls, stream, self.limits.head_time, &mut watch).await {
            Ok(stream) => {
                let client = client_certificate(&stream);
                attend(host, stream, connection(peer, client), watch).await
            }
            Err(error) => {
                tracing::debug!(%error, peer = peer.map(tracing::field::display), "no TLS");
                Some("tls")
            }
        }
    }

    fn broken_off(&self, reason: &'static str) {
        let because = Because { reason };
        self.metrics.broken_off.get_or_create(&because).inc();
    }
}

/// There are as many connections of one origin as there may be.
struct TooMany;

async fn shake_hands(
    tls: &Tls,
    stream: TcpStream,
    time: Duration,
    watch: &mut Watch,
) -> io::Result<TlsStream<TcpStream>> {
    let handshake = TlsAcceptor::from(tls.config()).accept(stream);
    tokio::select! {
        biased;
        shaken = tokio::time::timeout(time, handshake) => {
            shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
        }
        () = watch.stopping() => Err(io::ErrorKind::ConnectionAborted.into()),
    }
}

fn client_certificate(stream: &TlsStream<TcpStream>) -> Option<ClientCertificate> {
    let (_, session) = stream.get_ref();
    let der = session.peer_certificates()?.first()?;
    Some(ClientCertificate {
        sha256: sha256(der),
        der: Bytes::copy_from_slice(der),
    })
}
