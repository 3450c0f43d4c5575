//! Reads what decides how pods can be tried in a namespace: what selects pods there, and who holds its claims.

use crate::cluster::{ApiError, Cluster, ListRequest, paged};
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::rehearsal::{NamespaceFacts, RehearsalFacts, RehearsalQuestions, SELECTING_KINDS};
use crate::model::{Object, ResourceType};
use futures::future::join_all;

/// Reads it of each namespace; sends no request where there is none.
pub async fn rehearsal_facts(cluster: &dyn Cluster, asked: &RehearsalQuestions) -> RehearsalFacts {
    let reads = asked.namespaces.iter().map(|namespace| async move {
        let has_claims = asked.claims_in.contains(namespace);
        (namespace.clone(), read(cluster, namespace, has_claims).await)
    });
    join_all(reads).await.into_iter().collect()
}

async fn read(cluster: &dyn Cluster, namespace: &str, has_claims: bool) -> NamespaceFacts {
    let kinds = SELECTING_KINDS
        .iter()
        .filter_map(|(group, kind)| built_in(group, kind));
    let selecting = join_all(kinds.map(|kind| list(cluster, kind, namespace)));
    let of_claims = [KnownKind::PersistentVolumeClaim, KnownKind::Pod].map(KnownKind::resource);
    let of_claims = of_claims.into_iter().filter(|_| has_claims);
    let of_claims = join_all(of_claims.map(|kind| list(cluster, kind, namespace)));
    let (selecting, of_claims) = futures::join!(selecting, of_claims);

    let mut facts = NamespaceFacts::default();
    for listed in selecting {
        match listed {
            Ok(objects) => facts.selecting.extend(objects),
            Err(why) => facts.unreadable.push(why),
        }
    }
    for listed in of_claims {
        match listed {
            Ok(objects) => {
                let (pods, claims): (Vec<_>, Vec<_>) =
                    objects.into_iter().partition(|object| object.kind() == "Pod");
                facts.pods.extend(pods);
                facts.claims.extend(claims);
            }
            Err(why) => facts.unreadable.push(why),
        }
    }
    facts
}

async fn list(cluster: &dyn Cluster, kind: ResourceType, namespace: &str) -> Result<Vec<Object>, String> {
    let request = ListRequest::all(&kind, Some(namespace));
    match paged(cluster, request, |object| object).await {
        Ok(objects) => Ok(objects),
        // What is not served selects nothing.
        Err(ApiError::NotServed { .. }) => Ok(Vec::new()),
        Err(error) => Err(format!("{} of namespace {namespace}: {error}", kind.plural)),
    }
}
