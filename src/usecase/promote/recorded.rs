//! What the cluster keeps of an older promotion, asked for once more.

use super::request::{Request, RunOptions, with_environment};
use crate::execute::{Confirmed, Limits};
use crate::load::{LoadedEnvironment, parse_release};
use crate::model::check::Check;
use crate::model::environment::Environment;
use crate::model::inventory::{MAX_HISTORY, Record, Terms};
use crate::model::journal::Judging;
use crate::model::plain_words;
use crate::model::plan::{OnFailure, Settings, Waiver};
use crate::model::state_key::StateKey;
use crate::monitor::WatchingOptions;
use crate::plan::Policy;
use crate::usecase::comparing::Mode;
use crate::usecase::inputs::{Inputs, open_environment};
use crate::usecase::{CommandError, ErrorKind, Scope};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// How long a container without a readiness probe must live, where the record does not say.
const SETTLE_SECONDS: u32 = 10;

/// How an older revision is promoted again.
pub struct Again {
    /// Where.
    pub scope: Scope,
    /// What it may do.
    pub policy: Policy,
    /// Limits of time of this run.
    pub limits: Limits,
    /// What confirms what the cluster keeps.
    pub confirmed: Confirmed,
    /// The key to what releases keep, where it is kept outside of the cluster.
    pub state_key: Option<StateKey>,
}

/// Under the terms of then, and without the checks that are about a release's way here.
pub fn recorded(record: Record, again: Again) -> Result<Request, CommandError> {
    let Record {
        release,
        desired,
        terms,
        gates,
        ..
    } = record;
    let Terms {
        environment,
        settings,
    } = terms.unwrap_or_else(|| Terms {
        settings: Settings {
            settle_seconds: SETTLE_SECONDS,
            ..Settings::default()
        },
        ..Terms::default()
    });
    // What is asked for as a way back is not left standing.
    let settings = Settings {
        on_failure: OnFailure::Rollback,
        ..settings
    };
    let environment: Environment = match environment {
        Value::Null => open_environment(None)?.environment,
        environment => serde_json::from_value(environment).map_err(|error| {
            let found = plain_words(&error.to_string());
            let message =
                format!("expected the environment that the promotion was made with, found: {found}");
            CommandError::new(ErrorKind::Usage, message)
        })?,
    };
    let spec = &environment.spec;
    let judging = Judging {
        injected: spec.injected.clone(),
        health_checks: spec.health_checks.clone(),
        gates,
        wait: spec.wait.clone(),
    };
    let inputs = Inputs {
        release: parse_release(release.into_bytes(), Path::new("the recorded release"))?,
        environment: LoadedEnvironment {
            environment,
            path: PathBuf::new(),
            text: String::new(),
            manifests: None,
        },
        manifests: Some(desired),
        refusals: Vec::new(),
    };
    let mut policy = again.policy;
    policy.settings = settings.clone();
    let reason = Some("an older revision is promoted again".to_owned());
    use Check::{Evidence, Images, Quarantine, Signature, Untested};
    let waived = [Untested, Quarantine, Images, Signature, Evidence];
    policy.waivers.extend(waived.map(|check| Waiver {
        check: check.name().into(),
        reason: reason.clone(),
        ..Waiver::default()
    }));
    Ok(Request {
        judging,
        scope: again.scope,
        policy: with_environment(policy, &inputs),
        mode: Mode::Auto,
        dry_run: None,
        written: None,
        on_open: None,
        leaves_moved: true,
        confirmed: again.confirmed,
        is_kept: true,
        discard_state: false,
        state_key: again.state_key,
        run: RunOptions {
            settings,
            limits: again.limits,
            // What a promotion was told to keep is not known here.
            keep_history: MAX_HISTORY,
            log_lines: WatchingOptions::default().log_lines,
        },
        inputs,
    })
}
