//! Auto-prune policies: which living tags a repository rids itself of, and why.

mod policy;
mod verdict;

pub use policy::{InvalidPolicy, Method, Names, Policy, Side, Value};
pub use verdict::{Exemption, Overdue, Spared, Verdict};

use crate::rules::is_sibling;
use crate::{TagName, Timestamp};

/// What has to be known of a living tag to judge it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Its name.
    pub name: TagName,
    /// When it began to point at what it points at.
    pub start: Timestamp,
    /// When it is going to end by itself.
    pub end: Option<Timestamp>,
    /// Whether nobody may end it.
    pub immutable: bool,
    /// When it was last pulled by its name.
    pub last_pull: Option<Timestamp>,
}

/// Judges the living tags of one repository, one after the other, newest first.
///
/// That gives what applying one policy after the other would give, because what a policy says of a tag depends on newer
/// tags alone.
#[derive(Debug, Clone)]
pub struct Judge<'p> {
    /// With their places, in the order in which they are applied.
    policies: Vec<(usize, &'p Policy)>,
    /// How many tags each has let through.
    passed: Vec<u64>,
    now: Timestamp,
    good_until: Timestamp,
}

impl<'p> Judge<'p> {
    /// Judges at `now` by these policies: those of the namespace, then those of the repository, each in the order in
    /// which they were made.
    pub fn new(policies: impl IntoIterator<Item = &'p Policy>, now: Timestamp) -> Self {
        let mut policies: Vec<_> = policies.into_iter().enumerate().collect();
        policies.sort_by_key(|(_, policy)| policy.method.turn());
        let passed = vec![0; policies.len()];
        Self { policies, passed, now, good_until: Timestamp::END }
    }

    /// Until when the verdicts hold if no tag is changed: then the first of the tags ends that took a place among the
    /// newest.
    pub fn good_until(&self) -> Timestamp {
        self.good_until
    }

    /// What becomes of the next tag.
    pub fn judge(&mut self, tag: &Candidate) -> Verdict {
        if tag.immutable {
            return Verdict::Exempt(Exemption::Immutable);
        }
        if is_sibling(&tag.name) {
            return Verdict::Exempt(Exemption::CosignSibling);
        }
        let mut spared = Vec::with_capacity(self.policies.len());
        for ((place, policy), passed) in self.policies.iter().zip(&mut self.passed) {
            match opinion(policy, tag, *passed, self.now) {
                Err(reason) => return Verdict::Prune { by: *place, reason },
                Ok(reason) => {
                    if let Spared::AmongNewest(_) = reason {
                        *passed += 1;
                        self.good_until = tag.end.map_or(self.good_until, |end| self.good_until.min(end));
                    }
                    spared.push((*place, reason));
                }
            }
        }
        Verdict::Keep(spared)
    }
}

/// What one policy says of a tag, having let `passed` newer ones through. `Err` prunes it.
fn opinion(policy: &Policy, tag: &Candidate, passed: u64, now: Timestamp) -> Result<Spared, Overdue> {
    if !policy.names.cover(&tag.name) {
        return Ok(Spared::NotCovered);
    }
    match policy.method {
        Method::NumberOfTags(number) if passed < number.get() => Ok(Spared::AmongNewest(number)),
        Method::NumberOfTags(number) => Err(Overdue::BeyondNewest(number)),
        Method::CreationDate(period) if tag.start < now - period.length() => Err(Overdue::OlderThan(period)),
        Method::CreationDate(period) => Ok(Spared::NewerThan(period)),
        Method::NotPulledFor(period) => {
            let since = now - period.length();
            if tag.last_pull.is_some_and(|pull| pull >= since) {
                Ok(Spared::PulledWithin(period))
            } else if tag.start >= since {
                Ok(Spared::NewerThan(period))
            } else {
                Err(Overdue::NotPulledFor(period))
            }
        }
    }
}

#[cfg(test)]
mod tests;
