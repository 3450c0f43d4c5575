//! `diff --watch`: what `watch` does, with its periods as they are by default.

use super::Args;
use crate::cli::{Context, DiffFormat, Exit, JsonFormat};
use crate::commands::watch::{RESYNC, STARTS_EVERY, start};
use crate::usecase::diff::{DiffRequest, DiffSource};
use crate::usecase::watch::WatchRequest;
use crate::usecase::{CommandError, Scope};

/// Watches until it is interrupted.
pub(super) async fn run(request: DiffRequest, args: &Args, context: &Context) -> Result<Exit, CommandError> {
    let output = match args.output {
        DiffFormat::Text => None,
        DiffFormat::Json => Some(JsonFormat::Json),
        _ => return Err(CommandError::usage("--watch prints text or json")),
    };
    let name = match request.source {
        DiffSource::Promoted(name) if request.environment.is_none() => name,
        _ => {
            let message = "--watch compares promoted releases, and takes no file";
            return Err(CommandError::usage(message).with_hint("name a promoted release, or add --all or -A"));
        }
    };
    let scope = Scope::connect(&args.connection.options()).await?;
    let watched = WatchRequest {
        name,
        selection: args.selection.selection().unwrap_or_default(),
        mode: request.mode,
        starts: request.starts,
        starts_every: STARTS_EVERY,
        resync: RESYNC,
        access: request.access,
        registries: request.registries,
    };
    start(watched, &scope, (output, Vec::new()), context).await
}
