//! An upstream on this machine that answers, byte for byte, what a test wants.
#![allow(dead_code, reason = "each test file uses a part")]

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla_protocol::pcs::{Answer, CrlFile, Request, Selection, SubscriptionKey, Tee};
use bulla_protocol::value::Fmspc;
use bulla_upstream::{Failure, Kind, Supplied, UpstreamSettings, Upstreams};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

pub(crate) const CHAIN: &str =
    "-----BEGIN%20CERTIFICATE-----%0AAAAA%0A-----END%20CERTIFICATE-----%0A";
pub(crate) const DOCUMENT: &str = r#"{"tcbInfo":{},"signature":"00"}"#;

/// What becomes of a request.
#[derive(Clone, Debug)]
pub(crate) enum Reply {
    /// These bytes, then the connection is closed.
    Bytes(Vec<u8>),
    /// These bytes, then nothing.
    Stalls(Vec<u8>),
    /// These bytes again and again.
    Endless(Vec<u8>, Vec<u8>),
    /// The connection is reset.
    Reset,
}

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Asked {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self
            .head
            .lines()
            .filter_map(|line| line.split_once(": "))
            .find(|(other, _)| other.eq_ignore_ascii_case(name))?;
        Some(value.to_owned())
    }
}

/// The upstream. It ends with the test.
pub(crate) struct Fake {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
    count: watch::Receiver<usize>,
    task: JoinHandle<()>,
}

impl Fake {
    pub(crate) async fn answering(reply: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (counter, count) = watch::channel(0);
        let log = asked.clone();
        let reply = Arc::new(reply);
        let task = tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let (log, reply, counter) = (log.clone(), reply.clone(), counter.clone());
                tokio::spawn(async move {
                    let Some(request) = read(&mut stream).await else {
                        return;
                    };
                    let reply = reply(&request);
                    log.lock().unwrap().push(request);
                    counter.send_modify(|count| *count += 1);
                    if matches!(reply, Reply::Reset) {
                        stream.set_zero_linger().unwrap();
                        return;
                    }
                    write(stream, reply).await;
                });
            }
        });
        Self {
            address,
            asked,
            count,
            task,
        }
    }

    /// Answers everybody the same.
    pub(crate) async fn saying(reply: Reply) -> Self {
        Self::answering(move |_| reply.clone()).await
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn pcs(&self, name: &str) -> UpstreamSettings {
        UpstreamSettings::new(name, Kind::Pcs { url: self.url() })
    }

    pub(crate) fn pccs(&self, name: &str) -> UpstreamSettings {
        UpstreamSettings::new(name, Kind::Pccs { url: self.url() })
    }

    pub(crate) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }

    pub(crate) fn lines(&self) -> Vec<String> {
        let asked = self.asked();
        asked.iter().map(|asked| asked.line().to_owned()).collect()
    }

    /// Waits for the request of this number, the first being 1.
    pub(crate) async fn received(&self, number: usize) {
        let mut count = self.count.clone();
        count.wait_for(|count| *count >= number).await.unwrap();
    }
}

impl Drop for Fake {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Reads one request; `None` where there is none.
pub(crate) async fn read(stream: &mut (impl AsyncRead + Unpin)) -> Option<Asked> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|part| part == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes).unwrap();
    let mut asked = Asked {
        head,
        body: Vec::new(),
    };
    let size = asked
        .header("content-length")
        .map_or(0, |text| text.parse().unwrap());
    while body.len() < size {
        if stream.read_buf(&mut body).await.ok()? == 0 {
            return None;
        }
    }
    asked.body = body;
    Some(asked)
}

/// Writes a reply; whoever asked may have gone.
pub(crate) async fn write(mut stream: impl AsyncRead + AsyncWrite + Unpin, reply: Reply) {
    match reply {
        Reply::Bytes(bytes) => {
            let _ = stream.write_all(&bytes).await;
            let _ = stream.shutdown().await;
        }
        Reply::Stalls(bytes) => {
            let _ = stream.write_all(&bytes).await;
            // Until the other side has gone.
            let _ = stream.read(&mut [0]).await;
        }
        Reply::Endless(first, again) => {
            let mut next = stream.write_all(&first).await;
            while next.is_ok() {
                next = stream.write_all(&again).await;
            }
        }
        Reply::Reset => {}
    }
}

pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Reply {
    let mut head = format!("HTTP/1.1 {status} Told\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", body.len()));
    Reply::Bytes([head.as_bytes(), body].concat())
}

/// A document as the vendor sends it.
pub(crate) fn document() -> Reply {
    response(
        200,
        &[
            ("Content-Type", "application/json"),
            ("TCB-Info-Issuer-Chain", CHAIN),
        ],
        DOCUMENT.as_bytes(),
    )
}

pub(crate) fn tcb_info() -> Request {
    Request::TcbInfo {
        tee: Tee::Sgx,
        fmspc: Fmspc([0, 0x80, 0x6F, 5, 0, 0]),
        selection: Selection::Standard,
    }
}

pub(crate) fn root_crl() -> Request {
    Request::RootCaCrl(CrlFile::new("IntelSGXRootCA.der").unwrap())
}

pub(crate) fn key() -> SubscriptionKey {
    SubscriptionKey::new("s3cret").unwrap()
}

pub(crate) async fn ask(upstreams: &Upstreams, request: &Request) -> Result<Answer, Failure> {
    upstreams
        .ask(request, |supplied: Supplied| Ok(supplied.answer))
        .await
}

pub(crate) fn only(settings: UpstreamSettings) -> Upstreams {
    Upstreams::new(vec![settings]).unwrap()
}

/// One attempt, and long enough that no machine is too slow.
pub(crate) fn once(mut settings: UpstreamSettings) -> UpstreamSettings {
    settings.attempts = 1;
    settings.deadline = Duration::from_secs(60);
    settings
}
