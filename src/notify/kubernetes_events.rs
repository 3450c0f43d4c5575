//! Drift as Kubernetes Events about the inventory of its release: `kubectl describe configmap delivery-NAME` shows them.
//!
//! Their names follow from what they say and when: what is delivered once more, after an answer that was lost, is there
//! already. What is open when a watch starts opens once more: it is not written where the last Event of it says the same.
//! The API server forgets them after an hour, as all Events.

use crate::cluster::{ApiError, Cluster, ListRequest, WriteOptions, paged};
use crate::model::drift::{DriftChange, DriftGroup, DriftSink, DriftUpdate, SinkError, group_findings};
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::moves::ReleaseRef;
use crate::model::names::{FIELD_MANAGER, inventory};
use crate::model::phrase::{shorten, utc};
use crate::model::refusal::RefusalCause;
use crate::model::{Object, ResourceType, Target};
use async_trait::async_trait;
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Bytes that the API server takes as the message of an Event, with room for what escapes need.
const LONGEST: usize = 900;
/// The reason of an Event about what is no longer found.
const CLOSED: &str = "DriftClosed";
/// Events of one release that are written at a time; the rest is counted in the last one.
const MOST: usize = 25;

/// Writes Events.
pub struct KubernetesEvents {
    cluster: Arc<dyn Cluster>,
    /// Who writes them: a host or a pod.
    instance: String,
    /// `Event`.
    kind: ResourceType,
    /// What the last Events of each release say of what is open.
    last_messages: HashMap<ReleaseRef, LastMessages>,
}

/// What the last Event of an open finding says, by the id of the first finding that it is about.
type LastMessages = HashMap<String, String>;

impl KubernetesEvents {
    /// By a client that may create Events; `instance` names this process among others. None where the kind is unknown.
    pub fn new(cluster: Arc<dyn Cluster>, instance: String) -> Option<Self> {
        let kind = built_in("", "Event")?;
        Some(Self {
            cluster,
            instance,
            kind,
            last_messages: HashMap::new(),
        })
    }

    /// What Events of earlier watches say of what is open. Where they may not be read nothing is known of them, and what is
    /// open is written once more.
    async fn read_last_messages(&self, release: &ReleaseRef) -> LastMessages {
        let about = inventory(&release.name);
        let request = ListRequest {
            fields: format!("involvedObject.kind=ConfigMap,involvedObject.name={about}"),
            ..ListRequest::all(&self.kind, Some(&release.namespace))
        };
        let listed = paged(self.cluster.as_ref(), request, |event| event).await;

        let mut last: HashMap<String, (i128, Object)> = HashMap::new();
        for event in listed.unwrap_or_default() {
            let name = event.name().strip_prefix(&about);
            let named = name.and_then(|name| name.strip_prefix('.')?.split_once('.'));
            let Some((id, Ok(time))) = named.map(|(id, time)| (id, i128::from_str_radix(time, 16))) else {
                continue;
            };
            if last.get(id).is_none_or(|(known, _)| *known < time) {
                last.insert(id.to_owned(), (time, event));
            }
        }
        let open = last
            .into_iter()
            .filter(|(_, (_, event))| event.text("/reason") != CLOSED);
        open.map(|(id, (_, event))| (id, event.text("/message").to_owned()))
            .collect()
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

    async fn write(
        &self,
        release: &ReleaseRef,
        groups: &[DriftGroup<'_>],
        last_messages: &mut LastMessages,
    ) -> Result<(), ApiError> {
        let uid = self.inventory_uid(release).await;
        let left = groups.len().saturating_sub(MOST);
        for (index, group) in groups.iter().take(MOST).enumerate() {
            let mut message = group.sentence();
            if left > 0 && index + 1 == MOST {
                message = format!("{message}; and {left} more");
            }
            let message = shorten(message, LONGEST);
            let id = group.first.id();
            if group.change == DriftChange::Opened && last_messages.get(&id) == Some(&message) {
                continue;
            }
            let body = self.body(group, &uid, &message);
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
            for finding in group.findings() {
                last_messages.remove(&finding.id());
            }
            if group.change != DriftChange::Closed {
                last_messages.insert(id, message);
            }
        }
        Ok(())
    }

    fn body(&self, group: &DriftGroup<'_>, uid: &str, message: &str) -> Value {
        let release = group.release();
        let (reason, kind) = match group.change {
            DriftChange::Opened if group.is_unknown() => ("DriftUnknown", "Warning"),
            DriftChange::Opened => ("DriftOpened", "Warning"),
            DriftChange::Updated => ("DriftUpdated", "Warning"),
            DriftChange::Closed => (CLOSED, "Normal"),
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
            "reason": reason, "type": kind, "message": message,
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
        let (mut refused, mut lost) = (None, 0);
        for (release, groups) in by_release {
            let mut last_messages = match self.last_messages.remove(release) {
                Some(known) => known,
                None => self.read_last_messages(release).await,
            };
            let written = self.write(release, &groups, &mut last_messages).await;
            self.last_messages.insert(release.clone(), last_messages);
            let Err(error) = written else { continue };
            if is_namespace_deleted(&error) {
                self.last_messages.remove(release);
                continue;
            }

            let message = format!("cannot create Events in namespace {}: {error}", release.namespace);
            // The server, or the way to it: no other release fares better.
            if error.is_transient() {
                return Err(SinkError::temporary(message));
            }
            // One namespace that takes none costs no other release its Events.
            lost += groups.iter().map(|group| group.findings().count()).sum::<usize>();
            refused.get_or_insert(message);
        }
        refused.map_or(Ok(()), |message| Err(SinkError::partial(message, lost)))
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
