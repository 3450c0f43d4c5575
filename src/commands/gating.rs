//! The environment's gates, ready to be checked: Jobs from their files, queries as they are.

use crate::cli::CommandError;
use crate::execute::watching::{GateCheck, ReadyGate};
use crate::load::{self, LoadedEnvironment, ManifestSource};
use crate::model::Target;
use crate::model::environment::Gate;
use crate::model::kinds::built_in;
use std::time::Duration;

/// How long a gate may take where it says nothing.
const GATE_SECONDS: u32 = 300;

/// Every gate of the environment; Jobs run in the home namespace where they name none.
pub fn gates(environment: &LoadedEnvironment, home: &str) -> Result<Vec<ReadyGate>, CommandError> {
    environment.environment.spec.gates.iter().map(|gate| ready(gate, environment, home)).collect()
}

/// One gate; a Job where it names a file, else a query.
fn ready(gate: &Gate, environment: &LoadedEnvironment, home: &str) -> Result<ReadyGate, CommandError> {
    let check = match (&gate.job, &gate.prometheus) {
        (Some(file), None) => job(gate, file, environment, home)?,
        (None, Some(query)) => GateCheck::Prometheus(query.clone()),
        _ => {
            let message = format!("the gate {}: expected either job or prometheus", gate.name);
            return Err(CommandError::usage(message));
        }
    };
    Ok(named(gate, check))
}

/// The gate with the check that was made of it.
pub fn named(gate: &Gate, check: GateCheck) -> ReadyGate {
    let seconds = gate.timeout_seconds.unwrap_or(GATE_SECONDS);
    ReadyGate { name: gate.name.clone(), timeout: Duration::from_secs(seconds.into()), check }
}

fn job(
    gate: &Gate,
    file: &str,
    environment: &LoadedEnvironment,
    home: &str,
) -> Result<GateCheck, CommandError> {
    let path = environment.beside(file);
    let mut objects = load::manifests(&[ManifestSource::Path { path, recursive: false }])?;
    let kind = built_in("batch", "Job");
    match (kind, objects.pop(), objects.is_empty()) {
        (Some(kind), Some(mut object), true) if object.kind() == "Job" => {
            let target = Target::new(&kind, object.namespace().or(Some(home)), object.name());
            object.set_namespace(target.namespace.as_deref());
            Ok(GateCheck::Job { target, object: Box::new(object) })
        }
        _ => Err(CommandError::usage(format!("the gate {}: expected one Job in {file}", gate.name))),
    }
}
