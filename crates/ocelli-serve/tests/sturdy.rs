//! Hostile, slow and hurried clients; files that change; the end.

mod common;

use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use common::*;
use ocelli_serve::{ServeOptions, Server};
use serde_json::{Value, json};

fn predict(url: &str, file: &[u8]) -> Said {
    post_to(&format!("{url}/v1/predict"), "image/png", file)
}

/// The beginning of a request whose body has `missing` bytes more than are sent.
fn begun(server: &Server, body: &[u8], missing: usize) -> std::net::TcpStream {
    let mut stream = connected(server.address());
    let length = body.len() + missing;
    let head = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: x\r\nContent-Type: image/png\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).expect("sent");
    stream.write_all(body).expect("sent");
    stream
}

/// Waits until so many requests for predictions are being worked on.
fn in_progress(server: &Server, count: usize) {
    let line = format!("ocelli_requests_in_progress {count}");
    until(&line, || get(server, "/metrics").text().lines().any(|found| found == line));
}

#[test]
fn slow_headers_end_the_connection() {
    let (server, _folder) = served(|options| options.header_timeout = Duration::from_millis(200));
    let mut stream = connected(server.address());
    stream.write_all(b"GET /healthz HTTP/1.1\r\nHost: ").expect("sent");
    let (said, ended) = rest(&mut stream);
    assert!(ended && !said.contains("200 OK"), "{said}");
    // One that says nothing, too.
    assert!(rest(&mut connected(server.address())).1);
    server.stop();
}

#[test]
fn slow_bodies_are_given_up() {
    let (server, _folder) = served(|options| options.body_timeout = Duration::from_millis(200));
    let (said, ended) = rest(&mut begun(&server, b"GIF89a", 10));
    assert!(ended && said.starts_with("HTTP/1.1 408 ") && said.contains("slow_body"), "{said}");
    server.stop();
}

#[test]
fn bodies_that_end_early_do_no_harm() {
    let (server, _folder) = served(|_| {});
    drop(begun(&server, b"GIF89a", 10));
    in_progress(&server, 0);
    assert_eq!(predict(&server.url(), &png(&picture(8, 8, 1))).status, 200);
    server.stop();
}

#[test]
fn bodies_without_a_length_are_bounded_too() {
    let (server, _folder) = served(|options| options.max_body = 1000);
    let chunk = format!("190\r\n{}\r\n", "x".repeat(0x190));
    let request = format!(
        "POST /v1/predict HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n{}",
        chunk.repeat(3)
    );
    let (said, ended) = raw(server.address(), request.as_bytes());
    assert!(ended && said.starts_with("HTTP/1.1 413 "), "{said}");
    server.stop();
}

#[test]
fn huge_headers_are_refused() {
    let (server, _folder) = served(|_| {});
    let long = format!("GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: {}\r\n\r\n", "x".repeat(1 << 20));
    let many = format!("GET /healthz HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-Many: x\r\n".repeat(500));
    for request in [long, many] {
        let (said, _) = raw(server.address(), request.as_bytes());
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 431 "), "{said}");
    }
    assert_eq!(get(&server, "/healthz").status, 200);
    server.stop();
}

#[test]
fn what_is_no_http_is_refused() {
    let (server, _folder) = served(|_| {});
    for bytes in [
        &b"\x16\x03\x01\x02\x00\x01\x00"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"hello\r\n\r\n",
    ] {
        let (said, _) = raw(server.address(), bytes);
        assert!(!said.contains(" 200 OK"), "{said}");
    }
    assert_eq!(get(&server, "/healthz").status, 200);
    server.stop();
}

#[test]
fn malformed_multipart_is_said_to_be() {
    let (server, _folder) = served(|_| {});
    let part = "Content-Disposition: form-data; name=\"image\"";
    let cases = [
        ("multipart/form-data", "x".to_owned()),
        ("multipart/form-data; boundary=", "x".to_owned()),
        ("multipart/form-data; boundary=cut", String::new()),
        ("multipart/form-data; boundary=cut", "no boundary at all".to_owned()),
        ("multipart/form-data; boundary=cut", format!("--cut\r\n{part}\r\n\r\nnever ends")),
        ("multipart/form-data; boundary=cut", format!("--other\r\n{part}\r\n\r\nx\r\n--other--\r\n")),
        (
            "multipart/form-data; boundary=cut",
            format!("--cut\r\n{}\r\n\r\nx\r\n--cut--\r\n", "\0:".repeat(1000)),
        ),
        ("multipart/form-data; boundary=cut", format!("--cut\r\n{}\r\n", "x: y\r\n".repeat(1000))),
        ("multipart/form-data; boundary=cut", "--cut--\r\n".to_owned()),
    ];
    for (kind, body) in cases {
        let said = post(&server, "/v1/predict", kind, body.as_bytes());
        assert_eq!(
            (said.status, said.code().as_str()),
            (400, "invalid_request"),
            "{kind} {body:.60}: {}",
            said.text()
        );
    }
    server.stop();
}

