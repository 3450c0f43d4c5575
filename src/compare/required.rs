//! What a release requires, as it is called where the release is promoted to.
//!
//! Nothing is guessed: a name counts only where desired holds or refers to an object of it. Demanding a Secret under a
//! name that nobody reads would refuse a promotion that is fine.

use super::recording::needs;
use crate::model::Object;
use crate::model::release::Requirement;
use std::collections::{BTreeMap, BTreeSet};

/// How tested objects are called here.
pub(super) struct Naming<'r> {
    /// Names as tested → as an overlay may call them.
    pub renamed: &'r BTreeMap<String, Vec<String>>,
    /// Namespaces as tested → as here.
    pub namespaces: &'r BTreeMap<String, String>,
    /// The namespace of what names none.
    pub home: &'r str,
}

/// The requirements that desired does not hold.
///
/// What tested objects refer to by their specs is left out where desired no longer refers to it: the environment's own
/// manifests have put something else in its place. Of what no spec refers to nobody can say so.
pub(super) fn required_here(
    requires: &[Requirement],
    tested: &[Object],
    desired: &[Object],
    naming: &Naming<'_>,
) -> Vec<Requirement> {
    let (by_tested, by_desired) = (referred(tested), referred(desired));

    // By kind and name alone: a requirement still has its namespace as tested.
    let held: BTreeSet<(&str, &str)> = desired
        .iter()
        .map(|object| (object.kind(), object.name()))
        .collect();

    let here = |need: &Requirement| {
        let renamed = naming.renamed.get(&need.name).into_iter().flatten();

        // The name as tested is tried first: a rename is only what pairs suggest.
        let names: Vec<&String> = [&need.name].into_iter().chain(renamed).collect();
        if names
            .iter()
            .any(|name| held.contains(&(need.kind.as_str(), name.as_str())))
        {
            return None;
        }

        let is_referred = |name: &&&String| by_desired.contains(&(need.kind.clone(), (**name).clone()));
        let name = match names.iter().find(is_referred) {
            Some(name) => *name,
            // Tested objects refer to it and desired does not: something else has taken its place.
            None if by_tested.contains(&(need.kind.clone(), need.name.clone())) => return None,
            // No spec ever did: the application may read it through the API, under the name that it knows.
            None => &need.name,
        };

        let namespace = need.namespace.as_deref();
        let namespace = namespace.map(|name| naming.namespaces.get(name).map_or(name, String::as_str));

        Some(Requirement {
            name: name.clone(),
            namespace: Some(namespace.unwrap_or(naming.home).to_owned()),
            ..need.clone()
        })
    };
    requires.iter().filter_map(here).collect()
}

/// Kinds and names that objects refer to.
fn referred(objects: &[Object]) -> BTreeSet<(String, String)> {
    let needs = needs(objects, true).into_iter();
    needs
        .map(|need| (need.requirement.kind, need.requirement.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn object(kind: &str, name: &str, spec: &Value) -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": kind, "spec": spec,
            "metadata": {"name": name, "namespace": "shop"}}))
        .unwrap()
    }

    fn reader(secret: &str) -> Object {
        let container = json!({"name": "c", "envFrom": [{"secretRef": {"name": secret}}]});
        object("Pod", "shop-web", &json!({"containers": [container]}))
    }

    fn required(tested: &[Object], desired: &[Object]) -> Vec<String> {
        let need = Requirement {
            kind: "Secret".into(),
            namespace: Some("shop-ci".into()),
            name: "db".into(),
            type_: None,
            keys: vec!["url".into()],
            produced_by: None,
            optional: false,
        };

        let renamed = BTreeMap::from([("db".to_owned(), vec!["prod-db".to_owned()])]);
        let namespaces = BTreeMap::from([("shop-ci".to_owned(), "shop".to_owned())]);
        let naming = Naming {
            renamed: &renamed,
            namespaces: &namespaces,
            home: "home",
        };

        let found = required_here(&[need], tested, desired, &naming);
        found
            .iter()
            .map(|need| format!("{}/{}", need.namespace.as_deref().unwrap(), need.name))
            .collect()
    }

    #[test]
    fn a_requirement_is_called_as_desired_calls_it_and_left_out_where_desired_holds_it() {
        let map = || object("ConfigMap", "shop-map", &json!({}));
        let secret = |name: &str| object("Secret", name, &json!({}));

        assert_eq!(required(&[map()], &[map()]), ["shop/db"], "no spec refers to it");
        assert_eq!(required(&[reader("db")], &[reader("db")]), ["shop/db"]);
        assert_eq!(
            required(&[reader("db")], &[reader("prod-db")]),
            ["shop/prod-db"],
            "an overlay renamed it"
        );

        for held in ["db", "prod-db"] {
            assert!(
                required(&[reader("db")], &[map(), secret(held)]).is_empty(),
                "{held}"
            );
        }
        assert!(
            required(&[reader("db")], &[reader("other")]).is_empty(),
            "something else took its place"
        );
    }
}
