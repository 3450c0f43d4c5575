//! The environment's gates: with their Jobs' manifests at hand, and ready to be checked.

use crate::load::{self, LoadedEnvironment, ManifestSource};
use crate::model::environment::Gate;
use crate::model::journal::{LoadedGate, SuccessCriteria};
use crate::model::k8s::kinds::built_in;
use crate::model::{Object, Target};
use crate::monitor::{GateCheck, ReadyGate};
use crate::usecase::CommandError;
use std::time::Duration;

/// How long a gate may take where it says nothing.
const GATE_SECONDS: u32 = 300;

/// What the environment judges a promotion by.
///
/// # Errors
///
/// Where a gate names neither or both of a Job and a query, or its file does not hold exactly one Job.
pub fn load_criteria(environment: &LoadedEnvironment) -> Result<SuccessCriteria, CommandError> {
    let spec = &environment.environment.spec;
    let gates = spec
        .gates
        .iter()
        .map(|gate| load_gate(gate, environment))
        .collect::<Result<_, _>>()?;
    Ok(SuccessCriteria {
        injected: spec.injected.clone(),
        health_checks: spec.health_checks.clone(),
        unknown_health: spec.unknown_health,
        gates,
        wait: spec.wait.clone(),
        registries: spec.registries.clone(),
    })
}

/// A gate with its Job, where it names a file.
fn load_gate(gate: &Gate, environment: &LoadedEnvironment) -> Result<LoadedGate, CommandError> {
    let job = match (&gate.job, &gate.prometheus) {
        (Some(file), None) => Some(job(gate, file, environment)?),
        (None, Some(_)) => None,
        _ => {
            let message = format!("the gate {}: expected either job or prometheus", gate.name);
            return Err(CommandError::usage(message));
        }
    };
    Ok(LoadedGate {
        gate: gate.clone(),
        job,
    })
}

fn job(gate: &Gate, file: &str, environment: &LoadedEnvironment) -> Result<Object, CommandError> {
    let path = environment.resolve_path(file);
    let mut objects = load::manifests(&[ManifestSource::Path {
        path,
        recursive: false,
    }])?;
    match (objects.pop(), objects.is_empty()) {
        (Some(object), true) if object.kind() == "Job" => Ok(object),
        _ => Err(CommandError::usage(format!(
            "the gate {}: expected one Job in {file}",
            gate.name
        ))),
    }
}

/// Every gate, ready to be checked; Jobs run in the home namespace where they name none.
pub fn runnable_gates(gates: &[LoadedGate], home: &str) -> Vec<ReadyGate> {
    let ready = |one: &LoadedGate| {
        let check = match (&one.job, &one.gate.prometheus) {
            (Some(job), _) => {
                let target = Target::new(
                    &built_in("batch", "Job")?,
                    job.namespace().or(Some(home)),
                    job.name(),
                );
                let mut object = Box::new(job.clone());
                object.set_namespace(target.namespace.as_deref());
                GateCheck::Job { target, object }
            }
            (None, Some(query)) => GateCheck::Prometheus(query.clone()),
            (None, None) => return None,
        };
        Some(named(&one.gate, check))
    };
    gates.iter().filter_map(ready).collect()
}

/// The gate with the check that was made of it.
pub fn named(gate: &Gate, check: GateCheck) -> ReadyGate {
    let seconds = gate.timeout_seconds.unwrap_or(GATE_SECONDS);
    ReadyGate {
        name: gate.name.clone(),
        timeout: Duration::from_secs(seconds.into()),
        check,
    }
}
