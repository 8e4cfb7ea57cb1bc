//! What can be wrong with a configuration, and how it is told.

use std::fmt;
use std::path::{Path, PathBuf};

use super::setting::Setting;

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Variable,
    /// A line of the configuration file, counted from 1.
    File(PathBuf, usize),
    /// Nobody said anything.
    Default,
}

impl Origin {
    /// How a message refers to `setting` as given here.
    pub(crate) fn naming(&self, setting: &Setting) -> String {
        match self {
            Self::Flag => setting.flag(),
            Self::Variable => setting.variable(),
            Self::File(path, line) => format!("{}, line {line}: {}", path.display(), setting.key),
            Self::Default => format!("{} (default)", setting.key),
        }
    }
}

/// One thing that is wrong: where, what, and what to do about it, in one line without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake(String);

impl Mistake {
    pub(crate) fn in_value(setting: &Setting, origin: &Origin, error: &super::value::Error) -> Self {
        Self(format!("{}: {error}", origin.naming(setting)))
    }

    pub(crate) fn in_line(path: &Path, line: usize, key: Option<&str>, what: &str) -> Self {
        match key {
            Some(key) => Self(format!("{}, line {line}: {key}: {what}", path.display())),
            None => Self(format!("{}, line {line}: {what}", path.display())),
        }
    }

    pub(crate) fn of(place: impl fmt::Display, what: impl fmt::Display) -> Self {
        Self(format!("{place}: {what}"))
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Everything that is wrong with a configuration: at least one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistakes(pub(crate) Vec<Mistake>);

impl Mistakes {
    /// Each of them, in the order of the sources and then of the settings.
    pub fn iter(&self) -> impl Iterator<Item = &Mistake> {
        self.0.iter()
    }
}

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, mistake) in self.0.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Mistakes {}
