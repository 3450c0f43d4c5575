//! The proof of what an apply does, without asking the server.
//!
//! It walks desired beside our own managedFields entry, never beside live alone: only the entry tells which maps and
//! lists are atomic, which keys were written, and what an apply would take away. Where every path is ours already and a
//! value differs only at leaves that take any text, the answer is live with those values. Whatever is not proved is
//! asked.
//!
//! A proof that is missed costs a request; a wrong one hides a difference. So every part of the walk says no wherever
//! more than one reading is possible: a key that is there twice, an empty value, another order. What admission does is
//! not seen from here: the caller looks at what is registered, and `tests/it/proof.rs` holds the rest against a server.

use super::free_text;
use crate::model::emptiness::{is_filled, is_filled_throughout};
use crate::model::k8s::entries::is_our_apply_entry;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use serde_json::{Map, Value};

/// Metadata that an apply of ours may hold; anything else has rules of its own.
const METADATA: [&str; 4] = ["name", "namespace", "labels", "annotations"];

/// What an apply provably does.
#[derive(Clone, Debug, PartialEq)]
pub enum ComputedApply {
    /// It leaves live as it is.
    Unchanged,
    /// It gives this object: live with other texts.
    Changed(Box<Object>),
}

/// What a server-side apply of `desired` onto `live` provably does; none where only the server can tell. The caller
/// knows that no admission that could change or refuse it is registered, and that the kind's schema is the server's own.
pub fn compute_apply(desired: &Object, live: &Object) -> Option<ComputedApply> {
    let fields = our_entry(desired, live)?.as_object()?;
    let is_secret_text = desired.is_secret() && desired.at("/stringData").is_some();

    // `stringData` cannot be read back, and whether a status that is sent counts is the kind's to say.
    if is_secret_text || live.at("/metadata/deletionTimestamp").is_some() || desired.at("/status").is_some() {
        return None;
    }

    let (wanted, held) = (desired.value().as_object()?, live.value().as_object()?);
    let content = wanted
        .iter()
        .filter(|(key, _)| !matches!(key.as_str(), "apiVersion" | "kind" | "metadata"));

    let mut walk = ApplyWalk {
        live,
        texts: Vec::new(),
    };

    let is_proved = walk.compute_metadata(fields.get("f:metadata"), &wanted["metadata"], &held["metadata"])
        && walk.compute_fields(fields, "f:metadata", content, held, Way::Root);
    if !is_proved {
        return None;
    }

    if walk.texts.is_empty() {
        return Some(ComputedApply::Unchanged);
    }
    with_texts(live, walk.texts).map(|after| ComputedApply::Changed(Box::new(after)))
}

/// Live with other texts, where nobody else owns them: an apply would take them from their other owners.
fn with_texts(live: &Object, texts: Vec<(FieldPath, Value)>) -> Option<Object> {
    let owners = Owners::from_object(live);
    if texts.iter().any(|(path, _)| owners.is_others(path)) {
        return None;
    }

    let mut after = live.clone();
    for (path, text) in texts {
        if !path.set(after.value_mut(), text) {
            return None;
        }
    }

    // Limits are of whole objects: texts that are small one by one may pass them together.
    free_text::is_small(after.value()).then_some(after)
}

/// The fields of our single Apply entry, in desired's own version.
fn our_entry<'l>(desired: &Object, live: &'l Object) -> Option<&'l Value> {
    let mut ours = live
        .managed_fields()
        .iter()
        .filter(|entry| is_our_apply_entry(entry));
    let entry = ours.next()?;

    // With a second entry of ours, or one in another version, one entry does
    // not tell what an apply takes away.
    let is_same_version = entry["apiVersion"] == desired.api_version() && entry["fieldsType"] == "FieldsV1";
    (is_same_version && ours.next().is_none()).then(|| &entry["fieldsV1"])
}

/// How the walk came to where it is. A path is made of it only where a text differs: of thousands of objects, most
/// are walked without one.
#[derive(Clone, Copy)]
enum Way<'w> {
    Root,
    Field(&'w Way<'w>, &'w str),
    Item(&'w Way<'w>, &'w Step),
}

impl Way<'_> {
    fn path(self) -> FieldPath {
        match self {
            Way::Root => FieldPath::root(),
            Way::Field(up, name) => up.path().field(name),
            Way::Item(up, step) => up.path().with(step.clone()),
        }
    }
}

/// A walk through desired, our entry and live. Each part says whether what it saw is proved.
struct ApplyWalk<'l> {
    live: &'l Object,
    /// Texts that an apply changes.
    texts: Vec<(FieldPath, Value)>,
}

