//! What is told at `/metrics`. Each layer keeps its own metrics; here, and nowhere else, they get their names.
//!
//! Names follow Prometheus' rules: `wharfinger_`, what is measured, the unit, and `_total` for what only grows. Each of
//! them is explained in `docs/operations.md`.

mod caches;
mod certificate;
mod process;
mod space;

use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry as Names, Unit};
use wharfinger_metrics::Counter;
use wharfinger_registry::Registry;
use wharfinger_store::Db;
use wharfinger_web::metrics::{Exposition, Requests};
use wharfinger_web::serve::{Certificate, Occupancy};

use crate::background;
use caches::Caches;
use certificate::Expiry;
use process::Process;
pub(crate) use space::Space;

/// Where metrics come from.
pub(crate) struct Sources<'a> {
    pub(crate) requests: &'a Requests,
    pub(crate) occupancy: &'a Occupancy,
    pub(crate) registry: &'a Registry,
    pub(crate) db: &'a Db,
    pub(crate) blobs: &'a wharfinger_blobs::Metrics,
    pub(crate) background: &'a background::Metrics,
    pub(crate) certificate: Option<&'a Certificate>,
    pub(crate) space: Space,
    pub(crate) lost_log_lines: &'a Counter,
}

/// Gives everything its name.
pub(crate) fn name(sources: Sources<'_>) -> Exposition {
    let mut all = Names::default();
    all.register_collector(Box::new(Process::new()));
    let names = all.sub_registry_with_prefix("wharfinger");
    names.register(
        "build",
        "The version that runs: always 1",
        Info::new([("version", env!("CARGO_PKG_VERSION"))]),
    );
    name_requests(names, sources.requests, sources.occupancy);
    name_database(names, sources.db.metrics());
    name_storage(names, sources.blobs);
    names.register_collector(Box::new(sources.space));
    name_registry(names, sources.registry.metrics());
    name_background(names, sources.background);
    names.register(
        "cache_lookups",
        "Looks into a cache, by whether it had what was looked for",
        Caches::new(vec![
            ("blob_pages", sources.blobs.reads.page_cache.clone()),
            ("database_connections", sources.db.metrics().connections.clone()),
            ("database_statements", sources.db.metrics().statements.clone()),
            ("issuer_keys", sources.registry.metrics().issuer_keys.clone()),
        ]),
    );
    names.register(
        "log_lines_lost",
        "Lines of the log that were lost because standard error did not take them",
        sources.lost_log_lines.clone(),
    );
    if let Some(certificate) = sources.certificate {
        names.register_collector(Box::new(Expiry::new(certificate.clone())));
    }
    Exposition::new(all)
}

fn name_requests(names: &mut Names, requests: &Requests, occupancy: &Occupancy) {
    names.register(
        "requests",
        "Requests that have ended, by route, method and status; the status is none where the client left before",
        requests.by_status(),
    );
    names.register_with_unit(
        "request_duration",
        "Time from the head of a request until its answer was taken, in seconds, by route and method",
        Unit::Seconds,
        requests.durations(),
    );
    names.register_with_unit(
        "request_body",
        "Length of what was read of the bodies of requests that have ended, in bytes, by route and method",
        Unit::Bytes,
        requests.received_bytes(),
    );
    names.register_with_unit(
        "response_body",
        "Length of what was sent of the bodies of answers that have ended, in bytes, by route and method",
        Unit::Bytes,
        requests.sent_bytes(),
    );
    names.register(
        "requests_cut_off",
        "Requests whose client was gone before it had all of the answer",
        requests.cut_off.clone(),
    );
    names.register("requests_in_progress", "Requests under way now", requests.in_progress.clone());
    names.register(
        "requests_waiting",
        "Requests that wait now because max_requests are under way",
        occupancy.waiting_requests.clone(),
    );
    names.register("connections", "Connections that are open now", occupancy.connections.clone());
    names.register(
        "connections_closed_at_once",
        "Connections that were closed at once because their address had max_connections_per_address",
        occupancy.closed_at_once.clone(),
    );
}

