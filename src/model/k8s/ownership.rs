//! Which pods belong to a workload: those whose chain of controllers ends at it.
//!
//! A link counts where its ownerReference has `controller: true` and the UID of an object that is there. The kinds
//! between are of no interest, so that pods of an operator's own kinds are found as those of a Deployment are. Who may
//! create pods can claim an owner: the chain is what the cluster says, and no proof of who made a pod.

use super::controller::Controller;
use super::known_kind::KnownKind;
use super::pod::PodFacts;
use crate::model::Target;
use crate::model::object::Object;
use std::collections::{BTreeMap, BTreeSet};

/// What a Deployment and its ReplicaSets carry their revision in.
pub const DEPLOYMENT_REVISION: &str = "deployment.kubernetes.io/revision";

/// How many owners above a pod are looked at.
pub const MOST_OWNERS: usize = 6;

/// The namespaces that a release is in: its own, and those of its objects.
pub fn release_namespaces<'t>(targets: impl Iterator<Item = &'t Target>, home: &str) -> BTreeSet<String> {
    let others = targets.filter_map(|target| target.namespace.clone());
    others.chain([home.to_owned()]).collect()
}

/// The namespaces in which an object's pods are looked for: its own; of a cluster-scoped object those of the release.
pub fn pod_namespaces(target: &Target, release: &BTreeSet<String>) -> BTreeSet<String> {
    match &target.namespace {
        Some(own) => [own.clone()].into(),
        // They may be in any; to look into others nobody has asked, and few may.
        None => release.clone(),
    }
}

/// The kind that commonly stands between objects of a kind, of which no rule tells the pods, and these pods.
pub fn kind_between(kind: &str) -> KnownKind {
    match kind {
        "CronJob" => KnownKind::Job,
        _ => KnownKind::ReplicaSet,
    }
}

/// What is known of an object that controls others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OwnerFacts {
    /// It is there.
    Live {
        /// Who controls it.
        controller: Option<Controller>,
        /// A ReplicaSet's `deployment.kubernetes.io/revision`; empty where there is none.
        revision: String,
    },
    /// No object of that UID is there.
    Gone,
    /// It could not be read.
    Unreadable {
        /// Why.
        cause: String,
        /// Whether another read may succeed.
        is_transient: bool,
    },
}

impl OwnerFacts {
    /// Whether another read may tell more.
    pub fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Unreadable {
                is_transient: true,
                ..
            }
        )
    }
}

/// Whether a pod belongs to a workload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ownership<'o> {
    /// Its chain ends there; with the revision of the owner in between, where there is one.
    Owned(Option<&'o str>),
    /// Its chain ends elsewhere.
    Other,
    /// A link of its chain is not known.
    Unknown {
        /// Why.
        cause: String,
        /// Whether it may become known.
        is_transient: bool,
    },
}

/// Whether a pod of an object is of an older revision than the object's own; false where its kind does not tell.
/// `between` is the revision of the ReplicaSet above the pod.
pub fn is_old_revision(object: &Object, pod: &PodFacts, between: Option<&str>) -> bool {
    // A Deployment's pods belong to ReplicaSets, which carry the revision.
    let current = object.annotation(DEPLOYMENT_REVISION);
    if let (Some(current), Some(between)) = (current, between) {
        return current != between;
    }

    // Pods of others carry it themselves, and the status names the new one: not that of a DaemonSet.
    let gvk = object.gvk();
    let new = match (&*gvk.group, &*gvk.kind) {
        ("apps", "StatefulSet") => object.text("/status/updateRevision"),
        ("argoproj.io", "Rollout") => object.text("/status/currentPodHash"),
        _ => "",
    };
    !new.is_empty() && pod.revision.as_deref().is_some_and(|revision| revision != new)
}

/// Objects that control others, by UID.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<String, OwnerFacts>);

impl Owners {
    /// Adds what is known of one.
    pub fn insert(&mut self, uid: impl Into<String>, facts: OwnerFacts) {
        self.0.insert(uid.into(), facts);
    }

    /// What is known of one.
    pub fn get(&self, uid: &str) -> Option<&OwnerFacts> {
        self.0.get(uid)
    }

    /// Whether another read may tell more.
    pub fn has_transient(&self) -> bool {
        self.0.values().any(OwnerFacts::is_transient)
    }

    /// Forgets what another read may tell.
    pub fn forget_transient(&mut self) {
        self.0.retain(|_, facts| !facts.is_transient());
    }

    /// Takes it that no other read tells more.
    pub fn settle(&mut self) {
        for facts in self.0.values_mut() {
            if let OwnerFacts::Unreadable { is_transient, .. } = facts {
                *is_transient = false;
            }
        }
    }

    /// Takes in what others are.
    pub fn extend(&mut self, others: Self) {
        self.0.extend(others.0);
    }

    /// Whether a pod belongs to the object of that UID.
    pub fn ownership(&self, pod: &PodFacts, uid: &str) -> Ownership<'_> {
        // A bare pod is its own workload.
        if pod.uid == uid {
            return Ownership::Owned(None);
        }

