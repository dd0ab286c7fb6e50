//! `/v1/predict`, the models' cards, and what looks after a server, over a real socket.

mod common;

use std::io::{Read, Write};

use common::*;
use ocelli_data::{Channels, Limits, decode};
use ocelli_serve::Heatmaps;
use serde_json::{Value, json};

/// The probability that the library gives each class, in the order of `top`.
fn expected(seed: u64, file: &[u8]) -> Vec<(String, f32)> {
    let image = decode::decode(file, "image", Channels::Rgb, &Limits::default()).expect("an image");
    classifier(seed).predict(&[image]).expect("a prediction").remove(0).top
}

fn check_top(entry: &Value, expected: &[(String, f32)]) {
    let top = entry["top"].as_array().expect("classes");
    assert_eq!(top.len(), expected.len(), "{entry}");
    for (found, (label, probability)) in top.iter().zip(expected) {
        assert_eq!(found["label"], json!(label), "{entry}");
        let difference = found["probability"].as_f64().expect("a number") - f64::from(*probability);
        assert!(difference.abs() < 1e-6, "{entry}");
    }
}

fn multipart(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut body = Vec::new();
    for (name, file) in files {
        body.extend(
            format!("--cut\r\nContent-Disposition: form-data; name=\"image\"; filename=\"{name}\"\r\n\r\n")
                .bytes(),
        );
        body.extend(*file);
        body.extend(b"\r\n");
    }
    body.extend(b"--cut--\r\n");
    body
}

#[test]
fn every_form_of_a_request_gives_the_librarys_answer() {
    let (server, _folder) = served(|_| {});
    let file = png(&picture(50, 40, 1));
    let expected = expected(1, &file);
    let base64 = base64(&file);
    let forms: [(&str, Vec<u8>); 6] = [
        ("image/png", file.clone()),
        ("application/octet-stream", file.clone()),
        ("application/x-www-form-urlencoded", file.clone()),
        ("multipart/form-data; boundary=cut", multipart(&[("a.png", &file)])),
        ("application/json", json!({ "image": base64 }).to_string().into_bytes()),
        ("application/json; charset=utf-8", json!({ "images": [base64] }).to_string().into_bytes()),
    ];
    for (kind, body) in forms {
        let said = post(&server, "/v1/predict", kind, &body);
        assert_eq!(said.status, 200, "{kind}: {}", said.text());
        let answer = said.json();
        assert_eq!((&answer["model"], &answer["version"]), (&json!("first"), &json!(1)));
        assert_eq!(answer["predictions"].as_array().map(Vec::len), Some(1));
        check_top(&answer["predictions"][0], &expected);
    }
    let one = post(&server, "/v1/predict?top=1", "image/png", &file).json();
    check_top(&one["predictions"][0], &expected[..1]);
    server.stop();
}

fn base64(bytes: &[u8]) -> String {
    use std::fmt::Write;
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    bytes.chunks(3).fold(String::new(), |mut text, three| {
        let bits = (0..3).fold(0_u32, |bits, place| bits << 8 | u32::from(*three.get(place).unwrap_or(&0)));
        for place in 0..4 {
            let letter =
                if place <= three.len() { LETTERS[(bits >> (18 - 6 * place) & 63) as usize] } else { b'=' };
            let _ = write!(text, "{}", char::from(letter));
        }
        text
    })
}

#[test]
fn of_several_images_each_has_its_own_entry() {
    let (server, _folder) = served(|_| {});
    let files = [png(&picture(20, 30, 1)), png(&picture(64, 64, 2))];
    let body = multipart(&[("a.png", &files[0]), ("b.png", b"no image at all"), ("c.png", &files[1])]);
    let said = post(&server, "/v1/predict", "multipart/form-data; boundary=cut", &body);
    let answer = said.json();
    let entries = answer["predictions"].as_array().expect("entries");
    assert_eq!(said.status, 200);
    check_top(&entries[0], &expected(1, &files[0]));
    assert_eq!(entries[1]["error"]["code"], "not_an_image", "{answer}");
    check_top(&entries[2], &expected(1, &files[1]));
    let names: Vec<&Value> = entries.iter().map(|entry| &entry["name"]).collect();
    assert_eq!(names, ["a.png", "b.png", "c.png"]);
    server.stop();
}

