//! A plan that was written by a dry run and approved: read from its file, and held against what would be planned today.

use crate::load;
use crate::model::format::Versioned;
use crate::model::plan::Plan;
use crate::plan;
use crate::usecase::{CommandError, ErrorKind};
use std::path::Path;

/// The plan that a file holds; one that only a later program understands is an error.
pub(super) fn read_plan(path: &Path) -> Result<Plan, CommandError> {
    let bytes = load::bytes(path)?;
    // Before the fields are read: a later format may have others.
    let version = load::typed_json::<Versioned>(&bytes, path).ok();
    if let Some(version) = version.and_then(|document| document.format_version.newer()) {
        let message = format!("the plan in {} has {version}", path.display());
        return Err(CommandError::usage(message).with_hint("to write a plan with this version: kubectl delivery promote RELEASE --dry-run=server -o json > plan.json"));
    }
    load::typed_json(&bytes, path).map_err(|error| {
        CommandError::usage(format!("{} holds no plan: {error}", path.display())).with_hint(
            "to write a plan: kubectl delivery promote RELEASE --dry-run=server -o json > plan.json",
        )
    })
}

/// A written plan runs as it was approved, or not at all.
pub(super) fn check_unchanged(approved: &Plan, now: &Plan) -> Result<(), CommandError> {
    let (was, is) = (&approved.release, &now.release);
    if !was.seems(is) || approved.namespace != now.namespace {
        let message = format!(
            "the plan is for {} {} in namespace {}, not for {} {} in namespace {}; nothing was changed",
            was.name,
            was.digest.short(),
            approved.namespace,
            is.name,
            is.digest.short(),
            now.namespace
        );
        return Err(CommandError::new(ErrorKind::Refused, message));
    }

    ensure_same_cluster(approved, now)?;
    ensure_same_rehearsal(approved, now)?;
    let moved = plan::moved(approved, now);
    if moved.is_empty() {
        return Ok(());
    }
    let names: Vec<_> = moved.iter().map(ToString::to_string).collect();
    let message = format!(
        "the cluster changed since the plan was made: {}; nothing was changed",
        names.join(", ")
    );
    Err(CommandError::new(ErrorKind::Refused, message).with_hint(new_plan(&approved.namespace)))
}

/// What to type for another plan.
fn new_plan(namespace: &str) -> String {
    format!(
        "to write a new plan: kubectl delivery promote RELEASE -n {namespace} --dry-run=server -o json > plan.json"
    )
}

/// Whether it is tried before is a part of what was approved.
fn ensure_same_rehearsal(approved: &Plan, now: &Plan) -> Result<(), CommandError> {
    let (message, hint) = match (approved.rehearsals.is_empty(), now.rehearsals.is_empty()) {
        (false, true) => (
            "the plan begins with a rehearsal, and this run does not; nothing was changed",
            "add --rehearse as the plan was written with",
        ),
        (true, false) => (
            "the plan has no rehearsal, and this run begins with one; nothing was changed",
            "leave --rehearse out, or write and approve a new plan",
        ),
        _ => return Ok(()),
    };
    Err(CommandError::new(ErrorKind::Refused, message).with_hint(hint))
}

/// A plan that creates objects alone would fit any cluster.
fn ensure_same_cluster(approved: &Plan, now: &Plan) -> Result<(), CommandError> {
    let (Some(was), Some(is)) = (&approved.cluster, &now.cluster) else {
        return Ok(());
    };
    // Either is enough: one cluster may have several addresses, and a context's name is its user's own.
    if was.context == is.context || was.server == is.server {
        return Ok(());
    }
    let message = format!("the plan is for {was}, not for {is}; nothing was changed");
    Err(CommandError::new(ErrorKind::Refused, message)
        .with_hint("to run it: add --context NAME of the plan's cluster")
        .with_hint(new_plan(&approved.namespace)))
}
