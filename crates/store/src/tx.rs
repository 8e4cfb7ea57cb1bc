//! A unit of work under way.

use std::collections::HashMap;

use rusqlite::Connection;
use wharfinger_metrics::{Lookup, Lookups};

use crate::row::Source;
use crate::{Error, Result, Row, Sql, Value};

/// A unit of work under way: everything done through it happens, or nothing.
pub struct Tx<'a> {
    engine: Engine<'a>,
    /// Whether a statement failed only because of what others did at the same time.
    pub(crate) collided: bool,
    /// What the first statement that failed said.
    pub(crate) failed: Option<Error>,
}

enum Engine<'a> {
    Sqlite(&'a Connection),
    Postgres { transaction: postgres::Transaction<'a>, prepared: &'a mut Prepared },
}

/// The statements that a connection to PostgreSQL has prepared, by their addresses.
pub(crate) struct Prepared {
    statements: HashMap<usize, postgres::Statement>,
    lookups: Lookups,
}

impl Prepared {
    /// None yet, and where it is counted whether one was there.
    pub(crate) fn new(lookups: Lookups) -> Self {
        Self { statements: HashMap::new(), lookups }
    }
}

impl<'a> Tx<'a> {
    pub(crate) fn sqlite(connection: &'a Connection) -> Self {
        Self { engine: Engine::Sqlite(connection), collided: false, failed: None }
    }

    pub(crate) fn postgres(transaction: postgres::Transaction<'a>, prepared: &'a mut Prepared) -> Self {
        Self { engine: Engine::Postgres { transaction, prepared }, collided: false, failed: None }
    }

    /// Makes what was done last. SQLite's engine does that itself, for many units at once.
    pub(crate) fn commit(self) -> Result<(), postgres::Error> {
        match self.engine {
            Engine::Sqlite(_) => Ok(()),
            Engine::Postgres { transaction, .. } => transaction.commit(),
        }
    }

    /// Runs a statement; how many rows it changed.
    ///
    /// A unit of work in which a statement failed is undone even if the unit itself makes nothing of it: PostgreSQL
    /// keeps nothing after a failure, so SQLite must not either.
    ///
    /// # Errors
    /// [`Error::Constraint`] when the database forbids it, and whatever the engine says.
    pub fn execute(&mut self, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64> {
        let done = sendable(params).and_then(|()| match &mut self.engine {
            Engine::Sqlite(connection) => execute_on_sqlite(connection, sql, params),
            Engine::Postgres { transaction, prepared } => {
                let statement = prepare(transaction, prepared, sql);
                let done = statement.and_then(|it| transaction.execute(&it, &borrow(params)));
                done.map_err(|error| told(error, &mut self.collided))
            }
        });
        self.noted(done)
    }

    /// Every row that a statement answers.
    ///
    /// # Errors
    /// As [`Tx::execute`], and whatever `map` says.
    pub fn all<T>(
        &mut self,
        sql: &'static Sql,
        params: &[Value<'_>],
        mut map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Vec<T>> {
        let rows = sendable(params).and_then(|()| match &mut self.engine {
            Engine::Sqlite(connection) => query_on_sqlite(connection, sql, params, map),
            Engine::Postgres { transaction, prepared } => {
                let statement = prepare(transaction, prepared, sql);
                let rows = statement.and_then(|it| transaction.query(&it, &borrow(params)));
                let rows = rows.map_err(|error| told(error, &mut self.collided))?;
                rows.iter().map(|row| map(&Row(Source::Postgres(row)))).collect()
            }
        });
        self.noted(rows)
    }

    /// The first row that a statement answers, if there is any.
    ///
    /// # Errors
    /// As [`Tx::all`].
    pub fn optional<T>(
        &mut self,
        sql: &'static Sql,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<Option<T>> {
        Ok(self.all(sql, params, map)?.into_iter().next())
    }

    /// The row that a statement answers.
    ///
    /// # Errors
    /// As [`Tx::all`], and [`Error::NoRow`] when there is none.
    pub fn one<T>(
        &mut self,
        sql: &'static Sql,
        params: &[Value<'_>],
        map: impl FnMut(&Row<'_>) -> Result<T>,
    ) -> Result<T> {
        self.optional(sql, params, map)?.ok_or(Error::NoRow)
    }

    /// Lets the engine read a statement without running it.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn prepare(&mut self, sql: &'static Sql) -> Result<()> {
        let done = match &mut self.engine {
            Engine::Sqlite(connection) => connection.prepare(sql.sqlite()).map(drop).map_err(Error::from),
            Engine::Postgres { transaction, prepared } => {
                prepare(transaction, prepared, sql).map(drop).map_err(Error::from)
            }
        };
        self.noted(done)
    }

    fn noted<T>(&mut self, done: Result<T>) -> Result<T> {
        if let Err(error) = &done {
            self.failed.get_or_insert_with(|| error.clone());
        }
        done
    }
}

/// PostgreSQL's text can't hold a NUL, so SQLite's must not.
fn sendable(params: &[Value<'_>]) -> Result<()> {
    let nul = params.iter().any(|value| matches!(value, Value::Text(text) if text.contains('\0')));
    if nul { Err(Error::NulInText) } else { Ok(()) }
}

fn execute_on_sqlite(connection: &Connection, sql: &'static Sql, params: &[Value<'_>]) -> Result<u64> {
    let mut statement = connection.prepare_cached(sql.sqlite())?;
    Ok(statement.execute(rusqlite::params_from_iter(params))? as u64)
}

fn query_on_sqlite<T>(
    connection: &Connection,
    sql: &'static Sql,
    params: &[Value<'_>],
    mut map: impl FnMut(&Row<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    let mut statement = connection.prepare_cached(sql.sqlite())?;
    let mut rows = statement.query(rusqlite::params_from_iter(params))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        all.push(map(&Row(Source::Sqlite(row)))?);
    }
    Ok(all)
}

fn told(error: postgres::Error, collided: &mut bool) -> Error {
    *collided |= is_collision(&error);
    error.into()
}

/// Whether a unit of work failed only because of what others did at the same time, so that it may be run again.
pub(crate) fn is_collision(error: &postgres::Error) -> bool {
    use postgres::error::SqlState;
    // A row that is pointed at was removed, or pointed at, since this unit looked: it will see that when it looks again.
    matches!(
        error.code(),
        Some(
            &SqlState::T_R_SERIALIZATION_FAILURE
                | &SqlState::T_R_DEADLOCK_DETECTED
                | &SqlState::FOREIGN_KEY_VIOLATION
        )
    )
}

fn borrow<'a>(params: &'a [Value<'_>]) -> Vec<&'a (dyn postgres::types::ToSql + Sync)> {
    params.iter().map(|value| value as _).collect()
}

fn prepare(
    transaction: &mut postgres::Transaction<'_>,
    prepared: &mut Prepared,
    sql: &'static Sql,
) -> Result<postgres::Statement, postgres::Error> {
    let address = std::ptr::from_ref(sql).addr();
    if let Some(statement) = prepared.statements.get(&address) {
        prepared.lookups.of(Lookup::Hit).inc();
        return Ok(statement.clone());
    }
    prepared.lookups.of(Lookup::Miss).inc();
    let statement = transaction.prepare(sql.postgres())?;
    prepared.statements.insert(address, statement.clone());
    Ok(statement)
}
