//! How busy the machine is, as metrics of a run, under MLflow's names
//! (<https://mlflow.org/docs/latest/ml/tracking/system-metrics/>) where it has them.
//!
//! | metric | is |
//! | --- | --- |
//! | `system/cpu_utilization_percentage` | how busy all processors together are, 0 to 100 |
//! | `system/system_memory_usage_megabytes` | memory in use on the machine, in units of 10⁶ bytes |
//! | `system/system_memory_usage_percentage` | the same, of all that it has |
//! | `system/process_cpu_utilization_percentage` | how busy this process keeps the processors, 100 for each |
//! | `system/process_memory_usage_megabytes` | memory that this process has in use, in units of 10⁶ bytes |
//!
//! The step of a value is the number of whole seconds since the run began, so that a run that goes on goes on there. Of a run that was resumed on a
//! server there are values once the server has said when it began.

use crate::entity::Metric;
use crate::error::TrackError;
use crate::ids;
use crate::run::Log;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use sysinfo::{
    MINIMUM_CPU_UPDATE_INTERVAL, MemoryRefreshKind, Pid, ProcessRefreshKind, ProcessesToUpdate, System,
};

/// A thread that samples until it is dropped.
pub(crate) struct Sampler {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Sampler {
    pub(crate) fn start(log: Arc<Log>, every: Duration) -> Result<Self, TrackError> {
        let (stop, stopped) = mpsc::channel();
        let run = move || {
            let mut probe = Probe::new();
            // Usage is a difference between two looks.
            let mut wait = MINIMUM_CPU_UPDATE_INTERVAL;
            loop {
                if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                    return;
                }
                if let Some(began) = log.began() {
                    // A full disk is told by what is logged besides.
                    let _ = log.metrics(&probe.sample((ids::now() - began).max(0) / 1000));
                }
                wait = every.max(MINIMUM_CPU_UPDATE_INTERVAL);
            }
        };
        let thread = thread::Builder::new().name("ocelli-system".into()).spawn(run);
        let thread =
            thread.map_err(|error| TrackError::Invalid(format!("no thread for system metrics: {error}")))?;
        Ok(Sampler { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Sampler {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been told there.
            let _ = thread.join();
        }
    }
}

struct Probe {
    system: System,
    process: Option<Pid>,
}

impl Probe {
    fn new() -> Self {
        let mut probe = Probe { system: System::new(), process: sysinfo::get_current_pid().ok() };
        probe.refresh();
        probe
    }

    fn refresh(&mut self) {
        self.system.refresh_cpu_usage();
        self.system.refresh_memory_specifics(MemoryRefreshKind::nothing().with_ram());
        if let Some(process) = self.process {
            self.system.refresh_processes_specifics(
                ProcessesToUpdate::Some(&[process]),
                false,
                ProcessRefreshKind::nothing().with_cpu().with_memory(),
            );
        }
    }

    fn sample(&mut self, step: i64) -> Vec<Metric> {
        self.refresh();
        let timestamp = ids::now();
        let (used, all) = (self.system.used_memory() as f64, self.system.total_memory() as f64);
        let mut values = vec![
            ("cpu_utilization_percentage", f64::from(self.system.global_cpu_usage())),
            ("system_memory_usage_megabytes", used / 1e6),
            ("system_memory_usage_percentage", if all > 0.0 { 100.0 * used / all } else { 0.0 }),
        ];
        if let Some(process) = self.process.and_then(|process| self.system.process(process)) {
            values.push(("process_cpu_utilization_percentage", f64::from(process.cpu_usage())));
            values.push(("process_memory_usage_megabytes", process.memory() as f64 / 1e6));
        }
        let metric = |(name, value)| Metric { key: format!("system/{name}"), value, step, timestamp };
        values.into_iter().map(metric).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_within_what_can_be() {
        let metrics = Probe::new().sample(3);
        let value =
            |name: &str| metrics.iter().find(|metric| metric.key == format!("system/{name}")).unwrap().value;
        assert!((0.0..=100.0).contains(&value("cpu_utilization_percentage")));
        assert!((0.1..=100.0).contains(&value("system_memory_usage_percentage")));
        assert!(value("process_memory_usage_megabytes") < value("system_memory_usage_megabytes"));
        assert!(metrics.iter().all(|metric| metric.step == 3 && metric.timestamp > 1_600_000_000_000));
    }
}
