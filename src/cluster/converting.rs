//! Objects of a version that the server does not serve, reached in one that it does.
//!
//! State and journals name the version of their day, and a cluster is upgraded meanwhile. Where the kind's CRD
//! converts by changing `apiVersion` alone, this does just that on the way there and back: whoever asks in the old
//! version is answered in it, as the server did. Where only the server can convert, the request ends as
//! [`ApiError::VersionNotServed`], which is no absence.
//!
//! Nothing is asked before a request has failed for its kind.

use super::api::{
    AccessReview, Applied, ApplyOptions, Cluster, DeleteOptions, Deleted, Discovered, ListRequest,
    LogRequest, Page, ServerVersion, WatchEvent, WatchRequest, WatchStream, WriteOptions,
};
use super::error::{ApiError, VersionNotServed};
use crate::model::k8s::conversion::{Conversion, conversion};
use crate::model::k8s::kinds::{built_in, well_known};
use crate::model::{ClusterIdentity, Object, ResourceType, Target};
use async_trait::async_trait;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use serde_json::Value;
use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A client that asks in a version that is served.
pub(super) struct Converting {
    inner: Arc<dyn Cluster>,
    /// The kinds that are reached in another version, and in which.
    others: Mutex<HashMap<ResourceType, ResourceType>>,
}

/// The version that a kind is asked for in, and the other one that it is reached in.
#[derive(Clone)]
struct Route {
    asked: ResourceType,
    other: Option<ResourceType>,
}

impl Route {
    fn resource(&self) -> &ResourceType {
        self.other.as_ref().unwrap_or(&self.asked)
    }

    fn target<'t>(&self, target: &'t Target) -> Cow<'t, Target> {
        match &self.other {
            None => Cow::Borrowed(target),
            Some(other) => Cow::Owned(Target {
                resource: other.clone(),
                ..target.clone()
            }),
        }
    }

    /// A body on its way to the server.
    fn body<'b>(&self, body: &'b Value) -> Cow<'b, Value> {
        match &self.other {
            Some(other) if body["apiVersion"] == self.asked.api_version() => {
                let mut body = body.clone();
                body["apiVersion"] = other.api_version().into();
                Cow::Owned(body)
            }
            _ => Cow::Borrowed(body),
        }
    }

    /// An object on its way back.
    fn object(&self, mut object: Object) -> Object {
        if let Some(other) = &self.other
            && object.api_version() == other.api_version()
        {
            object.value_mut()["apiVersion"] = self.asked.api_version().into();
        }
        object
    }

    fn applied(&self, answer: Applied) -> Applied {
        Applied {
            object: self.object(answer.object),
            ..answer
        }
    }
}

impl Converting {
    pub(super) fn new(inner: Arc<dyn Cluster>) -> Self {
        Self {
            inner,
            others: Mutex::default(),
        }
    }

    fn others(&self) -> MutexGuard<'_, HashMap<ResourceType, ResourceType>> {
        self.others.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The way on which a kind was reached last.
    fn known(&self, asked: &ResourceType) -> Route {
        Route {
            asked: asked.clone(),
            other: self.others().get(asked).cloned(),
        }
    }

