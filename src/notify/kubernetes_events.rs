//! Drift as Kubernetes Events about the inventory of its release: `kubectl describe configmap delivery-NAME` shows them.
//!
//! Their names follow from what they say and when: what is delivered once more, after an answer that was lost, is there
//! already. The API server forgets them after an hour, as all Events.

use crate::cluster::{ApiError, Cluster, WriteOptions};
use crate::model::drift::{DriftChange, DriftGroup, DriftSink, DriftUpdate, SinkError, group_findings};
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::moves::ReleaseRef;
use crate::model::names::{FIELD_MANAGER, inventory};
use crate::model::phrase::{shorten, utc};
use crate::model::refusal::RefusalCause;
use crate::model::{ResourceType, Target};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Bytes that the API server takes as the message of an Event, with room for what escapes need.
const LONGEST: usize = 900;
/// Events of one release that are written at a time; the rest is counted in the last one.
const MOST: usize = 25;

/// Writes Events.
pub struct KubernetesEvents {
    cluster: Arc<dyn Cluster>,
    /// Who writes them: a host or a pod.
    instance: String,
    /// `Event`.
    kind: ResourceType,
}

impl KubernetesEvents {
    /// By a client that may create Events; `instance` names this process among others. None where the kind is unknown.
    pub fn new(cluster: Arc<dyn Cluster>, instance: String) -> Option<Self> {
        let kind = built_in("", "Event")?;
        Some(Self {
            cluster,
            instance,
            kind,
        })
    }

    /// The uid of the inventory, by which `kubectl describe` finds its Events; empty where it cannot be read.
    async fn inventory_uid(&self, release: &ReleaseRef) -> String {
        let maps = KnownKind::ConfigMap.resource();
        let target = Target::new(&maps, Some(&release.namespace), &inventory(&release.name));
        let read = self.cluster.get_metadata(&target).await;
        read.ok()
            .flatten()
            .map(|object| object.uid().to_owned())
            .unwrap_or_default()
    }

    async fn write(&self, release: &ReleaseRef, groups: &[DriftGroup<'_>]) -> Result<(), ApiError> {
        let uid = self.inventory_uid(release).await;
        let left = groups.len().saturating_sub(MOST);
        for (index, group) in groups.iter().take(MOST).enumerate() {
            let mut message = group.sentence();
            if left > 0 && index + 1 == MOST {
                message = format!("{message}; and {left} more");
            }
            let body = self.body(group, &uid, message);
            let name = body["metadata"]["name"].as_str().unwrap_or_default();
            let target = Target::new(&self.kind, Some(&release.namespace), name);
            let options = WriteOptions {
                manager: FIELD_MANAGER.to_owned(),
                dry_run: false,
                not_after: None,
            };
            match self.cluster.create(&target, &body, &options).await {
                // Written before: the answer was lost, or a later Event of this update failed.
                Err(error) if error.is_conflict() => {}
                written => drop(written?),
            }
        }
        Ok(())
    }

    fn body(&self, group: &DriftGroup<'_>, uid: &str, message: String) -> Value {
        let release = group.release();
        let (reason, kind) = match group.change {
            DriftChange::Opened if group.is_unknown() => ("DriftUnknown", "Warning"),
            DriftChange::Opened => ("DriftOpened", "Warning"),
            DriftChange::Updated => ("DriftUpdated", "Warning"),
            DriftChange::Closed => ("DriftClosed", "Normal"),
        };
        let about = inventory(&release.name);
        let nanoseconds = group.time.as_nanosecond();
        let name = format!("{about}.{}.{nanoseconds:x}", group.first.id());
        let time = utc(group.time);
        json!({
            "apiVersion": "v1", "kind": "Event",
            "metadata": {"name": name, "namespace": release.namespace},
            "involvedObject": {"apiVersion": "v1", "kind": "ConfigMap", "namespace": release.namespace,
                "name": about, "uid": uid},
            "reason": reason, "type": kind, "message": shorten(message, LONGEST),
            "source": {"component": FIELD_MANAGER},
            "reportingComponent": FIELD_MANAGER, "reportingInstance": self.instance,
            "firstTimestamp": time, "lastTimestamp": time, "count": 1,
        })
    }
}

#[async_trait]
impl DriftSink for KubernetesEvents {
    fn name(&self) -> &str {
        "kubernetesEvents"
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        let mut by_release: BTreeMap<&ReleaseRef, Vec<DriftGroup<'_>>> = BTreeMap::new();
        let groups = group_findings(&update.events);
        for group in &groups {
            by_release.entry(group.release()).or_default().push(group.clone());
        }
        let mut refused = None;
        for (release, groups) in by_release {
            let Err(error) = self.write(release, &groups).await else {
                continue;
            };
            if is_namespace_deleted(&error) {
                continue;
            }
            let message = format!("cannot create Events in namespace {}: {error}", release.namespace);
            if !error.is_forbidden() && !error.is_not_found() {
                return Err(SinkError::temporary(message));
            }
            // One namespace that takes none costs no other release its Events.
            refused.get_or_insert(SinkError::permanent(message));
        }
        refused.map_or(Ok(()), Err)
    }
}

/// Whether the namespace is gone or on its way: it takes no more Events, and those that it has go with it.
fn is_namespace_deleted(error: &ApiError) -> bool {
    let cause = error.refusal().map(|refusal| refusal.cause);
    matches!(
        cause,
        Some(RefusalCause::TerminatingNamespace | RefusalCause::MissingNamespace)
    )
}