fn name_database(names: &mut Names, metrics: &wharfinger_store::Metrics) {
    names.register_with_unit(
        "database_unit_duration",
        "Time that a unit of work took, from its beginning until it was on disk, in seconds, by access",
        Unit::Seconds,
        metrics.units.clone(),
    );
    names.register_with_unit(
        "database_wait_duration",
        "Time that a unit of work waited for the writer, or for a connection, in seconds, by access",
        Unit::Seconds,
        metrics.waits.clone(),
    );
    names.register(
        "database_units_waiting",
        "Units of work that wait now, by access",
        metrics.waiting.clone(),
    );
    names.register(
        "database_unit_failures",
        "Units of work that the database could not do, by access",
        metrics.failed.clone(),
    );
    names.register(
        "database_collisions",
        "Times that a unit of work was run again because others were in its way",
        metrics.collisions.clone(),
    );
}

fn name_storage(names: &mut Names, metrics: &wharfinger_blobs::Metrics) {
    names.register_with_unit(
        "storage_operation_duration",
        "Time that an operation of the storage of blobs took, in seconds, by operation",
        Unit::Seconds,
        metrics.operations.clone(),
    );
    names.register(
        "storage_operation_failures",
        "Operations that the storage of blobs failed to do, by operation",
        metrics.failed.clone(),
    );
    names.register_with_unit(
        "storage_cold_read_duration",
        "Time that it took to read up to 1 MiB of a blob that the system had not in memory, in seconds",
        Unit::Seconds,
        metrics.reads.cold.clone(),
    );
    names.register("uploads_in_progress", "Parts of uploads that are received now", metrics.parts.clone());
}

fn name_registry(names: &mut Names, metrics: &wharfinger_registry::Metrics) {
    let wharfinger_registry::Metrics { passwords, pulls, collection, pruning, issuer_keys: _ } = metrics;
    names.register("pulls", "Pulls of manifests, by method and kind of client", pulls.counted.clone());
    names.register("pulls_waiting", "Pulls that are not written down yet", pulls.waiting.clone());
    names.register("pulls_lost", "Pulls that were not counted for want of room", pulls.lost.clone());
    names.register(
        "pull_clients_lost",
        "Pulls that were counted, but for want of room not by whom",
        pulls.clients_lost.clone(),
    );
    names.register("passwords_waiting", "Passwords that wait to be hashed now", passwords.waiting.clone());
    names.register(
        "passwords_refused",
        "Passwords that were not tried because too many waited to be hashed",
        passwords.refused.clone(),
    );
    names.register_with_unit(
        "password_hash_duration",
        "Time that it took to hash a password, the wait aside, in seconds",
        Unit::Seconds,
        passwords.hashed.clone(),
    );
    names.register(
        "collected",
        "What was freed because nothing needed it any more, by kind",
        collection.freed.clone(),
    );
    names.register_with_unit(
        "collected",
        "Length of the files that were freed, in bytes",
        Unit::Bytes,
        collection.freed_bytes.clone(),
    );
    names.register(
        "collection_failures",
        "Repositories and files that could not be collected and are tried again",
        collection.failed.clone(),
    );
    names.register("pruned_tags", "Tags that auto-prune policies have deleted", pruning.tags.clone());
    names.register(
        "prune_failures",
        "Repositories that could not be pruned and are tried again",
        pruning.failed.clone(),
    );
}

fn name_background(names: &mut Names, metrics: &background::Metrics) {
    names.register("background_runs", "Runs of background work, by work and outcome", metrics.runs.clone());
    names.register_with_unit(
        "background_run_duration",
        "Time that a run of background work took, in seconds, by work",
        Unit::Seconds,
        metrics.durations.clone(),
    );
    names.register_with_unit(
        "background_last_success_timestamp",
        "When a run of background work last ended well, or when it began, in seconds since 1970, by work",
        Unit::Seconds,
        metrics.last_success.clone(),
    );
    names.register_with_unit(
        "background_period",
        "Time between two runs of background work, in seconds, by work",
        Unit::Seconds,
        metrics.periods.clone(),
    );
}
