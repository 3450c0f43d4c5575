//! Which releases an object matters to: those whose comparison has read it, whether it was there or not, and those whose
//! label it carries.

use crate::drift::Stir;
use crate::model::k8s::kinds::built_in;
use crate::model::moves::ReleaseRef;
use crate::model::{ObjectId, ResourceType};
use crate::observe::held::{Demand, Moved, Reads};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What each release depends on.
#[derive(Debug, Default)]
pub(super) struct Dependents {
    by_object: HashMap<ObjectId, BTreeSet<ReleaseRef>>,
    /// By the label of members.
    by_set: HashMap<String, ReleaseRef>,
    reads: BTreeMap<ReleaseRef, Reads>,
}

/// That something of a release moved.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Affected {
    pub release: ReleaseRef,
    pub is_of_pods: bool,
    /// Whether pods may need it to start.
    pub is_start_reference: bool,
}

impl Affected {
    pub fn stir(&self) -> Stir {
        if self.is_of_pods {
            Stir::Pods
        } else {
            Stir::Content
        }
    }
}

impl Dependents {
    /// A release is watched from now on, with what its members need.
    pub fn add(&mut self, release: &ReleaseRef, reads: Reads) {
        self.by_set.insert(release.set(), release.clone());
        self.extend(release, reads);
    }

    /// Whether a release is watched.
    pub fn contains(&self, release: &ReleaseRef) -> bool {
        self.reads.contains_key(release)
    }

    /// It is watched no longer.
    pub fn remove(&mut self, release: &ReleaseRef) {
        self.by_set.remove(&release.set());
        self.clear(release);
        self.reads.remove(release);
    }

    /// A comparison that looks at everything has read these, and nothing else matters any more. Whether something is to be
    /// followed that was not.
    pub fn replace(&mut self, release: &ReleaseRef, reads: Reads) -> bool {
        let before = self.reads.get(release).map(|reads| reads.demand.clone());
        self.clear(release);
        let has_grown = before.is_none_or(|before| !is_within(&reads.demand, &before));
        self.extend(release, reads);
        has_grown
    }

    /// A comparison has read these as well. Whether something is to be followed that was not.
    pub fn extend(&mut self, release: &ReleaseRef, reads: Reads) -> bool {
        for object in &reads.objects {
            let releases = self.by_object.entry(object.clone()).or_default();
            releases.insert(release.clone());
        }
        let known = self.reads.entry(release.clone()).or_default();
        let has_grown = !is_within(&reads.demand, &known.demand);
        known.objects.extend(reads.objects);
        known.lists.extend(reads.lists);
        for (resource, namespaces) in reads.demand {
            known.demand.entry(resource).or_default().extend(namespaces);
        }
        has_grown
    }

    /// The releases that a collection matters to; of all namespaces where none is named.
    pub fn of_collection(&self, resource: &ResourceType, namespace: Option<&str>) -> Vec<ReleaseRef> {
        let depends = |reads: &Reads| {
            reads.demand.get(resource).is_some_and(|namespaces| {
                namespace.is_none_or(|namespace| namespaces.contains(&Some(namespace.to_owned())))
            })
        };
        let releases = self.reads.iter();
        let found = releases.filter(|(_, reads)| depends(reads));
        found.map(|(release, _)| release.clone()).collect()
    }

    fn clear(&mut self, release: &ReleaseRef) {
        for object in self
            .reads
            .remove(release)
            .into_iter()
            .flat_map(|reads| reads.objects)
        {
            if let Some(releases) = self.by_object.get_mut(&object) {
                releases.remove(release);
                // Objects come and go: those without any release would pile up.
                if releases.is_empty() {
                    self.by_object.remove(&object);
                }
            }
        }
    }

    /// Everything that is to be followed.
    pub fn demand(&self) -> Demand {
        let mut all = Demand::new();
        for (resource, namespaces) in self.reads.values().flat_map(|reads| &reads.demand) {
            let known = all.entry(resource.clone()).or_default();
            known.extend(namespaces.iter().cloned());
        }
        all
    }

    /// The releases that an object which moved matters to.
    pub fn affected(&self, id: &ObjectId, moved: &Moved) -> BTreeSet<Affected> {
        let mut found = BTreeSet::new();
        let is_pod = id.group.is_empty() && id.kind == "Pod";
        let mut add = |release: &ReleaseRef, is_of_pods| {
            found.insert(Affected {
                release: release.clone(),
                is_of_pods,
                is_start_reference: is_start_reference(id),
            });
        };

        let own = self.by_object.get(id).into_iter().flatten();
        own.for_each(|release| add(release, is_pod));
        let sets = moved.sets.iter().filter_map(|set| self.by_set.get(set));
        // A controller copies the labels of its template to pods.
        sets.filter(|_| !is_pod).for_each(|release| add(release, false));
        if is_pod {
            let controlled = moved.controllers.iter().filter_map(|id| self.by_object.get(id));
            controlled.flatten().for_each(|release| add(release, true));
        }
        if id.kind == "HorizontalPodAutoscaler" {
            self.listing(id).for_each(|release| add(release, false));
        }
        found
    }

