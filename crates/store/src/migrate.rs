//! The schema, and the numbered steps by which a database comes to it.

use rusqlite::TransactionBehavior;

use crate::{Error, Result};

/// One step. Steps are only ever added.
struct Migration {
    version: i64,
    /// For both engines, with placeholders for what they call differently.
    common: &'static str,
    /// What only SQLite understands.
    sqlite: &'static str,
    /// What only PostgreSQL understands.
    postgres: &'static str,
}

const MIGRATIONS: &[Migration] = &[
    Migration {
        version: 1,
        common: include_str!("../migrations/0001_initial.sql"),
        sqlite: include_str!("../migrations/0001_initial.sqlite.sql"),
        postgres: include_str!("../migrations/0001_initial.postgres.sql"),
    },
    Migration {
        version: 2,
        common: include_str!("../migrations/0002_discovery.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 3,
        common: include_str!("../migrations/0003_tag_life.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 4,
        common: include_str!("../migrations/0004_records.sql"),
        sqlite: include_str!("../migrations/0004_records.sqlite.sql"),
        postgres: include_str!("../migrations/0004_records.postgres.sql"),
    },
    Migration {
        version: 5,
        common: include_str!("../migrations/0005_collection.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration { version: 6, common: include_str!("../migrations/0006_sparse.sql"), sqlite: "", postgres: "" },
    Migration { version: 7, common: include_str!("../migrations/0007_lists.sql"), sqlite: "", postgres: "" },
    Migration {
        version: 8,
        common: include_str!("../migrations/0008_secret_key.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 9,
        common: include_str!("../migrations/0009_signin.sql"),
        sqlite: include_str!("../migrations/0009_signin.sqlite.sql"),
        postgres: include_str!("../migrations/0009_signin.postgres.sql"),
    },
    Migration {
        version: 10,
        common: include_str!("../migrations/0010_people.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 11,
        common: include_str!("../migrations/0011_repositories.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration { version: 12, common: include_str!("../migrations/0012_oidc.sql"), sqlite: "", postgres: "" },
    Migration { version: 13, common: include_str!("../migrations/0013_rules.sql"), sqlite: "", postgres: "" },
    Migration {
        version: 14,
        common: include_str!("../migrations/0014_keeping.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 15,
        common: include_str!("../migrations/0015_superuser.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 16,
        common: include_str!("../migrations/0016_series.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 17,
        common: include_str!("../migrations/0017_consent.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 18,
        common: include_str!("../migrations/0018_exports.sql"),
        sqlite: "",
        postgres: "",
    },
    Migration {
        version: 19,
        common: include_str!("../migrations/0019_pull_batches.sql"),
        sqlite: "",
        postgres: "",
    },
];

const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)";
const NEWEST: &str = "SELECT COALESCE(MAX(version), 0) FROM schema_version";

/// Under this number replicas that start together wait for each other.
const LOCK: i64 = 0x77_68_61_72_66;

/// Whether a database may be changed to be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Upgrade {
    /// It is brought to this version's schema.
    Allowed,
    /// Somebody else uses it: either it has this version's schema, or it is not opened.
    Never,
}

/// The steps that a database of version `found` still needs.
///
/// # Errors
/// [`Error::TooNew`] when it has taken steps that are not known here; [`Error::TooOld`] when it needs any and must not be
/// changed.
fn missing(found: i64, upgrade: Upgrade) -> Result<impl Iterator<Item = &'static Migration>> {
    let known = MIGRATIONS.last().map_or(0, |newest| newest.version);
    if found > known {
        return Err(Error::TooNew { found, known });
    }
    if found < known && upgrade == Upgrade::Never {
        return Err(Error::TooOld { found, known });
    }
    Ok(MIGRATIONS.iter().filter(move |migration| migration.version > found))
}

/// Brings a file to the newest schema, each step whole or not at all. The connection must not enforce foreign keys.
pub(crate) fn sqlite(connection: &mut rusqlite::Connection, upgrade: Upgrade) -> Result<()> {
    connection.execute_batch(VERSIONS)?;
    let found = connection.query_one(NEWEST, [], |row| row.get(0))?;
    for migration in missing(found, upgrade)? {
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        // Another process may have taken the step since we looked.
        let now: i64 = transaction.query_one(NEWEST, [], |row| row.get(0))?;
        if now < migration.version {
            let common = translate(migration.common, "INTEGER PRIMARY KEY AUTOINCREMENT", "BLOB", "TEXT");
            transaction.execute_batch(&common)?;
            transaction.execute_batch(migration.sqlite)?;
            transaction.execute("INSERT INTO schema_version (version) VALUES (?1)", [migration.version])?;
        }
        // Foreign keys are not enforced meanwhile.
        if transaction.prepare("PRAGMA foreign_key_check")?.exists([])? {
            let version = migration.version;
            return Err(Error::Engine(format!("after migration {version} rows would point at nothing")));
        }
        transaction.commit()?;
    }
    Ok(())
}

/// Brings a database to the newest schema, each step whole or not at all.
pub(crate) fn postgres(client: &mut postgres::Client, upgrade: Upgrade) -> Result<()> {
    let mut transaction = client.transaction()?;
    transaction.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])?;
    transaction.batch_execute(VERSIONS)?;
    let found: i64 = transaction.query_one(NEWEST, &[])?.try_get(0)?;
    for migration in missing(found, upgrade)? {
        let identity = "BIGINT GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY";
        transaction.batch_execute(&translate(migration.common, identity, "BYTEA", "TEXT COLLATE \"C\""))?;
        transaction.batch_execute(migration.postgres)?;
        transaction.execute("INSERT INTO schema_version (version) VALUES ($1)", &[&migration.version])?;
    }
    Ok(transaction.commit()?)
}

fn translate(common: &str, id: &str, bytes: &str, text: &str) -> String {
    common.replace("{id}", id).replace("{bytes}", bytes).replace("{text}", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_database_is_refused_and_an_older_one_gets_what_it_lacks() {
        let known = MIGRATIONS.len() as i64;
        assert_eq!(missing(0, Upgrade::Allowed).map(Iterator::count), Ok(MIGRATIONS.len()));
        assert_eq!(missing(known, Upgrade::Allowed).map(Iterator::count), Ok(0));
        assert_eq!(missing(known, Upgrade::Never).map(Iterator::count), Ok(0));
        let old = Error::TooOld { found: known - 1, known };
        assert_eq!(missing(known - 1, Upgrade::Never).err(), Some(old));
        assert_eq!(
            missing(known + 1, Upgrade::Allowed).err(),
            Some(Error::TooNew { found: known + 1, known })
        );
    }

    #[test]
    fn steps_are_numbered_without_gaps() {
        let versions: Vec<i64> = MIGRATIONS.iter().map(|migration| migration.version).collect();
        assert_eq!(versions, (1..=versions.len() as i64).collect::<Vec<_>>());
    }
}
