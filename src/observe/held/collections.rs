//! The store: objects as bytes, and how far each collection was read.
//!
//! A collection is all that there is of a kind in one namespace, or in all of them. Whoever fills it says when it was read
//! as a whole: until then what it does not hold says nothing.

use crate::cluster::ApiError;
use crate::model::label_selector::LabelSelector;
use crate::model::{Object, ResourceType, Target};
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound;
use std::sync::Arc;

/// How far a collection was read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ReadState {
    /// Nobody has read it.
    #[default]
    Unread,
    /// A watch is about to read it, and has not yet: until then the server is asked.
    Loading,
    /// All of it was read: what it does not hold is not there.
    Read {
        /// The list's resourceVersion, to watch from.
        resource_version: String,
    },
    /// It could not be read.
    Failed(ApiError),
}

/// One object, as compact as it can be found again: its JSON in bytes, and what it is looked up by.
pub struct HeldObject {
    namespace: Box<str>,
    name: Box<str>,
    uid: Box<str>,
    resource_version: Box<str>,
    labels: Box<[(Box<str>, Box<str>)]>,
    bytes: Box<[u8]>,
}

impl HeldObject {
    /// From an object as it was read.
    pub fn new(object: &Object) -> Self {
        let labels = object.labels().into_iter().flatten();
        let labels = labels.filter_map(|(key, value)| Some((key.as_str().into(), value.as_str()?.into())));
        Self {
            namespace: object.namespace().unwrap_or_default().into(),
            name: object.name().into(),
            uid: object.uid().into(),
            resource_version: object.resource_version().into(),
            labels: labels.collect(),
            bytes: object.value().to_string().into_bytes().into(),
        }
    }

    /// Namespace; none for cluster-scoped kinds.
    pub fn namespace(&self) -> Option<&str> {
        (!self.namespace.is_empty()).then_some(&*self.namespace)
    }

    /// Name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// uid.
    pub fn uid(&self) -> &str {
        &self.uid
    }

    /// resourceVersion.
    pub fn resource_version(&self) -> &str {
        &self.resource_version
    }

    /// One label.
    pub fn label(&self, key: &str) -> Option<&str> {
        let found = self.labels.iter().find(|(name, _)| &**name == key)?;
        Some(&found.1)
    }

    /// Size of its JSON in bytes.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    /// The object: parsed anew each time.
    ///
    /// # Errors
    ///
    /// None, unless memory was damaged: the bytes were made from an object.
    pub fn parse(&self) -> Result<Object, ApiError> {
        let value = serde_json::from_slice(&self.bytes).map_err(|error| unreadable(&error))?;
        Object::new(value).map_err(|error| unreadable(&error))
    }

    /// Of the object what it is and its metadata: the rest is passed over and not parsed.
    ///
    /// # Errors
    ///
    /// As for [`HeldObject::parse`].
    pub fn parse_metadata(&self) -> Result<Object, ApiError> {
        let parsed: MetadataAlone =
            serde_json::from_slice(&self.bytes).map_err(|error| unreadable(&error))?;
        let MetadataAlone {
            api_version,
            kind,
            metadata,
        } = parsed;
        let value = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        Object::new(value).map_err(|error| unreadable(&error))
    }
}

/// An object as far as its metadata goes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct MetadataAlone {
    api_version: String,
    kind: String,
    metadata: Value,
}

fn unreadable(error: &dyn std::fmt::Display) -> ApiError {
    ApiError::Unreadable {
        code: 200,
        body: error.to_string(),
    }
}

/// Objects by namespace and name; cluster-scoped ones in the namespace `""`.
type ByNamespace = BTreeMap<Box<str>, BTreeMap<Box<str>, Arc<HeldObject>>>;

/// What is held.
#[derive(Default)]
pub struct Collections {
    objects: HashMap<ResourceType, ByNamespace>,
    states: HashMap<ResourceType, HashMap<Option<String>, ReadState>>,
}

impl Collections {
    /// How far a kind was read in a namespace: by a list of it, or by one of all namespaces.
    pub fn state(&self, resource: &ResourceType, namespace: Option<&str>) -> ReadState {
        let own = self.own_state(resource, namespace);
        if own != ReadState::Unread {
            return own;
        }
        match self.own_state(resource, None) {
            read @ (ReadState::Read { .. } | ReadState::Loading) => read,
            // That all namespaces may not be listed says nothing of one of them.
            ReadState::Unread | ReadState::Failed(_) => ReadState::Unread,
        }
    }

    /// How far exactly this collection was read; without a namespace the list of all of them.
    pub fn own_state(&self, resource: &ResourceType, namespace: Option<&str>) -> ReadState {
        let states = self.states.get(resource);
        let state = states.and_then(|states| states.get(&namespace.map(String::from)));
        state.cloned().unwrap_or_default()
    }

