//! One concept has one word in all that a user reads: texts of the program, its help, the documents, the schemas and the
//! screens hold none of the words that the glossary replaced.

use crate::source::{PROGRAM, src};
use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};
use syn::visit::{self, Visit};
use syn::{Attribute, Item, Lit, LitStr};

/// A phrase that is not used, and the word in its place.
const REPLACED: &[(&str, &str)] = &[
    ("put back", "rolled back, restored"),
    ("puts back", "rolls back, restores"),
    ("putting back", "rolling back"),
    ("puts everything back", "rolls back"),
    ("putting everything back", "rolling back"),
    ("puts it back", "rolls back, restores"),
    ("put it back", "roll back, restore"),
    ("brought back", "restored, recreated"),
    ("brings back", "restores, recreates"),
    ("made again", "recreated"),
    ("everything is as before", "what was restored, by count"),
    ("as it should be", "ready, in sync"),
    ("as desired", "in sync"),
    ("not as tested", "untested difference"),
    ("whose hand", "changed by"),
    ("says whose", "shows who changed"),
    ("whose change", "who changed"),
    ("by hand", "manually"),
    ("taken up", "observed, resumed"),
    ("takes up", "observes, resumes"),
    ("take up", "observe, resume"),
    ("the set", "inventory, release"),
    ("this set", "inventory, release"),
    ("another set", "another release"),
    ("prove", "verify"),
    ("proves", "verifies"),
    ("proved", "verified"),
    ("proving", "verifying"),
    ("proof", "verification"),
    ("proofs", "verification"),
    ("judge", "check health"),
    ("judges", "checks health"),
    ("judged", "checked"),
    ("judgement", "health"),
    ("verdict", "health"),
    ("verdicts", "health"),
    ("left at once", "aborted"),
    ("leaves at once", "aborts"),
    ("nothing moves", "without progress"),
    ("must stay so", "settling"),
    ("stays well", "soak"),
    ("is well", "is ready"),
    ("not well", "not ready"),
    ("unwell", "not ready"),
    ("refusal", "error, finding"),
    ("refusals", "errors, findings"),
    ("barrier", "irreversible step"),
    ("barriers", "irreversible steps"),
    ("somebody", "another client, user"),
    ("nobody", "no one is named"),
    ("person", "user"),
    ("person's", "of the user"),
    ("people", "users"),
    ("folder", "directory"),
    ("folders", "directories"),
    ("standard input", "stdin"),
    ("standard output", "stdout"),
    ("the right to", "permission"),
    ("no right", "missing permission"),
    ("takes over", "takes ownership"),
    ("take over", "take ownership"),
    ("takes them over", "takes ownership"),
    ("takes it over", "takes ownership"),
    ("went by itself", "was cleaned up"),
    ("goes by itself", "is cleaned up"),
    ("needed by", "used by"),
    ("no longer desired", "orphaned, pruned"),
    ("old configuration", "stale configuration"),
    ("written down", "recorded"),
    ("what undoes it", "undo Job"),
    ("go on although", "waive"),
    ("untested sidecar", "unexpected container"),
    ("fails where", "times out after"),
    ("the truth", "live"),
];

/// Where a phrase means something else: the place, the phrase, and why it stays.
const MEANT_OTHERWISE: &[(&str, &str, &str)] = &[];

/// A text that a user may read, and where it stands.
struct Text {
    place: String,
    text: String,
}

/// Where it stands and what it says, with its words a blank apart.
fn text(place: &str, text: &str) -> Text {
    Text {
        place: place.to_owned(),
        text: text
            .split_whitespace()
            .collect::<Vec<_>>()
            .join(" ")
            .to_lowercase(),
    }
}

/// Whether a text holds a phrase as words of their own.
fn holds(text: &str, phrase: &str) -> bool {
    let is_inside =
        |letter: Option<char>| letter.is_some_and(|letter| letter.is_alphanumeric() || letter == '-');
    text.match_indices(phrase).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + phrase.len()..]);
        !is_inside(before.chars().next_back()) && !is_inside(after.chars().next())
    })
}

/// The string literals of a file, without its tests and without what only documents it.
struct Literals(Vec<String>);

impl Literals {
    fn add_tokens(&mut self, tokens: TokenStream) {
        for token in tokens {
            match token {
                TokenTree::Literal(literal) => {
                    if let Ok(Lit::Str(text)) = syn::parse_str(&literal.to_string()) {
                        self.0.push(text.value());
                    }
                }
                TokenTree::Group(group) => self.add_tokens(group.stream()),
                TokenTree::Ident(_) | TokenTree::Punct(_) => (),
            }
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    })
}

impl<'ast> Visit<'ast> for Literals {
    fn visit_item(&mut self, item: &'ast Item) {
        let attributes: &[Attribute] = match item {
            Item::Mod(item) => &item.attrs,
            Item::Fn(item) => &item.attrs,
            Item::Const(item) => &item.attrs,
            _ => &[],
        };
        if !is_for_tests(attributes) {
            visit::visit_item(self, item);
        }
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        // What reaches the help is read there; a reason for the compiler reaches nobody.
        let is_message = attribute.path().is_ident("error");
        if let (true, syn::Meta::List(list)) = (is_message, &attribute.meta) {
            self.add_tokens(list.tokens.clone());
        }
    }

