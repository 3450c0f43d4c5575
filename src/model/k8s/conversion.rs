//! In which version a custom resource can be reached whose own version the server does not serve.
//!
//! With the strategy `None` a conversion changes nothing but `apiVersion` (`spec.conversion` of a
//! CustomResourceDefinition), so that a client can do it as the server would. What a webhook or the server's own
//! code converts, no client can.

use super::kinds::ResourceType;
use crate::model::Object;
use serde_json::Value;

/// What becomes of a kind in a version that is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Conversion {
    /// It is reached in this version: nothing but `apiVersion` differs.
    Renamed(ResourceType),
    /// Other versions are served, and only the server converts between them.
    Impossible {
        /// Their names.
        served: Vec<String>,
        /// Why.
        why: String,
        /// What to type.
        hint: String,
    },
}

/// What its CRD makes of a kind that was found not to be served; none where the CRD serves no other version, or serves
/// this one in a moment, or does not know it.
pub fn conversion(asked: &ResourceType, crd: &Object) -> Option<Conversion> {
    let versions = crd.at("/spec/versions").and_then(Value::as_array)?;
    let name = |version: &Value| version["name"].as_str().unwrap_or_default().to_owned();
    let is_served = |version: &&Value| version["served"] == true;

    // One that it does not list may be a later one, which a promotion is about to bring.
    let place = versions
        .iter()
        .position(|version| name(version) == asked.version)?;
    // Its CRD is new: the server needs a moment.
    if versions.get(place).as_ref().is_some_and(is_served) {
        return None;
    }
    let others: Vec<&Value> = versions.iter().filter(is_served).collect();
    // What is stored is read without any conversion.
    let stored = others.iter().find(|version| version["storage"] == true);
    let version = stored.or(others.first()).copied().map(name)?;

    if matches!(crd.text("/spec/conversion/strategy"), "" | "None") {
        return Some(Conversion::Renamed(ResourceType {
            version,
            ..asked.clone()
        }));
    }
    Some(Conversion::Impossible {
        served: others.into_iter().map(name).collect(),
        why: "its CustomResourceDefinition converts with a webhook, which only the API server asks".into(),
        hint: serve_again(&asked.counted(), place),
    })
}

fn serve_again(crd: &str, place: usize) -> String {
    format!(
        "to serve it again: kubectl patch customresourcedefinition {crd} --type=json -p '[{{\"op\":\"replace\",\"path\":\"/spec/versions/{place}/served\",\"value\":true}}]'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn things() -> ResourceType {
        ResourceType {
            group: "example.com".into(),
            version: "v1beta1".into(),
            kind: "Thing".into(),
            plural: "things".into(),
            namespaced: true,
        }
    }

    /// A CRD of versions that are served or not; the last one is stored.
    fn crd(strategy: &Value, versions: &[(&str, bool)]) -> Object {
        let version = |(place, (name, served)): (usize, &(&str, bool))| json!({"name": name, "served": served, "storage": place + 1 == versions.len()});
        let versions: Vec<Value> = versions.iter().enumerate().map(version).collect();
        Object::new(json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
            "metadata": {"name": "things.example.com"}, "spec": {"versions": versions, "conversion": strategy}}))
        .unwrap()
    }

    #[rstest]
    #[case::without_a_strategy(&json!(null), &[("v1beta1", false), ("v1", true)], Some("v1"))]
    #[case::by_name(&json!({"strategy": "None"}), &[("v1beta1", false), ("v1", true)], Some("v1"))]
    #[case::in_the_stored_one(&json!(null), &[("v1beta1", false), ("v1", true), ("v2", true)], Some("v2"))]
    #[case::where_the_stored_one_is_not_served(&json!(null), &[("v1beta1", false), ("v1", true), ("v2", false)], Some("v1"))]
    #[case::the_server_needs_a_moment(&json!(null), &[("v1beta1", true), ("v1", true)], None)]
    #[case::it_is_not_listed(&json!(null), &[("v1", true)], None)]
    #[case::nothing_is_served(&json!(null), &[("v1beta1", false), ("v1", false)], None)]
    fn a_version_that_is_not_served_is_reached_in_another_where_only_its_name_differs(
        #[case] strategy: &Value,
        #[case] versions: &[(&str, bool)],
        #[case] expected: Option<&str>,
    ) {
        let found = conversion(&things(), &crd(strategy, versions));

        let version = found.map(|found| match found {
            Conversion::Renamed(resource) => resource.version,
            Conversion::Impossible { why, .. } => why,
        });
        assert_eq!(version.as_deref(), expected);
    }

    #[test]
    fn what_only_the_server_converts_is_named_with_what_to_type() {
        let strategy = json!({"strategy": "Webhook"});
        let found = conversion(&things(), &crd(&strategy, &[("v1", true), ("v1beta1", false)]));

        let Some(Conversion::Impossible { served, why, hint }) = found else {
            panic!("{found:?}");
        };
        assert_eq!(served, ["v1"]);
        assert!(
            why.contains("webhook") && hint.contains("/spec/versions/1/served"),
            "{why} {hint}"
        );
    }
}
