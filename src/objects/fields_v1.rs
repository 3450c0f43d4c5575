//! Sets of fields as managedFields writes them (`fieldsV1`, KEP-555): union, removal and the paths of a set.
//!
//! A set stays the JSON that the server wrote, so that what is not touched goes back as it came. An empty map is a
//! leaf: its owner has the whole, and nothing can be taken from under it. Values of objects are not looked at here.

pub(super) use super::managed_fields::leaves;
use crate::model::FieldPath;
use crate::model::path::Step;
use serde_json::{Map, Value};

/// Adds every path of `other` to `set`.
pub(super) fn union(set: &mut Value, other: &Value) {
    let Some(other) = other.as_object() else { return };
    // An entry without `fieldsV1` reads as null.
    if !set.is_object() {
        *set = Value::Object(Map::new());
    }

    let Some(map) = set.as_object_mut() else { return };

    for (step, below) in other {
        union(
            map.entry(step.clone())
                .or_insert_with(|| Value::Object(Map::new())),
            below,
        );
    }
}

/// Takes `path` and all under it out of `set`, and the branches that this empties; says what was taken, as a set.
pub(super) fn take(set: &mut Value, path: &FieldPath) -> Option<Value> {
    take_steps(set, path.steps())
}

fn take_steps(set: &mut Value, steps: &[Step]) -> Option<Value> {
    let map = set.as_object_mut()?;
    // All below goes; the branch that this empties is dropped one level up.
    let Some((first, rest)) = steps.split_first() else {
        return Some(Value::Object(std::mem::take(map)));
    };

    // Compared as steps and not as texts: the JSON of a key may be written in more than one way.
    let key = map
        .keys()
        .find(|key| Step::from_fields_v1(key).as_ref() == Some(first))?
        .clone();

    let below = map.get_mut(&key)?;
    let taken = if below.as_object().is_some_and(Map::is_empty) && !rest.is_empty() {
        // The set owns the whole as one value: what lies below cannot be taken from it.
        return None;
    } else {
        take_steps(below, rest)?
    };

    let mut taken = taken;
    if key.starts_with("k:")
        && below
            .as_object()
            .is_some_and(|map| map.len() == 1 && map.contains_key("."))
    {
        // A list item of which nothing else is left would stay as its key alone.
        union(&mut taken, below);
        *below = Value::Object(Map::new());
    }

    if below.as_object().is_some_and(Map::is_empty) {
        map.shift_remove(&key);
    }

    Some(Value::Object([(key, taken)].into_iter().collect()))
}

/// The set of this path alone.
pub(super) fn set_of(path: &FieldPath) -> Value {
    let below = Value::Object(Map::new());
    path.steps().iter().rev().fold(below, |below, step| {
        Value::Object([(step.to_fields_v1(), below)].into_iter().collect())
    })
}

/// Whether the set holds `path` itself or a field under it.
pub(super) fn holds(set: &Value, path: &FieldPath) -> bool {
    // A whole above the path does not count, unlike in `owns`: from a leaf nothing can be taken.
    below(set, path).is_some()
}

/// Whether the set holds `path` itself, and no field under it.
pub(super) fn is_bare(set: &Value, path: &FieldPath) -> bool {
    let fields = below(set, path).and_then(Value::as_object);
    fields.is_some_and(|fields| fields.keys().all(|key| key == "."))
}

/// What the set has at `path`.
fn below<'s>(set: &'s Value, path: &FieldPath) -> Option<&'s Value> {
    path.steps().iter().try_fold(set, |at, step| {
        let mut fields = at.as_object()?.iter();
        let found = fields.find(|(key, _)| Step::from_fields_v1(key).as_ref() == Some(step));
        found.map(|(_, below)| below)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn path(text: &str) -> FieldPath {
        text.parse().unwrap()
    }

    #[test]
    fn a_taken_branch_and_what_is_left_are_the_whole_again() {
        let whole = json!({"f:spec": {"f:replicas": {}, "f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}});

        let mut left = whole.clone();
        let taken = take(&mut left, &path("/spec/containers/[name=web]")).unwrap();

        // The item goes with its `.`, which alone would claim an item that holds nothing.
        assert_eq!(left, json!({"f:spec": {"f:replicas": {}}}));
        assert_eq!(
            taken,
            json!({"f:spec": {"f:containers": {"k:{\"name\":\"web\"}": {".": {}, "f:image": {}}}}})
        );

        union(&mut left, &taken);
        assert_eq!(left, whole);
    }

    #[test]
    fn nothing_is_taken_from_a_map_that_is_owned_as_a_whole() {
        let mut set = json!({"f:spec": {"f:selector": {}}});

        // The owner of a selector has all of it or nothing: the entry says nothing of its keys.
        assert_eq!(take(&mut set, &path("/spec/selector/app")), None);
        assert_eq!(take(&mut set, &path("/spec/other")), None);

        assert_eq!(set, json!({"f:spec": {"f:selector": {}}}));
    }

    #[test]
    fn the_leaves_of_a_set_are_its_deepest_paths() {
        let set = json!({"f:metadata": {"f:labels": {".": {}, "f:app": {}}}, "f:spec": {"f:replicas": {}}});
        let texts: Vec<_> = leaves(&set).iter().map(ToString::to_string).collect();
        assert_eq!(texts, ["/metadata/labels/app", "/spec/replicas"]);
    }
}
