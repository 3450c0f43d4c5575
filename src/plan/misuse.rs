//! Annotations and specs of Jobs and Pods that do not mean what they seem to: each is refused by name.
//!
//! A typing error in one of them would show only when it matters: in the revert that finds no undo, or in the hook that
//! is waited for until the deadline. So nothing is guessed, and the hint says what to write.

use crate::model::Object;
use crate::model::hook::{expires, is_cleaned_up, is_hook, is_irreversible};
use crate::model::names::{HELM_POLICY_ANNOTATION, IRREVERSIBLE_ANNOTATION, UNDO_ANNOTATION};
use serde_json::Value;

/// What is wrong, and what to write instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Misuse {
    /// One sentence.
    pub message: String,
    /// What to type.
    pub hint: String,
}

/// Everything that is misused in an object.
pub(super) fn find_misuses(object: &Object) -> Vec<Misuse> {
    // A hook is one by its annotations, too: without any there is nothing to misuse.
    if object.annotations().is_none() {
        return Vec::new();
    }

    let mut found = undo_misuses(object);
    found.extend(hook_misuse(object));
    found
}

fn misuse(message: String, hint: impl Into<String>) -> Misuse {
    Misuse {
        message,
        hint: hint.into(),
    }
}

/// `irreversible` and `undo`: a value that is not understood would make a Job that cannot be undone look like any other.
fn undo_misuses(object: &Object) -> Vec<Misuse> {
    // As it is written: `true` without quotes is no text, and as an annotation it would not be seen.
    let value = |key: &str| object.annotations().and_then(|all| all.get(key));
    let is_job = (&*object.gvk().group, object.kind()) == ("batch", "Job");

    let mut found = Vec::new();
    for key in [IRREVERSIBLE_ANNOTATION, UNDO_ANNOTATION] {
        if value(key).is_some() && !is_job {
            let message = format!("annotation {key} on a {}: only a Job can have it", object.kind());
            found.push(misuse(message, format!("remove the annotation {key}")));
        }
    }
    // Of another kind it is wrong already: what it says there is no matter.
    if !is_job {
        return found;
    }

    if let Some(other) =
        value(IRREVERSIBLE_ANNOTATION).filter(|value| !matches!(value.as_str(), Some("true" | "false")))
    {
        let message =
            format!("annotation {IRREVERSIBLE_ANNOTATION}: expected \"true\" or \"false\", found {other}");
        found.push(misuse(
            message,
            format!("set {IRREVERSIBLE_ANNOTATION}: \"true\""),
        ));
    }

    if let Some(undo) = value(UNDO_ANNOTATION) {
        // By itself it takes no Job out of a promotion: the one that it names would simply run.
        if !is_irreversible(object) {
            let message = format!("annotation {UNDO_ANNOTATION} without {IRREVERSIBLE_ANNOTATION}: \"true\"");
            found.push(misuse(
                message,
                format!("add {IRREVERSIBLE_ANNOTATION}: \"true\""),
            ));
        }
        if undo.as_str() == Some(object.name()) {
            let message = format!("annotation {UNDO_ANNOTATION} names the Job itself");
            found.push(misuse(
                message,
                format!("set {UNDO_ANNOTATION} to the name of the undo Job"),
            ));
        }
    }

    if is_irreversible(object) && is_cleaned_up(object) {
        let (what, place) = match expires(object) {
            true => ("ttlSecondsAfterFinished", "its spec"),
            false => ("hook-succeeded", HELM_POLICY_ANNOTATION),
        };

        let message = format!(
            "{what} would delete the irreversible Job after it completes, and with it the record that it ran"
        );
        found.push(misuse(message, format!("remove {what} from {place}")));
    }

    found
}

