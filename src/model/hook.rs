//! What annotations and specs say of a Job or Pod that runs to its end: a hook, one that goes by itself, one whose
//! effect cannot be undone.
//!
//! Here is what is said, not whether it makes sense: annotations that mean nothing are refused by the plan.

use super::names::{HELM_HOOK_ANNOTATION, HELM_POLICY_ANNOTATION, HOOK_ANNOTATION, IRREVERSIBLE_ANNOTATION};
use super::object::Object;
use serde_json::Value;

/// What is said of a Job or Pod that is not there any more because it has run.
pub const CLEANED_UP: &str = "completed and was cleaned up";

/// Whether an object is of a kind that runs to its end: a Job or a Pod.
pub fn runs(object: &Object) -> bool {
    matches!(
        (&*object.gvk().group, object.kind()),
        ("batch", "Job") | ("", "Pod")
    )
}

/// Whether a Job or Pod is a hook: by our annotation or by Helm's.
pub fn is_hook(object: &Object) -> bool {
    // Helm's annotation stands on accounts and ConfigMaps as well: those are ordinary objects here.
    let is_annotated = |key: &&str| object.annotation(key).is_some();
    [HOOK_ANNOTATION, HELM_HOOK_ANNOTATION].iter().any(is_annotated) && runs(object)
}

/// Whether a Job says that its effect cannot be undone.
pub fn is_irreversible(object: &Object) -> bool {
    // Other texts than `true` and `false` are refused by the plan.
    object.annotation(IRREVERSIBLE_ANNOTATION) == Some("true")
}

/// Whether a hook is deleted once it has succeeded: Helm's `hook-succeeded`.
pub fn goes_once_succeeded(object: &Object) -> bool {
    // Helm's policy alone makes no hook.
    is_hook(object)
        && words(object.annotation(HELM_POLICY_ANNOTATION).unwrap_or_default())
            .any(|policy| policy == "hook-succeeded")
}

/// Whether a Job or Pod is not there any more once it has run: `hook-succeeded`, or `ttlSecondsAfterFinished`.
pub fn is_cleaned_up(object: &Object) -> bool {
    goes_once_succeeded(object) || expires(object)
}

/// How a Job or Pod has run to its end, well or not; none where it has not, or never does.
pub fn ended(live: &Object) -> Option<bool> {
    match (&*live.gvk().group, live.kind()) {
        ("batch", "Job") => {
            let conditions = live.at("/status/conditions").and_then(Value::as_array)?;
            let is_true = |kind: &str| {
                conditions
                    .iter()
                    .any(|one| one["type"] == kind && one["status"] == "True")
            };

            // Failed first: a Job that says both has not done its work.
            if is_true("Failed") {
                Some(false)
            } else {
                is_true("Complete").then_some(true)
            }
        }
        ("", "Pod") => match live.text("/status/phase") {
            "Succeeded" => Some(true),
            "Failed" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// Whether the control plane deletes a Job some time after it has ended.
pub fn expires(object: &Object) -> bool {
    // Only Jobs have it, and their controller deletes by it.
    let is_job = (&*object.gvk().group, object.kind()) == ("batch", "Job");
    is_job
        && object
            .at("/spec/ttlSecondsAfterFinished")
            .is_some_and(|seconds| !seconds.is_null())
}

/// The words of an annotation that is a list.
pub fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(kind: (&str, &str), annotations: &Value, spec: &Value) -> Object {
        Object::new(json!({"apiVersion": kind.0, "kind": kind.1, "spec": spec,
            "metadata": {"name": "a", "annotations": annotations}}))
        .unwrap()
    }

    const JOB: (&str, &str) = ("batch/v1", "Job");
    const POD: (&str, &str) = ("v1", "Pod");

    #[test]
    fn what_goes_by_itself_is_known_by_its_policy_or_its_time_to_live() {
        let helm = |policy: &str| json!({HELM_HOOK_ANNOTATION: "test", HELM_POLICY_ANNOTATION: policy});

        for (kind, annotations, spec, goes) in [
            (JOB, helm("before-hook-creation, hook-succeeded"), json!({}), true),
            (POD, helm("hook-succeeded"), json!({}), true),
            (JOB, helm("hook-failed"), json!({}), false),
            (
                // Its policy means nothing without Helm's hook annotation.
                JOB,
                json!({HELM_POLICY_ANNOTATION: "hook-succeeded"}),
                json!({}),
                false,
            ),
            (JOB, json!({}), json!({"ttlSecondsAfterFinished": 0}), true),
            // Not set at all.
            (JOB, json!({}), json!({"ttlSecondsAfterFinished": null}), false),
            // Pods have no such field.
            (POD, json!({}), json!({"ttlSecondsAfterFinished": 1}), false),
        ] {
            let case = format!("{kind:?} {annotations} {spec}");
            assert_eq!(is_cleaned_up(&object(kind, &annotations, &spec)), goes, "{case}");
        }
    }

    #[test]
    fn only_jobs_and_pods_are_hooks() {
        let annotations = || json!({HOOK_ANNOTATION: "pre"});
        assert!(is_hook(&object(JOB, &annotations(), &json!({}))));
        assert!(is_hook(&object(
            POD,
            &json!({HELM_HOOK_ANNOTATION: "test"}),
            &json!({})
        )));
        assert!(!is_hook(&object(("v1", "ConfigMap"), &annotations(), &json!({}))));
        assert!(!is_hook(&object(JOB, &json!({}), &json!({}))));
    }
}
