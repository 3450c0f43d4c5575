//! From a release, an environment and a cluster to a comparison: what `diff` and `promote` share.

use crate::cli::{CommandError, ErrorKind};
use crate::cluster::Cluster;
use crate::commands::inputs::Inputs;
use crate::compare::{
    self, DesiredInput, DesiredObject, Looked, PinError, Rules, Running, RunningWorkload, Sides,
};
use crate::model::admission::Admission;
use crate::model::finding::{
    Certainty, ChangeKind, Comparison, ObjectComparison, RequirementFinding, RuleFinding, RuleState,
    UntestedChange,
};
use crate::model::kinds::well_known;
use crate::model::pod_spec::pod_spec;
use crate::model::snapshot::{Absence, Observed, Prediction};
use crate::model::{Gvk, Object, ObjectId, ResourceType, Target};
use crate::{observe, plan};
use futures::future::join_all;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet};

/// What is compared, and where.
pub struct Question<'a> {
    /// Release, environment and manifests.
    pub inputs: &'a Inputs,
    /// The members of the inventory.
    pub members: &'a [Target],
    /// Home namespace: that of objects that name none.
    pub home: &'a str,
    /// The ApplySet id of the release here.
    pub set: &'a str,
    /// Today (UTC), for rules that expire.
    pub today: Date,
    /// Whom to ask.
    pub mode: Mode,
}

/// Where the truth comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Mode {
    /// The server, but for what provably did not change; predictions where it may not be asked
    #[default]
    Auto,
    /// The server, for every object
    Server,
    /// Reads alone: needs get and list, and findings are predictions
    Readonly,
}

/// Makes desired, reads the cluster, asks the server what an apply would change, and compares.
pub async fn compare(cluster: &dyn Cluster, question: Question<'_>) -> Result<Comparison, CommandError> {
    let inputs = question.inputs;
    let kinds = kinds(cluster, inputs).await?;
    let desired = compare::desired(&DesiredInput {
        release: &inputs.release.release,
        manifests: inputs.manifests.as_deref(),
        environment: &inputs.environment.environment,
        home: question.home,
        is_namespaced: &|gvk| kinds.get(gvk).map(|kind| kind.namespaced),
        today: question.today,
    })
    .map_err(|errors| ambiguous(&errors))?;
    let mut wanted: Vec<(Target, DesiredObject)> = Vec::new();
    for one in desired.objects {
        wanted.push((target(&kinds, &one.object)?, one));
    }
    let desired_ids: BTreeSet<_> = wanted.iter().map(|(target, _)| target.id()).collect();
    let extra: Vec<_> =
        question.members.iter().filter(|member| !desired_ids.contains(&member.id())).cloned().collect();
    let targets: Vec<_> = wanted.iter().map(|(target, _)| target.clone()).chain(extra.clone()).collect();
    // Proofs need to know what admission could do.
    let admission = async {
        match question.mode {
            Mode::Auto => observe::admission(cluster).await,
            Mode::Server | Mode::Readonly => Admission::unknown(),
        }
    };
    let (snapshot, admission) = futures::join!(observe::objects(cluster, &targets), admission);
    let snapshot = snapshot?;
    let live = |target: &Target| {
        snapshot.objects.get(&target.id()).cloned().unwrap_or(Observed::Absent(Absence::Object))
    };
    let how = How { cluster, set: question.set, mode: question.mode, admission: &admission };
    let looks = wanted.into_iter().map(|(target, one)| {
        let live = live(&target);
        look(&how, target, one, live)
    });
    let mut objects = join_all(looks).await;
    let rules = Rules::new(&inputs.environment.environment, question.today);
    for object in &mut objects {
        expect(object, &rules);
    }
    let ids: Vec<_> = objects.iter().map(ObjectComparison::id).collect();
    let rules = unused_in_both(desired.remarks, &rules.remarks(&ids));
    objects.extend(extra.into_iter().map(|target| {
        let live = live(&target);
        compare::object(Looked::extra(target, live))
    }));
    let dropped = desired.dropped.into_iter().map(|(object, change)| (object.id(), change)).collect();
    let requirements = unmet(cluster, inputs, &objects, question.home).await?;
    Ok(Comparison { objects, rules, dropped, requirements, ..Comparison::default() })
}

