#![no_main]

#[path = "../../crates/model/tests/properties/reference.rs"]
mod reference;

libfuzzer_sys::fuzz_target!(|case: &[u8]| reference::holds(case));
