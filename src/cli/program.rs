//! The name that the program was started by: kubectl's plugin, its completer, or the same file under another name.

use crate::report::{set_command, typed};
use clap::builder::StyledStr;
use std::ffi::OsStr;
use std::path::Path;

/// How kubectl's plugins begin.
const PLUGIN: &str = "kubectl-";

/// How the completers of kubectl's plugins begin: kubectl looks for one when TAB is pressed.
const COMPLETER: &str = "kubectl_complete-";

/// Windows adds it to every program.
const ENDING: &str = ".exe";

/// The program by its file's name, without its directory and ending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program(String);

impl Program {
    /// From the first word of the command line. kubectl gives the path of the file, a link's own where it is a link.
    pub fn from_argument(argument: Option<&OsStr>) -> Self {
        let name = argument.and_then(|argument| Path::new(argument).file_name());
        let name = name.unwrap_or_default().to_string_lossy();
        Self(name.strip_suffix(ENDING).unwrap_or(&name).to_owned())
    }

    /// Whether kubectl asks what to propose.
    pub fn is_completer(&self) -> bool {
        self.0.starts_with(COMPLETER)
    }

    /// Has all that is to be typed name this plugin; a file with another name is no plugin, and changes nothing.
    pub fn name_commands(&self) {
        if let Some(command) = self.command() {
            set_command(&command);
        }
    }

    /// What a user types: `kubectl release-drift` for `kubectl-release_drift`, as kubectl finds its plugins. None of a file
    /// with another name.
    fn command(&self) -> Option<String> {
        let words = self.0.strip_prefix(PLUGIN).filter(|words| !words.is_empty())?;
        Some(format!("kubectl {}", words.replace('-', " ").replace('_', "-")))
    }
}

/// The same definition: in its examples, and those of the commands below it, the command that was typed.
pub fn named_as_typed(command: clap::Command) -> clap::Command {
    let named = |text: Option<&StyledStr>| text.map(|text| typed(&text.to_string()).into_owned());
    let (before, after) = (named(command.get_before_help()), named(command.get_after_help()));
    let name = command.get_bin_name().map(|name| typed(name).into_owned());

    let mut command = command.mut_subcommands(named_as_typed);
    if let Some(text) = before {
        command = command.before_help(text);
    }
    if let Some(text) = after {
        command = command.after_help(text);
    }
    match name {
        Some(name) => command.bin_name(name),
        None => command,
    }
}

/// The file that kubectl looks for where this command is typed.
pub fn plugin_file(command: &str) -> String {
    command.replace('-', "_").replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("kubectl-delivery", Some("kubectl delivery"))]
    #[case("/home/me/.krew/bin/kubectl-release_drift", Some("kubectl release-drift"))]
    #[case("kubectl-release_drift.exe", Some("kubectl release-drift"))]
    // A plugin below a word of its own.
    #[case("kubectl-acme-release_drift", Some("kubectl acme release-drift"))]
    #[case("delivery", None)]
    #[case("kubectl-", None)]
    #[case("", None)]
    fn a_plugins_file_says_what_is_typed(#[case] file: &str, #[case] expected: Option<&str>) {
        let program = Program::from_argument(Some(OsStr::new(file)));
        assert_eq!(program.command().as_deref(), expected);
        assert!(!program.is_completer());
    }

    #[test]
    fn a_completer_is_known_under_each_name() {
        for file in [
            "/bin/kubectl_complete-delivery",
            "kubectl_complete-release_drift",
            "kubectl_complete-delivery.exe",
        ] {
            let program = Program::from_argument(Some(OsStr::new(file)));
            assert!(program.is_completer(), "{file}");
        }
        assert!(!Program::from_argument(None).is_completer());
    }

    #[test]
    fn a_command_leads_back_to_its_file() {
        for (command, file) in [
            ("kubectl delivery", "kubectl-delivery"),
            ("kubectl release-drift", "kubectl-release_drift"),
        ] {
            assert_eq!(plugin_file(command), file);
        }
    }
}