#[test]
fn models_are_found_by_name_and_version() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = [
        model(folder.path(), "first", 1),
        model(folder.path(), "second", 2),
        model(folder.path(), "third", 3),
    ];
    let mut options = options(&[&paths[0], &paths[1]]);
    options.models.push(format!("second@10={}", paths[2].display()).parse().expect("a source"));
    let server = ocelli_serve::Server::start(options).expect("a server");
    let file = png(&picture(32, 32, 4));
    for (query, seed) in [("", 1), ("?model=first", 1), ("?model=second", 3), ("?model=second&version=1", 2)]
    {
        let answer = post(&server, &format!("/v1/predict{query}"), "image/png", &file).json();
        check_top(&answer["predictions"][0], &expected(seed, &file));
    }
    for (query, hint) in
        [("?model=secnd", "did you mean second?"), ("?model=second&version=3", "there are 1, 10")]
    {
        let said = post(&server, &format!("/v1/predict{query}"), "image/png", &file);
        assert_eq!((said.status, said.code().as_str()), (404, "unknown_model"));
        assert!(said.text().contains(hint), "{}", said.text());
    }
    let models = get(&server, "/v1/models").json();
    assert_eq!(models["default"], "first");
    let card = &models["models"][1]["versions"][1];
    assert_eq!((&card["version"], &card["classes"]), (&json!(10), &json!(CLASSES)), "{models}");
    server.stop();
}

#[test]
fn what_is_wrong_is_said() {
    let (server, _folder) = served(|options| {
        options.max_body = 100_000;
        options.max_pixels = 10_000;
        options.queue = 3;
    });
    let file = png(&picture(8, 8, 1));
    let large = png(&image::RgbImage::new(200, 100));
    let many = multipart(&[("a", &file), ("b", &file), ("c", &file), ("d", &file)]);
    let cases: [(&str, &str, &[u8], u16, &str); 12] = [
        ("", "image/png", b"", 400, "invalid_request"),
        ("", "image/png", b"GIF89a", 422, "bad_image"),
        ("", "image/png", b"hello", 415, "not_an_image"),
        ("", "image/png", &file[..file.len() - 20], 422, "bad_image"),
        ("", "image/png", &large, 413, "image_too_large"),
        ("", "image/png", &vec![0; 100_001], 413, "body_too_large"),
        ("", "text/plain", &file, 415, "unknown_content_type"),
        ("", "application/json", b"{\"image\": 3}", 400, "invalid_request"),
        ("", "multipart/form-data; boundary=cut", &many, 413, "too_many_images"),
        ("?top=0", "image/png", &file, 400, "invalid_request"),
        ("?tip=1", "image/png", &file, 400, "invalid_request"),
        ("?heatmap=true", "image/png", &file, 400, "invalid_request"),
    ];
    for (query, kind, body, status, code) in cases {
        let said = post(&server, &format!("/v1/predict{query}"), kind, body);
        assert_eq!((said.status, said.code().as_str()), (status, code), "{query} {kind}: {}", said.text());
        assert_eq!(said.header("content-type"), Some("application/json"));
    }
    assert_eq!((get(&server, "/v1/predict").status, get(&server, "/nowhere").status), (405, 404));
    assert_eq!(get(&server, "/v1/predict").code(), "method_not_allowed");
    server.stop();
}

#[test]
fn heat_maps_are_drawn_where_the_server_can() {
    let (server, _folder) = served(|options| {
        // What is drawn is the command's affair: here, the class as a grey picture of the image's size.
        options.heatmaps = Some(Heatmaps::new(|classifier, image, class| {
            assert_eq!(classifier.classes().len(), CLASSES.len());
            let level = image::Rgb([class as u8; 3]);
            Ok(png(&image::RgbImage::from_pixel(image.width() as u32, image.height() as u32, level)))
        }));
    });
    let file = png(&picture(64, 48, 1));
    let answer = post(&server, "/v1/predict?heatmap=true", "image/png", &file).json();
    let map = answer["predictions"][0]["heatmap"].as_str().expect("a heat map");
    let class =
        CLASSES.iter().position(|class| answer["predictions"][0]["label"] == *class).expect("a class");
    let drawn = png(&image::RgbImage::from_pixel(64, 48, image::Rgb([class as u8; 3])));
    assert_eq!(map, format!("data:image/png;base64,{}", base64(&drawn)));
    let without = post(&server, "/v1/predict", "image/png", &file).json();
    assert_eq!(without["predictions"][0]["heatmap"], Value::Null);
    server.stop();
}

