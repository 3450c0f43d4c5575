//! What the cluster keeps of a release alone would do, and nothing else confirms: shown with its content, and asked for by
//! a question of its own.

use super::console::{Console, answer};
use crate::cli::Context;
use crate::execute::{RunReport, Unconfirmed};
use crate::model::k8s::writers::drop_bookkeeping;
use crate::model::phrase::counted;
use crate::plan::allowance;
use crate::report::{Redactor, clean};
use crate::usecase::system::random_key;
use crate::usecase::{Attempt, CommandError, ErrorKind, Recovery};
use std::io::Write;

impl Console<'_> {
    /// Runs it to its end, and asks about what nothing else confirms.
    pub async fn recover(&self, mut recovery: Recovery) -> Result<RunReport, CommandError> {
        loop {
            match recovery.attempt().await? {
                Attempt::Ended(report) => return Ok(report),
                Attempt::Unconfirmed(found) => {
                    self.until_interrupted(confirm(&found, self.context)).await?;
                    recovery.confirm(found);
                }
            }
        }
    }
}

/// Shows it, with what each object is.
fn show(found: &[Unconfirmed], context: &Context) -> Result<(), CommandError> {
    let mut err = context.stderr();
    writeln!(
        err,
        "UNCONFIRMED: only the stored state in the cluster asks for this, and it may have been altered"
    )?;
    for one in found {
        writeln!(err, "  {} {}", one.verb, clean(&one.object.to_string()))?;
        for line in content(one)?.lines() {
            writeln!(err, "      {}", clean(line))?;
        }
    }
    Ok(())
}

/// Shows what a promotion would ask about, where nothing is asked yet.
pub fn show_needed(found: &[Unconfirmed], context: &Context) -> Result<(), CommandError> {
    if found.is_empty() {
        return Ok(());
    }
    show(found, context)?;
    writeln!(context.stderr(), "needs confirmation, or {}", flags(found))?;
    Ok(())
}

/// The flags that allow it.
fn flags(found: &[Unconfirmed]) -> String {
    let flags = found
        .iter()
        .map(|one| format!("--allow-unconfirmed {}", allowance(&one.object)));
    flags.collect::<Vec<_>>().join(" ")
}

/// Shows it and asks. A run without a terminal is told what to type; `--yes` is no answer.
pub async fn confirm(found: &[Unconfirmed], context: &Context) -> Result<(), CommandError> {
    show(found, context)?;
    if !context.can_ask() {
        let objects = counted(found.len(), "object");
        let error = CommandError::new(
            ErrorKind::Refused,
            format!("refused: {objects} unconfirmed; nothing was changed"),
        );
        return Err(error.with_hint(format!("to confirm: add {}", flags(found))));
    }
    let mut err = context.stderr();
    write!(err, "confirm? type yes: ")?;
    err.flush()?;
    if answer().await? != "yes" {
        return Err(CommandError::new(
            ErrorKind::Refused,
            "not confirmed; nothing was changed",
        ));
    }
    Ok(())
}

/// What the object would be, without what is secret and what the server writes.
fn content(one: &Unconfirmed) -> Result<String, CommandError> {
    let Some(object) = &one.content else {
        return Ok(String::new());
    };
    let mut redactor = Redactor::new(random_key()?);
    redactor.learn(object);
    let mut shown = redactor.object(object);
    if let Some(metadata) = shown
        .get_mut("metadata")
        .and_then(serde_json::Value::as_object_mut)
    {
        drop_bookkeeping(metadata);
    }
    Ok(crate::load::to_yaml(&shown))
}