/// What desired needs and is not there.
async fn unmet(
    cluster: &dyn Cluster,
    inputs: &Inputs,
    objects: &[ObjectComparison],
    home: &str,
) -> Result<Vec<RequirementFinding>, CommandError> {
    let desired: Vec<Object> = objects.iter().filter_map(|object| object.desired.clone()).collect();
    let needed = compare::needed(&desired, &inputs.environment.environment.spec.external, home);
    let targets: Vec<Target> = needed.iter().map(|one| one.target().clone()).collect();
    Ok(compare::unmet(&needed, &observe::objects(cluster, &targets).await?))
}

/// What runs, for a comparison that was made: images and stale pods.
pub async fn examine(
    cluster: &dyn Cluster,
    inputs: &Inputs,
    comparison: &mut Comparison,
) -> Result<(), CommandError> {
    let workloads: Vec<(Object, Object)> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.desired.clone()?, object.live.object()?.clone())))
        .filter(|(_, live)| pod_spec(live).is_some() && live.kind() != "Job" && live.kind() != "CronJob")
        .collect();
    let namespaces: BTreeSet<String> =
        workloads.iter().filter_map(|(_, live)| live.namespace().map(Into::into)).collect();
    let pods = observe::pods(cluster, &namespaces.into_iter().collect::<Vec<_>>()).await?;
    let running = Running { pods: pods.pods, between: pods.between };
    let pairs: Vec<RunningWorkload<'_>> =
        workloads.iter().map(|(desired, live)| RunningWorkload { desired, live }).collect();
    let spec = &inputs.environment.environment.spec;
    comparison.images =
        compare::running_images(&pairs, &running, &inputs.release.release.spec.images, &spec.injected);
    let reason = |rule: usize| spec.differences.get(rule).map(|rule| rule.reason.clone());
    compare::expect_declared(&mut comparison.images, &comparison.objects, &reason);
    let live: Vec<&Object> = workloads.iter().map(|(_, live)| live).collect();
    let by_id: BTreeMap<ObjectId, &Object> =
        comparison.objects.iter().filter_map(|object| Some((object.id(), object.live.object()?))).collect();
    let source = |id: &ObjectId| by_id.get(id).copied();
    comparison.stale = compare::stale(&live, &running, &source);
    Ok(())
}

fn target(kinds: &BTreeMap<Gvk, ResourceType>, object: &Object) -> Result<Target, CommandError> {
    let gvk = object.gvk();
    let kind = kinds.get(&gvk).ok_or_else(|| {
        let message =
            format!("expected a kind that the cluster serves, found {} {}", gvk.api_version(), gvk.kind);
        CommandError::new(ErrorKind::Refused, message)
            .with_hint("install its CustomResourceDefinition, or add it to the release")
    })?;
    Ok(Target::new(kind, object.namespace(), object.name()))
}

fn ambiguous(errors: &[PinError]) -> CommandError {
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    CommandError::new(ErrorKind::Refused, said.join("\n"))
}

/// How objects are looked at.
struct How<'a> {
    cluster: &'a dyn Cluster,
    set: &'a str,
    mode: Mode,
    admission: &'a Admission,
}

impl How<'_> {
    /// Whether the server need not be asked. A custom kind's schema may have changed since the last apply.
    fn is_proved(&self, target: &Target, desired: &Object, live: &Object) -> bool {
        self.mode == Mode::Auto
            && well_known(&target.resource.gvk()).is_some()
            && !self.admission.may_touch(&target.resource)
            && compare::is_unchanged(desired, live)
    }
}

