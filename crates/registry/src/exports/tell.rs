//! Telling of exports: at least once, and not for ever.

use std::time::Duration;

use serde_json::json;
use tokio::task::JoinSet;
use wharfinger_model::{CallbackUrl, QuayDate, Timestamp};
use wharfinger_store::Tx;
use wharfinger_store::export::{self, Attempt, Export};

use super::callback::{CallbackError, Report, Status};
use super::{asker, is_allowed, subject};
use crate::{Error, Registry, Result, Settings, audit, secrets};

/// How many are told at once: who is slow keeps some waiting, but not the questions to issuers, which go the same way.
const AT_ONCE: i64 = 8;
/// How often it is tried. With the pauses between, that is over four hours.
const ATTEMPTS: i64 = 13;
/// The pause from the first attempt on, which doubles with each. It is longer than an attempt may take, so that no other
/// replica makes the next one meanwhile.
const FIRST_PAUSE: Duration = Duration::from_secs(8);
/// The longest pause.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);
/// How long a link is good.
const LINK: Duration = Duration::from_secs(3600);
/// Letters of a link's secret: some 238 bits.
const SECRET: usize = 40;

/// An attempt that was taken on.
struct Telling {
    export: Export,
    callback: CallbackUrl,
    report: Report,
    is_last: bool,
}

/// Tells of exports that are due, a few at a time.
///
/// # Errors
/// When the store fails. It is tried again then: whoever was told may be told once more.
pub async fn tell_due(registry: &Registry) -> Result<()> {
    let now = registry.now();
    let due = registry.read(move |tx| Ok(export::due(tx, now, AT_ONCE)?)).await?;
    let mut telling = JoinSet::new();
    for uuid in due {
        telling.spawn(tell(registry.clone(), uuid));
    }
    telling.join_all().await.into_iter().collect()
}

async fn tell(registry: Registry, uuid: String) -> Result<()> {
    // The store remembers the attempt before it is made: whatever ends the program, it is not made for ever.
    let Some(telling) = take_on(&registry, uuid).await? else { return Ok(()) };
    let told = registry.0.callbacks.post(&telling.callback, &telling.report).await;
    if let Err(error) = &told {
        let (id, error) = (&telling.export.uuid, error.to_string());
        tracing::info!(export.id = id, ?error, "nobody took the news of an export");
    }
    let (now, settings) = (registry.now(), registry.settings().clone());
    registry.write(move |tx| telling.finish(tx, &told, &settings, now)).await
}

/// Takes on an attempt to tell of the export, by a new link; `None` if somebody else did.
async fn take_on(registry: &Registry, uuid: String) -> Result<Option<Telling>> {
    let secret = secrets::random_text(SECRET)?;
    let (now, settings) = (registry.now(), registry.settings().clone());
    registry
        .write(move |tx| {
            let Some(export) = export::find_due(tx, &uuid, now)? else { return Ok(None) };
            let attempt = Attempt {
                next: now + pause(export.attempts),
                link_hash: &secrets::hash(&secret),
                expires: now + LINK,
            };
            if !export::take_on(tx, &export, &attempt)? {
                return Ok(None);
            }
            let allowed = is_allowed(tx, &export, &settings)?;
            let link = allowed.then(|| format!("{}{secret}", export.link_prefix));
            Telling::new(export, link).map(Some)
        })
        .await
}

/// How long to wait after so many attempts and one more.
fn pause(attempts: i64) -> Duration {
    let doubled = u32::try_from(attempts).ok().and_then(|attempts| 2_u32.checked_pow(attempts));
    doubled
        .and_then(|factor| FIRST_PAUSE.checked_mul(factor))
        .map_or(LONGEST_PAUSE, |it| it.min(LONGEST_PAUSE))
}

impl Telling {
    fn new(export: Export, link: Option<String>) -> Result<Self> {
        let callback = export.callback_url.parse();
        let callback =
            callback.map_err(|error| Error::Internal(format!("export {}: {error}", export.uuid)))?;
        let report = Report {
            export_id: export.uuid.clone(),
            start_date: QuayDate(export.since).to_string(),
            end_date: QuayDate(export.until).to_string(),
            namespace: export.namespace_name.clone(),
            repository: export.repository_name.as_ref().map(|name| name.name().to_owned()),
            status: if link.is_some() { Status::Success } else { Status::Failed },
            exported_data_url: link,
        };
        Ok(Self { is_last: export.attempts + 1 >= ATTEMPTS, export, callback, report })
    }

    /// Writes down what came of it, for whoever reads the log, unless it is tried again.
    fn finish(
        &self,
        tx: &mut Tx<'_>,
        told: &Result<(), CallbackError>,
        settings: &Settings,
        now: Timestamp,
    ) -> Result<()> {
        let failure = match (told, self.report.status) {
            (Err(CallbackError::Failed(_)), _) if !self.is_last => return Ok(()),
            (Err(error), _) => Some(error.to_string()),
            (Ok(()), Status::Failed) => Some("whoever asked for it may not read the log any more".to_owned()),
            (Ok(()), Status::Success) => None,
        };
        let kind = match failure {
            None => "export_logs_success",
            Some(_) => "export_logs_failure",
        };
        match failure {
            None => export::set_told(tx, &self.export.uuid)?,
            Some(_) => export::delete(tx, &self.export.uuid)?,
        }
        let mut metadata = json!({
            "export_id": self.report.export_id, "url": self.callback.origin(),
            "namespace": self.report.namespace, "repo": self.report.repository,
        });
        if let Some(error) = failure {
            metadata["error"] = json!(error);
        }
        audit::write(tx, &asker(&self.export, settings), subject(&self.export), kind, metadata, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_an_hour_and_last_for_hours() {
        let pauses: Vec<_> = (0..ATTEMPTS).map(|attempts| pause(attempts).as_secs()).collect();
        assert_eq!(pauses[..4], [8, 16, 32, 64]);
        assert_eq!(pauses[9..], [3600; 4]);
        assert!(pauses[..12].iter().sum::<u64>() > 4 * 3600, "{pauses:?}");
        assert_eq!(pause(i64::MAX), LONGEST_PAUSE);
    }
}
