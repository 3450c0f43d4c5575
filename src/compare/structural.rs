//! Where two JSON values differ, with list items addressed by key.
//!
//! For two manifests, of which no managedFields tell who owns what: tested beside desired, or desired beside live where
//! nothing may be asked. No side is the better one, and nothing is known of defaults.

use crate::model::FieldPath;
use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::path::Step;
use serde_json::{Map, Value};

/// One place in which two values differ; a side is none where it has no such field.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// Where.
    pub path: FieldPath,
    /// The one value.
    pub left: Option<Value>,
    /// The other one.
    pub right: Option<Value>,
}

/// Every difference, as deep as both sides go. `same` says which unequal scalars are equal all the same.
pub fn differences(
    left: &Value,
    right: &Value,
    same: &dyn Fn(&FieldPath, &Value, &Value) -> bool,
) -> Vec<Difference> {
    let mut walk = DiffWalk {
        same,
        found: Vec::new(),
    };
    walk.both(&FieldPath::root(), left, right);
    walk.found
}

/// A difference of whole maps, split into their fields down to `deep`'s parent, so that a rule can speak of one of them.
pub(super) fn split_towards(difference: Difference, deep: &FieldPath) -> Vec<Difference> {
    let is_deeper = deep.starts_with(&difference.path) && deep.steps().len() > difference.path.steps().len();
    let value = difference.left.as_ref().or(difference.right.as_ref());
    // Unsplit, a rule about `/data/A` would have to allow all of `/data`.
    let (true, Some(Value::Object(map))) = (is_deeper, value) else {
        return vec![difference];
    };

    let from_left = difference.left.is_some();
    map.iter()
        .flat_map(|(key, value)| {
            let path = difference.path.field(key);
            let (left, right) = if from_left {
                (Some(value.clone()), None)
            } else {
                (None, Some(value.clone()))
            };
            split_towards(Difference { path, left, right }, deep)
        })
        .collect()
}

struct DiffWalk<'s> {
    same: &'s dyn Fn(&FieldPath, &Value, &Value) -> bool,
    found: Vec<Difference>,
}

impl DiffWalk<'_> {
    fn both(&mut self, path: &FieldPath, left: &Value, right: &Value) {
        if left == right {
            return;
        }
        match (left, right) {
            (Value::Object(left), Value::Object(right)) => self.maps(path, left, right),
            (Value::Array(left), Value::Array(right)) => self.lists(path, left, right),
            _ if (self.same)(path, left, right) => {}
            _ => self.differ(path.clone(), Some(left), Some(right)),
        }
    }

    fn differ(&mut self, path: FieldPath, left: Option<&Value>, right: Option<&Value>) {
        self.found.push(Difference {
            path,
            left: left.cloned(),
            right: right.cloned(),
        });
    }

    fn sides(&mut self, path: FieldPath, left: Option<&Value>, right: Option<&Value>) {
        match (left, right) {
            (Some(left), Some(right)) => self.both(&path, left, right),
            (None, None) => {}
            (Some(one), None) | (None, Some(one)) if means_nothing(&path, one) => {}
            _ => self.differ(path, left, right),
        }
    }

    fn maps(&mut self, path: &FieldPath, left: &Map<String, Value>, right: &Map<String, Value>) {
        for (key, value) in left {
            self.sides(path.field(key), Some(value), right.get(key));
        }

        for (key, value) in right.iter().filter(|(key, _)| !left.contains_key(*key)) {
            self.sides(path.field(key), None, Some(value));
        }
    }

    fn lists(&mut self, path: &FieldPath, left: &[Value], right: &[Value]) {
        let Some(keys) = list_key_at(path, &[left, right]) else {
            return self.unkeyed(path, left, right);
        };

        let steps =
            |list: &[Value]| -> Vec<Step> { list.iter().filter_map(|item| key_step(item, keys)).collect() };
        let (of_left, of_right) = (steps(left), steps(right));
        let find = |steps: &[Step], list: &[Value], step: &Step| {
            steps
                .iter()
                .position(|one| one == step)
                .and_then(|at| list.get(at))
                .cloned()
        };

        for step in of_left
            .iter()
            .chain(of_right.iter().filter(|step| !of_left.contains(step)))
        {
            let (one, other) = (find(&of_left, left, step), find(&of_right, right, step));
            self.sides(path.with(step.clone()), one.as_ref(), other.as_ref());
        }

        // Of the items that both have: one that came or went has moved no other.
        let common = |one: &[Step], other: &[Step]| -> Vec<Step> {
            one.iter().filter(|step| other.contains(step)).cloned().collect()
        };
        if order_matters(path) && common(&of_left, &of_right) != common(&of_right, &of_left) {
            let names =
                |steps: &[Step]| Value::from(steps.iter().map(ToString::to_string).collect::<Vec<_>>());
            self.found.push(Difference {
                path: path.clone(),
                left: Some(names(&of_left)),
                right: Some(names(&of_right)),
            });
        }
    }

    fn unkeyed(&mut self, path: &FieldPath, left: &[Value], right: &[Value]) {
        // Only lists of one length can be told item by item: else an insertion would change all that follow.
        if left.len() == right.len() {
            for (index, (one, other)) in left.iter().zip(right).enumerate() {
                self.both(&path.with(Step::Index(index)), one, other);
            }
        } else {
            self.differ(
                path.clone(),
                Some(&Value::from(left.to_vec())),
                Some(&Value::from(right.to_vec())),
            );
        }
    }
}

