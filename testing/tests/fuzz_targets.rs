//! The fuzz targets on the files that they begin with, whole and damaged a little; and on what fuzzing found.

use std::fs;
use std::path::Path;

use ocelli_testing::fuzz::{TARGETS, Target};

#[test]
fn targets_take_their_seeds_whole_and_damaged() {
    for target in TARGETS {
        let seeds = target.seeds();
        assert!(!seeds.is_empty(), "{}", target.name);
        for seed in seeds {
            (target.run)(&seed);
            for part in 1..20 {
                let at = seed.len() * part / 20;
                (target.run)(&seed[..at]);
                let mut bytes = seed.clone();
                bytes[at] ^= 1 << (part % 8);
                (target.run)(&bytes);
            }
        }
    }
}

/// Every target of the library has one in `fuzz/`, and the other way round.
#[test]
fn every_target_can_be_fuzzed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).expect("fuzz/Cargo.toml");
    for Target { name, .. } in TARGETS {
        let text = fs::read_to_string(folder.join(format!("fuzz_targets/{name}.rs"))).expect(name);
        assert!(
            text.contains(&format!("\"{name}\"")) && manifest.contains(&format!("name = \"{name}\"")),
            "{name}"
        );
    }
    let files = fs::read_dir(folder.join("fuzz_targets")).expect("fuzz/fuzz_targets");
    assert_eq!(files.count(), TARGETS.len());
}
