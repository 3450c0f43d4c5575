//! Completion for `kubectl delivery <TAB>`: kubectl runs `kubectl_complete-delivery` with the words so far, and expects
//! cobra's answer: lines of `value<TAB>help`, and at the end a directive.
//!
//! `words` says what is to be completed, by the commands' own definition; `values` asks for what only the kubeconfig
//! or the cluster knows. The engine of `clap_complete` is not used: its completers see the word that is being typed
//! and not the line's other flags, which say whose cluster to ask.

mod values;
mod words;

use crate::cli::{ConnectionArgs, Exit};
use crate::report::clean;
use std::io::Write;
use std::time::Duration;
use words::CompletionSource;

/// A shell waits for us: what is not known by then is left out.
const PATIENCE: Duration = Duration::from_secs(2);

/// One proposal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Proposal {
    value: String,
    help: String,
}

impl Proposal {
    fn new(value: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            value: value.into(),
            help: help.into(),
        }
    }
}

/// cobra's directives, as far as they are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Directive {
    /// The shell proposes files.
    Files = 0,
    /// Nothing but the proposals.
    NoFiles = 4,
}

/// Proposes what could come in the place of the last word, by the commands below `root`.
pub fn complete(words: &[String], root: &clap::Command) -> Exit {
    let request = words::request(root, words);
    let (prefix, proposals, directive) = match request.source {
        CompletionSource::Known(proposals) => (request.prefix, proposals, Directive::NoFiles),
        CompletionSource::Files => (request.prefix, Vec::new(), Directive::Files),
        CompletionSource::Cluster(value) => (
            request.prefix,
            ask_cluster(&value, &request.connection),
            Directive::NoFiles,
        ),
        CompletionSource::ClusterOrFiles(value) => (
            request.prefix,
            ask_cluster(&value, &request.connection),
            Directive::Files,
        ),
        CompletionSource::Nothing => (request.prefix, Vec::new(), Directive::NoFiles),
    };

    let lines: String = proposals
        .iter()
        .map(|proposal| (format!("{prefix}{}", proposal.value), &proposal.help))
        .filter(|(whole, _)| whole.starts_with(&request.typed))
        .map(|(whole, help)| proposal_line(&whole, help))
        .collect();
    let text = format!("{lines}:{}\n", directive as u8);

    // A shell that went away needs no answer.
    std::io::stdout().write_all(text.as_bytes()).ok();
    Exit::OK
}

/// The form is cobra's: a line a proposal, and a tab before its help.
fn proposal_line(whole: &str, help: &str) -> String {
    let help = clean(help).lines().next().unwrap_or_default().replace('\t', " ");
    let tab = if help.is_empty() { "" } else { "\t" };
    format!("{}{tab}{help}\n", one_word(whole))
}

/// A value from a cluster must not become two, or a control sequence.
fn one_word(text: &str) -> String {
    // Two words would be two arguments in the line that is typed.
    clean(text).chars().filter(|c| !c.is_whitespace()).collect()
}

fn ask_cluster(value: &values::Value, connection: &ConnectionArgs) -> Vec<Proposal> {
    // A shell has no use for an error: it gets no proposals.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };

    let found = runtime
        .block_on(async { tokio::time::timeout(PATIENCE, values::find_values(value, connection)).await });

    // A request that hangs must not hold the shell.
    runtime.shutdown_background();
    found.unwrap_or_default()
}
