//! Whether a namespace or a kind that a promotion created holds what others made, or what the release itself
//! keeps by a mark: then it stays.
//!
//! To delete a namespace or a CustomResourceDefinition is to delete all that is in it, whoever made that. It
//! is looked at right before the deletion, when the promotion's own objects are gone. What cannot be listed
//! counts as an error, and never as empty.

use crate::cluster::{ApiError, Cluster, ListRequest};
use crate::model::keep::keep_mark;
use crate::model::moves::ReleaseRef;
use crate::model::names::{APPLYSET_PART_OF_LABEL, RELEASE_LABEL};
use crate::model::{Object, ObjectId, ResourceType};

/// How many objects of a kind are looked at.
const LOOKED_AT: u32 = 50;

/// Why what a promotion created stays.
pub(super) enum Stay {
    /// Something in it is not the release's.
    Foreign(String),
    /// Nothing but what the release itself keeps by its own mark.
    Kept(String),
}

impl Stay {
    pub(super) fn into_why(self) -> String {
        match self {
            Self::Foreign(why) | Self::Kept(why) => why,
        }
    }
}

/// What is still in a created namespace or of a created kind; none where nothing, and for any other object.
///
/// By then the promotion's own objects are gone: they are deleted before what they live in.
pub(super) async fn find_foreign_object(
    cluster: &dyn Cluster,
    id: &ObjectId,
    live: &Object,
    release: &ReleaseRef,
) -> Result<Option<Stay>, ApiError> {
    match (&*id.group, &*id.kind) {
        ("", "Namespace") => in_namespace(cluster, &id.name, release).await,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => {
            first_of_definition(cluster, live, release).await
        }
        _ => Ok(None),
    }
}

async fn in_namespace(
    cluster: &dyn Cluster,
    namespace: &str,
    release: &ReleaseRef,
) -> Result<Option<Stay>, ApiError> {
    let mut stay = None;
    for found in cluster.discover().await? {
        let kind = &found.resource;
        // The control plane makes these by itself, and one of the Leases is our lock.
        let transient = matches!(
            &*kind.kind,
            "Event" | "EndpointSlice" | "Endpoints" | "Lease" | "PodMetrics"
        );
        if !kind.namespaced || transient || !found.verbs.iter().any(|verb| verb == "list") {
            continue;
        }

        match first(cluster, kind, Some(namespace), release, "in it ").await? {
            // One of somebody else weighs more.
            Some(foreign @ Stay::Foreign(_)) => return Ok(Some(foreign)),
            found => stay = stay.or(found),
        }
    }
    Ok(stay)
}

async fn first_of_definition(
    cluster: &dyn Cluster,
    crd: &Object,
    release: &ReleaseRef,
) -> Result<Option<Stay>, ApiError> {
    let versions = crd.at("/spec/versions").and_then(serde_json::Value::as_array);
    let served = versions
        .into_iter()
        .flatten()
        .find(|version| version["served"] == true);

    let kind = ResourceType {
        group: crd.text("/spec/group").into(),
        version: served
            .and_then(|version| version["name"].as_str())
            .unwrap_or_default()
            .into(),
        kind: crd.text("/spec/names/kind").into(),
        plural: crd.text("/spec/names/plural").into(),
        namespaced: crd.text("/spec/scope") == "Namespaced",
    };

    match first(cluster, &kind, None, release, "").await {
        Err(ApiError::NotServed { .. }) => Ok(None),
        found => found,
    }
}

/// Why the first object stays that a person or a tool made, and not the control plane or this tool for the release; one
/// of somebody else before one that the release keeps.
async fn first(
    cluster: &dyn Cluster,
    kind: &ResourceType,
    namespace: Option<&str>,
    release: &ReleaseRef,
    place: &str,
) -> Result<Option<Stay>, ApiError> {
    let request = ListRequest {
        limit: Some(LOOKED_AT),
        ..ListRequest::all(kind, namespace)
    };
    let page = match cluster.list(&request).await {
        Ok(page) => page,
        // Its kind has gone meanwhile, or cannot be listed at all.
        Err(error) if error.is_not_found() || error.code() == Some(405) => return Ok(None),
        // What may not be listed, or not right now, is not known to be empty.
        Err(error) => return Err(error),
    };
    // What every namespace is given, what goes with its owner
    // or goes already, and what this tool keeps, nobody made.
    let is_made = |object: &&Object| {
        let given = matches!(
            (&*kind.kind, object.name()),
            ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
        );
        let owned = object.at("/metadata/ownerReferences").is_some();
        let going = object.at("/metadata/deletionTimestamp").is_some();
        !given && !owned && !going && object.label(RELEASE_LABEL) != Some(&release.name)
    };

    let set = release.set();
    let mut stay = None;
    for object in page.items.iter().filter(is_made) {
        let named = format!("{} {} {place}", kind.kind, object.name());
        // What the promotion made itself is still there where it has a keep mark.
        match keep_mark(object).filter(|_| object.label(APPLYSET_PART_OF_LABEL) == Some(&set)) {
            Some(mark) => stay = stay.or_else(|| Some(Stay::Kept(format!("{named}is kept: {mark}")))),
            None => return Ok(Some(Stay::Foreign(format!("{named}belongs to another client")))),
        }
    }
    Ok(stay)
}
