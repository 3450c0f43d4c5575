//! The crate as it is compiled: the files that `mod` leads to from `lib.rs`, parsed, and without what only tests compile.
//!
//! A path is resolved as the compiler would: `crate::`, `self::`, `super::` and names of child modules, through
//! re-exports, to the file that defines what it names. What a macro is given is read as a row of tokens.

use proc_macro2::{TokenStream, TokenTree};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use syn::visit::{self, Visit};
use syn::{Attribute, Item, UseTree};

/// A module's path below the crate, without `crate`.
pub(crate) type Module = Vec<String>;

/// One file of the program.
pub(crate) struct Source {
    /// Relative to `src/`.
    pub file: PathBuf,
    /// All paths that its code names, as it writes them.
    pub paths: Vec<Vec<String>>,
    /// What its `use` items bring in: the name, and the path that it stands for.
    brings: Vec<(String, Vec<String>)>,
    /// Its child modules in files of their own.
    children: Vec<String>,
}

/// Every module of the program by its path.
pub(crate) static PROGRAM: LazyLock<BTreeMap<Module, Source>> = LazyLock::new(|| {
    let mut found = BTreeMap::new();
    let src = src();
    read_module(&src, &src.join("lib.rs"), Vec::new(), &mut found);
    found
});

pub(crate) fn src() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src")
}

/// A file of the library without a folder of its own, or the folder: the first part of a module's path.
pub(crate) fn room(module: &Module) -> &str {
    module.first().map_or("", String::as_str)
}

fn read_module(src: &Path, file: &Path, module: Module, found: &mut BTreeMap<Module, Source>) {
    let text = fs::read_to_string(file).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let parsed = syn::parse_file(&text).unwrap_or_else(|e| panic!("{}: {e}", file.display()));
    let source = Source::new(file.strip_prefix(src).unwrap().to_owned(), &parsed.items);

    let below = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib") => file.parent().unwrap().to_owned(),
        _ => file.with_extension(""),
    };
    for name in &source.children {
        let flat = below.join(name).with_extension("rs");
        let nested = below.join(name).join("mod.rs");
        let path = if flat.is_file() { flat } else { nested };
        let module = module.iter().chain([name]).cloned().collect();
        read_module(src, &path, module, found);
    }
    found.insert(module, source);
}

impl Source {
    fn new(file: PathBuf, items: &[Item]) -> Self {
        let mut names = Names::default();
        items.iter().for_each(|item| names.visit_item(item));

        let child = |item: &Item| match item {
            Item::Mod(child) if child.content.is_none() && !is_for_tests(&child.attrs) => {
                Some(child.ident.to_string())
            }
            _ => None,
        };
        Self {
            file,
            paths: names.paths,
            brings: names.brings,
            children: items.iter().filter_map(child).collect(),
        }
    }
}

fn is_for_tests(attributes: &[Attribute]) -> bool {
    let is_cfg_test = |attribute: &Attribute| {
        attribute.path().is_ident("cfg")
            && attribute
                .parse_args::<syn::Path>()
                .is_ok_and(|path| path.is_ident("test"))
    };
    attributes.iter().any(is_cfg_test)
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}

/// Collects what a file names.
#[derive(Default)]
struct Names {
    paths: Vec<Vec<String>>,
    brings: Vec<(String, Vec<String>)>,
}

impl Names {
    fn add_use(&mut self, tree: &UseTree, before: &[String]) {
        let with =
            |name: &syn::Ident| -> Vec<String> { before.iter().cloned().chain([name.to_string()]).collect() };
        match tree {
            UseTree::Path(path) => self.add_use(&path.tree, &with(&path.ident)),
            UseTree::Group(group) => group.items.iter().for_each(|item| self.add_use(item, before)),
            UseTree::Glob(_) => self.bring("*".into(), before.to_vec()),
            UseTree::Name(name) if name.ident == "self" => {
                self.bring(before.last().cloned().unwrap_or_default(), before.to_vec());
            }
            UseTree::Name(name) => self.bring(name.ident.to_string(), with(&name.ident)),
            UseTree::Rename(rename) => self.bring(rename.rename.to_string(), with(&rename.ident)),
        }
    }

    fn bring(&mut self, name: String, path: Vec<String>) {
        self.paths.push(path.clone());
        self.brings.push((name, path));
    }

    fn add_tokens(&mut self, tokens: TokenStream) {
        let mut path: Vec<String> = Vec::new();
        let mut colons = 0;
        for token in tokens {
            match token {
                TokenTree::Ident(ident) => {
                    if colons != 2 {
                        self.paths.push(std::mem::take(&mut path));
                    }
                    path.push(ident.to_string());
                    colons = 0;
                }
                TokenTree::Punct(punct) if punct.as_char() == ':' => colons += 1,
                TokenTree::Group(group) => {
                    self.add_tokens(group.stream());
                    colons = 0;
                }
                _ => colons = 0,
            }
        }
        self.paths.push(path);
    }
}

impl<'ast> Visit<'ast> for Names {
    fn visit_item(&mut self, item: &'ast Item) {
        if !is_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    /// `pub(super)` names nothing that the file needs.
    fn visit_visibility(&mut self, _: &'ast syn::Visibility) {}

    fn visit_meta_list(&mut self, list: &'ast syn::MetaList) {
        self.add_tokens(list.tokens.clone());
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names = path.segments.iter().map(|segment| segment.ident.to_string());
        self.paths.push(names.collect());
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        let names = called
            .path
            .segments
            .iter()
            .map(|segment| segment.ident.to_string());
        self.paths.push(names.collect());
        self.add_tokens(called.tokens.clone());
    }
}

/// The module that defines what a path names, seen from a module: none where it is not of this crate.
pub(crate) fn defining_module(from: &Module, path: &[String]) -> Option<Module> {
    resolve(from, path, 0)
}

fn resolve(from: &Module, path: &[String], depth: usize) -> Option<Module> {
    let (first, mut rest) = path.split_first()?;
    // A re-export that leads to itself would be none that compiles.
    if depth > 16 {
        return None;
    }

    let mut at: Module = match first.as_str() {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        name if is_module(from, name) => from.iter().cloned().chain([name.to_owned()]).collect(),
        name => {
            // A name that a `use` of this file brought in leads where that leads, and is counted there.
            let brought = PROGRAM
                .get(from)?
                .brings
                .iter()
                .find(|(bring, _)| bring == name)?;
            return (depth > 0).then(|| resolve(from, &brought.1, depth + 1))?;
        }
    };
    while let Some((name, after)) = rest.split_first() {
        if name == "super" {
            at.pop();
        } else if is_module(&at, name) {
            at.push(name.clone());
        } else {
            let source = PROGRAM.get(&at)?;
            let brought = source.brings.iter().find(|(bring, _)| bring == name);
            return match brought {
                Some((_, target)) => resolve(&at, target, depth + 1),
                None => Some(at),
            };
        }
        rest = after;
    }
    Some(at)
}

fn is_module(parent: &Module, name: &str) -> bool {
    let child: Module = parent.iter().cloned().chain([name.to_owned()]).collect();
    PROGRAM.contains_key(&child)
}
