//! From a release, an environment and a cluster to a comparison: what `diff` and `promote` share.
//!
//! Desired is made first, as it says what is read. Then everything is read at once (`reading.rs`), each object compared
//! as it comes, and only what that leaves open is asked of the server. Rules, members that are no longer desired and
//! orphaned objects come last: they need the objects as they were found.

mod creating;
mod expecting;
mod object_comparer;
mod past;
mod present;
mod reading;
mod running;
mod starting;

use self::expecting::{expect_drift, join_remarks};
use self::object_comparer::{FirstPass, ask_server};
pub use self::past::{leave_out, leave_out_completed, leave_out_moved, past};
pub use self::present::{PresentObject, PresentRequest, compare_present};
use self::reading::Reading;
pub use self::running::examine;
pub use self::starting::{
    StartLook, is_node_missing, known_objects, known_platforms, look_at_starts, read_references,
};
use crate::cluster::{ApiError, Cluster};
use crate::compare::{self, Desired, DesiredInput, PinError, Rules};
use crate::model::finding::{Comparison, ObjectComparison};
use crate::model::snapshot::{ReadFailure, Snapshot};
use crate::model::{Gvk, Object, ResourceType, Target};
use crate::observe::{self, Pods};
use crate::usecase::inputs::Inputs;
use crate::usecase::{CommandError, ErrorKind};
use futures::future::join_all;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::mem;

/// What is compared, and where.
pub struct ComparisonRequest<'a> {
    /// Release and environment.
    pub inputs: &'a Inputs,
    /// The release's objects, to be changed in place where nobody else holds them.
    pub tested: Vec<Object>,
    /// Manifests instead of the release's own objects.
    pub manifests: Option<Vec<Object>>,
    /// The members of the inventory.
    pub members: &'a [Target],
    /// Release namespace: that of objects that name none.
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
    /// Whether all is read that pods could not start without, beside what the objects refer to.
    pub reads_start_needs: bool,
    /// Whether the server is asked what it would say of creating missing objects.
    pub tries_missing: bool,
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

/// What was compared.
pub struct ComparisonFacts {
    /// Objects.
    pub comparison: Comparison,
    /// The pods of their namespaces, where they were asked for.
    pub pods: Result<Pods, ApiError>,
    /// What the objects need beside themselves, as it was read.
    pub needed: Snapshot,
    /// The autoscalers of the workloads' namespaces, and what could not be read of them.
    pub autoscalers: Autoscalers,
}

/// Autoscalers, and what could not be read of them.
pub type Autoscalers = (Vec<Object>, Vec<ReadFailure>);

/// Makes desired, reads the cluster, asks the server what an apply would change, and compares.
///
/// # Errors
///
/// Where an image could be several of the release's, a kind is not served, or the cluster cannot be reached. What else
/// cannot be read is a finding.
pub async fn compare(
    cluster: &dyn Cluster,
    mut request: ComparisonRequest<'_>,
) -> Result<ComparisonFacts, CommandError> {
    let (tested, manifests) = (mem::take(&mut request.tested), request.manifests.take());
    let kinds = observe::kinds(cluster, tested.iter().chain(manifests.iter().flatten())).await?;
    let members = observe::served(cluster, request.members, &kinds).await?;
    let request = ComparisonRequest {
        members: &members,
        ..request
    };
    let (inputs, home, today) = (request.inputs, request.home, request.today);
    let Desired {
        objects: desired,
        dropped,
        required,
        remarks,
    } = make_desired(inputs, tested, manifests, &kinds, home, today)?;

    let environment = &inputs.environment.environment;
    let needed = {
        let objects: Vec<Object> = desired.iter().map(|one| one.object.clone()).collect();
        compare::needed(&objects, &required, &environment.spec.external, home)
    };
    // Planned in full ahead of the first read: what is not served ends it before any object was asked for.
    let reading = Reading::plan(&request, &kinds, &desired, &needed)?;
    let facts = reading.perform(cluster, &request, desired).await?;

    let mut objects = resolve(cluster, facts.first).await;
    let missing_namespaces = creating::check_namespaces(cluster, &mut objects).await;
    let rules = Rules::new(environment, today);
    for object in &mut objects {
        expect_drift(object, &rules);
    }
    // Of what the release itself holds: what is extra or orphaned meets no rule.
    let ids: Vec<_> = objects.iter().map(ObjectComparison::id).collect();
    let rules = join_remarks(remarks, &rules.remarks(&ids));
    objects.extend(facts.extra);
    objects.extend(facts.orphaned.into_iter().map(compare::orphaned));

    let dropped = dropped.into_iter().map(|(object, change)| (object.id(), change));
    let mut comparison = Comparison {
        objects,
        rules,
        dropped: dropped.collect(),
        requirements: compare::unmet(&needed, &facts.needed),
        missing_namespaces,
        ..Comparison::default()
    };
    if request.tries_missing {
        comparison.creations = creating::try_missing(cluster, &comparison).await;
    }
    Ok(ComparisonFacts {
        comparison,
        pods: facts.pods,
        needed: facts.needed,
        autoscalers: facts.autoscalers,
    })
}

/// The members of a release, none of which is desired any more.
///
/// # Errors
///
/// Where the cluster cannot be reached. What else cannot be read is a finding.
pub async fn compare_members(cluster: &dyn Cluster, members: &[Target]) -> Result<Comparison, CommandError> {
    let members = observe::served(cluster, members, &BTreeMap::new()).await?;
    let read = observe::objects(cluster, &members).await?;
    Ok(Comparison {
        objects: reading::compare_extra(members, read),
        ..Comparison::default()
    })
}

/// What a release and its environment make of manifests here.
fn make_desired(
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
///
/// # Errors
///
/// Where an image could be several of the release's, or the kinds that the cluster serves cannot be asked for.
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
    let desired = make_desired(inputs, tested, manifests, &kinds, home, super::system::today())?;
    Ok(desired.objects.into_iter().map(|one| one.object).collect())
}

/// Asks the server what the first pass left open. Most objects leave nothing open: they wait for nobody.
async fn resolve(cluster: &dyn Cluster, first: Vec<(usize, Option<FirstPass>)>) -> Vec<ObjectComparison> {
    let (mut found, mut open) = (Vec::with_capacity(first.len()), Vec::new());
    for (index, pass) in first {
        match pass {
            Some(FirstPass::Done(one)) => found.push((index, *one)),
            Some(pass) => open.push(async move { (index, ask_server(cluster, pass).await) }),
            None => {}
        }
    }

    found.extend(join_all(open).await);
    found.sort_by_key(|(index, _)| *index);
    found.into_iter().map(|(_, one)| one).collect()
}

fn ambiguous(errors: &[PinError]) -> CommandError {
    let messages: Vec<_> = errors.iter().map(ToString::to_string).collect();
    CommandError::new(ErrorKind::Refused, messages.join("\n"))
}
