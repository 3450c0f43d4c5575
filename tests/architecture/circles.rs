//! No two files need each other. What lies below a file (`x/y.rs` below `x.rs`) is a part of it, and may name it.

use crate::source::{Module, PROGRAM, defining_module};
use std::collections::{BTreeMap, BTreeSet};

/// The files that each file names.
type Graph = BTreeMap<Module, BTreeSet<Module>>;

fn graph() -> Graph {
    let edges = PROGRAM.iter().map(|(module, source)| {
        let named = source
            .paths
            .iter()
            .filter_map(|path| defining_module(module, path));
        (
            module.clone(),
            named.filter(|target| !module.starts_with(target)).collect(),
        )
    });
    edges.collect()
}

/// Every file that can be reached from one.
fn reached(graph: &Graph, from: &Module) -> BTreeSet<Module> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&Module> = graph[from].iter().collect();
    while let Some(module) = next.pop() {
        if seen.insert(module.clone()) {
            next.extend(&graph[module]);
        }
    }
    seen
}

/// The imports that lie on a circle, a line each.
fn on_circles(graph: &Graph) -> Vec<String> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> = graph
        .keys()
        .map(|module| (module, reached(graph, module)))
        .collect();
    let edges = graph
        .iter()
        .flat_map(|(from, targets)| targets.iter().map(move |target| (from, target)));
    edges
        .filter(|(from, target)| reached[target].contains(*from))
        .map(|(from, target)| format!("{} names {}", from.join("/"), target.join("/")))
        .collect()
}

#[test]
fn no_two_files_need_each_other() {
    let wrong = on_circles(&graph());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn a_circle_is_found_by_each_of_its_imports() {
    let module = |name: &str| vec![name.to_owned()];
    let graph: Graph = [("a", vec!["b"]), ("b", vec!["c"]), ("c", vec!["b"])]
        .map(|(from, targets)| (module(from), targets.into_iter().map(module).collect()))
        .into();
    assert_eq!(on_circles(&graph), ["b names c", "c names b"]);
}
