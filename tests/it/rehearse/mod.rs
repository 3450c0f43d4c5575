//! Rehearsals against the real server: which pods are tried and which are not, how each of them ends, and what is left.

mod crash;
mod ends;
mod which;

use crate::execute::app::{App, workload};
use crate::harness::{Ran, Run};
use serde_json::{Value, json};
use std::process::Command;

/// The annotation that allows it.
const ALLOWED: &str = "kubectl-delivery.io/rehearse";
/// What each pod of a rehearsal carries.
const MARK: &str = "kubectl-delivery.io/rehearsal";

/// A Deployment of which a second pod may run.
fn web(digit: char, play: Option<&str>) -> Value {
    let mut web = workload("Deployment", "web", digit, play);
    web["metadata"]["annotations"] = json!({ALLOWED: "true"});
    web
}

/// `promote --rehearse` with the events of it.
fn rehearse(app: &App, version: &str, objects: &[Value], flags: &[&str]) -> Command {
    let mut command = app.promote(version, objects);
    let is_given = flags.iter().any(|flag| flag.starts_with("--rehearse="));
    command.args((!is_given).then_some("--rehearse"));
    command.args(["-o", "json"]).args(flags);
    command
}

/// The plan of a dry run.
fn plan(app: &App, objects: &[Value], flags: &[&str]) -> Value {
    let mut command = rehearse(app, "plan", objects, flags);
    command.arg("--dry-run=server").run().exits(0).json()
}

fn events(ran: &Ran) -> Vec<Value> {
    let lines = ran.stdout.lines();
    lines.map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// `current: ready`, one for each pod that was tried.
fn results(ran: &Ran) -> Vec<String> {
    let all = events(ran);
    let ended = all.iter().filter(|event| event["event"] == "rehearsalEnded");
    let result = |event: &Value| {
        let text = |field: &str| event[field].as_str().unwrap().to_owned();
        format!("{}: {}", text("template"), text("result"))
    };
    ended.map(result).collect()
}

fn finished(ran: &Ran) -> Value {
    events(ran).pop().unwrap()
}

/// The pods of rehearsals that there are.
fn left(app: &App) -> Vec<String> {
    let listed: Value = serde_json::from_str(&app.kubectl(&["get", "pods", "-o", "json"])).unwrap();
    let pods = listed["items"].as_array().unwrap().iter();
    let marked = pods.filter(|pod| !pod["metadata"]["annotations"][MARK].is_null());
    let going = marked.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
    going.map(|pod| pod["metadata"]["name"].to_string()).collect()
}

/// Content of the head, but for what the server writes.
fn head(app: &App) -> Option<Value> {
    let head = app.namespace.get("", "ConfigMap", "delivery-app-journal")?;
    Some(head.at("/binaryData").cloned().unwrap_or_default())
}
