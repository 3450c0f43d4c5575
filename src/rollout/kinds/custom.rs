//! Custom resources: the environment's rule where there is one, else the conditions that most controllers write.

use super::super::policy::Policy;
use super::super::reading::{Condition, Reading, condition, reported};
use crate::model::Object;
use crate::model::verdict::{CauseKind, Verdict};
use cel::{Context, Program, Value};

/// Conditions that mean that an object is as it should be, the first that is there counts.
const GOOD: &[&str] = &["Ready", "Available", "Healthy", "Synced", "Established"];

/// By the environment's CEL, else by the usual conditions; without any, done when it is there.
pub(super) fn read<'a>(object: &'a Object, policy: &Policy) -> Reading<'a> {
    let gvk = object.gvk();
    let rule = policy.health_checks.iter().find(|rule| rule.group == gvk.group && rule.kind == gvk.kind);
    let verdict = match rule {
        Some(rule) => by_rule(object, rule.failed.as_deref(), &rule.current),
        None => by_conditions(object),
    };
    let mut reading = Reading::without_pods(verdict);
    let all = object.at("/status/conditions").and_then(|all| all.as_array());
    let met =
        all.into_iter().flatten().filter(|one| one.get("status").is_some_and(|status| status == "True"));
    reading.figures = vec![met.count() as u32];
    reading
}

fn by_rule(object: &Object, failed: Option<&str>, current: &str) -> Verdict {
    // What a status does not hold yet is an error in CEL: that is not "failed".
    if let Some(what) = failed.filter(|failed| holds(failed, object) == Ok(true)) {
        return reported(CauseKind::ReportedByObject, format!("its health check says failed: {what}"));
    }
    match holds(current, object) {
        Ok(true) => Verdict::done(),
        Ok(false) => Verdict::waiting(0, 1, format!("its health check does not hold yet: {current}")),
        Err(why) => Verdict::waiting(0, 1, format!("its health check does not hold yet: {current} ({why})")),
    }
}

fn holds(expression: &str, object: &Object) -> Result<bool, String> {
    let program = Program::compile(expression).map_err(|error| error.to_string())?;
    let mut context = Context::default();
    context.add_variable("self", object.value()).map_err(|error| error.to_string())?;
    match program.execute(&context) {
        Ok(Value::Bool(holds)) => Ok(holds),
        Ok(_) => Err("it is not true or false".into()),
        Err(error) => Err(error.to_string()),
    }
}

fn by_conditions(object: &Object) -> Verdict {
    let is = |name: &str| condition(object, name).filter(|one| one.status == "True");
    for name in ["Stalled", "Failed"] {
        if let Some(one) = is(name) {
            return reported(CauseKind::ReportedByObject, format!("it reports {name}: {}", one.says()));
        }
    }
    if let Some(one) = is("Reconciling") {
        return waiting("is being reconciled", &one);
    }
    let found = GOOD.iter().find_map(|name| Some((name, condition(object, name)?)));
    match found {
        Some((_, one)) if one.status == "True" => Verdict::done(),
        Some((name, one)) => waiting(&format!("is not {}", name.to_lowercase()), &one),
        None => Verdict::done(),
    }
}

fn waiting(what: &str, one: &Condition<'_>) -> Verdict {
    Verdict::waiting(0, 1, format!("it {what}: {}", one.says()))
}
