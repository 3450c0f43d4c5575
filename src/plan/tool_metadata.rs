//! What a promotion adds to desired objects: the ApplySet label, and the annotations that restart pods.
//!
//! A comparison dresses desired as live is dressed ([`carry_tool_metadata`]), so that neither is ever a difference, and
//! with what controllers keep in parts that an apply replaces as a whole.

use crate::model::Object;
use crate::model::k8s::carried::carry_controllers_fields;
use crate::model::names::{APPLYSET_PART_OF_LABEL, KUBECTL_RESTART_ANNOTATION, RESTART_ANNOTATION};
use crate::model::path_text::escape;
use jiff::Timestamp;
use serde_json::{Map, Value};

/// Where the annotations of the pod template of a kind lie that restarts its pods when its template changes.
pub(super) fn template_annotations(object: &Object) -> Option<[&'static str; 4]> {
    // Of no other kind do pods restart with it: a Job's never changes, a CronJob's pods are new each time.
    let gvk = object.gvk();
    let restarts = gvk.group == "apps" && matches!(&*gvk.kind, "Deployment" | "StatefulSet" | "DaemonSet");

    restarts.then_some(["spec", "template", "metadata", "annotations"])
}

/// Puts a desired object into the set of this id.
pub fn add_tool_metadata(desired: &mut Object, applyset_id: &str) {
    insert(
        desired,
        &["metadata", "labels"],
        APPLYSET_PART_OF_LABEL,
        applyset_id,
    );
}

/// Gives desired what earlier promotions added to live: the label, where live has it, and the restart annotation.
///
/// Without its annotation the next apply would restart the pods for nothing.
pub fn carry_tool_metadata(desired: &mut Object, live: &Object, applyset_id: &str) {
    // Where live does not have it, its absence stays a difference of the promotion: the object joins the set.
    if live.label(APPLYSET_PART_OF_LABEL) == Some(applyset_id) {
        add_tool_metadata(desired, applyset_id);
    }

    carry_restart(desired, live);
    carry_controllers_fields(desired, live);
}

/// Carries the restart annotations of live's pod template into desired: ours where desired has none of its own, kubectl's
/// also where desired holds an earlier restart.
pub(super) fn carry_restart(desired: &mut Object, live: &Object) {
    let Some(path) = template_annotations(desired) else {
        return;
    };

    let in_template = |object: &Object, key: &str| {
        let pointer = format!("/{}/{}", path.join("/"), escape(key));
        object.at(&pointer).and_then(Value::as_str).map(str::to_owned)
    };

    for key in [RESTART_ANNOTATION, KUBECTL_RESTART_ANNOTATION] {
        let Some(value) = in_template(live, key) else {
            continue;
        };
        // Ours comes back only where nobody says otherwise. A manifest may hold an earlier restart by
        // kubectl: with that its pods would start once more.
        let is_kept = match in_template(desired, key) {
            None => true,
            Some(own) => key == KUBECTL_RESTART_ANNOTATION && is_later(&value, &own),
        };

        if is_kept {
            insert(desired, &path, key, &value);
        }
    }
}

fn is_later(value: &str, than: &str) -> bool {
    match (value.parse::<Timestamp>(), than.parse::<Timestamp>()) {
        // What is no time is somebody's own text, and tells of no later restart.
        (Ok(value), Ok(than)) => value > than,
        _ => false,
    }
}

/// Sets the restart annotation of desired's pod template.
pub(super) fn set_restart(desired: &mut Object, value: &str) {
    if let Some(path) = template_annotations(desired) {
        insert(desired, &path, RESTART_ANNOTATION, value);
    }
}

/// Sets `key` in the map at `path`, making the maps on the way.
fn insert(object: &mut Object, path: &[&str], key: &str, value: &str) {
    let mut at = object.value_mut();
    for step in path {
        // A text or a list in its place is for the server to refuse.
        let Some(map) = at.as_object_mut() else { return };
        let next = map.entry(*step).or_insert(Value::Null);
        // A manifest that has the key and nothing under it holds null there.
        if next.is_null() {
            *next = Value::Object(Map::new());
        }
        at = next;
    }

    if let Some(map) = at.as_object_mut() {
        map.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn deployment(annotations: &Value, labels: &Value) -> Object {
        Object::new(json!({
            "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "labels": labels},
            "spec": {"template": {"metadata": {"annotations": annotations}}}
        }))
        .unwrap()
    }

    #[test]
    fn the_restart_annotation_of_an_earlier_promotion_is_carried_into_desired() {
        let live = deployment(&json!({RESTART_ANNOTATION: "abc", "other": "x"}), &json!({}));
        let mut desired = deployment(&Value::Null, &json!({"app": "web"}));
        carry_tool_metadata(&mut desired, &live, "applyset-1");

        assert_eq!(
            desired.at("/spec/template/metadata/annotations"),
            Some(&json!({RESTART_ANNOTATION: "abc"}))
        );
        assert_eq!(
            desired.labels().unwrap().len(),
            1,
            "live is in no set, so desired is in none"
        );
    }

    #[test]
    fn a_restart_by_kubectl_is_carried_unless_desired_holds_a_later_one() {
        for (own, live, carried) in [
            (None, "2026-11-28T10:00:00+01:00", "2026-11-28T10:00:00+01:00"),
            (
                Some("2026-11-28T08:00:00Z"),
                "2026-11-28T10:00:00+01:00",
                "2026-11-28T10:00:00+01:00",
            ),
            (
                Some("2026-11-28T09:30:00Z"),
                "2026-11-28T10:00:00+01:00",
                "2026-11-28T09:30:00Z",
            ),
            // No time at all: desired's own text stays.
            (Some("release 7"), "2026-11-28T10:00:00+01:00", "release 7"),
        ] {
            let live = deployment(&json!({KUBECTL_RESTART_ANNOTATION: live}), &json!({}));
            let own = own.map_or(Value::Null, |own| json!({KUBECTL_RESTART_ANNOTATION: own}));
            let mut desired = deployment(&own, &json!({}));
            carry_restart(&mut desired, &live);

            let found =
                &desired.at("/spec/template/metadata/annotations").unwrap()[KUBECTL_RESTART_ANNOTATION];
            assert_eq!(found, carried);
        }
    }

    #[test]
    fn the_label_of_another_set_is_not_taken_over() {
        let live = deployment(&json!({}), &json!({APPLYSET_PART_OF_LABEL: "applyset-other"}));
        let mut desired = deployment(&json!({}), &json!({}));
        carry_tool_metadata(&mut desired, &live, "applyset-1");
        assert_eq!(desired.label(APPLYSET_PART_OF_LABEL), None);

        add_tool_metadata(&mut desired, "applyset-1");
        assert_eq!(desired.label(APPLYSET_PART_OF_LABEL), Some("applyset-1"));
    }
}
