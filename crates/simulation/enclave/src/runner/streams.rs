//! What an enclave reads from and writes to: standard streams and TCP, by numbers.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixStream;

/// The most streams that are open at once: what Linux gives a process.
const MAX_STREAMS: usize = 1024;

/// Opens a connection to a service on this machine.
pub type Connector = Box<dyn Fn() -> io::Result<UnixStream>>;

/// What an enclave finds outside: the standard streams, in the order of their numbers, a clock, and
/// services.
pub struct Outside {
    /// 0
    pub input: Box<dyn Read>,
    /// 1
    pub output: Box<dyn Write>,
    /// 2
    pub error: Box<dyn Write>,
    /// Nanoseconds since 1970; no enclave should trust it.
    pub clock: Box<dyn Fn() -> u64>,
    /// Where connections to these hosts go instead of the network, whatever the port.
    pub services: BTreeMap<String, Connector>,
}

impl Outside {
    /// The streams of this process, this clock, and no services.
    pub fn of_process(clock: Box<dyn Fn() -> u64>) -> Self {
        Self {
            input: Box::new(io::stdin()),
            output: Box::new(io::stdout()),
            error: Box::new(io::stderr()),
            clock,
            services: BTreeMap::new(),
        }
    }

    /// Nothing to read, whatever is written is lost, and it is 1970.
    pub fn none() -> Self {
        Self {
            input: Box::new(io::empty()),
            output: Box::new(io::sink()),
            error: Box::new(io::sink()),
            clock: Box::new(|| 0),
            services: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for Outside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Outside(..)")
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Service(UnixStream),
    Listener(TcpListener),
}

/// All open streams.
#[derive(Debug)]
pub(super) struct Streams {
    standard: Outside,
    others: BTreeMap<u64, Stream>,
}

impl Streams {
    pub(super) fn new(standard: Outside) -> Self {
        Self {
            standard,
            others: BTreeMap::new(),
        }
    }

    pub(super) fn read(&mut self, number: u64, bytes: &mut [u8]) -> io::Result<usize> {
        match (number, self.others.get_mut(&number)) {
            (0, _) => self.standard.input.read(bytes),
            (_, Some(Stream::Tcp(stream))) => stream.read(bytes),
            (_, Some(Stream::Service(stream))) => stream.read(bytes),
            _ => Err(unknown()),
        }
    }

    pub(super) fn write(&mut self, number: u64, bytes: &[u8]) -> io::Result<usize> {
        match (number, self.others.get_mut(&number)) {
            (1, _) => self.standard.output.write(bytes),
            (2, _) => self.standard.error.write(bytes),
            (_, Some(Stream::Tcp(stream))) => stream.write(bytes),
            (_, Some(Stream::Service(stream))) => stream.write(bytes),
            _ => Err(unknown()),
        }
    }

    pub(super) fn flush(&mut self, number: u64) -> io::Result<()> {
        match (number, self.others.get_mut(&number)) {
            (1, _) => self.standard.output.flush(),
            (2, _) => self.standard.error.flush(),
            (_, Some(Stream::Tcp(stream))) => stream.flush(),
            (_, Some(Stream::Service(stream))) => stream.flush(),
            _ => Err(unknown()),
        }
    }

    /// Closes a stream; a number that none has is no error, as the call has no way to say so.
    pub(super) fn close(&mut self, number: u64) {
        self.others.remove(&number);
    }

    /// Listens; gives the number, and the address that it got.
    pub(super) fn bind(&mut self, address: &str) -> io::Result<(u64, String)> {
        let listener = TcpListener::bind(address)?;
        let local = listener.local_addr()?;
        Ok((self.add(Stream::Listener(listener))?, local.to_string()))
    }

    /// Waits for a client; gives the number, and the addresses of both sides.
    pub(super) fn accept(&mut self, number: u64) -> io::Result<(u64, [String; 2])> {
        let Some(Stream::Listener(listener)) = self.others.get(&number) else {
            return Err(unknown());
        };
        let (stream, peer) = listener.accept()?;
        let addresses = [stream.local_addr()?, peer].map(|address| address.to_string());
        Ok((self.add(Stream::Tcp(stream))?, addresses))
    }

    /// Connects; gives the number, and the addresses of both sides.
    pub(super) fn connect(&mut self, address: &str) -> io::Result<(u64, [String; 2])> {
        let host = address.split_once(':').map_or(address, |(host, _)| host);
        if let Some(connector) = self.standard.services.get(host) {
            let stream = Stream::Service(connector()?);
            return Ok((self.add(stream)?, [String::new(), address.to_owned()]));
        }
        let stream = TcpStream::connect(address)?;
        let addresses = [stream.local_addr()?, stream.peer_addr()?];
        let addresses = addresses.map(|address| address.to_string());
        Ok((self.add(Stream::Tcp(stream))?, addresses))
    }

    pub(super) fn time(&self) -> u64 {
        (self.standard.clock)()
    }

    /// Has what was written to the standard streams arrive.
    pub(super) fn finish(&mut self) {
        // Whoever closed the other end does not want it.
        let _ = self.standard.output.flush();
        let _ = self.standard.error.flush();
    }

    fn add(&mut self, stream: Stream) -> io::Result<u64> {
        if self.others.len() >= MAX_STREAMS {
            return Err(io::Error::other("too many open streams"));
        }
        let number = self.others.last_key_value().map_or(3, |(last, _)| last + 1);
        self.others.insert(number, stream);
        Ok(number)
    }
}

fn unknown() -> io::Error {
    io::Error::new(ErrorKind::InvalidInput, "no stream has this number")
}
