//! A server with an application that does what its paths say, and a client that sends bytes.

use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bulla_service::http::{
    Application, Asked, HeaderName, HeaderValue, Limits, Listener, Metrics, Place, Reach, Reply,
    Server, ServerSettings, Speech, StatusCode,
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{Notify, Semaphore, oneshot};
use tokio::task::JoinHandle;

/// Longest body that `/read` takes, in bytes.
pub(super) const BODY_LIMIT: usize = 100_000;

/// Size of the body of `/large`, in bytes: more than sockets keep for a client that takes nothing.
pub(super) const LARGE: usize = 32 * 1024 * 1024;

/// Ends what would otherwise wait for ever.
pub(super) async fn bounded<T>(work: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(60), work)
        .await
        .expect("it ends within a minute")
}

#[derive(Debug, Default)]
pub(super) struct Paths {
    /// Told when somebody asks for `/wait`.
    pub(super) asked: Notify,
    /// A permit lets one of them have an answer.
    pub(super) answers: Gate,
}

#[derive(Debug)]
pub(super) struct Gate(pub(super) Semaphore);

impl Default for Gate {
    fn default() -> Self {
        Self(Semaphore::new(0))
    }
}

impl Application for Paths {
    async fn respond(&self, asked: Asked) -> Reply {
        let reply = Reply::new("test", StatusCode::OK);
        match asked.path() {
            "/read" => match asked.body.read(BODY_LIMIT).await {
                Ok(body) => reply.with_body(format!("{} bytes", body.len())),
                Err(error) => Reply::new("test", error.status()).with_body(error.to_string()),
            },
            "/refuse" => Reply::new("test", StatusCode::UNAUTHORIZED),
            "/wait" => {
                self.asked.notify_one();
                self.answers.0.acquire().await.unwrap().forget();
                reply.with_body("waited")
            }
            "/large" => reply.with_body(vec![b'a'; LARGE]),
            "/who" => {
                let connection = &asked.connection;
                let client = connection.client().map(|client| hex::encode(client.sha256));
                reply.with_body(format!(
                    "{} {:?} {}",
                    connection.listener(),
                    connection.peer(),
                    client.unwrap_or_default()
                ))
            }
            path => {
                let name = HeaderName::from_static("server-request-id");
                let value = HeaderValue::from_str(asked.request_id.as_str()).unwrap();
                let body = format!("{} {path} {}", asked.method, asked.query());
                reply.with_header(name, value).with_body(body)
            }
        }
    }
}

/// A running server, which stops when it is told to.
pub(super) struct Front {
    pub(super) addresses: Vec<SocketAddr>,
    pub(super) application: Arc<Paths>,
    pub(super) metrics: Arc<Metrics>,
    stop: Option<oneshot::Sender<()>>,
    pub(super) running: JoinHandle<()>,
}

impl Front {
    pub(super) async fn start(limits: Limits) -> Self {
        Self::listening(limits, vec![local(Speech::Plain(Reach::ThisMachine))]).await
    }

    pub(super) async fn listening(limits: Limits, listeners: Vec<Listener>) -> Self {
        let settings = ServerSettings {
            listeners,
            limits,
            access_log: true,
        };
        let metrics = Arc::new(Metrics::new("0", false));
        let server = Server::bind(settings, Arc::clone(&metrics)).await.unwrap();
        let application = Arc::new(Paths::default());
        let (stop, stopped) = oneshot::channel();
        let addresses = server.addresses();
        let running = tokio::spawn({
            let application = Arc::clone(&application);
            async move {
                let stopped = async {
                    let _ = stopped.await;
                };
                server.run(application, stopped).await;
            }
        });
        Self {
            addresses,
            application,
            metrics,
            stop: Some(stop),
            running,
        }
    }

    pub(super) async fn connect(&self) -> Client<TcpStream> {
        Client(TcpStream::connect(self.addresses[0]).await.unwrap())
    }

    pub(super) fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    /// Whether the counts have this line.
    pub(super) fn counted(&self, line: &str) -> bool {
        self.metrics.text().lines().any(|found| found == line)
    }

    /// Waits until the counts have this line.
    pub(super) async fn until_counted(&self, line: &str) {
        bounded(async {
            while !self.counted(line) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }
}

/// A listener on a free port of this machine.
pub(super) fn local(speech: Speech) -> Listener {
    Listener {
        name: "local".into(),
        place: Place::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
        speech,
    }
}

/// An answer as it came.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: String,
}

impl Answer {
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let header = headers.find(|(found, _)| found.eq_ignore_ascii_case(name));
        header.map(|(_, value)| value.as_str())
    }
}

/// A connection from the client's side.
pub(super) struct Client<S>(pub(super) S);

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    pub(super) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.0.write_all(bytes.as_ref()).await.unwrap();
    }

    pub(super) async fn get(&mut self, target: &str) -> Answer {
        self.send(format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"))
            .await;
        self.answer().await
    }

    /// The next answer to anything but `HEAD`.
    pub(super) async fn answer(&mut self) -> Answer {
        bounded(async {
            let mut answer = self.head().await;
            let length = answer.header("content-length").unwrap_or("0");
            let mut body = vec![0; length.parse().unwrap()];
            self.0.read_exact(&mut body).await.unwrap();
            answer.body = String::from_utf8(body).unwrap();
            answer
        })
        .await
    }

    /// The next answer without its body.
    pub(super) async fn head(&mut self) -> Answer {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(self.0.read_u8().await.expect("a whole head"));
        }
        let head = String::from_utf8(head).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap();
        let headers = lines.filter_map(|line| line.split_once(": "));
        Answer {
            status: status.parse().unwrap(),
            headers: headers
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect(),
            body: String::new(),
        }
    }

    /// Everything until the server ends the connection. A reset is an end too.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let _ = bounded(self.0.read_to_end(&mut rest)).await;
        rest
    }
}
