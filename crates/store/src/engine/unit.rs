//! A unit of work on its way to an engine's thread, and its answer on the way back.

use std::panic::{AssertUnwindSafe, catch_unwind};

use tokio::sync::oneshot;
use tracing::Span;

use crate::{Error, Result, Tx};

/// A unit of work with its types forgotten, so that an engine can queue all kinds.
pub(super) trait Unit: Send {
    /// Does the work and keeps what it gives.
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome;

    /// Answers: with what the work gave, or with `failed` if the engine could not keep it.
    fn answer(self: Box<Self>, failed: Option<Error>);
}

/// What to do with what a unit of work has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// Keep it.
    Keep,
    /// Undo it.
    Undo,
}

struct Work<T, E, F> {
    work: F,
    /// Whom it is done for, in logs and traces.
    span: Span,
    given: Option<Result<T, E>>,
    answer: oneshot::Sender<Result<T, E>>,
}

impl<T, E, F> Unit for Work<T, E, F>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send,
    T: Send,
    E: From<Error> + Send,
{
    fn run(&mut self, tx: &mut Tx<'_>) -> Outcome {
        let given = self.span.in_scope(|| guarded(&self.work, tx));
        let outcome = if given.is_ok() { Outcome::Keep } else { Outcome::Undo };
        self.given = Some(given);
        outcome
    }

    fn answer(self: Box<Self>, failed: Option<Error>) {
        let Self { work, span: _, given, answer } = *self;
        // What the work kept to itself is free before anybody hears that it is done.
        drop(work);
        let given = match (failed, given) {
            (Some(error), _) => Err(error.into()),
            (None, Some(given)) => given,
            (None, None) => Err(Error::Unavailable.into()),
        };
        // Nobody may be waiting any more; the work is done all the same.
        drop(answer.send(given));
    }
}

/// Packs work, and gives the end on which its answer will come.
pub(super) fn pack<T, E, F>(work: F) -> (Box<dyn Unit>, oneshot::Receiver<Result<T, E>>)
where
    F: Fn(&mut Tx<'_>) -> Result<T, E> + Send + 'static,
    T: Send + 'static,
    E: From<Error> + Send + 'static,
{
    let (answer, answered) = oneshot::channel();
    (Box::new(Work { work, span: Span::current(), given: None, answer }), answered)
}

/// Does work whose panic is an error of that work alone. Work in which a statement failed has failed.
pub(super) fn guarded<T, E, F>(work: &F, tx: &mut Tx<'_>) -> Result<T, E>
where
    F: Fn(&mut Tx<'_>) -> Result<T, E>,
    E: From<Error>,
{
    // Whatever the work had changed of its own is dropped with it, and the engine undoes the rest.
    let given = catch_unwind(AssertUnwindSafe(|| work(tx))).unwrap_or_else(|_| Err(Error::Panicked.into()));
    match &tx.failed {
        Some(error) if given.is_ok() => Err(error.clone().into()),
        _ => given,
    }
}