    /// Sends a request on the way on which its kind is reached; the answer, and that way.
    async fn routed<'s, T>(
        &'s self,
        asked: &ResourceType,
        send: impl Fn(Route) -> BoxFuture<'s, Result<T, ApiError>> + Send,
    ) -> Result<(Route, T), ApiError> {
        let mut route = self.known(asked);
        loop {
            match send(route.clone()).await {
                Err(error @ ApiError::NotServed { .. }) => route = self.other_way(route, error).await?,
                answer => return Ok((route, answer?)),
            }
        }
    }

    /// Another way than the one on which the kind was not served; the error where there is none.
    async fn other_way(&self, failed: Route, error: ApiError) -> Result<Route, ApiError> {
        let asked = failed.asked;
        if failed.other.is_some() {
            // The next request looks anew: the CRD is another one by now.
            self.others().remove(&asked);
            return Err(error);
        }

        match self.look(&asked).await? {
            None => Err(error),
            Some(Conversion::Renamed(other)) => {
                tracing::info!(
                    asked = asked.api_version(),
                    other = other.api_version(),
                    kind = asked.kind,
                    "another version is served"
                );
                self.others().insert(asked.clone(), other.clone());
                Ok(Route {
                    asked,
                    other: Some(other),
                })
            }
            Some(Conversion::Impossible { served, why, hint }) => {
                Err(VersionNotServed::error(&asked, &served, why, hint))
            }
        }
    }

    /// What can be done about a kind that is not served in its version; none where no version of it is.
    async fn look(&self, asked: &ResourceType) -> Result<Option<Conversion>, ApiError> {
        let kind = built_in("apiextensions.k8s.io", "CustomResourceDefinition");
        // What is in the table is served by each server, or by none; versions of admission policies are asked for one after
        // the other.
        let is_known = well_known(&asked.gvk()).is_some() || asked.group == "admissionregistration.k8s.io";
        let Some(kind) = kind.filter(|_| !asked.group.is_empty() && !is_known) else {
            return Ok(None);
        };

        match self.inner.get(&Target::new(&kind, None, &asked.counted())).await {
            Ok(Some(crd)) => Ok(conversion(asked, &crd)),
            Ok(None) if is_built_in(&asked.group) => {
                let why = "only the API server converts between the versions of built-in kinds".to_owned();
                let hint = format!(
                    "to see what is served: kubectl api-resources --api-group={}",
                    asked.group
                );
                self.discovered(asked, why, hint).await
            }
            Ok(None) => Ok(None),
            Err(error) if error.is_forbidden() => {
                let why = "missing permission: get customresourcedefinitions (to see how it is converted)"
                    .to_owned();
                let hint = "kubectl auth can-i get customresourcedefinitions".to_owned();
                self.discovered(asked, why, hint).await
            }
            // Unknown is not absent.
            Err(error) => Err(error),
        }
    }

    /// The same of a kind whose CRD cannot be asked: that other versions are served is all that is known.
    async fn discovered(
        &self,
        asked: &ResourceType,
        why: String,
        hint: String,
    ) -> Result<Option<Conversion>, ApiError> {
        let served = served_otherwise(&*self.inner, asked).await?;
        Ok(served.map(|served| Conversion::Impossible { served, why, hint }))
    }
}

/// The versions of a kind that is not served in its own; none where it is, or where no version of it is.
pub async fn served_otherwise(
    cluster: &dyn Cluster,
    asked: &ResourceType,
) -> Result<Option<Vec<String>>, ApiError> {
    let found = cluster.discover().await?;
    let of_kind = found
        .into_iter()
        .map(|one| one.resource)
        .filter(|one| one.group == asked.group && one.kind == asked.kind);

    let served: Vec<String> = of_kind.map(|one| one.version).collect();
    let is_other = !served.is_empty() && !served.contains(&asked.version);
    Ok(is_other.then_some(served))
}

/// Whether the server itself may hold the group.
fn is_built_in(group: &str) -> bool {
    !group.contains('.') || group.ends_with(".k8s.io")
}

#[async_trait]
impl Cluster for Converting {
    async fn get(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let send = |route: Route| async move { self.inner.get(&route.target(target)).await }.boxed();
        let (route, found) = self.routed(&target.resource, send).await?;
        Ok(found.map(|object| route.object(object)))
    }

    async fn get_metadata(&self, target: &Target) -> Result<Option<Object>, ApiError> {
        let send = |route: Route| async move { self.inner.get_metadata(&route.target(target)).await }.boxed();
        let (route, found) = self.routed(&target.resource, send).await?;
        Ok(found.map(|object| route.object(object)))
    }