async fn look(how: &How<'_>, target: Target, one: DesiredObject, live: Observed) -> ObjectComparison {
    let cluster = how.cluster;
    let DesiredObject { object: mut desired, tested, untested } = one;
    let mut looked = Looked { target, tested, desired: None, live, prediction: None, fresh: None, untested };
    if let Observed::Present(live) = looked.live {
        plan::dress_as_live(&mut desired, &live, how.set);
        let (live, prediction) = if how.mode == Mode::Readonly {
            (Observed::Present(live), Some(Prediction::Forbidden))
        } else if how.is_proved(&looked.target, &desired, &live) {
            (Observed::Present(live), None)
        } else {
            let (live, prediction) = observe::predict(cluster, &looked.target, &desired, live).await;
            (live, Some(prediction))
        };
        looked.live = live;
        looked.prediction = prediction;
    }
    let may_ask = matches!(looked.prediction, None | Some(Prediction::Would(_)));
    let is_unclear =
        may_ask && looked.live.object().is_some_and(|live| !compare::unexplained(live).is_empty());
    looked.desired = Some(desired);
    // Whether what somebody wrote down, or nobody owns, is only what every such object gets: a question to the server
    // of its own.
    let found = compare::object(looked);
    let is_added = found.changes.iter().any(|change| change.kind == ChangeKind::Added);
    let Some(desired) = found.desired.as_ref().filter(|_| is_unclear || may_ask && is_added) else {
        return found;
    };
    let fresh = observe::fresh(cluster, &found.target, desired).await;
    let prediction = match found.certainty {
        Certainty::Proved => None,
        Certainty::Server | Certainty::Predicted => {
            found.predicted.map(|predicted| Prediction::Would(Box::new(predicted)))
        }
    };
    let ObjectComparison { target, tested, desired, live, untested, .. } = found;
    compare::object(Looked { target, tested, desired, live, prediction, fresh, untested })
}

/// Drift that the environment's rules expect. Where its own manifests say something else than what was tested, what
/// they say counts, and the cluster is to follow.
fn expect(object: &mut ObjectComparison, rules: &Rules) {
    let id = object.id();
    let (tested, desired) = (object.tested.clone(), object.desired.clone());
    let untested: Vec<UntestedChange> = object.untested.clone();
    for change in &mut object.changes {
        let path = &change.path;
        if untested.iter().any(|other| other.path.starts_with(path) || path.starts_with(&other.path)) {
            continue;
        }
        let side =
            |object: &Option<Object>| object.as_ref().and_then(|object| path.get(object.value()).cloned());
        let (tested, desired) = (side(&tested), side(&desired));
        let sides = Sides { tested: tested.as_ref(), desired: desired.as_ref(), live: change.live.as_ref() };
        let answer = rules.answer(&id, path, sides);
        change.expected_by = answer.allowed_by;
        change.rule_note = answer.note;
    }
}

/// A rule is unused where neither an untested difference nor drift met it.
fn unused_in_both(untested: Vec<RuleFinding>, drift: &[RuleFinding]) -> Vec<RuleFinding> {
    let unused = |finding: &RuleFinding| finding.state == RuleState::Unused;
    untested.into_iter().filter(|finding| !unused(finding) || drift.contains(finding)).collect()
}

/// The kinds of all objects: well known, served, or defined by a CRD among them.
async fn kinds(cluster: &dyn Cluster, inputs: &Inputs) -> Result<BTreeMap<Gvk, ResourceType>, CommandError> {
    let objects = || inputs.release.release.spec.objects.iter().chain(inputs.manifests.iter().flatten());
    let gvks: BTreeSet<Gvk> = objects().map(Object::gvk).collect();
    let mut kinds: BTreeMap<Gvk, ResourceType> =
        gvks.iter().filter_map(|gvk| Some((gvk.clone(), well_known(gvk)?))).collect();
    if kinds.len() < gvks.len() {
        kinds.extend(
            cluster.discover().await?.into_iter().map(|found| (found.resource.gvk(), found.resource)),
        );
        for resource in objects().flat_map(defined_by) {
            kinds.entry(resource.gvk()).or_insert(resource);
        }
    }
    Ok(kinds)
}

/// The kinds that a CRD defines.
fn defined_by(crd: &Object) -> Vec<ResourceType> {
    if crd.kind() != "CustomResourceDefinition" {
        return Vec::new();
    }
    let versions =
        crd.at("/spec/versions").and_then(serde_json::Value::as_array).cloned().unwrap_or_default();
    let resource = |version: &serde_json::Value| ResourceType {
        group: crd.text("/spec/group").into(),
        version: version["name"].as_str().unwrap_or_default().into(),
        kind: crd.text("/spec/names/kind").into(),
        plural: crd.text("/spec/names/plural").into(),
        namespaced: crd.text("/spec/scope") == "Namespaced",
    };
    versions.iter().map(resource).collect()
}
