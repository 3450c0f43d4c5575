//! Desired with the live values of the differences that are taken into it.
//!
//! As little as possible is taken: what the API gives to every such object stays out, and an item that both sides hold is
//! desired's own. The order of a list is that of live, for an order is a difference too.

use crate::model::finding::FieldChange;
use crate::model::k8s::defaults::{Defaults, worked_out};
use crate::model::k8s::image_paths::addressed;
use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// Desired with these of all differences taken into it. `desired` names the keys of its list items in full.
pub(super) fn patched(
    desired: &Object,
    live: &Object,
    changes: &[&FieldChange],
    all: &[FieldChange],
) -> Value {
    let patching = Patching {
        live: live.value(),
        defaults: Defaults::new(live),
    };

    let mut value = desired.value().clone();
    for change in changes {
        // Of an empty list a comparison says that it is none.
        let is_empty = change.path.get(live.value()).is_some_and(|live| !live.is_null());
        match &change.live {
            Some(_) if patching.is_given(change, &value) => {}
            None if !is_empty => patching.remove(&mut value, &change.path),
            Some(_) | None => patching.set(&mut value, change),
        }
    }
    restate(&mut value, live, all);
    value
}

/// Writes what the API would work out otherwise now: it did so once, and live has what came out of the fields of then.
fn restate(value: &mut Value, live: &Object, all: &[FieldChange]) {
    let Ok(patched) = Object::new(value.clone()) else {
        return;
    };
    let defaults = Defaults::new(&patched);
    // What differs by itself is taken where it is chosen, and nowhere else.
    let is_settled = |path: &FieldPath| !all.iter().any(|change| path.starts_with(&change.path));
    for path in worked_out(live).into_iter().filter(is_settled) {
        let parent = path.parent().and_then(|parent| parent.get(patched.value()));
        let is_open = parent.is_some_and(Value::is_object) && path.get(patched.value()).is_none();
        let Some(was) = path.get(live.value()).filter(|was| is_open && !was.is_null()) else {
            continue;
        };

        if !defaults.explain(&path, was)
            && let (Some(Step::Field(name)), Some(parent)) = (path.steps().last(), path.parent())
            && let Some(mut map) = parent.get(value).and_then(Value::as_object).cloned()
        {
            map.insert(name.clone(), was.clone());
            parent.set(value, Value::Object(map));
        }
    }
}

struct Patching<'a> {
    live: &'a Value,
    defaults: Defaults<'a>,
}

