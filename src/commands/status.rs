//! `kubectl delivery status`: what is promoted here, whether anything is in progress, and how each workload is.

use super::kept::ReadArgs;
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::cluster::Cluster;
use crate::execute::seems_held;
use crate::model::inventory::HistoryEntry;
use crate::model::journal::{Ending, Journal, JournalPhase, StepState, UndoState};
use crate::model::moves::Moved;
use crate::model::seal::Integrity;
use crate::model::state_key::BoundKey;
use crate::model::verdict::Verdict;
use crate::model::{Object, ObjectId, Target};
use crate::monitor::{Health, health};
use crate::observe::home::{Home, list_homes, read_record};
use crate::plan::absence_of_member;
use crate::report::{clean, columns};
use crate::rollout::Policy;
use crate::usecase::CommandError;
use crate::usecase::Scope;
use crate::usecase::kept;
use clap::Args as ClapArgs;
use jiff::Timestamp;
use serde::Serialize;
use std::collections::BTreeMap;
use std::io::Write;
use std::sync::Arc;

/// Arguments of `status`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery status -n shop
  kubectl delivery status -A
  kubectl delivery status shop -n shop -o json")]
pub struct Args {
    /// The release's name; all of the namespace where it is left out
    #[arg(value_name = "NAME")]
    name: Option<String>,
    /// The releases of all namespaces
    #[arg(short = 'A', long, conflicts_with = "name")]
    all_namespaces: bool,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    state: ReadArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// One release's state.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct State {
    namespace: String,
    name: String,
    /// `promoted`, `inProgress`, `open`, `putBack`, `notFullyPutBack`, `altered`, `none`.
    state: &'static str,
    /// What is promoted: version and revision.
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
    /// The journal at hand, where it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    open: Option<Open>,
    message: String,
    /// Whether what the cluster keeps of it is certainly as it was written.
    verified: bool,
    /// Why that is unknown.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_verified: Option<String>,
    /// What has moved to other releases since the current revision was promoted, or is about to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    moved: Vec<Moved>,
    workloads: Vec<Workload>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Open {
    phase: JournalPhase,
    version: String,
    actor: String,
    holder: String,
    held: bool,
    done: usize,
    undone: usize,
    steps: usize,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Workload {
    object: String,
    ready: bool,
    says: String,
}

/// Prints the state.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let Scope { cluster, home: own } = context.scope(&args.connection).await?;
    let homes = match &args.name {
        Some(name) => vec![(own.clone(), name.clone())],
        None => {
            let namespace = (!args.all_namespaces).then_some(own.as_str());
            list_homes(cluster.as_ref(), namespace)
                .await
                .map_err(|error| kept::home_error(&error))?
        }
    };
    let (mut states, mut distrusted) = (Vec::new(), None);
    for (namespace, name) in homes {
        let home = args.state.look(cluster.as_ref(), &namespace, &name).await?;
        // One that was altered is a line among the others.
        if let Err(error) = args.state.check(&home.sealing, &namespace, &name) {
            distrusted.get_or_insert(error);
        }
        states.push(state(cluster.clone(), namespace, name, home).await);
    }
    let mut out = context.stdout();
    match args.output {
        Some(JsonFormat::Json) => {
            crate::report::json(&states, &mut out)?;
        }
        None if states.is_empty() => {
            let place = if args.all_namespaces {
                "the cluster".to_owned()
            } else {
                format!("namespace {own}")
            };
            writeln!(context.stderr(), "no releases in {place}")?;
        }
        None => write!(out, "{}", shown(&states))?,
    }
    out.flush()?;
    distrusted.map_or(Ok(Exit::OK), Err)
}

async fn state(cluster: Arc<dyn Cluster>, namespace: String, name: String, home: Home) -> State {
    let promoted = home
        .inventory
        .as_ref()
        .and_then(|inventory| inventory.value.promoted())
        .cloned();
    let held = home
        .lease
        .as_ref()
        .is_some_and(|lease| seems_held(lease, Timestamp::now()));
    let current = home.head.as_ref().map(|head| &head.value.current);
    let open = current
        .filter(|journal| journal.is_open())
        .map(|journal| opened(journal, held));
    let (state, message) = match (current, &promoted) {
        _ if matches!(&home.sealing.integrity, Integrity::Altered(_)) => (
            "altered",
            format!("kubectl delivery state verify {name} -n {namespace} says what"),
        ),
        (Some(journal), _) if journal.is_open() => {
            let unknown = home.lock_unknown.as_ref();
            let unknown = unknown.map(|why| format!("; whether a run holds its lock is unknown: {why}"));
            let advice = advice(journal, held, &namespace);
            (
                if held { "inProgress" } else { "open" },
                format!("{advice}{}", unknown.unwrap_or_default()),
            )
        }
        (Some(journal), _) if journal.ending == Some(Ending::NotFullyReverted) => (
            "notFullyPutBack",
            format!("not everything of {} could be put back", journal.release.version),
        ),
        (_, Some(entry)) => {
            let last = current.filter(|journal| journal.id != entry.id && journal.failure.is_some());
            let failed = last
                .and_then(|journal| journal.failure.as_ref())
                .map(|f| f.cause.message.clone());
            let note = failed.map(|why| format!("; the last promotion failed and was put back: {why}"));
            (
                "promoted",
                format!(
                    "promoted by {} at {}{}",
                    entry.actor,
                    second(entry.ended_at),
                    note.unwrap_or_default()
                ),
            )
        }
        (Some(journal), None) => ("putBack", journal.message.clone()),
        (None, None) => ("none", "nothing was promoted".into()),
    };
    let key = home.key().cloned();
    let verified = home.sealing.integrity == Integrity::Sealed;
    let not_verified = kept::not_verified(&home.sealing);
    let inventory = home
        .inventory
        .map(|inventory| inventory.value)
        .unwrap_or_default();
    let moved = inventory.moved_lately().cloned().collect();
    let members = inventory.members;
    let workloads = workloads_of(cluster, &members, promoted.as_ref(), key.as_ref()).await;
    State {
        namespace,
        name,
        state,
        version: promoted.as_ref().map(|entry| entry.release.version.clone()),
        revision: promoted.map(|entry| entry.revision),
        open,
        message,
        verified,
        not_verified,
        moved,
        workloads,
    }
}

/// A time as people read it.
pub(super) fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

fn opened(journal: &Journal, held: bool) -> Open {
    let done = |step: &&crate::model::journal::StepProgress| matches!(step.state, StepState::Done { .. });
    let undone = |step: &&crate::model::journal::StepProgress| matches!(step.undo, UndoState::Done { .. });
    Open {
        phase: journal.phase,
        version: journal.release.version.clone(),
        actor: journal.actor.clone(),
        holder: journal.holder.clone(),
        held,
        done: journal.steps.iter().filter(done).count(),
        undone: journal.steps.iter().filter(undone).count(),
        steps: journal.steps.len(),
    }
}

fn advice(journal: &Journal, held: bool, namespace: &str) -> String {
    let (name, version) = (&journal.release.name, &journal.release.version);
    if held {
        return format!("{version} by {}: {}", journal.actor, journal.message);
    }
    format!(
        "{version} by {} was left: {}; kubectl delivery promote --resume {name} -n {namespace} finishes it, \
         kubectl delivery revert {name} -n {namespace} puts it back",
        journal.actor, journal.message
    )
}

/// Each workload by its verdict; what is broken of it says more than that it is waited for.
async fn workloads_of(
    cluster: Arc<dyn Cluster>,
    members: &[Target],
    promoted: Option<&HistoryEntry>,
    key: Option<&BoundKey>,
) -> Vec<Workload> {
    let is_workload = |target: &&Target| matches!(&*target.resource.group, "apps" | "batch");
    let workloads: Vec<Target> = members.iter().filter(is_workload).cloned().collect();
    let found = health(cluster.clone(), &workloads, Policy::default()).await;
    let excused = excused(&*cluster, &found, promoted, key).await;
    let each = found.into_iter().map(|health| {
        let (ready, says) = match health.verdict {
            _ if health.is_absent => match excused.get(&health.object) {
                Some(why) => (true, (*why).to_owned()),
                None => (false, "does not exist".into()),
            },
            Some(Verdict::Done { note }) => (true, note.unwrap_or_else(|| "as it should be".into())),
            Some(Verdict::Failed { cause }) => (false, cause.message),
            Some(Verdict::Waiting { .. }) if !health.broken.is_empty() => (false, health.broken.join("; ")),
            Some(Verdict::Waiting { why, .. }) => (false, why),
            None => (
                false,
                "could not be judged: is reading it and its pods allowed?".into(),
            ),
        };
        Workload {
            object: health.object.to_string(),
            ready,
            says,
        }
    });
    each.collect()
}

/// Why members that are not there need not be. What was promoted is read only where one that runs once is missed.
async fn excused(
    cluster: &dyn Cluster,
    found: &[Health],
    promoted: Option<&HistoryEntry>,
    key: Option<&BoundKey>,
) -> BTreeMap<ObjectId, &'static str> {
    let is_missed = found.iter().any(|one| one.is_absent && one.object.kind == "Job");
    let Some(entry) = promoted.filter(|_| is_missed) else {
        return BTreeMap::new();
    };
    let Ok(record) = read_record(cluster, entry, false, key).await else {
        return BTreeMap::new();
    };
    let why = |object: &Object| Some((object.id(), absence_of_member(object)?.message()?));
    record.desired.iter().filter_map(why).collect()
}

