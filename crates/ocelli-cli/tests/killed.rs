//! A run that is killed, interrupted, or out of disk space loses nothing: it goes on, and ends with the bits of one that never was.
#![cfg(unix)]

mod common;

use common::{folder, ocelli, succeeds};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Kills in the test of kills.
const KILLS: usize = 100;

/// The arguments of a run that writes a checkpoint at every second step. It is not tracked: of a run so short, tracking would be most,
/// and kills would find little else.
const TRAIN: [&str; 21] = [
    "train",
    "--data",
    "data",
    "--model",
    "network.toml",
    "--epochs",
    "4",
    "--batch-size",
    "8",
    "--set",
    "transforms.augment=false",
    "--set",
    "train.checkpoint_steps=2",
    "--set",
    "train.keep_checkpoints=3",
    "--seed",
    "5",
    "--out",
    "killed",
    "--no-track",
    "--threads",
];

fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(args).current_dir(folder).env_remove("CARGO").stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// The whole run, into another folder.
fn whole(folder: &Path) {
    let args: Vec<&str> = TRAIN.iter().map(|arg| if *arg == "killed" { "whole" } else { arg }).collect();
    succeeds(folder, &[&args[..], &["2"]].concat());
}

/// What the kill found: where in its work the process was.
fn phase(run: &Path) -> &'static str {
    let there = |file: &str| run.join(file).exists();
    let unfinished = || {
        let names = fs::read_dir(run).unwrap().map(|entry| entry.unwrap().file_name());
        let names: Vec<String> = names.map(|name| name.into_string().unwrap()).collect();
        names.iter().any(|name| name.ends_with(".tmp") || name == ".next.safetensors")
    };
    if !there("recipe.toml") {
        return "before it began";
    }
    if unfinished() {
        return "writing a checkpoint";
    }
    if !there("last.safetensors") {
        return "before the first checkpoint";
    }
    let note = note(&run.join("last.safetensors"));
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).unwrap_or_default().lines().count() as u64;
    let (epoch, batch) =
        (note["position"]["epoch"].as_u64().unwrap(), note["position"]["batch"].as_u64().unwrap());
    match (epoch, batch) {
        _ if note["finished"] == true => "over",
        (4, 0) => "test",
        (epoch, 0) if metrics < epoch => "between a checkpoint and its line of the metrics",
        (_, 0) => "beginning of an epoch",
        _ => "within an epoch",
    }
}

/// What a checkpoint notes beside its tensors.
fn note(checkpoint: &Path) -> Value {
    let bytes = fs::read(checkpoint).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    let header: Value = serde_json::from_slice(&bytes[8..8 + length]).unwrap();
    let text = header["__metadata__"]["ocelli"].as_str().unwrap();
    serde_json::from_str::<Value>(text).unwrap()["attachment"].clone()
}

/// A checkpoint's tensors, as bytes.
fn tensors(checkpoint: &Path) -> Vec<u8> {
    let bytes = fs::read(checkpoint).unwrap();
    let length = u64::from_le_bytes(bytes[..8].try_into().unwrap()) as usize;
    bytes[8 + length..].to_vec()
}

fn without_times(mut line: Value) -> Value {
    for time in ["seconds", "images_per_second", "waited_seconds"] {
        line.as_object_mut().unwrap().remove(time);
    }
    line
}

/// All but times is the same in the folders `whole` and `killed`.
fn assert_same(folder: &Path) {
    let [whole, killed] = ["whole", "killed"].map(|name| folder.join(name));
    for file in ["model.safetensors", "recipe.toml"] {
        assert!(
            fs::read(whole.join(file)).unwrap() == fs::read(killed.join(file)).unwrap(),
            "{file} differs"
        );
    }
    let last = "last.safetensors";
    assert!(tensors(&whole.join(last)) == tensors(&killed.join(last)), "{last} has other tensors");
    let metrics = |run: &Path| -> Vec<Value> {
        let text = fs::read_to_string(run.join("metrics.jsonl")).unwrap();
        text.lines().map(|line| without_times(serde_json::from_str(line).unwrap())).collect()
    };
    assert_eq!(metrics(&whole), metrics(&killed));
    let names = |run: &Path| {
        let names = |folder: &Path| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
        let mut all: Vec<_> = names(run).chain(names(&run.join("checkpoints"))).collect();
        all.sort();
        all
    };
    assert_eq!(names(&whole), names(&killed), "nothing is left over");
}

/// Numbers that look like chance, the same in every run of the test.
struct Random(u64);

impl Random {
    fn below(&mut self, end: Duration) -> Duration {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        end.mul_f64((self.0 >> 33) as f64 / f64::from(1_u32 << 31))
    }
}