impl Patching<'_> {
    /// Whether the API server gives the live value by itself once the other differences are in the manifest.
    fn is_given(&self, change: &FieldChange, value: &Value) -> bool {
        // The older name of a field follows it; any other value of the target's was not given but held.
        let is_twin =
            matches!(change.path.steps().last(), Some(Step::Field(name)) if name == "serviceAccount");
        let is_new = change.desired.is_none() || is_twin;
        let explains = |live: &Value| self.defaults.explain(&change.path, live);

        is_new && change.path.get(value).is_none() && change.live.as_ref().is_some_and(explains)
    }

    fn set(&self, value: &mut Value, change: &FieldChange) {
        let mut at = value;
        let mut live = self.live;
        let mut way = FieldPath::root();

        for step in change.path.steps() {
            // An entry may name what live does not hold.
            let Some(below) = step.get(live) else { return };
            let list = way.clone();
            way = way.with(step.clone());

            at = match step {
                Step::Field(name) => {
                    if !at.is_object() {
                        *at = Value::Object(Map::new());
                    }
                    let Some(map) = at.as_object_mut() else { return };
                    map.entry(name).or_insert(Value::Null)
                }
                Step::Key(_) | Step::Value(_) => {
                    if !at.is_array() {
                        *at = Value::Array(Vec::new());
                    }
                    let (Some(items), Some(all)) = (at.as_array_mut(), live.as_array()) else {
                        return;
                    };
                    let Some(index) = items.iter().position(|item| step.is_item(item)) else {
                        // Nothing of it is desired yet: it comes with all that it holds.
                        insert(items, all, step, self.without_defaults(&way, below));
                        return;
                    };
                    &mut items[index]
                }
                // Places in a list mean nothing in another one.
                Step::Index(_) => {
                    *at = self.without_defaults(&list, live);
                    return;
                }
            };
            live = below;
        }

        *at = self.whole(&change.path, at, change.desired.as_ref(), live);
    }

    /// A value that is taken as one: of a list whose items are told apart, those that do not differ stay desired's.
    fn whole(&self, path: &FieldPath, desired: &Value, target: Option<&Value>, live: &Value) -> Value {
        let all = [Some(desired), target, Some(live)].map(|value| value.and_then(Value::as_array));
        let [Some(desired), Some(target), Some(items)] = all else {
            return self.without_defaults(path, live);
        };
        let Some(keys) = list_key_at(path, &[desired, target, items]) else {
            return self.without_defaults(path, live);
        };

        let find = |list: &[Value], item: &Value| {
            let step = key_step(item, keys)?;
            list.iter().find(|other| step.is_item(other)).cloned()
        };
        let taken = |item: &Value| match find(desired, item) {
            Some(own) if find(target, item).as_ref() == Some(item) => own,
            _ => {
                let step = key_step(item, keys).unwrap_or(Step::Value(item.to_string()));
                self.without_defaults(&path.with(step), item)
            }
        };
        items.iter().map(taken).collect()
    }

    /// A live value without what the API gives to every such object.
    fn without_defaults(&self, path: &FieldPath, value: &Value) -> Value {
        match value {
            Value::Object(map) => {
                let below = map.iter().map(|(name, value)| (name, path.field(name), value));
                below
                    .filter(|(_, path, value)| !self.defaults.explain(path, value))
                    .map(|(name, path, value)| (name.clone(), self.without_defaults(&path, value)))
                    .collect::<Map<_, _>>()
                    .into()
            }
            Value::Array(items) => addressed(path, items)
                .map(|(step, item)| self.without_defaults(&path.with(step), item))
                .collect(),
            other => other.clone(),
        }
    }

    fn remove(&self, value: &mut Value, path: &FieldPath) {
        path.remove(value);

        // What held nothing else goes too, where live has no such place: an empty map may mean something.
        let mut at = path.parent();
        while let Some(parent) = at.filter(|parent| parent.steps().len() > 1) {
            let is_empty = parent.get(value).is_some_and(|value| match value {
                Value::Object(map) => map.is_empty(),
                Value::Array(items) => items.is_empty(),
                _ => false,
            });
            if !is_empty || parent.get(self.live).is_some() {
                return;
            }
            parent.remove(value);
            at = parent.parent();
        }
    }
}

