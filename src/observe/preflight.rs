//! Asks an API server what a preflight wants to know: rights, dry requests, pods, quotas. Nothing is changed.
//!
//! Answers are facts: refused with its reason, fine, or unknown. What is not there yet may come with this
//! very promotion, and what cannot be asked dry is no refusal; both are unknown. What follows from them,
//! `preflight` settles.

use crate::cluster::Applied;
use crate::cluster::{
    AccessReview, ApiError, ApplyOptions, Cluster, DeleteOptions, ListRequest, WriteOptions,
};
use crate::model::k8s::known_kind::KnownKind;
use crate::model::names::FIELD_MANAGER;
use crate::model::plan::Propagation;
use crate::model::preflight::{
    Answers, DryRun, DryRunRequest, DryRunResult, Missing, Permission, PermissionAnswer, PermissionUse,
    PodDryRun, Questions,
};
use crate::model::refusal::{RefusalCause, RefusedBy};
use crate::model::unknown::Unknown;
use crate::model::{Object, Target};
use futures::future::join_all;
use serde_json::Value;
use std::collections::BTreeSet;

/// Asks everything at once; the cluster bounds how much of it runs side by side.
pub async fn preflight(cluster: &dyn Cluster, asked: &Questions) -> Answers {
    let rights = join_all(asked.rights.iter().map(|(right, need)| may(cluster, right, need)));
    let tries = join_all(asked.tries.iter().map(|dry_run| try_dry(cluster, dry_run)));
    let pods = join_all(asked.pods.iter().map(|dry_run| try_pod(cluster, dry_run)));
    let old_pods = join_all(asked.old_pods.iter().map(|dry_run| try_pod(cluster, dry_run)));
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
        Err(error) => (answer_of(&error), Vec::new()),
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

async fn try_pod(cluster: &dyn Cluster, dry_run: &PodDryRun) -> DryRunResult {
    // The pod has a generateName alone, as a controller's would: a fixed name could be taken.
    let target = Target::new(&KnownKind::Pod.resource(), Some(&dry_run.namespace), "");

    let options = WriteOptions {
        manager: FIELD_MANAGER.into(),
        dry_run: true,
        not_after: None,
    };

    match cluster.create(&target, &dry_run.pod, &options).await {
        Ok(applied) => DryRunResult::Accepted(Some(Box::new(applied.object))),
        Err(error) if may_not_create_pods(&error) => DryRunResult::Unknown {
            why: Unknown::new("missing permission to create pods"),
            missing: None,
        },
        Err(error) => answer_of(&error),
    }
}

async fn quotas(cluster: &dyn Cluster, namespace: &str) -> Result<Vec<Object>, String> {
    let request = ListRequest::all(&KnownKind::ResourceQuota.resource(), Some(namespace));
    match cluster.list(&request).await {
        Ok(page) => Ok(page.items),
        Err(error) => Err(format!("quotas of namespace {namespace}: {error}")),
    }
}

/// What an error says of a dry request. What is not there yet may be created by this very promotion.
fn answer_of(error: &ApiError) -> DryRunResult {
    match error {
        ApiError::NotServed { resource } => DryRunResult::Unknown {
            why: Unknown::new(format_args!("{resource} is not served yet")),
            missing: Some(Missing::Kind),
        },
        ApiError::Status {
            code: 404, message, ..
        } => DryRunResult::Unknown {
            why: Unknown::new(message),
            missing: is_for(error, RefusalCause::MissingNamespace).then_some(Missing::Namespace),
        },
        // A webhook with side effects: only the real request will tell.
        ApiError::Status { message, .. } if is_by(error, RefusedBy::WebhookWithEffects) => {
            DryRunResult::Unknown {
                why: Unknown::new(message),
                missing: None,
            }
        }
        // A refusal can be waived by the field that it is about.
        ApiError::Status { code, message, .. } => DryRunResult::Refused {
            code: *code,
            message: message.clone(),
            fields: error.fields(),
            webhook: error.unreachable_webhook(),
        },
        // No answer at all, or none of the server's own: it refuses nothing.
        other => DryRunResult::Unknown {
            why: Unknown::new(other),
            missing: None,
        },
    }
}

fn is_by(error: &ApiError, by: RefusedBy) -> bool {
    error.refusal().is_some_and(|refusal| refusal.by == by)
}

fn is_for(error: &ApiError, cause: RefusalCause<'_>) -> bool {
    error.refusal().is_some_and(|refusal| refusal.cause == cause)
}

/// Whether the user has no right to create pods, which says nothing of what a controller may do.
fn may_not_create_pods(error: &ApiError) -> bool {
    let missing = RefusalCause::MissingPermission {
        verb: "create",
        resource: "pods",
    };
    error.code() == Some(403) && error.refusal().is_some_and(|refusal| refusal.cause == missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_there_is_told_by_what_it_is() {
        let of = |error: ApiError| match answer_of(&error) {
            DryRunResult::Unknown { missing, .. } => missing,
            other => panic!("expected an unknown answer, found {other:?}"),
        };
        let not_found = |message: &str| ApiError::Status {
            code: 404,
            reason: "NotFound".into(),
            message: message.into(),
            causes: Vec::new(),
        };

        assert_eq!(
            of(not_found("namespaces \"shop\" not found")),
            Some(Missing::Namespace)
        );
        assert_eq!(of(not_found("serviceaccounts \"web\" not found")), None);
        assert_eq!(
            of(ApiError::NotServed {
                resource: "widgets.shop.example/v1".into()
            }),
            Some(Missing::Kind)
        );
        assert_eq!(of(ApiError::Timeout { seconds: 5 }), None);
    }
}
