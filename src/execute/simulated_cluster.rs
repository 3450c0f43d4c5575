//! A cluster to which nothing is written: a write is remembered, and read back, and the server sees of it a dry run at
//! most.
//!
//! The code that undoes steps runs on it unchanged, so that what is planned and what is done cannot differ. The first
//! write to an object is dry-run by the server, where that was asked for; what follows builds on what the server does
//! not have, and is answered here. So is a write that the server cannot dry-run for a reason of the simulation's own: a
//! namespace or kind that would be there by then, a webhook that no dry run may reach.
//!
//! An object that is being deleted counts as gone: the run itself waits for that.

use crate::cluster::{
    AccessReview, ApiError, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchRequest, WatchStream, WriteOptions,
};
use crate::model::refusal::RefusedBy;
use crate::model::{ClusterIdentity, Object, ObjectId, Target};
use async_trait::async_trait;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The uid of what would be created, where no dry run gives one.
const NEW_UID: &str = "new";

/// A cluster that is read, and not written to.
pub(super) struct SimulatedCluster {
    cluster: Arc<dyn Cluster>,
    /// Whether the server dry-runs what can be dry-run.
    asks_server: bool,
    seen: Mutex<Seen>,
}

/// What was read and would have been written.
#[derive(Default)]
struct Seen {
    /// Each object as it was read last before anything was written to it.
    before: HashMap<ObjectId, Option<Object>>,
    /// Each object that was written to, as it would be; none where it would be deleted.
    after: HashMap<ObjectId, Option<Object>>,
    /// Uids that would be gone.
    deleted: BTreeSet<String>,
}

/// What the simulated writes came to for one object.
pub(super) struct SimulatedOutcome {
    /// As it is; none where it is not there.
    pub live: Option<Object>,
    /// As it would be, where it was written to; none in it where it would be deleted.
    pub after: Option<Option<Object>>,
}

impl SimulatedCluster {
    pub(super) fn new(cluster: Arc<dyn Cluster>, asks_server: bool) -> Self {
        Self {
            cluster,
            asks_server,
            seen: Mutex::default(),
        }
    }

