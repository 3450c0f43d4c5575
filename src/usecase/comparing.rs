//! From a release, an environment and a cluster to a comparison: what `diff` and `promote` share.

mod going;
mod looking;
mod past;

use self::looking::{First, Looker, second};
pub use self::past::{leave_out, leave_out_moved, past};
use crate::cluster::{ApiError, Cluster};
use crate::compare::{
    self, Desired, DesiredInput, DesiredObject, Looked, PinError, Rules, Running, RunningWorkload, Sides,
};
use crate::model::admission::Admission;
use crate::model::finding::{Comparison, ObjectComparison, RuleFinding, RuleState, UntestedChange};
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::running::ImageTrees;
use crate::model::snapshot::{Absence, Observed, Unread};
use crate::model::{Gvk, Object, ObjectId, ResourceType, Target};
use crate::observe::{self, Pods};
use crate::usecase::inputs::Inputs;
use crate::usecase::{CommandError, ErrorKind};
use futures::future::join_all;
use jiff::civil::Date;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::sync::{Arc, Mutex};

/// What is compared, and where.
pub struct Question<'a> {
    /// Release and environment.
    pub inputs: &'a Inputs,
    /// The release's objects, to be changed in place where nobody else holds them.
    pub tested: Vec<Object>,
    /// Manifests instead of the release's own objects.
    pub manifests: Option<Vec<Object>>,
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
    /// Whether only what differs is wanted in full: thousands of unchanged objects fit into little memory then.
    pub is_brief: bool,
    /// Whether what is around the objects is read: pods, and what else carries the set's label.
    pub reads_around: bool,
}

/// Where the truth comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
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
pub async fn compare(cluster: &dyn Cluster, question: Question<'_>) -> Result<Compared, CommandError> {
    let Question {
        inputs,
        tested,
        manifests,
        members,
        home,
        set,
        today,
        mode,
        is_brief,
        reads_around,
    } = question;
    let environment = &inputs.environment.environment;
    let kinds = observe::kinds(cluster, tested.iter().chain(manifests.iter().flatten())).await?;
    let desired = desired(inputs, tested, manifests, &kinds, home, today)?;
    let needed = {
        let objects: Vec<Object> = desired.objects.iter().map(|one| one.object.clone()).collect();
        compare::needed(&objects, &desired.required, &environment.spec.external, home)
    };
    let mut targets = Vec::with_capacity(desired.objects.len());
    for one in &desired.objects {
        targets.push(super::kinds::target(&kinds, &one.object, None)?);
    }
    let namespaces = if reads_around {
        pods_namespaces(&desired.objects)
    } else {
        Vec::new()
    };
    let with_workloads = namespaces_of(targets.iter().filter(|target| target.resource.group == "apps"));
    let wanted: Vec<_> = desired
        .objects
        .into_iter()
        .map(|one| Mutex::new(Some(one)))
        .collect();
    let extra = extra(members, &targets);
    let targets: Arc<[Target]> = targets.into();
    let looker = async {
        // Proofs need to know what admission could do.
        let admission = match mode {
            Mode::Auto => observe::admission(cluster).await,
            Mode::Server | Mode::Readonly => Admission::unknown(),
        };
        let targets = targets.clone();
        let looker = Looker {
            set: set.into(),
            mode,
            admission,
            is_brief,
            targets,
            wanted,
        };
        Arc::new(move |index, live| looker.first(index, live))
    };
    let needed_targets: Vec<Target> = needed.iter().map(|one| one.target().clone()).collect();
    let (looked, extra_live, needed_live, pods, autoscalers) = futures::join!(
        observe::each(cluster, &targets, reads_around.then_some(set), looker),
        observe::objects(cluster, &extra),
        observe::objects(cluster, &needed_targets),
        observe::pods(cluster, &namespaces),
        observe::autoscalers(cluster, &with_workloads)
    );
    let looked = looked?;
    let mut objects = settled(cluster, looked.taken).await;
    going::mark_namespaces(cluster, &mut objects).await;
    let rules = Rules::new(environment, today);
    for object in &mut objects {
        expect(object, &rules);
    }
    let ids: Vec<_> = objects.iter().map(ObjectComparison::id).collect();
    let rules = unused_in_both(desired.remarks, &rules.remarks(&ids));
    let mut extra_live = extra_live?.objects;
    objects.extend(extra.into_iter().map(|target| {
        let live = extra_live
            .remove(&target.id())
            .unwrap_or(Observed::Absent(Absence::Object));
        compare::object(Looked::extra(target, live))
    }));
    let is_member: HashSet<ObjectId> = members.iter().map(Target::id).collect();
    let strays = looked
        .strays
        .into_iter()
        .filter(|target| !is_member.contains(&target.id()));
    objects.extend(strays.map(compare::stray));
    let dropped = desired
        .dropped
        .into_iter()
        .map(|(object, change)| (object.id(), change))
        .collect();
    let requirements = compare::unmet(&needed, &needed_live?);
    Ok(Compared {
        comparison: Comparison {
            objects,
            rules,
            dropped,
            requirements,
            ..Comparison::default()
        },
        pods,
        autoscalers,
    })
}

/// What a release and its environment make of manifests here.
fn desired(
    inputs: &Inputs,
    tested: Vec<Object>,
    manifests: Option<Vec<Object>>,
    kinds: &BTreeMap<Gvk, ResourceType>,
    home: &str,
    today: Date,
) -> Result<Desired, CommandError> {
    compare::desired(DesiredInput {
        release: &inputs.release.release,
        tested,
        manifests,
        environment: &inputs.environment.environment,
        home,
        is_namespaced: &|gvk| kinds.get(gvk).map(|kind| kind.namespaced),
        today,
    })
    .map_err(|errors| ambiguous(&errors))
}

