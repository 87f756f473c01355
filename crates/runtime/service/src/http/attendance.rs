//! Attending to one connection until it ends.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, Sleep, sleep_until};

use super::application::Application;
use super::connection::{Connection, MALFORMED};
use super::exchange::{Host, Visit, answer};
use super::limits::LONGEST_HEAD;
use super::stage::{Stage, Watch};
use super::stream::Stream;

/// Answers the requests of a connection until the client ends it, a limit does, or the server. Says
/// why it ended where that is worth counting.
pub(super) async fn attend<A, S>(
    host: Arc<Host<A>>,
    stream: S,
    connection: Arc<Connection>,
    mut watch: Watch,
) -> Option<&'static str>
where
    A: Application,
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let visit = Arc::new(Visit {
        host,
        connection: Arc::clone(&connection),
    });
    let answering = service_fn(move |request| answer(Arc::clone(&visit), request));
    let stream = Stream::new(stream, Arc::clone(&connection));
    let mut exchanges = pin!(
        http1::Builder::new()
            .max_buf_size(LONGEST_HEAD)
            // The deadlines here cost nothing as long as they are kept.
            .header_read_timeout(None)
            .serve_connection(TokioIo::new(stream), answering)
    );
    let mut alarm = Alarm::new(&connection);
    let mut stage = Stage::Serving;
    poll_fn(|context| {
        if let Poll::Ready(result) = exchanges.as_mut().poll(context) {
            let malformed = result.is_err_and(|error| error.is_parse());
            return Poll::Ready(malformed.then_some(MALFORMED));
        }
        let before = std::mem::replace(&mut stage, watch.poll(context));
        match stage {
            Stage::Over => return Poll::Ready(Some("stopped")),
            Stage::Stopping if before == Stage::Serving => {
                exchanges.as_mut().graceful_shutdown();
                if exchanges.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
            }
            _ => {}
        }
        alarm
            .poll(context, &connection)
            .map(|()| connection.verdict())
    })
    .await
}

/// Goes off when a connection is past its deadline. It is set anew only when it went off too early
/// or a deadline comes sooner, never for a request that is answered at once.
struct Alarm(Pin<Box<Sleep>>);

impl Alarm {
    fn new(connection: &Connection) -> Self {
        let first = connection.begin() + connection.limits().head_time;
        Self(Box::pin(sleep_until(Instant::from_std(first))))
    }

    fn poll(&mut self, context: &mut Context<'_>, connection: &Connection) -> Poll<()> {
        let deadline = connection.deadline().map(Instant::from_std);
        if deadline.is_some_and(|deadline| deadline < self.0.deadline()) {
            self.set(deadline);
        }
        while self.0.as_mut().poll(context).is_ready() {
            let now = Instant::now();
            match deadline {
                Some(deadline) if deadline <= now => return Poll::Ready(()),
                Some(_) => self.set(deadline),
                None => self.set(Some(now + connection.limits().idle_time)),
            }
        }
        Poll::Pending
    }

    fn set(&mut self, deadline: Option<Instant>) {
        if let Some(deadline) = deadline {
            self.0.as_mut().reset(deadline);
        }
    }
}
