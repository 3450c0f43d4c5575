//! Errors of the command line: what is wrong with it first, and what to type.
//!
//! The parser's own errors come in, whose words are another program's. A guess never leads to a flag that switches a check
//! off: whoever needs one of those has to know it.

use crate::model::similar::nearest;
use crate::usecase::CommandError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::ffi::OsString;

/// What others call our commands, and what it is here: a word behind the command may say more.
const OTHER_NAMES: [(&str, &[&str]); 22] = [
    ("apply", &["promote RELEASE"]),
    ("deploy", &["promote RELEASE"]),
    ("install", &["promote RELEASE"]),
    ("upgrade", &["promote RELEASE"]),
    ("sync", &["promote RELEASE"]),
    (
        "release",
        &["record -f MANIFESTS --name NAME --version VERSION -o NAME.release.yaml"],
    ),
    (
        "create",
        &["record -f MANIFESTS --name NAME --version VERSION -o NAME.release.yaml"],
    ),
    (
        "build",
        &["record -f MANIFESTS --name NAME --version VERSION -o NAME.release.yaml"],
    ),
    ("rollout", &["status", "history", "revert"]),
    ("undo", &["revert"]),
    ("abort", &["revert"]),
    ("get", &["status"]),
    ("list", &["status -A"]),
    ("ls", &["status -A"]),
    ("describe", &["status", "show RELEASE"]),
    ("inspect", &["show RELEASE"]),
    ("template", &["render RELEASE"]),
    ("drift", &["diff RELEASE"]),
    ("log", &["history"]),
    ("logs", &["history"]),
    ("resume", &["promote --resume NAME"]),
    ("uninstall", &["forget NAME --manager MANAGER"]),
];

/// Flags that switch a check off, by how they begin.
const SWITCHES: [&str; 8] = [
    "insecure",
    "allow",
    "waive",
    "overwrite",
    "discard-state",
    "prune-kept",
    "adopt",
    "yes",
];

/// What is wrong with a command line. `root` is the definition of all commands, built.
pub fn usage_error(error: &clap::Error, arguments: &[OsString], root: &clap::Command) -> CommandError {
    let line = Line::parse(arguments, root);
    let text = |kind| context(error, kind);

    let (message, hints) = match error.kind() {
        ErrorKind::InvalidSubcommand => line.unknown_command(&text(ContextKind::InvalidSubcommand)),
        ErrorKind::MissingSubcommand => ("no command".to_owned(), vec![format!("{} --help", line.typed())]),
        ErrorKind::UnknownArgument => line.unknown_argument(&text(ContextKind::InvalidArg)),
        ErrorKind::InvalidValue if text(ContextKind::InvalidValue).is_empty() => {
            let argument = name(&text(ContextKind::InvalidArg)).to_owned();
            (format!("{argument}: no value"), vec![line.help()])
        }
        ErrorKind::InvalidValue => invalid_value(error, &line),
        ErrorKind::ValueValidation => {
            let why = std::error::Error::source(error).map(ToString::to_string);
            let argument = text(ContextKind::InvalidArg);
            let why = why.unwrap_or_else(|| format!("found {:?}", text(ContextKind::InvalidValue)));
            (format!("{}: {why}", name(&argument)), vec![line.help()])
        }
        ErrorKind::MissingRequiredArgument => line.missing_arguments(&text(ContextKind::InvalidArg)),
        ErrorKind::ArgumentConflict => {
            let others = text(ContextKind::PriorArg);
            let argument = text(ContextKind::InvalidArg);
            let message = match name(&argument) == name(&others) {
                true => format!("{} is given more than once", name(&argument)),
                false => format!("{} cannot be used with {others}", name(&argument)),
            };
            (message, vec![line.help()])
        }
        // Whatever else there is, in the parser's own words.
        _ => (first_line(error), vec![line.help()]),
    };
    hints
        .into_iter()
        .fold(CommandError::usage(message), CommandError::with_hint)
}

/// A command line, as far as it names a command.
struct Line<'l> {
    /// The words of its commands: `kubectl delivery state verify`.
    path: Vec<&'l str>,
    command: &'l clap::Command,
    /// What follows them.
    rest: Vec<String>,
}

impl<'l> Line<'l> {
    fn parse(arguments: &[OsString], root: &'l clap::Command) -> Self {
        let mut line = Self {
            path: vec!["kubectl", "delivery"],
            command: root,
            rest: Vec::new(),
        };
        let mut words = arguments
            .iter()
            .skip(1)
            .map(|word| word.to_string_lossy().into_owned());
        for word in words.by_ref() {
            match line.command.find_subcommand(&word) {
                Some(command) => {
                    line.command = command;
                    line.path.push(command.get_name());
                }
                // Global flags may stand before a command.
                None => line.rest.push(word),
            }
        }
        line
    }