    /// Says how far a collection was read.
    pub fn set_state(&mut self, resource: &ResourceType, namespace: Option<&str>, state: ReadState) {
        let states = self.states.entry(resource.clone()).or_default();
        states.insert(namespace.map(String::from), state);
    }

    /// Replaces all that is held of a collection by a whole list of it, which is read then.
    pub fn replace(
        &mut self,
        resource: &ResourceType,
        namespace: Option<&str>,
        objects: impl IntoIterator<Item = HeldObject>,
        resource_version: &str,
    ) {
        let held = self.objects.entry(resource.clone()).or_default();
        match namespace {
            Some(namespace) => drop(held.remove(namespace)),
            None => held.clear(),
        }
        for object in objects {
            put(held, object);
        }
        let resource_version = resource_version.to_owned();
        self.set_state(resource, namespace, ReadState::Read { resource_version });
    }

    /// Puts one object in, new or changed; gives what was held under its name.
    pub fn upsert(&mut self, resource: &ResourceType, object: HeldObject) -> Option<Arc<HeldObject>> {
        put(self.objects.entry(resource.clone()).or_default(), object)
    }

    /// Takes one object out; gives it.
    pub fn remove(
        &mut self,
        resource: &ResourceType,
        namespace: Option<&str>,
        name: &str,
    ) -> Option<Arc<HeldObject>> {
        let held = self.objects.get_mut(resource)?;
        held.get_mut(namespace.unwrap_or_default())?.remove(name)
    }

    /// Drops a collection with all that is held of it, and that it was read; but what others hold of these namespaces.
    pub fn clear_but(&mut self, resource: &ResourceType, namespace: Option<&str>, others: &BTreeSet<&str>) {
        let goes = |space: &str| namespace.is_none_or(|one| one == space) && !others.contains(space);
        if let Some(held) = self.objects.get_mut(resource) {
            held.retain(|space, _| !goes(space));
        }
        if let Some(states) = self.states.get_mut(resource) {
            states.retain(|space, _| match space {
                Some(space) => !goes(space),
                None => namespace.is_some(),
            });
        }
    }

    /// Namespace and name of all that is held of a collection.
    pub fn names(&self, resource: &ResourceType, namespace: Option<&str>) -> Vec<(Option<String>, String)> {
        let spaces = self.objects.get(resource).into_iter().flatten();
        let spaces = spaces.filter(|(space, _)| namespace.is_none_or(|namespace| namespace == &***space));
        let objects = spaces.flat_map(|(_, objects)| objects.values());
        objects
            .map(|object| (object.namespace().map(String::from), object.name().to_owned()))
            .collect()
    }

    /// One object, where it is held.
    pub fn get(&self, target: &Target) -> Option<&Arc<HeldObject>> {
        let held = self.objects.get(&target.resource)?;
        held.get(target.namespace.as_deref().unwrap_or_default())?
            .get(&*target.name)
    }

    /// At most `limit` objects of a kind that a selector selects, in the order of their names, and those after `after`
    /// alone; of one namespace, or of all.
    pub fn select(
        &self,
        resource: &ResourceType,
        namespace: Option<&str>,
        selector: &LabelSelector,
        after: Option<(&str, &str)>,
        limit: usize,
    ) -> Vec<Arc<HeldObject>> {
        let Some(held) = self.objects.get(resource) else {
            return Vec::new();
        };
        let first = match (namespace, after) {
            (Some(namespace), _) | (None, Some((namespace, _))) => Bound::Included(namespace),
            (None, None) => Bound::Unbounded,
        };
        let last = namespace.map_or(Bound::Unbounded, Bound::Included);

        let spaces = held.range::<str, _>((first, last));
        let objects = spaces.flat_map(|(space, objects)| {
            let after = after.filter(|(namespace, _)| *namespace == &**space);
            let start = after.map_or(Bound::Unbounded, |(_, name)| Bound::Excluded(name));
            objects.range::<str, _>((start, Bound::<&str>::Unbounded))
        });
        objects
            .map(|(_, object)| object)
            .filter(|object| selector.selects(|key| object.label(key)))
            .take(limit)
            .cloned()
            .collect()
    }

    /// How many objects are held, and how many bytes their JSON has.
    pub fn size(&self) -> (usize, usize) {
        let objects = self.objects.values().flat_map(BTreeMap::values);
        let objects = objects.flat_map(BTreeMap::values);
        objects.fold((0, 0), |(count, bytes), object| {
            (count + 1, bytes + object.size())
        })
    }
}

