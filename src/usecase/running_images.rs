//! What each container of a namespace, and of its releases elsewhere, runs by digest, and whether its tag has moved since.
//!
//! Registries are asked last and twice at most: where the tags point, and, of those that seem to have moved, whether what
//! runs is the very same image under another index.

mod members;

pub use self::members::ImagesOf;
use self::members::Members;
use super::state_access::StateAccess;
use super::{CommandError, ErrorKind, Scope, images};
use crate::cluster::Cluster;
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::model::k8s::controller::Controller;
use crate::model::k8s::ownership::Owners;
use crate::model::k8s::pod::PodFacts;
use crate::model::phrase::counted;
use crate::model::release::RecordedImage;
use crate::model::running::ImageTrees;
use crate::model::running_image::{RunningImage, TagStatus};
use crate::observe::{self, Pods};
use crate::registry::{Registries, RegistryOptions, Resolved};
use futures::future::join_all;
use std::collections::{BTreeMap, BTreeSet};

/// What is asked for.
#[derive(Clone, Debug)]
pub struct ImagesRequest {
    /// Whose images.
    pub images_of: ImagesOf,
    /// How registries are asked where the tags point; none where they are not.
    pub registries: Option<RegistryOptions>,
    /// How the state of releases is read.
    pub access: StateAccess,
}

/// What runs.
pub struct ImagesOutcome {
    /// What is not known, to be said whether the rest could be read or not.
    pub notes: Vec<String>,
    /// The images, by namespace, workload and container.
    pub images: Result<Vec<RunningImage>, CommandError>,
    /// That some of many releases could not be read, for the end.
    pub incomplete: Option<CommandError>,
}

/// Where tags point, or why that is unknown.
type Tags = BTreeMap<String, Result<Resolved, String>>;

/// Lists the images and asks for their tags.
///
/// # Errors
///
/// Where the releases that are meant cannot be listed, or there are none.
pub async fn running_images(request: &ImagesRequest, scope: &Scope) -> Result<ImagesOutcome, CommandError> {
    let read = Members::read(request, scope).await;
    let is_namespace = matches!(request.images_of, ImagesOf::Namespace);
    let (members, cluster, mut notes) = match read {
        Ok((members, cluster)) => {
            let notes = members.unread.iter().map(|(release, error)| match is_namespace {
                true => format!("workloads in other namespaces not checked: {error}"),
                false => format!("release {release} not checked: {error}"),
            });
            let notes = notes.collect();
            (members, cluster, notes)
        }
        // What runs in the namespace can be listed all the same.
        Err(error) if is_namespace => {
            let note = format!("workloads in other namespaces not checked: {error}");
            (Members::default(), scope.cluster.clone(), vec![note])
        }
        Err(error) => return Err(error),
    };
    let home = is_namespace.then_some(scope.home.as_str());
    let (images, unread) = match list_images(cluster.as_ref(), &members, home).await {
        Ok((images, unread)) => (Ok(with_tags(images, request.registries.as_ref()).await), unread),
        Err(error) => (Err(error), Vec::new()),
    };
    let has_unread = !members.unread.is_empty() || !unread.is_empty();
    let is_incomplete = has_unread && !is_namespace;
    notes.extend(unread);

    let incomplete = is_incomplete.then(|| {
        let releases = counted(members.releases, "release");
        let message = format!("not all images of {releases} could be read");
        CommandError::new(ErrorKind::Other, message)
    });
    Ok(ImagesOutcome {
        notes,
        images,
        incomplete,
    })
}

/// What runs in a namespace, and of others only what the members are; with what could not be read of namespaces.
async fn list_images(
    cluster: &dyn Cluster,
    members: &Members,
    home: Option<&str>,
) -> Result<(Vec<RunningImage>, Vec<String>), CommandError> {
    let namespaces = members.namespaces(home);
    let reads = namespaces
        .iter()
        .map(|namespace| observe::pods(cluster, std::slice::from_ref(namespace)));
    let (mut pods, mut unread) = (Pods::default(), Vec::new());
    for (namespace, read) in namespaces.iter().zip(join_all(reads).await) {
        match read {
            Ok(read) => {
                pods.pods.extend(read.pods);
                pods.owners.extend(read.owners);
            }
            Err(error) if home.is_some() => {
                return Err(CommandError::from_error(ErrorKind::Unreachable, &error));
            }
            Err(error) => unread.push(format!(
                "pods of namespace {} not checked: {error}",
                namespace.name
            )),
        }
    }

    let mut images = group(&pods, members);
    for image in &mut images {
        image.release = members.release_of(&image.namespace, &image.workload).cloned();
    }
    // Pods are listed by namespace: a neighbour's in that of a member come along, and are none of this.
    images.retain(|image| home == Some(image.namespace.as_str()) || image.release.is_some());
    if home.is_some() {
        images.iter_mut().for_each(|image| image.release = None);
    }
    Ok((images, unread))
}