    fn visit_lit_str(&mut self, literal: &'ast LitStr) {
        self.0.push(literal.value());
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.add_tokens(called.tokens.clone());
    }
}

/// A format string without the names of its arguments, which no user reads.
fn without_placeholders(literal: &str) -> String {
    let mut rest = literal;
    let mut found = String::new();
    while let Some((before, inside)) = rest.split_once('{') {
        found.push_str(before);
        rest = inside.split_once('}').map_or("", |(_, after)| after);
    }
    found + rest
}

fn program() -> Vec<Text> {
    let mut found = Vec::new();
    for source in PROGRAM.values() {
        let content = fs::read_to_string(src().join(&source.file)).unwrap();
        let mut literals = Literals(Vec::new());
        literals.visit_file(&syn::parse_file(&content).unwrap());

        let place = format!("src/{}", source.file.display());
        // One word alone is a name of the API or of a format.
        let sentences = literals.0.iter().filter(|literal| literal.trim().contains(' '));
        found.extend(sentences.map(|literal| text(&place, &without_placeholders(literal))));
    }
    found
}

/// The help of every command, as the program itself writes it into manual pages.
fn help() -> Vec<Text> {
    let folder = env::temp_dir().join(format!("words-{}", std::process::id()));
    fs::create_dir_all(&folder).unwrap();
    let written = Command::new(env!("CARGO_BIN_EXE_kubectl-delivery"))
        .arg("man")
        .arg(&folder)
        .output();
    assert!(written.unwrap().status.success());

    let pages = files(&folder, &["1"]);
    let read = |page: &PathBuf| {
        let name = page.file_name().unwrap().to_string_lossy().into_owned();
        text(
            &format!("help/{name}"),
            &fs::read_to_string(page).unwrap().replace('\\', ""),
        )
    };
    let found: Vec<Text> = pages.iter().map(read).collect();
    fs::remove_dir_all(&folder).unwrap();
    assert!(found.len() > 15, "a page for each command");
    found
}

fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, endings));
        } else if path
            .extension()
            .is_some_and(|ending| endings.iter().any(|one| ending == *one))
        {
            found.push(path);
        }
    }
    found
}

/// The documents, the schemas and the screens.
fn documents() -> Vec<Text> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut paths = files(&root.join("docs"), &["md", "json", "svg"]);
    paths.extend(files(&root.join("tests/it/screens/snapshots"), &["snap"]));
    paths.extend(files(&root.join("krew"), &["yaml"]));
    paths.extend(
        [
            ".krew.yaml",
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "CHANGELOG.md",
        ]
        .map(|name| root.join(name)),
    );

    let read = |path: &PathBuf| {
        let place = path.strip_prefix(root).unwrap().display().to_string();
        text(&place, &fs::read_to_string(path).unwrap())
    };
    paths.iter().map(read).collect()
}

/// The replaced words that are used, and the exceptions that none of them needs.
fn check(texts: &[Text], exceptions: &[(&str, &str, &str)]) -> (Vec<String>, Vec<String>) {
    let mut unused: BTreeSet<_> = exceptions
        .iter()
        .map(|(place, phrase, _)| format!("{place}: {phrase}"))
        .collect();
    let mut wrong = BTreeSet::new();

    for (phrase, word) in REPLACED {
        for Text { place, text } in texts.iter().filter(|one| holds(&one.text, phrase)) {
            let is_meant = |(at, meant, _): &&(&str, &str, &str)| place.starts_with(at) && meant == phrase;
            if let Some((at, meant, _)) = exceptions.iter().find(is_meant) {
                unused.remove(&format!("{at}: {meant}"));
                continue;
            }
            let at = text.find(phrase).unwrap_or_default();
            let around: String = text[at..].chars().take(60).collect();
            wrong.insert(format!("{place}: {around:?}: {phrase:?} is {word}"));
        }
    }
    (wrong.into_iter().collect(), unused.into_iter().collect())
}

#[test]
fn every_concept_has_its_one_word() {
    let texts: Vec<Text> = [program(), help(), documents()].into_iter().flatten().collect();

    let (wrong, unused) = check(&texts, MEANT_OTHERWISE);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(unused.is_empty(), "no longer needed: {}", unused.join("\n"));
}

#[test]
fn an_exception_is_for_one_place_and_one_word_and_goes_when_it_is_not_needed() {
    let texts = [
        text("docs/a.md", "It is put back."),
        text("docs/b.md", "Put back."),
    ];
    let exceptions = [
        ("docs/a.md", "put back", "of furniture"),
        ("docs/a.md", "somebody", "a name"),
    ];

    let (wrong, unused) = check(&texts, &exceptions);
    assert!(wrong.len() == 1 && wrong[0].starts_with("docs/b.md"), "{wrong:?}");
    assert_eq!(unused, ["docs/a.md: somebody"]);
}

#[test]
fn a_replaced_word_is_found_as_a_word_and_over_the_end_of_a_line() {
    let found = |content: &str, phrase: &str| holds(&text("", content).text, phrase);

    assert!(found("Everything was put\n  back.", "put back"));
    assert!(!found("an input backend, a proof-reader", "put back"));
    assert!(!found("personal data", "person"));
}
