//! What sequences are made of, and how they are drawn.

use std::time::Duration;

use proptest::prelude::*;
use wharfinger_model::tag::Protection;

/// The tags that are changed.
pub(crate) const TAGS: [&str; 3] = ["1.0", "latest", "next"];
/// How many manifests there are. The last is an index that lists the first, which is one that lists nothing; those in
/// between are images.
pub(crate) const MANIFESTS: usize = 4;
/// The index.
pub(crate) const INDEX: usize = 3;
/// What it lists.
pub(crate) const LISTED: usize = 0;
/// The blobs of the images: one that both have, and one of each.
pub(crate) const BLOBS: [&[usize]; 3] = [&[1, 2], &[1], &[2]];

const SECOND: i64 = 1000;
const HOUR: i64 = 3600 * SECOND;
const DAY: i64 = 24 * HOUR;

/// In whose name a step is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Admin,
    Writer,
}

/// An expiration that is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Expiry {
    Never,
    /// In so many milliseconds; not all of them lie in the future.
    In(i64),
    /// In a year that has five digits.
    BeyondTheCalendar,
}

/// What is asked besides where the tag shall point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Asked {
    pub expiry: Option<Expiry>,
    pub protection: Option<Protection>,
}

/// One thing that is done. Tags and manifests are told by their numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Push {
        who: Who,
        tag: usize,
        manifest: usize,
    },
    PushByDigest {
        who: Who,
        manifest: usize,
    },
    Move {
        who: Who,
        tag: usize,
        manifest: usize,
        asked: Asked,
    },
    Amend {
        who: Who,
        tag: usize,
        asked: Asked,
    },
    Delete {
        who: Who,
        tag: usize,
    },
    DeleteByReference {
        who: Who,
        tag: usize,
    },
    Restore {
        who: Who,
        tag: usize,
        manifest: usize,
    },
    DeleteManifest {
        who: Who,
        manifest: usize,
    },
    PurgeLiving {
        who: Who,
        tag: usize,
    },
    PurgeDead {
        who: Who,
        tag: usize,
        manifest: usize,
    },
    Wait(Duration),
    Collect,
    /// Closes what has expired, which nobody can see.
    CloseExpired,
}

/// Sequences of 5 to 40 steps; most are short, and short ones find most.
pub(crate) fn sequences() -> impl Strategy<Value = Vec<Step>> {
    prop_oneof![
        4 => prop::collection::vec(steps(), 5..=14),
        1 => prop::collection::vec(steps(), 5..=40),
    ]
}

fn steps() -> impl Strategy<Value = Step> {
    let who = || prop_oneof![Just(Who::Admin), Just(Who::Writer)];
    let (tag, manifest) = (|| 0..TAGS.len(), || 0..MANIFESTS);
    let place = move || (who(), tag(), manifest());
    prop_oneof![
        5 => place().prop_map(|(who, tag, manifest)| Step::Push { who, tag, manifest }),
        2 => place().prop_map(|(who, _, manifest)| Step::PushByDigest { who, manifest }),
        5 => (place(), asked()).prop_map(|((who, tag, manifest), asked)| Step::Move { who, tag, manifest, asked }),
        5 => (place(), asked()).prop_map(|((who, tag, _), asked)| Step::Amend { who, tag, asked }),
        2 => place().prop_map(|(who, tag, _)| Step::Delete { who, tag }),
        1 => place().prop_map(|(who, tag, _)| Step::DeleteByReference { who, tag }),
        3 => place().prop_map(|(who, tag, manifest)| Step::Restore { who, tag, manifest }),
        2 => place().prop_map(|(who, _, manifest)| Step::DeleteManifest { who, manifest }),
        1 => place().prop_map(|(who, tag, _)| Step::PurgeLiving { who, tag }),
        2 => place().prop_map(|(who, tag, manifest)| Step::PurgeDead { who, tag, manifest }),
        3 => Just(Step::Collect),
        3 => Just(Step::CloseExpired),
        5 => pauses().prop_map(|ms| Step::Wait(Duration::from_millis(ms))),
    ]
}

fn asked() -> impl Strategy<Value = Asked> {
    let protection = prop_oneof![
        4 => Just(None),
        2 => Just(Some(Protection::Set)),
        2 => Just(Some(Protection::Unset)),
    ];
    let expiry = prop_oneof![
        6 => Just(None),
        1 => Just(Some(Expiry::Never)),
        1 => Just(Some(Expiry::BeyondTheCalendar)),
        4 => prop::sample::select(vec![-DAY, -1, 0, 1, SECOND, HOUR, DAY, 8 * DAY])
            .prop_map(|ms| Some(Expiry::In(ms))),
    ];
    (expiry, protection).prop_map(|(expiry, protection)| Asked { expiry, protection })
}

/// How long is waited, in milliseconds; two weeks is the window to the millisecond.
fn pauses() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => prop::sample::select(vec![0, 1, 1000, 3_600_000]),
        2 => prop::sample::select(vec![1, 8, 14, 15]).prop_map(|days| days * 86_400_000),
    ]
}