#[test]
fn a_run_killed_at_any_moment_ends_with_the_same_bits() {
    let folder = folder(16);
    let folder = folder.path();
    let began = Instant::now();
    whole(folder);
    let all = began.elapsed();
    let mut random = Random(1);
    let mut phases: BTreeMap<&str, usize> = BTreeMap::new();
    let (mut kills, mut runs) = (0, 0);
    while kills < KILLS {
        // A run, killed again and again until it is over; each process gets as far as chance has it.
        let mut threads = 1 + runs % 2;
        loop {
            let begun = folder.join("killed/recipe.toml").exists();
            let number = threads.to_string();
            let args = match begun {
                true => vec!["train", "--resume", "killed", "--no-track", "--threads", &number],
                false => [&TRAIN[..], &[&number]].concat(),
            };
            let mut child = command(folder, &args).spawn().unwrap();
            if kills < KILLS {
                std::thread::sleep(random.below(all / 2));
                child.kill().unwrap();
            }
            let status = child.wait().unwrap();
            if status.code() == Some(0) {
                break;
            }
            assert_eq!(status.code(), None, "a process that is not killed succeeds: {args:?}");
            kills += 1;
            *phases.entry(phase(&folder.join("killed"))).or_default() += 1;
            threads = 3 - threads;
        }
        assert_same(folder);
        fs::remove_dir_all(folder.join("killed")).unwrap();
        runs += 1;
    }
    println!("{kills} kills in {runs} runs: {phases:?}");
    assert!(phases.contains_key("within an epoch"), "{phases:?}");
    let elsewhere = [
        "before it began",
        "before the first checkpoint",
        "writing a checkpoint",
        "beginning of an epoch",
        "test",
    ];
    let seen = elsewhere.iter().filter(|phase| phases.contains_key(*phase)).count();
    assert!(seen >= 3, "kills hit too few phases: {phases:?}");
}

/// Starts the run and waits until its first epoch is told.
fn begun(folder: &Path, stderr: Stdio) -> Child {
    let mut child = command(folder, &[&TRAIN[..], &["1", "--epochs", "400"]].concat())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().trim_start().starts_with("1/400")), "the first epoch ends");
    child
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn an_interrupted_run_tells_how_to_go_on() {
    for signal in ["-INT", "-TERM"] {
        let folder = folder(16);
        let folder = folder.path();
        let child = begun(folder, Stdio::piped());
        let busy = ocelli(folder, &["train", "--resume", "killed", "--no-track"]);
        assert!(
            busy.code == 2 && busy.err.contains("another process is training in this folder"),
            "{}",
            busy.err
        );
        send(&child, signal);
        let done = child.wait_with_output().unwrap();
        let said = String::from_utf8(done.stderr).unwrap();
        assert_eq!(done.status.code(), Some(130), "{said}");
        assert!(
            said.contains("stopped as asked, after ") && said.contains("ocelli train --resume killed"),
            "{said}"
        );
        let note = note(&folder.join("killed/last.safetensors"));
        let epochs = note["lines"].as_array().unwrap().len();
        let resumed = ocelli(folder, &["train", "--resume", "killed", "--no-track", "--lr", "0.5"]);
        assert!(
            resumed.code == 2 && resumed.err.contains("train.lr is 0.5, but the run began with"),
            "{}",
            resumed.err
        );
        let shorter = (epochs + 2).to_string();
        let fixed = ocelli(folder, &["train", "--resume", "killed", "--no-track", "--epochs", &shorter]);
        assert!(fixed.code == 2 && fixed.err.contains("its schedule goes by the length"), "{}", fixed.err);
    }
}

#[test]
fn a_second_interrupt_stops_at_once() {
    let folder = folder(16);
    let mut child = begun(folder.path(), Stdio::null());
    send(&child, "-INT");
    send(&child, "-INT");
    assert_eq!(child.wait().unwrap().code(), Some(130));
    // Whatever was being written, what is there is whole: the last one, or, between two renames, the next.
    let found = ["last.safetensors", ".next.safetensors"].map(|file| folder.path().join("killed").join(file));
    note(found.iter().find(|path| path.is_file()).expect("a checkpoint"));
}

#[test]
fn a_full_disk_leaves_the_checkpoint_whole() {
    let folder = folder(16);
    let folder = folder.path();
    whole(folder);
    let args = [&TRAIN[..], &["1"]].concat();
    let mut child = command(folder, &args).spawn().unwrap();
    let checkpoint = folder.join("killed/last.safetensors");
    while !checkpoint.exists() && child.try_wait().unwrap().is_none() {
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    fs::remove_file(folder.join("killed/.next.safetensors")).ok();
    let before = fs::read(&checkpoint).unwrap();

    // No file may grow beyond 2 KiB: the recipe can be written, a checkpoint cannot.
    let limited = "trap '' XFSZ; ulimit -f 4; exec \"$0\" train --resume killed --no-track";
    let full = Command::new("sh")
        .args(["-c", limited, env!("CARGO_BIN_EXE_ocelli")])
        .current_dir(folder)
        .env_remove("CARGO")
        .output()
        .unwrap();
    let said = String::from_utf8(full.stderr).unwrap();
    assert_eq!(full.status.code(), Some(1), "{said}");
    assert!(
        said.contains("killed/last.safetensors: cannot be written") && said.contains("because: "),
        "{said}"
    );
    assert!(said.contains("ocelli train --resume killed"), "{said}");
    assert!(fs::read(&checkpoint).unwrap() == before, "the older checkpoint is whole");

    let done = succeeds(folder, &["train", "--resume", "killed", "--no-track", "--threads", "2"]);
    assert!(
        done.out.contains("going on  killed after 0 epochs and 2 batches of the next, 2 steps"),
        "{}",
        done.out
    );
    assert_same(folder);
    let again = succeeds(folder, &["train", "--resume", "killed", "--no-track"]);
    assert!(again.out.contains("killed is finished: 4 epochs are done"), "{}", again.out);
}
