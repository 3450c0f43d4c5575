//! The owners above pods, read by their references: of whatever kind they are, each once.
//!
//! Owners of one kind that are many are listed: a namespace with a thousand Jobs is not a thousand requests. What
//! cannot be read is kept as such, with the cause, until whoever asks wants it read again; an owner whose name is
//! another object's by now is gone.

use crate::cluster::{ApiError, Cluster, Discovered, ListRequest, paged};
use crate::model::k8s::controller::Controller;
use crate::model::k8s::kinds::well_known;
use crate::model::k8s::ownership::{DEPLOYMENT_REVISION, OwnerFacts, Owners};
use crate::model::{Gvk, Object, ResourceType, Target};
use futures::future::join_all;
use std::collections::BTreeMap;

/// So many owners of one kind are read one by one; more are listed.
const ONE_BY_ONE: usize = 8;

/// An owner that a pod, or what owns it, names, and the namespace in which it is named.
pub type NamedOwner = (String, Controller);

/// Reads owners, and keeps what it has read.
#[derive(Debug, Default)]
pub struct OwnerReader {
    owners: Owners,
    /// The kinds that the server serves, or why they are not known, once they were asked for.
    served: Option<Result<BTreeMap<Gvk, ResourceType>, OwnerFacts>>,
}

impl OwnerReader {
    /// What was read so far.
    pub fn owners(&self) -> &Owners {
        &self.owners
    }

    /// What was read.
    pub fn into_owners(self) -> Owners {
        self.owners
    }

    /// Has owners read again that could not be read for a reason that passes.
    pub fn forget_transient(&mut self) {
        self.owners.forget_transient();
        if matches!(&self.served, Some(Err(facts)) if facts.is_transient()) {
            self.served = None;
        }
    }

    /// Reads nothing of that again: it stays unknown.
    pub fn give_up(&mut self) {
        self.owners.settle();
    }

    /// Adds what another read has brought.
    pub fn add(&mut self, uid: String, facts: OwnerFacts) {
        self.owners.insert(uid, facts);
    }

    /// Reads these; what cannot be read is known as such afterwards.
    pub async fn read(&mut self, cluster: &dyn Cluster, named: Vec<NamedOwner>) {
        let mut kinds: BTreeMap<(Gvk, String), BTreeMap<String, Controller>> = BTreeMap::new();
        for (namespace, owner) in named {
            // By its version too: the reference is read as it was written, and any version that is served answers with the same UID.
            let gvk = Gvk::new(&owner.api_version, &owner.kind);
            let of_kind = kinds.entry((gvk, namespace)).or_default();
            of_kind.insert(owner.uid.clone(), owner);
        }

        let is_unknown = |gvk: &Gvk| well_known(gvk).is_none();
        // Discovery only where a kind is not built in: most chains never need it, and few of its readers may.
        if self.served.is_none() && kinds.keys().any(|(gvk, _)| is_unknown(gvk)) {
            let served = cluster.discover().await;
            self.served = Some(served.map(by_kind).map_err(|error| unreadable(&error)));
        }

        let reads = kinds.into_iter().map(|((gvk, namespace), owners)| {
            let resource = self.resource(&gvk);
            async move {
                match resource {
                    Ok(resource) => read_kind(cluster, &resource, &namespace, owners).await,
                    Err(facts) => owners.into_keys().map(|uid| (uid, facts.clone())).collect(),
                }
            }
        });
        // Side by side, and put in afterwards: an answer that comes late overwrites none that came before.
        for found in join_all(reads).await {
            for (uid, facts) in found {
                self.owners.insert(uid, facts);
            }
        }
    }

    /// Where a kind is reached; else what is known of its objects.
    fn resource(&self, gvk: &Gvk) -> Result<ResourceType, OwnerFacts> {
        let unserved = |cause: String| OwnerFacts::Unreadable {
            cause,
            is_transient: false,
        };
        if let Some(resource) = well_known(gvk) {
            return Ok(resource);
        }
        match &self.served {
            Some(Ok(served)) => served
                .get(gvk)
                .cloned()
                .ok_or_else(|| unserved(format!("the API server does not serve {}", gvk.api_version()))),
            // Without discovery the kind is not unserved: its objects are unknown, for the same cause.
            Some(Err(facts)) => Err(facts.clone()),
            None => Err(unserved("its kind was not requested".into())),
        }
    }
}

fn by_kind(found: Vec<Discovered>) -> BTreeMap<Gvk, ResourceType> {
    let entry = |one: Discovered| (one.resource.gvk(), one.resource);
    found.into_iter().map(entry).collect()
}

/// What is known of owners of one kind in one namespace, by their UIDs.
async fn read_kind(
    cluster: &dyn Cluster,
    resource: &ResourceType,
    namespace: &str,
    owners: BTreeMap<String, Controller>,
) -> Vec<(String, OwnerFacts)> {
    let namespace = resource.namespaced.then_some(namespace);
    // A list costs one request and every object's metadata; a handful of reads costs less than that.
    if owners.len() > ONE_BY_ONE {
        let request = ListRequest::all(resource, namespace).with_only_metadata();
        let listed = paged(cluster, request, |object| {
            (object.uid().to_owned(), live(&object))
        })
        .await;
        let mut listed = listed.map(|found| found.into_iter().collect::<BTreeMap<_, _>>());
        let facts = |uid: String| {
            let facts = match &mut listed {
                // A complete list without it is proof enough; a list that was cut short is an error and comes below.
                Ok(found) => found.remove(&uid).unwrap_or(OwnerFacts::Gone),
                Err(error) => unreadable(error),
            };
            (uid, facts)
        };
        return owners.into_keys().map(facts).collect();
    }

    let reads = owners.into_values().map(|owner| async move {
        let target = Target::new(resource, namespace, &owner.name);
        let facts = match cluster.get_metadata(&target).await {
            Ok(Some(object)) if object.uid() == owner.uid => live(&object),
            // Its name may have been given again since.
            Ok(_) => OwnerFacts::Gone,
            Err(error) => unreadable(&error),
        };
        (owner.uid, facts)
    });
    join_all(reads).await
}

/// What is known of an owner that was read.
pub(in crate::observe) fn live(owner: &Object) -> OwnerFacts {
    OwnerFacts::Live {
        controller: Controller::from_object(owner.value()),
        revision: owner
            .annotation(DEPLOYMENT_REVISION)
            .unwrap_or_default()
            .to_owned(),
    }
}

fn unreadable(error: &ApiError) -> OwnerFacts {
    OwnerFacts::Unreadable {
        cause: error.to_string(),
        is_transient: error.is_transient(),
    }
}
