//! Who may do what, by every door. The registry tells which doors there are, so one without a row fails: [`rows`] says
//! what each operation needs, and [`callers`] what each kind of caller may.

mod callers;
mod checks;
mod distribution;
mod operations;
mod others;
mod pages;
mod rows;
mod state;
mod world;

use std::collections::BTreeSet;

use serde_json::json;

use crate::support::{Engine, Server};
use checks::Checks;
use operations::described;
use rows::{Needs, ROWS};
use world::World;

#[test]
fn every_operation_has_a_row_and_every_row_an_operation() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let (_, operations) = described(&server);
    let listed: BTreeSet<_> = operations.iter().map(|operation| operation.id.as_str()).collect();
    assert_eq!(listed, ROWS.iter().map(|(id, _)| *id).collect());
    assert_eq!(listed.len(), ROWS.len(), "a row is there twice");
}

#[test]
fn whoever_may_not_is_refused_and_changes_nothing() {
    let mut checks = Checks::of(World::new());
    for operation in checks.operations() {
        let needs = operation.needs();
        let refused = checks.callers(&operation).into_iter().filter_map(|number| {
            let (caller, credentials) = &checks.world.callers[number];
            Some((caller.refused(needs, operation.reads())?, credentials.clone()))
        });
        let refused: Vec<_> = refused.collect();
        checks.refused(&operation, &refused);
    }
    checks.end();
}

#[test]
fn whoever_may_is_let_in_and_answered_as_the_document_says() {
    let mut checks = Checks::of(World::new());
    for operation in checks.operations() {
        let needs = operation.needs();
        for number in checks.callers(&operation) {
            let (caller, credentials) = checks.world.callers[number].clone();
            if needs != Needs::Leaving && caller.refused(needs, operation.reads()).is_none() {
                checks.let_in(&operation, &credentials);
            }
        }
    }
    checks.end();
}

#[test]
fn a_scope_alone_lets_its_own_operations_through_and_no_other() {
    let world = World::new();
    // To a superuser, one scope opens everything; so whether the others do is seen by somebody else.
    let [olga, admin] = ["olga", "admin"].map(|user| world.tokens(user));
    let of =
        |needs: Needs| if matches!(needs, Needs::Superuser | Needs::ReadEverything) { &admin } else { &olga };
    let mut checks = Checks::of(world);
    let mut operations = checks.operations();
    operations.retain(|it| {
        let needs = it.needs();
        needs == Needs::Wholly || !needs.scopes().is_empty() && needs != Needs::Leaving
    });
    for operation in &operations {
        let needs = operation.needs();
        let status = if needs == Needs::Myself { 401 } else { 403 };
        let others = of(needs).iter().filter(|(scope, _)| !needs.scopes().contains(scope));
        checks.refused(operation, &others.map(|(_, token)| (status, token.clone())).collect::<Vec<_>>());
    }
    // Only now, for what is deleted goes on changing while it is collected.
    for operation in &operations {
        let needs = operation.needs();
        for (_, token) in of(needs).iter().filter(|(scope, _)| needs.scopes().contains(scope)) {
            checks.let_in(operation, token);
        }
    }
    checks.end();
}

#[test]
fn the_documents_say_which_scope_is_enough() {
    let server = Server::start_empty(Engine::Sqlite, &[]);
    let (_, operations) = described(&server);
    for operation in operations {
        let needs = operation.needs();
        let security = operation.security.as_array().unwrap();
        match needs.scopes().first() {
            None if needs == Needs::Wholly => {
                let every: Vec<_> = callers::NOT_SUPER.split(' ').collect();
                assert_eq!(security[0], json!({"oauth2_implicit": every}), "{}", operation.id);
            }
            Some(_) if needs == Needs::Searching => {
                assert_eq!(security[0], json!({"oauth2_implicit": []}), "{}", operation.id);
                assert!(!security.contains(&json!({})), "{}", operation.id);
            }
            Some(_) if needs == Needs::SignOut => assert!(security.contains(&json!({})), "{}", operation.id),
            Some(scope) => assert_eq!(security[0], json!({"oauth2_implicit": [scope]}), "{}", operation.id),
            None if needs == Needs::Nothing => assert!(security.is_empty(), "{}", operation.id),
            None => assert!(security.contains(&json!({})), "{}", operation.id),
        }
    }
}
