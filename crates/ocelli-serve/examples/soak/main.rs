//! A soak: `ocelli serve` as a process on loopback, for as long as one likes, among clients that are right, wrong, slow, or gone, while
//! the file of a model is replaced again and again.
//!
//!     cargo run --package ocelli-serve --example soak -- --ocelli target/release/ocelli --seconds 3600
//!
//! Every answer to a right request must be that of the library to the bit, from the model that the file held; every wrong request must be
//! told what is wrong with it; no request may be lost unless its client left; the server's memory must be flat, its sockets closed, its
//! log without an error; and what has begun when it is told to stop must be answered. Otherwise this program says what was found, and
//! fails.

mod client;
mod http;
mod memory;
mod random;
mod reload;
mod right;
mod samples;
mod server;
mod tally;
mod wrong;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use client::{Client, World};
use http::{Connection, request};
use reload::History;
use right::Right;
use samples::Known;
use server::Server;
use tally::Tally;
use wrong::Wrong;

/// Clients that ask in turn, and clients that are slow.
const CLIENTS: usize = 12;
const SLOW: usize = 2;
/// Requests that are in the middle of their bodies when the server is told to stop.
const LAST: usize = 8;
/// Files that may be open at the end beyond those at the beginning: what is watched at that moment.
const MORE_FILES: usize = 4;

const USAGE: &str = "usage: soak --ocelli PROGRAM [--seconds 120] [--rate 50] [--reload-every 60]
    --ocelli PROGRAM      the program that is run
    --seconds N           how long
    --rate N              requests a second, at most
    --reload-every N      seconds between changes of a model's file";

/// How long, how much.
struct Settings {
    program: PathBuf,
    seconds: u64,
    rate: u64,
    reload_every: u64,
}

impl Settings {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, Box<dyn Error>> {
        let mut settings = Self { program: PathBuf::new(), seconds: 120, rate: 50, reload_every: 60 };
        let mut arguments = arguments;
        while let Some(name) = arguments.next() {
            let value = arguments.next().ok_or(USAGE)?;
            let number = || value.parse::<u64>().ok().filter(|number| *number > 0).ok_or(USAGE);
            match name.as_str() {
                "--ocelli" => settings.program = std::path::absolute(&value)?,
                "--seconds" => settings.seconds = number()?,
                "--rate" => settings.rate = number()?,
                "--reload-every" => settings.reload_every = number()?,
                _ => return Err(USAGE.into()),
            }
        }
        if settings.program.as_os_str().is_empty() { Err(USAGE.into()) } else { Ok(settings) }
    }
}