/// One for each container of a workload and digest. Pods that have ended run nothing.
fn group(pods: &Pods, members: &Members) -> Vec<RunningImage> {
    let mut groups: BTreeMap<[String; 4], BTreeMap<Option<Sha256Digest>, Vec<String>>> = BTreeMap::new();
    for pod in pods.pods.iter().filter(|pod| !pod.has_ended()) {
        for container in &pod.containers {
            let key = [
                pod.namespace.clone(),
                find_workload(pod, &pods.owners, members),
                container.name.clone(),
                container.image.clone(),
            ];
            let digests = groups.entry(key).or_default();
            digests
                .entry(container.digest())
                .or_default()
                .push(pod.name.clone());
        }
    }

    let mut images = Vec::new();
    for ([namespace, workload, container, image], digests) in groups {
        images.extend(digests.into_iter().map(|(digest, pods)| RunningImage {
            namespace: namespace.clone(),
            release: None,
            workload: workload.clone(),
            container: container.clone(),
            image: image.clone(),
            digest,
            pods,
            tag: TagStatus::unknown("not asked"),
        }));
    }
    images
}

/// The workload that a pod belongs to: the member that its chain of owners leads to, else what stands above its
/// ReplicaSet; the pod itself where nothing controls it.
fn find_workload(pod: &PodFacts, owners: &Owners, members: &Members) -> String {
    let is_member = |owner: &&Controller| members.holds(&pod.namespace, owner);
    let member = owners.chain(pod).find(is_member);
    let is_set = |owner: &&Controller| owner.kind == "ReplicaSet";
    let above_set = || {
        owners
            .chain(pod)
            .find(|owner| !is_set(owner))
            .or(pod.controller.as_ref())
    };
    match member.or_else(above_set) {
        Some(owner) => format!("{} {}", owner.kind, owner.name),
        None => format!("Pod {}", pod.name),
    }
}

/// The images with where their tags point now.
async fn with_tags(mut images: Vec<RunningImage>, registries: Option<&RegistryOptions>) -> Vec<RunningImage> {
    let tags = match registries {
        Some(options) => resolve_tags(&images, options).await,
        None => Tags::new(),
    };
    // Another index may hold the very same image.
    let seems_moved = |image: &&RunningImage| {
        let tag = assess_tag(image, &tags, &ImageTrees::default());
        matches!(tag, TagStatus::Moved { .. })
    };
    let moved = images.iter().filter(seems_moved).filter_map(reported);
    let moved: Vec<String> = moved.collect();
    let trees = match registries {
        Some(options) => images::read_image_trees(&moved, options).await,
        None => ImageTrees::default(),
    };

    for image in &mut images {
        image.tag = assess_tag(image, &tags, &trees);
    }
    images
}

/// What the node reports, as a reference.
fn reported(image: &RunningImage) -> Option<String> {
    let name = image.image.parse::<ImageReference>().ok()?.name();
    Some(format!("{name}@{}", image.digest.as_ref()?))
}

async fn resolve_tags(images: &[RunningImage], options: &RegistryOptions) -> Tags {
    let is_tag = |image: &&str| {
        let reference = image.parse::<ImageReference>();
        reference.is_ok_and(|reference| reference.digest.is_none())
    };
    let references: BTreeSet<&str> = images
        .iter()
        .map(|image| image.image.as_str())
        .filter(is_tag)
        .collect();
    let references: Vec<String> = references.into_iter().map(String::from).collect();

    let answers = Registries::new(options, &references)
        .resolve_all(&references)
        .await;
    let answers = answers
        .into_iter()
        .map(|answer| answer.map_err(|error| error.trouble.to_string()));
    references.into_iter().zip(answers).collect()
}