    fn typed(&self) -> String {
        self.path.join(" ")
    }

    fn help(&self) -> String {
        format!("{} --help", self.typed())
    }

    fn unknown_command(&self, word: &str) -> (String, Vec<String>) {
        let command = |rest: &str| format!("{} {rest}", self.typed());
        let message = format!("unknown command {word}");

        let other = OTHER_NAMES.iter().find(|(name, _)| *name == word);
        if let Some((_, ours)) = other.filter(|_| self.path.len() == 2) {
            return (message, ours.iter().map(|rest| command(rest)).collect());
        }
        let known = self.command.get_subcommands().map(clap::Command::get_name);
        let Some(meant) = nearest(word, known) else {
            return (message, vec![self.help()]);
        };
        // The whole line again, with the word that was meant.
        let line = self
            .rest
            .iter()
            .map(|typed| if typed == word { meant } else { typed });
        (message, vec![command(&line.collect::<Vec<_>>().join(" "))])
    }

    fn unknown_argument(&self, argument: &str) -> (String, Vec<String>) {
        let Some(flag) = argument.strip_prefix("--") else {
            let what = if argument.starts_with('-') {
                "flag"
            } else {
                "argument"
            };
            return (format!("unknown {what} {argument}"), vec![self.help()]);
        };
        let flag = flag.split('=').next().unwrap_or_default();
        let known = self.command.get_arguments().filter_map(clap::Arg::get_long);
        // The nearest of all: one that is farther off is no better guess for being harmless.
        let meant = nearest(flag, known).filter(|meant| !switches_a_check_off(meant));
        let hint = match meant {
            Some(meant) => format!("did you mean --{meant}?"),
            None => self.help(),
        };
        (format!("unknown flag --{flag}"), vec![hint])
    }

    fn missing_arguments(&self, missing: &str) -> (String, Vec<String>) {
        let missing: Vec<&str> = missing.split(", ").map(name).collect();
        let mut hints = vec![format!("{} {}", self.typed(), missing.join(" "))];
        // `-f` is the habit of kubectl's users; what it names is a release, or has to become one.
        let takes_release = missing == ["RELEASE"];
        if let Some(file) = self.filename().filter(|_| takes_release) {
            hints = vec![
                format!("where it is a release: {} {file}", self.typed()),
                format!(
                    "where it holds manifests: kubectl delivery record -f {file} --name NAME --version VERSION -o NAME.release.yaml"
                ),
            ];
        }
        (format!("missing {}", missing.join(", ")), hints)
    }

    /// The value of `-f`.
    fn filename(&self) -> Option<&String> {
        let at = self
            .rest
            .iter()
            .position(|word| word == "-f" || word == "--filename")?;
        self.rest.get(at + 1)
    }
}

fn invalid_value(error: &clap::Error, line: &Line<'_>) -> (String, Vec<String>) {
    let (argument, value) = (
        context(error, ContextKind::InvalidArg),
        context(error, ContextKind::InvalidValue),
    );
    let known = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(known)) => known.clone(),
        _ => Vec::new(),
    };
    let message = format!(
        "{}: expected one of {}, found {value:?}",
        name(&argument),
        known.join(", ")
    );
    let hint = match nearest(&value, known.iter().map(String::as_str)) {
        Some(meant) => format!("did you mean {meant}?"),
        None => line.help(),
    };
    (message, vec![hint])
}

/// Whether a flag lets pass what a check would stop.
fn switches_a_check_off(flag: &str) -> bool {
    SWITCHES.iter().any(|switch| flag.starts_with(switch))
}

/// A flag or an argument without its value's name: `--timeout <TIME>` is `--timeout`, `<RELEASE>` is `RELEASE`.
fn name(argument: &str) -> &str {
    let first = argument.split([' ', '=']).next().unwrap_or_default();
    first.trim_matches(['<', '>', '[', ']', '.'])
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

fn first_line(error: &clap::Error) -> String {
    let text = error.render().to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_switches_a_check_off_is_known_by_how_it_begins() {
        for flag in [
            "insecure-skip-tls-verify",
            "allow-prune",
            "waive",
            "overwrite",
            "discard-state",
        ] {
            assert!(switches_a_check_off(flag), "{flag}");
        }
        assert!(!switches_a_check_off("timeout"));
    }

    #[test]
    fn an_argument_is_named_without_its_value() {
        for (argument, expected) in [
            ("--timeout <TIME>", "--timeout"),
            ("--dry-run[=<WHERE>]", "--dry-run"),
            ("<RELEASE>", "RELEASE"),
            ("[NAME]...", "NAME"),
        ] {
            assert_eq!(name(argument), expected);
        }
    }
}
