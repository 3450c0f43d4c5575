//! Putting an object back: a three-way merge of what it was, what a promotion made of it, and what it is now.
//!
//! *Which order, and why.* Where the promotion changed nothing, live stays; that is asked first, so that the many fields of
//! others cost nothing and are never in doubt. Where nobody came after the promotion, what was there before comes back. Only
//! where both hold is it looked at deeper: a map key by key, a list item by item, and anything else as one value. Ownership is
//! merged after the content and apart from it (`merged_ownership`): whose a field is follows from whose value came out.
//!
//! *What it assumes.* That `before` and `ours` are as the server had them, and that live is the version which the write will
//! name: its uid and resourceVersion go into the result, so that a write in between is a conflict. No schema is at hand, and
//! lists have the keys of the model's table.
//!
//! *What ends it.* The depth of the three objects. Nothing is refused here: an edit that loses is named in `foreign`, and
//! whoever called says so.
//!
//! *What cannot come.* Identity, status and the annotations that controllers write: they are live's throughout, for a
//! promotion has no part in them (`mergeable`). Nor an object that is not there: to create one again is `execute/recreate.rs`.
//!
//! *Where a new case goes.* A list with a key of its own into `model/k8s/list_key.rs`; a field of metadata, or an annotation
//! that a controller counts up, into `mergeable` and `model/k8s/marks.rs`; another decision between the three values into
//! [`Merge::merge_values`], with a line in the tests' table.

use super::mergeable::{ItemKeys, MERGED_METADATA, content_fields, item_keys, without_controllers};
use crate::model::k8s::marks::is_controllers_annotation;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::{Map, Value};

/// What a merge comes to.
#[derive(Clone, Debug, PartialEq)]
pub struct Merged {
    /// The object to write, with live's uid, resourceVersion and managedFields.
    pub object: Object,
    /// Where somebody changed since what the promotion had changed.
    pub foreign: Vec<FieldPath>,
}

/// Merges what an object was, what the promotion made of it, and what it is now.
pub fn merge(before: &Object, ours: &Object, live: &Object, keep_foreign: bool) -> Merged {
    let mut merge = Merge {
        keep_foreign,
        foreign: Vec::new(),
    };
    // Live is the ground: its uid and resourceVersion make the write one over
    // exactly the version that was merged.
    let mut object = live.clone();

    // Fields of all three: what the promotion brought is not in before, and has to go all the same.
    for field in content_fields(&[before, ours, live]) {
        let at = |object: &'_ Object| object.value().get(field).cloned();
        let path = FieldPath::root().field(field);
        let merged = merge.merge_values(at(before).as_ref(), at(ours).as_ref(), at(live).as_ref(), &path);
        set(object.value_mut(), field, merged);
    }

    // Of metadata these alone: all else in it is the server's, or says which object it is.
    for field in MERGED_METADATA {
        // Controllers count up annotations on their own: merged, that would be an edit by others.
        let at = |object: &Object| object.value()["metadata"].get(field).map(without_controllers);
        let path = FieldPath::root().field("metadata").field(field);
        let mut merged = merge.merge_values(at(before).as_ref(), at(ours).as_ref(), at(live).as_ref(), &path);

        if *field == "annotations" {
            merged = with_controllers(merged, live);
        }

        if let Some(metadata) = object.value_mut().get_mut("metadata") {
            set(metadata, field, merged);
        }
    }
    Merged {
        object,
        foreign: merge.foreign,
    }
}

/// With the annotations that controllers wrote on live.
fn with_controllers(merged: Option<Value>, live: &Object) -> Option<Value> {
    let mut map = merged
        .and_then(|value| value.as_object().cloned())
        .unwrap_or_default();

    let controllers = live.annotations().into_iter().flatten();
    map.extend(
        controllers
            .filter(|(key, _)| is_controllers_annotation(key))
            .map(|(key, value)| (key.clone(), value.clone())),
    );

    // Where there were no annotations and there are none to keep, an empty map
    // would be a difference from before.
    (!map.is_empty()).then_some(Value::Object(map))
}

fn set(parent: &mut Value, field: &str, value: Option<Value>) {
    let Some(map) = parent.as_object_mut() else { return };
    match value {
        Some(value) => drop(map.insert(field.into(), value)),
        None => drop(map.shift_remove(field)),
    }
}

struct Merge {
    keep_foreign: bool,
    foreign: Vec<FieldPath>,
}

impl Merge {
    fn merge_values(
        &mut self,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        // The promotion has no part in it, or it is what it was already.
        if before == ours || live == before {
            return live.cloned();
        }
        // Nobody came after the promotion.
        if live == ours {
            return before.cloned();
        }

        let all = [before, ours, live];
        // Where live has nothing, somebody took the whole away: one edit, and not
        // one for each field that was in it.
        if all.iter().flatten().all(|value| value.is_object()) && live.is_some() {
            return self.merge_maps(before, ours, live, path);
        }
        if let (Some(keys), Some(_)) = (item_keys(&all, path), live) {
            return self.merge_lists(keys, before, ours, live, path);
        }

        // Both changed it. It is named whichever side wins: a revert overwrites no edit in silence.
        self.foreign.push(path.clone());
        if self.keep_foreign {
            live.cloned()
        } else {
            before.cloned()
        }
    }

    fn merge_maps(
        &mut self,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        let map = |value: Option<&Value>| value.and_then(Value::as_object).cloned().unwrap_or_default();
        let (b, o, l) = (map(before), map(ours), map(live));

        let mut merged = Map::new();
        // Before's order first: what is the same then looks the same.
        let mut names: Vec<&String> = b.keys().collect();
        names.extend(l.keys().filter(|name| !b.contains_key(*name)));

        for name in names {
            if let Some(value) = self.merge_values(b.get(name), o.get(name), l.get(name), &path.field(name)) {
                merged.insert(name.clone(), value);
            }
        }

        // A map that the promotion brought goes with the last field in it; one that
        // was there before stays, also empty.
        (before.is_some() || !merged.is_empty()).then_some(Value::Object(merged))
    }

    fn merge_lists(
        &mut self,
        keys: ItemKeys,
        before: Option<&Value>,
        ours: Option<&Value>,
        live: Option<&Value>,
        path: &FieldPath,
    ) -> Option<Value> {
        let items = |value: Option<&Value>| value.and_then(Value::as_array).cloned().unwrap_or_default();
        let (b, o, l) = (items(before), items(ours), items(live));

        let find = |items: &[Value], step: &Step| items.iter().find(|item| keys.step(item) == *step).cloned();
        // Before's order, then what others added: where among before's items these stood, nothing tells.
        let mut steps: Vec<Step> = b.iter().map(|item| keys.step(item)).collect();
        for step in l.iter().map(|item| keys.step(item)) {
            if !steps.contains(&step) {
                steps.push(step);
            }
        }

        // A key that stands in two of the lists is one item, wherever in them it stands.
        let mut merged = Vec::new();
        for step in steps {
            let (b, o, l) = (find(&b, &step), find(&o, &step), find(&l, &step));
            merged.extend(self.merge_values(b.as_ref(), o.as_ref(), l.as_ref(), &path.with(step)));
        }

        (before.is_some() || !merged.is_empty()).then_some(Value::Array(merged))
    }
}

#[cfg(test)]
mod tests;
