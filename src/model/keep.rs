//! What a prune leaves in place: kinds that hold what others put into them, and the marks by which delivery tools
//! promise that an object stays.
//!
//! A mark is another tool's word to a person that an object stays, and it holds whoever deletes. It is read
//! leniently: to keep what might have gone costs a note, to delete what should have stayed may cost data.

use super::hook::words;
use super::object::Object;

/// An annotation, and the words that mean "keep"; none where its presence alone does.
type Mark = (&'static str, Option<&'static [&'static str]>);

/// The keep marks of delivery tools, as their documents name them.
const MARKS: &[Mark] = &[
    // Helm; Fleet installs through it.
    ("helm.sh/resource-policy", Some(&["keep"])),
    // Argo CD. What it deletes only after a confirmation is not deleted without one.
    (
        "argocd.argoproj.io/sync-options",
        Some(&["prune=false", "delete=false", "prune=confirm", "delete=confirm"]),
    ),
    ("kustomize.toolkit.fluxcd.io/prune", Some(&["disabled"])),
    ("kapp.k14s.io/delete-strategy", Some(&["orphan"])),
    ("kapp.k14s.io/noop", None),
    // cli-utils: kpt and Config Sync.
    ("cli-utils.sigs.k8s.io/on-remove", Some(&["keep"])),
    ("client.lifecycle.config.k8s.io/deletion", Some(&["detach"])),
    ("kluctl.io/skip-delete", Some(&["true"])),
    ("action.timoni.sh/prune", Some(&["disabled"])),
    // Harness itself writes it with a capital letter.
    ("harness.io/skippruning", Some(&["true"])),
];

/// The mark by which an object stays, as it is written on it: `helm.sh/resource-policy: keep`.
pub fn keep_mark(object: &Object) -> Option<String> {
    let annotations = object.annotations()?;
    annotations.iter().find_map(|(key, value)| {
        let value = value.as_str().unwrap_or_default();
        let (_, meaning) = MARKS.iter().find(|(mark, _)| key.eq_ignore_ascii_case(mark))?;
        // Spaces and capitals aside: a person may have typed it.
        let is_meant = |word: &str| {
            let word: String = word.chars().filter(|letter| !letter.is_whitespace()).collect();
            meaning.is_none_or(|meaning| meaning.contains(&word.to_ascii_lowercase().as_str()))
        };

        (meaning.is_none() || words(value).any(is_meant)).then(|| format!("{key}: {value}"))
    })
}

/// Whether an object is of a kind that is never pruned unless it is named.
pub fn is_kept_kind(group: &str, kind: &str) -> bool {
    // What is in them is others', or data, and goes with them.
    matches!(
        (group, kind),
        ("", "Namespace" | "PersistentVolumeClaim" | "PersistentVolume")
            | ("apiextensions.k8s.io", "CustomResourceDefinition")
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn mark(key: &str, value: &str) -> Option<String> {
        let object = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "annotations": {key: value}}});
        keep_mark(&Object::new(object).unwrap())
    }

    #[test]
    fn the_marks_of_delivery_tools_are_known_by_their_meaning() {
        for (key, value) in [
            ("helm.sh/resource-policy", "keep"),
            ("helm.sh/resource-policy", " Keep "),
            ("argocd.argoproj.io/sync-options", "Prune=false"),
            (
                "argocd.argoproj.io/sync-options",
                "ServerSideApply=true, Delete=false",
            ),
            ("kustomize.toolkit.fluxcd.io/prune", "disabled"),
            ("kapp.k14s.io/delete-strategy", "orphan"),
            ("kapp.k14s.io/noop", ""),
            ("client.lifecycle.config.k8s.io/deletion", "detach"),
            ("kluctl.io/skip-delete", "true"),
            ("harness.io/skipPruning", "true"),
        ] {
            assert_eq!(mark(key, value), Some(format!("{key}: {value}")));
        }

        // The same annotations where they do not mean to keep, and a word of nobody's.
        for (key, value) in [
            ("helm.sh/resource-policy", ""),
            ("argocd.argoproj.io/sync-options", "Prune=true,Validate=false"),
            ("kustomize.toolkit.fluxcd.io/prune", "enabled"),
            ("kluctl.io/skip-delete", "false"),
            ("example.com/keep", "keep"),
        ] {
            assert_eq!(mark(key, value), None, "{key}: {value}");
        }
    }
}
