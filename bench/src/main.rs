//! Ocelli's side of `cargo xtask bench`: one workload, kept alive so that it and its peers can take turns.
//!
//! `ocelli-bench --workload T1 --threads 2 --folder target/bench` says when it is ready, then answers lines of `run SECONDS` and `peak SECONDS`
//! with lines of JSON, as `peers/peer.py` does.

mod loading;
mod workload;

use std::error::Error;
use std::io::BufRead;
use std::time::{Duration, Instant};

use ocelli_kernels::{Isa, peak::fma_gflops};
use serde_json::json;
use workload::{Step, Workload};

/// The one that the `ocelli` command has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const WARM_UP: Duration = Duration::from_secs(1);
const WARM_UP_ITERATIONS: usize = 5;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [flag, name, threads_flag, threads, folder_flag, folder] = &arguments[..] else {
        return Err(USAGE.into());
    };
    if flag != "--workload" || threads_flag != "--threads" || folder_flag != "--folder" {
        return Err(USAGE.into());
    }
    let threads: usize = threads.parse()?;
    rayon::ThreadPoolBuilder::new().num_threads(threads).build_global()?;
    let mut work = if name.starts_with('L') {
        loading::named(name, threads, folder.as_ref())?
    } else {
        Workload::named(name)?
    };
    measure(work.step.as_mut(), WARM_UP, WARM_UP_ITERATIONS);
    let versions = json!({ "ocelli": env!("CARGO_PKG_VERSION"), "isa": workload::isa()? });
    println!("{}", json!({ "ready": true, "versions": versions, "flops_per_image": work.flops_per_image }));
    for line in std::io::stdin().lock().lines() {
        println!("{}", answer(&mut work, threads, &line?)?);
    }
    Ok(())
}

const USAGE: &str = "usage: ocelli-bench --workload NAME --threads COUNT --folder PATH";

fn answer(work: &mut Workload, threads: usize, command: &str) -> Result<serde_json::Value, Box<dyn Error>> {
    let (verb, seconds) = command.split_once(' ').ok_or("a command is `run SECONDS` or `peak SECONDS`")?;
    let time = Duration::try_from_secs_f64(seconds.parse()?)?;
    match verb {
        "run" => {
            let mut taken = measure(work.step.as_mut(), time, 1);
            let total: Duration = taken.iter().sum();
            taken.sort();
            Ok(json!({
                "images_per_s": (work.batch * taken.len()) as f64 / total.as_secs_f64(),
                "latency_us": taken[taken.len() / 2].as_secs_f64() * 1e6,
                "iterations": taken.len(),
                "peak_memory": peak_memory(),
            }))
        }
        "peak" => Ok(json!({ "gflops": fma_gflops(Isa::available()[0], threads, time) })),
        unknown => Err(format!("unknown command `{unknown}`").into()),
    }
}

/// How long each iteration took. All run inside the pool, as a program's own loop would: work handed in
/// from outside wakes the pool's threads each time.
fn measure(step: &mut (dyn Step + Send), time: Duration, at_least: usize) -> Vec<Duration> {
    rayon::scope(|_| {
        let mut taken = Vec::new();
        let end = Instant::now() + time;
        while taken.len() < at_least || Instant::now() < end {
            let start = Instant::now();
            step.step();
            taken.push(start.elapsed());
        }
        taken
    })
}

/// The largest resident size so far, bytes; 0 where the system does not tell.
fn peak_memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok()).map_or(0, |kib| kib * 1024)
}
