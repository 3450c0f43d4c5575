//! `kubectl delivery images`: what each container of a namespace, and of its releases elsewhere, runs by digest, and
//! whether its tag has moved since.

use super::inputs::RegistryArgs;
use super::kept::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::cluster::Cluster;
use crate::model::image::ImageReference;
use crate::model::k8s::pod::PodFacts;
use crate::model::release::RecordedImage;
use crate::model::running::ImageTrees;
use crate::model::{Sha256Digest, Target};
use crate::observe::home::list_homes;
use crate::observe::{self, Pods};
use crate::registry::{Registries, RegistryOptions, Resolved};
use crate::report::columns;
use crate::rollout::runs_pods;
use crate::usecase::Scope;
use crate::usecase::images as image_trees;
use crate::usecase::kept;
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use futures::future::try_join_all;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Write;

/// Arguments of `images`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery images -n shop
  kubectl delivery images -n shop --offline -o json")]
pub struct Args {
    /// Ask no registry where the tags point now
    #[arg(long)]
    offline: bool,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    registries: RegistryArgs,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// One image that containers of a workload run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line {
    namespace: String,
    workload: String,
    container: String,
    /// As the pods' spec writes it.
    image: String,
    /// What the node reports; none where it has not yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    digest: Option<Sha256Digest>,
    pods: Vec<String>,
    tag: Tag,
}

impl Line {
    /// What runs, to be asked for.
    fn reported(&self) -> Option<String> {
        let name = self.image.parse::<ImageReference>().ok()?.name();
        Some(format!("{name}@{}", self.digest.as_ref()?))
    }

    /// Whether what runs is what the tag points to, under another index.
    fn is_under_another_index(&self, now: &Resolved, trees: &ImageTrees) -> bool {
        let (digest, platforms) = (now.digest.clone(), now.platforms.clone());
        let now = RecordedImage {
            reference: self.image.clone(),
            digest,
            origin: None,
            platforms,
        };
        self.digest
            .as_ref()
            .is_some_and(|running| trees.leads_to(running, &now))
    }

    /// Whether it is of that workload.
    fn is_of(&self, target: &Target) -> bool {
        target.namespace.as_deref() == Some(&self.namespace)
            && self.workload == format!("{} {}", target.resource.kind, target.name)
    }
}

/// Where a tag points now.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "is", rename_all = "camelCase")]
enum Tag {
    /// The reference is a digest.
    Pinned,
    /// To what runs.
    Current,
    /// To something else.
    Moved { to: Sha256Digest },
    /// Nobody was asked, or the registry did not say.
    Unknown { why: String },
}

/// Lists, asks, shows.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let Scope {
        cluster,
        home: namespace,
    } = context.scope(&args.connection).await?;
    let members = match members(cluster.as_ref(), &namespace, &args.state).await {
        Ok(members) => members,
        Err(error) => {
            writeln!(
                context.stderr(),
                "note: workloads in other namespaces not read: {error}"
            )?;
            Vec::new()
        }
    };
    let namespaces: BTreeSet<&str> = members
        .iter()
        .filter_map(|one| one.namespace.as_deref())
        .chain([namespace.as_str()])
        .collect();
    let namespaces: Vec<String> = namespaces.into_iter().map(String::from).collect();
    let pods = observe::pods(cluster.as_ref(), &namespaces).await;
    let pods = pods.map_err(|error| CommandError::from_error(ErrorKind::Unreachable, &error))?;
    let mut lines = running(&pods);
    // Of other namespaces only what a release of this one holds.
    lines.retain(|line| line.namespace == namespace || members.iter().any(|one| line.is_of(one)));
    let tags: BTreeMap<String, Result<Resolved, String>> = if args.offline {
        BTreeMap::new()
    } else {
        resolved(&lines, &args.registries).await
    };
    // Another index may hold the very same image.
    let moved = lines
        .iter()
        .filter(|line| matches!(tag(line, &tags, &ImageTrees::default()), Tag::Moved { .. }));
    let trees = image_trees::read(&moved.filter_map(Line::reported).collect::<Vec<_>>()).await;
    for line in &mut lines {
        line.tag = tag(line, &tags, &trees);
    }
    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => {
            crate::report::json(&lines, &mut out)?;
        }
        None if lines.is_empty() => writeln!(context.stderr(), "no pods in namespace {namespace}")?,
        None => write!(out, "{}", shown(&lines))?,
    }
    out.flush()?;
    Ok(Exit::OK)
}

/// The workloads of the releases that a namespace holds, wherever they are.
async fn members(
    cluster: &dyn Cluster,
    namespace: &str,
    state: &ReadArgs,
) -> Result<Vec<Target>, CommandError> {
    let homes = list_homes(cluster, Some(namespace))
        .await
        .map_err(|error| kept::home_error(&error))?;
    let each = homes.iter().map(|(home, name)| state.home(cluster, home, name));
    let inventories = try_join_all(each)
        .await?
        .into_iter()
        .filter_map(|home| home.inventory);
    let members = inventories.flat_map(|inventory| inventory.value.members);
    Ok(members.filter(runs_pods).collect())
}

