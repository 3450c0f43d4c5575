//! Asks an API server what a preflight wants to know: rights, dry requests, pods, quotas. Nothing is changed.
//!
//! Answers are facts: refused with its reason, fine, or unknown. What is not there yet may come with this
//! very promotion, and what cannot be asked dry is no refusal; both are unknown. What follows from them,
//! `preflight` settles.

use super::dry_run::fresh;
use super::dry_run_result::answer_of;
use super::pod_dry_runs::try_pods;
use super::starts::list_quotas;
use crate::cluster::Applied;
use crate::cluster::{AccessReview, ApiError, ApplyOptions, Cluster, DeleteOptions, WriteOptions};
use crate::model::k8s::writers::drop_server_written;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Propagation;
use crate::model::preflight::{
    Answers, DryRun, DryRunRequest, DryRunResult, Permission, PermissionAnswer, PermissionUse, Questions,
};
use crate::model::refusal::{Refusal, RefusalCause, RefusedBy};
use crate::model::snapshot::Fresh;
use crate::model::unknown::Unknown;
use crate::model::{Object, Target};
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeSet;

/// A refusal by the server itself, in none of the words that are known.
const OF_CONTENT: Refusal<'static> = Refusal {
    by: RefusedBy::Server,
    cause: RefusalCause::Other,
};

/// Asks everything at once; the cluster bounds how much of it runs side by side.
pub async fn preflight(cluster: &dyn Cluster, asked: &Questions) -> Answers {
    let rights = join_all(asked.rights.iter().map(|(right, need)| may(cluster, right, need)));
    let tries = join_all(asked.tries.iter().map(|dry_run| try_dry(cluster, dry_run)));
    let pods = try_pods(cluster, &asked.pods);
    let old_pods = try_pods(cluster, &asked.old_pods);
    let quotas = join_all(asked.quotas.iter().map(|namespace| quotas(cluster, namespace)));

    // Joined once: none of them waits for another kind of question.
    let (rights, tries, pods, old_pods, quotas) = futures::join!(rights, tries, pods, old_pods, quotas);

    let mut answers = Answers {
        rights: asked.rights.keys().cloned().zip(rights).collect(),
        ..Answers::default()
    };

    for (answer, warnings) in tries {
        answers.tries.push(answer);
        answers.warnings.extend(warnings);
    }
    (answers.pods, answers.old_pods) = (pods, old_pods);

    for found in quotas {
        match found {
            Ok(found) => answers.quotas.extend(found),
            Err(why) => answers.unreadable.push(why),
        }
    }
    answers
}

/// Whether a right is there: for any name first, then for each that is needed.
async fn may(cluster: &dyn Cluster, right: &Permission, need: &PermissionUse) -> PermissionAnswer {
    let review = |name: &str| AccessReview {
        verb: right.verb.as_str().into(),
        group: right.group.clone(),
        resource: right.resource.clone(),
        subresource: right.subresource.clone(),
        namespace: right.namespace.clone(),
        name: name.into(),
    };

    // Most roles name no objects: one question instead of one for each name.
    match cluster.may(&review("")).await {
        Ok(true) => return PermissionAnswer::Yes,
        Ok(false) => {}
        // Neither yes nor no: a right that was not told is not one that is missing.
        Err(error) => return PermissionAnswer::Unknown(Unknown::new(error)),
    }

    if need.names.is_empty() {
        return PermissionAnswer::No(BTreeSet::new());
    }

    let each = join_all(need.names.iter().map(|name| {
        let review = review(name);
        async move { cluster.may(&review).await }
    }));

    let mut missing = BTreeSet::new();
    for (name, answer) in need.names.iter().zip(each.await) {
        match answer {
            Ok(true) => {}
            Ok(false) => drop(missing.insert(name.clone())),
            Err(error) => return PermissionAnswer::Unknown(Unknown::new(error)),
        }
    }

    if missing.is_empty() {
        PermissionAnswer::Yes
    } else {
        PermissionAnswer::No(missing)
    }
}

/// Has the server create an object dry, as a promotion would: by an apply.
pub async fn try_creation(cluster: &dyn Cluster, target: &Target, object: &Object) -> DryRunResult {
    let request = DryRunRequest::Apply(object.value().clone());
    send_dry(cluster, target, &request).await.0
}

