//! Whether a namespace or a kind that a promotion created holds what others made: then it stays.

use crate::cluster::{ApiError, Cluster, ListRequest};
use crate::model::keep::keep_mark;
use crate::model::names::RELEASE_LABEL;
use crate::model::{Object, ObjectId, ResourceType};

/// How many objects of a kind are looked at.
const LOOKED_AT: u32 = 50;

/// What others made in a created namespace or of a created kind; none where nothing, and for any other object.
///
/// By then the promotion's own objects are gone: they are deleted before what they live in.
pub(super) async fn in_it(
    cluster: &dyn Cluster,
    id: &ObjectId,
    live: &Object,
    release: &str,
) -> Result<Option<String>, ApiError> {
    match (&*id.group, &*id.kind) {
        ("", "Namespace") => in_namespace(cluster, &id.name, release).await,
        ("apiextensions.k8s.io", "CustomResourceDefinition") => of_kind(cluster, live, release).await,
        _ => Ok(None),
    }
}

async fn in_namespace(
    cluster: &dyn Cluster,
    namespace: &str,
    release: &str,
) -> Result<Option<String>, ApiError> {
    for found in cluster.discover().await? {
        let kind = &found.resource;
        let transient =
            matches!(&*kind.kind, "Event" | "EndpointSlice" | "Endpoints" | "Lease" | "PodMetrics");
        if !kind.namespaced || transient || !found.verbs.iter().any(|verb| verb == "list") {
            continue;
        }
        if let Some(object) = first(cluster, kind, Some(namespace), release).await? {
            return Ok(Some(format!("{} {} in it {}", kind.kind, object.name(), why_it_stays(&object))));
        }
    }
    Ok(None)
}

async fn of_kind(cluster: &dyn Cluster, crd: &Object, release: &str) -> Result<Option<String>, ApiError> {
    let versions = crd.at("/spec/versions").and_then(serde_json::Value::as_array);
    let served = versions.into_iter().flatten().find(|version| version["served"] == true);
    let kind = ResourceType {
        group: crd.text("/spec/group").into(),
        version: served.and_then(|version| version["name"].as_str()).unwrap_or_default().into(),
        kind: crd.text("/spec/names/kind").into(),
        plural: crd.text("/spec/names/plural").into(),
        namespaced: crd.text("/spec/scope") == "Namespaced",
    };
    match first(cluster, &kind, None, release).await {
        Ok(found) => {
            Ok(found.map(|object| format!("{} {} {}", kind.kind, object.name(), why_it_stays(&object))))
        }
        Err(ApiError::NotServed { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The first object that a person or a tool made, and not the control plane or this tool for the release.
async fn first(
    cluster: &dyn Cluster,
    kind: &ResourceType,
    namespace: Option<&str>,
    release: &str,
) -> Result<Option<Object>, ApiError> {
    let request = ListRequest { limit: Some(LOOKED_AT), ..ListRequest::all(kind, namespace) };
    let page = match cluster.list(&request).await {
        Ok(page) => page,
        // What may not be listed, or not right now, is not known to be empty.
        Err(error) if error.is_not_found() || error.code() == Some(405) => return Ok(None),
        Err(error) => return Err(error),
    };
    let made_by_others = |object: &&Object| {
        let given = matches!(
            (&*kind.kind, object.name()),
            ("ServiceAccount", "default") | ("ConfigMap", "kube-root-ca.crt")
        );
        let owned = object.at("/metadata/ownerReferences").is_some();
        let going = object.at("/metadata/deletionTimestamp").is_some();
        !given && !owned && !going && object.label(RELEASE_LABEL) != Some(release)
    };
    Ok(page.items.iter().find(made_by_others).cloned())
}

/// What the promotion made itself is still there where it has a keep mark.
fn why_it_stays(object: &Object) -> String {
    match keep_mark(object) {
        Some(mark) => format!("is kept: {mark}"),
        None => "is somebody else's".into(),
    }
}
