//! How a step is undone, and which ones cannot be.
//!
//! Decided when the plan is made, for the plan is shown with it: a step without an undo is a barrier, behind which nothing
//! is put back by itself. Whether the caller may put a Role back is not known here; the preflight tries it.

use crate::model::hook::{ended, is_irreversible};
use crate::model::k8s::quantity::thousandths;
use crate::model::names::IRREVERSIBLE_ANNOTATION;
use crate::model::plan::Undo;
use crate::model::{Gvk, Object};
use serde_json::Value;

/// Finalizers of the control plane's own: it takes them away once nothing uses the object, and a rollback deletes what
/// uses it first.
const CONTROL_PLANES: &[&str] = &[
    "foregroundDeletion",
    "orphan",
    "kubernetes.io/pvc-protection",
    "kubernetes.io/pv-protection",
    "batch.kubernetes.io/job-tracking",
];

/// Undo of the apply of `body` onto `live`.
pub(super) fn apply_undo(live: &Object, body: &Object) -> Undo {
    let Gvk { group, kind, .. } = body.gvk();
    // The server changes nothing of it any more: only another object of its name can hold the old data.
    if !is_immutable(live) && is_immutable(body) {
        return Undo::Replace;
    }

    // What the server refuses to take back, though a pre-image is at hand.
    let why = match (&*group, &*kind) {
        ("apiextensions.k8s.io", "CustomResourceDefinition") => new_storage_version(live, body),
        ("", "PersistentVolumeClaim") => grows(live, body),
        _ => None,
    };

    why.map_or(Undo::Restore, |why| Undo::Impossible { why })
}

/// Undo of a creation: `live` is what a recreated Job was, `undo_job` the Job that the release names for it.
pub(super) fn create_undo(body: &Object, live: Option<&Object>, undo_job: Option<&Object>) -> Undo {
    // The release has an answer to what its Job does: that wins over the barrier.
    if let Some(job) = undo_job {
        return Undo::Run {
            job: Box::new(job.clone()),
        };
    }

    if is_irreversible(body) {
        return Undo::Impossible {
            why: format!("its annotation {IRREVERSIBLE_ANNOTATION} is \"true\""),
        };
    }

    if let Some(names) = held_by(body) {
        let why = format!("once created, it is deleted only after its finalizers are removed ({names})");
        return Undo::Impossible { why };
    }

    // A Job that is replaced: its predecessor comes back with a revert, unless that had run.
    match live {
        Some(live) => delete_undo(live),
        None => Undo::Delete,
    }
}

/// Undo of a deletion: what has run to its end is never run again by a revert.
pub(super) fn delete_undo(live: &Object) -> Undo {
    // A migration must not run a second time because something after it failed.
    if ended(live).is_some() {
        Undo::Delete
    } else {
        Undo::CreateAgain
    }
}

/// Finalizers that the control plane does not take away by itself.
pub(super) fn held_by(body: &Object) -> Option<String> {
    let names = body.at("/metadata/finalizers").and_then(Value::as_array)?;
    let names = names
        .iter()
        .filter_map(Value::as_str)
        .filter(|name| !CONTROL_PLANES.contains(name));
    let names: Vec<&str> = names.collect();

    (!names.is_empty()).then(|| names.join(", "))
}

/// Whether a ConfigMap or Secret says that its content never changes again.
pub fn is_immutable(object: &Object) -> bool {
    let gvk = object.gvk();
    matches!((&*gvk.group, &*gvk.kind), ("", "ConfigMap" | "Secret"))
        && object.at("/immutable") == Some(&Value::Bool(true))
}

fn storage_version(crd: &Object) -> Option<&str> {
    let versions = crd.at("/spec/versions")?.as_array()?;

    versions.iter().find(|version| version["storage"] == true)?["name"].as_str()
}

fn new_storage_version(live: &Object, body: &Object) -> Option<String> {
    let (old, new) = (storage_version(live)?, storage_version(body)?);
    // The server refuses a definition without a version that its `status.storedVersions` names.
    (old != new).then(|| {
        format!("objects are stored as {new} from then on, and the server no longer lets {old} be the only version")
    })
}

