//! The documents say what the program does: their commands are run or at least understood, their events are those that
//! are printed.

use crate::e2e::readme::SECTIONS;
use crate::execute::app::{App, workload};
use crate::harness::{Run, TestCluster, blocks as code_blocks, delivery, needs_krew};
use clap::Parser;
use kubectl_delivery::app::Cli;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn documents() -> Vec<(PathBuf, String)> {
    let folder = std::fs::read_dir(root().join("docs"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let markdown = folder.filter(|path| path.extension().is_some_and(|ending| ending == "md"));
    let all: Vec<PathBuf> = markdown.chain([root().join("README.md")]).collect();
    all.into_iter()
        .map(|path| (path.clone(), std::fs::read_to_string(path).unwrap()))
        .collect()
}

/// The fenced blocks of a language.
fn blocks(text: &str, language: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = text;
    let fence = format!("```{language}\n");
    while let Some(start) = rest.find(&fence) {
        rest = &rest[start + fence.len()..];
        let end = rest.find("```").unwrap();
        found.push(rest[..end].to_owned());
        rest = &rest[end..];
    }
    found
}

/// Commands that stand within a sentence, but for those with an ellipsis.
fn inline(text: &str) -> Vec<String> {
    let spans = text.split('`').skip(1).step_by(2);
    spans
        .filter(|span| span.starts_with("kubectl delivery ") && !span.contains(['…', '\n']))
        .map(String::from)
        .collect()
}

/// The commands of ours in a line of shell, without redirections and what follows a pipe.
fn commands(line: &str) -> Vec<Vec<String>> {
    let line = line
        .split(" #")
        .next()
        .unwrap_or_default()
        .replace("kubectl-delivery ", "kubectl delivery ");
    let parts = line
        .split("| ")
        .flat_map(|part| part.split("&& "))
        .flat_map(|part| part.split("; "));
    let ours = parts.filter_map(|part| {
        part.trim()
            .trim_start_matches("- run: ")
            .trim_start_matches("- ")
            .split_once("kubectl delivery")
    });
    ours.filter(|(before, rest)| before.is_empty() && rest.starts_with(' '))
        .map(|(_, rest)| {
            let words = rest
                .split_whitespace()
                .take_while(|word| !word.starts_with('>') && !word.starts_with("2>"));
            words
                .map(|word| word.trim_matches(['"', '\'', '`']).to_owned())
                .collect()
        })
        .collect()
}

/// None where the program takes the words.
fn refusal(words: &[String]) -> Option<String> {
    // A command's name alone stands for the command.
    let help = (words.len() == 1).then_some("--help");
    let line = std::iter::once("kubectl-delivery")
        .chain(words.iter().map(String::as_str))
        .chain(help);
    match Cli::try_parse_from(line) {
        Ok(_) => None,
        Err(error) if error.exit_code() == 0 => None,
        Err(error) => Some(error.to_string()),
    }
}

#[test]
fn every_command_in_the_documents_is_one_that_the_program_takes() {
    let mut seen = 0;
    for (path, text) in documents() {
        let shell = ["sh", "yaml", "console", "groovy"]
            .iter()
            .flat_map(|language| blocks(&text, language));
        let shell = shell.flat_map(|block| {
            block
                .replace("\\\n", " ")
                .lines()
                .map(String::from)
                .collect::<Vec<_>>()
        });
        for line in shell.chain(inline(&text.replace("```", ""))) {
            for words in commands(&line) {
                seen += 1;
                let refused = refusal(&words);
                assert!(
                    refused.is_none(),
                    "{}: {line}\n{}",
                    path.display(),
                    refused.unwrap()
                );
            }
        }
    }
    assert!(seen >= 20, "only {seen} commands were found");
    let wrong = ["promote", "x", "--no-such-flag"].map(String::from);
    let refused = refusal(&wrong).expect("a wrong one is found");
    assert!(
        refused.contains("unexpected argument '--no-such-flag'"),
        "{refused}"
    );
}

#[test]
fn every_example_in_the_help_is_one_that_the_program_takes() {
    let tools = &TestCluster::get().tools;
    let list = delivery(tools).args(["--help"]).run().ok();
    let names = list
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    // What a description is wrapped into stands further to the right.
    let names = names
        .take_while(|line| line.starts_with("  "))
        .filter(|line| !line.starts_with("   "));
    let names: Vec<&str> = names.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.len() >= 15, "{names:?}");
    for name in names.into_iter().filter(|name| *name != "help") {
        let help = delivery(tools).args([name, "--help"]).run().ok();
        let examples = help.lines().skip(1).take_while(|line| line.starts_with("  "));
        let examples: Vec<Vec<String>> = examples.flat_map(commands).collect();
        assert!(
            help.starts_with("Examples:") && !examples.is_empty(),
            "{name} starts with examples: {help}"
        );
        for words in examples {
            assert!(
                refusal(&words).is_none(),
                "{name}: {words:?}: {}",
                refusal(&words).unwrap()
            );
        }
    }
}

#[test]
fn every_yaml_in_the_documents_is_yaml() {
    for (path, text) in documents() {
        for block in blocks(&text, "yaml") {
            let read: Result<Vec<Value>, _> = serde_yaml::from_multiple(&block);
            assert!(read.is_ok(), "{}: {}\n{block}", path.display(), read.unwrap_err());
        }
    }
}

/// The rows of the table of events: the event, and the words in the row.
fn documented_events() -> Vec<(String, BTreeSet<String>)> {
    let text = std::fs::read_to_string(root().join("docs/events.md")).unwrap();
    let table = text.lines().skip_while(|line| !line.starts_with("| event |"));
    let rows = table
        .take_while(|line| line.starts_with('|'))
        .filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let words: Vec<String> = row.split('`').skip(1).step_by(2).map(String::from).collect();
        (words[0].clone(), words.into_iter().collect())
    })
    .collect()
}

