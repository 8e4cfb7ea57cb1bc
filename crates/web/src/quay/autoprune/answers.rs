//! What is told of auto-prune policies, and of what they would do.

use serde::Serialize;
use utoipa::ToSchema;
use wharfinger_model::prune::Verdict;
use wharfinger_registry::policies::prune::{Judged, Page, PolicyView, Preview, Summaries};

/// The auto-prune policies of something.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPrunePolicies)]
pub(super) struct Policies<'a> {
    pub(super) policies: Vec<Policy<'a>>,
}

/// A policy by which tags are deleted.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPrunePolicy)]
#[serde(rename_all = "camelCase")]
pub(super) struct Policy<'a> {
    uuid: &'a str,
    method: &'a str,
    value: PolicyValue<'a>,
    /// Null if it looks at every tag.
    #[schema(required)]
    tag_pattern: Option<&'a str>,
    tag_pattern_matches: bool,
    /// `repository` or `namespace`, where both may have policies.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    scope: Option<&'static str>,
}

/// How many tags are kept, or how old they may get.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPruneValue)]
#[serde(untagged)]
pub(super) enum PolicyValue<'a> {
    Number(i64),
    Text(&'a str),
}

impl<'a> From<&'a PolicyView> for Policy<'a> {
    fn from(policy: &'a PolicyView) -> Self {
        Self {
            uuid: &policy.uuid,
            method: &policy.method,
            value: policy
                .value
                .as_ref()
                .map_or_else(|text| PolicyValue::Text(text), |it| PolicyValue::Number(*it)),
            tag_pattern: policy.pattern.as_deref(),
            tag_pattern_matches: policy.matches,
            scope: None,
        }
    }
}

/// What would become of the tags of a repository.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPrunePreview)]
pub(super) struct Previewed<'a> {
    tags: Vec<JudgedTag<'a>>,
    page: usize,
    /// Whether another page follows.
    has_additional: bool,
    /// How many tags would go, on all pages.
    prune_count: usize,
    /// How many would stay, on all pages.
    keep_count: usize,
    /// The policies that hold, the namespace's first.
    policies: Vec<Policy<'a>>,
}

/// What would become of a tag.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPruneJudgement)]
pub(super) struct JudgedTag<'a> {
    name: &'a str,
    /// In seconds since 1970.
    start_ts: i64,
    manifest_digest: &'a str,
    /// `prune` or `keep`.
    verdict: &'static str,
    reasons: Vec<Reason<'a>>,
}

/// Why a tag would go or stay.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPruneReason)]
pub(super) struct Reason<'a> {
    /// For programs, as in `older_than`.
    reason: &'static str,
    /// The policy that says so; null for a rule of the registry's own, and for a policy that is only tried.
    #[schema(required)]
    policy_uuid: Option<&'a str>,
    /// For people.
    message: String,
}

impl<'a> Previewed<'a> {
    pub(super) fn new(preview: &'a Preview, page: Page) -> Self {
        let policies = preview.policies.iter().map(|policy| {
            let scope = if policy.of_repository { "repository" } else { "namespace" };
            Policy { scope: Some(scope), ..Policy::from(policy) }
        });
        Self {
            tags: preview.tags.iter().map(|tag| JudgedTag::new(tag, &preview.judges)).collect(),
            page: page.number,
            has_additional: preview.has_additional,
            prune_count: preview.pruned,
            keep_count: preview.kept,
            policies: policies.collect(),
        }
    }
}

impl<'a> JudgedTag<'a> {
    pub(super) fn new(tag: &'a Judged, judges: &'a [Option<String>]) -> Self {
        let reason = |policy: Option<usize>, reason, message: String| {
            let policy_uuid = policy.and_then(|place| judges.get(place)?.as_deref());
            Reason { reason, policy_uuid, message }
        };
        let (verdict, reasons) = match &tag.verdict {
            Verdict::Prune { by, reason: why } => {
                ("prune", vec![reason(Some(*by), why.word(), why.to_string())])
            }
            Verdict::Exempt(why) => ("keep", vec![reason(None, why.word(), why.to_string())]),
            Verdict::Keep(spared) if spared.is_empty() => {
                ("keep", vec![reason(None, "no_policy", "No policy holds for the repository.".into())])
            }
            Verdict::Keep(spared) => {
                let why = spared.iter().map(|(by, why)| reason(Some(*by), why.word(), why.to_string()));
                ("keep", why.collect())
            }
        };
        Self {
            name: tag.name.as_str(),
            start_ts: tag.start.as_seconds(),
            manifest_digest: tag.digest.as_str(),
            verdict,
            reasons,
        }
    }
}

/// What a policy would do.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = AutoPruneTried)]
pub(super) enum Tried<'a> {
    InNamespace(Summarized<'a>),
    InRepository(Previewed<'a>),
}

/// What a policy would do to the repositories of a namespace.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPruneSummaries)]
pub(super) struct Summarized<'a> {
    repositories: Vec<SummarizedRepository<'a>>,
    page: usize,
    /// Whether another page follows.
    has_additional: bool,
}

/// How many tags of a repository would go, and how many stay.
#[derive(Serialize, ToSchema)]
#[schema(as = AutoPruneSummary)]
pub(super) struct SummarizedRepository<'a> {
    namespace: &'a str,
    name: &'a str,
    prune_count: usize,
    keep_count: usize,
}

impl<'a> Summarized<'a> {
    pub(super) fn new(summaries: &'a Summaries, page: Page) -> Self {
        let repositories = summaries.repositories.iter().map(|summary| SummarizedRepository {
            namespace: summary.name.namespace(),
            name: summary.name.name(),
            prune_count: summary.pruned,
            keep_count: summary.kept,
        });
        Self {
            repositories: repositories.collect(),
            page: page.number,
            has_additional: summaries.has_additional,
        }
    }
}
