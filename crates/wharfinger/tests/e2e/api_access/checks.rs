//! Asking, and what must come of it.

use super::operations::{Operation, described};
use super::rows::Needs;
use super::state::{Rows, State, difference};
use super::world::{Credentials, World};
use crate::support::{Answer, Schemas};

/// Everything that was found to be wrong, told at the end.
pub(super) struct Checks {
    pub(super) world: World,
    schemas: Schemas,
    /// The first operation of each kind.
    samples: Vec<String>,
    state: State,
    /// What the registry remembered after the last refusal.
    before: Rows,
    wrong: Vec<String>,
}

impl Checks {
    pub(super) fn of(world: World) -> Self {
        let (schemas, operations) = described(&world.server);
        let mut kinds = Vec::new();
        let mut is_first = |operation: &Operation| {
            let kind = (operation.needs(), operation.reads());
            let first = !kinds.contains(&kind);
            kinds.push(kind);
            first
        };
        let samples = operations.iter().filter(|it| is_first(it)).map(|it| it.id.clone()).collect();
        let state = State::of(&world.server);
        Self { world, schemas, samples, before: state.rows(), state, wrong: Vec::new() }
    }

    pub(super) fn operations(&self) -> Vec<Operation> {
        described(&self.world.server).1
    }

    /// The numbers of those who are asked to try it.
    pub(super) fn callers(&self, operation: &Operation) -> Vec<usize> {
        let all = 0..self.world.callers.len();
        let tries =
            |number: &usize| !self.world.callers[*number].0.is_slow() || self.samples.contains(&operation.id);
        all.filter(tries).collect()
    }

    /// Asks for what must be refused with these statuses, and looks whether anything has changed.
    pub(super) fn refused(&mut self, operation: &Operation, by: &[(u16, Credentials)]) {
        for (status, credentials) in by {
            let answer = self.world.ask(operation, credentials);
            if answer.status != *status {
                self.wrong.push(format!(
                    "{}: {}, not {status}, for {}",
                    operation.id, answer.status, credentials.who
                ));
            }
        }
        let after = self.state.rows();
        let changed = difference(&self.before, &after);
        if !changed.is_empty() {
            self.wrong.push(format!("{} was refused and changed {changed:?}", operation.id));
        }
        self.before = after;
    }

    /// Asks for what must not be refused, and puts back what it changed.
    pub(super) fn let_in(&mut self, operation: &Operation, credentials: &Credentials) {
        let answer = self.world.ask(operation, credentials);
        if is_refused(&answer) || answer.status >= 500 {
            self.wrong.push(format!("{}: {} for {}", operation.id, answer.status, credentials.who));
        }
        operation.check_answer(&self.schemas, &answer);
        let takes_away = operation.method == "DELETE" || operation.needs() == Needs::SignOut;
        if takes_away && answer.status < 300 {
            self.world.make_whole();
        }
    }

    pub(super) fn end(self) {
        assert!(self.wrong.is_empty(), "{:#?}", self.wrong);
    }
}

fn is_refused(answer: &Answer) -> bool {
    matches!(answer.status, 401 | 403)
}
