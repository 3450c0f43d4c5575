//! The words so far → what is to be completed. Pure: clap's own definition of the commands says everything.
//!
//! The line is half typed, so that clap cannot parse it; and the definition is not built, so that it holds what was
//! written and nothing that clap adds later. What is not understood is passed over: the worst answer is no proposal.

use super::Proposal;
use super::values::Value;
use crate::cli::ConnectionArgs;
use clap::{Arg, ArgAction, Command, ValueHint};

/// What could come.
#[derive(Debug, PartialEq)]
pub(super) enum Wanted {
    /// One of these.
    Known(Vec<Proposal>),
    /// A file: the shell knows better.
    Files,
    /// What the kubeconfig or the cluster knows.
    Asked(Value),
    /// Anything.
    Nothing,
}

/// What is to be completed.
pub(super) struct Request {
    /// What could come.
    pub wanted: Wanted,
    /// What every proposal begins with: `--namespace=` of `--namespace=sh`.
    pub prefix: String,
    /// The last word as typed.
    pub typed: String,
    /// The connection that the words name.
    pub connection: ConnectionArgs,
}

/// From the words after `kubectl delivery`; the last one is being typed.
pub(super) fn request(root: &Command, words: &[String]) -> Request {
    let (typed, before) = words
        .split_last()
        .map_or((String::new(), &[][..]), |(last, rest)| (last.clone(), rest));

    let read = read(root, before);
    let connection = read.connection();

    let (wanted, prefix) = match (&read.open, typed.split_once('=')) {
        // A flag that waits for its value comes first: the last word can be nothing else.
        (Some(arg), _) => (of_arg(arg, &read), String::new()),
        (None, Some((flag, _))) if flag.starts_with("--") => {
            let wanted = read.flag(flag).map_or(Wanted::Nothing, |arg| of_arg(arg, &read));
            (wanted, format!("{flag}="))
        }
        // After `--` a dash begins a value.
        _ if typed.starts_with('-') && !read.only_positionals => (Wanted::Known(read.flags()), String::new()),
        _ => (read.next_word(), String::new()),
    };

    Request {
        wanted,
        prefix,
        typed,
        connection,
    }
}

/// What the words before the last one say.
struct Read<'a> {
    root: &'a Command,
    command: &'a Command,
    /// A flag that waits for its value.
    open: Option<&'a Arg>,
    /// Flags with their values.
    given: Vec<(&'a Arg, Option<String>)>,
    positionals: Vec<String>,
    /// `--` was seen.
    only_positionals: bool,
}

fn read<'a>(root: &'a Command, words: &[String]) -> Read<'a> {
    let mut read = Read {
        root,
        command: root,
        open: None,
        given: Vec::new(),
        positionals: Vec::new(),
        only_positionals: false,
    };

    for word in words {
        if let Some(arg) = read.open.take() {
            read.given.push((arg, Some(word.clone())));
        } else if word == "--" {
            read.only_positionals = true;
        } else if word.starts_with('-') && word.len() > 1 && !read.only_positionals {
            read.take_flag(word);
        } else if let Some(command) = read
            .command
            .find_subcommand(word)
            .filter(|_| read.positionals.is_empty())
        {
            // Before the first positional alone: after it the same word is a value.
            read.command = command;
        } else {
            // A dash alone comes here, too: standard input is a value.
            read.positionals.push(word.clone());
        }
    }
    read
}

impl<'a> Read<'a> {
    fn take_flag(&mut self, word: &str) {
        let (name, value) = word
            .split_once('=')
            .map_or((word, None), |(name, value)| (name, Some(value)));
        // An unknown flag could take a value or none: nothing is guessed.
        let Some(arg) = self.flag(name) else { return };

        match value {
            Some(value) => self.given.push((arg, Some(value.to_owned()))),
            None if takes_value(arg) => self.open = Some(arg),
            None => self.given.push((arg, None)),
        }
    }

    fn args(&self) -> impl Iterator<Item = &'a Arg> + use<'a> {
        // From the root: clap copies global flags into a command only when it builds it.
        let global = self.root.get_arguments().filter(|arg| arg.is_global_set());
        let is_root = std::ptr::eq(self.root, self.command);

        self.command
            .get_arguments()
            .chain(global.filter(move |_| !is_root))
            .filter(|arg| !arg.is_hide_set())
    }

