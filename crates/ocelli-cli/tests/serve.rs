//! `ocelli serve` as a process: what it prints, what it answers, and how it ends.

mod common;

use common::{command, folder, ocelli, path, train};
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

/// A server that has said where it is.
struct Serving {
    child: Child,
    address: String,
    out: BufReader<ChildStdout>,
    err: ChildStderr,
}

impl Drop for Serving {
    fn drop(&mut self) {
        // Where a test fails before it has ended it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn serve(folder: &Path, args: &[&str]) -> Serving {
    let mut command = command(folder, &["serve", "--port", "0"]);
    let mut child =
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the command starts");
    let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
    let err = child.stderr.take().expect("a pipe");
    let mut line = String::new();
    while !line.starts_with("ready") {
        line.clear();
        let read = out.read_line(&mut line).expect("a line");
        assert_ne!(read, 0, "it ended before it was ready");
    }
    let address = line.trim_end().rsplit("//").next().expect("an address").to_owned();
    Serving { child, address, out, err }
}

/// An answer to a request over a connection of its own.
fn ask(address: &str, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let length = body.len();
    let head = format!("{head} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("a text");
    answer
}

#[test]
fn a_trained_model_answers_until_a_signal() {
    let folder = folder(24);
    assert_eq!(train(folder.path(), "run", &[]).code, 0);
    let mut serving = serve(folder.path(), &["stripes=run"]);
    let image = fs::read(folder.path().join("data/test/across/000.png")).expect("a file");
    let answer = ask(&serving.address, "POST /v1/predict?heatmap=true&top=3", &image);
    assert!(answer.starts_with("HTTP/1.1 200 OK") && answer.contains("data:image/png;base64,"), "{answer}");
    // The same as `predict` says.
    let file = path(folder.path(), "data/test/across/000.png");
    let told = ocelli(folder.path(), &["predict", "run/model.safetensors", &file, "--json"]).json();
    let body = answer.split("\r\n\r\n").nth(1).expect("a body");
    let answered: serde_json::Value = serde_json::from_str(body).expect("JSON");
    assert_eq!(answered["model"], "stripes");
    assert_eq!(answered["predictions"][0]["label"], told["predictions"][0]["label"]);

    let id = serving.child.id().to_string();
    assert!(Command::new("kill").arg(&id).status().expect("kill runs").success());
    let status = serving.child.wait().expect("it ends");
    let (mut out, mut err) = (String::new(), String::new());
    serving.out.read_to_string(&mut out).expect("a text");
    serving.err.read_to_string(&mut err).expect("a text");
    assert_eq!(status.code(), Some(0), "{err}");
    assert!(out.contains("curl"), "{out}");
    let lines: Vec<serde_json::Value> =
        err.lines().map(|line| serde_json::from_str(line).unwrap_or_else(|_| panic!("{line}"))).collect();
    assert_eq!((&lines[0]["path"], &lines[0]["status"]), (&"/v1/predict".into(), &200.into()), "{err}");
    assert_eq!(lines.last().expect("a line")["event"], "stopping");
}

#[test]
fn what_cannot_be_served_is_said() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("text.safetensors"), "hello").expect("a file");
    let cases: [(&[&str], i32, &str); 6] = [
        (&["nothing.safetensors"], 2, "`ocelli train` writes models"),
        (&["text.safetensors"], 1, "text.safetensors"),
        (&["a b=text.safetensors"], 2, "letters, digits"),
        (&["a=x", "a=y"], 2, "a@2=y"),
        (&["x", "--tls-cert", "y"], 2, "--tls-key"),
        (&["x", "--timeout", "soon"], 2, "must be a number from 0 to 86400"),
    ];
    for (args, code, reason) in cases {
        let ran = ocelli(folder.path(), &[&["serve", "--port", "0"], args].concat());
        assert_eq!(ran.code, code, "{args:?}: {}", ran.err);
        assert!(ran.err.contains(reason), "{args:?}: {}", ran.err);
    }
}
