#![no_main]

#[path = "../../crates/model/tests/properties/range.rs"]
mod range;

libfuzzer_sys::fuzz_target!(|case: &[u8]| range::holds(case));