/// A PNG file that says how large it is, and has next to nothing.
fn boasting(width: u32, height: u32) -> Vec<u8> {
    let mut file = png(&picture(1, 1, 1));
    file[16..20].copy_from_slice(&width.to_be_bytes());
    file[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = file[12..29].iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    });
    file[29..33].copy_from_slice(&(!crc).to_be_bytes());
    file
}

#[test]
fn decompression_bombs_are_refused_before_they_are_decoded() {
    let (server, _folder) = served(|options| options.max_pixels = 1_000_000);
    let blank = png(&image::RgbImage::new(3000, 3000));
    assert!(blank.len() < 1_000_000);
    for bomb in [blank, boasting(60_000, 60_000), boasting(u32::MAX >> 1, u32::MAX >> 1)] {
        let said = predict(&server.url(), &bomb);
        // Sides that no PNG may have are a damaged file.
        assert!([413, 422].contains(&said.status), "{}", said.text());
    }
    let said = agent()
        .post(format!("{}/v1/predict", server.url()))
        .header("Content-Encoding", "gzip")
        .send(&b"\x1f\x8b"[..])
        .expect("an answer");
    assert_eq!(said.status(), 415);
    server.stop();
}

#[test]
fn no_path_leads_to_files() {
    let (server, folder) = served(|_| {});
    let secret = folder.path().join("secret.txt");
    std::fs::write(&secret, "hidden away").expect("a file");
    let absolute = secret.to_str().expect("UTF-8");
    let paths = [
        "/../../../../etc/passwd".to_owned(),
        "/%2e%2e/%2e%2e/etc/passwd".to_owned(),
        "//etc/passwd".to_owned(),
        format!("/{absolute}"),
        format!("/v2/models/{}", absolute.replace('/', "%2f")),
        "/v2/models/..%2f..%2fetc%2fpasswd/ready".to_owned(),
        "/v2/models/%00/ready".to_owned(),
        "/v2/models/first/versions/..%2f1/ready".to_owned(),
        "/app.js/../../Cargo.toml".to_owned(),
        "/app.js%00.html".to_owned(),
        "/.env".to_owned(),
    ];
    for path in paths {
        let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let (said, _) = raw(server.address(), request.as_bytes());
        assert!(said.starts_with("HTTP/1.1 404 ") || said.starts_with("HTTP/1.1 400 "), "{path}: {said}");
        assert!(!said.contains("root:") && !said.contains("hidden away"), "{said}");
    }
    let said = post(&server, "/v1/predict?model=../secret", "image/png", b"x");
    assert_eq!(said.status, 404);
    server.stop();
}

#[test]
fn more_requests_than_may_be_are_told_to_come_again() {
    let (server, _folder) = served(|options| options.concurrency = 1);
    let file = png(&picture(8, 8, 1));
    let mut first = begun(&server, &file[..20], file.len() - 20);
    in_progress(&server, 1);
    let second = predict(&server.url(), &file);
    assert_eq!((second.status, second.header("retry-after")), (429, Some("1")), "{}", second.text());
    // Whoever looks after the server still gets answers.
    assert_eq!(get(&server, "/healthz").status, 200);
    first.write_all(&file[20..]).expect("sent");
    assert!(rest(&mut first).0.starts_with("HTTP/1.1 200 "));
    in_progress(&server, 0);
    assert_eq!(predict(&server.url(), &file).status, 200);
    server.stop();
}

#[test]
fn bodies_that_take_more_memory_than_all_may_are_told_to_come_again() {
    let (server, _folder) = served(|options| (options.max_body, options.max_bodies) = (10_000, 30_000));
    let file = png(&picture(8, 8, 1));
    let busy = |said: &Said| {
        assert_eq!((said.status, said.header("retry-after")), (429, Some("1")), "{}", said.text());
        assert!(said.text().contains("bodies of other requests"), "{}", said.text());
    };
    // What has come counts, not what is said to come.
    let mut first: Vec<_> = (0..3).map(|_| begun(&server, &[0; 9_900], 100)).collect();
    in_progress(&server, 3);
    until("the bodies are there", || predict(&server.url(), &[0; 500]).status == 429);
    busy(&predict(&server.url(), &[0; 500]));
    assert_eq!(predict(&server.url(), &file).status, 200, "{} bytes have room", file.len());
    // A form is held twice.
    let form = [
        "--cut\r\nContent-Disposition: form-data; name=\"image\"\r\n\r\n".as_bytes(),
        &file,
        b"\r\n--cut--\r\n",
    ];
    let form = form.concat();
    assert!(file.len() < 300 && form.len() > 150, "{} {}", file.len(), form.len());
    busy(&post(&server, "/v1/predict", "multipart/form-data; boundary=cut", &form));
    // Whoever goes leaves room.
    drop(first.pop());
    in_progress(&server, 2);
    assert_eq!(post(&server, "/v1/predict", "multipart/form-data; boundary=cut", &form).status, 200);
    for mut slow in first {
        slow.write_all(&[0; 100]).expect("sent");
        assert!(rest(&mut slow).0.starts_with("HTTP/1.1 415 "));
    }
    assert_eq!(predict(&server.url(), &[0; 9_000]).status, 415);
    server.stop();
}

