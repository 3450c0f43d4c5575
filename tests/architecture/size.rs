//! A function is read at one sight, a file in one sitting, and a folder holds no crumbs.

use crate::source::src;
use proc_macro2::Span;
use std::collections::BTreeMap;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{Attribute, Block, Item, Signature};

const LINES_OF_A_FUNCTION: usize = 60;
const LINES_OF_A_FILE: usize = 400;
/// Of a command besides its arguments: what is more decides something.
const LINES_OF_A_COMMAND: usize = 120;
/// In a folder of more than `MANY` files one of fewer lines belongs to another.
const LINES_OF_A_CRUMB: usize = 40;
const MANY: usize = 10;

/// Small files in large folders that stand alone on purpose, and why.
const SMALL_ON_PURPOSE: &[(&str, &str)] = &[
    ("rollout/kinds/", "one file a kind: a new kind is a new file"),
    (
        "plan/findings.rs",
        "what each check of a plan makes, without the checks",
    ),
];

/// Every file below `src`, what only tests compile as well.
fn files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![src()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn shown(file: &Path) -> String {
    file.strip_prefix(src()).unwrap().display().to_string()
}

fn lines(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}

fn parsed(file: &Path) -> syn::File {
    syn::parse_file(&fs::read_to_string(file).unwrap()).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The functions of a file, each with its lines from its name to its last brace.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl Functions {
    fn add(&mut self, signature: &Signature, end: Span) {
        let first = signature.span().start().line;
        self.0
            .push((signature.ident.to_string(), end.end().line + 1 - first));
    }
}

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.add(&function.sig, function.block.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.add(&function.sig, function.block.span());
        visit::visit_impl_item_fn(self, function);
    }

    fn visit_trait_item_fn(&mut self, function: &'ast syn::TraitItemFn) {
        if let Some(block) = &function.default {
            self.add(&function.sig, Block::span(block));
        }
    }
}

#[test]
fn functions_are_short() {
    let mut wrong = Vec::new();
    for file in files() {
        let mut functions = Functions::default();
        functions.visit_file(&parsed(&file));
        let long = functions
            .0
            .into_iter()
            .filter(|(_, lines)| *lines > LINES_OF_A_FUNCTION);
        wrong.extend(long.map(|(name, lines)| format!("src/{}: {name} has {lines} lines", shown(&file))));
    }
    assert_none(&wrong);
}

#[test]
fn files_are_short() {
    let long = files().into_iter().filter(|file| lines(file) > LINES_OF_A_FILE);
    let wrong: Vec<String> = long
        .map(|file| format!("src/{}: {} lines", shown(&file), lines(&file)))
        .collect();
    assert_none(&wrong);
}

#[test]
fn a_large_folder_holds_no_crumbs() {
    let mut folders: BTreeMap<PathBuf, Vec<PathBuf>> = BTreeMap::new();
    for file in files() {
        folders
            .entry(file.parent().unwrap().to_owned())
            .or_default()
            .push(file);
    }

    // A module that says what its own files are for is as long as that takes.
    let leads = |file: &Path| {
        file.ends_with("mod.rs") || file.ends_with("lib.rs") || file.with_extension("").is_dir()
    };
    let mut wrong = Vec::new();
    for file in folders.values().filter(|files| files.len() > MANY).flatten() {
        let on_purpose = SMALL_ON_PURPOSE
            .iter()
            .any(|(path, _)| shown(file).starts_with(path));
        if lines(file) < LINES_OF_A_CRUMB && !leads(file) && !on_purpose {
            wrong.push(format!("src/{}: {} lines", shown(file), lines(file)));
        }
    }
    assert_none(&wrong);
}

/// Whether an item of a command is no part of what it does: its imports, its arguments, its tests.
fn is_aside(item: &Item) -> bool {
    let derives_arguments = |attributes: &[Attribute]| {
        let derived = attributes
            .iter()
            .filter(|attribute| attribute.path().is_ident("derive"));
        derived
            .filter_map(|attribute| attribute.meta.require_list().ok())
            .any(|list| {
                let names = list.tokens.to_string();
                ["Args", "Subcommand", "ValueEnum"]
                    .iter()
                    .any(|name| names.contains(name))
            })
    };
    match item {
        Item::Use(_) | Item::Mod(_) => true,
        Item::Struct(item) => derives_arguments(&item.attrs),
        Item::Enum(item) => derives_arguments(&item.attrs),
        _ => false,
    }
}

fn rows(item: &Item) -> RangeInclusive<usize> {
    item.span().start().line..=item.span().end().line
}

#[test]
fn a_command_decides_nothing_and_is_short() {
    let mut wrong = Vec::new();
    for file in files()
        .into_iter()
        .filter(|file| shown(file).starts_with("commands/"))
    {
        let aside: Vec<_> = parsed(&file)
            .items
            .iter()
            .filter(|item| is_aside(item))
            .map(rows)
            .collect();
        let text = fs::read_to_string(&file).unwrap();
        let counted = text.lines().zip(1..).filter(|(line, row)| {
            let line = line.trim_start();
            !line.is_empty() && !line.starts_with("//") && !aside.iter().any(|rows| rows.contains(row))
        });
        let counted = counted.count();
        if counted > LINES_OF_A_COMMAND {
            wrong.push(format!(
                "src/{}: {counted} lines besides its arguments",
                shown(&file)
            ));
        }
    }
    assert_none(&wrong);
}
