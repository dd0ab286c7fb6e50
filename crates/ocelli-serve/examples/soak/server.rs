//! The server as a process: `ocelli serve` as anyone starts it.

use std::error::Error;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::tally::Tally;

/// Longest that the end may take.
const END: Duration = Duration::from_secs(60);

/// A server that runs. Dropped, it is killed.
pub(crate) struct Server {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Server {
    /// Starts it on the models of a folder. What its log says that it should not becomes a fault.
    pub(crate) fn start(program: &Path, folder: &Path, tally: &Arc<Tally>) -> Result<Self, Box<dyn Error>> {
        let mut child = Command::new(program)
            .args(["serve", "first=first.safetensors", "second@1=second-1.safetensors"])
            .args(["second@2=second-2.safetensors", "--port", "0", "--threads", "2", "--reload", "1"])
            .args(["--read-timeout", "5", "--drain", "1"])
            .current_dir(folder)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
        let mut out = BufReader::new(child.stdout.take().expect("a pipe"));
        let log = BufReader::new(child.stderr.take().expect("a pipe"));
        let tally = tally.clone();
        thread::spawn(move || log.lines().map_while(Result::ok).for_each(|line| look(&line, &tally)));
        let mut line = String::new();
        while !line.starts_with("ready") {
            line.clear();
            if out.read_line(&mut line)? == 0 {
                return Err(format!("the server ended before it was ready: {}", child.wait()?).into());
            }
        }
        let address = line.trim_end().rsplit("//").next().unwrap_or_default().parse()?;
        // Whatever else it says has a reader.
        thread::spawn(move || out.read_to_end(&mut Vec::new()));
        Ok(Self { child, address })
    }

    /// Its process.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// Whether it has ended, which it should not.
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().is_ok_and(|status| status.is_some())
    }

    /// Asks it to stop, as service managers do.
    pub(crate) fn terminate(&self) -> Result<(), Box<dyn Error>> {
        let status = Command::new("kill").arg(self.child.id().to_string()).status()?;
        if status.success() { Ok(()) } else { Err("the server cannot be told to stop".into()) }
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> Result<ExitStatus, Box<dyn Error>> {
        let begun = Instant::now();
        while begun.elapsed() < END {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(50));
        }
        Err(format!("the server did not end within {} s", END.as_secs()).into())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It has ended already, unless something failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A line of its log: JSON, and no error but of files that are damaged on purpose.
fn look(line: &str, tally: &Tally) {
    match serde_json::from_str::<Value>(line) {
        Ok(line) if line["level"] == "error" && line["event"] != "reload failed" => {
            tally.fault(&format!("the server's log: {line}"));
        }
        Ok(_) => {}
        Err(_) => tally.fault(&format!("the server's log: {line}")),
    }
}
