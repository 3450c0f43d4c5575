//! What the cluster keeps of an older promotion, to be promoted once more: under the terms of then, and without the checks
//! that are about a release's way here.

use super::material::Material;
use super::request::Request;
use crate::load::{LoadedEnvironment, parse_release};
use crate::model::check::Check;
use crate::model::environment::Environment;
use crate::model::inventory::{self, MAX_HISTORY, Record};
use crate::model::journal::SuccessCriteria;
use crate::model::phrase::list_first;
use crate::model::plain_words;
use crate::model::plan::{OnFailure, PlanLimits, Waiver};
use crate::model::state_key::StateKey;
use crate::observe::release_state::read_record;
use crate::usecase::inputs::{Inputs, open_environment};
use crate::usecase::{CommandError, Scope, release_state};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How long a container without a readiness probe must live, where the record does not say.
const SETTLE_SECONDS: u32 = 10;

/// Checks that the release has been through, or that its files alone could answer.
const WAIVED: [Check; 6] = [
    Check::Untested,
    Check::Quarantine,
    Check::Images,
    Check::Signature,
    Check::Evidence,
    Check::Rollback,
];

/// What of the request the record decides.
pub(super) struct Terms {
    /// Limits of time.
    pub settings: PlanLimits,
    /// Checks that do not refuse.
    pub waivers: Vec<Waiver>,
}

/// Reads the record of a revision.
pub(super) async fn read_recorded(
    request: &Request,
    name: Option<&str>,
    revision: Option<u32>,
) -> Result<(Material, Terms), CommandError> {
    let scope = Scope::connect(&request.connection).await?;
    let record = find_record(&scope, name, revision, request.state_key.as_ref()).await?;
    let (environment, settings) = terms_of_then(record.terms.unwrap_or_else(|| inventory::Terms {
        settings: PlanLimits {
            settle_seconds: SETTLE_SECONDS,
            ..PlanLimits::default()
        },
        ..inventory::Terms::default()
    }))?;

    let spec = &environment.spec;
    let criteria = SuccessCriteria {
        injected: spec.injected.clone(),
        health_checks: spec.health_checks.clone(),
        unknown_health: spec.unknown_health,
        gates: record.gates,
        wait: spec.wait.clone(),
        registries: spec.registries.clone(),
    };
    let inputs = Inputs {
        release: parse_release(record.release.into_bytes(), Path::new("the stored release"))?,
        environment: LoadedEnvironment {
            environment,
            // Nothing lies beside it: what its entries referred to is in the record.
            path: PathBuf::new(),
            text: String::new(),
            manifests: None,
        },
        // As they were applied then: made once more, they would be what today's program makes of them.
        manifests: Some(record.desired),
        refusals: Vec::new(),
    };
    let material = Material {
        inputs,
        criteria,
        approved: None,
        scope,
    };
    let waivers = WAIVED.map(waiver).into();
    Ok((material, Terms { settings, waivers }))
}

/// The record of a revision, where the state that names it can be believed.
async fn find_record(
    scope: &Scope,
    name: Option<&str>,
    revision: Option<u32>,
    key: Option<&StateKey>,
) -> Result<Record, CommandError> {
    let (cluster, namespace) = (scope.cluster.as_ref(), &*scope.home);
    let name = &release_state::release_name(cluster, namespace, name).await?;
    let mut found = release_state::read(cluster, namespace, name, key).await?;
    release_state::check_writable(&found.sealing, namespace, name)?;

    let inventory = found.inventory.take().map(|stored| stored.value);
    let inventory = inventory.unwrap_or_default();
    let promoted = || inventory.promoted().map(|entry| entry.revision);
    let Some(revision) = revision.or_else(promoted) else {
        let message = format!("no release {name} is promoted in namespace {namespace}");
        return Err(CommandError::usage(message).with_hint("kubectl delivery status -A"));
    };
    let history = &inventory.history;
    let is_meant = |entry: &&inventory::HistoryEntry| entry.revision == revision && !entry.record.is_empty();
    let Some(entry) = history.iter().find(is_meant) else {
        if history.is_empty() {
            return Err(release_state::no_release(cluster, namespace, name, "history").await);
        }
        return Err(unknown_revision(revision, history, name, namespace));
    };
    read_record(cluster, entry, true, found.key())
        .await
        .map_err(|error| release_state::home_error(&error))
}

/// No stored release has this revision: those that there are.
fn unknown_revision(
    revision: u32,
    history: &[inventory::HistoryEntry],
    name: &str,
    namespace: &str,
) -> CommandError {
    let stored = history.iter().filter(|entry| !entry.record.is_empty());
    let known: Vec<u32> = stored.map(|entry| entry.revision).collect();
    let message = match known.len() {
        0 => format!("no revision of {name} has a stored release"),
        _ => {
            let known = list_first(known.iter(), MAX_HISTORY, ", ");
            format!("no stored release of revision {revision} of {name}; stored revisions: {known}")
        }
    };
    let hint = format!("kubectl delivery history {name} -n {namespace}");
    CommandError::usage(message).with_hint(hint)
}

/// The environment and the limits of time that a promotion was made with.
fn terms_of_then(terms: inventory::Terms) -> Result<(Environment, PlanLimits), CommandError> {
    let environment = match terms.environment {
        Value::Null => open_environment(None)?.environment,
        environment => serde_json::from_value(environment).map_err(|error| {
            let found = plain_words(&error.to_string());
            CommandError::usage(format!(
                "the stored environment of the promotion cannot be read: {found}"
            ))
        })?,
    };
    let settings = PlanLimits {
        // What is asked for as a way back is not left standing.
        on_failure: OnFailure::Rollback,
        ..terms.settings
    };
    Ok((environment, settings))
}

fn waiver(check: Check) -> Waiver {
    Waiver {
        check: check.name().into(),
        reason: Some("a stored release is promoted again".into()),
        automatic: true,
        ..Waiver::default()
    }
}