/// Where a tag points, as far as the registries' answers tell.
fn assess_tag(image: &RunningImage, tags: &Tags, trees: &ImageTrees) -> TagStatus {
    match image.image.parse::<ImageReference>() {
        Err(error) => return TagStatus::unknown(error),
        Ok(reference) if reference.digest.is_some() => return TagStatus::Pinned,
        Ok(_) => {}
    }
    let Some(digest) = &image.digest else {
        return TagStatus::unknown("the node has not reported what it runs");
    };
    let tag = match tags.get(&image.image) {
        None => return TagStatus::unknown("not asked"),
        Some(Err(why)) => return TagStatus::unknown(why),
        Some(Ok(tag)) => tag,
    };

    let is_platform = tag
        .platforms
        .iter()
        .any(|one| one.manifest == *digest || one.config == *digest);
    if tag.digest == *digest || is_platform || trees.leads_to(digest, &recorded(&image.image, tag)) {
        TagStatus::Current
    } else if let Some(why) = trees.unknown(digest) {
        TagStatus::unknown(why)
    } else if trees.knows(digest) && !trees.tells(digest) {
        TagStatus::unknown("the registry does not have the running digest")
    } else {
        TagStatus::Moved {
            to: tag.digest.clone(),
        }
    }
}

/// What a tag points to, as a release would record it.
fn recorded(reference: &str, tag: &Resolved) -> RecordedImage {
    RecordedImage {
        reference: reference.to_owned(),
        digest: tag.digest.clone(),
        origin: None,
        platforms: tag.platforms.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::image::Platform;
    use crate::model::release::PlatformDigests;
    use crate::model::unknown::Unknown;

    fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::compute(text.as_bytes())
    }

    fn running(image: &str, reported: Option<&str>) -> RunningImage {
        RunningImage {
            namespace: "shop".into(),
            release: None,
            workload: "Deployment web".into(),
            container: "web".into(),
            image: image.into(),
            digest: reported.map(digest),
            pods: vec!["web-1".into()],
            tag: TagStatus::unknown("not asked"),
        }
    }

    fn platform(manifest: &str) -> PlatformDigests {
        PlatformDigests {
            platform: Platform("linux/amd64".into()),
            manifest: digest(manifest),
            config: digest("config"),
        }
    }

    /// `acme/web:1` points to an index with one platform.
    fn tags() -> Tags {
        let resolved = Resolved {
            digest: digest("index"),
            platforms: vec![platform("manifest")],
        };
        Tags::from([("acme/web:1".to_owned(), Ok(resolved))])
    }

    #[test]
    fn a_tag_is_current_where_it_leads_to_what_runs_by_any_digest() {
        let mut trees = ImageTrees::default();
        trees.insert(digest("another index"), Ok(vec![platform("manifest")]));
        for reported in ["index", "manifest", "config", "another index"] {
            let image = running("acme/web:1", Some(reported));
            assert_eq!(assess_tag(&image, &tags(), &trees), TagStatus::Current);
        }
    }

    #[test]
    fn a_tag_that_leads_elsewhere_has_moved_and_one_that_nobody_tells_of_is_unknown() {
        let image = running("acme/web:1", Some("old"));
        let moved = TagStatus::Moved { to: digest("index") };
        assert_eq!(assess_tag(&image, &tags(), &ImageTrees::default()), moved);

        // A registry that was asked for what runs and did not say may have it under this very tag.
        let mut silent = ImageTrees::default();
        silent.insert(digest("old"), Ok(Vec::new()));
        let unknown = TagStatus::unknown("the registry does not have the running digest");
        assert_eq!(assess_tag(&image, &tags(), &silent), unknown);
        let mut unreachable = ImageTrees::default();
        unreachable.insert(digest("old"), Err(Unknown::new("no answer")));
        let unknown = TagStatus::unknown("no answer");
        assert_eq!(assess_tag(&image, &tags(), &unreachable), unknown);

        let not_asked = assess_tag(&image, &Tags::new(), &ImageTrees::default());
        assert_eq!(not_asked, TagStatus::unknown("not asked"));
        let pinned = running(&format!("acme/web@{}", digest("old")), Some("old"));
        assert_eq!(
            assess_tag(&pinned, &tags(), &ImageTrees::default()),
            TagStatus::Pinned
        );
    }
}