/// Hooks that would never end.
fn hook_misuse(object: &Object) -> Option<Misuse> {
    if !is_hook(object) {
        return None;
    }
    // A queue may suspend a Job at admission, and lets it go; a manifest does not.
    if object.at("/spec/suspend") == Some(&Value::Bool(true)) {
        let message = "the hook can never finish: /spec/suspend is true".into();
        return Some(misuse(message, "remove /spec/suspend"));
    }
    // `Always` is also the default of a Pod; a Job's template cannot have it.
    let restarts = object.kind() == "Pod" && matches!(object.text("/spec/restartPolicy"), "" | "Always");

    restarts.then(|| {
        let message = "the hook can never finish: restartPolicy Always restarts its containers".into();
        misuse(message, "set restartPolicy: Never")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::{HELM_HOOK_ANNOTATION, HOOK_ANNOTATION};
    use serde_json::json;

    fn messages(kind: (&str, &str), annotations: &Value, spec: &Value) -> Vec<String> {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "spec": spec,
            "metadata": {"name": "migrate", "annotations": annotations}});
        find_misuses(&Object::new(object).unwrap())
            .into_iter()
            .map(|found| found.message)
            .collect()
    }

    const JOB: (&str, &str) = ("batch/v1", "Job");
    const POD: (&str, &str) = ("v1", "Pod");

    fn is_refused(kind: (&str, &str), annotations: &Value, spec: &Value, message: &str) {
        let found = messages(kind, annotations, spec);
        assert!(
            found.len() == 1 && found[0].contains(message),
            "{message}: {found:?}"
        );
    }

    #[test]
    fn annotations_that_cannot_be_meant_are_refused_by_name() {
        for (kind, annotations, message) in [
            (JOB, json!({IRREVERSIBLE_ANNOTATION: "yes"}), "found \"yes\""),
            // Without quotes it is no text: it must not pass for an annotation that is not there.
            (JOB, json!({IRREVERSIBLE_ANNOTATION: true}), "found true"),
            (JOB, json!({UNDO_ANNOTATION: "back"}), "without"),
            (
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "false", UNDO_ANNOTATION: "back"}),
                "without",
            ),
            (
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "true", UNDO_ANNOTATION: "migrate"}),
                "names the Job itself",
            ),
            (
                ("apps/v1", "Deployment"),
                json!({IRREVERSIBLE_ANNOTATION: "true"}),
                "on a Deployment",
            ),
            (POD, json!({UNDO_ANNOTATION: "back"}), "on a Pod"),
            (
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "true", HELM_HOOK_ANNOTATION: "test", HELM_POLICY_ANNOTATION: "hook-succeeded"}),
                "hook-succeeded",
            ),
        ] {
            is_refused(kind, &annotations, &json!({}), message);
        }
    }

    #[test]
    fn a_spec_that_its_annotations_forbid_is_refused_by_name() {
        for (kind, annotations, spec, message) in [
            (
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "true"}),
                json!({"ttlSecondsAfterFinished": 60}),
                "ttlSecondsAfterFinished",
            ),
            (
                JOB,
                json!({HOOK_ANNOTATION: "pre"}),
                json!({"suspend": true}),
                "suspend",
            ),
            (
                POD,
                json!({HELM_HOOK_ANNOTATION: "test"}),
                json!({}),
                "restartPolicy Always",
            ),
        ] {
            is_refused(kind, &annotations, &spec, message);
        }
    }

    #[test]
    fn what_is_meant_is_not() {
        for (kind, annotations, spec) in [
            (
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "true", UNDO_ANNOTATION: "back"}),
                json!({}),
            ),
            (
                // It can be undone: nothing is lost when it goes by itself.
                JOB,
                json!({IRREVERSIBLE_ANNOTATION: "false"}),
                json!({"ttlSecondsAfterFinished": 60}),
            ),
            // No hook: it may be suspended, and a Pod need not end.
            (JOB, json!({}), json!({"suspend": true})),
            (
                POD,
                json!({HELM_HOOK_ANNOTATION: "test"}),
                json!({"restartPolicy": "Never"}),
            ),
            (POD, json!({}), json!({})),
        ] {
            assert_eq!(messages(kind, &annotations, &spec), [""; 0]);
        }
    }
}
