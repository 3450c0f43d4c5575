//! `kubectl delivery forget`: an application goes on without this tool. Its objects stay.

use super::console::{self, OutputMode};
use super::state_args::{LockArgs, StateArgs};
use crate::cli::{ConnectionArgs, Context, Exit, JsonFormat};
use crate::model::phrase::counted;
use crate::report::{self, clean};
use crate::usecase::forget::{Forgetting, Request, parse_manager};
use crate::usecase::signals::Signals;
use crate::usecase::{Channels, CommandError};
use clap::Args as ClapArgs;
use serde_json::{Value, json};
use std::io::Write;

/// Arguments of `forget`.
#[derive(ClapArgs, Debug)]
#[command(
    before_help = "Examples:
  kubectl delivery forget shop -n shop --manager kubectl
  kubectl delivery forget shop -n shop --manager helm --dry-run",
    after_help = "Exit codes:
  0  forgotten, or shown with --dry-run
  1  wrong usage, no such release, or the cluster cannot be reached
  2  a promotion is unfinished, the stored state was altered, or not confirmed; nothing was changed
  5  another run holds the lock"
)]
pub struct Args {
    /// Name of the release
    #[arg(value_name = "NAME")]
    name: String,
    /// Field manager that becomes the owner of the fields, such as `kubectl` for `kubectl apply --server-side`
    #[arg(long, value_name = "MANAGER", value_parser = parse_manager)]
    manager: String,
    /// Stop after the plan; nothing is changed
    #[arg(long)]
    dry_run: bool,
    /// Do not ask for confirmation
    #[arg(short, long)]
    yes: bool,
    #[command(flatten)]
    lock: LockArgs,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<JsonFormat>,
    #[command(flatten)]
    state: StateArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

impl Args {
    fn request(&self) -> Result<Request, CommandError> {
        Ok(Request {
            name: self.name.clone(),
            manager: self.manager.clone(),
            connection: self.connection.options(),
            key: self.state.key()?,
            lock_timeout: self.lock.lock_timeout,
        })
    }
}

/// Shows what it comes to, asks, and forgets.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let forgetting = Forgetting::prepare(args.request()?).await?;
    let is_json = args.output.is_some();
    if !is_json {
        show(&forgetting, args.dry_run, context)?;
    }
    if !args.dry_run {
        if !args.yes {
            confirm(&forgetting, context).await?;
        }
        let channels = Channels {
            signals: Signals::listen(),
            // Whatever is noted meanwhile stands beside the document, and not in it.
            events: console::events(OutputMode::Text, context),
        };
        forgetting.execute(channels).await?;
    }

    let mut out = context.stdout();
    if is_json {
        report::json(&document(&forgetting, !args.dry_run), &mut out)?;
    } else if !args.dry_run {
        let name = clean(&forgetting.release.name).into_owned();
        writeln!(
            context.stderr(),
            "release {name} forgotten; no object was deleted"
        )?;
    }
    out.flush()?;
    Ok(Exit::OK)
}

fn show(forgetting: &Forgetting, is_dry_run: bool, context: &Context) -> Result<(), CommandError> {
    let Forgetting {
        release,
        manager,
        objects,
        ..
    } = forgetting;
    let mut out = context.stdout();
    for object in objects {
        writeln!(
            out,
            "{}  managed by {}",
            clean(&object.to_string()),
            clean(manager)
        )?;
    }
    let count = counted(objects.len(), "object");
    let end = if is_dry_run { " (dry run)" } else { "" };
    writeln!(
        out,
        "release {} in {}: {count} to leave in place; to delete: its history, its stored releases and their seal{end}",
        clean(&release.name),
        clean(&forgetting.identity().to_string()),
    )?;
    Ok(out.flush()?)
}

async fn confirm(forgetting: &Forgetting, context: &Context) -> Result<(), CommandError> {
    let name = &forgetting.release.name;
    let place = forgetting.identity();
    let question = format!("forget release {name} in {place}? No promotion of it can be reverted afterwards");
    console::confirm(&question, "add --yes to forget it without confirmation", context).await
}

fn document(forgetting: &Forgetting, is_forgotten: bool) -> Value {
    let Forgetting {
        release,
        manager,
        objects,
        promoted,
        ..
    } = forgetting;
    json!({
        "name": release.name,
        "namespace": release.namespace,
        "cluster": forgetting.identity(),
        "revision": promoted.as_ref().map(|entry| entry.revision),
        "manager": manager,
        "objects": objects.iter().map(|object| object.id()).collect::<Vec<_>>(),
        "forgotten": is_forgotten,
    })
}
