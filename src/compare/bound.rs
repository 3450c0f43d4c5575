//! Fields that the server lets no update change, and that desired leaves open: a claim's volume, a class that a webhook
//! set once. A replacement by desired alone is refused for them; with live's values it says the rest.
//!
//! A refusal may also be drift that a person made, and that must be told. So a field counts as bound only where desired
//! leaves it open, and below a field that desired names only where no user set it.

use super::drift::desired_holds;
use crate::model::finding::ManagerClass;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use serde_json::{Map, Value};

/// Desired with live's values at the fields that a refusal names and that desired does not; none where there are none.
///
/// Where the refusal names a field that desired holds, what lies below it counts as far as no manager but the control
/// plane set it.
pub fn with_bound(desired: &Object, live: &Object, refused: &[String]) -> Option<(Object, Vec<FieldPath>)> {
    let owners = Owners::from_object(live);
    let mut bound = Vec::new();

    for named in refused.iter().filter_map(|field| parse(field)) {
        // What live lacks cannot be carried over: that refusal stands.
        let Some(value) = named.get(live.value()) else {
            continue;
        };

        match named.get(desired.value()) {
            None if !desired_holds(desired, &owners, &named) => bound.push(named),
            // Validation names the map of which one field may not change (`spec` of a claim).
            Some(Value::Object(held)) => below(&owners, held, value, &named, &mut bound),
            _ => {}
        }
    }

    // Two causes of one refusal may name the same field.
    bound.sort();
    bound.dedup();
    if bound.is_empty() {
        return None;
    }

    let mut body = desired.clone();
    for path in &bound {
        let value = path.get(live.value()).cloned().unwrap_or_default();
        insert(body.value_mut(), path.steps(), value);
    }
    Some((body, bound))
}

/// Fields of live below `path` that desired lacks and that nobody but the control plane set.
fn below(
    owners: &Owners<'_>,
    held: &Map<String, Value>,
    live: &Value,
    path: &FieldPath,
    bound: &mut Vec<FieldPath>,
) {
    for (key, value) in live.as_object().into_iter().flatten() {
        let path = path.field(key);
        match held.get(key) {
            Some(Value::Object(held)) => below(owners, held, value, &path, bound),
            Some(_) => {}
            None => {
                let owner = owners.owner(&path);
                // Nobody's or a controller's: no user stands behind the value.
                let is_servers = owner.is_none_or(|owner| owner.class == ManagerClass::Controller);
                let is_ours = || owner.is_some_and(|owner| owner.class == ManagerClass::Ours);

                if is_servers || is_chosen_once(owners.object(), &path, is_ours()) {
                    bound.push(path);
                }
            }
        }
    }
}

/// What the server chooses at creation where a manifest leaves it open, and keeps from then on: a release that no longer
/// names a claim's class says nothing against the one that the claim has. A volume may also be named later, by hand.
fn is_chosen_once(live: &Object, path: &FieldPath, is_ours: bool) -> bool {
    let gvk = live.gvk();
    let is_claim = gvk.group.is_empty() && gvk.kind == "PersistentVolumeClaim";
    is_claim
        && match path.to_string().as_str() {
            "/spec/storageClassName" => true,
            "/spec/volumeName" => is_ours,
            _ => false,
        }
}

/// A field as the server names it (`spec.volumeName`, `metadata.annotations[a.example/b]`), up to the first list.
fn parse(field: &str) -> Option<FieldPath> {
    let mut path = FieldPath::root();
    let mut rest = field;
    while !rest.is_empty() {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        if !name.is_empty() {
            path = path.field(name);
        }
        if let Some(bracket) = after.strip_prefix('[') {
            let (inner, after) = bracket.split_once(']')?;

            // An index counts the items that were sent: in live another item may stand there.
            if inner.parse::<usize>().is_ok() {
                break;
            }
            path = path.field(inner);
            rest = after.strip_prefix('.').unwrap_or(after);
        } else {
            rest = after.strip_prefix('.').unwrap_or(after);
        }
    }

    (!path.steps().is_empty()).then_some(path)
}

fn insert(at: &mut Value, steps: &[Step], value: Value) {
    let Some((Step::Field(name), rest)) = steps.split_first() else {
        *at = value;
        return;
    };
    if at.is_null() {
        *at = Value::Object(Map::new());
    }
    if let Some(map) = at.as_object_mut() {
        insert(map.entry(name.clone()).or_insert(Value::Null), rest, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn claim(spec: &Value, fields: &Value) -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim", "metadata": {"name": "a",
            "managedFields": [{"manager": "kubectl-edit", "operation": "Update", "fieldsV1": fields}]}, "spec": spec}))
        .unwrap()
    }

    #[test]
    fn what_the_control_plane_set_below_a_refused_field_is_taken_from_live_and_what_a_user_set_is_not() {
        let desired = claim(
            &json!({"resources": {"requests": {"storage": "1Gi"}}}),
            &json!({}),
        );
        let live = claim(
            &json!({"resources": {"requests": {"storage": "1Gi"}}, "volumeName": "pv-1", "storageClassName": "fast",
                "selector": {"matchLabels": {"a": "b"}}}),
            &json!({"f:spec": {"f:selector": {"f:matchLabels": {"f:a": {}}}}}),
        );

        let (body, bound) = with_bound(&desired, &live, &["spec".into()]).unwrap();
        let paths: Vec<_> = bound.iter().map(ToString::to_string).collect();
        assert_eq!(paths, ["/spec/storageClassName", "/spec/volumeName"]);

        assert_eq!(body.text("/spec/volumeName"), "pv-1");
        // The selector is a person's: the refusal that it causes has to be told.
        assert_eq!(body.at("/spec/selector"), None);
    }

    #[test]
    fn a_class_that_leaves_a_release_is_kept_whoever_set_it() {
        let desired = claim(&json!({"volumeMode": "Filesystem"}), &json!({}));
        let live = claim(
            &json!({"volumeMode": "Filesystem", "storageClassName": "fast"}),
            &json!({"f:spec": {"f:storageClassName": {}}}),
        );

        let (body, bound) = with_bound(&desired, &live, &["spec".into()]).unwrap();
        assert_eq!(bound, ["/spec/storageClassName".parse().unwrap()]);
        assert_eq!(body.text("/spec/storageClassName"), "fast");
    }

    #[test]
    fn a_field_that_desired_names_is_not_bound() {
        // Release and cluster name two volumes: a person has to decide.
        let desired = claim(&json!({"volumeName": "pv-2"}), &json!({}));
        let live = claim(&json!({"volumeName": "pv-1"}), &json!({}));
        assert_eq!(with_bound(&desired, &live, &["spec.volumeName".into()]), None);
    }

    #[test]
    fn fields_are_read_as_the_server_writes_them() {
        for (field, path) in [
            ("spec.volumeName", "/spec/volumeName"),
            (
                "metadata.annotations[a.example/b]",
                "/metadata/annotations/a.example~1b",
            ),
            ("spec.ports[0].nodePort", "/spec/ports"),
        ] {
            assert_eq!(parse(field).unwrap().to_string(), path);
        }
    }
}
