//! The configuration file: TOML, one key per setting, no tables.

use std::fs;
use std::ops::Range;
use std::path::Path;

use toml::de::{DeInteger, DeTable, DeValue};

use super::mistake::{Mistake, Origin};
use super::setting::{self, Setting};
use super::sources::Given;

/// What the file says, and what is wrong with it.
pub(super) fn read(path: &Path, named_by: &str) -> (Vec<(&'static Setting, Given)>, Vec<Mistake>) {
    match fs::read_to_string(path) {
        Ok(text) => parse(path, &text),
        Err(error) => {
            let what = format!("can't read the file `{}`: {error}", path.display());
            (Vec::new(), vec![Mistake::of(named_by, what)])
        }
    }
}

fn parse(path: &Path, text: &str) -> (Vec<(&'static Setting, Given)>, Vec<Mistake>) {
    let table = match DeTable::parse(text) {
        Ok(table) => table.into_inner(),
        Err(error) => return (Vec::new(), vec![not_toml(path, text, &error)]),
    };
    let mut entries: Vec<_> = table.into_iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    let (mut given, mut mistakes) = (Vec::new(), Vec::new());
    for (key, value) in entries {
        let line = line_of(text, &key.span());
        let Some(setting) = setting::by_key(key.get_ref()) else {
            let what = "there is no such setting: `wharfinger config` shows those there are";
            mistakes.push(Mistake::in_line(path, line, Some(key.get_ref()), what));
            continue;
        };
        match plain(value.get_ref()) {
            Some(text) => given.push((setting, Given { text, origin: Origin::File(path.to_owned(), line) })),
            None => {
                let what = format!(
                    "values of type {} can't be used here: write a string",
                    value.get_ref().type_str()
                );
                mistakes.push(Mistake::in_line(path, line, Some(setting.key), &what));
            }
        }
    }
    (given, mistakes)
}

/// The value as it would be typed on the command line; none when it couldn't.
fn plain(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => decimal(number),
        DeValue::Boolean(switch) => Some(switch.to_string()),
        _ => None,
    }
}

fn decimal(number: &DeInteger<'_>) -> Option<String> {
    i64::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
}

/// Says nothing of the text at fault: it may hold a password.
fn not_toml(path: &Path, text: &str, error: &toml::de::Error) -> Mistake {
    let line = error.span().map_or(1, |span| line_of(text, &span));
    let key = text.lines().nth(line - 1).and_then(|text| text.split('=').next()).map(str::trim);
    let key = key.and_then(setting::by_key).map(|setting| setting.key);
    let what = error.message().lines().collect::<Vec<_>>().join(" ");
    Mistake::in_line(path, line, key, &format!("{what}: write one `key = \"value\"` a line, each key once"))
}

fn line_of(text: &str, span: &Range<usize>) -> usize {
    let before = text.as_bytes().get(..span.start).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}
