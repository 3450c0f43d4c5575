//! What kustomize cannot hold, however it is written.

use crate::model::finding::FieldChange;
use crate::model::patch::PatchBody;
use serde_json::Value;

/// Whether a body holds a field that kustomize takes for YAML's merge key, quoted or not.
pub(super) fn has_merge_key(body: &PatchBody) -> bool {
    fn is_in(value: &Value) -> bool {
        match value {
            Value::Object(map) => map.iter().any(|(name, value)| name == "<<" || is_in(value)),
            Value::Array(items) => items.iter().any(is_in),
            _ => false,
        }
    }
    match body {
        PatchBody::Strategic(patch) => is_in(patch),
        PatchBody::Operations(operations) => operations.iter().any(|one| {
            let path = one["path"].as_str().unwrap_or_default();
            is_in(one) || path.split('/').any(|name| name == "<<")
        }),
    }
}

/// Whether what is to be taken over holds U+0085: kustomize (5.8) makes a blank of it, escaped or not.
pub(super) fn holds_next_line(change: &FieldChange) -> bool {
    fn is_in(value: &Value) -> bool {
        let is_text = |text: &str| text.contains('\u{85}');
        match value {
            Value::Object(map) => map.iter().any(|(name, value)| is_text(name) || is_in(value)),
            Value::Array(items) => items.iter().any(is_in),
            Value::String(text) => is_text(text),
            _ => false,
        }
    }
    change.live.as_ref().is_some_and(is_in) || change.path.to_string().contains('\u{85}')
}