    /// What would become of an object.
    pub(super) fn outcome(&self, id: &ObjectId) -> SimulatedOutcome {
        let seen = self.seen();
        SimulatedOutcome {
            live: seen.before.get(id).cloned().flatten(),
            after: seen.after.get(id).cloned(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the server can be asked about a write: what it has is what the write is over.
    fn is_asked(&self, target: &Target) -> bool {
        self.asks_server && !self.seen().after.contains_key(&target.id())
    }

    /// The server's answer to the dry run of a write; none where it was not asked, or where its refusal `says_nothing`.
    async fn ask(
        &self,
        target: &Target,
        dry_run: impl Future<Output = Result<Applied, ApiError>>,
        says_nothing: impl Fn(&ApiError) -> bool,
    ) -> Result<Option<Object>, ApiError> {
        if !self.is_asked(target) {
            return Ok(None);
        }
        match dry_run.await {
            Ok(answer) => Ok(Some(answer.object)),
            Err(error) if says_nothing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Whether a CRD would be there that serves the target's kind.
    fn would_serve(&self, target: &Target) -> bool {
        let is_its = |crd: &Object| {
            crd.kind() == "CustomResourceDefinition"
                && crd.text("/spec/group") == target.resource.group
                && crd.text("/spec/names/plural") == target.resource.plural
        };
        self.seen().after.values().flatten().any(is_its)
    }

    fn written(&self, target: &Target, object: Object, created: bool) -> Applied {
        self.seen().after.insert(target.id(), Some(object.clone()));
        Applied {
            object,
            created,
            warnings: Vec::new(),
        }
    }

    /// The object that the next write is over.
    async fn current(&self, target: &Target) -> Result<Object, ApiError> {
        self.get(target).await?.ok_or_else(|| ApiError::Status {
            code: 404,
            reason: "NotFound".into(),
            message: format!("{target} not found"),
            causes: Vec::new(),
        })
    }
}

/// Whether a refused dry run says nothing of the write itself.
fn is_of_the_dry_run(error: &ApiError) -> bool {
    // 404: its namespace or kind would be there by then.
    let by = error.refusal().map(|refusal| refusal.by);
    error.is_not_found() || by == Some(RefusedBy::WebhookWithEffects)
}

fn dry(options: &WriteOptions) -> WriteOptions {
    WriteOptions {
        dry_run: true,
        not_after: None,
        ..options.clone()
    }
}

/// A body as the object that it makes.
fn object_of(body: &Value) -> Result<Object, ApiError> {
    Object::new(body.clone()).map_err(|error| ApiError::Unreadable {
        code: 400,
        body: error.to_string(),
    })
}

/// Does one operation of a JSON patch on the fields of maps, which is all that an undo sends; a `test` holds, as nobody
/// else writes here.
fn patch(object: &mut Object, operation: &Value) {
    let text = |field: &str| operation[field].as_str().unwrap_or_default();
    let Some((parent, key)) = text("path").rsplit_once('/') else {
        return;
    };
    let Some(Value::Object(parent)) = object.value_mut().pointer_mut(parent) else {
        return;
    };

    let key = key.replace("~1", "/").replace("~0", "~");
    match text("op") {
        "remove" => drop(parent.shift_remove(&key)),
        "add" | "replace" => drop(parent.insert(key, operation["value"].clone())),
        _ => {}
    }
}

#[async_trait]
impl Cluster for SimulatedCluster {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let id = target.id();
        if let Some(after) = self.seen().after.get(&id) {
            return Ok(after.clone());
        }
        let read = match self.cluster.get(target).await {
            Err(ApiError::NotServed { .. }) if self.would_serve(target) => None,
            read => read?,
        };

        let read = read.filter(|object| !object.is_being_deleted());
        self.seen().before.insert(id, read.clone());
        Ok(read)
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let mut object = self.get(target).await?;
        object.iter_mut().for_each(Object::keep_metadata);
        Ok(object)
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let mut page = self.cluster.list(request).await?;
        let seen = self.seen();
        page.items.retain(|object| !seen.deleted.contains(object.uid()));
        Ok(page)
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        self.cluster.watch(request).await
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        let options = ApplyOptions {
            dry_run: true,
            not_after: None,
            ..options.clone()
        };
        self.cluster.apply(target, body, &options).await
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let options = dry(options);
        let asked = self.cluster.create(target, body, &options);
        // What would be gone by then has its name.
        let says_nothing = |error: &ApiError| is_of_the_dry_run(error) || error.is_conflict();
        if let Some(answer) = self.ask(target, asked, says_nothing).await? {
            return Ok(self.written(target, answer, true));
        }
        let mut object = object_of(body)?;
        object.value_mut()["metadata"]["uid"] = NEW_UID.into();
        Ok(self.written(target, object, true))
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let options = dry(options);
        let asked = self.cluster.replace(target, body, &options);
        if let Some(answer) = self.ask(target, asked, is_of_the_dry_run).await? {
            return Ok(self.written(target, answer, false));
        }
        let owners = self.current(target).await?.managed_fields().to_vec();
        let mut object = object_of(body)?;
        object.value_mut()["metadata"]["managedFields"] = owners.into();
        Ok(self.written(target, object, false))
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        self.cluster.store(target, body, &dry(options)).await
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        _: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let mut object = self.current(target).await?;
        operations
            .iter()
            .for_each(|operation| patch(&mut object, operation));
        Ok(self.written(target, object, false))
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        if self.is_asked(target) {
            let dry = DeleteOptions {
                dry_run: true,
                not_after: None,
                ..options.clone()
            };
            match self.cluster.delete(target, &dry).await {
                Err(error) if !is_of_the_dry_run(&error) => return Err(error),
                _ => {}
            }
        }
        let mut seen = self.seen();
        seen.after.insert(target.id(), None);
        seen.deleted.insert(options.uid.clone());
        Ok(Deleted::Gone)
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.cluster.may(review).await
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.cluster.whoami().await
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.cluster.discover().await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.cluster.server_version().await
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        self.cluster.logs(request).await
    }

    fn hide(&self, text: &str) -> String {
        self.cluster.hide(text)
    }

    fn server(&self) -> &str {
        self.cluster.server()
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        self.cluster.identity(namespace)
    }

    fn default_namespace(&self) -> &str {
        self.cluster.default_namespace()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_patch_of_fields_is_done_and_one_below_what_is_missing_is_not() {
        let mut object = Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {"name": "a", "annotations": {"x/y": "1"}, "managedFields": []}}))
        .unwrap();
        for operation in [
            json!({"op": "test", "path": "/metadata/name", "value": "b"}),
            json!({"op": "remove", "path": "/metadata/annotations/x~1y"}),
            json!({"op": "replace", "path": "/metadata/managedFields", "value": [1]}),
            json!({"op": "add", "path": "/metadata/labels/a", "value": "b"}),
        ] {
            patch(&mut object, &operation);
        }

        assert_eq!(
            object.value()["metadata"],
            json!({"name": "a", "annotations": {}, "managedFields": [1]})
        );
    }
}
