//! Whether a node could take a pod, by what lasts of the scheduler's filters: names, labels, taints, the platform of its
//! images, and what the largest node has to give.
//!
//! Never by what passes (present usage, a cordon, pods to stand beside or away from): a pod waits for its end. That no
//! node fits is certain in one case alone, where a label is asked for that no node has and no node can be made for it.

use super::node_affinity::{is_matched, labels_of_no_node};
use super::taints::untolerated;
use crate::model::Object;
use crate::model::image::Platform;
use crate::model::k8s::pod_usage::{Usage, pod_usage};
use crate::model::k8s::quantity::{plain, thousandths};
use crate::model::phrase::{counted, list_first};
use serde_json::Value;
use std::collections::BTreeMap;

/// Labels that a sentence names.
const MOST_NAMED: usize = 5;

/// Whether a node could take a pod.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NodeFit {
    /// One could, or that is not known.
    Fits,
    /// None could.
    NoNode {
        /// Why, with the nodes counted.
        reason: String,
        /// Whether no node can come that could.
        is_certain: bool,
    },
}

/// Why one node could not take a pod.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Misfit {
    Name(String),
    Affinity,
    Taint(String),
    Platform(String),
    /// The resource of which too little can be allocated.
    Resource(String),
}

/// Whether one of the nodes could take a pod. `images` are the platforms of each image of which they are known.
pub(super) fn fit(spec: &Value, nodes: &[Object], images: &[&[Platform]]) -> NodeFit {
    // Another scheduler has rules of its own, and a cluster without nodes makes them as pods come.
    if nodes.is_empty() || has_other_scheduler(spec) || nodes.iter().any(is_made_for_one_pod) {
        return NodeFit::Fits;
    }

    let requests = pod_usage(spec);
    let mut misfits: BTreeMap<Misfit, usize> = BTreeMap::new();
    for node in nodes {
        match misfit(spec, &requests, node, images) {
            None => return NodeFit::Fits,
            Some(misfit) => *misfits.entry(misfit).or_default() += 1,
        }
    }

    let labels = labels_of_no_node(spec, nodes);
    if labels.is_empty() {
        let reason = no_fit(&misfits, &requests, nodes);
        return NodeFit::NoNode {
            reason,
            is_certain: false,
        };
    }
    let labels = labels.iter().map(|label| format!("\"{label}\""));
    let labels = list_first(labels, MOST_NAMED, " or ");
    NodeFit::NoNode {
        reason: format!("none has the label {labels}"),
        is_certain: !nodes.iter().any(is_of_a_pool),
    }
}

fn has_other_scheduler(spec: &Value) -> bool {
    let name = spec["schedulerName"].as_str().unwrap_or_default();
    !matches!(name, "" | "default-scheduler")
}

/// Whether a node was made for its only pod, as each next pod gets one.
fn is_made_for_one_pod(node: &Object) -> bool {
    node.label("eks.amazonaws.com/compute-type") == Some("fargate")
}

/// Whether a node is one of a pool, which may grow, or have sisters with other labels that are scaled to none now; or one
/// that stands for nodes of another cluster.
fn is_of_a_pool(node: &Object) -> bool {
    const PREFIXES: [&str; 9] = [
        "karpenter.sh/",
        "cloud.google.com/gke-",
        "eks.amazonaws.com/",
        "alpha.eksctl.io/",
        "kubernetes.azure.com/",
        "doks.digitalocean.com/",
        "k8s.scaleway.com/",
        "node.cluster.x-k8s.io/",
        "vcluster.loft.sh/",
    ];
    let mut keys = node.labels().into_iter().flat_map(|labels| labels.keys());
    let is_virtual = node.label("type") == Some("virtual-kubelet");
    is_virtual || keys.any(|key| PREFIXES.iter().any(|prefix| key.starts_with(prefix)))
}

