//! Half-typed lines of a small command, and what is to be completed in them.

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
        #[arg(long)]
        since: Option<String>,
        #[command(flatten)]
        connection: ConnectionArgs,
    },
    /// Show
    Images {
        #[arg(value_name = "RELEASE|NAME")]
        release: Option<String>,
        #[arg(long = "name")]
        release_name: Option<String>,
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

fn source(words: &[&str]) -> (CompletionSource, String) {
    use clap::CommandFactory;
    let mut command = Cli::command();
    command.build();
    let words: Vec<_> = words.iter().map(|word| (*word).to_owned()).collect();
    let request = request(&command, &words);

    (request.source, request.prefix)
}

fn names(words: &[&str]) -> Vec<String> {
    match source(words).0 {
        CompletionSource::Known(proposals) => proposals.into_iter().map(|proposal| proposal.value).collect(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_first_word_is_a_command() {
    // Not filtered yet: that is done by what was typed, at the end.
    assert!(names(&["re"]).starts_with(&["diff".to_owned(), "images".to_owned()]));
    assert!(names(&["--color", "never", ""]).contains(&"diff".to_owned()));
}

#[test]
fn a_flag_that_waits_for_its_value_gets_its_values() {
    assert_eq!(names(&["diff", "-o", ""]), ["json", "yaml"]);

    assert_eq!(
        source(&["diff", "--context", ""]).0,
        CompletionSource::Cluster(Value::Context)
    );
    assert_eq!(
        source(&["diff", "--namespace=s"]),
        (CompletionSource::Cluster(Value::Namespace), "--namespace=".into())
    );

    assert_eq!(source(&["diff", "--kubeconfig", ""]).0, CompletionSource::Files);
    assert_eq!(
        source(&["diff", "--environment="]),
        (CompletionSource::Files, "--environment=".into())
    );
}

#[test]
fn a_release_is_a_file_or_a_name_by_how_it_is_called() {
    assert_eq!(source(&["diff", ""]).0, CompletionSource::Files);
    assert_eq!(
        source(&["revert", ""]).0,
        CompletionSource::Cluster(Value::Release)
    );
    assert_eq!(
        source(&["images", ""]).0,
        CompletionSource::ClusterOrFiles(Value::Release)
    );
    assert_eq!(
        source(&["images", "--name", ""]).0,
        CompletionSource::Cluster(Value::Release)
    );
    // One name is all that it takes.
    assert_eq!(source(&["revert", "shop", ""]).0, CompletionSource::Nothing);
}

#[test]
fn a_revision_belongs_to_the_release_that_was_named() {
    let value = Value::Revision {
        release: Some("shop".into()),
    };
    assert_eq!(
        source(&["revert", "shop", "--to-revision", ""]).0,
        CompletionSource::Cluster(value)
    );
}

#[test]
fn a_time_is_for_the_person_to_type() {
    assert_eq!(
        source(&["diff", "shop.yaml", "--since", ""]).0,
        CompletionSource::Nothing
    );
}

#[test]
fn a_flag_that_was_given_is_not_proposed_again_and_a_repeatable_one_is() {
    // The last word is being typed: it is no separator yet.
    let flags = names(&["diff", "--context", "a", "--as-group", "b", "--"]);

    assert!(!flags.contains(&"--context".to_owned()) && flags.contains(&"--as-group".to_owned()));
    assert!(flags.contains(&"--color".to_owned()));
}
