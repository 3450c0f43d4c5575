//! `bare RELEASE NAMESPACE [dry|wait]`: sends the applies of a release's objects, 16 at a time, and does nothing else; dry,
//! or waiting until its Deployments are rolled out. What a promotion that also compares, checks, journals, judges and proves
//! is measured by; dry, what a comparison is.

use futures::stream::{StreamExt, TryStreamExt, iter};
use kubectl_delivery::testing::cluster::{
    ApplyOptions, Cluster, ConnectionOptions, ListRequest, WatchEvent, WatchRequest, connect,
};
use kubectl_delivery::testing::load;
use kubectl_delivery::testing::model::k8s::kinds::{built_in, well_known};
use kubectl_delivery::testing::model::{Object, Target};
use std::collections::BTreeSet;

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    rustls::crypto::ring::default_provider().install_default().ok();
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (release, namespace, dry_run, waits) = match arguments[..] {
        [release, namespace] => (release, namespace, false, false),
        [release, namespace, "dry"] => (release, namespace, true, false),
        [release, namespace, "wait"] => (release, namespace, false, true),
        _ => return Err("usage: bare RELEASE NAMESPACE [dry|wait]".into()),
    };
    let objects = load::release(release.as_ref())?.release.spec.objects;
    let cluster = connect(&ConnectionOptions::default()).await?;
    let applies = objects.iter().map(|object| {
        let cluster = &cluster;
        async move {
            let kind =
                well_known(&object.gvk()).ok_or_else(|| format!("{} is not built in", object.kind()))?;
            let target = Target::new(&kind, Some(namespace), object.name());
            let options = ApplyOptions {
                manager: "bare".into(),
                force: true,
                dry_run,
                not_after: None,
            };
            cluster.apply(&target, object.value(), &options).await?;
            Outcome::Ok(())
        }
    });
    iter(applies).buffer_unordered(16).try_collect::<Vec<_>>().await?;
    if waits {
        wait(cluster.as_ref(), namespace).await
    } else {
        Ok(())
    }
}

/// By one list and one watch, until every Deployment is rolled out as `kubectl rollout status` understands it.
async fn wait(cluster: &dyn Cluster, namespace: &str) -> Outcome<()> {
    let kind = built_in("apps", "Deployment").ok_or("Deployments are not built in")?;
    let listed = cluster.list(&ListRequest::all(&kind, Some(namespace))).await?;
    let mut open: BTreeSet<String> = listed
        .items
        .iter()
        .filter(|one| !is_done(one))
        .map(|one| one.name().to_owned())
        .collect();
    let mut events = cluster
        .watch(&WatchRequest {
            resource: kind,
            namespace: Some(namespace.into()),
            labels: String::new(),
            fields: String::new(),
            resource_version: listed.resource_version,
            timeout_seconds: 300,
        })
        .await?;
    while !open.is_empty() {
        let event = events
            .next()
            .await
            .ok_or("expected the watch to go on, found it ended")??;
        if let WatchEvent::Present(object) = event
            && is_done(&object)
        {
            open.remove(object.name());
        }
    }
    Ok(())
}

fn is_done(deployment: &Object) -> bool {
    let number = |pointer: &str| {
        deployment
            .at(pointer)
            .and_then(serde_json::Value::as_i64)
            .unwrap_or_default()
    };
    let wanted = number("/spec/replicas");
    number("/status/observedGeneration") >= number("/metadata/generation")
        && ["replicas", "updatedReplicas", "availableReplicas"]
            .iter()
            .all(|field| number(&format!("/status/{field}")) == wanted)
}
