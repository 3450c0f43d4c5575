//! Hooks: Jobs and Pods that run before the workloads (`pre`) or after everything (`verify`).
//!
//! Helm's annotations are understood where they have a meaning here, and refused by name where they have none: a hook that
//! is passed over lets a release through that nobody has migrated or tested. Our own annotation wins over Helm's. What
//! Helm makes for a hook and does not run is an ordinary object here.

use crate::model::hook::{is_irreversible, runs, words};
use crate::model::names::{
    HELM_HOOK_ANNOTATION, HELM_POLICY_ANNOTATION, HELM_WEIGHT_ANNOTATION, HOOK_ANNOTATION, UNDO_ANNOTATION,
};
use crate::model::{Object, ObjectId};
use std::collections::BTreeSet;

/// When a hook runs in a promotion.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before workloads.
    Pre,
    /// After everything.
    Verify,
}

/// A hook and its place among others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hook {
    /// When it runs in the first promotion of the release here; none where it does not.
    pub first: Option<When>,
    /// When it runs in every later one.
    pub later: Option<When>,
    /// Lower ones first.
    pub weight: i32,
    /// Whether it is one by Helm's annotation: those run one after the other.
    pub is_helms: bool,
}

impl Hook {
    /// When it runs in the first promotion, or in a later one.
    pub(super) fn when(&self, is_first: bool) -> Option<When> {
        if is_first { self.first } else { self.later }
    }

    /// Whether no promotion runs it: Helm does, when it deletes or rolls back.
    pub(super) fn runs_never(&self) -> bool {
        self.first.is_none() && self.later.is_none()
    }
}

/// What the annotations of an object make of it; an error names the annotation that is not understood.
pub(super) fn hook_of(object: &Object) -> Result<Option<Hook>, String> {
    let own = object.annotation(HOOK_ANNOTATION);

    let both = |when| (Some(when), Some(when));
    // Ours says nothing of installations and upgrades: such a hook runs in every promotion.
    let (first, later) = match (own, object.annotation(HELM_HOOK_ANNOTATION)) {
        (Some("pre"), _) => both(When::Pre),
        (Some("verify"), _) => both(When::Verify),
        (Some(other), _) => return Err(format!("{HOOK_ANNOTATION}: {other} (supported: pre, verify)")),
        (None, Some(text)) => helm_when(text)?,
        (None, None) => return Ok(None),
    };
    let mut hook = Hook {
        first,
        later,
        weight: 0,
        is_helms: own.is_none(),
    };

    if !runs(object) {
        // What Helm makes before a hook that needs it is made before it here, too: by its kind.
        return match own {
            Some(_) => Err(format!(
                "{HOOK_ANNOTATION} on a {}: only Jobs and Pods can be hooks",
                object.kind()
            )),
            None => Ok(hook.runs_never().then_some(hook)),
        };
    }

    if let Some(text) = object.annotation(HELM_WEIGHT_ANNOTATION) {
        hook.weight = text
            .parse()
            .map_err(|_| format!("{HELM_WEIGHT_ANNOTATION}: expected an integer, found {text:?}"))?;
    }
    // What happens anyway, or comes of a rollback, is taken; any other policy would be a promise not kept.
    for policy in words(object.annotation(HELM_POLICY_ANNOTATION).unwrap_or_default()) {
        if !matches!(policy, "before-hook-creation" | "hook-succeeded" | "hook-failed") {
            return Err(format!("{HELM_POLICY_ANNOTATION}: {policy}"));
        }
    }

    Ok(Some(hook))
}

/// When Helm's words let it run in the first promotion, which is an installation, and in later ones. What is said to
/// run before and after runs before.
fn helm_when(text: &str) -> Result<(Option<When>, Option<When>), String> {
    let (mut first, mut later) = (None, None);
    // The workloads wait for what runs before them: running it after them says less.
    let add = |to: &mut Option<When>, when| {
        if *to != Some(When::Pre) {
            *to = Some(when);
        }
    };

    for word in words(text) {
        match word {
            "pre-install" => add(&mut first, When::Pre),
            "pre-upgrade" => add(&mut later, When::Pre),
            "post-install" => add(&mut first, When::Verify),
            "post-upgrade" => add(&mut later, When::Verify),
            // Helm runs them on demand; here a promotion proves itself by them.
            "test" | "test-success" => {
                add(&mut first, When::Verify);
                add(&mut later, When::Verify);
            }
            // Known, and none of a promotion's: with no other word the hook never runs.
            "pre-delete" | "post-delete" | "pre-rollback" | "post-rollback" => {}
            other => return Err(format!("{HELM_HOOK_ANNOTATION}: {other}")),
        }
    }

    Ok((first, later))
}

