//! Policies ready to be asked. A pattern is compiled once and kept by its text, because a change of a tag asks all the
//! policies that hold for it, while others wait to write.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use wharfinger_model::{InvalidPattern, Pattern, TagName};
use wharfinger_store::immutability::Policy;

/// How many patterns are kept: more than hold for one tag, and few enough for memory, of which each may take some 100 KiB.
const MOST: usize = 256;

/// What a text always compiles to.
static COMPILED: LazyLock<Mutex<HashMap<String, Arc<Pattern>>>> = LazyLock::new(Mutex::default);

/// A policy whose pattern is compiled.
#[derive(Debug)]
pub(super) struct Rule {
    pattern: Arc<Pattern>,
    matches: bool,
}

impl Rule {
    /// The policy, ready to be asked. `None` when its pattern does not compile any more, because the engine has changed:
    /// it holds for nothing.
    pub(super) fn of(policy: &Policy) -> Option<Self> {
        let pattern = compiled(&policy.pattern).ok()?;
        Some(Self { pattern, matches: policy.matches })
    }

    /// Whether the policy holds for the name.
    pub(super) fn holds(&self, name: &TagName) -> bool {
        self.pattern.matches(name) == self.matches
    }
}

/// The pattern of that text, for whole names.
///
/// # Errors
/// When it is none.
pub(super) fn compiled(text: &str) -> Result<Arc<Pattern>, InvalidPattern> {
    let kept = || COMPILED.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(pattern) = kept().get(text) {
        return Ok(Arc::clone(pattern));
    }
    // Nobody waits for the lock while a pattern is compiled.
    let pattern = Arc::new(Pattern::whole(text)?);
    let mut kept = kept();
    if kept.len() >= MOST
        && let Some(any) = kept.keys().next().cloned()
    {
        kept.remove(&any);
    }
    kept.insert(text.to_owned(), Arc::clone(&pattern));
    Ok(pattern)
}