    /// The releases whose comparison has listed the collection of an object.
    fn listing(&self, id: &ObjectId) -> impl Iterator<Item = &ReleaseRef> {
        let has_listed = move |reads: &Reads| {
            reads.lists.iter().any(|(resource, namespace)| {
                resource.kind == id.kind && resource.group == id.group && *namespace == id.namespace
            })
        };
        let releases = self.reads.iter();
        releases
            .filter(move |(_, reads)| has_listed(reads))
            .map(|(release, _)| release)
    }
}

fn is_start_reference(id: &ObjectId) -> bool {
    built_in(&id.group, &id.kind).is_some_and(|resource| crate::compare::is_start_reference(&resource))
}

fn is_within(demand: &Demand, other: &Demand) -> bool {
    demand.iter().all(|(resource, namespaces)| {
        other
            .get(resource)
            .is_some_and(|others| namespaces.is_subset(others))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::k8s::known_kind::KnownKind;

    fn id(group: &str, kind: &str, name: &str) -> ObjectId {
        ObjectId::new(group, kind, Some("shop"), name)
    }

    fn reads(objects: &[ObjectId]) -> Reads {
        Reads {
            objects: objects.iter().cloned().collect(),
            ..Reads::default()
        }
    }

    fn names(found: &BTreeSet<Affected>) -> Vec<(&str, bool)> {
        found
            .iter()
            .map(|one| (one.release.name.as_str(), one.is_of_pods))
            .collect()
    }

    #[test]
    fn an_object_matters_to_the_releases_that_have_read_it_and_to_that_of_its_label() {
        let mut dependents = Dependents::default();
        let (web, api) = (ReleaseRef::new("shop", "web"), ReleaseRef::new("shop", "api"));
        let shared = id("", "ConfigMap", "shared");
        dependents.add(&web, reads(&[shared.clone(), id("apps", "Deployment", "web")]));
        dependents.add(&api, reads(std::slice::from_ref(&shared)));

        let moved = Moved::default();
        assert_eq!(
            names(&dependents.affected(&shared, &moved)),
            [("api", false), ("web", false)]
        );
        assert!(
            dependents
                .affected(&id("", "ConfigMap", "other"), &moved)
                .is_empty()
        );
        let labelled = Moved {
            sets: [api.set()].into(),
            ..Moved::default()
        };
        let stray = id("", "ConfigMap", "stray");
        assert_eq!(names(&dependents.affected(&stray, &labelled)), [("api", false)]);

        dependents.remove(&api);
        assert_eq!(names(&dependents.affected(&shared, &moved)), [("web", false)]);
        assert!(dependents.affected(&stray, &labelled).is_empty());
    }

    #[test]
    fn a_pod_matters_to_the_release_of_what_controls_it() {
        let mut dependents = Dependents::default();
        let web = ReleaseRef::new("shop", "web");
        dependents.add(&web, reads(&[id("apps", "Deployment", "web")]));

        let moved = Moved {
            controllers: vec![id("apps", "ReplicaSet", "web-1"), id("apps", "Deployment", "web")],
            sets: [web.set()].into(),
        };
        let pod = id("", "Pod", "web-1-a");
        assert_eq!(names(&dependents.affected(&pod, &moved)), [("web", true)]);
        assert!(dependents.affected(&pod, &Moved::default()).is_empty());
    }

    #[test]
    fn what_a_comparison_reads_for_the_first_time_is_to_be_followed() {
        let mut dependents = Dependents::default();
        let web = ReleaseRef::new("shop", "web");
        let with = |namespace: &str| {
            let mut reads = Reads::default();
            let maps = KnownKind::ConfigMap.resource();
            reads.demand.insert(maps, [Some(namespace.to_owned())].into());
            reads
        };
        dependents.add(&web, with("shop"));

        assert!(!dependents.extend(&web, with("shop")));
        assert!(dependents.extend(&web, with("other")));
        assert!(!dependents.replace(&web, with("shop")), "less than before");
        assert_eq!(dependents.demand().values().flatten().count(), 1);
    }
}