/// Puts an item where it stands in live: before the first of those that stand behind it there.
fn insert(items: &mut Vec<Value>, live: &[Value], step: &Step, new: Value) {
    let step_of = |item: &Value| match step {
        Step::Key(fields) => {
            let names: Vec<&str> = fields.iter().map(|(name, _)| name.as_str()).collect();
            key_step(item, &names)
        }
        _ => Some(Step::Value(item.to_string())),
    };

    let behind = live.iter().skip_while(|item| !step.is_item(item)).skip(1);
    let behind: Vec<Step> = behind.filter_map(step_of).collect();
    let is_behind = |item: &Value| step_of(item).is_some_and(|step| behind.contains(&step));
    let at = items.iter().position(is_behind).unwrap_or(items.len());
    items.insert(at, new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::finding::ChangeKind;
    use rstest::rstest;
    use serde_json::json;

    fn deployment(containers: &Value) -> Object {
        Object::new(
            json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
            "spec": {"template": {"spec": {"containers": containers}}}}),
        )
        .unwrap()
    }

    fn containers(desired: &Value, live: &Value, changes: &[(&str, Option<Value>, Option<Value>)]) -> Value {
        let (desired, live) = (deployment(desired), deployment(live));
        let change = |(path, live, target): &(&str, Option<Value>, Option<Value>)| FieldChange {
            path: format!("/spec/template/spec/containers{path}").parse().unwrap(),
            kind: ChangeKind::Changed,
            live: live.clone(),
            desired: target.clone(),
            owner: None,
            expected_by: None,
            rule_note: None,
        };
        let all: Vec<FieldChange> = changes.iter().map(change).collect();
        let changes: Vec<&FieldChange> = all.iter().collect();
        patched(&desired, &live, &changes, &all)["spec"]["template"]["spec"]["containers"].take()
    }

    #[rstest]
    #[case::between(json!([{"name": "a"}, {"name": "c"}]), json!([{"name": "a"}, {"name": "b"}, {"name": "c"}]), "/[name=b]")]
    #[case::first(json!([{"name": "b"}]), json!([{"name": "a"}, {"name": "b"}]), "/[name=a]")]
    #[case::last(json!([{"name": "a"}]), json!([{"name": "a"}, {"name": "b"}]), "/[name=b]")]
    fn an_item_that_was_added_stands_where_live_has_it(
        #[case] desired: Value,
        #[case] live: Value,
        #[case] path: &str,
    ) {
        let added = Some(json!({"name": "?"}));
        assert_eq!(containers(&desired, &live, &[(path, added, None)]), live);
    }

    #[test]
    fn an_item_comes_without_the_defaults_of_the_api() {
        let live = json!([{"name": "a", "image": "a:1", "imagePullPolicy": "IfNotPresent", "resources": {},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File",
            "ports": [{"containerPort": 80, "protocol": "TCP"}]}]);
        assert_eq!(
            containers(&json!([]), &live, &[("/[name=a]", Some(live[0].clone()), None)]),
            json!([{"name": "a", "image": "a:1", "ports": [{"containerPort": 80}]}])
        );
    }

    #[test]
    fn what_was_worked_out_of_an_older_image_is_written_down() {
        let desired = json!([{"name": "a", "image": "a:1"}, {"name": "b", "image": "b:1"}]);
        let live = json!([{"name": "a", "image": "a:latest", "imagePullPolicy": "IfNotPresent"},
            {"name": "b", "image": "b:2", "imagePullPolicy": "IfNotPresent"}]);
        let image = |name: &str| json!(name);
        let changes = [
            ("/[name=a]/image", Some(image("a:latest")), Some(image("a:1"))),
            ("/[name=b]/image", Some(image("b:2")), Some(image("b:1"))),
        ];
        assert_eq!(
            containers(&desired, &live, &changes),
            json!([{"name": "a", "image": "a:latest", "imagePullPolicy": "IfNotPresent"}, {"name": "b", "image": "b:2"}])
        );
    }

    #[test]
    fn another_order_keeps_what_desired_says_of_each_item() {
        let desired = json!([{"name": "a", "image": "a@sha256:1"}, {"name": "b", "image": "b"}]);
        let full = |name: &str, image: &str| json!({"name": name, "image": image, "resources": {}});
        let target = json!([full("a", "a@sha256:1"), full("b", "b")]);
        let live = json!([full("b", "b"), full("a", "a@sha256:1")]);

        let found = containers(&desired, &live, &[("", Some(live.clone()), Some(target))]);
        assert_eq!(found, json!([desired[1], desired[0]]));
    }

    #[test]
    fn what_was_removed_takes_the_map_along_that_it_was_alone_in() {
        let desired = json!([{"name": "a", "lifecycle": {"preStop": {"sleep": {"seconds": 1}}}}]);
        let path = "/[name=a]/lifecycle/preStop/sleep/seconds";

        let gone = containers(&desired, &json!([{"name": "a"}]), &[(path, None, Some(json!(1)))]);
        assert_eq!(gone, json!([{"name": "a"}]));

        // Empty is something else than gone: live says which.
        let live = json!([{"name": "a", "lifecycle": {}}]);
        assert_eq!(containers(&desired, &live, &[(path, None, Some(json!(1)))]), live);
    }
}