    fn flag(&self, name: &str) -> Option<&'a Arg> {
        match name.strip_prefix("--") {
            Some(long) => self.args().find(|arg| arg.get_long() == Some(long)),
            None => {
                let short = name.strip_prefix('-')?.chars().next();
                self.args()
                    .find(|arg| short.is_some() && arg.get_short() == short)
            }
        }
    }

    fn flags(&self) -> Vec<Proposal> {
        let is_open = |arg: &&Arg| {
            let is_repeatable = matches!(arg.get_action(), ArgAction::Append | ArgAction::Count);
            is_repeatable || !self.given.iter().any(|(given, _)| given.get_id() == arg.get_id())
        };

        let long = self
            .args()
            .filter(is_open)
            .filter_map(|arg| Some((arg.get_long()?, arg)));

        let mut flags: Vec<_> = long
            .map(|(name, arg)| Proposal::new(format!("--{name}"), help(arg)))
            .collect();
        // It is not in the definition: clap adds it when it builds the command.
        flags.push(Proposal::new("--help", "Print help"));
        flags
    }

    /// A command, or the next positional argument.
    fn next_word(&self) -> Wanted {
        let mut commands = self
            .command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .peekable();

        if commands.peek().is_some() && self.positionals.is_empty() {
            let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
            return Wanted::Known(
                commands
                    .map(|command| Proposal::new(command.get_name(), about(command)))
                    .collect(),
            );
        }

        let positionals: Vec<_> = self.command.get_positionals().collect();
        // One that repeats takes every further word.
        let last = positionals
            .last()
            .filter(|arg| matches!(arg.get_action(), ArgAction::Append));

        match positionals.get(self.positionals.len()).or(last) {
            Some(arg) => of_arg(arg, self),
            None => Wanted::Nothing,
        }
    }

    fn given(&self, id: &str) -> Option<String> {
        // Of several, the last one is what is meant.
        self.given
            .iter()
            .rev()
            .find(|(arg, _)| arg.get_id() == id)?
            .1
            .clone()
    }

    fn connection(&self) -> ConnectionArgs {
        ConnectionArgs {
            kubeconfig: self.given("kubeconfig").map(Into::into),
            context: self.given("context"),
            cluster: self.given("cluster"),
            user: self.given("user"),
            namespace: self.given("namespace"),
            server: self.given("server"),
            token: self.given("token"),
            certificate_authority: self.given("certificate_authority").map(Into::into),
            client_certificate: self.given("client_certificate").map(Into::into),
            client_key: self.given("client_key").map(Into::into),
            tls_server_name: self.given("tls_server_name"),
            impersonate: self.given("impersonate"),
            insecure_skip_tls_verify: self
                .given
                .iter()
                .any(|(arg, _)| arg.get_id() == "insecure_skip_tls_verify"),
            ..ConnectionArgs::default()
        }
    }
}

fn is_called(arg: &Arg, name: &str) -> bool {
    arg.get_value_names()
        .is_some_and(|names| names.iter().any(|found| *found == name))
}

fn takes_value(arg: &Arg) -> bool {
    matches!(arg.get_action(), ArgAction::Set | ArgAction::Append)
}

fn help(arg: &Arg) -> String {
    arg.get_help().map(ToString::to_string).unwrap_or_default()
}

