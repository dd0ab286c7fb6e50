//! A client of HTTP that shows what goes over the wire: what was sent, when, and what came back, or did not.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Longest that an answer may take: more than the server's own bound, so that its 504 would be seen.
const PATIENCE: Duration = Duration::from_secs(40);

/// A request as bytes.
pub(crate) fn request(line: &str, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut head = format!("{line} HTTP/1.1\r\nHost: soak\r\nContent-Length: {}\r\n", body.len());
    for (name, value) in headers {
        head += &format!("{name}: {value}\r\n");
    }
    head += "\r\n";
    [head.as_bytes(), body].concat()
}

/// `POST` with a content type.
pub(crate) fn post(path: &str, kind: &str, body: &[u8]) -> Vec<u8> {
    request(&format!("POST {path}"), &[("Content-Type", kind)], body)
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    headers: String,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let lines = self.headers.lines().filter_map(|line| line.split_once(':'));
        lines.filter(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    /// Whether the server ends the connection with it.
    fn is_last(&self) -> bool {
        self.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The body as JSON.
    pub(crate) fn json(&self) -> Result<Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("{error} in {}", self.text()))
    }

    /// The answer's beginning, for people.
    pub(crate) fn text(&self) -> String {
        let body: String = String::from_utf8_lossy(&self.body).chars().take(300).collect();
        format!("{} {body}", self.status)
    }
}

/// A connection, for as long as the server keeps it.
pub(crate) struct Connection {
    stream: TcpStream,
    used: Instant,
}

impl Connection {
    pub(crate) fn open(address: SocketAddr) -> io::Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        Ok(Self { stream, used: Instant::now() })
    }

    /// How long it has been idle: servers end connections that idle for long.
    pub(crate) fn idle(&self) -> Duration {
        self.used.elapsed()
    }

    pub(crate) fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// The next answer, and whether the connection goes on after it.
    pub(crate) fn receive(&mut self) -> io::Result<(Said, bool)> {
        let mut bytes = Vec::new();
        let head = loop {
            if let Some(at) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
                break at + 4;
            }
            self.more(&mut bytes)?;
        };
        let text = String::from_utf8_lossy(&bytes[..head]).into_owned();
        let (line, headers) = text.split_once("\r\n").unwrap_or_default();
        let status = line.split(' ').nth(1).and_then(|status| status.parse().ok());
        let status = status.ok_or_else(|| io::Error::other(format!("no answer of HTTP: {line}")))?;
        let mut said = Said { status, headers: headers.to_owned(), body: bytes.split_off(head) };
        let length = said.header("content-length").and_then(|length| length.parse::<usize>().ok());
        let length = length.ok_or_else(|| io::Error::other(format!("{status} without a length")))?;
        while said.body.len() < length {
            self.more(&mut said.body)?;
        }
        if said.body.len() > length {
            return Err(io::Error::other(format!("more than one answer: {}", said.text())));
        }
        self.used = Instant::now();
        let goes_on = !said.is_last();
        Ok((said, goes_on))
    }

    fn more(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        match self.stream.read(&mut piece)? {
            0 => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the connection ended")),
            read => {
                bytes.extend(&piece[..read]);
                Ok(())
            }
        }
    }
}