        let mut above = pod.controller.as_ref();
        let mut revision = None;
        // Bounded, because references are written by clients and may form a circle.
        for _ in 0..MOST_OWNERS {
            let Some(owner) = above else {
                return Ownership::Other;
            };
            if owner.uid == uid {
                return Ownership::Owned(revision);
            }

            match self.0.get(&owner.uid) {
                Some(OwnerFacts::Live {
                    controller,
                    revision: its,
                }) => {
                    revision = Some(its.as_str());
                    above = controller.as_ref();
                }
                // Garbage collection is about to take the pod: its owner is no longer there.
                Some(OwnerFacts::Gone) => return Ownership::Other,
                Some(OwnerFacts::Unreadable { cause, is_transient }) => {
                    return Ownership::Unknown {
                        cause: format!(
                            "cannot read {} {}, an owner of pod {}: {cause}",
                            owner.kind, owner.name, pod.name
                        ),
                        is_transient: *is_transient,
                    };
                }
                None => {
                    return Ownership::Unknown {
                        cause: format!(
                            "{} {}, an owner of pod {}, not read yet",
                            owner.kind, owner.name, pod.name
                        ),
                        is_transient: true,
                    };
                }
            }
        }

        match above {
            None => Ownership::Other,
            Some(_) => Ownership::Unknown {
                cause: format!("pod {} has a chain of more than {MOST_OWNERS} owners", pod.name),
                is_transient: false,
            },
        }
    }

    /// The lowest owner above a pod of which nothing is known; none where the chain is known as far as it is looked at.
    pub fn first_unknown<'a>(&'a self, pod: &'a PodFacts) -> Option<&'a Controller> {
        let mut above = pod.controller.as_ref();
        for _ in 0..MOST_OWNERS {
            let owner = above?;
            match self.0.get(&owner.uid) {
                Some(OwnerFacts::Live { controller, .. }) => above = controller.as_ref(),
                Some(_) => return None,
                None => return Some(owner),
            }
        }
        None
    }

    /// The controllers above a pod, the lowest first, as far as they are known.
    pub fn chain<'a>(&'a self, pod: &'a PodFacts) -> impl Iterator<Item = &'a Controller> {
        let up = move |owner: &&'a Controller| match self.0.get(&owner.uid) {
            Some(OwnerFacts::Live { controller, .. }) => controller.as_ref(),
            _ => None,
        };
        std::iter::successors(pod.controller.as_ref(), up).take(MOST_OWNERS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Object;
    use serde_json::json;

    fn controller(uid: &str) -> Controller {
        Controller {
            api_version: "example.org/v1".into(),
            kind: "Middle".into(),
            name: uid.into(),
            uid: uid.into(),
        }
    }

    fn live(above: Option<&str>) -> OwnerFacts {
        OwnerFacts::Live {
            controller: above.map(controller),
            revision: String::new(),
        }
    }

    fn pod(owners: &serde_json::Value) -> PodFacts {
        let pod = json!({"apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": "web-1", "namespace": "shop", "uid": "p", "ownerReferences": owners}});
        PodFacts::reduce(&Object::new(pod).unwrap())
    }

    fn owned_pod() -> PodFacts {
        pod(
            &json!([{"apiVersion": "example.org/v1", "kind": "Middle", "name": "1", "uid": "1", "controller": true}]),
        )
    }

    /// Owners `1` to `last`, each controlled by the next.
    fn chain(last: usize) -> Owners {
        let mut owners = Owners::default();
        for n in 1..=last {
            let above = (n < last).then(|| (n + 1).to_string());
            owners.insert(n.to_string(), live(above.as_deref()));
        }
        owners
    }

    #[test]
    fn six_owners_are_looked_at_and_a_seventh_makes_it_unknown() {
        let pod = owned_pod();
        assert_eq!(chain(6).ownership(&pod, "6"), Ownership::Owned(Some("")));
        assert_eq!(chain(6).ownership(&pod, "another"), Ownership::Other);

        let unknown = Ownership::Unknown {
            cause: "pod web-1 has a chain of more than 6 owners".into(),
            is_transient: false,
        };
        assert_eq!(chain(7).ownership(&pod, "7"), unknown);
        assert_eq!(chain(7).first_unknown(&pod), None, "nothing more is read");
    }

    #[test]
    fn an_owner_that_does_not_control_or_is_gone_is_no_link() {
        let other = pod(
            &json!([{"apiVersion": "example.org/v1", "kind": "Middle", "name": "1", "uid": "1", "controller": false},
            {"apiVersion": "example.org/v1", "kind": "Middle", "name": "2", "uid": "2"}]),
        );
        assert_eq!(chain(2).ownership(&other, "1"), Ownership::Other);

        let mut owners = chain(1);
        owners.insert("1", OwnerFacts::Gone);
        assert_eq!(owners.ownership(&owned_pod(), "2"), Ownership::Other);
    }

    #[test]
    fn what_cannot_be_read_is_unknown_and_a_circle_ends() {
        let mut owners = Owners::default();
        assert_eq!(owners.first_unknown(&owned_pod()), Some(&controller("1")));

        let unknown = |cause: &str, is_transient| Ownership::Unknown {
            cause: cause.into(),
            is_transient,
        };
        let unread = unknown("Middle 1, an owner of pod web-1, not read yet", true);
        assert_eq!(owners.ownership(&owned_pod(), "2"), unread);

        for is_transient in [false, true] {
            let facts = OwnerFacts::Unreadable {
                cause: "forbidden".into(),
                is_transient,
            };
            owners.insert("1", facts);
            assert_eq!(
                owners.ownership(&owned_pod(), "2"),
                unknown(
                    "cannot read Middle 1, an owner of pod web-1: forbidden",
                    is_transient
                )
            );
            assert_eq!(owners.first_unknown(&owned_pod()), None, "it is read once");
        }

        owners.insert("1", live(Some("1")));
        assert!(matches!(
            owners.ownership(&owned_pod(), "2"),
            Ownership::Unknown { .. }
        ));
        assert_eq!(owners.chain(&owned_pod()).count(), MOST_OWNERS);
    }
}