#[test]
fn every_event_that_is_printed_is_documented_with_its_fields() {
    let app = App::new();
    let config = |value: &str| json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c"}, "data": {"a": value}});
    let pods = |digit: char, play: Option<&str>| {
        let mut web = workload("Deployment", "web", digit, play);
        web["metadata"]["annotations"] = json!({"kubectl-delivery.io/rehearse": "true"});
        web
    };
    let mut printed = Vec::new();
    let crash = Some("crash-loop");
    for (version, objects, flag, code) in [
        ("1", vec![config("1")], None, 0),
        ("1", vec![config("1")], None, 0),
        ("2", vec![config("2"), pods('2', None)], None, 0),
        ("4", vec![config("2"), pods('4', crash)], Some("--rehearse"), 2),
        ("3", vec![config("2"), pods('3', crash)], None, 3),
    ] {
        let ran = app
            .promote(version, &objects)
            .args(["-o", "json"])
            .args(flag)
            .run()
            .exits(code);
        printed.extend(
            ran.stdout
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    let documented = documented_events();
    let mut seen = BTreeSet::new();
    for event in &printed {
        let name = event["event"].as_str().unwrap();
        let Some((_, words)) = documented.iter().find(|(known, _)| known == name) else {
            panic!("docs/events.md does not name {name}")
        };
        for field in event
            .as_object()
            .unwrap()
            .keys()
            .filter(|field| !["event", "time", "schemaVersion"].contains(&field.as_str()))
        {
            assert!(
                words.contains(field),
                "docs/events.md: {name} lacks {field}: {event}"
            );
        }
        seen.insert(name.to_owned());
    }
    let documented: BTreeSet<String> = documented.into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = documented
        .difference(&seen)
        // These come only where something is wrong, or silent for half a minute.
        .filter(|name| !["note", "error", "heartbeat"].contains(&name.as_str()))
        .collect();
    assert!(missing.is_empty(), "documented and never printed: {missing:?}");
    assert_eq!(printed.last().unwrap()["outcome"], "rolledBack");
}

#[test]
fn every_block_of_the_readme_is_run_by_a_test() {
    let text = std::fs::read_to_string(root().join("README.md")).unwrap();
    let all = code_blocks(&text);
    let is_command = |line: &str| {
        ["$ ", "kubectl ", "make ", "cargo "]
            .iter()
            .any(|word| line.starts_with(word))
    };
    for block in &all {
        let is_pasted = SECTIONS.contains(&&*block.section) && matches!(&*block.language, "sh" | "console");
        let is_picture = block.language == "text" && !block.text.lines().any(is_command);
        assert!(
            is_pasted || is_picture || needs_krew(block),
            "README.md, {}: no test runs this (tests/it/e2e/readme, tests/krew):\n{}",
            block.section,
            block.text
        );
    }
    assert!(
        all.iter().any(needs_krew)
            && SECTIONS
                .iter()
                .all(|name| all.iter().any(|block| block.section == *name))
    );
}
