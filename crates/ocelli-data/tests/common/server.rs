//! A small HTTP server on this machine, with faults to order.
#![allow(dead_code, unreachable_pub)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What a server has under a path: so many bytes, made when they are asked for.
pub type Made = Arc<dyn Fn(Range<u64>) -> Vec<u8> + Send + Sync>;

/// A file of the server.
#[derive(Clone)]
pub struct Served {
    pub len: u64,
    pub bytes: Made,
}

/// What the server does wrong.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// So many of the next requests are answered with this status.
    pub statuses: Vec<u16>,
    /// So many of the next bodies end after half of their bytes.
    pub cut_bodies: usize,
    /// Requests for parts get everything.
    pub no_ranges: bool,
    /// Answers have no ETag and no date.
    pub no_version: bool,
    /// Bodies go on after what was asked for, and say so.
    pub too_long: bool,
    /// The whole length that answers tell, if it is a lie.
    pub length: Option<u64>,
    /// The headers that a request must have, as lines.
    pub needed: Option<String>,
    /// So many of the next requests are never answered.
    pub stalls: usize,
    /// The server that every request is sent to instead, as `http://host`.
    pub elsewhere: Option<String>,
    /// What refusals say at such length.
    pub endless_refusals: bool,
}

/// What a server was asked.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    /// With the query.
    pub path: String,
    pub range: Option<Range<u64>>,
    pub headers: Vec<String>,
}

#[derive(Default)]
struct State {
    files: BTreeMap<String, Served>,
    faults: Faults,
    tag: u64,
    requests: Vec<Request>,
}

/// Serves until the process ends.
#[derive(Clone)]
pub struct Server {
    host: String,
    state: Arc<Mutex<State>>,
}

impl Server {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { host: listener.local_addr().unwrap().to_string(), state: Arc::default() };
        let serving = server.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serving = serving.clone();
                std::thread::spawn(move || serving.answer_all(&stream));
            }
        });
        server
    }

    /// `http://127.0.0.1:1234` and a path.
    pub fn url(&self, path: &str) -> String {
        format!("http://{}/{path}", self.host)
    }

    pub fn host(&self) -> &str {
        &self.host
    }

    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        let len = bytes.len() as u64;
        let part = move |range: Range<u64>| bytes[range.start as usize..range.end as usize].to_vec();
        self.put_made(path, Served { len, bytes: Arc::new(part) });
    }

    pub fn put_made(&self, path: &str, served: Served) {
        self.state.lock().unwrap().files.insert(format!("/{path}"), served);
    }

    /// Other files than before, as far as anybody can see.
    pub fn change(&self) {
        self.state.lock().unwrap().tag += 1;
    }

    pub fn set(&self, faults: Faults) {
        self.state.lock().unwrap().faults = faults;
    }

    /// What was asked since this was last asked.
    pub fn take_requests(&self) -> Vec<Request> {
        std::mem::take(&mut self.state.lock().unwrap().requests)
    }

    fn answer_all(&self, stream: &TcpStream) {
        let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
        while let Some(first) = lines.next() {
            let headers: Vec<String> = lines.by_ref().take_while(|line| !line.is_empty()).collect();
            if self.answer(stream, &first, headers).is_err() {
                let _ = stream.shutdown(std::net::Shutdown::Both);
                return;
            }
        }
    }

    /// Answers one request; an error closes the connection.
    fn answer(&self, mut stream: &TcpStream, first: &str, headers: Vec<String>) -> std::io::Result<()> {
        let mut words = first.split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let asked = headers.iter().find_map(|header| range(header));
        let mut state = self.state.lock().unwrap();
        let file = state.files.get(path.split('?').next().unwrap_or_default()).cloned();
        let is_signed = state.faults.needed.as_ref().is_none_or(|needed| headers.contains(needed));
        let elsewhere = state.faults.elsewhere.as_ref().map(|place| format!("{place}{path}"));
        state.requests.push(Request { method, path, range: asked.clone(), headers });
        let status = match &file {
            _ if !is_signed => Some(403),
            _ if !state.faults.statuses.is_empty() => Some(state.faults.statuses.remove(0)),
            None => Some(404),
            Some(_) => None,
        };
        let stalls = state.faults.stalls > 0;
        state.faults.stalls -= usize::from(stalls);
        let cut = status.is_none() && state.faults.cut_bodies > 0;
        state.faults.cut_bodies -= usize::from(cut);
        let (faults, tag) = (state.faults.clone(), state.tag);
        drop(state);
        if stalls {
            // Until nobody waits any more.
            return stream.read(&mut [0]).and(Err(std::io::ErrorKind::TimedOut.into()));
        }
        if let Some(place) = elsewhere {
            return write!(
                stream,
                "HTTP/1.1 302 Elsewhere\r\nLocation: {place}\r\nContent-Length: 0\r\n\r\n"
            );
        }
        if let Some(status) = status {
            return refuse(stream, status, faults.endless_refusals);
        }
        let Some(file) = file else { return Ok(()) };
        let whole = faults.length.unwrap_or(file.len);
        let (status, part, about) = match asked.filter(|_| !faults.no_ranges) {
            Some(asked) if asked.start >= whole => return refuse(stream, 416, false),
            Some(asked) => {
                let part = asked.start..asked.end.min(whole);
                let about = format!("Content-Range: bytes {}-{}/{whole}\r\n", part.start, part.end - 1);
                (206, part, about)
            }
            None => (200, 0..whole, String::new()),
        };
        let version = match faults.no_version {
            true => String::new(),
            false => {
                format!("ETag: \"{tag}\"\r\nLast-Modified: Wed, 21 Oct 2015 07:28:0{} GMT\r\n", tag % 10)
            }
        };
        let more = if faults.too_long { 1 << 30 } else { 0 };
        let len = part.end - part.start + more;
        write!(stream, "HTTP/1.1 {status} As asked\r\n{version}{about}Content-Length: {len}\r\n\r\n")?;
        let there = part.start..part.end.min(file.len);
        let mut body = (file.bytes)(there);
        if cut {
            body.truncate(body.len() / 2);
        }
        stream.write_all(&body)?;
        if more > 0 {
            endless(stream)?;
        }
        if (body.len() as u64) < len { Err(std::io::ErrorKind::UnexpectedEof.into()) } else { Ok(()) }
    }
}

fn range(header: &str) -> Option<Range<u64>> {
    let (name, value) = header.split_once(": ")?;
    let (first, last) =
        value.strip_prefix("bytes=").filter(|_| name.eq_ignore_ascii_case("range"))?.split_once('-')?;
    Some(first.parse().ok()?..last.parse::<u64>().ok()? + 1)
}

fn refuse(mut stream: &TcpStream, status: u16, endless_body: bool) -> std::io::Result<()> {
    if endless_body {
        write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: 1000000000000\r\n\r\n")?;
        return endless(stream);
    }
    let body = "<?xml version=\"1.0\"?><Error><Code>SomeCode</Code><Message>Some\nmessage</Message></Error>";
    write!(stream, "HTTP/1.1 {status} No\r\nContent-Length: {}\r\n\r\n{body}", body.len())
}

/// Writes until nobody listens any more.
fn endless(mut stream: &TcpStream) -> std::io::Result<()> {
    loop {
        stream.write_all(&[b'x'; 1 << 16])?;
    }
}
