//! Data elsewhere: `--data https://…` and `--data s3://…`.
#![cfg(feature = "remote")]

mod common;
#[path = "../../ocelli-data/tests/common/server.rs"]
mod server;

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use common::{NETWORK, Ran, ran};
use server::{Faults, Server};

fn shards() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../ocelli-data/tests/fixtures/archives/shards")
}

/// Runs the command where nothing of this machine's settings is known but these.
fn ocelli(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(args).current_dir(folder).env_clear().env("XDG_CACHE_HOME", folder.join("caches"));
    ran(command.envs(variables.iter().copied()))
}

fn succeeds(folder: &Path, variables: &[(&str, &str)], args: &[&str]) -> Ran {
    let ran = ocelli(folder, variables, args);
    assert_eq!(ran.code, 0, "ocelli {args:?}\n{}\n{}", ran.out, ran.err);
    ran
}

/// What every command says of the fixtures' shards at an address.
fn works_with(folder: &Path, variables: &[(&str, &str)], address: &str) {
    let info = succeeds(folder, variables, &["data", "info", address]);
    assert!(info.out.starts_with(&format!("{address} (tar shards): 3 classes, 15 images\n")), "{}", info.out);
    assert!(info.out.contains("train RGB, 6×5\nval   RGB, 6×5\n"), "{}", info.out);
    let check = ocelli(folder, variables, &["data", "check", address, "--json"]).json();
    assert_eq!(check["path"], address);
    std::fs::write(folder.join("network.toml"), NETWORK).unwrap();
    let here = shards();
    let train = |data: &str, out: &str| {
        let args = [
            "train",
            "--data",
            data,
            "--model",
            "network.toml",
            "--epochs",
            "2",
            "--seed",
            "3",
            "--out",
            out,
        ];
        succeeds(folder, variables, &args);
        std::fs::read(folder.join(out).join("model.safetensors")).unwrap()
    };
    let (far, near) = (train(address, "far"), train(&here.to_string_lossy(), "near"));
    let network = |model: &[u8]| model[model.len() - 1000..].to_vec();
    assert_eq!(network(&far), network(&near), "the same weights, bit for bit");
    let recipe = std::fs::read_to_string(folder.join("far/recipe.toml")).unwrap();
    assert!(recipe.contains(&format!("path = \"{address}\"")), "{recipe}");
    let again =
        ["train", "--recipe", "far/recipe.toml", "--epochs", "1", "--out", "again", "--cache", "kept"];
    succeeds(folder, variables, &again);
    let eval =
        succeeds(folder, variables, &["eval", "far/model.safetensors", "--data", address, "--split", "val"]);
    assert!(eval.out.contains("of 3 images"), "{}", eval.out);
}

#[test]
fn every_command_takes_addresses() {
    let (server, folder) = (Server::start(), tempfile::tempdir().unwrap());
    for name in ["train-000.tar", "train-001.tar", "val-000.tar"] {
        server.put(&format!("a/{name}"), std::fs::read(shards().join(name)).unwrap());
    }
    works_with(folder.path(), &[], &server.url("a/{train-{000..001},val-000}.tar"));
    server.set(Faults { no_ranges: true, ..Faults::default() });
    let ran = ocelli(folder.path(), &[], &["data", "info", &server.url("a/train-000.tar")]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.err.starts_with("error: http://127.0.0.1") && ran.err.contains("whole files only"),
        "{}",
        ran.err
    );
}

/// A server that looks like S3, with the shards of the fixtures in `bucket`, below `some/where`.
fn s3() -> Server {
    let server = Server::start();
    let mut list = "<?xml version=\"1.0\"?><ListBucketResult><IsTruncated>false</IsTruncated>".to_owned();
    for name in ["train-000.tar", "train-001.tar", "val-000.tar", "notes.txt", "deep/er/train-9.tar"] {
        let bytes = std::fs::read(shards().join(name)).unwrap_or_default();
        list += &format!(
            "<Contents><Key>some/where/{name}</Key><LastModified>2015-10-21T07:28:00.000Z</LastModified>\
             <ETag>\"0\"</ETag><Size>{}</Size><StorageClass>STANDARD</StorageClass></Contents>",
            bytes.len()
        );
        server.put(&format!("bucket/some/where/{name}"), bytes);
    }
    server.put("bucket", (list + "</ListBucketResult>").into_bytes());
    server
}