/// The name of the Job that undoes an irreversible one.
pub(super) fn undone_by(object: &Object) -> Option<&str> {
    // Without `irreversible` the annotation is refused as misuse, and takes no Job out of a promotion.
    object
        .annotation(UNDO_ANNOTATION)
        .filter(|_| is_irreversible(object))
}

/// Which of a release's objects a promotion never applies: hooks of deletions and rollbacks, and Jobs that undo others.
pub fn not_applied<'a>(desired: impl Iterator<Item = (ObjectId, &'a Object)>) -> BTreeSet<ObjectId> {
    let mut found = BTreeSet::new();
    for (id, object) in desired {
        // One that names itself is refused elsewhere: left out here, it would vanish without a word.
        if let Some(name) = undone_by(object).filter(|name| *name != object.name()) {
            found.insert(ObjectId {
                name: name.into(),
                ..id.clone()
            });
        }
        if hook_of(object).is_ok_and(|hook| hook.is_some_and(|hook| hook.runs_never())) {
            found.insert(id);
        }
    }

    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    type Found = Result<Option<(Option<When>, Option<When>, i32)>, String>;

    fn hook(kind: (&str, &str), annotations: &Value) -> Found {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a", "annotations": annotations}});
        hook_of(&Object::new(object).unwrap())
            .map(|hook| hook.map(|hook| (hook.first, hook.later, hook.weight)))
    }

    const JOB: (&str, &str) = ("batch/v1", "Job");

    #[test]
    fn own_and_helms_annotations_say_when_a_job_runs() {
        let (pre, verify) = (Some(When::Pre), Some(When::Verify));
        for (annotations, expected) in [
            (json!({HOOK_ANNOTATION: "pre"}), (pre, pre, 0)),
            (
                json!({HELM_HOOK_ANNOTATION: "pre-install,pre-upgrade", HELM_WEIGHT_ANNOTATION: "-5"}),
                (pre, pre, -5),
            ),
            (json!({HELM_HOOK_ANNOTATION: "post-upgrade"}), (None, verify, 0)),
            (json!({HELM_HOOK_ANNOTATION: "pre-install"}), (pre, None, 0)),
            // What is said of upgrades says nothing of installations, and the other way round.
            (
                json!({HELM_HOOK_ANNOTATION: "post-upgrade, pre-install"}),
                (pre, verify, 0),
            ),
            (
                // Both before and after: it is before.
                json!({HELM_HOOK_ANNOTATION: "post-upgrade,pre-upgrade,test"}),
                (verify, pre, 0),
            ),
            (
                json!({HELM_HOOK_ANNOTATION: "test", HELM_POLICY_ANNOTATION: "hook-succeeded"}),
                (verify, verify, 0),
            ),
            (json!({HELM_HOOK_ANNOTATION: "pre-delete"}), (None, None, 0)),
            (
                json!({HELM_HOOK_ANNOTATION: "test", HELM_WEIGHT_ANNOTATION: "2147483647"}),
                (verify, verify, i32::MAX),
            ),
        ] {
            assert_eq!(hook(JOB, &annotations), Ok(Some(expected)), "{annotations}");
        }
        assert_eq!(hook(JOB, &json!({})), Ok(None));
    }

    #[test]
    fn what_is_not_understood_is_refused_by_its_name() {
        for (annotations, name) in [
            (json!({HOOK_ANNOTATION: "during"}), "during"),
            (json!({HELM_HOOK_ANNOTATION: "crd-install"}), "crd-install"),
            (
                json!({HELM_HOOK_ANNOTATION: "test", HELM_WEIGHT_ANNOTATION: "heavy"}),
                "heavy",
            ),
            (
                json!({HELM_HOOK_ANNOTATION: "test", HELM_POLICY_ANNOTATION: "sometimes"}),
                "sometimes",
            ),
        ] {
            assert!(hook(JOB, &annotations).unwrap_err().contains(name));
        }
        assert!(
            hook(("v1", "ConfigMap"), &json!({HOOK_ANNOTATION: "pre"}))
                .unwrap_err()
                .contains("ConfigMap")
        );
    }

    #[test]
    fn what_helm_makes_for_a_hook_is_an_ordinary_object() {
        assert_eq!(
            hook(
                ("v1", "ServiceAccount"),
                &json!({HELM_HOOK_ANNOTATION: "pre-install"})
            ),
            Ok(None)
        );
    }
}
