//! Reads which webhooks and policies a cluster has. A proof of what an apply does holds only where all of
//! them are known: what may not be read is taken for something that could touch anything.

use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::admission::Admission;
use crate::model::{Object, ResourceType};
use futures::future::join_all;

/// An older server serves policies, where it is told to, before their API is stable.
const POLICIES: &[&str] = &["v1", "v1beta1", "v1alpha1"];

/// Plural, kind, and the versions to try, newest first.
const KINDS: [(&str, &str, &[&str]); 4] = [
    (
        "mutatingwebhookconfigurations",
        "MutatingWebhookConfiguration",
        &["v1"],
    ),
    (
        "validatingwebhookconfigurations",
        "ValidatingWebhookConfiguration",
        &["v1"],
    ),
    ("mutatingadmissionpolicies", "MutatingAdmissionPolicy", POLICIES),
    (
        "validatingadmissionpolicies",
        "ValidatingAdmissionPolicy",
        POLICIES,
    ),
];

/// What is registered; unknown where any of it may not be read.
pub async fn admission(cluster: &dyn Cluster) -> Admission {
    let mut admission = Admission::default();
    for read in join_all(
        KINDS
            .iter()
            .map(|(plural, kind, versions)| list_registered(cluster, plural, kind, versions)),
    )
    .await
    {
        match read {
            Ok(objects) => objects.iter().for_each(|object| admission.learn(object)),
            // One that cannot be read may touch anything: nothing is proved without knowing all of them.
            Err(_) => return Admission::unknown(),
        }
    }
    admission
}

async fn list_registered(
    cluster: &dyn Cluster,
    plural: &str,
    kind: &str,
    versions: &[&str],
) -> Result<Vec<Object>, ApiError> {
    for version in versions {
        let resource = ResourceType {
            group: "admissionregistration.k8s.io".into(),
            version: (*version).into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: false,
        };

        match paged(cluster, ListRequest::all(&resource, None), |object| object).await {
            // Of the kind in this version alone: an older one may serve it.
            Err(ApiError::NotServed { .. }) => {}
            read => return read,
        }
    }
    // A version of the server that does not know the kind has none of it.
    Ok(Vec::new())
}