fn misfit(spec: &Value, requests: &Usage, node: &Object, images: &[&[Platform]]) -> Option<Misfit> {
    // Bound by its name it meets no scheduler; the kubelet takes it unless it would evict it at once.
    let bound = spec["nodeName"].as_str().filter(|name| !name.is_empty());
    if let Some(name) = bound.filter(|name| *name != node.name()) {
        return Some(Misfit::Name(name.to_owned()));
    }
    if !is_matched(spec, node) {
        return Some(Misfit::Affinity);
    }

    let effects: &[&str] = match bound {
        Some(_) => &["NoExecute"],
        None => &["NoSchedule", "NoExecute"],
    };
    if let Some(taint) = untolerated(spec, node, effects) {
        return Some(Misfit::Taint(taint));
    }
    if let Some(platform) = node_platform(node).filter(|platform| !runs_all(platform, images)) {
        return Some(Misfit::Platform(platform));
    }
    lacking(requests, node).map(|resource| Misfit::Resource(resource.clone()))
}

/// `linux/amd64`; none where the node has not told it yet.
fn node_platform(node: &Object) -> Option<String> {
    // The labels say the same, and anybody can change them.
    let part = |field: &str, label: &str| {
        let reported = node.text(&format!("/status/nodeInfo/{field}"));
        let reported = Some(reported).filter(|text| !text.is_empty());
        reported.or_else(|| node.label(label)).map(str::to_owned)
    };
    let os = part("operatingSystem", "kubernetes.io/os")?;
    let architecture = part("architecture", "kubernetes.io/arch")?;
    Some(format!("{os}/{architecture}"))
}

/// Whether each image has a variant for a platform.
fn runs_all(platform: &str, images: &[&[Platform]]) -> bool {
    let runs = |image: &&[Platform]| {
        image.iter().any(|one| {
            // `linux/arm64/v8` is a variant that a node does not tell.
            let rest = one.0.strip_prefix(platform);
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })
    };
    // One of no platform says nothing of any.
    images.iter().filter(|image| !image.is_empty()).all(runs)
}

/// The first resource of which a node could never give a pod enough.
fn lacking<'r>(requests: &'r Usage, node: &Object) -> Option<&'r String> {
    let allocatable = node.at("/status/allocatable")?;
    let is_too_much = |(name, amount): &(&'r String, &i128)| {
        let offered = allocatable.get(name.as_str()).and_then(thousandths);
        // Of devices and pages a node has none where it does not say; of the rest it tells later.
        let is_absent = name.contains('/') || name.starts_with("hugepages-");
        let offered = offered.or(is_absent.then_some(0));
        offered.is_some_and(|offered| **amount > offered)
    };
    let mut requests = requests.iter().filter(|(name, _)| !name.starts_with("limits."));
    requests.find(is_too_much).map(|(name, _)| name)
}

/// Why no node fits, each cause with its nodes.
fn no_fit(misfits: &BTreeMap<Misfit, usize>, requests: &Usage, nodes: &[Object]) -> String {
    let cause = |misfit: &Misfit| match misfit {
        Misfit::Name(name) => format!("not node {name}"),
        Misfit::Affinity => "node selector or affinity".to_owned(),
        Misfit::Taint(taint) => format!("taint \"{taint}\""),
        Misfit::Platform(platform) => format!("no image for platform {platform}"),
        Misfit::Resource(name) => {
            let offered = nodes
                .iter()
                .filter_map(|node| thousandths(node.at("/status/allocatable")?.get(name)?));
            format!(
                "requested: {name}={}, largest allocatable: {name}={}",
                plain(requests.get(name).copied().unwrap_or_default()),
                plain(offered.max().unwrap_or_default())
            )
        }
    };
    let causes = misfits
        .iter()
        .map(|(misfit, count)| format!("{} ({})", cause(misfit), counted(*count, "node")));
    list_first(causes, MOST_NAMED, "; ")
}

#[cfg(test)]
mod tests;