fn shown(states: &[State]) -> String {
    let header = ["NAMESPACE", "RELEASE", "VERSION", "REVISION", "STATE", "MESSAGE"].map(String::from);
    let rows = states.iter().map(|state| {
        [
            state.namespace.clone(),
            state.name.clone(),
            state.version.clone().unwrap_or_else(|| "-".into()),
            state
                .revision
                .map(|revision| revision.to_string())
                .unwrap_or_else(|| "-".into()),
            words(state.state).to_owned(),
            state.message.clone(),
        ]
    });
    let mut text = columns(std::iter::once(header).chain(rows), 3);
    for state in states {
        if let Some(why) = &state.not_verified {
            text.push_str(&clean(&format!(
                "  what is kept of {} is not verified: {why}\n",
                state.name
            )));
        }
        for moved in &state.moved {
            text.push_str(&clean(&format!("  {}\n", moved.sentence(&state.namespace))));
        }
        for workload in &state.workloads {
            let mark = if workload.ready { "ok " } else { "not" };
            text.push_str(&clean(&format!(
                "  {mark} {}: {}\n",
                workload.object, workload.says
            )));
        }
    }
    text
}

fn words(state: &str) -> &str {
    match state {
        "inProgress" => "in progress",
        "putBack" => "put back",
        "notFullyPutBack" => "not fully put back",
        other => other,
    }
}
