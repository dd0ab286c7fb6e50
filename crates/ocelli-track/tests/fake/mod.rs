//! A server that speaks as much of MLflow's REST interface as runs need, and does wrong what it is told to.

use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What it does wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Does what it is asked, and closes the connection without an answer, this many times of ten.
    LosesAnswers(usize),
    /// Answers 503 without doing anything.
    Unavailable,
    /// Takes the request and never answers.
    Silent,
    /// Sends everything on to another address.
    Redirects(u16),
    /// Answers something endless.
    Endless,
    /// Wants other credentials.
    Unauthorized,
    /// Answers with a page.
    Page,
    /// Answers uploads with this status and a page, as a proxy does, and everything else as it should.
    Uploads(u16),
    /// Sends a file in four pieces, with so long a pause before each.
    Slow(Duration),
    /// Makes two runs of one: an earlier request whose answer never came was still to be done.
    CreatesTwice,
}

#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) runs: BTreeMap<String, StoredRun>,
    pub(crate) requests: Vec<String>,
    pub(crate) authorizations: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct StoredRun {
    pub(crate) tags: BTreeMap<String, String>,
    pub(crate) params: BTreeMap<String, String>,
    /// Key, step and time of each value.
    pub(crate) metrics: BTreeMap<(String, i64, i64), Value>,
    pub(crate) status: String,
    pub(crate) artifacts: BTreeMap<String, Vec<u8>>,
    pub(crate) inputs: Vec<Value>,
}

#[derive(Clone)]
pub(crate) struct Fake {
    pub(crate) port: u16,
    pub(crate) stored: Arc<Mutex<Stored>>,
    fault: Arc<Mutex<Fault>>,
    counter: Arc<AtomicUsize>,
    stop: Arc<AtomicBool>,
}

