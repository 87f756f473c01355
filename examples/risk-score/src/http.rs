//! HTTP/1.1, as little of it as the gate and this service need: one exchange on each connection.
//!
//! Outside an enclave nothing can be trusted, so nothing here is encrypted: what is confidential was
//! sealed before. There are no deadlines either: whoever runs the enclave can stop it anyway.

use std::io::{self, BufRead, Read, Write};
use std::net::TcpStream;

/// Longest head, in bytes: those of the gate have some hundred.
const MAX_HEAD: u64 = 8 * 1024;

/// A request or an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The first line.
    pub start: String,
    /// The body.
    pub body: Vec<u8>,
}

/// Reads a message whose body has at most `limit` bytes. One that does not state its length ends
/// with the connection, or has none where `is_request`.
pub fn read(stream: impl Read, limit: usize, is_request: bool) -> io::Result<Message> {
    let mut reader = io::BufReader::new(stream);
    let mut head = reader.by_ref().take(MAX_HEAD).lines();
    let mut line = || {
        head.next()
            .unwrap_or(Err(invalid("the head is cut or too long")))
    };
    let start = line()?;
    let mut length = None;
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(':') else {
            match line.as_str() {
                "" => break,
                _ => return Err(invalid("a line of the head is no header")),
            }
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" if length.is_none() => {
                let value = value.trim().parse::<usize>();
                length = Some(value.map_err(|_| invalid("the length of the body is no number"))?);
            }
            "content-length" | "transfer-encoding" => {
                return Err(invalid("the length of the body is not stated once"));
            }
            _ => {}
        }
    }
    let length = length.or(is_request.then_some(0));
    let most = length.unwrap_or(limit + 1);
    if length.is_some_and(|length| length > limit) {
        return Err(invalid("the body is too long"));
    }
    let mut body = Vec::new();
    reader.take(most as u64).read_to_end(&mut body)?;
    match length {
        Some(length) if body.len() < length => Err(invalid("the body is cut")),
        _ if body.len() > limit => Err(invalid("the body is too long")),
        _ => Ok(Message { start, body }),
    }
}

/// Writes a message of this media type.
pub fn write(mut stream: impl Write, start: &str, media: &str, body: &[u8]) -> io::Result<()> {
    let length = body.len();
    let head = format!(
        "{start}\r\nContent-Type: {media}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(&[head.as_bytes(), body].concat())?;
    stream.flush()
}

/// Sends JSON to `http://ADDRESS/PATH`; gives the status and the body of the answer, which has at
/// most `limit` bytes.
pub fn post(address: &str, path: &str, body: &[u8], limit: usize) -> io::Result<(u16, Vec<u8>)> {
    let mut stream = TcpStream::connect(address)?;
    let start = format!("POST {path} HTTP/1.1\r\nHost: {address}");
    write(&mut stream, &start, "application/json", body)?;
    let answer = read(stream, limit, false)?;
    let status = answer.start.strip_prefix("HTTP/1.1 ");
    let status = status.and_then(|rest| rest.get(..3)?.parse().ok());
    let status = status.ok_or_else(|| invalid("the answer has no status"))?;
    Ok((status, answer.body))
}

fn invalid(reason: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn request(bytes: &[u8]) -> Result<Message, String> {
        read(bytes, 8, true).map_err(|error| error.to_string())
    }

    #[test]
    fn a_message_is_read_as_it_was_written() {
        let mut written = Vec::new();
        write(&mut written, "POST / HTTP/1.1", "text/plain", b"body").expect("written");
        let read = request(&written).expect("a message");
        assert_eq!(
            (read.start.as_str(), &read.body[..]),
            ("POST / HTTP/1.1", &b"body"[..])
        );
        let without = request(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nmore").expect("a message");
        assert_eq!(without.body, b"");
        let open = read_answer(b"HTTP/1.1 200 OK\r\n\r\nuntil").expect("a message");
        assert_eq!(open.body, b"until");
    }

    fn read_answer(bytes: &[u8]) -> io::Result<Message> {
        read(bytes, 8, false)
    }

    #[test]
    fn what_is_too_long_cut_or_unclear_is_refused() {
        let length = |value: &str| {
            request(format!("P / H\r\nContent-Length: {value}\r\n\r\n123").as_bytes())
        };
        assert_eq!(length("9"), Err("the body is too long".to_owned()));
        assert_eq!(length("4"), Err("the body is cut".to_owned()));
        assert_eq!(
            length("-1"),
            Err("the length of the body is no number".to_owned())
        );
        for double in ["3\r\ncontent-length: 3", "3\r\nTransfer-Encoding: chunked"] {
            assert_eq!(
                length(double),
                Err("the length of the body is not stated once".to_owned())
            );
        }
        assert!(read_answer(b"HTTP/1.1 200 OK\r\n\r\n123456789").is_err());
        for head in [&b""[..], b"P / H\r\n", b"P / H\r\nno header\r\n\r\n"] {
            assert!(request(head).is_err());
        }
        let long = format!("P / H\r\nX: {}\r\n\r\n", "x".repeat(9000));
        assert_eq!(
            request(long.as_bytes()),
            Err("the head is cut or too long".to_owned())
        );
    }
}
