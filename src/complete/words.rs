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
pub(super) enum CompletionSource {
    /// One of these.
    Known(Vec<Proposal>),
    /// A file: the shell knows better.
    Files,
    /// What the kubeconfig or the cluster knows.
    Cluster(Value),
    /// The same, or a file where none of it fits.
    ClusterOrFiles(Value),
    /// Anything.
    Nothing,
}

/// What is to be completed.
pub(super) struct Request {
    /// What could come.
    pub source: CompletionSource,
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

    let line = parse_words(root, before);
    let connection = line.connection();

    let (source, prefix) = match (&line.open, typed.split_once('=')) {
        // A flag that waits for its value comes first: the last word can be nothing else.
        (Some(arg), _) => (argument_source(arg, &line), String::new()),
        (None, Some((flag, _))) if flag.starts_with("--") => {
            let source = line
                .flag(flag)
                .map_or(CompletionSource::Nothing, |arg| argument_source(arg, &line));
            (source, format!("{flag}="))
        }
        // After `--` a dash begins a value.
        _ if typed.starts_with('-') && !line.only_positionals => {
            (CompletionSource::Known(line.flags()), String::new())
        }
        _ => (line.next_word(), String::new()),
    };

    Request {
        source,
        prefix,
        typed,
        connection,
    }
}

/// What the words before the last one say.
struct ParsedWords<'a> {
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

fn parse_words<'a>(root: &'a Command, words: &[String]) -> ParsedWords<'a> {
    let mut line = ParsedWords {
        root,
        command: root,
        open: None,
        given: Vec::new(),
        positionals: Vec::new(),
        only_positionals: false,
    };

    for word in words {
        if let Some(arg) = line.open.take() {
            line.given.push((arg, Some(word.clone())));
        } else if word == "--" {
            line.only_positionals = true;
        } else if word.starts_with('-') && word.len() > 1 && !line.only_positionals {
            line.take_flag(word);
        } else if let Some(command) = line
            .command
            .find_subcommand(word)
            .filter(|_| line.positionals.is_empty())
        {
            // Before the first positional alone: after it the same word is a value.
            line.command = command;
        } else {
            // A dash alone comes here, too: standard input is a value.
            line.positionals.push(word.clone());
        }
    }
    line
}

impl<'a> ParsedWords<'a> {
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
    fn next_word(&self) -> CompletionSource {
        let mut commands = self
            .command
            .get_subcommands()
            .filter(|command| !command.is_hide_set())
            .peekable();

        if commands.peek().is_some() && self.positionals.is_empty() {
            let about = |command: &Command| command.get_about().map(ToString::to_string).unwrap_or_default();
            return CompletionSource::Known(
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
            Some(arg) => argument_source(arg, self),
            None => CompletionSource::Nothing,
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
fn argument_source(arg: &Arg, line: &ParsedWords<'_>) -> CompletionSource {
    let known = arg.get_possible_values();
    if !known.is_empty() && takes_value(arg) {
        let help = |value: &clap::builder::PossibleValue| value.get_help().map(ToString::to_string);
        let visible = known.iter().filter(|value| !value.is_hide_set());
        let proposals = visible.map(|value| Proposal::new(value.get_name(), help(value).unwrap_or_default()));
        return CompletionSource::Known(proposals.collect());
    }

    match arg.get_value_hint() {
        ValueHint::AnyPath | ValueHint::FilePath | ValueHint::DirPath | ValueHint::ExecutablePath => {
            return CompletionSource::Files;
        }
        _ => {}
    }

    let release = line
        .positionals
        .first()
        .cloned()
        .or_else(|| line.given("release"));

    match arg.get_id().as_str() {
        "context" => CompletionSource::Cluster(Value::Context),
        "cluster" => CompletionSource::Cluster(Value::Cluster),
        "user" => CompletionSource::Cluster(Value::User),
        "namespace" => CompletionSource::Cluster(Value::Namespace),
        // A release is a file, a reference in a registry, or (NAME) what was promoted from one.
        "release" if is_called(arg, "RELEASE") => CompletionSource::Files,
        "release" if is_called(arg, "RELEASE|NAME") => CompletionSource::ClusterOrFiles(Value::Release),
        "release" => CompletionSource::Cluster(Value::Release),
        "release_name" => CompletionSource::Cluster(Value::Release),
        "name" if arg.is_positional() => CompletionSource::Cluster(Value::Release),
        "revision" | "to_revision" => CompletionSource::Cluster(Value::Revision { release }),
        "kind" | "kinds" => CompletionSource::Cluster(Value::Kind),
        _ => CompletionSource::Nothing,
    }
}

#[cfg(test)]
mod tests;
