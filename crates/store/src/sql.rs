//! Statements: one text for both engines, with parameters written `?1`, `?2` and so on.

use std::sync::OnceLock;

use linkme::distributed_slice;

/// A statement. Made by [`sql!`](crate::sql) alone, which also puts it on the list of all statements.
#[derive(Debug)]
pub struct Sql {
    text: &'static str,
    postgres: OnceLock<String>,
}

/// Every statement of the program, so that a test can prepare each of them on both engines.
#[distributed_slice]
pub static STATEMENTS: [Sql];

impl Sql {
    /// For [`sql!`](crate::sql).
    #[doc(hidden)]
    pub const fn new(text: &'static str) -> Self {
        Self { text, postgres: OnceLock::new() }
    }

    /// The text as it was written, which is what SQLite reads.
    pub fn sqlite(&self) -> &'static str {
        self.text
    }

    /// The text for PostgreSQL, which writes parameters `$1`.
    pub fn postgres(&self) -> &str {
        self.postgres.get_or_init(|| self.text.replace('?', "$"))
    }
}

/// A statement written in place: `sql!("SELECT … WHERE id = ?1")`. No question mark may stand in it but those of
/// parameters.
#[macro_export]
macro_rules! sql {
    ($text:expr) => {{
        #[$crate::linkme::distributed_slice($crate::STATEMENTS)]
        #[linkme(crate = $crate::linkme)]
        #[allow(
            unsafe_code,
            reason = "the list of statements is put together by the linker; nothing is unsafe in them"
        )]
        static STATEMENT: $crate::Sql = $crate::Sql::new($text);
        &STATEMENT
    }};
}

/// Parameters of a statement, in order.
#[macro_export]
macro_rules! params {
    ($($value:expr),* $(,)?) => {
        &[$($crate::Value::from($value)),*]
    };
}
