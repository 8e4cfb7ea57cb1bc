//! What the database itself refuses, whoever asks.

use wharfinger_store::testing::{TestStore, each_engine};
use wharfinger_store::{
    Error, LifetimeId, ManifestId, RepositoryId, Result, Sql, Tx, Value, lifetime, params, sql,
};

use crate::fixture::{at, between, from, home, manifest, tag, unit};

/// Asserts that the database refuses the work, by this constraint where both engines call it the same.
async fn refused(
    store: &TestStore,
    constraint: Option<&str>,
    work: impl Fn(&mut Tx<'_>) -> Result<()> + Send + 'static,
) {
    match store.write(work).await {
        Err(Error::Constraint { name, .. }) => {
            assert!(constraint.is_none_or(|wanted| name == wanted), "{name}")
        }
        other => panic!("the database did not refuse it: {other:?}"),
    }
}

fn prepared(tx: &mut Tx<'_>) -> Result<(RepositoryId, ManifestId)> {
    let app = home(tx)?;
    Ok((app, manifest(tx, app, "{}")?))
}

#[tokio::test]
async fn two_lifetimes_of_a_name_are_never_open() {
    each_engine(async |store| {
        let (app, image) = unit(&store, |tx| {
            let (app, image) = prepared(tx)?;
            lifetime::begin(tx, app, &tag("endless"), &from(1000, image))?;
            lifetime::begin(tx, app, &tag("expired"), &between(1000, 2000, image))?;
            Ok((app, image))
        })
        .await;
        refused(&store, Some("lifetime_no_overlap"), move |tx| {
            lifetime::begin(tx, app, &tag("endless"), &from(5000, image)).map(drop)
        })
        .await;
        // They would not overlap, but the expired one has not been closed.
        refused(&store, None, move |tx| {
            lifetime::begin(tx, app, &tag("expired"), &from(5000, image)).map(drop)
        })
        .await;
    })
    .await;
}

#[tokio::test]
async fn of_lifetimes_that_begin_at_once_one_does() {
    each_engine(async |store| {
        let (app, image) = unit(&store, prepared).await;
        // Without the repository's lock, under which nobody would meet another.
        let beginning: Vec<_> = (0..8)
            .map(|start| {
                let db = store.db.clone();
                let begin =
                    move |tx: &mut Tx<'_>| lifetime::begin(tx, app, &tag("v1"), &from(1000 + start, image));
                tokio::spawn(async move { db.write(begin).await })
            })
            .collect();
        let mut begun = 0;
        for beginning in beginning {
            match beginning.await.unwrap() {
                Ok(_) => begun += 1,
                Err(error) => assert!(matches!(error, Error::Constraint { .. }), "{error:?}"),
            }
        }
        assert_eq!(begun, 1);
    })
    .await;
}

#[tokio::test]
async fn lifetimes_of_a_name_never_overlap() {
    each_engine(async |store| {
        let (app, image, first) = unit(&store, |tx| {
            let (app, image) = prepared(tx)?;
            let first = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            lifetime::end(tx, first, at(2000))?;
            Ok((app, image, first))
        })
        .await;
        refused(&store, Some("lifetime_no_overlap"), move |tx| {
            lifetime::begin(tx, app, &tag("v1"), &from(1999, image)).map(drop)
        })
        .await;
        // Not even before it: history is only added to.
        refused(&store, Some("lifetime_no_overlap"), move |tx| {
            lifetime::begin(tx, app, &tag("v1"), &between(10, 20, image)).map(drop)
        })
        .await;
        unit(&store, move |tx| lifetime::begin(tx, app, &tag("v1"), &from(3000, image))).await;
        for end in [Some(at(3001)), None] {
            refused(&store, None, move |tx| lifetime::rewrite(tx, first, end, false)).await;
        }
        unit(&store, move |tx| lifetime::rewrite(tx, first, Some(at(3000)), false)).await;
    })
    .await;
}

#[tokio::test]
async fn a_lifetime_does_not_end_before_it_begins() {
    each_engine(async |store| {
        let id = unit(&store, |tx| {
            let (app, image) = prepared(tx)?;
            lifetime::begin(tx, app, &tag("v1"), &from(1000, image))
        })
        .await;
        refused(&store, None, move |tx| lifetime::end(tx, id, at(999))).await;
        // Closed without an end it would be neither alive nor dead.
        refused(&store, None, move |tx| lifetime::close(tx, id)).await;
    })
    .await;
}

async fn refuses_to_rewrite(store: &TestStore, id: LifetimeId, sql: &'static Sql, to: Value<'static>) {
    refused(store, Some("lifetime_history_stands"), move |tx| tx.execute(sql, &[id.into(), to]).map(drop))
        .await;
}

#[tokio::test]
async fn what_has_happened_is_not_rewritten() {
    each_engine(async |store| {
        let (closed, other) = unit(&store, |tx| {
            let (app, image) = prepared(tx)?;
            let other = manifest(tx, app, "other")?;
            let closed = lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            lifetime::end(tx, closed, at(2000))?;
            Ok((closed, other))
        })
        .await;
        refuses_to_rewrite(
            &store,
            closed,
            sql!("UPDATE lifetime SET start_ms = ?2 WHERE id = ?1"),
            Value::Int(1500),
        )
        .await;
        refuses_to_rewrite(
            &store,
            closed,
            sql!("UPDATE lifetime SET manifest_id = ?2 WHERE id = ?1"),
            other.into(),
        )
        .await;
        refuses_to_rewrite(&store, closed, sql!("UPDATE lifetime SET open = ?2 WHERE id = ?1"), true.into())
            .await;
        refuses_to_rewrite(&store, closed, sql!("UPDATE lifetime SET name = ?2 WHERE id = ?1"), "v2".into())
            .await;
        refuses_to_rewrite(
            &store,
            closed,
            sql!("UPDATE lifetime SET reversion = ?2 WHERE id = ?1"),
            true.into(),
        )
        .await;
        refuses_to_rewrite(
            &store,
            closed,
            sql!("UPDATE lifetime SET id = id + ?2 WHERE id = ?1"),
            Value::Int(100),
        )
        .await;
    })
    .await;
}

#[tokio::test]
async fn a_manifest_that_a_lifetime_speaks_of_stays() {
    each_engine(async |store| {
        let image = unit(&store, |tx| {
            let (app, image) = prepared(tx)?;
            lifetime::begin(tx, app, &tag("v1"), &from(1000, image))?;
            Ok(image)
        })
        .await;
        refused(&store, None, move |tx| {
            tx.execute(sql!("DELETE FROM manifest WHERE id = ?1"), params![image]).map(drop)
        })
        .await;
    })
    .await;
}
