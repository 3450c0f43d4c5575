//! Paths in which one step can mean several fields: `/spec/workers/[*]/image`.

use crate::model::k8s::list_key::{key_step, list_key_at};
use crate::model::path::{FieldPath, Step};
use serde_json::Value;

/// What one step of such a path leads to.
enum Pattern {
    /// `[*]`: each item of a list or field of a map.
    Each,
    /// `*`: each field of a map.
    EachField,
    /// This one.
    One(Step),
}

fn parse(path: &str) -> Vec<Pattern> {
    let pattern = |step: &str| match step {
        "[*]" => Pattern::Each,
        "*" => Pattern::EachField,
        _ => {
            let parsed = format!("/{step}").parse::<FieldPath>().ok();
            let step = parsed.and_then(|path| path.steps().first().cloned());
            // What is written there has been checked; in a release of another writer it leads nowhere.
            Pattern::One(step.unwrap_or_else(|| Step::Field(String::new())))
        }
    };
    path.split('/')
        .filter(|step| !step.is_empty())
        .map(pattern)
        .collect()
}

/// Every text of a value to which the path leads, and where exactly.
pub(super) fn find_texts<'v>(value: &'v Value, path: &str) -> Vec<(FieldPath, &'v str)> {
    let mut found = Vec::new();
    walk(&mut found, value, &FieldPath::root(), &parse(path));
    found
}

fn walk<'v>(found: &mut Vec<(FieldPath, &'v str)>, value: &'v Value, path: &FieldPath, patterns: &[Pattern]) {
    match (patterns, value) {
        ([], Value::String(text)) => found.push((path.clone(), text)),
        ([Pattern::Each, rest @ ..], Value::Array(items)) => {
            for (step, item) in addressed(path, items) {
                walk(found, item, &path.with(step), rest);
            }
        }
        // A map of named parts: each may hold an image.
        ([Pattern::Each | Pattern::EachField, rest @ ..], Value::Object(map)) => {
            for (key, item) in map {
                walk(found, item, &path.field(key), rest);
            }
        }
        ([Pattern::One(step), rest @ ..], value) => {
            if let Some(item) = step.get(value) {
                walk(found, item, &path.with(step.clone()), rest);
            }
        }
        // An optional part that this object does not have.
        _ => {}
    }
}

/// The items of a list, each with the step that leads to it: by its key where that tells all of them apart, else by its
/// place.
pub fn addressed<'v>(path: &FieldPath, items: &'v [Value]) -> impl Iterator<Item = (Step, &'v Value)> {
    let keys = list_key_at(path, &[items]);
    items.iter().enumerate().map(move |(index, item)| {
        let keyed = keys.and_then(|keys| key_step(item, keys));
        (keyed.unwrap_or(Step::Index(index)), item)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_leads_to_every_field_that_it_can_mean() {
        let value = json!({"spec": {
            "workers": [{"image": "a"}, {"image": "b"}, {"size": 1}],
            "pools": [{"name": "x", "image": "c"}, {"name": "y", "image": "d"}],
            "parts": {"one": {"image": "e"}, "a/b": {"image": "f"}},
        }});
        let found = |path: &str| -> Vec<(String, String)> {
            let found = find_texts(&value, path).into_iter();
            found
                .map(|(path, text)| (path.to_string(), text.to_owned()))
                .collect()
        };
        let one = |path: &str, text: &str| (path.to_owned(), text.to_owned());

        assert_eq!(
            found("/spec/workers/[*]/image"),
            [
                one("/spec/workers/[0]/image", "a"),
                one("/spec/workers/[1]/image", "b")
            ]
        );
        assert_eq!(
            found("/spec/pools/[*]/image"),
            [
                one("/spec/pools/[name=x]/image", "c"),
                one("/spec/pools/[name=y]/image", "d")
            ]
        );
        assert_eq!(
            found("/spec/parts/*/image"),
            [
                one("/spec/parts/one/image", "e"),
                one("/spec/parts/a~1b/image", "f")
            ]
        );
        assert_eq!(
            found("/spec/pools/[name=y]/image"),
            [one("/spec/pools/[name=y]/image", "d")]
        );
        assert_eq!(
            found("/spec/parts/a~1b/image"),
            [one("/spec/parts/a~1b/image", "f")]
        );
        assert_eq!(found("/spec/workers/[*]/size"), [], "not a text");
        assert_eq!(found("/spec/workers/[broken"), []);
    }
}
