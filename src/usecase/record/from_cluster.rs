//! `record --from-cluster`: what the pods of the test cluster ran, and whether the workloads were ready.

use crate::compare::{Ran, RanWorkload, Running, ran};
use crate::model::attestation::RanContainer;
use crate::model::k8s::images::images;
use crate::model::k8s::kinds::well_known;
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::release::Release;
use crate::model::snapshot::Observed;
use crate::model::verdict::Health;
use crate::model::{Object, Target};
use crate::monitor::{ObjectHealth, health};
use crate::observe;
use crate::rollout::RolloutPolicy;
use crate::usecase::{CommandError, Scope};

/// What was seen in the test cluster.
pub struct Seen {
    /// What should be known of it.
    pub notes: Vec<String>,
    /// What each container ran; an error where that is not what is recorded.
    pub containers: Result<Vec<RanContainer>, CommandError>,
}

/// What each container ran. Anything else than what is recorded, and a workload that is not ready, is an error.
///
/// # Errors
///
/// Where the cluster does not answer or the pods cannot be listed. What runs and should not is in the answer.
pub async fn look(release: &Release, scope: &Scope) -> Result<Seen, CommandError> {
    let Scope { cluster, home } = scope;
    let workloads = workloads(release, home);
    let targets: Vec<Target> = workloads.iter().map(|(_, target)| target.clone()).collect();
    let mut troubles = Vec::new();
    let mut found = Vec::new();
    for (recorded, target) in workloads {
        match observe::read(cluster.as_ref(), &target).await? {
            Observed::Present(live) => found.push((recorded, live)),
            Observed::Absent(_) => {
                troubles.push(format!("{}: does not exist in the test cluster", target.id()));
            }
            Observed::Unreadable { error, .. } => troubles.push(format!("{}: {error}", target.id())),
        }
    }
    let namespaces = targets.iter().filter_map(|target| target.namespace.as_deref());
    let namespaces = observe::PodNamespace::collect(namespaces.map(|name| (name, false)));
    let pods = observe::pods(cluster.as_ref(), &namespaces).await?;
    let each: Vec<RanWorkload<'_>> = found
        .iter()
        .map(|(recorded, live)| RanWorkload { recorded, live })
        .collect();
    let running = Running {
        pods: pods.pods,
        owners: pods.owners,
    };
    let Ran {
        containers,
        wrong,
        mut notes,
    } = ran(&each, &running, &release.spec.images);
    notes.extend(unchecked(release));
    let is_there = |target: &Target| found.iter().any(|(_, live)| live.id() == target.id());
    let there: Vec<Target> = targets.into_iter().filter(is_there).collect();
    troubles.extend(
        health(cluster.clone(), &there, RolloutPolicy::default())
            .await
            .iter()
            .filter_map(not_ready),
    );
    troubles.extend(wrong);
    let refusal = (!troubles.is_empty()).then(|| {
        CommandError::usage(troubles.join("\n")).with_hint(
            "to deploy the release to the test cluster: kubectl delivery render RELEASE | kubectl apply -f -",
        )
    });
    Ok(Seen {
        notes,
        containers: refusal.map_or(Ok(containers), Err),
    })
}

/// The release's objects that have pods, and where they are in the test cluster.
fn workloads<'r>(release: &'r Release, home: &str) -> Vec<(&'r Object, Target)> {
    let with_target = |object: &'r Object| {
        let resource = well_known(&object.gvk())?;
        let has_pods = matches!(&*resource.group, "apps" | "batch")
            || matches!(&*resource.kind, "Pod" | "ReplicationController");
        let namespace = object.namespace().unwrap_or(home);
        has_pods.then(|| (object, Target::new(&resource, Some(namespace), object.name())))
    };
    release.spec.objects.iter().filter_map(with_target).collect()
}

/// Of a custom kind it is not known which pods are its own.
fn unchecked(release: &Release) -> impl Iterator<Item = String> {
    let spec = &release.spec;
    let unchecked = spec.objects.iter().filter(move |object| {
        pod_spec_path(&object.gvk()).is_none() && !images(object, &spec.image_paths).is_empty()
    });
    unchecked.map(|object| format!("images of {} not checked: not a built-in kind", object.id()))
}

fn not_ready(health: &ObjectHealth) -> Option<String> {
    let why = match &health.verdict {
        Some(Health::Ready { .. }) => return None,
        Some(Health::Failed { cause }) => cause.message.clone(),
        Some(Health::Progressing { .. }) if !health.broken.is_empty() => health.broken.join("; "),
        Some(Health::Progressing { message, .. } | Health::Unknown { message }) => message.clone(),
        None => "health unknown: cannot read it or its pods; check permissions".into(),
    };
    Some(format!("{} is not ready: {why}", health.object))
}
