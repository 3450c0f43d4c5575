//! A release of Helm: how an argument names it, under which names Helm stores its revisions, and what Helm adds to the
//! objects of one.
//!
//! Helm stores each revision in an object of its own, a Secret or a ConfigMap of the release's namespace. Its labels say the
//! status, so that a revision is chosen without its content.

use super::names::{HELM_NAMESPACE_ANNOTATION, HELM_RELEASE_ANNOTATION, MANAGED_BY_LABEL};
use super::object::Object;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};
use std::fmt;

/// Helm takes no longer name.
const LONGEST_NAME: usize = 53;
/// What Helm names the objects with revisions by: its storage type.
const STORAGE_TYPE: &str = "sh.helm.release.v1";
/// The status of the revision that an upgrade starts from.
const DEPLOYED: &str = "deployed";
/// The status of one that was deployed before it.
const SUPERSEDED: &str = "superseded";
/// The value of [`MANAGED_BY_LABEL`] on what Helm installs.
const HELM: &str = "Helm";

/// A release of Helm as an argument names it: `NAME` or `NAME@REVISION`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HelmReference {
    /// The release's name.
    pub name: String,
    /// The revision; none for the deployed one.
    pub revision: Option<u32>,
}

impl HelmReference {
    /// Reads an argument.
    ///
    /// # Errors
    ///
    /// Where Helm would not take the name, or the revision is no number from 1. The text says what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (name, revision) = match text.split_once('@') {
            Some((name, revision)) => (name, Some(parse_revision(revision)?)),
            None => (text, None),
        };
        // It goes into a label selector, and into the name of an object.
        if !is_release_name(name) {
            return Err(format!(
                "expected the name of a Helm release: lowercase letters, digits, '-' and '.', at most {LONGEST_NAME} characters"
            ));
        }
        Ok(Self {
            name: name.into(),
            revision,
        })
    }
}

impl fmt::Display for HelmReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.revision {
            Some(revision) => write!(f, "{}@{revision}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

fn parse_revision(text: &str) -> Result<u32, String> {
    let is_number = text.bytes().all(|byte| byte.is_ascii_digit());
    let revision = text.parse().ok().filter(|revision| *revision > 0 && is_number);
    revision.ok_or_else(|| "expected a revision such as 3 after the @".into())
}

fn is_release_name(name: &str) -> bool {
    let is_label = |label: &str| {
        let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_allowed) && !label.starts_with('-') && !label.ends_with('-')
    };
    name.len() <= LONGEST_NAME && name.split('.').all(is_label)
}

/// The name of the object in which Helm stores a revision.
pub fn storage_name(release: &str, revision: u32) -> String {
    format!("{STORAGE_TYPE}.{release}.v{revision}")
}

/// The label selector of the objects in which Helm stores a release's revisions.
pub fn storage_labels(release: &str) -> String {
    format!("owner=helm,name={release}")
}

/// A revision as the labels of the object say that holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRevision {
    /// Its number.
    pub revision: u32,
    /// `deployed`, `failed`, `pending-upgrade`, …; whatever stands there.
    pub status: String,
}

impl StoredRevision {
    /// What an object's metadata says; none where the object is not one that Helm names so.
    pub fn from_metadata(release: &str, stored: &Object) -> Option<Self> {
        let revision = parse_revision(stored.label("version")?).ok()?;
        let is_named = stored.name() == storage_name(release, revision);
        is_named.then(|| Self {
            revision,
            status: stored.label("status").unwrap_or("unknown").to_owned(),
        })
    }

    /// Whether Helm takes it for what runs.
    pub fn is_deployed(&self) -> bool {
        self.status == DEPLOYED
    }
}

/// The revision that Helm takes for what runs: the newest deployed one, or the newest where none is deployed.
pub fn current_revision(revisions: &[StoredRevision]) -> Option<&StoredRevision> {
    // Runs of helm side by side may have left several deployed ones: Helm takes the newest, too.
    let newest = |deployed: bool| {
        let matching = revisions.iter().filter(|one| !deployed || one.is_deployed());
        matching.max_by_key(|one| one.revision)
    };
    newest(true).or_else(|| newest(false))
}

/// A revision of a release of Helm, as it is shown.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HelmRevision {
    /// The release.
    pub name: String,
    /// Its revision.
    pub revision: u32,
    /// Helm's status of it: `deployed`, `superseded`, `failed`, `pending-upgrade`, …
    pub status: String,
    /// The chart.
    pub chart: HelmChart,
}

/// The chart that a revision is made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct HelmChart {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

impl HelmRevision {
    /// Whether Helm has sent all of its objects once.
    pub fn was_applied(&self) -> bool {
        [DEPLOYED, SUPERSEDED].contains(&&*self.status)
    }
}

