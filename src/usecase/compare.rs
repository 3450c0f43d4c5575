//! Compare: two releases, or a release and an environment, without a cluster. What is found are untested differences;
//! of the cluster's side of each object nothing is known, and nothing is said.

use super::differences::{DesiredOrigin, Differences, redactor_for};
use super::inputs::{open_environment, open_release, read_manifests};
use super::system::today;
use super::{CommandError, ErrorKind};
use crate::compare::{self, DesiredInput, differences};
use crate::load::{LoadedEnvironment, LoadedRelease, ManifestSource};
use crate::model::environment::{DifferenceRule, TargetPattern};
use crate::model::finding::{Certainty, Comparison, ObjectComparison, ObjectStatus, UntestedChange};
use crate::model::k8s::images::images;
use crate::model::k8s::kinds::well_known;
use crate::model::release::RecordedImage;
use crate::model::snapshot::{Absence, Observed};
use crate::model::{FieldPath, Object, ObjectId, ResourceType, Target};
use crate::registry::RegistryOptions;
use jiff::Timestamp;
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::PathBuf;

/// What is compared.
#[derive(Clone, Debug)]
pub struct CompareRequest {
    /// The release.
    pub release: String,
    /// What it is compared with; none is an error.
    pub counterpart: Option<Counterpart>,
    /// How registries are reached.
    pub registries: RegistryOptions,
}

/// What a release is compared with.
#[derive(Clone, Debug)]
pub enum Counterpart {
    /// Another release.
    Release(String),
    /// What an environment and manifests make of it.
    Environment {
        /// The environment's file.
        file: Option<PathBuf>,
        /// Manifests instead of the environment's and the release's own.
        manifests: Vec<ManifestSource>,
    },
}

/// Compares.
///
/// # Errors
///
/// Where a file cannot be read, or an image could be several of the release's.
pub async fn compare(request: &CompareRequest) -> Result<Differences, CommandError> {
    let registries = &request.registries;
    let release = open_release(&request.release, registries).await?;
    let (comparison, environment) = match &request.counterpart {
        Some(Counterpart::Release(other)) => (
            compare_releases(&release, &open_release(other, registries).await?),
            open_environment(None)?,
        ),
        Some(Counterpart::Environment { file, manifests }) => {
            let mut environment = open_environment(file.as_deref())?;
            let own = environment.manifests.take();
            let manifests = read_manifests(manifests)?.or(own);
            (compare_with(&release, &environment, manifests)?, environment)
        }
        None => {
            return Err(
                CommandError::usage("nothing to compare with: no other release and no environment")
                    .with_hint("kubectl delivery compare RELEASE OTHER, or RELEASE -e ENVIRONMENT"),
            );
        }
    };

    let environment = environment.environment;
    Ok(Differences {
        redactor: redactor_for(&comparison)?,
        comparison,
        release: Some(release.public(None)),
        helm: None,
        namespace: environment.spec.namespace.clone().unwrap_or_default(),
        cluster: None,
        environment,
        now: Timestamp::now(),
        notes: Vec::new(),
        has_read_pods: true,
        unchecked: Vec::new(),
        origin: DesiredOrigin::default(),
    })
}

/// A rule skeleton for each difference that none allows.
pub fn suggest_rules(comparison: &Comparison) -> Vec<DifferenceRule> {
    let of_objects = comparison
        .objects
        .iter()
        .flat_map(|object| object.untested.iter().map(move |change| (object.id(), change)));
    let of_dropped = comparison.dropped.iter().map(|(id, change)| (id.clone(), change));
    of_objects
        .chain(of_dropped)
        .filter(|(_, change)| change.allowed_by.is_none())
        .map(|(id, change)| suggest_rule(id, change))
        .collect()
}

fn suggest_rule(id: ObjectId, change: &UntestedChange) -> DifferenceRule {
    let is_whole = change.path.steps().is_empty();
    DifferenceRule {
        target: TargetPattern {
            kind: Some(id.kind),
            name: Some(id.name),
            ..TargetPattern::default()
        },
        path: (!is_whole).then(|| change.path.clone()),
        when: None,
        reason: "TODO: the reason".into(),
        owner: Some("TODO: the owner".into()),
        expires: None,
        place: None,
    }
}

