//! Accepting connections, within limits, until told to stop.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::Semaphore;

use super::connection::{Connection, ResetSwitch};
use super::exchange;
use super::service::Service;

/// Most connections at a time; further ones wait to be accepted.
const MOST_CONNECTIONS: usize = 64;

/// How long a client may take to send the head of a request, or be idle between two.
const HEAD_TIME: Duration = Duration::from_secs(10);

/// How long a client may take nothing of an answer: as long as it may take to send a body.
const TAKING_TIME: Duration = Duration::from_secs(15);

/// Longest head of a request, in bytes: a query of 900, and whatever headers clients add.
const LONGEST_HEAD: usize = 16 * 1024;

/// How long requests that are being answered have when the service stops.
const LAST_ANSWERS: Duration = Duration::from_secs(5);

/// How long to wait when no connection can be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// Whom a service lets come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Programs on this machine: the address must be a loopback one.
    ThisMachine,
    /// Whoever reaches the address.
    Anybody,
}

/// A service on an address.
#[derive(Debug)]
pub struct Server {
    runtime: Runtime,
    listener: TcpListener,
    address: SocketAddr,
    service: Arc<Service>,
}

/// Why a service cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// An address that others than this machine can reach.
    #[error(
        "{0} is no loopback address; others could reach this simulation, which must be asked for \
         explicitly"
    )]
    NotLoopback(SocketAddr),
    /// The address cannot be had.
    #[error("{address} cannot be listened on: {source}")]
    Unavailable {
        /// The address.
        address: SocketAddr,
        /// What the operating system says.
        source: io::Error,
    },
    /// The operating system does not give what a service needs.
    #[error("the service cannot start: {0}")]
    Runtime(io::Error),
}

impl Server {
    /// Takes the address; port 0 is any free one. Connections wait until [`Self::run`].
    pub fn bind(
        address: SocketAddr,
        reach: Reach,
        service: Arc<Service>,
    ) -> Result<Self, ServerError> {
        if reach == Reach::ThisMachine && !address.ip().to_canonical().is_loopback() {
            return Err(ServerError::NotLoopback(address));
        }
        let runtime = Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(ServerError::Runtime)?;
        let unavailable = |source| ServerError::Unavailable { address, source };
        let listener = runtime
            .block_on(TcpListener::bind(address))
            .map_err(unavailable)?;
        let address = listener.local_addr().map_err(unavailable)?;
        Ok(Self {
            runtime,
            listener,
            address,
            service,
        })
    }

    /// The address, with the port that port 0 became.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Serves until `stop` is done. Requests that are being answered then have five seconds more.
    pub fn run(self, stop: impl Future<Output = ()>) {
        let Self {
            runtime,
            listener,
            service,
            ..
        } = self;
        runtime.block_on(serve(listener, service, stop));
        // A fault may have somebody wait for minutes.
        runtime.shutdown_background();
    }
}

/// Done when the process is told to end: by an interrupt from the terminal or, on Unix, SIGTERM.
pub async fn termination() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        let interrupt = signal(SignalKind::interrupt());
        let terminate = signal(SignalKind::terminate());
        match (interrupt, terminate) {
            (Ok(mut interrupt), Ok(mut terminate)) => {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
            }
            // Whoever cannot be told ends as any process does.
            _ => std::future::pending().await,
        }
    }
    #[cfg(not(unix))]
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

async fn serve(listener: TcpListener, service: Arc<Service>, stop: impl Future<Output = ()>) {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let graceful = GracefulShutdown::new();
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &connections) => accepted,
        };
        let (stream, peer, permit) = accepted;
        let switch = ResetSwitch::default();
        let service = Arc::clone(&service);
        let answering = {
            let switch = switch.clone();
            service_fn(move |request| {
                exchange::answer(Arc::clone(&service), peer.ip(), switch.clone(), request)
            })
        };
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIME)
            .max_buf_size(LONGEST_HEAD)
            .serve_connection(
                TokioIo::new(Connection::new(stream, switch, TAKING_TIME)),
                answering,
            );
        let connection = graceful.watch(connection);
        tokio::spawn(async move {
            // What goes wrong with a connection is the client's to notice.
            let _ = connection.await;
            drop(permit);
        });
    }
    drop(listener);
    let _ = tokio::time::timeout(LAST_ANSWERS, graceful.shutdown()).await;
}

/// The next connection, as soon as there is room for one.
async fn accept(
    listener: &TcpListener,
    connections: &Arc<Semaphore>,
) -> (TcpStream, SocketAddr, impl Send + use<>) {
    let permit = Arc::clone(connections).acquire_owned().await;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer, permit),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
