//! Whether every tag leads to a manifest.

use wharfinger_store::inspection;

use super::Check;
use crate::Result;

const PAGE: i64 = 1000;

pub(super) async fn check(check: &mut Check<'_>) -> Result<()> {
    let (mut after, mut count) = (None, 0);
    let now = check.registry.now();
    loop {
        let page = check.registry.scan(move |tx| Ok(inspection::tags(tx, after, now, PAGE)?)).await?;
        let Some(last) = page.last() else { return Ok(()) };
        after = Some(last.lifetime);
        for tag in page {
            if !tag.leads {
                let what = format!("tag {}:{}: its manifest can't be pulled", tag.repository, tag.name);
                check.beyond_repair(what);
            }
            count += 1;
        }
        check.listener.progress("tags", count);
    }
}
