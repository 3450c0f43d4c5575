//! Would it start again? Without a kubelet; and what `diff -o json` says of it, for the tests of other folders.

mod silent;

use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// The causes by workload, `Kind/name`; each as JSON has it, without namespaces and sentences.
pub fn causes(view: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let found = view["wouldNotStart"]
        .as_array()
        .unwrap_or_else(|| panic!("{view:#}"));
    let causes = |finding: &Value| {
        let causes = finding["causes"]
            .as_array()
            .unwrap_or_else(|| panic!("{finding:#}"));
        causes.iter().map(plain).collect()
    };
    found
        .iter()
        .map(|finding| (named(&finding["workload"]), causes(finding)))
        .collect()
}

/// `Kind/name` of an object as JSON has it.
pub fn named(object: &Value) -> String {
    let text = |field: &str| object[field].as_str().unwrap_or("?").to_owned();
    format!("{}/{}", text("kind"), text("name"))
}

fn plain(cause: &Value) -> String {
    let kind = cause["kind"].as_str().unwrap_or_else(|| panic!("{cause:#}"));
    match kind {
        "missing" | "beingDeleted" | "claimLost" => format!("{kind} {}", named(&cause["object"])),
        "keysMissing" => format!("{kind} {} {}", named(&cause["object"]), cause["keys"]),
        _ => kind.to_owned(),
    }
}

/// What could not be looked at.
pub fn unknown(view: &Value) -> Vec<Value> {
    let found = view["startUnknown"].as_array();
    found.unwrap_or_else(|| panic!("{view:#}")).clone()
}

/// A cause of this kind of an object, in the form of `causes`.
pub fn cause(kind: &str, object: &str, keys: &[String]) -> String {
    if keys.is_empty() {
        format!("{kind} {object}")
    } else {
        format!("{kind} {object} {}", json!(keys))
    }
}
