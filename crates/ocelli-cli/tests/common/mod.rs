//! What the tests of the command share: running it, and folders of images to run it on.
#![allow(dead_code, reason = "each test file uses its part")]

use image::{GrayImage, Luma};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The classes of [`images`].
pub(crate) const CLASSES: [&str; 3] = ["across", "dots", "down"];

/// A network that learns [`images`] in a few steps.
pub(crate) const NETWORK: &str = r#"
name = "tiny"

[[layers]]
type = "Conv2d"
out_channels = 8
kernel_size = 3
padding = 1

[[layers]]
type = "BatchNorm2d"

[[layers]]
type = "ReLU"

[[layers]]
type = "MaxPool2d"
kernel_size = 2

[[layers]]
type = "Dropout2d"
p = 0.1

[[layers]]
type = "Flatten"

[[layers]]
type = "Linear"
out_features = "classes"
"#;

/// What a run of the command gave.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Ran {
    /// Its standard output as JSON.
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error} in:\n{}", self.out))
    }
}

/// Runs the command in `folder`.
pub(crate) fn ocelli(folder: &Path, args: &[&str]) -> Ran {
    ran(&mut command(folder, args))
}

/// The command in `folder`, tracked in that folder whatever the environment says.
pub(crate) fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocelli"));
    command.args(args).current_dir(folder).env_remove("CARGO");
    command.env_remove("MLFLOW_TRACKING_URI").env_remove("MLFLOW_EXPERIMENT_NAME");
    command
}

/// Runs a command.
pub(crate) fn ran(command: &mut Command) -> Ran {
    let Output { status, stdout, stderr } = command.output().expect("the command starts");
    Ran {
        code: status.code().expect("the command ends by itself"),
        out: String::from_utf8(stdout).expect("UTF-8"),
        err: String::from_utf8(stderr).expect("UTF-8"),
    }
}

/// Runs the command and expects it to succeed.
pub(crate) fn succeeds(folder: &Path, args: &[&str]) -> Ran {
    let ran = ocelli(folder, args);
    assert_eq!(ran.code, 0, "ocelli {args:?}\n{}\n{}", ran.out, ran.err);
    ran
}

/// A folder with `network.toml` and, below `data`, `each` training and a third as many test images of each class.
pub(crate) fn folder(each: usize) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    fs::write(folder.path().join("network.toml"), NETWORK).expect("a file");
    images(&folder.path().join("data/train"), each, 1);
    images(&folder.path().join("data/test"), each / 3, 2);
    folder
}

/// `each` grey 16×16 PNG files in a folder for each of [`CLASSES`]: stripes across, dots, stripes down, in noise.
pub(crate) fn images(folder: &Path, each: usize, seed: u32) {
    let mut random = seed;
    for (class, name) in CLASSES.iter().enumerate() {
        let folder = folder.join(name);
        fs::create_dir_all(&folder).expect("a folder");
        for number in 0..each {
            let image = GrayImage::from_fn(16, 16, |x, y| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let lit = [y % 4 < 2, x % 4 < 2 && y % 4 < 2, x % 4 < 2][class];
                Luma([(u32::from(lit) * 150 + (random >> 24) % 100) as u8])
            });
            image.save(folder.join(format!("{number:03}.png"))).expect("a PNG file");
        }
    }
}

/// Trains the tiny network on the folder's images into `run`, with more arguments.
pub(crate) fn train(folder: &Path, run: &str, more: &[&str]) -> Ran {
    let mut args =
        vec!["train", "--data", "data", "--model", "network.toml", "--epochs", "3", "--batch-size", "16"];
    args.extend(["--out", run, "--set", "transforms.augment=false"]);
    args.extend(more);
    ocelli(folder, &args)
}

/// The path of a file below a folder, as an argument.
pub(crate) fn path(folder: &Path, file: &str) -> String {
    let path: PathBuf = folder.join(file);
    path.to_str().expect("UTF-8").to_string()
}
