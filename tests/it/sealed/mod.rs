//! What a release keeps in the cluster, altered by somebody who may write there: nothing of it is believed, and there is a
//! way on.

mod altered;
mod forged;
mod forger;
mod keys;
mod newer;
mod reach;
mod ways_on;

use crate::execute::app::{App, NAME, map};
use crate::harness::{Ran, Run};
use serde_json::{Value, json};
use std::process::Command;

/// A release of one ConfigMap.
fn version(value: &str) -> Vec<Value> {
    vec![map("config", json!({"a": value}))]
}

/// Promoted once, as version 1.
fn promoted() -> App {
    let app = App::new();
    app.promote("1", &version("1")).run().exits(0);
    app
}

fn command(app: &App, arguments: &[&str]) -> Command {
    let mut command = app.delivery();
    command.args(arguments).args(["-n", app.namespace.name()]);
    command
}

fn state(app: &App, what: &str) -> Command {
    command(app, &["state", what, NAME])
}

/// The same on a terminal on which a person types an answer.
pub fn answered(command: &Command, answer: &str) -> Ran {
    let quoted = |word: &std::ffi::OsStr| format!("'{}'", word.to_string_lossy().replace('\'', "'\\''"));
    let words: Vec<String> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(quoted)
        .collect();
    let mut terminal = Command::new("script");
    terminal.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            terminal.env(key, value);
        }
    }
    terminal.run_with(&format!("{answer}\n"))
}

fn value_of(app: &App) -> String {
    app.namespace
        .get("", "ConfigMap", "config")
        .unwrap()
        .text("/data/a")
        .to_owned()
}

/// Replaces a ConfigMap by another content, as somebody who may only write ConfigMaps does.
fn rewrite(app: &App, name: &str, change: impl Fn(&mut Value)) {
    let mut object = app.namespace.get("", "ConfigMap", name).unwrap().value().clone();
    change(&mut object);
    object["metadata"]
        .as_object_mut()
        .unwrap()
        .retain(|key, _| ["name", "namespace", "labels"].contains(&&**key));
    app.kubectl(&["delete", "configmap", name]);
    assert_eq!(app.kubectl_with(&["create"], &object).code, Some(0));
}
