//! No two files need each other, but where it is one thought and the table says why.

use crate::source::{Module, PROGRAM, defining_module};
use std::collections::{BTreeMap, BTreeSet};

/// Files that name each other, and why they are one thought in several files.
const ONE_THOUGHT: &[(&[&str], &str)] = &[];

/// The files that each file names. What lies below a file (`x/y.rs` below `x.rs`) is a part of it, and may name it.
fn graph() -> BTreeMap<Module, BTreeSet<Module>> {
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
fn reached(graph: &BTreeMap<Module, BTreeSet<Module>>, from: &Module) -> BTreeSet<Module> {
    let mut seen = BTreeSet::new();
    let mut next: Vec<&Module> = graph[from].iter().collect();
    while let Some(module) = next.pop() {
        if seen.insert(module.clone()) {
            next.extend(&graph[module]);
        }
    }
    seen
}

/// The sets of files each of which reaches the others.
fn circles(graph: &BTreeMap<Module, BTreeSet<Module>>) -> BTreeSet<Vec<String>> {
    let reached: BTreeMap<&Module, BTreeSet<Module>> = graph
        .keys()
        .map(|module| (module, reached(graph, module)))
        .collect();
    let of = |module: &&Module| {
        let others = reached[*module]
            .iter()
            .filter(|other| reached[other].contains(*module));
        let names: BTreeSet<String> = others.map(|other| other.join("/")).collect();
        names.into_iter().collect::<Vec<_>>()
    };
    graph
        .keys()
        .filter(|module| reached[*module].contains(*module))
        .map(|module| of(&module))
        .collect()
}

#[test]
fn files_that_need_each_other_are_one_thought() {
    let graph = graph();
    let found = circles(&graph);
    for circle in &found {
        println!("{} {:?}", circle.len(), circle);
        for a in circle {
            let a: Module = a
                .split('/')
                .map(str::to_owned)
                .filter(|x| !x.is_empty())
                .collect();
            for b in &graph[&a] {
                if circle.contains(&b.join("/")) {
                    println!("     {} -> {}", a.join("/"), b.join("/"));
                }
            }
        }
    }
    assert!(found.is_empty());
}
