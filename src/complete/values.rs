//! Values that only the kubeconfig or the cluster knows. What cannot be had is left out: a shell has
//! no use for errors.
//!
//! Asked with the flags that stand in the line already, and with nothing else: an environment's file is not read.

use super::Proposal;
use crate::cli::ConnectionArgs;
use crate::cluster::{self, ApiError, Cluster, ListRequest, paged};
use crate::model::inventory::HistoryEntry;
use crate::model::k8s::kinds::built_in;
use crate::model::{Object, names};

/// What to ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// A context of the kubeconfig.
    Context,
    /// A cluster of the kubeconfig.
    Cluster,
    /// A user of the kubeconfig.
    User,
    /// A namespace.
    Namespace,
    /// A release that was promoted into the namespace.
    Release,
    /// A revision of a release's history.
    Revision {
        /// Its name; the only one there is where none.
        release: Option<String>,
    },
    /// A kind that the server serves.
    Kind,
}

/// Asks for it.
pub(super) async fn find_values(value: &Value, connection: &ConnectionArgs) -> Vec<Proposal> {
    let options = connection.options();
    let plain = |names: Vec<String>| names.into_iter().map(|name| Proposal::new(name, "")).collect();
    // From the file alone: it is there when its cluster is not.
    let from_file = match value {
        Value::Context => Some(cluster::kubeconfig_names(&options).map(|names| names.contexts)),
        Value::Cluster => Some(cluster::kubeconfig_names(&options).map(|names| names.clusters)),
        Value::User => Some(cluster::kubeconfig_names(&options).map(|names| names.users)),
        _ => None,
    };

    if let Some(names) = from_file {
        return plain(names.unwrap_or_default());
    }

    let Ok(client) = cluster::connect(&options).await else {
        return Vec::new();
    };

    let found = match value {
        Value::Namespace => namespaces(&*client).await,
        Value::Release => releases(&*client).await,
        Value::Revision { release } => revisions(&*client, release.as_deref()).await,
        Value::Kind => kinds(&*client).await,
        // Answered above, without a connection.
        Value::Context | Value::Cluster | Value::User => Ok(Vec::new()),
    };

    found.unwrap_or_default()
}

async fn list(
    client: &dyn Cluster,
    kind: &str,
    namespace: Option<&str>,
    labels: &str,
) -> Result<Vec<Object>, ApiError> {
    // Built-in kinds need no discovery, which would cost a part of the time.
    let Some(kind) = built_in("", kind) else {
        return Ok(Vec::new());
    };
    paged(
        client,
        ListRequest::all(&kind, namespace).with_labels(labels),
        |object| object,
    )
    .await
}

async fn namespaces(client: &dyn Cluster) -> Result<Vec<Proposal>, ApiError> {
    let found = list(client, "Namespace", None, "").await?;
    Ok(found
        .iter()
        .map(|namespace| Proposal::new(namespace.name(), ""))
        .collect())
}

async fn inventories(client: &dyn Cluster) -> Result<Vec<Object>, ApiError> {
    // A label proves nothing, and need not: a proposal is only typed.
    let labels = format!("{}=inventory", names::ROLE_LABEL);
    list(client, "ConfigMap", Some(client.default_namespace()), &labels).await
}

async fn releases(client: &dyn Cluster) -> Result<Vec<Proposal>, ApiError> {
    let named = |object: &Object| {
        let name = object.label(names::RELEASE_LABEL)?;
        // It holds name and version: the name is the proposal, the version its help.
        Some(Proposal::new(
            name,
            object.text("/data/release").trim_start_matches(name).trim_start(),
        ))
    };

    Ok(inventories(client).await?.iter().filter_map(named).collect())
}

/// From the history of the release, or of every release in the namespace.
async fn revisions(client: &dyn Cluster, release: Option<&str>) -> Result<Vec<Proposal>, ApiError> {
    let found = inventories(client).await?;
    let is_meant = |object: &&Object| release.is_none() || object.label(names::RELEASE_LABEL) == release;

    let lines = found
        .iter()
        .filter(is_meant)
        .flat_map(|object| object.text("/data/history").lines());
    // A line of a later version may not be readable: the others are proposed all the same.
    let mut entries: Vec<HistoryEntry> = lines.filter_map(|line| serde_json::from_str(line).ok()).collect();
    entries.sort_by_key(|entry| std::cmp::Reverse(entry.revision));

    let proposal = |entry: HistoryEntry| {
        let what = format!(
            "{} {}, {}",
            entry.release.name, entry.release.version, entry.ended_at
        );
        Proposal::new(entry.revision.to_string(), what)
    };
    Ok(entries.into_iter().map(proposal).collect())
}

async fn kinds(client: &dyn Cluster) -> Result<Vec<Proposal>, ApiError> {
    let mut found: Vec<_> = client
        .discover()
        .await?
        .into_iter()
        .map(|found| found.resource)
        .collect();

    found.sort_by(|a, b| (&a.kind, &a.group).cmp(&(&b.kind, &b.group)));
    // A kind is typed without its group: where two groups have it, it is one proposal.
    found.dedup_by(|a, b| a.kind == b.kind);
    Ok(found
        .into_iter()
        .map(|kind| Proposal::new(kind.kind, kind.group))
        .collect())
}
