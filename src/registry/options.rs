//! How registries are reached: which without TLS, where references are asked, and how long an answer is waited for.

use super::circuit::Circuits;
use super::error::RegistryFailure;
use crate::model::image::{ImageReference, NotAnImage};
use oci_client::Reference;
use std::collections::BTreeMap;
use std::time::Duration;

/// How long the head of an answer is waited for, where nobody says.
const PATIENCE: Duration = Duration::from_secs(30);

/// How registries are reached. Clones share what is known of the hosts: one that does not answer is left alone by all.
#[derive(Clone, Debug, Default)]
pub struct RegistryOptions {
    /// Hosts that are spoken to without TLS; those of the loopback always are.
    pub insecure: Vec<String>,
    /// Registry or repository prefix as written → where it is asked.
    pub map: BTreeMap<String, String>,
    /// How long an answer is waited for; half a minute where nothing is said.
    pub patience: Option<Duration>,
    /// What is known of the hosts.
    pub circuits: Circuits,
}

impl RegistryOptions {
    /// By the hosts without TLS and an environment's registries.
    pub fn new(insecure: &[String], registries: &BTreeMap<String, String>) -> Self {
        Self {
            insecure: insecure.to_vec(),
            map: registries.clone(),
            ..Self::default()
        }
    }

    /// With an environment's registries; what is mapped already stays.
    #[must_use]
    pub fn with_registries(mut self, registries: &BTreeMap<String, String>) -> Self {
        for (from, to) in registries {
            self.map.entry(from.clone()).or_insert_with(|| to.clone());
        }
        self
    }

    /// With another limit for an answer.
    #[must_use]
    pub fn with_patience(mut self, patience: Duration) -> Self {
        self.patience = Some(patience);
        self
    }

    /// The host that is asked for a reference; none where it is malformed.
    pub fn host(&self, reference: &str) -> Option<String> {
        let image = self.locate(reference).ok()?;
        Some(image.resolve_registry().to_owned())
    }

    pub(super) fn patience(&self) -> Duration {
        self.patience.unwrap_or(PATIENCE)
    }

    /// A reference as it is asked for.
    pub(super) fn locate(&self, reference: &str) -> Result<Reference, RegistryFailure> {
        let bad = |why: String| RegistryFailure::BadReference(why);
        let written: ImageReference = reference
            .parse()
            .map_err(|error: NotAnImage| bad(error.to_string()))?;
        let name = written.name();

        // The name stands first in the text; tag and digest stay as they are written.
        let text = written.to_string().replacen(&name, &self.mapped(&name), 1);
        text.parse()
            .map_err(|error: oci_client::ParseError| bad(error.to_string()))
    }

    fn mapped(&self, name: &str) -> String {
        // The longest prefix is the most specific one.
        let prefixes = self.map.iter().filter(|(from, _)| is_prefix(from, name));
        match prefixes.max_by_key(|(from, _)| from.len()) {
            // A pinned object names the place already, which may lie below the one that it is taken for.
            Some((_, to)) if is_prefix(to, name) => name.to_owned(),
            Some((from, to)) => format!("{to}{}", &name[from.len()..]),
            None => name.to_owned(),
        }
    }
}

/// `ghcr.io/acme` is no prefix of `ghcr.io/acme-test`: it ends where a part of the path does.
fn is_prefix(prefix: &str, name: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reference_is_asked_where_its_longest_prefix_leads_and_there_only_once() {
        let map = [
            ("ghcr.io", "mirror.example/ghcr"),
            ("ghcr.io/acme", "ghcr.io/acme/copies"),
        ];
        let map = map.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let options = RegistryOptions::default().with_registries(&map.into());

        for (written, asked) in [
            ("ghcr.io/other/web:1", "mirror.example/ghcr/other/web:1"),
            ("ghcr.io/acme/web:1", "ghcr.io/acme/copies/web:1"),
            // As a promotion pins it.
            ("ghcr.io/acme/copies/web:1", "ghcr.io/acme/copies/web:1"),
            ("ghcr.io/acme-test/web:1", "mirror.example/ghcr/acme-test/web:1"),
            ("quay.io/acme/web:1", "quay.io/acme/web:1"),
        ] {
            assert_eq!(options.locate(written).unwrap().whole(), asked, "{written}");
        }
        assert_eq!(options.host("ghcr.io/other/web:1").unwrap(), "mirror.example");
    }
}
