//! Entries of `metadata.managedFields` (KEP-555): which are ours, and by what the server tells them apart.
//!
//! The server keeps one entry for each manager, operation, version and subresource. By an apply it takes away what the
//! manager's plain `Apply` entry alone holds: neither what its updates own, nor what it wrote through a subresource.

use crate::model::names::FIELD_MANAGER;
use serde_json::{Value, json};

/// By these the server tells entries apart: one manager may have several.
pub const ENTRY_KEY: [&str; 4] = ["manager", "operation", "apiVersion", "subresource"];

/// Whether an entry holds what our own applies own.
pub fn is_our_apply_entry(entry: &Value) -> bool {
    is_our_entry(entry) && entry["operation"] == "Apply" && subresource(entry).is_empty()
}

/// Whether an entry holds what a patch or a replacement of ours touched.
pub fn is_our_update_entry(entry: &Value) -> bool {
    is_our_entry(entry) && entry["operation"] == "Update" && subresource(entry).is_empty()
}

/// Whether an entry is ours, however we wrote.
pub fn is_our_entry(entry: &Value) -> bool {
    entry["manager"] == FIELD_MANAGER
}

/// Whether an entry holds status: controllers write it all the time, and no promotion sends it.
pub fn is_status_entry(entry: &Value) -> bool {
    subresource(entry) == "status"
}

fn subresource(entry: &Value) -> &str {
    entry["subresource"].as_str().unwrap_or_default()
}

/// Makes the entries ones that can be written where none is left.
pub fn ensure_any_entry(entries: &mut Vec<Value>) {
    if entries.is_empty() {
        // The server takes an empty list for "as it is", and one empty entry for "nobody".
        entries.push(json!({}));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_apply_takes_away_by_our_plain_entry_alone() {
        let entry = |manager: &str, operation: &str, subresource: &str| json!({"manager": manager, "operation": operation, "subresource": subresource});

        assert!(is_our_apply_entry(
            &json!({"manager": FIELD_MANAGER, "operation": "Apply"})
        ));
        for other in [
            entry("helm", "Apply", ""),
            entry(FIELD_MANAGER, "Update", ""),
            entry(FIELD_MANAGER, "Apply", "scale"),
        ] {
            assert!(!is_our_apply_entry(&other), "{other}");
        }
    }
}
