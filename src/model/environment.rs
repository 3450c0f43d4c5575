//! The Environment file: how one cluster may differ from what was tested.
//!
//! It is reviewed like code: whatever lets a difference, a container or an unfinished rollout pass states its
//! reason. Paths in it are relative to the file. Expressions and globs are texts here; `load` reads the file,
//! `compare` judges by it.

use super::evidence::{EvidenceRule, NameOrRule, names_or_rules};
use super::glob::matches;
use super::identity::ObjectId;
use super::path::FieldPath;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// An environment as its file holds it. Unknown fields are refused.
// A mistyped field would loosen nothing, or everything, in silence.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Environment {
    /// `kubectl-delivery.io/v1alpha1`.
    pub api_version: String,
    /// `Environment`.
    pub kind: String,
    /// Its name.
    pub metadata: EnvironmentMetadata,
    /// What it declares.
    #[serde(default)]
    pub spec: EnvironmentSpec,
}

/// What an environment is called.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EnvironmentMetadata {
    /// Such as `production`.
    pub name: String,
}

/// What an environment declares.
// An empty environment lets no difference pass.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct EnvironmentSpec {
    /// kubeconfig context; a flag takes precedence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Release namespace; a flag takes precedence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its own manifests; without them, desired is the release's own objects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manifests: Option<Manifests>,
    /// Tested namespace → the one in this environment.
    pub namespaces: BTreeMap<String, String>,
    /// Registry or repository prefix as tested → the one to pull from here.
    pub registries: BTreeMap<String, String>,
    /// What a release must have before it is promoted.
    pub require: Require,
    /// What an untested difference without an allow rule does.
    pub untested: UntestedPolicy,
    /// Expected differences.
    pub differences: Vec<DifferenceRule>,
    /// What exists only in this environment, or is shared with others.
    pub external: Vec<External>,
    /// Containers that admission adds to pods.
    pub injected: Vec<Injected>,
    /// Health of custom kinds.
    pub health_checks: Vec<HealthCheck>,
    /// A condition after the rollout.
    pub gates: Vec<Gate>,
    /// Objects that are not waited for: their state is no failure.
    pub wait: Vec<WaitRule>,
    /// Workloads of which a second pod may run in a rehearsal.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rehearse: Vec<RehearseRule>,
    /// What to do with a custom resource without a reported health: a note (the default), or a failed rollout.
    #[serde(skip_serializing_if = "UnknownHealth::is_note")]
    pub unknown_health: UnknownHealth,
}

/// Where the environment's own manifests are; paths are relative to the environment's file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Manifests {
    /// A kustomization directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kustomize: Option<String>,
    /// Files and directories.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<String>,
}

/// What a release must have.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Require {
    /// Public key files; a signature by one of them is needed.
    pub keys: Vec<String>,
    /// Test attestations that must exist (signed, where keys are given) and be without failures.
    // The type of what is written, not of what is made of it: an editor should accept a bare name.
    #[serde(deserialize_with = "names_or_rules")]
    #[schemars(with = "Vec<NameOrRule>")]
    pub evidence: Vec<EvidenceRule>,
}

/// What an untested difference without an allow rule does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UntestedPolicy {
    /// It blocks a promotion.
    // Nothing untested passes by being forgotten.
    #[default]
    Refuse,
    /// It is reported.
    Report,
}

/// What to do with an object without a reported health.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum UnknownHealth {
    /// Print a note and continue.
    #[default]
    Note,
    /// Fail the rollout.
    Fail,
}

impl UnknownHealth {
    /// Whether it is the default.
    pub fn is_note(&self) -> bool {
        *self == Self::Note
    }

    /// The stricter one of two.
    #[must_use]
    pub fn stricter(self, other: Self) -> Self {
        if self.is_note() { other } else { self }
    }
}

/// One expected difference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct DifferenceRule {
    /// Which objects.
    pub target: TargetPattern,
    /// Which field and all under it; the whole object where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<FieldPath>,
    /// CEL over `tested`, `desired` and `live`, which must be true.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub when: Option<String>,
    /// Why the difference is expected.
    pub reason: String,
    /// Who is responsible for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The last day (UTC) on which it allows anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    // The date type has no schema of its own.
    #[schemars(with = "Option<String>", extend("format" = "date"))]
    pub expires: Option<jiff::civil::Date>,
    /// `file:line:column` of `expires`, where it was read from a file.
    // No field of the file: its reader adds it, so that an expired rule is told with its place.
    #[serde(skip)]
    pub place: Option<String>,
}

/// Which objects a rule matches; every part may hold `*` and `?`, an absent part matches all.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct TargetPattern {
    /// API group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Kind.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Namespace in this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name in this environment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

impl TargetPattern {
    /// Whether an object is one that the pattern speaks of.
    pub fn matches(&self, id: &ObjectId) -> bool {
        // A cluster-scoped object has the empty namespace, which `*` takes as well.
        let part =
            |pattern: &Option<String>, text: &str| pattern.as_deref().is_none_or(|glob| matches(glob, text));

        part(&self.group, &id.group)
            && part(&self.kind, &id.kind)
            && part(&self.namespace, id.namespace.as_deref().unwrap_or_default())
            && part(&self.name, &id.name)
    }
}

/// Objects that are not waited for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WaitRule {
    /// Which objects.
    pub target: TargetPattern,
    /// Why they are not waited for.
    pub reason: String,
}

/// Workloads of which a second pod may run in a rehearsal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct RehearseRule {
    /// Which workloads.
    pub target: TargetPattern,
    /// Why a second pod of them does no harm.
    // It may take work from a queue, or send mail: somebody has thought of that.
    pub reason: String,
}

/// Something that exists only in this environment, or is shared with others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct External {
    /// API group; empty for the core group.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace; the release namespace where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name.
    pub name: String,
    /// Keys that a Secret or ConfigMap must have.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

/// A container that admission adds to pods.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Injected {
    /// A glob over the image without tag and digest.
    // With a tag or digest in it, it would break with each update of the injector.
    pub image: String,
    /// Why it is there.
    pub reason: String,
}

/// Health of a custom kind, as CEL over `self`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct HealthCheck {
    /// API group.
    #[serde(default)]
    pub group: String,
    /// Kind.
    pub kind: String,
    /// True where the object has failed for good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
    /// True where the object is ready.
    pub current: String,
}

/// A condition after the rollout.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// A Job's manifest file, relative to the environment's file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// A Prometheus query and its condition.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prometheus: Option<PrometheusGate>,
    /// Seconds after which it has failed; 300 where absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_seconds: Option<u32>,
}

/// A Prometheus query and its condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PrometheusGate {
    /// Base URL of the server.
    pub url: String,
    /// PromQL, an instant query.
    pub query: String,
    /// CEL over `result`, the list of sample values, which must be true.
    // An instant query may give several samples, or none: the condition has to say what that means.
    pub condition: String,
}