/// No labels and an empty map of labels are the same; an empty `emptyDir` or selector says something.
fn means_nothing(path: &FieldPath, value: &Value) -> bool {
    let name = match path.steps().last() {
        Some(Step::Field(name)) => name.as_str(),
        _ => "",
    };
    let is_empty_map = value.as_object().is_some_and(Map::is_empty);
    value.is_null() || (is_empty_map && matches!(name, "labels" | "annotations"))
}

/// Init containers run in order, and a variable may use those before it.
fn order_matters(path: &FieldPath) -> bool {
    matches!(path.steps().last(), Some(Step::Field(name)) if matches!(name.as_str(), "initContainers" | "env" | "envFrom"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn texts(left: &Value, right: &Value) -> Vec<String> {
        differences(left, right, &|_, _, _| false)
            .iter()
            .map(|found| found.path.to_string())
            .collect()
    }

    #[test]
    fn a_difference_is_named_as_deep_as_both_sides_go() {
        assert_eq!(
            texts(&json!({"a": {"b": 1, "c": 2}}), &json!({"a": {"b": 1, "c": 3}})),
            ["/a/c"]
        );
        assert_eq!(
            texts(&json!({"a": {"b": 1}}), &json!({"a": {"b": 1}, "d": {"e": 1}})),
            ["/d"]
        );
        assert_eq!(
            texts(&json!({"labels": {}, "x": null}), &json!({})),
            Vec::<String>::new()
        );

        assert_eq!(texts(&json!({"emptyDir": {}}), &json!({})), ["/emptyDir"]);
    }

    #[test]
    fn items_are_paired_by_key_wherever_they_stand() {
        let left = json!({"containers": [{"name": "a", "image": "1"}, {"name": "b", "image": "1"}]});
        let right =
            json!({"containers": [{"name": "b", "image": "2"}, {"name": "a", "image": "1"}, {"name": "c"}]});
        assert_eq!(
            texts(&left, &right),
            ["/containers/[name=b]/image", "/containers/[name=c]"]
        );
    }

    #[test]
    fn an_order_that_matters_is_a_difference() {
        let list = |names: [&str; 2]| json!({"env": names.map(|name| json!({"name": name, "value": "x"}))});
        assert_eq!(texts(&list(["A", "B"]), &list(["B", "A"])), ["/env"]);
        assert_eq!(
            texts(&json!({"args": ["a", "b"]}), &json!({"args": ["b", "a"]})),
            ["/args/[0]", "/args/[1]"]
        );
    }

    #[test]
    fn a_missing_map_splits_towards_the_field_a_rule_speaks_of() {
        let whole = Difference {
            path: "/data".parse().unwrap(),
            left: None,
            right: Some(json!({"A": 1, "B": 2})),
        };

        let split = split_towards(whole.clone(), &"/data/A".parse().unwrap());
        assert_eq!(
            split.iter().map(|d| d.path.to_string()).collect::<Vec<_>>(),
            ["/data/A", "/data/B"]
        );

        assert_eq!(split_towards(whole.clone(), &"/other".parse().unwrap()), [whole]);
    }
}
