//! The commands: one line each. `commands/NAME.rs` holds `Args` and `run`.
//!
//! A macro makes enum, dispatch and exit codes of the same line, so that no command can lack one of them.

use crate::cli::{Context, Exit, Family, GlobalArgs, named_as_typed};
use crate::commands;
use crate::usecase::CommandError;
use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::ffi::OsString;

/// Promote to Kubernetes clusters exactly what CI tested
#[derive(Parser, Debug)]
#[command(
    name = "kubectl-delivery",
    bin_name = "kubectl delivery",
    version,
    disable_help_subcommand = true,
    before_help = "Examples:
  kubectl delivery record -k deploy/ci --name shop --version 1.4.2 -o shop.release.yaml
  kubectl delivery diff shop.release.yaml -e environments/production.yaml
  kubectl delivery promote shop.release.yaml -e environments/production.yaml",
    after_help = "Exit codes and every command's flags: kubectl delivery COMMAND --help"
)]
pub struct Cli {
    /// Flags of every command.
    #[command(flatten)]
    pub global: GlobalArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Parses a command line, with help that names the command as it was typed.
///
/// # Errors
///
/// Those of the parser, which are help as well.
pub fn parse(arguments: &[OsString]) -> Result<Cli, clap::Error> {
    let root = named_as_typed(Cli::command());
    Cli::from_arg_matches(&root.try_get_matches_from(arguments)?)
}

/// Makes the enum, its dispatch and its families of lines `Variant(module): Family`.
macro_rules! commands {
    ($($(#[$meta:meta])* $variant:ident($module:ident): $family:ident,)+) => {
        /// What to do.
        #[derive(Subcommand, Debug)]
        pub enum Command {
            // Boxed: each command would be as large as the one with the most flags.
            $($(#[$meta])* $variant(Box<commands::$module::Args>),)+
        }

        impl Command {
            /// Runs it.
            pub async fn run(self, context: &Context) -> Result<Exit, CommandError> {
                match self {
                    // Boxed: the futures of all commands would lie in one.
                    $(Command::$variant(args) => Box::pin(commands::$module::run(*args, context)).await,)+
                }
            }

            /// Whose exit codes it has.
            pub fn family(&self) -> Family {
                match self {
                    $(Command::$variant(_) => Family::$family,)+
                }
            }

            /// The family of the command of that name, for errors that come before it is parsed.
            pub fn family_of(name: &str) -> Option<Family> {
                let names = [$((stringify!($module), Family::$family),)+];
                names.into_iter().find(|(module, _)| module.replace('_', "-") == name).map(|(_, family)| family)
            }
        }
    };
}

// In the order of `--help`. `Comparing`: exit 1 means differences, and errors are 2 and above.
commands! {
    /// Record what CI tests as a release: manifests, with image digests
    Record(record): Acting,
    /// Attach test evidence to a release
    Attest(attest): Acting,
    /// Sign a release
    Sign(sign): Acting,
    /// Verify the signatures and the evidence of a release
    Verify(verify): Acting,
    /// Push a release and its attestations to a registry or an OCI layout
    Push(push): Acting,
    /// Pull a release and its attestations from a registry or an OCI layout
    Pull(pull): Acting,
    /// Show the contents of a release
    Show(show): Acting,
    /// Compare two releases, or a release and an environment, without a cluster
    Compare(compare): Comparing,
    /// Print the objects that a promotion would apply
    Render(render): Acting,
    /// Compare live objects with the release
    Diff(diff): Comparing,
    /// Show the image digest of each container, and whether its tag has moved
    Images(images): Acting,
    /// Promote a release: apply it, watch the rollout, roll back if it fails
    Promote(promote): Acting,
    /// Revert the last promotion or promote an earlier revision
    #[command(alias = "rollback")]
    Revert(revert): Acting,
    /// Show the promoted release, unfinished promotions and the health of each workload
    Status(status): Acting,
    /// Show past promotions: by whom, and how each ended
    History(history): Acting,
    /// Verify, accept or rotate the seal of the stored state of a release
    State(state): Acting,
    /// Delete the objects of a release; a revert recreates them
    Delete(delete): Acting,
    /// Stop managing an application: keep its objects and give their fields to another field manager
    Forget(forget): Acting,
    /// Wait until a release that another tool applies is ready, verify its image digests, soak
    Wait(wait): Acting,
    /// Watch promoted releases, and report drift as it comes and goes
    Watch(watch): Comparing,
    /// Print the versions of this program and of the API server
    Version(version): Acting,
    /// Print a shell completion script
    Completion(completion): Acting,
    /// Write the manual pages
    Man(man): Acting,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_commands_do_not_contradict_each_other() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_help_of_each_command_begins_with_examples_and_explains_each_flag() {
        // Global flags reach the commands only when they are built.
        let mut root = Cli::command();
        root.build();

        for command in root.get_subcommands() {
            let name = command.get_name();
            let examples = command
                .get_before_help()
                .map(ToString::to_string)
                .unwrap_or_default();

            assert!(examples.starts_with("Examples:\n"), "{name} has no examples");
            assert!(examples.contains("kubectl delivery "), "{name}: {examples}");
            assert!(command.get_about().is_some(), "{name} says nothing about itself");

            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{name}: {} has no help", arg.get_id());
            }
        }
    }

    /// A word with a letter too many, too few, and two that are swapped.
    fn slips(word: &str) -> Vec<String> {
        let letters: Vec<char> = word.chars().collect();
        let cut = letters.len() / 2;
        let join = |letters: &[char]| letters.iter().collect::<String>();
        let mut swapped = letters.clone();
        swapped.swap(cut - 1, cut);
        let (start, end) = letters.split_at(cut);
        vec![
            format!("{}x{}", join(start), join(end)),
            join(start) + &join(&end[1..]),
            join(&swapped),
        ]
    }

    #[test]
    fn no_slip_in_any_flag_of_any_command_leads_to_one_that_switches_a_check_off() {
        let mut root = Cli::command();
        root.build();
        let guarded = [
            "--insecure",
            "--waive",
            "--overwrite",
            "--allow-",
            "--discard-state",
            "--prune-kept",
            "--adopt",
            "--yes",
        ];

        let mut guesses = 0;
        for command in root.get_subcommands() {
            let flags = command.get_arguments().filter_map(clap::Arg::get_long);
            // A single letter has no slip that is like it.
            for flag in flags.filter(|flag| flag.len() > 1) {
                for slip in slips(flag) {
                    let line = ["kubectl-delivery", command.get_name(), &format!("--{slip}")];
                    let words = line.map(std::ffi::OsString::from);
                    // A flag that is cut short may be one of its own.
                    let Err(error) = Cli::try_parse_from(&words) else {
                        continue;
                    };
                    let hints = crate::cli::usage_error(&error, &words, &root).hints.join("\n");
                    guesses += usize::from(hints.contains("did you mean"));
                    for flag in guarded {
                        assert!(!hints.contains(flag), "{} --{slip}: {hints}", command.get_name());
                    }
                }
            }
        }
        assert!(guesses > 200, "{guesses} guesses");
    }

    #[test]
    fn the_command_lines_family_is_known_before_it_is_parsed() {
        // By its first name: an alias has the exit codes of whatever is unknown, `Acting`.
        for command in Cli::command().get_subcommands() {
            assert!(
                Command::family_of(command.get_name()).is_some(),
                "{}",
                command.get_name()
            );
        }
    }
}