impl ApplyWalk<'_> {
    fn compute_metadata(&mut self, owned: Option<&Value>, wanted: &Value, held: &Value) -> bool {
        let (Some(wanted), Some(held)) = (wanted.as_object(), held.as_object()) else {
            return false;
        };

        // Several clients keep finalizers and owner references: what an apply
        // makes of them is the server's to say.
        if wanted.keys().any(|key| !METADATA.contains(&key.as_str())) {
            return false;
        }

        let none = Map::new();
        let owned = owned.map_or(Some(&none), Value::as_object);
        let content = wanted
            .iter()
            // The server keeps name and namespace out of its entries: nobody owns them.
            .filter(|(key, _)| matches!(key.as_str(), "labels" | "annotations"));
        let way = Way::Field(&Way::Root, "metadata");
        owned.is_some_and(|owned| self.compute_fields(owned, "", content, held, way))
    }

    /// Each of desired's fields, and no other but `besides`, is owned and held as desired has it.
    fn compute_fields<'v>(
        &mut self,
        owned: &Map<String, Value>,
        besides: &str,
        wanted: impl Iterator<Item = (&'v String, &'v Value)>,
        held: &Map<String, Value>,
        way: Way<'_>,
    ) -> bool {
        let mut count = usize::from(owned.contains_key(besides));
        for (key, wanted) in wanted {
            count += 1;

            let is_proved = match (owned.get(&format!("f:{key}")), held.get(key)) {
                (Some(owned), Some(held)) => self.compute_value(owned, wanted, held, Way::Field(&way, key)),
                _ => false,
            };
            if !is_proved {
                return false;
            }
        }

        // Whatever the entry holds beyond desired is what the apply would take away.
        count == owned.len()
    }

    fn compute_value(&mut self, owned: &Value, wanted: &Value, held: &Value, way: Way<'_>) -> bool {
        let Some(owned) = owned.as_object() else {
            return false;
        };
        if owned.is_empty() {
            // A whole that is what the server itself wrote stays as it is, with what is empty in it.
            let is_whole = wanted == held && is_filled(wanted) && !holds_null(wanted);
            return is_whole || is_filled_throughout(wanted) && self.compute_text(wanted, held, way);
        }

        match (wanted, held) {
            (Value::Object(wanted), Value::Object(held)) => {
                self.compute_fields(owned, "", wanted.iter(), held, way)
            }
            (Value::Array(wanted), Value::Array(held)) => self.compute_list(owned, wanted, held, way),
            _ => false,
        }
    }

    /// Another text at a leaf that takes any.
    fn compute_text(&mut self, wanted: &Value, held: &Value, way: Way<'_>) -> bool {
        let path = way.path();
        let is_free = free_text::accepts(self.live, &path, held, wanted);
        if is_free {
            self.texts.push((path, wanted.clone()));
        }
        is_free
    }

    /// A list whose items are owned one by one: each of desired's is one of live's, in the same order.
    fn compute_list(
        &mut self,
        owned: &Map<String, Value>,
        wanted: &[Value],
        held: &[Value],
        way: Way<'_>,
    ) -> bool {
        // An item too many in the entry would go with the apply, and one too few would come.
        if owned.len() != wanted.len() {
            return false;
        }
        let items: Option<Vec<(Step, &Value)>> = owned
            .iter()
            .map(|(key, below)| Some((Step::from_fields_v1(key)?, below)))
            .collect();
        let Some(items) = items else { return false };

        let mut last = None;
        for wanted in wanted {
            let mut owners = items
                .iter()
                .filter(|(step, below)| is_item_of(step, below, wanted));
            // A key that is there twice, in desired, in the entry or in live, names no item for certain.
            let (Some((step, below)), None) = (owners.next(), owners.next()) else {
                return false;
            };

            let mut found = held.iter().enumerate().filter(|(_, held)| has_key(step, held));
            let (Some((at, held)), None) = (found.next(), found.next()) else {
                return false;
            };

            // Order is content: an apply would bring the items into desired's.
            let is_later = last.is_none_or(|last| at > last);
            if !is_later || !self.compute_item(below, wanted, held, Way::Item(&way, step)) {
                return false;
            }
            last = Some(at);
        }
        true
    }

    fn compute_item(&mut self, owned: &Value, wanted: &Value, held: &Value, way: Way<'_>) -> bool {
        match (owned.as_object(), wanted, held) {
            // The value of a set is its own key.
            (Some(owned), _, _) if owned.is_empty() => is_filled_throughout(wanted) && wanted == held,
            // Without `.` we own fields of the item and not the item: an apply would come to own that too.
            (Some(owned), Value::Object(wanted), Value::Object(held)) if owned.contains_key(".") => {
                self.compute_fields(owned, ".", wanted.iter(), held, way)
            }
            _ => false,
        }
    }
}

fn holds_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Object(map) => map.values().any(holds_null),
        Value::Array(items) => items.iter().any(holds_null),
        Value::String(_) | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Whether the entry's item is the one that desired's item makes: the key fields that it holds are those that the
/// entry says were written; what it leaves out was a default.
fn is_item_of(step: &Step, owned: &Value, wanted: &Value) -> bool {
    let Step::Key(fields) = step else {
        return has_key(step, wanted);
    };

    fields.iter().all(|(name, text)| {
        let was_written = owned.get(format!("f:{name}")).is_some();
        match wanted.get(name) {
            Some(value) => was_written && is_json(value, text),
            None => !was_written,
        }
    })
}

/// Whether an item of a list is the one that the step names, by all of its key's fields.
fn has_key(step: &Step, item: &Value) -> bool {
    match step {
        Step::Key(fields) => fields
            .iter()
            .all(|(name, text)| item.get(name).is_some_and(|value| is_json(value, text))),
        Step::Value(text) => is_json(item, text),
        Step::Field(_) | Step::Index(_) => false,
    }
}

fn is_json(value: &Value, text: &str) -> bool {
    serde_json::from_str::<Value>(text).is_ok_and(|wanted| wanted == *value)
}

#[cfg(test)]
mod tests;