/// The untested differences of an environment, found without its cluster.
fn compare_with(
    release: &LoadedRelease,
    environment: &LoadedEnvironment,
    manifests: Option<Vec<Object>>,
) -> Result<Comparison, CommandError> {
    let environment = &environment.environment;
    let input = DesiredInput {
        release: &release.release,
        tested: release.release.spec.objects.clone(),
        manifests,
        environment,
        home: environment.spec.namespace.as_deref().unwrap_or("default"),
        // No cluster is asked: the scope of a custom kind stays open.
        is_namespaced: &|_| None,
        today: today(),
    };
    let desired = compare::desired(input).map_err(|errors| {
        let messages: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::new(ErrorKind::Usage, messages.join("\n"))
    })?;

    let objects = desired.objects.into_iter();
    let dropped = desired.dropped.into_iter();
    Ok(Comparison {
        objects: objects.map(|one| uncompared(one.object, one.untested)).collect(),
        dropped: dropped.map(|(object, change)| (object.id(), change)).collect(),
        rules: desired.remarks,
        ..Comparison::default()
    })
}

/// Release against release: each object's fields, as untested differences of the second one.
fn compare_releases(one: &LoadedRelease, other: &LoadedRelease) -> Comparison {
    let (olds, news) = (pinned_objects(one), pinned_objects(other));
    let objects = other.release.spec.objects.iter().filter_map(|object| {
        let new = news.get(&object.id())?;
        let changes = match olds.get(&object.id()) {
            None => vec![untested(FieldPath::root(), None, Some(new.value()))],
            Some(old) => differences(old.value(), new.value(), &|_, _, _| false)
                .into_iter()
                .map(|found| untested(found.path, found.left.as_ref(), found.right.as_ref()))
                .collect(),
        };
        Some(uncompared(new.clone(), changes))
    });
    let dropped = olds
        .iter()
        .filter(|(id, _)| !news.contains_key(*id))
        .map(|(id, old)| {
            let change = untested(FieldPath::root(), Some(old.value()), None);
            (id.clone(), change)
        });

    Comparison {
        objects: objects.collect(),
        dropped: dropped.collect(),
        ..Comparison::default()
    }
}

fn untested(path: FieldPath, tested: Option<&Value>, desired: Option<&Value>) -> UntestedChange {
    UntestedChange {
        path,
        tested: tested.cloned(),
        desired: desired.cloned(),
        allowed_by: None,
        rule_note: None,
    }
}

/// The objects of a release. Images carry their recorded digests, so that another digest under the same tag is a
/// difference.
fn pinned_objects(release: &LoadedRelease) -> BTreeMap<ObjectId, Object> {
    let objects = release.release.spec.objects.iter();
    objects
        .map(|object| (object.id(), with_digests(object, release)))
        .collect()
}

fn with_digests(object: &Object, release: &LoadedRelease) -> Object {
    let mut object = object.clone();
    let spec = &release.release.spec;
    for image in images(&object, &spec.image_paths) {
        let is_it = |recorded: &&RecordedImage| recorded.reference == image.reference;
        let recorded = spec.images.iter().find(is_it);
        if let Some(recorded) = recorded.filter(|_| !image.reference.contains('@')) {
            let pinned = format!("{}@{}", image.reference, recorded.digest);
            image.path.set(object.value_mut(), pinned.into());
        }
    }
    object
}

/// An object of which only the untested differences are known.
fn uncompared(object: Object, untested: Vec<UntestedChange>) -> ObjectComparison {
    let gvk = object.gvk();
    let unknown = ResourceType {
        group: gvk.group.clone(),
        version: gvk.version.clone(),
        kind: gvk.kind.clone(),
        plural: String::new(),
        namespaced: object.namespace().is_some(),
    };
    let resource = well_known(&gvk).unwrap_or(unknown);
    ObjectComparison {
        target: Target::new(&resource, object.namespace(), object.name()),
        tested: None,
        desired: Some(object),
        // Stands for nothing: what is shown of such an object are its untested differences alone.
        live: Observed::Absent(Absence::Object),
        predicted: None,
        status: ObjectStatus::Same,
        certainty: Certainty::Predicted,
        changes: Vec::new(),
        asides: Vec::new(),
        untested,
    }
}
