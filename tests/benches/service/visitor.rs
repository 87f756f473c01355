//! Who asks: some connections to one server, kept alive.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bulla_tests::copies::name;
use bulla_tests::host::Host;
use bulla_tests::load::cpu_time;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};

/// Between two platforms that are asked for, in the order in which the store got them: far, so that
/// neighbours are not asked for together, and without a common factor with any number of them.
const STRIDE: usize = 61_803;

/// What is asked.
pub(crate) enum Questions {
    /// Always this.
    One(String),
    /// The certificate of one platform after the other, of so many that are copies of a host's.
    Platforms(Box<Host>, usize),
}

impl Questions {
    fn target(&self, turn: usize) -> String {
        match self {
            Self::One(target) => target.clone(),
            Self::Platforms(host, count) => {
                let qe_id = name(turn.wrapping_mul(STRIDE) % count);
                Host {
                    qe_id,
                    ..Host::clone(host)
                }
                .target()
            }
        }
    }
}

trait Stream: Read + Write {}

impl<T: Read + Write> Stream for T {}

/// Somebody who asks a server.
pub(crate) struct Visitor {
    server: u32,
    connections: Vec<Box<dyn Stream>>,
    questions: Questions,
    turn: usize,
    body: usize,
    buffer: Vec<u8>,
}

impl Visitor {
    /// Opens connections to a server, and asks once.
    pub(crate) fn open(
        server: u32,
        address: SocketAddr,
        tls: Option<Arc<ClientConfig>>,
        crowd: usize,
        questions: Questions,
    ) -> Self {
        let connections = (0..crowd).map(|_| connect(address, tls.clone())).collect();
        let mut visitor = Self {
            server,
            connections,
            questions,
            turn: 0,
            body: 0,
            buffer: vec![0; 64 * 1024],
        };
        visitor.ask(0);
        visitor.body = visitor.first_answer();
        visitor
    }

    /// CPU time of the server per request.
    pub(crate) fn cost(&mut self, requests: usize) -> Duration {
        let rounds = requests / self.connections.len();
        let start = cpu_time(self.server);
        for _ in 0..rounds {
            for place in 0..self.connections.len() {
                self.ask(place);
            }
            for place in 0..self.connections.len() {
                self.answer(place);
            }
        }
        let all = u32::try_from(rounds * self.connections.len()).expect("a small number");
        (cpu_time(self.server) - start) / all
    }

    fn ask(&mut self, place: usize) {
        let target = self.questions.target(self.turn);
        self.turn += 1;
        let request =
            format!("GET {target} HTTP/1.1\r\nHost: localhost:8081\r\nAccept: */*\r\n\r\n");
        let connection = &mut self.connections[place];
        connection.write_all(request.as_bytes()).expect("sent");
        connection.flush().expect("sent");
    }

    /// Reads an answer, whose body is as long as that of the first; the head may have another length,
    /// as its age has more digits with time.
    fn answer(&mut self, place: usize) {
        let mut size = 0;
        loop {
            let room = &mut self.buffer[size..];
            let read = self.connections[place].read(room).expect("an answer");
            assert_ne!(read, 0, "the server goes on");
            size += read;
            if let Some(head) = end_of_head(&self.buffer[..size])
                && size >= head + self.body
            {
                assert_eq!(size, head + self.body, "bodies of one length");
                assert!(self.buffer.starts_with(b"HTTP/1.1 200 "), "no other answer");
                return;
            }
        }
    }

    /// The length of the first body.
    fn first_answer(&mut self) -> usize {
        let mut head = Vec::new();
        let mut byte = [0];
        while end_of_head(&head).is_none() {
            self.connections[0].read_exact(&mut byte).expect("a head");
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).expect("text").to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .and_then(|length| length.parse().ok())
            .expect("a length");
        assert!(head.starts_with("http/1.1 200 "), "{head}");
        let body = &mut self.buffer[..length];
        self.connections[0].read_exact(body).expect("a body");
        length
    }
}

fn connect(address: SocketAddr, tls: Option<Arc<ClientConfig>>) -> Box<dyn Stream> {
    let stream = TcpStream::connect(address).expect("a connection");
    stream.set_nodelay(true).expect("no delay");
    let Some(configuration) = tls else {
        return Box::new(stream);
    };
    let server = ServerName::from(address.ip());
    let session = ClientConnection::new(configuration, server).expect("a session");
    Box::new(StreamOwned::new(session, stream))
}

fn end_of_head(answer: &[u8]) -> Option<usize> {
    let place = answer.windows(4).position(|part| part == b"\r\n\r\n")?;
    Some(place + 4)
}
