#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli_testing::fuzz::Target;

// The library panics where a file's contents contradict each other. That is caught and told as an error, and no reason to stop:
// panics that are not caught still are.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| {})), |bytes: &[u8]| (Target::named("parquet").run)(bytes));
