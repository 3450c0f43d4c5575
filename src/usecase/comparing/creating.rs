//! Missing objects: whether their namespaces exist, and what the server would say of creating them.
//!
//! What comes with the release itself cannot be asked about before it is there: that is no error.

use crate::cluster::Cluster;
use crate::model::finding::{Comparison, Creation, ObjectComparison, ObjectStatus};
use crate::model::k8s::kinds::built_in;
use crate::model::preflight::{DryRunResult, Missing};
use crate::model::refusal::{Refusal, RefusalCause, RefusedBy};
use crate::model::snapshot::Absence;
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId, Target};
use crate::observe;
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// Reads the namespaces of missing objects: says of the objects where theirs is on its way out, and gives those that do not
/// exist and that the release does not bring. Of a namespace that may not be read nothing is said.
pub(super) async fn check_namespaces(
    cluster: &dyn Cluster,
    objects: &mut [ObjectComparison],
) -> BTreeSet<String> {
    let Some(kind) = built_in("", "Namespace") else {
        return BTreeSet::new();
    };
    let namespaces: BTreeSet<String> = objects
        .iter()
        .filter(|object| is_missing(object))
        .filter_map(|object| object.target.namespace.clone())
        .collect();
    let targets: Vec<Target> = namespaces
        .iter()
        .map(|name| Target::new(&kind, None, name))
        .collect();
    let reads = join_all(targets.iter().map(|target| cluster.get(target))).await;

    let (mut terminating, mut absent) = (BTreeSet::new(), BTreeSet::new());
    for (name, read) in namespaces.into_iter().zip(reads) {
        match read {
            Ok(Some(namespace)) if namespace.is_being_deleted() => drop(terminating.insert(name)),
            Ok(None) if !brings_namespace(objects, &name) => drop(absent.insert(name)),
            _ => {}
        }
    }

    for object in objects.iter_mut().filter(|object| is_missing(object)) {
        let namespace = object.target.namespace.as_deref();
        if namespace.is_some_and(|name| terminating.contains(name)) {
            object.status = ObjectStatus::Missing(Absence::NamespaceGoing);
        }
    }
    absent
}

/// Has the server create each missing object dry. What it accepts is not in the answer, nor what is missing with its
/// namespace.
pub(super) async fn try_missing(
    cluster: &dyn Cluster,
    comparison: &Comparison,
) -> BTreeMap<ObjectId, Creation> {
    let objects = comparison.objects.iter();
    let missing = objects.filter(|object| {
        let namespace = object.target.namespace.as_ref();
        matches!(
            object.status,
            ObjectStatus::Missing(Absence::Object | Absence::Kind)
        ) && namespace.is_none_or(|name| !comparison.missing_namespaces.contains(name))
    });
    let tried = missing.filter_map(|object| {
        let desired = object.desired.as_ref()?;
        Some(async move {
            let answer = observe::try_creation(cluster, &object.target, desired).await;
            Some((object.id(), creation(answer, object, &comparison.objects)?))
        })
    });
    join_all(tried).await.into_iter().flatten().collect()
}

/// What an answer means; nothing where the server accepts the object.
fn creation(
    answer: DryRunResult,
    object: &ObjectComparison,
    objects: &[ObjectComparison],
) -> Option<Creation> {
    let namespace = object.target.namespace.as_deref().unwrap_or_default();
    Some(match answer {
        DryRunResult::Accepted(_) => return None,
        DryRunResult::Refused { code, message, .. } => refused(code, message),
        DryRunResult::Unknown {
            missing: Some(Missing::Namespace),
            ..
        } if brings_namespace(objects, namespace) => Creation::AwaitsNamespace,
        DryRunResult::Unknown {
            missing: Some(Missing::Kind),
            ..
        } if brings_kind(objects, &object.id()) => Creation::AwaitsKind,
        DryRunResult::Unknown { why, .. } => Creation::NotTried(why),
    })
}

fn refused(code: u16, message: String) -> Creation {
    let refusal = Refusal::parse(Some(code), &message);
    match (refusal.cause, refusal.by) {
        // Nothing was said of the object: who promotes may be another user.
        (RefusalCause::MissingPermission { .. }, _)
        | (_, RefusedBy::UnaskedWebhook | RefusedBy::UnaskedConversion | RefusedBy::WebhookWithEffects) => {
            Creation::NotTried(Unknown::new(message))
        }
        (_, RefusedBy::Webhook | RefusedBy::AdmissionPlugin | RefusedBy::Policy) => {
            Creation::Denied { why: message }
        }
        (_, RefusedBy::Authorization | RefusedBy::Server) => Creation::Rejected { why: message },
    }
}

fn is_missing(object: &ObjectComparison) -> bool {
    object.status == ObjectStatus::Missing(Absence::Object)
}

fn desired<'o>(objects: &'o [ObjectComparison], kind: &str) -> impl Iterator<Item = &'o Object> {
    let desired = objects.iter().filter_map(|object| object.desired.as_ref());
    desired.filter(move |object| object.kind() == kind)
}

fn brings_namespace(objects: &[ObjectComparison], name: &str) -> bool {
    desired(objects, "Namespace").any(|namespace| namespace.name() == name)
}

fn brings_kind(objects: &[ObjectComparison], id: &ObjectId) -> bool {
    desired(objects, "CustomResourceDefinition").any(|definition| {
        definition.text("/spec/group") == id.group && definition.text("/spec/names/kind") == id.kind
    })
}
