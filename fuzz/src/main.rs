//! Writes the files that the targets begin with: `cargo run --bin seeds`, then `cargo +nightly fuzz run tar`.

use std::fs;
use std::io;
use std::path::Path;

use ocelli_testing::fuzz::TARGETS;

fn main() -> io::Result<()> {
    for target in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target.name);
        fs::create_dir_all(&folder)?;
        for (number, seed) in target.seeds().iter().enumerate() {
            fs::write(folder.join(format!("seed-{number}")), seed)?;
        }
    }
    Ok(())
}