    async fn list(&self, request: &ListRequest) -> Result<Page, ApiError> {
        let send = |route: Route| {
            async move {
                let mut request = request.clone();
                request.resource = route.resource().clone();
                self.inner.list(&request).await
            }
            .boxed()
        };
        let (route, page) = self.routed(&request.resource, send).await?;
        let items = page.items.into_iter().map(|object| route.object(object));
        Ok(Page {
            items: items.collect(),
            ..page
        })
    }

    async fn watch(&self, request: &WatchRequest) -> Result<WatchStream, ApiError> {
        let send = |route: Route| {
            async move {
                let mut request = request.clone();
                request.resource = route.resource().clone();
                self.inner.watch(&request).await
            }
            .boxed()
        };
        let (route, events) = self.routed(&request.resource, send).await?;
        let back = move |event| match event {
            WatchEvent::Present(object) => WatchEvent::Present(route.object(object)),
            WatchEvent::Deleted(object) => WatchEvent::Deleted(route.object(object)),
            bookmark @ WatchEvent::Bookmark(_) => bookmark,
        };
        Ok(events.map(move |event| event.map(&back)).boxed())
    }

    async fn apply(
        &self,
        target: &Target,
        body: &Value,
        options: &ApplyOptions,
    ) -> Result<Applied, ApiError> {
        let send = |route: Route| {
            async move {
                let (at, sent) = (route.target(target), route.body(body));
                self.inner.apply(&at, &sent, options).await
            }
            .boxed()
        };
        let (route, answer) = self.routed(&target.resource, send).await?;
        Ok(route.applied(answer))
    }

    async fn create(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let send = |route: Route| {
            async move {
                let (at, sent) = (route.target(target), route.body(body));
                self.inner.create(&at, &sent, options).await
            }
            .boxed()
        };
        let (route, answer) = self.routed(&target.resource, send).await?;
        Ok(route.applied(answer))
    }

    async fn replace(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let send = |route: Route| {
            async move {
                let (at, sent) = (route.target(target), route.body(body));
                self.inner.replace(&at, &sent, options).await
            }
            .boxed()
        };
        let (route, answer) = self.routed(&target.resource, send).await?;
        Ok(route.applied(answer))
    }

    async fn store(
        &self,
        target: &Target,
        body: &Value,
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        // What this tool keeps is of the core group and of coordination.k8s.io/v1.
        self.inner.store(target, body, options).await
    }

    async fn json_patch(
        &self,
        target: &Target,
        operations: &[Value],
        options: &WriteOptions,
    ) -> Result<Applied, ApiError> {
        let send = |route: Route| {
            async move {
                let at = route.target(target);
                self.inner.json_patch(&at, operations, options).await
            }
            .boxed()
        };
        let (route, answer) = self.routed(&target.resource, send).await?;
        Ok(route.applied(answer))
    }

    async fn delete(&self, target: &Target, options: &DeleteOptions) -> Result<Deleted, ApiError> {
        let send =
            |route: Route| async move { self.inner.delete(&route.target(target), options).await }.boxed();
        let (route, deleted) = self.routed(&target.resource, send).await?;
        Ok(match deleted {
            Deleted::Going(object) => Deleted::Going(route.object(object)),
            gone => gone,
        })
    }

    async fn may(&self, review: &AccessReview) -> Result<bool, ApiError> {
        self.inner.may(review).await
    }

    async fn whoami(&self) -> Result<String, ApiError> {
        self.inner.whoami().await
    }

    async fn discover(&self) -> Result<Vec<Discovered>, ApiError> {
        self.inner.discover().await
    }

    async fn server_version(&self) -> Result<ServerVersion, ApiError> {
        self.inner.server_version().await
    }

    async fn logs(&self, request: &LogRequest) -> Result<String, ApiError> {
        self.inner.logs(request).await
    }

    fn server(&self) -> &str {
        self.inner.server()
    }

    fn identity(&self, namespace: &str) -> ClusterIdentity {
        self.inner.identity(namespace)
    }

    fn default_namespace(&self) -> &str {
        self.inner.default_namespace()
    }
}
