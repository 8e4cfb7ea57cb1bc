//! Everything that the registry remembers, to see that it stays as it was.

use std::collections::BTreeMap;

use rusqlite::Connection;
use rusqlite::types::Value;

use crate::support::Server;

/// What changes by itself: when something was last used, and how far collection has come.
const PASSING: &[&str] = &["last_used_ms", "revision"];
const PASSING_TABLE: &str = "examination";
/// What is over is forgotten some time.
const STANDING: &[(&str, &str)] = &[("access_token", "expires_ms > unixepoch() * 1000")];

/// A look at the database of a registry on SQLite.
pub(super) struct State(Connection);

/// Every row of every table.
pub(super) type Rows = BTreeMap<String, Vec<Vec<Value>>>;

impl State {
    pub(super) fn of(server: &Server) -> Self {
        Self(Connection::open(server.database()).unwrap())
    }

    pub(super) fn rows(&self) -> Rows {
        let names = "SELECT name FROM sqlite_schema WHERE type = 'table'";
        let mut names = self.0.prepare_cached(names).unwrap();
        let names: Vec<String> = names.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        let kept = names.into_iter().filter(|name| name != PASSING_TABLE);
        kept.map(|name| (name.clone(), self.table(&name))).collect()
    }

    fn table(&self, name: &str) -> Vec<Vec<Value>> {
        let standing =
            STANDING.iter().find(|(table, _)| *table == name).map_or("TRUE", |(_, standing)| *standing);
        let mut all = self.0.prepare_cached(&format!("SELECT * FROM {name} WHERE {standing}")).unwrap();
        let columns: Vec<_> = all.column_names().map(|name| !PASSING.contains(&name)).collect();
        let kept = || columns.iter().enumerate().filter_map(|(number, kept)| kept.then_some(number));
        let rows = all.query_map([], |row| kept().map(|number| row.get(number)).collect()).unwrap();
        rows.map(Result::unwrap).collect()
    }
}

/// The tables whose rows differ.
pub(super) fn difference(before: &Rows, after: &Rows) -> Vec<String> {
    before
        .iter()
        .filter(|(name, rows)| after.get(*name) != Some(rows))
        .map(|(name, _)| name.clone())
        .collect()
}