/// What runs, grouped: pods that have ended run nothing.
fn running(pods: &Pods) -> Vec<Line> {
    let mut groups: BTreeMap<[String; 4], BTreeMap<Option<Sha256Digest>, Vec<String>>> = BTreeMap::new();
    for pod in pods
        .pods
        .iter()
        .filter(|pod| pod.phase != "Succeeded" && pod.phase != "Failed")
    {
        for container in &pod.containers {
            let key = [
                pod.namespace.clone(),
                workload(pod, pods),
                container.name.clone(),
                container.image.clone(),
            ];
            groups
                .entry(key)
                .or_default()
                .entry(container.digest())
                .or_default()
                .push(pod.name.clone());
        }
    }
    let mut lines = Vec::new();
    for ([namespace, workload, container, image], digests) in groups {
        lines.extend(digests.into_iter().map(|(digest, pods)| Line {
            namespace: namespace.clone(),
            workload: workload.clone(),
            container: container.clone(),
            image: image.clone(),
            digest,
            pods,
            tag: Tag::Unknown {
                why: "not asked".into(),
            },
        }));
    }
    lines
}

/// The workload that a pod belongs to, above its ReplicaSet; the pod itself where nothing controls it.
fn workload(pod: &PodFacts, pods: &Pods) -> String {
    let above = |uid: &str| pods.between.get(uid).and_then(|(owner, _)| owner.as_ref());
    match &pod.controller {
        Some(owner) => {
            let owner = above(&owner.uid).unwrap_or(owner);
            format!("{} {}", owner.kind, owner.name)
        }
        None => format!("Pod {}", pod.name),
    }
}

async fn resolved(lines: &[Line], args: &RegistryArgs) -> BTreeMap<String, Result<Resolved, String>> {
    let is_tag = |image: &&str| {
        image
            .parse::<ImageReference>()
            .is_ok_and(|image| image.digest.is_none())
    };
    let mut references: Vec<String> = lines
        .iter()
        .map(|line| line.image.as_str())
        .filter(is_tag)
        .map(String::from)
        .collect();
    references.sort();
    references.dedup();
    let options = RegistryOptions {
        insecure: args.insecure_registry.clone(),
        ..RegistryOptions::default()
    };
    let registries = Registries::new(&options, &references);
    let answers = registries.resolve_all(&references).await;
    let answers = answers
        .into_iter()
        .map(|answer| answer.map_err(|error| error.trouble.to_string()));
    references.into_iter().zip(answers).collect()
}

fn tag(line: &Line, tags: &BTreeMap<String, Result<Resolved, String>>, trees: &ImageTrees) -> Tag {
    let unknown = |why: &str| Tag::Unknown { why: why.into() };
    match line.image.parse::<ImageReference>() {
        Err(error) => return unknown(&error.to_string()),
        Ok(image) if image.digest.is_some() => return Tag::Pinned,
        Ok(_) => {}
    }
    match (&line.digest, tags.get(&line.image)) {
        (None, _) => unknown("the node has not reported what it runs"),
        (_, None) => unknown("not asked"),
        (_, Some(Err(why))) => unknown(why),
        (Some(digest), Some(Ok(now))) => {
            let is_one = now
                .platforms
                .iter()
                .any(|one| one.manifest == *digest || one.config == *digest);
            if now.digest == *digest || is_one || line.is_under_another_index(now, trees) {
                Tag::Current
            } else if trees.knows(digest) && !trees.tells(digest) {
                unknown("the registry does not tell what runs")
            } else {
                Tag::Moved {
                    to: now.digest.clone(),
                }
            }
        }
    }
}

fn shown(lines: &[Line]) -> String {
    let namespaces: BTreeSet<&str> = lines.iter().map(|line| line.namespace.as_str()).collect();
    let is_one = namespaces.len() < 2;
    let header = ["WORKLOAD", "CONTAINER", "IMAGE", "RUNS", "PODS", "TAG"].map(String::from);
    let row = |line: &Line| {
        let runs = line
            .digest
            .as_ref()
            .map_or("unknown".into(), |digest| digest.short().to_owned());
        let tag = match &line.tag {
            Tag::Pinned => "pinned by digest".to_owned(),
            Tag::Current => "as it runs".to_owned(),
            Tag::Moved { to } => format!("moved to {}", to.short()),
            Tag::Unknown { why } => format!("unknown: {why}"),
        };
        // By kubectl's way to write an object where several namespaces are shown.
        let workload = match (is_one, line.workload.split_once(' ')) {
            (false, Some((kind, name))) => format!("{kind} {}/{name}", line.namespace),
            _ => line.workload.clone(),
        };
        [
            workload,
            line.container.clone(),
            // What follows the @ is what runs.
            line.image.split('@').next().unwrap_or_default().to_owned(),
            runs,
            line.pods.len().to_string(),
            tag,
        ]
    };
    columns(std::iter::once(header).chain(lines.iter().map(row)), 3)
}
