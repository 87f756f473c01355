//! A gateway: for clients that know no path in front of that of the vendor.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::thread;

use crate::Server;

/// Passes each request on with a path put in front of its own. Runs as long as the test.
pub struct Gateway {
    url: String,
}

impl Gateway {
    /// Opens a gateway to a server; `base` begins with a slash and has none at the end.
    pub fn to(server: &Server, base: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let inner = server.url().trim_start_matches("http://").to_owned();
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let inner = inner.clone();
                // A client that went away is no error of the gateway.
                thread::spawn(move || pass_on(client, &inner, base));
            }
        });
        Self {
            url: format!("http://{address}"),
        }
    }

    /// Where it is reached, without a slash at the end.
    pub fn url(&self) -> &str {
        &self.url
    }
}

/// Passes on the one request of a connection, and the answer.
fn pass_on(mut client: TcpStream, inner: &str, base: &str) -> io::Result<()> {
    let mut server = TcpStream::connect(inner)?;
    let mut request = BufReader::new(client.try_clone()?);
    let mut first = String::new();
    request.read_line(&mut first)?;
    let (method, rest) = first.split_once(' ').unwrap_or_default();
    // Each request comes on a connection of its own, so that only first lines are changed.
    write!(server, "{method} {base}{rest}Connection: close\r\n")?;
    let mut onwards = server.try_clone()?;
    thread::spawn(move || io::copy(&mut request, &mut onwards));
    io::copy(&mut server, &mut client)?;
    client.shutdown(Shutdown::Both)
}
