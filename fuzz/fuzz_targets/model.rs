#![no_main]

use libfuzzer_sys::fuzz_target;
use ocelli_testing::fuzz::Target;

fuzz_target!(|bytes: &[u8]| (Target::named("model").run)(bytes));