#[test]
fn requests_to_s3_are_signed_with_what_the_environment_says() {
    let (server, folder) = (s3(), tempfile::tempdir().unwrap());
    let endpoint = server.url("");
    let signed = [
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "very secret"),
        ("AWS_SESSION_TOKEN", "token"),
        ("AWS_REGION", "far-away-7"),
        ("AWS_ENDPOINT_URL", &endpoint),
    ];
    let info = |variables: &[(&str, &str)]| {
        ocelli(folder.path(), variables, &["data", "info", "s3://bucket/some/where/"])
    };
    let ran = info(&signed);
    assert!(ran.out.starts_with("s3://bucket/some/where/ (tar shards): 3 classes, 15 images"), "{}", ran.err);
    let requests = server.take_requests();
    assert!(requests.len() > 4, "a list, the classes and three shards");
    for request in requests {
        let has = |start: &str| request.headers.iter().any(|header| header.starts_with(start));
        assert!(has("authorization: AWS4-HMAC-SHA256 Credential=key/"), "{request:?}");
        assert!(has("x-amz-security-token: token"), "{request:?}");
        assert!(
            request.headers.iter().any(|header| header.contains("/far-away-7/s3/aws4_request")),
            "{request:?}"
        );
    }
    // Without credentials.
    for variables in [vec![signed[4]], [&signed[..], &[("AWS_SKIP_SIGNATURE", "true")]].concat()] {
        let ran = info(&variables);
        assert_eq!(ran.code, 0, "{}", ran.err);
        let signatures = server.take_requests().into_iter().flat_map(|request| request.headers);
        assert!(signatures.into_iter().all(|header| !header.starts_with("authorization")));
    }
    server.set(Faults { statuses: vec![403; 50], ..Faults::default() });
    let ran = info(&signed[4..]);
    assert!(ran.err.contains("may not be read") && ran.err.contains("no AWS_ACCESS_KEY_ID"), "{}", ran.err);
    let ran = info(&signed);
    assert!(
        ran.err.contains("SomeCode: Some message") && ran.err.contains("AWS_SESSION_TOKEN"),
        "{}",
        ran.err
    );
    assert!(!ran.err.contains("very secret"), "{}", ran.err);
    server.set(Faults::default());
    let ran = ocelli(folder.path(), &signed, &["data", "info", "s3://bucket/else/where"]);
    assert_eq!(ran.code, 2);
    assert!(ran.err.contains("has no tar files, in itself or in train/"), "{}", ran.err);
}

#[test]
fn a_server_that_does_not_answer_is_not_waited_for() {
    let (server, folder) = (s3(), tempfile::tempdir().unwrap());
    let endpoint = server.url("");
    let variables = [("AWS_ENDPOINT_URL", &*endpoint), ("AWS_READ_TIMEOUT", "200ms")];
    let info = || ocelli(folder.path(), &variables, &["data", "info", "s3://bucket/some/where/val-000.tar"]);
    server.set(Faults { stalls: 2, ..Faults::default() });
    let ran = info();
    assert!(ran.code == 0 && ran.out.contains("3 images"), "{}{}", ran.out, ran.err);
    server.set(Faults { stalls: 1000, ..Faults::default() });
    let ran = info();
    assert_eq!(ran.code, 1, "{}", ran.err);
    let needed = ["error: s3://bucket/some/where/val-000.tar: its server took too long", "try again later"];
    assert!(needed.iter().all(|text| ran.err.contains(text)), "{}", ran.err);
}

#[test]
fn a_real_server_of_s3_works() {
    let Some(python) = std::env::var_os("OCELLI_PYTHON") else {
        eprintln!("skipped: OCELLI_PYTHON is not set");
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testing/interop/s3.py");
    let mut serving = Command::new(python)
        .arg(script)
        .args([shards().as_os_str(), "bucket".as_ref(), "some/where".as_ref()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("Python runs");
    let lines = BufReader::new(serving.stdout.take().expect("a pipe")).lines();
    let port = lines.map_while(Result::ok).find_map(|line| line.parse::<u16>().ok()).expect("a port");
    let endpoint = format!("http://127.0.0.1:{port}");
    let variables = [
        ("AWS_ACCESS_KEY_ID", "key"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", endpoint.as_str()),
    ];
    works_with(folder.path(), &variables, "s3://bucket/some/where/");
    let named = ocelli(folder.path(), &variables, &["data", "info", "s3://bucket/some/where/val-000.tar"]);
    assert!(named.out.contains("3 classes, 3 images"), "{}{}", named.out, named.err);
    let none = ocelli(folder.path(), &variables, &["data", "info", "s3://bucket/some/where/val-001.tar"]);
    assert!(none.code == 2 && none.err.contains("NoSuchKey"), "{}", none.err);
    let none = ocelli(folder.path(), &variables, &["data", "info", "s3://no-bucket/a/"]);
    assert!(none.code == 2 && none.err.contains("NoSuchBucket"), "{}", none.err);
    drop(serving.stdin.take());
    serving.wait().expect("it ends");
}
