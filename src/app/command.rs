//! The commands: one line each. `commands/NAME.rs` holds `Args` and `run`.
//!
//! A macro makes enum, dispatch and exit codes of the same line, so that no command can lack one of them.

use crate::cli::{Context, Exit, Family, GlobalArgs};
use crate::commands;
use crate::usecase::CommandError;
use clap::{Parser, Subcommand};

/// Closes the gap between what CI tested and what runs
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
    /// Write down what CI tests: manifests, and each image as a digest
    Record(record): Acting,
    /// Say what a test of a release found
    Attest(attest): Acting,
    /// Sign a release
    Sign(sign): Acting,
    /// Check who signed a release, and what its evidence says
    Verify(verify): Acting,
    /// Put a release and its statements into a registry or an OCI layout
    Push(push): Acting,
    /// Get a release and its statements out of a registry or an OCI layout
    Pull(pull): Acting,
    /// Show what is in a release
    Show(show): Acting,
    /// Compare two releases, or a release and an environment, without a cluster
    Compare(compare): Comparing,
    /// Print the objects that a promotion would apply
    Render(render): Acting,
    /// Compare what runs with what was tested
    Diff(diff): Comparing,
    /// Show what each container runs, by digest, and whether its tag has moved
    Images(images): Acting,
    /// Bring a cluster to a release, all of it or none of it
    Promote(promote): Acting,
    /// Put back what a promotion changed
    #[command(alias = "rollback")]
    Revert(revert): Acting,
    /// Show what is promoted, what is in progress, and how each workload is
    Status(status): Acting,
    /// Show what was promoted, by whom, how it ended and why
    History(history): Acting,
    /// Verify, accept or rotate the seal of what the cluster keeps of a release
    State(state): Acting,
    /// Stop managing an application: its objects stay, and another field manager gets their fields
    Forget(forget): Acting,
    /// Wait for a release that another tool applies: judge it, prove its images, see that it stays well
    Wait(wait): Acting,
    /// Print the versions of this program and of the API server
    Version(version): Acting,
    /// Print a completion script for a shell
    Completion(completion): Acting,
    /// Write the manual pages
    Man(man): Acting,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

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
