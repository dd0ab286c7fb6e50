//! `cargo xtask soak`: the server among clients of all kinds, for as long as one likes (`crates/ocelli-serve/examples/soak`).

use std::process::Command;

use crate::Options;
use crate::shell::{Result, cargo, run, target};
use crate::test::FEATURES;

/// How long, and how much.
pub(crate) struct Settings {
    seconds: u64,
    rate: u64,
    reload_every: u64,
}

impl Settings {
    /// What every change passes: two minutes, and as many reloads as an hour has in a quarter.
    pub(crate) const SHORT: Self = Self { seconds: 120, rate: 50, reload_every: 8 };

    /// Takes its options out of the command line.
    pub(crate) fn from_options(options: &mut Options) -> Result<Self> {
        let mut number = |name: &str, default: u64| -> Result<u64> {
            let given = options.value(name)?;
            let parsed = given.map(|text| text.parse().map_err(|_| format!("{name}: `{text}` is no number")));
            Ok(parsed.transpose()?.unwrap_or(default))
        };
        Ok(Self {
            seconds: number("--seconds", 3600)?,
            rate: number("--rate", 50)?,
            reload_every: number("--reload-every", 60)?,
        })
    }
}

/// Runs it on what users run.
pub(crate) fn soak(settings: &Settings) -> Result {
    let what =
        ["--package", "ocelli-cli", "--package", "ocelli-serve", "--bin", "ocelli", "--example", "soak"];
    run(cargo(&["build", "--release"]).args(what))?;
    start("release", settings)
}

/// Two minutes of it on what the tests have built.
pub(crate) fn short() -> Result {
    run(cargo(&["build", "--workspace", "--bin", "ocelli", "--example", "soak"]).args(FEATURES))?;
    start("debug", &Settings::SHORT)
}

fn start(profile: &str, settings: &Settings) -> Result {
    let folder = target().join(profile);
    run(Command::new(folder.join("examples/soak"))
        .arg("--ocelli")
        .arg(folder.join("ocelli"))
        .args(["--seconds", &settings.seconds.to_string(), "--rate", &settings.rate.to_string()])
        .args(["--reload-every", &settings.reload_every.to_string()]))
}
