//! Namespaces that are being deleted: what is missing in one cannot be created.

use crate::cluster::Cluster;
use crate::model::Target;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::k8s::kinds::built_in;
use crate::model::snapshot::Absence;
use futures::future::join_all;
use std::collections::BTreeSet;

/// Says of missing objects where their namespace is on its way out. Only namespaces in which something is missing are
/// read; of one that may not be read nothing is said.
pub(super) async fn mark_namespaces(cluster: &dyn Cluster, objects: &mut [ObjectComparison]) {
    let Some(kind) = built_in("", "Namespace") else {
        return;
    };
    let is_missing = |object: &&ObjectComparison| object.status == ObjectStatus::Missing(Absence::Object);
    let namespaces: BTreeSet<String> = objects
        .iter()
        .filter(is_missing)
        .filter_map(|object| object.target.namespace.clone())
        .collect();

    let targets: Vec<Target> = namespaces
        .iter()
        .map(|name| Target::new(&kind, None, name))
        .collect();
    let reads = join_all(targets.iter().map(|target| cluster.get(target))).await;
    let terminating: BTreeSet<&str> = targets
        .iter()
        .zip(&reads)
        .filter(|(_, read)| matches!(read, Ok(Some(namespace)) if namespace.is_being_deleted()))
        .map(|(target, _)| target.name.as_str())
        .collect();

    for object in objects.iter_mut().filter(|object| is_missing(&&**object)) {
        let namespace = object.target.namespace.as_deref();
        if namespace.is_some_and(|name| terminating.contains(name)) {
            object.status = ObjectStatus::Missing(Absence::NamespaceGoing);
        }
    }
}