/// What a release and its environment render here.
pub async fn rendered(
    cluster: &dyn Cluster,
    inputs: &Inputs,
    home: &str,
) -> Result<Vec<Object>, CommandError> {
    let (tested, manifests) = (
        inputs.release.release.spec.objects.clone(),
        inputs.manifests.clone(),
    );
    let kinds = observe::kinds(cluster, tested.iter().chain(manifests.iter().flatten())).await?;
    let desired = desired(inputs, tested, manifests, &kinds, home, super::scope::today())?;
    Ok(desired.objects.into_iter().map(|one| one.object).collect())
}

/// Members that are no longer desired.
fn extra(members: &[Target], desired: &[Target]) -> Vec<Target> {
    let desired: HashSet<ObjectId> = desired.iter().map(Target::id).collect();
    members
        .iter()
        .filter(|member| !desired.contains(&member.id()))
        .cloned()
        .collect()
}

/// Asks the server what first looks left open. Most leave nothing open: they wait for nobody.
async fn settled(cluster: &dyn Cluster, looked: Vec<(usize, Option<First>)>) -> Vec<ObjectComparison> {
    let (mut found, mut open) = (Vec::with_capacity(looked.len()), Vec::new());
    for (index, first) in looked {
        match first {
            Some(First::Found(one)) => found.push((index, *one)),
            Some(first) => open.push(async move { (index, second(cluster, first).await) }),
            None => {}
        }
    }
    found.extend(join_all(open).await);
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, one)| one).collect()
}

/// What was compared.
pub struct Compared {
    /// Objects.
    pub comparison: Comparison,
    /// The pods of their namespaces, where they were asked for.
    pub pods: Result<Pods, ApiError>,
    /// The autoscalers of the workloads' namespaces, and what could not be read of them.
    pub autoscalers: (Vec<Object>, Vec<Unread>),
}

fn namespaces_of<'t>(targets: impl Iterator<Item = &'t Target>) -> Vec<String> {
    targets
        .filter_map(|target| target.namespace.clone())
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

/// The namespaces of what makes pods that stay.
fn pods_namespaces(objects: &[DesiredObject]) -> Vec<String> {
    let namespaces = objects
        .iter()
        .map(|one| &one.object)
        .filter(|object| stays(object));
    namespaces
        .filter_map(Object::namespace)
        .map(String::from)
        .collect::<BTreeSet<_>>()
        .into_iter()
        .collect()
}

fn stays(object: &Object) -> bool {
    !matches!(object.kind(), "Job" | "CronJob") && pod_spec(object).is_some()
}

/// What runs, for a comparison that was made: images and stale pods.
pub fn examine(inputs: &Inputs, comparison: &mut Comparison, pods: Pods, trees: &ImageTrees) {
    let workloads: Vec<(Object, Object)> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.desired.clone()?, object.live.object()?.clone())))
        .filter(|(_, live)| stays(live))
        .collect();
    let running = Running {
        pods: pods.pods,
        between: pods.between,
    };
    let pairs: Vec<RunningWorkload<'_>> = workloads
        .iter()
        .map(|(desired, live)| RunningWorkload { desired, live })
        .collect();
    let spec = &inputs.environment.environment.spec;
    comparison.images = compare::running_images(
        &pairs,
        &running,
        (&inputs.release.release.spec.images, trees),
        &spec.injected,
    );
    let reason = |rule: usize| spec.differences.get(rule).map(|rule| rule.reason.clone());
    compare::expect_declared(&mut comparison.images, &comparison.objects, &reason);
    let live: Vec<&Object> = workloads.iter().map(|(_, live)| live).collect();
    let by_id: HashMap<ObjectId, &Object> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.id(), object.live.object()?)))
        .collect();
    let source = |id: &ObjectId| by_id.get(id).copied();
    comparison.stale = compare::stale(&live, &running, &source);
}

fn ambiguous(errors: &[PinError]) -> CommandError {
    let said: Vec<_> = errors.iter().map(ToString::to_string).collect();
    CommandError::new(ErrorKind::Refused, said.join("\n"))
}

/// Drift that the environment's rules expect. Where its own manifests say something else than what was tested, what
/// they say counts, and the cluster is to follow.
fn expect(object: &mut ObjectComparison, rules: &Rules) {
    let id = object.id();
    let desired = object.desired.clone();
    let tested = object.tested.clone().or_else(|| desired.clone());
    let untested: Vec<UntestedChange> = object.untested.clone();
    for change in &mut object.changes {
        let path = &change.path;
        if untested
            .iter()
            .any(|other| other.path.starts_with(path) || path.starts_with(&other.path))
        {
            continue;
        }
        let side = |object: &Option<Object>| {
            object
                .as_ref()
                .and_then(|object| path.get(object.value()).cloned())
        };
        let (tested, desired) = (side(&tested), side(&desired));
        let sides = Sides {
            tested: tested.as_ref(),
            desired: desired.as_ref(),
            live: change.live.as_ref(),
        };
        let answer = rules.answer(&id, path, sides);
        change.expected_by = answer.allowed_by;
        change.rule_note = answer.note;
    }
}

/// A rule is unused where neither an untested difference nor drift met it.
fn unused_in_both(untested: Vec<RuleFinding>, drift: &[RuleFinding]) -> Vec<RuleFinding> {
    let unused = |finding: &RuleFinding| finding.state == RuleState::Unused;
    untested
        .into_iter()
        .filter(|finding| !unused(finding) || drift.contains(finding))
        .collect()
}
