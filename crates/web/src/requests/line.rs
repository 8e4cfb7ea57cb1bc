//! The line of the log that tells of one request.

use tracing::Level;

use super::Ended;

/// What the line is found and filtered by.
const TARGET: &str = "wharfinger_web::requests";

/// So much of a path, and of what a client calls itself, is logged, in bytes.
const MAX_PATH_BYTES: usize = 1024;
const MAX_USER_AGENT_BYTES: usize = 256;

/// Tells the log that a request has ended. No query, no header but one: those that hold no secret tell little.
pub(super) fn write(ended: &Ended<'_>) {
    match level(ended) {
        Level::WARN => event!(Level::WARN, ended),
        Level::INFO => event!(Level::INFO, ended),
        _ => event!(Level::DEBUG, ended),
    }
}

/// What is an error was told as one where it happened; a refusal is the client's affair.
fn level(ended: &Ended<'_>) -> Level {
    match ended.status() {
        Some(status) if status.is_server_error() => Level::WARN,
        _ if ended.route().is_watching() => Level::DEBUG,
        _ => Level::INFO,
    }
}

/// The level of an event is part of its call site.
macro_rules! event {
    ($level:expr, $ended:expr) => {{
        let ended = $ended;
        let (route, caller) = (ended.route(), ended.caller());
        let account = caller.and_then(|caller| caller.account());
        let user_agent = ended.user_agent().map(|text| String::from_utf8_lossy(text.as_bytes()));
        tracing::event!(
            target: TARGET,
            $level,
            method = ended.method().as_str(),
            path = beginning(ended.path(), MAX_PATH_BYTES),
            route = route.path,
            operation = route.operation,
            status = ended.status().map(|status| status.as_u16()),
            caller.kind = account.map_or("anonymous", |account| account.kind.as_str()),
            caller.name = account.map(|account| account.name.as_str()),
            caller.credential = caller.and_then(|caller| caller.credential()).map(|shown| shown.as_str()),
            client.address = %ended.client(),
            client.user_agent = user_agent.as_deref().map(|text| beginning(text, MAX_USER_AGENT_BYTES)),
            received_bytes = ended.received_bytes(),
            sent_bytes = ended.sent_bytes(),
            duration_ms = milliseconds(ended.duration()),
            "{}",
            if ended.is_whole() { "request answered" } else { "request cut off before its answer was taken" }
        )
    }};
}
use event;

fn beginning(text: &str, bytes: usize) -> &str {
    &text[..text.floor_char_boundary(bytes)]
}

/// To the microsecond.
fn milliseconds(duration: std::time::Duration) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "no request lasts for centuries")]
    let microseconds = duration.as_micros() as f64;
    microseconds / 1000.0
}