async fn try_dry(cluster: &dyn Cluster, dry_run: &DryRun) -> (DryRunResult, Vec<String>) {
    send_dry(cluster, &dry_run.target, &dry_run.request).await
}

async fn send_dry(
    cluster: &dyn Cluster,
    target: &Target,
    request: &DryRunRequest,
) -> (DryRunResult, Vec<String>) {
    // No deadline: nothing is persisted, and the lock is not needed.
    let apply = ApplyOptions {
        manager: FIELD_MANAGER.into(),
        // As the step itself is sent: whose fields it takes is decided in the plan.
        force: true,
        dry_run: true,
        not_after: None,
    };
    let write = WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: true,
        not_after: None,
    };

    let answered = match request {
        DryRunRequest::Apply(body) => cluster.apply(target, body, &apply).await,
        DryRunRequest::Replace(body) => replace(cluster, target, body, &write).await,
        // Put back under another name, for its own one is taken while the object is there.
        DryRunRequest::Create(body) | DryRunRequest::Recreate(body) => {
            cluster.create(&named_as(target, body), body, &write).await
        }

        DryRunRequest::Delete(uid) => {
            let options = DeleteOptions {
                uid: uid.as_str().to_owned(),
                // A status that moves meanwhile is no reason to refuse: the step itself looks at the version.
                resource_version: None,
                propagation: Propagation::Background,
                dry_run: true,
                not_after: None,
            };
            return match cluster.delete(target, &options).await {
                Ok(_) => (DryRunResult::Accepted(None), Vec::new()),
                Err(error) => (answer_of(&error), Vec::new()),
            };
        }
    };

    match answered {
        Ok(applied) => (
            DryRunResult::Accepted(Some(Box::new(applied.object))),
            applied.warnings,
        ),
        Err(error) => (refusal_of(cluster, target, request, &error).await, Vec::new()),
    }
}

/// What a refusal says. Servers have many words for a field that does not change, and each of their versions others: where
/// none of ours is among them, a new object of the same content is tried.
async fn refusal_of(
    cluster: &dyn Cluster,
    target: &Target,
    request: &DryRunRequest,
    error: &ApiError,
) -> DryRunResult {
    let mut answer = answer_of(error);
    let is_of_content = error.refusal() == Some(OF_CONTENT) && error.code() == Some(422);

    if let DryRunResult::Refused { only_as_change, .. } = &mut answer
        && is_of_content
        && let DryRunRequest::Apply(body) | DryRunRequest::Replace(body) = request
    {
        *only_as_change = is_accepted_as_new(cluster, target, body).await;
    }
    answer
}

async fn is_accepted_as_new(cluster: &dyn Cluster, target: &Target, body: &Value) -> bool {
    let mut body = body.clone();
    if let Some(metadata) = body.get_mut("metadata").and_then(Value::as_object_mut) {
        drop_server_written(metadata);
    }
    match Object::new(body) {
        Ok(body) => matches!(fresh(cluster, target, &body).await, Fresh::Object(_)),
        Err(_) => false,
    }
}

/// A dry PUT. A status that moved in between is no reason to refuse: what was compared is checked again at its step.
async fn replace(
    cluster: &dyn Cluster,
    target: &Target,
    body: &Value,
    options: &WriteOptions,
) -> Result<Applied, ApiError> {
    let mut body = body.clone();

    for _ in 0..4 {
        match cluster.replace(target, &body, options).await {
            Err(error) if error.is_conflict() => match cluster.get(target).await? {
                // Another object under the same name is another matter, and stays a conflict.
                Some(now) if body["metadata"]["uid"] == now.uid() => {
                    body["metadata"]["resourceVersion"] = now.resource_version().into();
                }
                _ => return Err(error),
            },
            answered => return answered,
        }
    }

    cluster.replace(target, &body, options).await
}

/// The same place under the body's name.
fn named_as(target: &Target, body: &Value) -> Target {
    let name = body["metadata"]["name"]
        .as_str()
        .unwrap_or(&target.name)
        .to_owned();
    Target {
        name,
        ..target.clone()
    }
}

async fn quotas(cluster: &dyn Cluster, namespace: &str) -> Result<Vec<Object>, String> {
    let found = list_quotas(cluster, namespace).await;
    found.map_err(|error| format!("quotas of namespace {namespace}: {error}"))
}