#[test]
fn there_is_room_for_one_body_however_it_is_sent() {
    let error = Server::start(ServeOptions { max_body: 1000, max_bodies: 2999, ..options(&[]) }).unwrap_err();
    assert!(error.to_string().contains("at least three times max_body"), "{error}");
}

#[test]
fn everyone_gets_their_own_answer() {
    let (server, _folder) = served(|options| options.max_batch = 8);
    let classifier = classifier(1);
    let url = server.url();
    thread::scope(|scope| {
        for client in 0..12 {
            let (url, classifier) = (&url, &classifier);
            scope.spawn(move || {
                for turn in 0..5 {
                    let image = picture(30 + client, 40 + turn, client * 100 + turn);
                    let image_ =
                        ocelli_data::Image::new(40 + turn as usize, 30 + client as usize, 3, image.to_vec());
                    let expected = classifier.predict(&[image_]).expect("a prediction").remove(0);
                    let answer = predict(url, &png(&image)).json();
                    let probability = answer["predictions"][0]["probability"].as_f64().expect("a number");
                    assert_eq!(answer["predictions"][0]["label"], json!(expected.label));
                    assert!((probability - f64::from(expected.probability)).abs() < 1e-6, "{answer}");
                }
            });
        }
    });
    server.stop();
}

#[test]
fn a_changed_file_is_served_without_losing_a_request() {
    let (server, folder) = served(|options| options.reload = Duration::from_millis(20));
    let file = png(&picture(32, 32, 5));
    let url = server.url();
    let probability = |said: &Said| said.json()["predictions"][0]["top"].clone();
    let old = probability(&predict(&url, &file));
    let done = AtomicBool::new(false);
    let seen = thread::scope(|scope| {
        let clients: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen: Vec<Value> = Vec::new();
                    while !done.load(Ordering::Relaxed) {
                        let said = predict(&url, &file);
                        assert_eq!(said.status, 200, "{}", said.text());
                        seen.push(probability(&said));
                        seen.dedup();
                    }
                    seen
                })
            })
            .collect();
        for seed in [2, 1, 2] {
            let before = probability(&predict(&url, &file));
            model(folder.path(), "first", seed);
            until("the new model", || probability(&predict(&url, &file)) != before);
        }
        done.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a client")).collect::<Vec<_>>()
    });
    let new = probability(&predict(&url, &file));
    assert!(new != old && seen.iter().all(|top| *top == old || *top == new));

    std::fs::write(folder.path().join("first.safetensors"), "damaged").expect("a file");
    let problem = || get(&server, "/v1/models").json()["models"][0]["versions"][0]["reload_problem"].clone();
    until("the problem", || problem() != Value::Null);
    assert_eq!(probability(&predict(&url, &file)), new);
    let figures = get(&server, "/metrics").text();
    // More than one, if it was looked at while it was being written.
    assert!(figures.contains("outcome=\"Failed\"}"), "{figures}");
    // A file that is gone keeps what is loaded as well, and one that is right again is served.
    std::fs::remove_file(folder.path().join("first.safetensors")).expect("a file that was there");
    model(folder.path(), "first", 1);
    until("the first model again", || probability(&predict(&url, &file)) == old);
    assert_eq!(problem(), Value::Null);
    server.stop();
}

#[test]
fn what_has_begun_is_answered_before_the_end() {
    let (server, _folder) = served(|options| options.drain = Duration::from_millis(1500));
    let (url, address) = (server.url(), server.address());
    let file = png(&picture(8, 8, 1));
    let mut slow = begun(&server, &file[..20], file.len() - 20);
    in_progress(&server, 1);
    let ending = thread::spawn(move || server.stop());
    // Balancers learn of it while requests are still taken.
    until("not ready", || agent().get(format!("{url}/readyz")).call().expect("an answer").status() == 503);
    assert_eq!(predict(&url, &file).status, 200);
    until("closed", || std::net::TcpStream::connect(address).is_err());
    slow.write_all(&file[20..]).expect("sent");
    assert!(rest(&mut slow).0.starts_with("HTTP/1.1 200 "));
    ending.join().expect("an end");
}

#[test]
fn what_never_ends_is_cut_off() {
    let (server, _folder) = served(|options| options.grace = Duration::from_millis(100));
    let mut slow = begun(&server, b"GIF89a", 10);
    in_progress(&server, 1);
    server.stop();
    assert!(rest(&mut slow).1);
}
