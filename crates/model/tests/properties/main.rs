//! What holds of everything that is read, whatever a client sends: one file for each kind, with a function that fails
//! if it does not hold of a case. Random cases try it here. The targets in `/fuzz` are made of the same files, and
//! try it with cases that grow by coverage.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod manifest;
mod range;
mod reference;
mod scope;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

/// The cases that the fuzz target of this name starts from, and those that it has found.
fn seeds(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds").join(target);
    fs::read_dir(folder).unwrap().map(|seed| fs::read(seed.unwrap().path()).unwrap()).collect()
}

fn holds_of_seeds(target: &str, holds: fn(&[u8])) {
    for case in seeds(target) {
        println!("{target}: {}", case.escape_ascii());
        holds(&case);
    }
}

/// Random bytes, random text, and most of all seeds with a few changes: those are understood, or nearly so.
fn cases(target: &str) -> impl Strategy<Value = Vec<u8>> {
    let seeds = seeds(target);
    let inserted = prop_oneof![vec(any::<u8>(), 0..4), "[ -~]{0,4}".prop_map(String::into_bytes)];
    let change = (any::<Index>(), 0..8_usize, inserted);
    let changed = (select(seeds), vec(change, 0..5)).prop_map(|(mut case, changes)| {
        for (place, removed, inserted) in changes {
            let start = place.index(case.len() + 1);
            let end = case.len().min(start + removed);
            case.splice(start..end, inserted);
        }
        case
    });
    prop_oneof![
        1 => vec(any::<u8>(), 0..200),
        1 => "\\PC{0,140}".prop_map(String::into_bytes),
        6 => changed,
    ]
}

#[test]
fn it_holds_of_every_seed() {
    holds_of_seeds("manifest", manifest::holds);
    holds_of_seeds("range", range::holds);
    holds_of_seeds("reference", reference::holds);
    holds_of_seeds("scope", scope::holds);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1024) })]

    #[test]
    fn it_holds_of_manifests(case in cases("manifest")) { manifest::holds(&case); }

    #[test]
    fn it_holds_of_ranges(case in cases("range")) { range::holds(&case); }

    #[test]
    fn it_holds_of_references_and_paths(case in cases("reference")) { reference::holds(&case); }

    #[test]
    fn it_holds_of_scopes(case in cases("scope")) { scope::holds(&case); }
}
