//! What the front of the service costs beyond a bare hyper handler that returns the same bytes.
//!
//! `cargo bench -p bulla-tests --bench http` prints CPU time of the answering process per request:
//! keep-alive, loopback, no access log. Both servers run as processes of their own beside the one
//! that asks, and are asked in turns, so that a machine whose speed drifts does it to both alike.

use std::convert::Infallible;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use bulla_service::http::{
    Application, Asked, HeaderMap, HeaderName, HeaderValue, Limits, Listener, Metrics, Place,
    Reach, Reply, Server, ServerSettings, Speech, StatusCode,
};
use bulla_tests::load::{cpu_time, median};
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// A TCB info has about so many bytes.
const BODY: usize = 4 * 1024;
/// Its issuer chain, percent-encoded, has about so many.
const CHAIN: usize = 2 * 1024;

const ROUNDS: usize = 21;
/// Requests of a round.
const REQUESTS: usize = 8_000;
/// Connections that ask at the same time. One has the server sleep between any two requests.
const CROWDS: [usize; 2] = [1, 8];

const REQUEST: &[u8] = b"GET /sgx/certification/v4/tcb?fmspc=00906ED50000 HTTP/1.1\r\n\
    Host: localhost:8081\r\nAccept: */*\r\n\r\n";

fn main() {
    let mut arguments = std::env::args().skip(1);
    match (arguments.next().as_deref(), arguments.next().as_deref()) {
        (Some("serve"), Some("bare")) => serve(bare()),
        (Some("serve"), Some("front")) => serve(front()),
        _ => compare(),
    }
}

fn compare() {
    for crowd in CROWDS {
        let mut servers = ["bare", "front"].map(|which| Serving::start(which, crowd));
        let mut costs = [const { Vec::new() }; 2];
        for server in &mut servers {
            server.cost();
        }
        for _ in 0..ROUNDS {
            for (server, costs) in servers.iter_mut().zip(&mut costs) {
                costs.push(server.cost());
            }
        }
        let ratios = costs[0]
            .iter()
            .zip(&costs[1])
            .map(|(bare, front)| front / bare);
        let ratio = median(ratios.collect());
        let [bare, front] = costs.map(|costs| median(costs) * 1e6);
        println!(
            "{crowd} connections: bare {bare:5.2} us a request, front {front:5.2} us, ratio {ratio:.3}"
        );
    }
}

/// A server in a process of its own, which ends when this is dropped.
struct Serving {
    child: Child,
    connections: Vec<TcpStream>,
    answer: Vec<u8>,
}

impl Serving {
    fn start(which: &str, crowd: usize) -> Self {
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .args(["serve", which])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout)
            .read_line(&mut line)
            .expect("an address");
        let address: SocketAddr = line.trim().parse().expect("an address");
        let mut connections: Vec<TcpStream> = (0..crowd)
            .map(|_| TcpStream::connect(address).expect("a connection"))
            .collect();
        let answer = first_answer(&mut connections[0]);
        Self {
            child,
            connections,
            answer,
        }
    }

    /// CPU seconds of the server per request.
    fn cost(&mut self) -> f64 {
        let start = cpu_time(self.child.id());
        for _ in 0..REQUESTS / self.connections.len() {
            for connection in &mut self.connections {
                connection.write_all(REQUEST).expect("a request");
            }
            for connection in &mut self.connections {
                connection.read_exact(&mut self.answer).expect("an answer");
            }
            assert!(self.answer.ends_with(b"}"), "answers have one length");
        }
        let cost = cpu_time(self.child.id()) - start;
        cost.as_secs_f64() / REQUESTS as f64
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Asks once; further answers have as many bytes.
fn first_answer(connection: &mut TcpStream) -> Vec<u8> {
    connection.write_all(REQUEST).expect("a request");
    let mut answer = Vec::new();
    let mut byte = [0];
    while !answer.ends_with(b"\r\n\r\n") {
        connection.read_exact(&mut byte).expect("a head");
        answer.push(byte[0]);
    }
    let start = answer.len();
    answer.resize(start + BODY, 0);
    connection.read_exact(&mut answer[start..]).expect("a body");
    answer
}

fn body() -> Bytes {
    let mut body = vec![b'a'; BODY];
    body[0] = b'{';
    body[BODY - 1] = b'}';
    body.into()
}

fn headers() -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    let mut set = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).expect("a value");
        headers.insert(HeaderName::from_static(name), value);
    };
    set("content-type", "application/json");
    set("cache-control", "max-age=86400");
    set("etag", "\"0123456789abcdef0123456789abcdef\"");
    set("tcb-info-issuer-chain", &"%41b".repeat(CHAIN / 4));
    headers
}

/// Serves until the pipe from the one who asks is closed.
fn serve(server: impl Future<Output = ()> + Send + 'static) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.spawn(server);
    let _ = std::io::stdin().read(&mut [0]);
    runtime.shutdown_background();
}

async fn bare() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    println!("{}", listener.local_addr().expect("an address"));
    let body = body();
    let mut headers = headers();
    let request_id = HeaderValue::from_static("0123456789abcdef0123456789abcdef");
    headers.insert("request-id", request_id);
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        stream.set_nodelay(true).expect("no delay");
        let (body, headers) = (body.clone(), headers.clone());
        let answering = service_fn(move |_: Request<Incoming>| {
            let mut response = Response::new(Full::new(body.clone()));
            *response.headers_mut() = headers.clone();
            async { Ok::<_, Infallible>(response) }
        });
        let connection = http1::Builder::new().serve_connection(TokioIo::new(stream), answering);
        tokio::spawn(connection);
    }
}

struct Fixed {
    body: Bytes,
    headers: HeaderMap,
}

impl Application for Fixed {
    async fn respond(&self, _: Asked) -> Reply {
        let mut reply = Reply::new("tcb", StatusCode::OK).with_body(self.body.clone());
        reply.headers = self.headers.clone();
        reply
    }
}

async fn front() {
    let settings = ServerSettings {
        listeners: vec![Listener {
            name: "bench".into(),
            place: Place::Tcp(SocketAddr::from(([127, 0, 0, 1], 0))),
            speech: Speech::Plain(Reach::ThisMachine),
        }],
        limits: Limits::default(),
        access_log: false,
    };
    let metrics = Arc::new(Metrics::new("0", false));
    let server = Server::bind(settings, metrics).await.expect("a socket");
    println!("{}", server.addresses()[0]);
    let application = Arc::new(Fixed {
        body: body(),
        headers: Reply::prepared(headers()),
    });
    server.run(application, std::future::pending()).await;
}
