//! An interpreter of Python, asked to run a file.

use super::Format;
use crate::ExportError;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// The variable that names the interpreter.
const VARIABLE: &str = "OCELLI_PYTHON";
/// The interpreter without it.
const USUAL: &str = "python3";
/// What the interpreter runs.
const SCRIPT: &str = include_str!("run.py");
/// Its exit code where the runtime is not there.
const ABSENT: i32 = 77;
/// How much of what went wrong is told, in lines.
const TOLD: usize = 6;

/// How images are given to a file.
pub(super) struct Asked {
    pub(super) format: Format,
    pub(super) channels_first: bool,
}

/// What came of it.
pub(super) enum Ran {
    Answers(Answers),
    NoRuntime(String),
}

/// What the script found.
#[derive(Deserialize)]
pub(super) struct Answers {
    pub(super) runtime: String,
    pub(super) classes: Option<Vec<String>>,
    pub(super) answers: Vec<Vec<f32>>,
}

/// What the script is told.
#[derive(Serialize)]
struct Request {
    r#type: &'static str,
    channels_first: bool,
    images: Vec<Entry>,
}

#[derive(Serialize)]
struct Entry {
    file: String,
    shape: [usize; 3],
}

/// A number of an image.
pub(super) trait Number: Copy {
    /// As NumPy calls it.
    const TYPE: &'static str;
    fn bytes(numbers: &[Self]) -> Vec<u8>;
}

impl Number for u8 {
    const TYPE: &'static str = "uint8";
    fn bytes(numbers: &[Self]) -> Vec<u8> {
        numbers.to_vec()
    }
}

impl Number for f32 {
    const TYPE: &'static str = "<f4";
    fn bytes(numbers: &[Self]) -> Vec<u8> {
        numbers.iter().flat_map(|number| number.to_le_bytes()).collect()
    }
}

impl Asked {
    /// Runs a file on images of (height, width, channels).
    pub(super) fn about<'a, N: Number + 'a>(
        &self,
        exported: &Path,
        images: impl Iterator<Item = ([usize; 3], &'a [N])>,
    ) -> Result<Ran, ExportError> {
        let folder = tempfile::tempdir().map_err(|error| failed(&std::env::temp_dir(), "written", error))?;
        let mut request =
            Request { r#type: N::TYPE, channels_first: self.channels_first, images: Vec::new() };
        for (number, (shape, numbers)) in images.enumerate() {
            let file = format!("{number}.raw");
            write(&folder.path().join(&file), &N::bytes(numbers))?;
            request.images.push(Entry { file, shape });
        }
        let text = serde_json::to_vec(&request).expect("names and numbers are JSON");
        write(&folder.path().join("images.json"), &text)?;
        let python = std::env::var_os(VARIABLE).unwrap_or_else(|| USUAL.into());
        let output = match run(&python, self.format, exported, folder.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Ran::NoRuntime(format!("there is no {}", python.to_string_lossy())));
            }
            ran => ran.map_err(|error| failed(Path::new(&python), "run", error))?,
        };
        self.read(&python, exported, folder.path(), &output)
    }

    fn read(
        &self,
        python: &OsString,
        exported: &Path,
        folder: &Path,
        output: &Output,
    ) -> Result<Ran, ExportError> {
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.code() == Some(ABSENT) {
            let module = said.lines().last().unwrap_or(self.format.package());
            return Ok(Ran::NoRuntime(format!("{} has no module {module}", python.to_string_lossy())));
        }
        let refused = |reason: String| ExportError::Runtime {
            runtime: self.format.package().to_owned(),
            path: exported.to_owned(),
            reason,
        };
        if !output.status.success() {
            let lines: Vec<&str> = said.trim().lines().collect();
            return Err(refused(lines[lines.len().saturating_sub(TOLD)..].join("\n")));
        }
        let path = folder.join("answers.json");
        let text = std::fs::read(&path).map_err(|error| failed(&path, "read", error))?;
        let answers = serde_json::from_slice(&text);
        // JSON of Python may have NaN, which is no answer.
        answers.map(Ran::Answers).map_err(|_| refused("its answers are no numbers".to_owned()))
    }
}

/// Runs the script, which is given on standard input.
fn run(python: &OsString, format: Format, exported: &Path, folder: &Path) -> io::Result<Output> {
    let mut child = Command::new(python)
        .args(["-", format.name()])
        .args([exported, folder])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()?;
    let mut input = child.stdin.take().expect("standard input is a pipe");
    // An interpreter that ends early says why by itself.
    let _ = input.write_all(SCRIPT.as_bytes());
    drop(input);
    child.wait_with_output()
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), ExportError> {
    std::fs::write(path, bytes).map_err(|error| failed(path, "written", error))
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> ExportError {
    ExportError::Io { path: path.to_owned(), doing, source }
}
