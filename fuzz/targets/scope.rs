#![no_main]

#[path = "../../crates/model/tests/properties/scope.rs"]
mod scope;

libfuzzer_sys::fuzz_target!(|case: &[u8]| scope::holds(case));