impl fmt::Display for HelmRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            revision,
            status,
            chart,
        } = self;
        let chart = [&*chart.name, &*chart.version].join("-");
        write!(
            f,
            "Helm release {name} revision {revision} (chart {chart}, {status})"
        )
    }
}

/// Gives an object the label and the annotations that Helm writes into each one before it sends it: the manifest that it
/// stores is without them.
pub fn add_ownership(object: &mut Object, release: &str, namespace: &str) {
    // As Helm does: over what the chart says.
    set(object, "labels", MANAGED_BY_LABEL, HELM);
    set(object, "annotations", HELM_RELEASE_ANNOTATION, release);
    set(object, "annotations", HELM_NAMESPACE_ANNOTATION, namespace);
}

fn set(object: &mut Object, list: &str, key: &str, value: &str) {
    let Some(Value::Object(metadata)) = object.value_mut().get_mut("metadata") else {
        return;
    };
    let list = metadata.entry(list).or_insert(Value::Null);
    // A template with nothing to say leaves a null.
    if !list.is_object() {
        *list = Value::Object(Map::new());
    }
    if let Some(list) = list.as_object_mut() {
        list.insert(key.into(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_reference_is_a_name_and_perhaps_a_revision() {
        let parsed = |text: &str| HelmReference::parse(text).map(|one| (one.name, one.revision));
        assert_eq!(parsed("web"), Ok(("web".into(), None)));
        assert_eq!(parsed("web.prod-2@17"), Ok(("web.prod-2".into(), Some(17))));
        assert_eq!(HelmReference::parse("web@17").unwrap().to_string(), "web@17");

        for revision in [
            "web@",
            "web@0",
            "web@-1",
            "web@+1",
            "web@1.5",
            "web@v3",
            "web@4294967296",
        ] {
            let error = parsed(revision).unwrap_err();
            assert_eq!(error, "expected a revision such as 3 after the @", "{revision}");
        }
        let long = "a".repeat(54);
        // The last would select the revisions of all releases.
        for name in [
            "",
            "@3",
            "Web",
            "-web",
            "web-",
            "web..x",
            "web/x",
            &long,
            "web,owner=x",
            "web in (a)",
        ] {
            assert!(
                parsed(name).unwrap_err().contains("the name of a Helm release"),
                "{name}"
            );
        }
    }

    fn stored(name: &str, version: &str, status: &str) -> Object {
        Object::new(
            json!({"apiVersion": "meta.k8s.io/v1", "kind": "PartialObjectMetadata", "metadata": {
            "name": name, "labels": {"owner": "helm", "name": "web", "version": version, "status": status}}}),
        )
        .unwrap()
    }

    #[test]
    fn only_what_helm_names_so_is_a_revision() {
        let revision = |name: &str, version: &str| {
            StoredRevision::from_metadata("web", &stored(name, version, "deployed")).map(|one| one.revision)
        };
        assert_eq!(revision("sh.helm.release.v1.web.v3", "3"), Some(3));
        assert_eq!(revision("sh.helm.release.v1.web.v3", "4"), None);
        assert_eq!(revision("sh.helm.release.v1.other.v3", "3"), None);
        assert_eq!(revision("db-password", "3"), None);
        assert_eq!(revision("sh.helm.release.v1.web.v+3", "+3"), None);
    }

    #[test]
    fn the_newest_deployed_revision_counts_and_without_one_the_newest() {
        let current = |all: &[(u32, &str)]| {
            let all: Vec<StoredRevision> = all
                .iter()
                .map(|(revision, status)| StoredRevision {
                    revision: *revision,
                    status: (*status).into(),
                })
                .collect();
            current_revision(&all).map(|one| one.revision)
        };
        assert_eq!(
            current(&[(1, "superseded"), (3, "failed"), (2, "deployed")]),
            Some(2)
        );
        assert_eq!(
            current(&[(2, "deployed"), (10, "deployed"), (9, "deployed")]),
            Some(10)
        );
        assert_eq!(current(&[(2, "failed"), (1, "pending-install")]), Some(2));
        assert_eq!(current(&[]), None);
    }

    #[test]
    fn ownership_is_added_over_what_a_chart_says() {
        let mut object = Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": "a", "labels": {"app.kubernetes.io/managed-by": "me", "tier": "web"}, "annotations": null}}))
        .unwrap();

        add_ownership(&mut object, "web", "shop");

        assert_eq!(
            object.value()["metadata"],
            json!({"name": "a", "labels": {"app.kubernetes.io/managed-by": "Helm", "tier": "web"}, "annotations": {
                "meta.helm.sh/release-name": "web", "meta.helm.sh/release-namespace": "shop"}})
        );
    }
}
