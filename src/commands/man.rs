//! `kubectl delivery man FOLDER`: the manual pages, made from the commands' own definition.

use crate::cli::{Context, Exit};
use crate::usecase::CommandError;
use clap::{Args as ClapArgs, Command};
use std::fs;
use std::path::{Path, PathBuf};

/// Arguments of `man`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery man ~/.local/share/man/man1 && man kubectl-delivery")]
pub struct Args {
    /// Directory for the pages
    folder: PathBuf,
}

/// Writes one page a command.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let failed = |error: std::io::Error| {
        CommandError::usage(format!(
            "cannot write the manual pages to {}",
            args.folder.display()
        ))
        .with_source(&error)
    };
    fs::create_dir_all(&args.folder).map_err(failed)?;
    write_page(&args.folder, context.root(), "kubectl-delivery").map_err(failed)?;
    for command in context
        .root()
        .get_subcommands()
        .filter(|command| !command.is_hide_set())
    {
        let name = format!("kubectl-delivery-{}", command.get_name());
        write_page(&args.folder, command.clone(), &name).map_err(failed)?;
    }
    Ok(Exit::OK)
}

fn write_page(folder: &Path, command: Command, name: &str) -> std::io::Result<()> {
    let usage =
        name.replacen("kubectl-delivery", "kubectl delivery", 1)
            .replacen("delivery-", "delivery ", 1);
    let mut page = Vec::new();
    clap_mangen::Man::new(command.name(name.to_owned()).bin_name(usage)).render(&mut page)?;
    fs::write(folder.join(format!("{name}.1")), page)
}
