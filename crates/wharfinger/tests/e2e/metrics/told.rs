//! What is told at `/metrics`, read as strictly as the format is defined.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::Server;

/// A scrape in Prometheus' text format 0.0.4.
pub(super) struct Told {
    /// Name and kind of each family.
    pub(super) families: BTreeMap<String, String>,
    samples: BTreeMap<Sample, f64>,
}

/// The name of a series and its labels.
type Sample = (String, BTreeMap<String, String>);

impl Told {
    /// Asks the listener that is for metrics alone.
    #[track_caller]
    pub(super) fn by(server: &Server) -> Self {
        let answer = server.call_at(&server.metrics, "GET", "/metrics").send();
        assert_eq!(answer.status, 200, "{answer:?}");
        Self::read(&answer.text())
    }

    /// Reads an exposition.
    #[track_caller]
    pub(super) fn read(text: &str) -> Self {
        let (mut families, mut helped, mut samples) = (BTreeMap::new(), BTreeSet::new(), BTreeMap::new());
        assert!(text.ends_with('\n'));
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, about) = help.split_once(' ').unwrap();
                assert!(about.len() > 5 && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(helped.contains(name), "{line}: without help");
                assert!(families.insert(name.to_owned(), kind.to_owned()).is_none(), "{line}: twice");
            } else {
                let (sample, value) = sample(line);
                assert!(samples.insert(sample, value).is_none(), "{line}: twice");
            }
        }
        let told = Self { families, samples };
        told.check();
        told
    }

    /// Each sample is of a family, by the rules of its kind.
    fn check(&self) {
        for ((name, labels), value) in &self.samples {
            let suffix = |suffix| name.strip_suffix(suffix).and_then(|family| self.kind(family));
            match (self.kind(name), suffix("_bucket"), suffix("_sum").or(suffix("_count"))) {
                (Some("counter"), ..) => {
                    assert!(name.ends_with("_total") && *value >= 0.0, "{name}: {value}")
                }
                (Some("gauge"), ..) => assert!(!name.ends_with("_total"), "{name}"),
                (None, Some("histogram"), _) => assert!(labels.contains_key("le"), "{name}"),
                (None, None, Some("histogram")) => {}
                other => panic!("{name}: {other:?}"),
            }
        }
        for ((name, labels), count) in &self.samples {
            let Some(family) = name.strip_suffix("_count").filter(|family| self.kind(family).is_some())
            else {
                continue;
            };
            let mut buckets: Vec<_> = self
                .samples
                .iter()
                .filter_map(|((name, with), value)| {
                    let mut with = with.clone();
                    let bound = with.remove("le")?;
                    let own = *name == format!("{family}_bucket") && with == *labels;
                    own.then(|| (bound.replace("+Inf", "inf").parse::<f64>().unwrap(), *value))
                })
                .collect();
            buckets.sort_by(|one, other| one.0.total_cmp(&other.0));
            assert!(buckets.is_sorted_by(|one, next| one.1 <= next.1), "{name}: {buckets:?}");
            assert_eq!(buckets.last(), Some(&(f64::INFINITY, *count)), "{name}");
        }
    }

    fn kind(&self, family: &str) -> Option<&str> {
        self.families.get(family).map(String::as_str)
    }

    /// The sum of all series of this name that have these labels.
    pub(super) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        assert!(self.series().contains(name), "{name} is not told");
        let has = |with: &BTreeMap<String, String>| {
            labels.iter().all(|(key, value)| with.get(*key).is_some_and(|it| it == value))
        };
        self.samples.iter().filter(|((of, with), _)| of == name && has(with)).map(|(_, value)| value).sum()
    }

    /// The names of all series.
    pub(super) fn series(&self) -> BTreeSet<&str> {
        self.samples.keys().map(|(name, _)| name.as_str()).collect()
    }

    /// Every value of this label.
    pub(super) fn values(&self, label: &str) -> BTreeSet<&str> {
        self.samples.keys().filter_map(|(_, labels)| labels.get(label)).map(String::as_str).collect()
    }

    /// How many series there are.
    pub(super) fn count(&self) -> usize {
        self.samples.len()
    }
}

/// A line that is no comment, as in `name{label="value"} 1`. No value here needs an escape.
#[track_caller]
fn sample(line: &str) -> (Sample, f64) {
    let (name, value) = line.rsplit_once(' ').unwrap();
    let (name, labels) = match name.split_once('{') {
        Some((name, labels)) => (name, labels.strip_suffix('}').unwrap()),
        None => (name, ""),
    };
    assert!(name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{line}");
    let labels = labels.split("\",").filter(|label| !label.is_empty()).map(|label| {
        let (key, value) = label.split_once("=\"").unwrap();
        (key.to_owned(), value.trim_end_matches('"').to_owned())
    });
    ((name.to_owned(), labels.collect()), value.parse().unwrap())
}
