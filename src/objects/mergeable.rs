//! What of an object a merge and a comparison of its versions look at, and how they tell the items of a list apart.
//!
//! Identity, status and the rest of `metadata` are the server's, and annotations that controllers count up are theirs: a
//! promotion has no part in them. Items are told apart by the model's table of keys, not by a schema; a list that no key fits
//! is one value.

use crate::model::FieldPath;
use crate::model::Object;
use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::k8s::marks::is_controllers_annotation;
use crate::model::path::Step;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Maps of `metadata` that are merged; all else in it is live's.
pub(super) const MERGED_METADATA: &[&str] = &["labels", "annotations", "finalizers", "ownerReferences"];

/// The fields at the root of any of these versions that hold content.
pub(super) fn content_fields<'o>(versions: &[&'o Object]) -> BTreeSet<&'o String> {
    let is_content =
        |field: &&String| !matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "status");
    versions
        .iter()
        .filter_map(|version| version.value().as_object())
        .flat_map(Map::keys)
        .filter(is_content)
        .collect()
}

/// Annotations without those that controllers write; anything else as it is.
pub(super) fn without_controllers(value: &Value) -> Value {
    let mut value = value.clone();
    if let Some(map) = value.as_object_mut() {
        map.retain(|key, _| !is_controllers_annotation(key));
    }
    value
}

/// How the items of a list are told apart.
#[derive(Clone, Copy)]
pub(super) enum ItemKeys {
    Fields(&'static [&'static str]),
    Values,
}

impl ItemKeys {
    pub(super) fn step(self, item: &Value) -> Step {
        let keyed = match self {
            ItemKeys::Values => None,
            ItemKeys::Fields(names) => key_step(item, names),
        };
        keyed.unwrap_or_else(|| Step::Value(item.to_string()))
    }
}

/// The keys that tell the items of all these lists apart; none where they are no lists or have none.
pub(super) fn item_keys(versions: &[Option<&Value>], path: &FieldPath) -> Option<ItemKeys> {
    let lists: Vec<&[Value]> = versions
        .iter()
        .flatten()
        .map(|value| value.as_array().map(Vec::as_slice))
        .collect::<Option<_>>()?;

    // A set of texts: each belongs to another controller, and they come and go one by one.
    if matches!(path.steps().last(), Some(Step::Field(name)) if name == "finalizers") {
        return Some(ItemKeys::Values);
    }

    list_key_at(path, &lists).map(ItemKeys::Fields)
}
