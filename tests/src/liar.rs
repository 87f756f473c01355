//! An upstream on loopback that changes what the vendor says.

#![allow(clippy::unwrap_used, reason = "helpers of tests, too, may panic")]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use bulla_protocol::pcs::{Answer, Request, Response};
use bulla_protocol::wire::{Headers, RequestParts, ResponseParts};
use bulla_upstream::UpstreamSettings;
use bulla_vendor::Vendor;
use bulla_vendor::answer::answer;

use crate::site::{Clock, source};

/// The upstream until this is dropped.
pub struct Liar {
    address: SocketAddr,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Liar {
    /// Answers as the vendor would at the clock's time, after `twist`.
    pub fn open(
        vendor: Vendor,
        clock: &Clock,
        twist: impl Fn(&Request, Answer) -> Answer + Send + 'static,
    ) -> Self {
        let clock = clock.clone();
        Self::answering(move |request| {
            let outcome = answer(&vendor, request, clock.now());
            let response = Response {
                request_id: None,
                warning: None,
                outcome: outcome.map(|answer| twist(request, answer)),
            };
            response.write()
        })
    }

    /// Answers what `tell` says to requests of the vendor's dialect.
    pub fn answering(tell: impl Fn(&Request) -> ResponseParts + Send + 'static) -> Self {
        Self::raw(move |parts| tell(&Request::read(parts).unwrap()))
    }

    /// Answers what `tell` says, whatever is asked.
    pub fn raw(tell: impl Fn(RequestParts) -> ResponseParts + Send + 'static) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let serve = move || {
            for stream in listener.incoming() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                // Whoever goes away early is not waited for.
                let _ = stream.and_then(|stream| exchange(stream, &tell));
            }
        };
        Self {
            address,
            stop,
            thread: Some(std::thread::spawn(serve)),
        }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The liar as an upstream that claims to be the source.
    pub fn upstream(&self, name: &str) -> UpstreamSettings {
        source(name, self.address)
    }
}

impl Drop for Liar {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Whoever waits for a connection gets one.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            thread.join().unwrap();
        }
    }
}

/// One request, one answer, and the end of the connection.
fn exchange(
    mut stream: TcpStream,
    tell: &impl Fn(RequestParts) -> ResponseParts,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut line = String::new();
    reader.read_line(&mut line)?;
    let mut words = line.split(' ');
    let method = words.next().unwrap_or_default().to_owned();
    let target = words.next().unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = Headers::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().split_once(": ") {
            Some((name, value)) => headers.add(name, value),
            None => break,
        }
    }
    let length = headers.find("content-length");
    let length = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body)?;
    let parts = RequestParts {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        headers,
        body,
    };
    let parts = tell(parts);
    let mut head = format!(
        "HTTP/1.1 {} As It Is\r\nConnection: close\r\nContent-Length: {}\r\n",
        parts.status.number(),
        parts.body.len()
    );
    for (name, value) in parts.headers.iter() {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes())?;
    stream.write_all(&parts.body)
}
