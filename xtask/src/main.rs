//! Developer commands: `cargo xtask test`, `ci`, `soak`, `fixtures`, `accuracy`, `bench`, `serving`.

mod accuracy;
mod bench;
mod browser;
mod fixtures;
mod python;
mod serving;
mod shell;
mod soak;
mod test;

use std::process::ExitCode;

const HELP: &str = "\
Developer commands of Ocelli.

    cargo xtask test [--no-interop]   everything that proves that it works: tests, documentation examples,
                                      interoperability with PyTorch (in .venv, set up on first use), and pages in Chromium
                                      if it is installed
    cargo xtask ci                    what a change must pass: formatting, Clippy and documentation without a warning, then test,
                                      then two minutes of soak; Chromium must be there
    cargo xtask soak [OPTIONS]        ocelli serve among clients that are right, wrong, slow or gone, while a model is replaced; fails if an
                                      answer is wrong or lost, or memory grows
    cargo xtask fixtures              makes the golden fixtures anew with PyTorch; fails if one changed beyond rounding
    cargo xtask accuracy --data A,B   trains lesson and lesson-bn on these data sets (folders of IDX or CIFAR-10 binary files), in Ocelli
                                      and in PyTorch by the same recipe; writes docs/accuracy.md
    cargo xtask bench [OPTIONS]       Ocelli, PyTorch and ONNX Runtime in turn, in one run; writes docs/performance.md
    cargo xtask serving [OPTIONS]     ocelli serve, FastAPI and LitServe in turn, in one run (wrk must be there); writes
                                      docs/serving-performance.md

Options of soak:
    --seconds N                       how long (default 3600)
    --rate N                          requests a second, at most (default 50)
    --reload-every N                  seconds between changes of a model's file (default 60)

Options of accuracy:
    --seeds N                         runs of each (default 5)
    --epochs N                        epochs of a run (default 10)
    --threads N                       threads (default 2)

Options of bench:
    --workloads T1,I1-latency,...     which ones (default: all; then nothing but a run of all writes docs/performance.md)
    --threads 2,1                     thread counts (default 2,1)
    --rounds N                        turns of each (default 9)
    --seconds X                       length of a turn (default 1.5)

Options of serving:
    --models lesson,resnet18          which ones (default: both; then nothing but a run of both writes docs/serving-performance.md)
    --rounds N                        turns of each (default 3)
    --seconds N                       length of a turn (default 5)

--python PATH, with any command, takes this interpreter and what is installed there instead of setting up .venv.
";

fn main() -> ExitCode {
    let mut arguments: Vec<String> = std::env::args().skip(1).collect();
    let command = if arguments.is_empty() { "help".to_owned() } else { arguments.remove(0) };
    match run(&command, Options(arguments)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: &str, mut options: Options) -> shell::Result {
    let python = options.value("--python")?.map(Into::into);
    match command {
        "test" => {
            let interop = !options.flag("--no-interop");
            options.finish()?;
            test::test(interop, python)
        }
        "ci" => {
            options.finish()?;
            test::ci(python)
        }
        "soak" => {
            let settings = soak::Settings::from_options(&mut options)?;
            options.finish()?;
            soak::soak(&settings)
        }
        "fixtures" => {
            options.finish()?;
            fixtures::make(python)
        }
        "accuracy" => {
            let settings = accuracy::Settings::from_options(&mut options)?;
            options.finish()?;
            accuracy::accuracy(&settings, python)
        }
        "bench" => {
            let settings = bench::Settings::from_options(&mut options)?;
            options.finish()?;
            bench::bench(&settings, python)
        }
        "serving" => {
            let settings = serving::Settings::from_options(&mut options)?;
            options.finish()?;
            serving::bench(&settings, python)
        }
        "help" | "--help" | "-h" => {
            print!("{HELP}");
            Ok(())
        }
        unknown => Err(format!("no command `{unknown}`\n\n{HELP}").into()),
    }
}

/// What follows the command.
struct Options(Vec<String>);

impl Options {
    fn flag(&mut self, name: &str) -> bool {
        let found = self.0.iter().position(|argument| argument == name);
        found.map(|at| self.0.remove(at)).is_some()
    }

    fn value(&mut self, name: &str) -> shell::Result<Option<String>> {
        let Some(at) = self.0.iter().position(|argument| argument == name) else { return Ok(None) };
        if at + 1 == self.0.len() {
            return Err(format!("{name} needs a value").into());
        }
        self.0.remove(at);
        Ok(Some(self.0.remove(at)))
    }

    fn finish(&self) -> shell::Result {
        match self.0.first() {
            Some(extra) => Err(format!("unexpected `{extra}`: see cargo xtask help").into()),
            None => Ok(()),
        }
    }
}
