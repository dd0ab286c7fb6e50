//! The machine: what it is, and what else it is doing. Linux tells; elsewhere nothing is known and nothing is warned of.

use std::fs::read_to_string;
use std::time::{Duration, Instant};

/// Processor time used since boot, by the whole machine and by one process with its children.
pub(super) struct Usage {
    at: Instant,
    machine: f64,
    process: f64,
}

impl Usage {
    /// As of now.
    pub(super) fn now(process: u32) -> Self {
        Self {
            at: Instant::now(),
            machine: machine_seconds().unwrap_or(0.0),
            process: process_seconds(process).unwrap_or(0.0),
        }
    }

    /// How many cores the other processes have kept busy since.
    pub(super) fn others_since(&self, process: u32) -> f64 {
        let now = Self::now(process);
        let others = (now.machine - self.machine) - (now.process - self.process);
        (others / (now.at - self.at).as_secs_f64()).max(0.0)
    }
}

/// Linux counts processor time in hundredths of a second for user space.
const TICK: f64 = 0.01;

fn machine_seconds() -> Option<f64> {
    let text = read_to_string("/proc/stat").ok()?;
    let ticks: Vec<f64> =
        text.lines().next()?.split_whitespace().skip(1).filter_map(|field| field.parse().ok()).collect();
    let idle = ticks.get(3)? + ticks.get(4)?;
    // The last two, a guest's time, are counted in the first two as well.
    Some((ticks.iter().take(8).sum::<f64>() - idle) * TICK)
}

/// Of a process and the children that it has.
fn process_seconds(process: u32) -> Option<f64> {
    let children = read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    let of_children = children.split_whitespace().filter_map(|child| process_seconds(child.parse().ok()?));
    Some(own_seconds(process)? + of_children.sum::<f64>())
}

fn own_seconds(process: u32) -> Option<f64> {
    let text = read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = text.rsplit(')').next()?.split_whitespace().skip(11);
    let mut next = || fields.next()?.parse::<f64>().ok();
    Some((next()? + next()?) * TICK)
}

/// Says so if others are at work: the readings would be theirs as well.
pub(super) fn warn_if_busy() {
    let before = Usage::now(std::process::id());
    std::thread::sleep(Duration::from_millis(500));
    let others = before.others_since(std::process::id());
    if others > 0.1 {
        eprintln!(
            "warning: other processes keep {others:.1} cores busy; turns that they disturb are taken again, up to a limit"
        );
    }
}

/// Processor, cores, memory and system, in a line.
pub(super) fn describe() -> String {
    let cpu = field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.into());
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let family = field("/proc/cpuinfo", "cpu family").zip(field("/proc/cpuinfo", "model"));
    let family = family.map_or(String::new(), |(family, model)| format!(" (family {family}, model {model})"));
    let memory =
        field("/proc/meminfo", "MemTotal").and_then(|text| text.split(' ').next()?.parse::<f64>().ok());
    let memory = memory.map_or(String::new(), |kib| format!(", {:.0} GiB", kib / 1024.0 / 1024.0));
    let system = read_to_string("/proc/sys/kernel/osrelease")
        .map_or(String::new(), |release| format!(", Linux {}", release.trim()));
    format!("{cpu}{family}, {cores} cores{memory}{system}")
}

fn field(file: &str, name: &str) -> Option<String> {
    let text = read_to_string(file).ok()?;
    let line = text.lines().find(|line| line.split(':').next().is_some_and(|start| start.trim() == name))?;
    Some(line.split_once(':')?.1.trim().to_owned())
}

/// The largest resident size that a live process has had, bytes.
pub(super) fn peak_memory(process: u32) -> Option<f64> {
    let text = field(&format!("/proc/{process}/status"), "VmHWM")?;
    Some(text.split_whitespace().next()?.parse::<f64>().ok()? * 1024.0)
}