fn put(held: &mut ByNamespace, object: HeldObject) -> Option<Arc<HeldObject>> {
    let space = held.entry(object.namespace.clone()).or_default();
    space.insert(object.name.clone(), Arc::new(object))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::known_kind::KnownKind;

    fn map(namespace: &str, name: &str, set: &str) -> Object {
        Object::new(
            json!({"apiVersion": "v1", "kind": "ConfigMap", "data": {"b": "2", "a": "1"},
            "metadata": {"name": name, "namespace": namespace, "uid": name, "resourceVersion": "7",
                "labels": {"set": set}}}),
        )
        .unwrap()
    }

    fn held(objects: &[(&str, &str, &str)]) -> Collections {
        let mut collections = Collections::default();
        for (namespace, name, set) in objects {
            let object = HeldObject::new(&map(namespace, name, set));
            collections.upsert(&KnownKind::ConfigMap.resource(), object);
        }
        collections
    }

    fn names(found: &[Arc<HeldObject>]) -> Vec<String> {
        let name = |one: &Arc<HeldObject>| format!("{}/{}", one.namespace().unwrap(), one.name());
        found.iter().map(name).collect()
    }

    #[test]
    fn an_object_is_given_back_as_it_was_put_in() {
        let maps = KnownKind::ConfigMap.resource();
        let collections = held(&[("a", "one", "x")]);

        let found = collections.get(&Target::new(&maps, Some("a"), "one")).unwrap();
        assert_eq!(found.parse().unwrap(), map("a", "one", "x"));
        let mut metadata = map("a", "one", "x");
        metadata.keep_metadata();
        assert_eq!(found.parse_metadata().unwrap(), metadata);
        assert_eq!(
            (found.uid(), found.resource_version(), found.label("set")),
            ("one", "7", Some("x"))
        );
        assert!(collections.get(&Target::new(&maps, Some("b"), "one")).is_none());
    }

    #[test]
    fn a_whole_list_takes_away_what_it_does_not_hold_and_no_more() {
        let maps = KnownKind::ConfigMap.resource();
        let mut collections = held(&[("a", "one", "x"), ("a", "two", "x"), ("b", "one", "x")]);

        let again = [HeldObject::new(&map("a", "two", "y"))];
        collections.replace(&maps, Some("a"), again, "9");

        let all = collections.select(&maps, None, &LabelSelector::default(), None, 9);
        assert_eq!(names(&all), ["a/two", "b/one"]);
        let read = |version: &str| ReadState::Read {
            resource_version: version.into(),
        };
        assert_eq!(collections.state(&maps, Some("a")), read("9"));
        assert_eq!(collections.state(&maps, Some("b")), ReadState::Unread);
    }

    #[test]
    fn a_list_of_all_namespaces_that_failed_says_nothing_of_one_of_them() {
        let maps = KnownKind::ConfigMap.resource();
        let mut collections = Collections::default();
        let failed = ReadState::Failed(ApiError::TooLate);

        collections.set_state(&maps, None, failed.clone());
        assert_eq!(collections.state(&maps, Some("a")), ReadState::Unread);
        assert_eq!(collections.own_state(&maps, None), failed);

        collections.replace(&maps, None, [], "3");
        assert!(matches!(
            collections.state(&maps, Some("a")),
            ReadState::Read { .. }
        ));
    }

    #[test]
    fn what_is_dropped_of_all_namespaces_leaves_what_others_hold() {
        let maps = KnownKind::ConfigMap.resource();
        let mut collections = held(&[("a", "1", "x"), ("b", "1", "x")]);
        collections.set_state(&maps, Some("a"), ReadState::Loading);
        collections.replace(&maps, Some("b"), [HeldObject::new(&map("b", "2", "x"))], "3");
        collections.set_state(&maps, None, ReadState::Failed(ApiError::TooLate));

        collections.clear_but(&maps, None, &["a"].into());
        let all = collections.select(&maps, None, &LabelSelector::default(), None, 9);
        assert_eq!(names(&all), ["a/1"]);
        assert_eq!(collections.own_state(&maps, Some("a")), ReadState::Loading);
        assert_eq!(collections.own_state(&maps, Some("b")), ReadState::Unread);
        assert_eq!(collections.own_state(&maps, None), ReadState::Unread);
    }

    #[test]
    fn objects_are_selected_page_by_page_and_by_their_labels() {
        let maps = KnownKind::ConfigMap.resource();
        let collections = held(&[("a", "1", "x"), ("a", "2", "y"), ("b", "1", "x"), ("b", "3", "x")]);
        let select = |namespace, selector, after, limit| {
            let selector = LabelSelector::parse(selector).unwrap();
            names(&collections.select(&maps, namespace, &selector, after, limit))
        };

        assert_eq!(select(None, "set=x", None, 2), ["a/1", "b/1"]);
        assert_eq!(select(None, "set=x", Some(("b", "1")), 2), ["b/3"]);
        assert_eq!(select(Some("b"), "", None, 9), ["b/1", "b/3"]);
        assert_eq!(select(Some("b"), "", Some(("b", "1")), 9), ["b/3"]);
        assert_eq!(select(Some("c"), "", None, 9), [""; 0]);
    }
}
