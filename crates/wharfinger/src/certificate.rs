//! The certificate from its files: read at the start, and again when they change or SIGHUP says so.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tokio::signal::unix::Signal;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};
use wharfinger_web::serve::{Certificate, CertificateError, Refreshed, Validity};

use crate::config::{Config, setting};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The certificate that `config` names, if any.
///
/// # Errors
/// When it can't be used, with the setting at fault.
pub(crate) fn open(config: &Config) -> anyhow::Result<Option<Certificate>> {
    let Some(files) = config.tls.clone() else { return Ok(None) };
    let opened = Certificate::open(files.certificate, files.key).map_err(|error| {
        let setting = match &error {
            CertificateError::Chain(..) => setting::TLS_CERTIFICATE,
            CertificateError::Key(..) => setting::TLS_KEY,
        };
        anyhow::Error::new(error).context(config.naming(setting))
    })?;
    announce(&opened);
    Ok(Some(opened))
}

/// Takes a new certificate into use whenever its files change, which SIGHUP makes it see at once.
pub(crate) async fn renew(
    certificate: Option<Certificate>,
    mut hangups: Signal,
    mut stopped: watch::Receiver<()>,
) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut faults = Faults::default();
    loop {
        let asked = tokio::select! {
            _ = stopped.changed() => return,
            _ = hangups.recv() => true,
            _ = ticks.tick() => false,
        };
        let Some(certificate) = certificate.clone() else {
            if asked {
                tracing::info!("SIGHUP changes nothing: there is no certificate to be read again");
            }
            continue;
        };
        let refreshing = certificate.clone();
        match spawn_blocking(move || refreshing.refresh()).await {
            Ok(Ok(Refreshed::Replaced)) => {
                faults = Faults::default();
                announce(&certificate);
            }
            Ok(Ok(Refreshed::Unchanged)) if asked => {
                tracing::info!("the certificate's files have not changed since they were last read");
            }
            Ok(Err(error)) => {
                if faults.is_news(error.to_string()) || asked {
                    tracing::warn!(%error, "the new certificate can't be used; the old one stays");
                }
            }
            Ok(Ok(Refreshed::Unchanged)) | Err(_) => {}
        }
    }
}

/// What was wrong last: files that are missing are tried every time, but told once.
#[derive(Debug, Default)]
struct Faults(Option<String>);

impl Faults {
    fn is_news(&mut self, fault: String) -> bool {
        let is_news = self.0.as_ref() != Some(&fault);
        self.0 = Some(fault);
        is_news
    }
}

/// Tells which certificate is in use, and warns when clients will not take it.
fn announce(certificate: &Certificate) {
    let file = certificate.file().display();
    let Some(Validity { not_before, not_after }) = certificate.validity() else {
        tracing::info!(%file, "the certificate is in use");
        return;
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let (not_before_at, not_after_at) = (instant(not_before), instant(not_after));
    if now > not_after {
        tracing::warn!(%file, not_after = %not_after_at, "the certificate in use has expired: clients will refuse it");
    } else if now < not_before {
        tracing::warn!(%file, not_before = %not_before_at, "the certificate in use is not valid yet: clients will refuse it");
    } else {
        tracing::info!(%file, not_after = %not_after_at, "the certificate is in use");
    }
}

/// As in `2027-01-01T00:00:00Z`.
fn instant(seconds: u64) -> Timestamp {
    i64::try_from(seconds)
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_news_until_another_takes_its_place() {
        let mut faults = Faults::default();
        let news =
            ["missing", "missing", "odd", "odd", "missing"].map(|fault| faults.is_news(fault.to_owned()));
        assert_eq!(news, [true, false, true, false, true]);
    }
}
