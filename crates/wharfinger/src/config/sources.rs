//! What was said, and where.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::PathBuf;

use super::file;
use super::mistake::{Mistake, Origin};
use super::secret::masked;
use super::setting::{self, VARIABLE_PREFIX};

/// The variable that names the configuration file.
const FILE_VARIABLE: &str = "WHARFINGER_CONFIG";

/// A value as it was written, and where.
#[derive(Clone)]
pub(super) struct Given {
    pub(super) text: String,
    pub(super) origin: Origin,
}

impl fmt::Debug for Given {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` from {:?}", masked(&self.text), self.origin)
    }
}

/// What was said, and where: for each setting the last word.
#[derive(Debug, Clone)]
pub struct Sources {
    pub(super) given: BTreeMap<&'static str, Given>,
    pub(super) ignored: Vec<String>,
    pub(super) mistakes: Vec<Mistake>,
}

impl Sources {
    /// Puts flags over environment over file. Flags come as key and value; `file` is that of `--config`.
    ///
    /// An empty variable counts as one that is not set.
    pub fn new(
        flags: impl IntoIterator<Item = (&'static str, String)>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        file: Option<PathBuf>,
    ) -> Self {
        let mut sources = Self { given: BTreeMap::new(), ignored: Vec::new(), mistakes: Vec::new() };
        let mut variables = BTreeMap::new();
        for (name, value) in environment {
            sources.variable(&mut variables, &name, value);
        }
        let file = file.map(|path| (path, "--config"));
        let file = file.or_else(|| Some((variables.remove(FILE_VARIABLE)?.into(), FILE_VARIABLE)));
        if let Some((path, named_by)) = file {
            let (given, mistakes) = file::read(&path, named_by);
            sources.given.extend(given.into_iter().map(|(setting, given)| (setting.key, given)));
            sources.mistakes.extend(mistakes);
        }
        for setting in setting::ALL {
            if let Some(text) = variables.remove(&setting.variable()) {
                sources.given.insert(setting.key, Given { text, origin: Origin::Variable });
            }
        }
        sources.ignored = variables.into_keys().filter(|name| !is_anothers(name)).collect();
        for (key, text) in flags {
            sources.given.insert(key, Given { text, origin: Origin::Flag });
        }
        sources
    }

    fn variable(&mut self, ours: &mut BTreeMap<String, String>, name: &OsStr, value: OsString) {
        let Some(name) = name.to_str().filter(|name| name.starts_with(VARIABLE_PREFIX)) else { return };
        match value.into_string() {
            Ok(value) if value.is_empty() => {}
            Ok(value) => drop(ours.insert(name.to_owned(), value)),
            Err(_) => self.mistakes.push(Mistake::of(name, "the value is not UTF-8: write it in UTF-8")),
        }
    }
}

/// Variables that Kubernetes sets for a service named `wharfinger`, and those of the test suite.
fn is_anothers(name: &str) -> bool {
    ["WHARFINGER_SERVICE_", "WHARFINGER_PORT", "WHARFINGER_TEST_"]
        .iter()
        .any(|prefix| name.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    #[test]
    fn passwords_stay_out_of_what_is_printed_for_debugging() {
        let url = "postgres://wharf:hunter2@db/wharf".to_owned();
        let sources = Sources::new([("database", url.clone())], [], None);
        let config = Config::new(sources.clone()).unwrap();
        for printed in [format!("{sources:?}"), format!("{config:?}"), config.database.to_string()] {
            assert!(printed.contains("postgres://wharf:****@db/wharf"), "{printed}");
            assert!(!printed.contains("hunter2"), "{printed}");
        }
    }
}