/// By the argument's own values, its type, or its name.
fn of_arg(arg: &Arg, read: &Read<'_>) -> Wanted {
    let known = arg.get_possible_values();
    if !known.is_empty() && takes_value(arg) {
        let help = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
        let visible = known.iter().filter(|value| !value.is_hide_set());
        let proposals = visible.map(|value| Proposal::new(value.get_name(), help(value).unwrap_or_default()));
        return Wanted::Known(proposals.collect());
    }

    match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath | ValueHint::ExecutablePath => {
            return Wanted::Files;
        }
        _ => {}
    }

    let release = read
        .positionals
        .first()
        .cloned()
        .or_else(|| read.given("release"));

    match arg.get_id().as_str() {
        "context" => Wanted::Asked(Value::Context),
        "cluster" => Wanted::Asked(Value::Cluster),
        "user" => Wanted::Asked(Value::User),
        "namespace" => Wanted::Asked(Value::Namespace),
        // A release is a file, a reference in a registry, or (NAME) what was promoted from one.
        "release" if is_called(arg, "RELEASE") => Wanted::Files,
        "release" => Wanted::Asked(Value::Release),
        "name" if arg.is_positional() => Wanted::Asked(Value::Release),
        "revision" | "to_revision" | "since" => Wanted::Asked(Value::Revision { release }),
        "kind" | "kinds" => Wanted::Asked(Value::Kind),
        _ => Wanted::Nothing,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::{Parser, Subcommand, ValueEnum};
    use std::path::PathBuf;

    #[derive(Parser)]
    #[command(name = "test")]
    struct Cli {
        #[arg(long, global = true)]
        color: Option<String>,
        #[command(subcommand)]
        command: Sub,
    }

    #[derive(Subcommand)]
    enum Sub {
        /// Compare
        Diff {
            #[arg(value_name = "RELEASE")]
            release: String,
            #[arg(long)]
            environment: Option<PathBuf>,
            #[arg(short, long)]
            output: Option<Form>,
            #[command(flatten)]
            connection: ConnectionArgs,
        },
        /// Put back
        Revert {
            #[arg(value_name = "NAME")]
            release: Option<String>,
            #[arg(long)]
            to_revision: Option<u32>,
            #[command(flatten)]
            connection: ConnectionArgs,
        },
    }

    #[derive(Clone, ValueEnum)]
    enum Form {
        Json,
        Yaml,
    }

    fn wanted(words: &[&str]) -> (Wanted, String) {
        use clap::CommandFactory;
        let mut command = Cli::command();
        command.build();
        let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
        let request = request(&command, &words);

        (request.wanted, request.prefix)
    }

    fn names(words: &[&str]) -> Vec<String> {
        match wanted(words).0 {
            Wanted::Known(proposals) => proposals.into_iter().map(|proposal| proposal.value).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_first_word_is_a_command() {
        // Not filtered yet: that is done by what was typed, at the end.
        assert!(names(&["re"]).starts_with(&["diff".to_owned(), "revert".to_owned()]));
        assert!(names(&["--color", "never", ""]).contains(&"diff".to_owned()));
    }

    #[test]
    fn a_flag_that_waits_for_its_value_gets_its_values() {
        assert_eq!(names(&["diff", "-o", ""]), ["json", "yaml"]);

        assert_eq!(
            wanted(&["diff", "--context", ""]).0,
            Wanted::Asked(Value::Context)
        );
        assert_eq!(
            wanted(&["diff", "--namespace=s"]),
            (Wanted::Asked(Value::Namespace), "--namespace=".into())
        );

        assert_eq!(wanted(&["diff", "--kubeconfig", ""]).0, Wanted::Files);
        assert_eq!(
            wanted(&["diff", "--environment="]),
            (Wanted::Files, "--environment=".into())
        );
    }

    #[test]
    fn a_release_is_a_file_or_a_name_by_how_it_is_called() {
        assert_eq!(wanted(&["diff", ""]).0, Wanted::Files);
        assert_eq!(wanted(&["revert", ""]).0, Wanted::Asked(Value::Release));
        // One name is all that it takes.
        assert_eq!(wanted(&["revert", "shop", ""]).0, Wanted::Nothing);
    }

    #[test]
    fn a_revision_belongs_to_the_release_that_was_named() {
        let value = Value::Revision {
            release: Some("shop".into()),
        };
        assert_eq!(
            wanted(&["revert", "shop", "--to-revision", ""]).0,
            Wanted::Asked(value)
        );
    }

    #[test]
    fn a_flag_that_was_given_is_not_proposed_again_and_a_repeatable_one_is() {
        // The last word is being typed: it is no separator yet.
        let flags = names(&["diff", "--context", "a", "--as-group", "b", "--"]);

        assert!(!flags.contains(&"--context".to_owned()) && flags.contains(&"--as-group".to_owned()));
        assert!(flags.contains(&"--color".to_owned()));
    }
}