fn grows(live: &Object, body: &Object) -> Option<String> {
    let size = |object: &Object| {
        object
            .at("/spec/resources/requests/storage")
            .cloned()
            .unwrap_or_default()
    };

    let (old, new) = (size(live), size(body));
    // Read as quantities: `1Gi` and `1024Mi` are one size.
    let is_larger = match (thousandths(&old), thousandths(&new)) {
        (Some(old), Some(new)) => new > old,
        // A size that cannot be read may have grown: a barrier too many is the lesser harm.
        _ => !new.is_null() && old != new,
    };

    let shown = |size: &Value| size.as_str().map_or_else(|| size.to_string(), str::to_owned);
    is_larger.then(|| {
        format!(
            "a volume that grew from {} to {} cannot shrink again",
            shown(&old),
            shown(&new)
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(mut value: Value) -> Object {
        value["metadata"]["name"] = "a".into();
        Object::new(value).unwrap()
    }

    #[test]
    fn a_claim_that_grows_and_a_new_storage_version_cannot_be_undone() {
        let claim = |size: &str| {
            object(
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {},
                "spec": {"resources": {"requests": {"storage": size}}}}),
            )
        };

        assert!(
            matches!(apply_undo(&claim("1Gi"), &claim("2Gi")), Undo::Impossible { why } if why.contains("2Gi"))
        );
        // The same size in other words: nothing grows, and nothing stands in the way of an undo.
        for same in ["1Gi", "1024Mi", "1073741824"] {
            assert_eq!(apply_undo(&claim("1Gi"), &claim(same)), Undo::Restore, "{same}");
        }

        let crd = |storage: &str| {
            object(
                json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {},
                "spec": {"versions": [{"name": "v1", "storage": storage == "v1"}, {"name": "v2", "storage": storage == "v2"}]}}),
            )
        };

        assert!(matches!(
            apply_undo(&crd("v1"), &crd("v2")),
            Undo::Impossible { .. }
        ));
        assert_eq!(apply_undo(&crd("v1"), &crd("v1")), Undo::Restore);
    }

    #[test]
    fn a_map_or_secret_that_becomes_immutable_is_undone_by_another_one() {
        for kind in ["ConfigMap", "Secret"] {
            let made = |immutable: Value| {
                object(json!({"apiVersion": "v1", "kind": kind, "metadata": {}, "immutable": immutable}))
            };
            let (open, closed) = (made(json!(false)), made(json!(true)));
            assert_eq!(apply_undo(&open, &closed), Undo::Replace);
            // A field that is not set means that it can change.
            assert_eq!(apply_undo(&made(json!(null)), &closed), Undo::Replace);
            assert_eq!(
                apply_undo(&closed, &closed),
                Undo::Restore,
                "its labels alone can change"
            );
            assert_eq!(apply_undo(&open, &open), Undo::Restore);
        }
    }

    #[test]
    fn an_irreversible_job_is_a_barrier_unless_the_release_names_its_undo() {
        let job = |annotations: Value| {
            object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"annotations": annotations}}))
        };
        let irreversible = job(json!({"kubectl-delivery.io/irreversible": "true"}));
        assert!(matches!(
            create_undo(&irreversible, None, None),
            Undo::Impossible { .. }
        ));

        let back = job(json!({}));
        assert_eq!(
            create_undo(&irreversible, None, Some(&back)),
            Undo::Run {
                job: Box::new(back.clone())
            }
        );
    }

    #[test]
    fn what_is_created_with_a_finalizer_that_somebody_must_take_away_cannot_be_undone() {
        let map = |finalizers: Value| {
            object(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"finalizers": finalizers}}))
        };

        let held = create_undo(&map(json!(["example.com/hold"])), None, None);
        assert!(matches!(held, Undo::Impossible { why } if why.contains("example.com/hold")));
        // One of the control plane's own is no barrier.
        assert_eq!(
            create_undo(&map(json!(["foregroundDeletion"])), None, None),
            Undo::Delete
        );
    }

    #[test]
    fn a_job_or_pod_that_has_ended_is_not_run_again_by_a_revert() {
        let job = |status: Value| {
            object(json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {}, "status": status}))
        };
        let done = job(json!({"conditions": [{"type": "Complete", "status": "True"}]}));
        assert_eq!(create_undo(&job(json!({})), Some(&done), None), Undo::Delete);
        assert_eq!(
            create_undo(&job(json!({})), Some(&job(json!({"active": 1}))), None),
            Undo::CreateAgain
        );

        let pod = |phase: &str| {
            object(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {}, "status": {"phase": phase}}))
        };
        assert_eq!(create_undo(&pod(""), Some(&pod("Succeeded")), None), Undo::Delete);
        assert_eq!(create_undo(&pod(""), Some(&pod("Failed")), None), Undo::Delete);
        assert_eq!(
            create_undo(&pod(""), Some(&pod("Running")), None),
            Undo::CreateAgain
        );
    }
}
