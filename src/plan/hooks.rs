//! Hooks: Jobs and Pods that run before the workloads (`pre`) or after everything (`verify`).
//!
//! Helm's annotations are understood where they have a meaning here, and refused by name where they have none.

use crate::model::names::{HOOK_ANNOTATION, IRREVERSIBLE_ANNOTATION, UNDO_ANNOTATION};
use crate::model::{Object, ObjectId};
use std::collections::BTreeSet;

const HELM_HOOK: &str = "helm.sh/hook";
const HELM_WEIGHT: &str = "helm.sh/hook-weight";
const HELM_POLICY: &str = "helm.sh/hook-delete-policy";

/// When a hook runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before workloads.
    Pre,
    /// After everything.
    Verify,
    /// Never in a promotion: Helm runs it when it deletes or rolls back.
    Never,
}

/// A hook and its place among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    pub when: When,
    /// Lower ones first.
    pub weight: i32,
}

/// What the annotations of an object make of it; an error names the annotation that is not understood.
pub(super) fn hook_of(object: &Object) -> Result<Option<Hook>, String> {
    let own = object.annotation(HOOK_ANNOTATION);
    let helm = object.annotation(HELM_HOOK);
    let when = match (own, helm) {
        (Some("pre"), _) => When::Pre,
        (Some("verify"), _) => When::Verify,
        (Some(other), _) => return Err(format!("{HOOK_ANNOTATION}: {other} (pre and verify are known)")),
        (None, Some(text)) => helm_when(text)?,
        (None, None) => return Ok(None),
    };
    let runs = matches!((&*object.gvk().group, object.kind()), ("batch", "Job") | ("", "Pod"));
    if !runs {
        // What Helm makes before a hook that needs it is made before it here, too: by its kind.
        return match (own, when) {
            (Some(_), _) => Err(format!("{HOOK_ANNOTATION} on a {}: only Jobs and Pods run", object.kind())),
            (None, When::Never) => Ok(Some(Hook { when, weight: 0 })),
            (None, _) => Ok(None),
        };
    }
    let weight = match object.annotation(HELM_WEIGHT) {
        Some(text) => {
            text.parse().map_err(|_| format!("{HELM_WEIGHT}: {text} (a whole number is expected)"))?
        }
        None => 0,
    };
    for policy in words(object.annotation(HELM_POLICY).unwrap_or_default()) {
        if !matches!(policy, "before-hook-creation" | "hook-succeeded" | "hook-failed") {
            return Err(format!("{HELM_POLICY}: {policy}"));
        }
    }
    Ok(Some(Hook { when, weight }))
}

fn helm_when(text: &str) -> Result<When, String> {
    let mut found = When::Never;
    for word in words(text) {
        match word {
            "pre-install" | "pre-upgrade" => found = When::Pre,
            "post-install" | "post-upgrade" | "test" | "test-success" if found == When::Never => {
                found = When::Verify
            }
            "post-install" | "post-upgrade" | "test" | "test-success" => {}
            "pre-delete" | "post-delete" | "pre-rollback" | "post-rollback" => {}
            other => return Err(format!("{HELM_HOOK}: {other}")),
        }
    }
    Ok(found)
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

/// Whether Helm would delete the hook once it has run: here it stays until the next promotion.
pub(super) fn outlives_its_policy(object: &Object) -> bool {
    words(object.annotation(HELM_POLICY).unwrap_or_default()).any(|policy| policy != "before-hook-creation")
}

/// The name of the Job that undoes an irreversible one.
pub(super) fn undone_by(object: &Object) -> Option<&str> {
    object.annotation(UNDO_ANNOTATION).filter(|_| is_irreversible(object))
}

/// Whether a Job says that its effect cannot be undone.
pub(super) fn is_irreversible(object: &Object) -> bool {
    object.annotation(IRREVERSIBLE_ANNOTATION) == Some("true")
}

/// Which of a release's objects a promotion never applies: hooks of deletions and rollbacks, and Jobs that undo others.
pub fn not_applied<'a>(desired: impl Iterator<Item = (ObjectId, &'a Object)>) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    for (id, object) in desired {
        if let Some(name) = undone_by(object) {
            found.insert(ObjectId { name: name.into(), ..id.clone() });
        }
        if matches!(hook_of(object), Ok(Some(Hook { when: When::Never, .. }))) {
            found.insert(id);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn hook(kind: (&str, &str), annotations: Value) -> Result<Option<(When, i32)>, String> {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a", "annotations": annotations}});
        hook_of(&Object::new(object).unwrap()).map(|hook| hook.map(|hook| (hook.when, hook.weight)))
    }

    const JOB: (&str, &str) = ("batch/v1", "Job");

    #[test]
    fn own_and_helms_annotations_say_when_a_job_runs() {
        for (annotations, expected) in [
            (json!({HOOK_ANNOTATION: "pre"}), (When::Pre, 0)),
            (json!({HELM_HOOK: "pre-install,pre-upgrade", HELM_WEIGHT: "-5"}), (When::Pre, -5)),
            (json!({HELM_HOOK: "post-upgrade"}), (When::Verify, 0)),
            (json!({HELM_HOOK: "test", HELM_POLICY: "hook-succeeded"}), (When::Verify, 0)),
            (json!({HELM_HOOK: "pre-delete"}), (When::Never, 0)),
        ] {
            assert_eq!(hook(JOB, annotations.clone()), Ok(Some(expected)), "{annotations}");
        }
        assert_eq!(hook(JOB, json!({})), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        for (annotations, name) in [
            (json!({HOOK_ANNOTATION: "during"}), "during"),
            (json!({HELM_HOOK: "crd-install"}), "crd-install"),
            (json!({HELM_HOOK: "test", HELM_WEIGHT: "heavy"}), "heavy"),
            (json!({HELM_HOOK: "test", HELM_POLICY: "sometimes"}), "sometimes"),
        ] {
            assert!(hook(JOB, annotations).unwrap_err().contains(name));
        }
        assert!(
            hook(("v1", "ConfigMap"), json!({HOOK_ANNOTATION: "pre"})).unwrap_err().contains("ConfigMap")
        );
    }

    #[test]
    fn what_helm_makes_for_a_hook_is_an_ordinary_object() {
        assert_eq!(hook(("v1", "ServiceAccount"), json!({HELM_HOOK: "pre-install"})), Ok(None));
    }
}
