//! A bare hyper handler that returns the bytes of a file.

use std::convert::Infallible;
use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use bulla_tests::daemon::Reply;
use bulla_tests::workbench::Folder;
use bytes::Bytes;
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

/// The handler as a process of its own, which ends when this is dropped.
pub(crate) struct Bare {
    child: Child,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Has this answer returned to whatever is asked.
    pub(crate) fn start(folder: &Folder, answer: &Reply) -> Self {
        let head = format!("{}\r\n\r\n", answer.head).into_bytes();
        let file = folder.write("answer", [head, answer.body.clone()].concat());
        let mut child = Command::new(std::env::current_exe().expect("this program has a path"))
            .arg("bare")
            .arg(file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("this program can be started");
        let mut line = String::new();
        let stdout = child.stdout.take().expect("a pipe");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let address = line.trim().parse().expect("an address");
        Self { child, address }
    }

    /// The process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Serves until the pipe from the one who asks is closed.
pub(crate) fn serve(answer: &Path) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.spawn(answer_all(fs::read(answer).expect("an answer")));
    let _ = std::io::stdin().read(&mut [0]);
    runtime.shutdown_background();
}

async fn answer_all(answer: Vec<u8>) {
    let (headers, body) = parts(&answer);
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a socket");
    println!("{}", listener.local_addr().expect("an address"));
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

/// The headers but those that hyper adds by itself, and the body.
fn parts(answer: &[u8]) -> (HeaderMap, Bytes) {
    let end = answer.windows(4).position(|part| part == b"\r\n\r\n");
    let (head, body) = answer.split_at(end.expect("a head") + 4);
    let head = std::str::from_utf8(head).expect("text");
    let lines = head
        .lines()
        .skip(1)
        .filter_map(|line| line.split_once(": "));
    let headers = lines
        .map(|(name, value)| {
            let name: HeaderName = name.parse().expect("a name");
            (name, HeaderValue::from_str(value).expect("a value"))
        })
        .filter(|(name, _)| !["connection", "content-length", "date"].contains(&name.as_str()))
        .collect();
    (headers, Bytes::copy_from_slice(body))
}
