//! `kubectl delivery completion`: scripts for the shells, which ask the program itself for proposals.

use crate::cli::{Context, Exit, plugin_file};
use crate::report::command;
use crate::usecase::CommandError;
use clap::{Args as ClapArgs, ValueEnum};

/// Arguments of `completion`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  # kubectl delivery <TAB>, in every shell that kubectl completes in: a link next to the program
  ln -s \"$(command -v kubectl-delivery)\" ~/.local/bin/kubectl_complete-delivery
  # on Windows, a copy: kubectl_complete-delivery.exe
  # kubectl-delivery <TAB>
  source <(kubectl-delivery completion bash)
  kubectl-delivery completion zsh > \"${fpath[1]}/_kubectl-delivery\"
  kubectl-delivery completion fish > ~/.config/fish/completions/kubectl-delivery.fish
  kubectl-delivery completion powershell >> $PROFILE")]
pub struct Args {
    /// Shell
    shell: Shell,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    /// For bash
    Bash,
    /// For zsh
    Zsh,
    /// For fish
    Fish,
    /// For PowerShell
    Powershell,
}

/// Prints the script.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let script = match args.shell {
        Shell::Bash => include_str!("completion/bash.sh"),
        Shell::Zsh => include_str!("completion/zsh.sh"),
        Shell::Fish => include_str!("completion/fish.fish"),
        Shell::Powershell => include_str!("completion/powershell.ps1"),
    };
    // Under another name the program is another one to the shell, with functions of its own.
    let file = plugin_file(command());
    let script = script
        .replace("kubectl_delivery", &file.replace('-', "_"))
        .replace("kubectl-delivery", &file);
    let mut out = context.data();
    out.write_all(script.as_bytes())?;
    out.flush()?;
    Ok(Exit::OK)
}
