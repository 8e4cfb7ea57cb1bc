//! The policies that hold for a repository, ready to be applied.

use wharfinger_model::Timestamp;
use wharfinger_model::prune::{Judge, Policy};
use wharfinger_store::prune::{self, Recorded};
use wharfinger_store::{self as store, AccountId, RepositoryId, Tx};

use super::policies::{self, NewPolicy, PolicyView};
use crate::Result;

/// The policies that hold for a repository. A judge tells them by their places here.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    /// Everything that is written down, also what can't be applied.
    recorded: Vec<Recorded>,
    /// What can be applied, and its place in what is written down; a policy that is only tried has none.
    applied: Vec<(Option<usize>, Policy)>,
}

impl Rules {
    /// Those that hold now. What can't be applied is passed over.
    pub(super) fn load(tx: &mut Tx<'_>, namespace: AccountId, repository: RepositoryId) -> Result<Self> {
        let recorded = prune::holding(tx, namespace, repository)?;
        let applied = recorded.iter().enumerate().filter_map(|(place, policy)| {
            let applicable = policies::read(policy);
            if applicable.is_none() {
                tracing::warn!(
                    policy.uuid = policy.uuid,
                    "an auto-prune policy can't be applied and is passed over"
                );
            }
            applicable.map(|policy| (Some(place), policy))
        });
        let applied = applied.collect();
        Ok(Self { recorded, applied })
    }

    /// The same with one more, as if it were laid down for `domain`.
    pub(super) fn with(mut self, new: &NewPolicy, domain: store::Domain) -> Self {
        let of_namespace = |(place, _): &(Option<usize>, Policy)| {
            place.and_then(|place| self.recorded.get(place)).is_some_and(|policy| !policy.of_repository)
        };
        let place = match domain.repository {
            Some(_) => self.applied.len(),
            None => self.applied.iter().take_while(|policy| of_namespace(policy)).count(),
        };
        self.applied.insert(place, (None, new.policy().clone()));
        self
    }

    /// Whether nothing else is written down now.
    pub(super) fn still_hold(
        &self,
        tx: &mut Tx<'_>,
        namespace: AccountId,
        repository: RepositoryId,
    ) -> Result<bool> {
        Ok(prune::holding(tx, namespace, repository)? == self.recorded)
    }

    /// Whether there is nothing to judge by.
    pub(super) fn are_none(&self) -> bool {
        self.applied.is_empty()
    }

    pub(super) fn judge(&self, now: Timestamp) -> Judge<'_> {
        Judge::new(self.applied.iter().map(|(_, policy)| policy), now)
    }

    /// The name of a policy by its place; a policy that is only tried has none.
    pub(super) fn uuid(&self, place: usize) -> Option<&str> {
        let recorded = self.applied.get(place)?.0?;
        self.recorded.get(recorded).map(|policy| policy.uuid.as_str())
    }

    /// The names of those that judge, by their places, and everything that is written down.
    pub(super) fn into_views(self) -> (Vec<Option<String>>, Vec<PolicyView>) {
        let judges = (0..self.applied.len()).map(|place| self.uuid(place).map(str::to_owned)).collect();
        (judges, self.recorded.into_iter().map(PolicyView::from).collect())
    }
}
