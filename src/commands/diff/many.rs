//! `diff --all`, `-A` and `-l`: several promoted releases at once.

use super::{Args, style};
use crate::cli::{Context, DiffFormat, Exit};
use crate::load::to_yaml;
use crate::report;
use crate::report::diff::many::{self, ManyView};
use crate::usecase::diff::DiffRequest;
use crate::usecase::many::{DiffManyRequest, ReleaseSelection, diff_many, ensure_read};
use crate::usecase::{CommandError, Scope};
use std::io::Write;

/// Compares, shows.
pub async fn run(
    selection: ReleaseSelection,
    each: DiffRequest,
    args: &Args,
    context: &Context,
) -> Result<Exit, CommandError> {
    if each.environment.is_some() || !each.manifests.is_empty() {
        let message = "-e, -f and -k are of one release: several are compared as they were promoted";
        return Err(CommandError::usage(message).with_hint("name the release instead of --all, -A or -l"));
    }
    let scope = Scope::connect(&args.connection.options()).await?;
    let view = diff_many(&DiffManyRequest { selection, each }, &scope).await?;
    show(&view, &scope.home, args, context)?;
    ensure_read(&view)?;
    Ok(Exit::from_differences(view.has_differences()))
}

fn show(view: &ManyView, namespace: &str, args: &Args, context: &Context) -> Result<(), CommandError> {
    let mut out = context.stdout();
    match args.output {
        DiffFormat::Text => many::text(view, style(args, context), &mut out)?,
        DiffFormat::Json => report::json(view, &mut out)?,
        DiffFormat::Yaml => out.write_all(to_yaml(view).as_bytes())?,
        DiffFormat::Name => many::name(view, &mut out)?,
        DiffFormat::Markdown => {
            let command = format!("kubectl delivery diff {}", args.selection.as_given(namespace));
            many::markdown(view, args.markdown.limit(&command), &mut out)?;
        }
        DiffFormat::Junit => many::junit(view, &mut out)?,
        DiffFormat::Html => many::html(view, &mut out)?,
        DiffFormat::Patch => {
            let message = "-o patch is of one release: its patches belong to one directory of manifests";
            return Err(CommandError::usage(message).with_hint("name the release instead of --all, -A or -l"));
        }
    }
    out.flush()?;
    Ok(())
}
