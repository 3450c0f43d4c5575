//! Pods that are found by the chains of their owners, as the watches show both.
//!
//! An owner of a kind that nobody watches is read by whoever asks ([`Follow::unknown_owners`]), and comes back as an
//! argument: nothing here sends a request.

use super::super::view::{may_become_known, surroundings, why_unknown};
use super::Follow;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::k8s::ownership::Owners;
use crate::model::k8s::pod::PodFacts;
use crate::model::{Object, ObjectId};
use crate::observe::NamedOwner;
use crate::observe::watch::{Collection, Contents, WatchState};
use crate::rollout::MonitoredObject;
use std::collections::BTreeSet;

/// Why pods are not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadPods {
    /// Why.
    pub cause: String,
    /// Whether they may become known.
    pub is_transient: bool,
}

impl Follow {
    /// Owners above running pods that may be these objects', and that neither the watches nor an earlier read know.
    pub fn unknown_owners(&self, objects: &[ObjectId], read: &Owners) -> Vec<NamedOwner> {
        let namespaces = objects.iter().filter_map(|id| self.chained.get(id));
        let namespaces: BTreeSet<&String> = namespaces.flatten().collect();
        let contents = self.store.contents();
        let mut unknown = Vec::new();
        for namespace in namespaces {
            let owners = owners(namespace, &contents, read);
            let above = running_pods(namespace, &contents).filter_map(|pod| owners.first_unknown(pod));
            unknown.extend(above.map(|owner| (namespace.clone(), owner.clone())));
        }
        unknown
    }

    /// What the watches show of an object and of the pods that run where its own may be, with the owners above them; else
    /// why its pods are not known.
    pub fn look_at_pods<T>(
        &self,
        object: &ObjectId,
        read: &Owners,
        look: impl FnOnce(&MonitoredObject, &Object, &[&PodFacts], &Owners) -> T,
    ) -> Result<T, UnreadPods> {
        let unread = |cause: String, is_transient| UnreadPods { cause, is_transient };
        let contents = self.store.contents();
        let one = self.followed.get(object);
        let one = one.ok_or_else(|| unread(format!("{object} is not watched"), false))?;

        let view = surroundings(&one.subject.target, &one.needed, &contents);
        if let Some(why) = view.unreadable {
            return Err(unread(why, may_become_known(&one.needed, &contents)));
        }
        let live = view
            .object
            .ok_or_else(|| unread("does not exist".into(), false))?;
        let namespaces = self.chained.get(object).into_iter().flatten();
        let (mut pods, mut above) = (Vec::new(), Owners::default());
        for namespace in namespaces {
            if let Some(unread) = unread_pods(namespace, &contents) {
                return Err(unread);
            }
            pods.extend(running_pods(namespace, &contents));
            above.extend(owners(namespace, &contents, read));
        }
        Ok(look(&one.subject, live, &pods, &above))
    }
}

/// Why the pods of a namespace are not known.
fn unread_pods(namespace: &str, contents: &Contents) -> Option<UnreadPods> {
    let pods = Collection::new(&KnownKind::Pod.resource(), Some(namespace));
    Some(UnreadPods {
        cause: why_unknown(&pods, contents)?,
        is_transient: !matches!(contents.state(&pods), Some(WatchState::Unreadable(_))),
    })
}

/// The owners above the running pods of a namespace, as the watches show them, else as they were read.
fn owners(namespace: &str, contents: &Contents, read: &Owners) -> Owners {
    let mut owners = Owners::default();
    for pod in running_pods(namespace, contents) {
        // Each look adds the next owner above the pod.
        while let Some(uid) = owners.first_unknown(pod).map(|owner| owner.uid.clone()) {
            match contents.owner(&uid).or_else(|| read.get(&uid).cloned()) {
                Some(facts) => owners.insert(uid, facts),
                None => break,
            }
        }
    }
    owners
}

/// The pods of a namespace that run.
fn running_pods<'c>(namespace: &str, contents: &'c Contents) -> impl Iterator<Item = &'c PodFacts> {
    let is_in = move |pod: &&PodFacts| pod.namespace == namespace && pod.is_running();
    contents.pods().filter(is_in)
}
