//! What counting costs a pull: the ratio of two figures of one run, no promise. Both are processor time, writing down
//! included, so that it makes no difference what else the machine does. It is the use case alone, without HTTP and the
//! token, which cost a pull more than this.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "the helpers of tests fail the test")]

mod support;

use std::sync::Arc;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use wharfinger_model::{Reference, RepositoryName, Role};
use wharfinger_registry::{Caller, Origin, Registry, Settings, manifests, pulls};

use support::{Place, index, tag};

/// Pulls between two flushes: some that come in a second.
const PULLS: usize = 10_000;
const ROUNDS: usize = 15;
const TAGS: usize = 50;
const CLIENTS: usize = 20;

/// The time that all threads of this process have used.
fn used() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().unwrap()
}

/// Pulls and writes down what was counted, and how much time that took.
async fn round(registry: &Registry, callers: &[Arc<Caller>], repository: &RepositoryName) -> Duration {
    let names: Vec<_> = (0..TAGS).map(|number| Reference::Tag(tag(&format!("v{number}")))).collect();
    let begun = used();
    for pull in 0..PULLS {
        let caller = &callers[pull % callers.len()];
        manifests::pull(registry, caller, repository, &names[pull % TAGS]).await.unwrap();
    }
    pulls::flush(registry).await.unwrap();
    used() - begun
}

#[tokio::test]
#[ignore = "it asserts nothing: cargo test --release -p wharfinger-registry --test counting_cost -- --ignored --nocapture"]
async fn what_counting_costs_a_pull() {
    let place = Place::open().await;
    let owner = place.user("owner").await;
    let repository = place.repository(("owner", owner), &[(owner, Role::Admin)]).await;
    let caller = place.caller(owner).await;
    for number in 0..TAGS {
        let name = format!("v{number}");
        place.push(&caller, &repository, &name, &index(&name, &[])).await;
    }
    let callers: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let mut caller = (*caller).clone();
            let address = format!("192.0.2.{number}").parse().unwrap();
            let user_agent = "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64";
            caller.origin = Origin { address: Some(address), user_agent: Some(user_agent.to_owned()) };
            Arc::new(caller)
        })
        .collect();
    let off = Settings { count_pulls: false, ..Settings::default() };
    let (db, blobs, clock) = (place.db.clone(), Arc::new(place.disk.clone()), place.clock.clone());
    let uncounted = Registry::open(db, blobs, clock, off).await.unwrap();
    let (mut on, mut off) = (Vec::new(), Vec::new());
    for number in 0..=ROUNDS {
        let counted = round(&place.registry, &callers, &repository.name).await;
        let plain = round(&uncounted, &callers, &repository.name).await;
        // The first warms up.
        if number > 0 {
            on.push(counted);
            off.push(plain);
        }
    }
    on.sort();
    off.sort();
    let (on, off) = (on[ROUNDS / 2], off[ROUNDS / 2]);
    let ratio = on.as_secs_f64() / off.as_secs_f64();
    println!("{PULLS} pulls: {on:?} counted, {off:?} not, {ratio:.4} times as much");
}
