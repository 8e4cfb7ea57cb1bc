//! The life of tags: random sequences of everything that can be done to them, held against a simple reference after
//! every step.
//!
//! A failure prints the shortest sequence that was found and the seed; `WHARFINGER_TEST_SEED` runs that seed again.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod at_once;
mod reference;
mod seen;
mod step;
#[path = "../support/mod.rs"]
mod support;
mod world;

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};
use tokio::runtime::Builder;
use wharfinger_store::testing::{Engine, TestStore};

use reference::Reference;
use step::Step;
use support::Place;
use world::World;

/// How many sequences are run at a time, each on a store of its own.
const WORKERS: u32 = 8;
/// How many sequences each worker runs.
const SEQUENCES: u32 = 128;

#[test]
fn tags_live_as_the_reference_says() {
    run(Engine::Sqlite, WORKERS, SEQUENCES);
}

#[test]
fn tags_live_as_the_reference_says_on_postgresql() {
    run(Engine::Postgres, WORKERS / 2, SEQUENCES / 8);
}

/// Runs sequences on several threads, each on a store of its own.
fn run(engine: Engine, workers: u32, sequences: u32) {
    let seed = seed();
    println!("WHARFINGER_TEST_SEED={seed}");
    let failed: Vec<_> = thread::scope(|scope| {
        let running: Vec<_> =
            (0..workers).map(|worker| scope.spawn(move || work(engine, seed, worker, sequences))).collect();
        running.into_iter().filter_map(|worker| worker.join().unwrap().err()).collect()
    });
    assert!(failed.is_empty(), "WHARFINGER_TEST_SEED={seed}\n{}", failed.join("\n"));
}

/// Runs sequences one after another; without the engine there is nothing to do.
fn work(engine: Engine, seed: u64, worker: u32, sequences: u32) -> Result<(), String> {
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let Some(store) = runtime.block_on(TestStore::new(engine)) else { return Ok(()) };
    let world = runtime.block_on(async { World::new(Place::on(store).await).await });
    let config =
        Config { cases: sequences, failure_persistence: None, max_shrink_iters: 2000, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    bytes[8..12].copy_from_slice(&worker.to_le_bytes());
    let mut runner = TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes));
    runner
        .run(&step::sequences(), |steps| {
            let played = catch_unwind(AssertUnwindSafe(|| runtime.block_on(play(&world, &steps))));
            played.unwrap_or_else(|panic| Err(TestCaseError::fail(message(&*panic))))
        })
        .map_err(|error| error.to_string())
}

/// What a panic says.
fn message(panic: &(dyn Any + Send)) -> String {
    panic.downcast_ref::<String>().cloned().unwrap_or_else(|| "it panicked".into())
}

/// The seed that was asked for, or another one every time.
fn seed() -> u64 {
    match std::env::var("WHARFINGER_TEST_SEED") {
        Ok(seed) => seed.parse().expect("WHARFINGER_TEST_SEED is a number"),
        Err(_) => SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64,
    }
}

/// Does a sequence in a repository of its own.
async fn play(world: &World, steps: &[Step]) -> Result<(), TestCaseError> {
    let repository = world.repository().await;
    let mut reference = Reference::new(world.now());
    let mut before = reference.seen();
    for (number, step) in steps.iter().enumerate() {
        let expected = reference.take(*step);
        let outcome = world.take(&repository, *step).await;
        let told = |what: String| Err(TestCaseError::fail(format!("step {number}, {step:?}: {what}")));
        if outcome != expected {
            return told(format!("gave {outcome:?}, not {expected:?}"));
        }
        let (seen, expected) = (world.see(&repository).await, reference.seen());
        if let Some(breach) = seen.breach(&before, reference.beyond(), *step) {
            return told(breach);
        }
        if seen != expected {
            return told(format!("left\n{seen:#?}\nnot\n{expected:#?}"));
        }
        if matches!(step, Step::Collect) {
            world.assert_bytes_agree().await;
        }
        before = seen;
    }
    let (seen, expected) = (world.see_finally(&repository).await, reference.finally());
    if seen != expected {
        return Err(TestCaseError::fail(format!("in the end there is\n{seen:#?}\nnot\n{expected:#?}")));
    }
    Ok(())
}
