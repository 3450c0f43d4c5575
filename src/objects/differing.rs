//! Where two versions of an object differ, told as a merge of them would see it.

use super::mergeable::{MERGED_METADATA, content_fields, item_keys, without_controllers};
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;
use std::collections::BTreeSet;

/// Where two versions of an object differ, status and bookkeeping aside.
pub fn differing(one: &Object, other: &Object) -> Vec<FieldPath> {
    let mut paths = Vec::new();
    for field in content_fields(&[one, other]) {
        let path = FieldPath::root().field(field);
        let (one, other) = (one.value().get(field), other.value().get(field));
        differ(one, other, &path, &mut paths);
    }

    for field in MERGED_METADATA {
        let at = |object: &Object| {
            let value = object.value()["metadata"].get(field).map(without_controllers);
            // A controller that annotates an object brings the map along:
            // without its keys it is as good as none.
            value.filter(|value| value.as_object().is_none_or(|map| !map.is_empty()))
        };
        let path = FieldPath::root().field("metadata").field(field);
        differ(at(one).as_ref(), at(other).as_ref(), &path, &mut paths);
    }
    paths
}

fn differ(one: Option<&Value>, other: Option<&Value>, path: &FieldPath, paths: &mut Vec<FieldPath>) {
    match (one, other) {
        _ if one == other => {}
        (Some(Value::Object(a)), Some(Value::Object(b))) => {
            let names: BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            names
                .into_iter()
                .for_each(|name| differ(a.get(name), b.get(name), &path.field(name), paths));
        }
        (Some(Value::Array(a)), Some(Value::Array(b))) => match item_keys(&[one, other], path) {
            Some(keys) => {
                let steps: BTreeSet<Step> = a.iter().chain(b).map(|item| keys.step(item)).collect();
                let find = |items: &'_ [Value], step: &Step| {
                    items.iter().find(|item| keys.step(item) == *step).cloned()
                };

                let count = paths.len();
                for step in steps {
                    let path = path.with(step.clone());
                    differ(find(a, &step).as_ref(), find(b, &step).as_ref(), &path, paths);
                }

                if paths.len() == count {
                    // The same items in another order.
                    paths.push(path.clone());
                }
            }
            // Without a key there is no telling which item became which.
            None => paths.push(path.clone()),
        },
        _ => paths.push(path.clone()),
    }
}
