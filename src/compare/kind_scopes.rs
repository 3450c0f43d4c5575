//! Whether kinds live in namespaces, and by that the namespace of each object.
//!
//! Built-in kinds are known, kinds of CustomResourceDefinitions among the objects are said by these, and of all others
//! discovery tells, whose answer comes in.

use crate::model::k8s::kinds;
use crate::model::{Gvk, Object};
use std::collections::BTreeMap;

/// What is known of kinds and namespaces.
pub(super) struct KindScopes<'s> {
    defined: BTreeMap<(String, String), bool>,
    asked: &'s dyn Fn(&Gvk) -> Option<bool>,
}

impl<'s> KindScopes<'s> {
    pub(super) fn new<'o>(
        objects: impl Iterator<Item = &'o Object>,
        asked: &'s dyn Fn(&Gvk) -> Option<bool>,
    ) -> Self {
        // A CRD that this release brings may not be served yet: discovery cannot tell of its kind.
        let defined = objects
            .filter(|object| object.kind() == "CustomResourceDefinition")
            .map(|crd| {
                let key = (
                    crd.text("/spec/group").to_owned(),
                    crd.text("/spec/names/kind").to_owned(),
                );
                (key, crd.text("/spec/scope") == "Namespaced")
            })
            .collect();
        Self { defined, asked }
    }

    /// Gives each object the namespace in which it lies here: its own as `mapped` says, or `home` where it names none.
    pub(super) fn place(
        &self,
        objects: Vec<Object>,
        home: &str,
        mapped: &BTreeMap<String, String>,
    ) -> Vec<Object> {
        let place = |mut object: Object| {
            let own = object.namespace();
            let own = own.map(|name| mapped.get(name).map_or(name, String::as_str));
            let here = own.unwrap_or(home).to_owned();

            // A namespace on a cluster-scoped object would make it another one than the server has.
            let namespace = self.is_namespaced(&object.gvk()).then_some(here);
            object.set_namespace(namespace.as_deref());
            object
        };
        objects.into_iter().map(place).collect()
    }

    /// An unknown kind is taken for namespaced, as most are; the server says so if it is not.
    fn is_namespaced(&self, gvk: &Gvk) -> bool {
        let built_in = kinds::well_known(gvk).map(|kind| kind.namespaced);
        let defined = || self.defined.get(&(gvk.group.clone(), gvk.kind.clone())).copied();

        built_in
            .or_else(defined)
            .or_else(|| (self.asked)(gvk))
            .unwrap_or(true)
    }
}