#[test]
fn the_server_says_how_it_is() {
    let (server, _folder) = served(|_| {});
    let file = png(&picture(8, 8, 1));
    assert_eq!(post(&server, "/v1/predict", "image/png", &file).status, 200);
    assert_eq!(post(&server, "/v1/predict", "image/png", b"x").status, 415);
    assert_eq!((get(&server, "/healthz").status, get(&server, "/readyz").status), (200, 200));
    let figures = get(&server, "/metrics").text();
    let lines = [
        "ocelli_requests_total{method=\"POST\",route=\"/v1/predict\",status=\"200\"} 1",
        "ocelli_requests_total{method=\"POST\",route=\"/v1/predict\",status=\"415\"} 1",
        "ocelli_images_total{model=\"first\",version=\"1\"} 1",
        "ocelli_infer_seconds_count{model=\"first\",version=\"1\"} 1",
        "ocelli_requests_in_progress 0",
        "# EOF",
    ];
    for line in lines {
        assert!(figures.lines().any(|found| found == line), "{line} in\n{figures}");
    }
    server.stop();
}

#[test]
fn every_documented_route_is_there() {
    let (server, _folder) = served(|_| {});
    let description = get(&server, "/openapi.json").json();
    let paths = description["paths"].as_object().expect("paths");
    assert!(paths.len() > 10);
    for (path, methods) in paths {
        let path = path.replace("{name}", "first").replace("{version}", "1");
        for method in methods.as_object().expect("methods").keys() {
            let said = match method.as_str() {
                "get" => get(&server, &path),
                _ => post(&server, &path, "application/json", b"{}"),
            };
            let expected = if method == "get" { 200 } else { 400 };
            assert_eq!(said.status, expected, "{method} {path}: {}", said.text());
            assert!(methods[method]["responses"].get(said.status.to_string()).is_some(), "{method} {path}");
        }
    }
    let listed = get(&server, "/docs").text();
    assert!(listed.contains("<code>POST /v1/predict</code>"), "{listed}");
    server.stop();
}

/// A server of files: `/a.png` is a picture, `/far` leads elsewhere, and nothing else is there.
fn files(picture: Vec<u8>) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("an address");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut head = [0; 1000];
            let read = stream.read(&mut head).expect("a request");
            let (status, more, body) = match &head[..read.min(10)] {
                b"GET /a.png" => ("200 OK", "", &picture[..]),
                b"GET /far H" => ("302 Found", "Location: /a.png\r\n", &b""[..]),
                _ => ("404 Not Found", "", &b""[..]),
            };
            let length = body.len();
            let head =
                format!("HTTP/1.1 {status}\r\n{more}Content-Length: {length}\r\nConnection: close\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body)).expect("sent");
        }
    });
    address
}

#[test]
fn images_are_fetched_from_where_they_may_be() {
    let file = png(&picture(30, 20, 3));
    let place = files(file.clone());
    let (server, _folder) = served(|options| options.fetch = vec![place.clone()]);
    let ask = |server: &ocelli_serve::Server, address: String| {
        post(server, "/v1/predict", "application/json", json!({ "image": address }).to_string().as_bytes())
    };
    let said = ask(&server, format!("{place}a.png"));
    assert_eq!(said.status, 200, "{}", said.text());
    check_top(&said.json()["predictions"][0], &expected(1, &file));
    for path in ["far", "nothing"] {
        let said = ask(&server, format!("{place}{path}"));
        assert_eq!((said.status, said.code().as_str()), (422, "not_fetched"), "{path}: {}", said.text());
    }
    assert_eq!(ask(&server, "http://127.0.0.1:1/a.png".to_owned()).status, 403);
    server.stop();
    let (server, _folder) = served(|_| {});
    assert_eq!(ask(&server, format!("{place}a.png")).code(), "address_not_allowed");
    server.stop();
}
