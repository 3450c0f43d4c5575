//! Values of the Secrets that a container reads, kept out of what is told of it.

use crate::cluster::Cluster;
use crate::model::Target;
use crate::model::kinds::built_in;
use crate::model::pod_spec::references;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeSet;

/// Shorter values are words of any log line: hiding `on` would hide nothing and spoil everything.
const SHORTEST: usize = 4;

/// Values that are not told, each with the name that stands for it.
#[derive(Default)]
pub(super) struct Hidden {
    /// The longest first, so that no part of a value is left.
    values: Vec<(String, String)>,
}

impl Hidden {
    /// Of the Secrets that a pod's spec refers to, as far as they may be read.
    pub async fn of(cluster: &dyn Cluster, namespace: Option<&str>, spec: Option<&Value>) -> Self {
        let Some(kind) = built_in("", "Secret") else { return Self::default() };
        let all = spec.map(references).unwrap_or_default();
        let names: BTreeSet<String> =
            all.into_iter().filter(|one| one.kind == "Secret").map(|one| one.name).collect();
        let targets: Vec<Target> = names.iter().map(|name| Target::new(&kind, namespace, name)).collect();
        let reads = join_all(targets.iter().map(|target| cluster.get(target))).await;
        let mut hidden = Self::default();
        for (name, read) in names.iter().zip(reads) {
            let Ok(Some(secret)) = read else { continue };
            for (key, value) in secret.at("/data").and_then(Value::as_object).into_iter().flatten() {
                hidden.add(name, key, value.as_str().unwrap_or_default());
            }
        }
        hidden.values.sort_by_key(|(value, _)| std::cmp::Reverse(value.len()));
        hidden
    }

    fn add(&mut self, secret: &str, key: &str, encoded: &str) {
        let stands_for = format!("<Secret {secret}/{key}>");
        let decoded = STANDARD.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let decoded = decoded.unwrap_or_default();
        // Logs are told by lines.
        let lines = decoded.lines().map(str::trim).chain([encoded]);
        let long = lines.filter(|value| value.len() >= SHORTEST);
        self.values.extend(long.map(|value| (value.to_owned(), stands_for.clone())));
    }

    /// The text without the values.
    pub fn hide(&self, text: &str) -> String {
        let replace = |text: String, (value, name): &(String, String)| text.replace(value, name);
        self.values.iter().fold(text.to_owned(), replace)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_hidden_in_both_its_forms_and_a_short_one_is_not_a_secret() {
        let mut hidden = Hidden::default();
        hidden.add("db", "password", &STANDARD.encode("hunter2\n"));
        hidden.add("db", "mode", &STANDARD.encode("on"));
        let encoded = STANDARD.encode("hunter2\n");
        let told = hidden.hide(&format!("login with hunter2 ({encoded}) is on"));
        assert_eq!(told, "login with <Secret db/password> (<Secret db/password>) is on");
    }
}