fn main() -> ExitCode {
    match Settings::parse(std::env::args().skip(1)).and_then(|settings| soak(&settings)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn soak(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let folder = tempfile::tempdir()?;
    let known = Known::new()?;
    let history = History::begin(folder.path().join("first.safetensors"), &known)?;
    for (content, version) in known.second.iter().zip(1..) {
        content.save(&folder.path().join(format!("second-{version}.safetensors")))?;
    }
    let tally = Arc::new(Tally::new());
    let mut server = Server::start(&settings.program, folder.path(), &tally)?;
    let wrong = Wrong::all(&known);
    let address = server.address;
    let world = World { address, known, wrong, history, tally: tally.clone(), done: AtomicBool::new(false) };
    let files = memory::open_files(server.process());
    let watched = thread::scope(|scope| {
        let period = Duration::from_secs(1).mul_f64(CLIENTS as f64 / settings.rate as f64);
        for seed in 0..CLIENTS {
            let world = &world;
            scope.spawn(move || Client::new(world, seed as u64).run(period));
        }
        for seed in 0..SLOW {
            let world = &world;
            scope.spawn(move || Client::new(world, 1000 + seed as u64).run_slowly());
        }
        let watched = watch(settings, &mut server, &world);
        world.done.store(true, Ordering::Relaxed);
        watched
    });
    let (readings, reloads) = watched?;
    figures(&world, reloads)?;
    closed(&server, files, &tally);
    last(&mut server, &world)?;
    let counts = tally.counts();
    println!("{}", counts.line());
    match memory::flat(&readings) {
        Ok((early, late)) => {
            println!("memory {:.1} MB in the second quarter, {:.1} MB in the last", early / 1e6, late / 1e6);
        }
        Err(why) => tally.fault(&why),
    }
    tally.counts().verdict()?;
    println!("no fault in {:.0} s", tally.elapsed().as_secs_f64());
    Ok(())
}

/// Reads the server's memory each second, and changes the file. Gives the readings, and how often a good file was put there.
fn watch(settings: &Settings, server: &mut Server, world: &World) -> Result<(Vec<f64>, u64), Box<dyn Error>> {
    let (mut readings, mut turn, mut reloads) = (Vec::new(), 0, 0);
    let begun = Instant::now();
    for second in 1..=settings.seconds {
        thread::sleep((begun + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
        if server.has_ended() {
            return Err("the server has ended by itself".into());
        }
        readings.extend(memory::resident(server.process()));
        // None at the end, so that all of them are seen.
        if second % settings.reload_every == 0 && second + 5 < settings.seconds {
            reloads += u64::from(world.history.change(turn, &world.known)?);
            turn += 1;
        }
        if second % 60 == 0 {
            let memory = readings.last().copied().unwrap_or_default() / 1e6;
            println!("{:>3} min: {}; memory {memory:.1} MB", second / 60, world.tally.counts().line());
        }
    }
    Ok((readings, reloads))
}

/// What the server itself has counted.
fn figures(world: &World, reloads: u64) -> Result<(), Box<dyn Error>> {
    let mut connection = Connection::open(world.address)?;
    connection.send(&request("GET /metrics", &[], b""))?;
    let text = String::from_utf8(connection.receive()?.0.body)?;
    let count = |parts: &[&str]| -> f64 {
        let lines = text.lines().filter(|line| parts.iter().all(|part| line.contains(part)));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    };
    let tally = &world.tally;
    for status in ["429", "500", "503", "504"] {
        let found = count(&["ocelli_requests_total", &format!("status=\"{status}\"")]);
        if found > 0.0 {
            tally.fault(&format!("{found} requests were answered {status}"));
        }
    }
    if count(&["ocelli_requests_in_progress"]) > 0.0 {
        tally.fault("requests are in progress, but nobody asks");
    }
    let loaded = count(&["ocelli_reloads_total", "Loaded"]);
    if loaded != reloads as f64 {
        tally.fault(&format!("{reloads} changed files, but {loaded} were loaded"));
    }
    println!("the server counts {loaded} reloads, and {} images", count(&["ocelli_images_total"]));
    Ok(())
}

/// Connections whose clients have gone are closed.
fn closed(server: &Server, before: Option<usize>, tally: &Tally) {
    // Those that were left idle end after five seconds.
    thread::sleep(Duration::from_secs(7));
    let now = memory::open_files(server.process());
    if let (Some(before), Some(now)) = (before, now) {
        println!("open files {before} at the beginning, {now} at the end");
        if now > before + MORE_FILES {
            tally.fault(&format!("{before} files were open, now {now}"));
        }
    }
}

/// Tells the server to stop while requests are in the middle of their bodies: all are answered, and it ends well.
fn last(server: &mut Server, world: &World) -> Result<(), Box<dyn Error>> {
    let mut random = random::Random::new(99);
    let mut begun = Vec::new();
    for _ in 0..LAST {
        let right = Right::draw(&world.known, &mut random);
        let mut connection = Connection::open(world.address)?;
        connection.send(&right.bytes[..right.bytes.len() - 9])?;
        begun.push((right, connection));
    }
    // Until all of them are being read, and no longer than they may take.
    thread::sleep(Duration::from_secs(1));
    let since = Instant::now();
    server.terminate()?;
    while Connection::open(world.address).is_ok() {
        if since.elapsed() > Duration::from_secs(3) {
            world.tally.fault("the server still listens three seconds after it was told to stop");
            break;
        }
        thread::sleep(Duration::from_millis(20));
    }
    for (right, mut connection) in begun {
        let rest = &right.bytes[right.bytes.len() - 9..];
        let said = connection.send(rest).and_then(|()| connection.receive());
        let done = said.map_err(|error| format!("a request was lost at the end: {error}"));
        let done = done.and_then(|(said, _)| right.check(&said, &world.known, &world.history.since(since)));
        match done {
            Ok(()) => world.tally.count(|counts| counts.right += 1),
            Err(fault) => world.tally.fault(&fault),
        }
    }
    let status = server.wait()?;
    if !status.success() {
        world.tally.fault(&format!("the server ended with {status}"));
    }
    Ok(())
}
