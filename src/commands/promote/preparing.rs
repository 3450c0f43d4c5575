//! From arguments to a plan that the server has been asked about.

use super::{Args, DryRun};
use crate::cli::{CommandError, Context, ErrorKind};
use crate::cluster::{Cluster, ListRequest};
use crate::commands::comparing::{self, Question};
use crate::model::finding::Comparison;
use crate::model::kinds::built_in;
use crate::model::names::{applyset_id, inventory};
use crate::model::plan::Plan;
use crate::model::release::ReleaseIdentity;
use crate::model::{Object, Sha256Digest};
use crate::observe;
use crate::plan::{self, Facts, Planned};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use std::collections::BTreeSet;
use std::path::Path;

/// What is promoted, and by which plan.
pub(super) struct Prepared {
    /// The plan, and what speaks against it.
    pub planned: Planned,
}

/// Reads, compares, plans, and has the server try what is planned.
pub(super) async fn prepare(args: &Args, context: &Context) -> Result<Prepared, CommandError> {
    let inputs = args.inputs.read(&args.release)?;
    let written = args.plan.as_deref().map(read_plan).transpose()?;
    let connection = inputs.connection(&args.connection);
    let cluster = context.cluster(&connection).await?;
    let home = connection.namespace.clone().unwrap_or_else(|| cluster.default_namespace().to_owned());
    let identity = inputs.release.identity();
    let now = written.as_ref().map_or_else(Timestamp::now, |plan| plan.created_at);
    let set = applyset_id(&inventory(&identity.name), &home);
    let question = Question {
        inputs: &inputs,
        members: &[],
        home: &home,
        set: &set,
        today: now.to_zoned(TimeZone::UTC).date(),
    };
    let comparison = comparing::compare(cluster.as_ref(), question).await?;
    let facts = facts(cluster.as_ref(), &comparison, identity, &home, written.as_ref(), now).await?;
    let mut policy = args.policy();
    policy.untested = inputs.environment.environment.spec.untested;
    policy.external = inputs.environment.environment.spec.external.clone();
    let mut planned = plan::draft(&comparison, &policy, &facts);
    let something = !planned.plan.steps.is_empty() || !planned.plan.prune.is_empty();
    if something && args.dry_run != Some(DryRun::Client) {
        let asked = plan::questions(&planned.plan, &comparison);
        let answers = observe::preflight(cluster.as_ref(), &asked).await;
        planned = plan::settle(planned, &comparison, &asked, &answers);
    }
    plan::waive(&mut planned.findings, &policy.waivers);
    if let Some(written) = &written {
        refuse_if_moved(written, &planned.plan)?;
    }
    Ok(Prepared { planned })
}

async fn facts(
    cluster: &dyn Cluster,
    comparison: &Comparison,
    release: ReleaseIdentity,
    home: &str,
    written: Option<&Plan>,
    now: Timestamp,
) -> Result<Facts, CommandError> {
    let namespaces: BTreeSet<&str> = comparison
        .objects
        .iter()
        .filter(|object| object.target.resource.group == "apps")
        .filter_map(|object| object.target.namespace.as_deref())
        .collect();
    let (actor, autoscalers) = futures::join!(
        cluster.whoami(),
        futures::future::join_all(namespaces.into_iter().map(|n| autoscalers(cluster, n)))
    );
    let (mut found, mut unreadable) = (Vec::new(), Vec::new());
    for list in autoscalers {
        match list {
            Ok(list) => found.extend(list),
            Err(why) => unreadable.push(why),
        }
    }
    Ok(Facts {
        // A written plan keeps its id: what it derives from it stays the same.
        id: written.map_or_else(random_id, |plan| plan.id.clone()),
        release,
        namespace: home.to_owned(),
        revision: 1,
        now,
        actor: actor?,
        autoscalers: found,
        unreadable,
    })
}

/// Without them, replicas that an autoscaler set could be reset.
async fn autoscalers(cluster: &dyn Cluster, namespace: &str) -> Result<Vec<Object>, String> {
    let Some(kind) = built_in("autoscaling", "HorizontalPodAutoscaler") else { return Ok(Vec::new()) };
    match cluster.list(&ListRequest::all(&kind, Some(namespace))).await {
        Ok(page) => Ok(page.items),
        Err(error) => Err(format!("the autoscalers of the namespace {namespace}: {error}")),
    }
}

/// Ten hex digits that no other promotion has.
fn random_id() -> String {
    use std::hash::{BuildHasher, Hasher};
    let random = std::collections::hash_map::RandomState::new().build_hasher().finish();
    let seed = format!("{random}{}{}", std::process::id(), Timestamp::now());
    Sha256Digest::of(seed.as_bytes()).hex()[..10].to_owned()
}

fn read(path: &Path) -> Result<Vec<u8>, CommandError> {
    std::fs::read(path)
        .map_err(|error| CommandError::usage(format!("expected to read {}, found: {error}", path.display())))
}

fn read_plan(path: &Path) -> Result<Plan, CommandError> {
    let bytes = read(path)?;
    serde_json::from_slice(&bytes).map_err(|error| {
        CommandError::usage(format!("expected a plan in {}, found: {error}", path.display()))
            .with_hint("kubectl delivery promote RELEASE --dry-run=server -o json > plan.json writes one")
    })
}

/// A written plan runs as it was approved, or not at all.
fn refuse_if_moved(written: &Plan, now: &Plan) -> Result<(), CommandError> {
    if written.release != now.release || written.namespace != now.namespace {
        let message = format!(
            "expected the release and namespace of the plan ({} {} in {}), found {} {} in {}",
            written.release.name,
            written.release.digest.short(),
            written.namespace,
            now.release.name,
            now.release.digest.short(),
            now.namespace
        );
        return Err(CommandError::new(ErrorKind::Refused, message));
    }
    let moved = plan::moved(written, now);
    if moved.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = moved.iter().map(ToString::to_string).collect();
    let message = format!(
        "expected the cluster of the plan, found that it has moved: {}; nothing was changed",
        names.join(", ")
    );
    Err(CommandError::new(ErrorKind::Refused, message).with_hint("write and approve a new plan"))
}
