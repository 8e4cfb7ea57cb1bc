#![no_main]

#[path = "../../crates/model/tests/properties/manifest.rs"]
mod manifest;

libfuzzer_sys::fuzz_target!(|case: &[u8]| manifest::holds(case));
