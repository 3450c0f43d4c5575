//! `KUBECTL_EXTERNAL_DIFF`: the objects that differ as files, for a tool of the user's choice. Values of Secrets are
//! hidden in the files too; nobody else may read them, and a signal leaves none behind.

use super::differences::Differences;
use super::signals::Signals;
use super::{CommandError, ErrorKind};
use crate::compare;
use crate::load::to_yaml;
use crate::model::finding::{ObjectComparison, ObjectStatus};
use crate::model::k8s::writers::drop_bookkeeping;
use crate::model::{Object, Target};
use crate::platform;
use crate::report::{Redactor, clean};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use tokio::process::Command;

/// The variable that kubectl reads too.
const VARIABLE: &str = "KUBECTL_EXTERNAL_DIFF";

/// The tool and its arguments, where the variable names one.
pub fn find_tool() -> Option<Vec<String>> {
    let text = std::env::var(VARIABLE).ok()?;
    let words: Vec<String> = text.split_whitespace().map(String::from).collect();
    (!words.is_empty()).then_some(words)
}

/// Lets the tool show the objects; its output goes where ours does.
///
/// # Errors
///
/// Where the files cannot be written, the tool cannot be run or ends with a code above 1, or a signal comes.
pub async fn run(tool: &[String], differences: &Differences) -> Result<(), CommandError> {
    let [program, arguments @ ..] = tool else {
        return Ok(());
    };
    // Before the first file: a signal from here on ends with the folder removed.
    let signals = Signals::listen();
    let folder = private_folder()?;
    let (live, merged) = (folder.path().join("LIVE"), folder.path().join("MERGED"));
    fs::create_dir(&live)?;
    fs::create_dir(&merged)?;
    let differs = |object: &&ObjectComparison| object.status != ObjectStatus::Same;
    for object in differences.comparison.objects.iter().filter(differs) {
        write(object, &differences.redactor, &live, &merged)?;
    }

    let mut command = Command::new(program);
    command.args(arguments).arg(&live).arg(&merged).kill_on_drop(true);
    let ended = async {
        let status = command.status().await;
        status.map(|status| status.code()).map_err(|error| {
            CommandError::new(ErrorKind::Usage, format!("cannot run {program}: {error}"))
                .with_hint(format!("set {VARIABLE} to a program such as `diff -u -N`"))
        })
    };
    match signals.end(ended).await? {
        // As diff(1) ends: 1 means that there are differences.
        Some(0 | 1) => Ok(()),
        other => {
            let code = other.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            Err(CommandError::new(
                ErrorKind::Other,
                format!("{program} failed: {code}"),
            ))
        }
    }
}

/// A folder that nobody else may look into.
fn private_folder() -> std::io::Result<tempfile::TempDir> {
    let mut builder = tempfile::Builder::new();
    platform::make_private(&mut builder);
    builder.tempdir()
}

/// A file that nobody else may read.
fn write_private(path: &Path, text: &str) -> std::io::Result<()> {
    platform::open_private(path)?.write_all(text.as_bytes())
}

/// Writes an object as it is, and as an apply would leave it.
fn write(
    object: &ObjectComparison,
    redactor: &Redactor,
    live: &Path,
    merged: &Path,
) -> Result<(), CommandError> {
    let name = file_name(&object.target);
    let text = |object: &Object| to_yaml(&without_server_fields(redactor.object(object)));
    let held = object.live.object();
    if let Some(held) = held {
        write_private(&live.join(&name), &text(held))?;
    }

    let would = match (&object.predicted, &object.desired, held) {
        (Some(predicted), ..) => Some(predicted.clone()),
        // Without the server's answer: laid over what is there, or each default would show as removed.
        (None, Some(desired), Some(held)) => Some(compare::overlay(desired, held)),
        (None, desired, _) => desired.clone(),
    };
    if let Some(would) = would {
        write_private(&merged.join(&name), &text(&would))?;
    }
    Ok(())
}

/// As kubectl names it.
fn file_name(target: &Target) -> String {
    let resource = &target.resource;
    let namespace = target.namespace.as_deref().unwrap_or_default();
    [
        &resource.group,
        &resource.version,
        &resource.kind,
        namespace,
        &target.name,
    ]
    .map(|part| clean(part).replace(['/', ':'], "_"))
    .join(".")
}

fn without_server_fields(mut object: Value) -> Value {
    if let Some(map) = object.as_object_mut() {
        map.shift_remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        drop_bookkeeping(metadata);
    }
    object
}
