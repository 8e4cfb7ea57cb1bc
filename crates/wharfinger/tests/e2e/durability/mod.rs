//! What was acknowledged stays, whenever the program is killed; what was under way is there whole or not at all.

mod acknowledged;
mod check;
mod worker;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use crate::support::{Engine, PATIENCE, Server, engines};
use acknowledged::Log;
use worker::Worker;

const REPOSITORY: &str = "admin/app";
/// A tag that all workers fight for.
const SHARED: &str = "shared";
const WORKERS: usize = 4;

/// What the workers of one round share.
struct Round<'a> {
    number: usize,
    server: &'a Server,
    token: &'a str,
    /// Requests that were acknowledged so far.
    acknowledged: AtomicUsize,
    killed: AtomicBool,
}

/// Lets the workers work until so many requests were acknowledged, and kills the program under them.
fn work_and_kill(round: &Round<'_>, after: usize) -> Vec<Log> {
    std::thread::scope(|scope| {
        let workers: Vec<_> =
            (0..WORKERS).map(|number| scope.spawn(move || Worker::new(round, number).work())).collect();
        let begun = Instant::now();
        while round.acknowledged.load(Ordering::Relaxed) < after {
            assert!(begun.elapsed() < PATIENCE, "the workers have come to a halt");
            assert!(workers.iter().all(|worker| !worker.is_finished()), "a worker gave up");
            std::thread::sleep(Duration::from_micros(200));
        }
        round.killed.store(true, Ordering::SeqCst);
        round.server.kill();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    })
}

#[test]
fn what_was_acknowledged_survives_being_killed() {
    for engine in engines() {
        // Each round's moment is another: early, late, and in every phase of a push.
        let rounds = if engine == Engine::Sqlite { 12 } else { 6 };
        let mut server = Server::start(engine);
        let mut logs = Vec::new();
        for number in 0..rounds {
            let token = server.push_token(REPOSITORY);
            let round = Round {
                number,
                server: &server,
                token: &token,
                acknowledged: AtomicUsize::new(0),
                killed: AtomicBool::new(false),
            };
            let of_round = work_and_kill(&round, 5 + number * 17 % 90);
            server.wait();
            let begun = Instant::now();
            server.spawn();
            assert!(begun.elapsed() < Duration::from_secs(5), "the restart took {:?}", begun.elapsed());
            check::all(&server, &of_round);
            logs.extend(of_round);
        }
        check::shared(&server, &logs);
        check::all(&server, &logs);
    }
}
