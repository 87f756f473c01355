//! Accepting connections, within limits, until told to stop.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::application::Application;
use super::attendance::attend;
use super::connection::Connection;
use super::exchange::Host;
use super::limits::Limits;
use super::listen::{ListenError, Listener, Open, open};
use super::stage::{Curtain, Stage};

/// How long to wait when no connection can be accepted, as when there are too many open files.
const PAUSE: Duration = Duration::from_millis(50);

/// A server that listens. Connections wait until [`Self::run`].
#[derive(Debug)]
pub struct Server {
    listeners: Vec<Open>,
    limits: Arc<Limits>,
}

impl Server {
    /// Takes all the places to listen on.
    pub async fn bind(listeners: &[Listener], limits: Limits) -> Result<Self, ListenError> {
        let mut opened = Vec::new();
        for listener in listeners {
            opened.push(open(listener).await?);
        }
        Ok(Self {
            listeners: opened,
            limits: Arc::new(limits),
        })
    }

    /// The addresses, with the ports that port 0 became, in the order of the listeners.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners
            .iter()
            .filter_map(|open| open.socket.local_addr().ok())
            .collect()
    }

    /// Answers until `stop` is done. Connections that are idle then end at once; requests that are
    /// being answered have a while still, those of others are refused by closed doors.
    pub async fn run<A: Application>(self, application: Arc<A>, stop: impl Future<Output = ()>) {
        let most = u32::try_from(self.limits.connections).unwrap_or(u32::MAX);
        let floor = Arc::new(Floor {
            host: Arc::new(Host { application }),
            permits: Arc::new(Semaphore::new(self.limits.connections)),
            limits: Arc::clone(&self.limits),
            curtain: Curtain::default(),
        });
        let mut accepting = tokio::task::JoinSet::new();
        for listener in self.listeners {
            accepting.spawn(accept_all(Arc::clone(&floor), listener));
        }
        stop.await;
        accepting.shutdown().await;
        floor.curtain.set(Stage::Stopping);
        let all_ended = floor.permits.acquire_many(most);
        if tokio::time::timeout(self.limits.stop_time, all_ended)
            .await
            .is_err()
        {
            floor.curtain.set(Stage::Over);
            let _ = floor.permits.acquire_many(most).await;
        }
    }
}

/// What all listeners have in common.
struct Floor<A> {
    host: Arc<Host<A>>,
    permits: Arc<Semaphore>,
    limits: Arc<Limits>,
    curtain: Curtain,
}

async fn accept_all<A: Application>(floor: Arc<Floor<A>>, listener: Open) {
    loop {
        let (stream, peer, permit) = accept(&listener.socket, &floor.permits).await;
        // Where this fails answers are a little later.
        let _ = stream.set_nodelay(true);
        let connection = Arc::new(Connection::new(
            Arc::clone(&listener.name),
            Some(peer),
            Arc::clone(&floor.limits),
        ));
        let attending = attend(
            Arc::clone(&floor.host),
            stream,
            connection,
            floor.curtain.watch(),
        );
        tokio::spawn(async move {
            attending.await;
            drop(permit);
        });
    }
}

/// The next connection, as soon as there is room for one.
async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> (TcpStream, IpAddr, Option<OwnedSemaphorePermit>) {
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => return (stream, peer.ip().to_canonical(), permit),
            Err(_) => tokio::time::sleep(PAUSE).await,
        }
    }
}