impl Fake {
    pub(crate) fn start(fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let fake = Fake {
            port: listener.local_addr().unwrap().port(),
            stored: Arc::default(),
            fault: Arc::new(Mutex::new(fault)),
            counter: Arc::default(),
            stop: Arc::default(),
        };
        let theirs = fake.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if theirs.stop.load(Ordering::SeqCst) {
                    return;
                }
                let each = theirs.clone();
                thread::spawn(move || while each.serve(&stream).is_some() {});
            }
        });
        fake
    }

    pub(crate) fn address(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    pub(crate) fn set(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Serves one request. None: the connection is done for.
    fn serve(&self, mut stream: &TcpStream) -> Option<()> {
        let (request, body, authorization) = read(stream)?;
        {
            let mut stored = self.stored.lock().unwrap();
            stored.requests.push(request.clone());
            stored.authorizations.extend(authorization);
        }
        let fault = *self.fault.lock().unwrap();
        let count = self.counter.fetch_add(1, Ordering::SeqCst);
        let (status, answer) = match fault {
            Fault::None => self.answer(&request, &body),
            Fault::LosesAnswers(share) => {
                let answer = self.answer(&request, &body);
                // Numbers without a pattern that requests could have too.
                if count.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d) >> 7
                    & 1023
                    < share * 102
                {
                    return None;
                }
                answer
            }
            Fault::Unavailable => {
                (503, json!({ "error_code": "TEMPORARILY_UNAVAILABLE", "message": "later" }).to_string())
            }
            Fault::Silent => {
                thread::sleep(std::time::Duration::from_secs(600));
                return None;
            }
            Fault::Redirects(port) => {
                let to = format!(
                    "HTTP/1.1 307 To\r\nLocation: http://127.0.0.1:{port}/x\r\nContent-Length: 0\r\n\r\n"
                );
                stream.write_all(to.as_bytes()).ok()?;
                return Some(());
            }
            Fault::Endless => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").ok()?;
                loop {
                    stream.write_all(b"10000\r\n").ok()?;
                    stream.write_all(&[b' '; 0x10000]).ok()?;
                    stream.write_all(b"\r\n").ok()?;
                }
            }
            Fault::Unauthorized => (401, "no".to_owned()),
            Fault::Uploads(status) if request.starts_with("PUT") => {
                (status, "<html>Too much</html>".to_owned())
            }
            Fault::Slow(pause) if request.contains("mlflow-artifacts") => {
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n").ok()?;
                for _ in 0..4 {
                    thread::sleep(pause);
                    stream.write_all(b"x").ok()?;
                }
                return Some(());
            }
            Fault::Slow(_) | Fault::Uploads(_) => self.answer(&request, &body),
            Fault::CreatesTwice => {
                if request.contains("runs/create") {
                    self.answer(&request, &body);
                }
                self.answer(&request, &body)
            }
            Fault::Page => (200, "<html>It works!</html>".to_owned()),
        };
        let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\n\r\n", answer.len());
        stream.write_all((head + &answer).as_bytes()).ok()
    }

    fn answer(&self, request: &str, body: &[u8]) -> (u16, String) {
        let mut stored = self.stored.lock().unwrap();
        let body_json: Value = serde_json::from_slice(body).unwrap_or_default();
        let path = request.split_whitespace().nth(1).unwrap().split('?').next().unwrap();
        let run = body_json["run_id"].as_str().unwrap_or_default().to_owned();
        let value = match path.trim_start_matches("/api/2.0/mlflow/") {
            "experiments/get-by-name" => json!({ "experiment": { "experiment_id": "1", "name": "e" } }),
            "experiments/search" => json!({ "experiments": [{ "experiment_id": "1", "name": "e" }] }),
            "runs/search" => {
                let filter = body_json["filter"].as_str().unwrap_or_default();
                let key = filter.split('\'').nth(1).unwrap_or_default();
                let found = stored
                    .runs
                    .iter()
                    .filter(|(_, run)| run.tags.get("ocelli.run_key").is_some_and(|it| it == key));
                json!({ "runs": found.map(|(id, _)| info(id)).collect::<Vec<_>>() })
            }
            "runs/create" => {
                let id = format!("{:032x}", stored.runs.len() + 1);
                let run = StoredRun {
                    tags: pairs(&body_json["tags"]),
                    status: "RUNNING".into(),
                    ..StoredRun::default()
                };
                stored.runs.insert(id.clone(), run);
                json!({ "run": info(&id) })
            }
            "runs/get" => {
                json!({ "run": info(request.split("run_id=").nth(1).unwrap().split_whitespace().next().unwrap()) })
            }
            "runs/log-batch" => {
                let params = pairs(&body_json["params"]);
                let Some(run) = stored.runs.get_mut(&run) else { return refuse("RESOURCE_DOES_NOT_EXIST") };
                if params.iter().any(|(key, value)| run.params.get(key).is_some_and(|old| old != value)) {
                    return refuse("INVALID_PARAMETER_VALUE");
                }
                run.params.extend(params);
                run.tags.extend(pairs(&body_json["tags"]));
                for metric in body_json["metrics"].as_array().into_iter().flatten() {
                    let place = (
                        metric["key"].as_str().unwrap().to_owned(),
                        metric["step"].as_i64().unwrap(),
                        metric["timestamp"].as_i64().unwrap(),
                    );
                    run.metrics.insert(place, metric["value"].clone());
                }
                json!({})
            }
            "runs/set-tag" => {
                let (key, value) = (body_json["key"].as_str().unwrap(), body_json["value"].as_str().unwrap());
                stored.runs.get_mut(&run).unwrap().tags.insert(key.to_owned(), value.to_owned());
                json!({})
            }
            "runs/log-inputs" => {
                stored.runs.get_mut(&run).unwrap().inputs.push(body_json["datasets"].clone());
                json!({})
            }
            "runs/delete" => {
                stored.runs.remove(&run);
                json!({})
            }
            "runs/update" => {
                let status = body_json["status"].as_str().unwrap().to_owned();
                stored.runs.get_mut(&run).unwrap().status = status;
                json!({ "run_info": info(&run)["info"] })
            }
            other if other.starts_with("/api/2.0/mlflow-artifacts/artifacts/") => {
                let parts: Vec<&str> =
                    other.trim_start_matches("/api/2.0/mlflow-artifacts/artifacts/").splitn(3, '/').collect();
                let run = stored.runs.get_mut(parts[1]).unwrap();
                run.artifacts.insert(parts[2].trim_start_matches("artifacts/").to_owned(), body.to_vec());
                json!({})
            }
            other => panic!("the server is asked for {other}"),
        };
        (200, value.to_string())
    }
}

fn refuse(code: &str) -> (u16, String) {
    (400, json!({ "error_code": code, "message": "no" }).to_string())
}

fn info(id: &str) -> Value {
    json!({ "info": { "run_id": id, "experiment_id": "1", "artifact_uri": format!("mlflow-artifacts:/1/{id}/artifacts") } })
}

fn pairs(list: &Value) -> BTreeMap<String, String> {
    let pair = |it: &Value| {
        (it["key"].as_str().unwrap().to_owned(), it["value"].as_str().unwrap_or_default().to_owned())
    };
    list.as_array().into_iter().flatten().map(pair).collect()
}

/// The first line, the body and the authorization of a request.
fn read(stream: &TcpStream) -> Option<(String, Vec<u8>, Option<String>)> {
    let mut reader = BufReader::new(stream);
    let mut first = String::new();
    reader.read_line(&mut first).ok().filter(|length| *length > 0)?;
    let (mut length, mut authorization) = (0, None);
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok()?;
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().ok()?,
            "authorization" => authorization = Some(value.trim().to_owned()),
            "transfer-encoding" => panic!("the length of what is sent is known"),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first.trim().to_owned(), body, authorization))
}
