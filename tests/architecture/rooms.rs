//! Data flows one way: each room of `src` (a folder, or a file beside them) imports only what the table allows.

use crate::source::{PROGRAM, defining_module, room};

/// All rooms in the order in which data goes through them, from the ground to the roof.
const ROOMS: &[&str] = &[
    "platform",
    "model",
    "load",
    "registry",
    "signing",
    "cluster",
    "observe",
    "objects",
    "compare",
    "plan",
    "preflight",
    "rollout",
    "drift",
    "monitor",
    "execute",
    "report",
    "notify",
    "usecase",
    "cli",
    "commands",
    "complete",
    "app",
    "testing",
];

/// What a room may import.
enum Imports {
    /// These rooms.
    Only(&'static [&'static str]),
    /// Every room before it in the order.
    AllBelow,
}

/// As the table of ARCHITECTURE.md tells it.
fn allowed(room: &str) -> Imports {
    use Imports::{AllBelow, Only};
    match room {
        "platform" | "model" => Only(&[]),
        "load" | "registry" => Only(&["platform", "model"]),
        "signing" | "cluster" | "objects" | "rollout" | "drift" | "report" => Only(&["model"]),
        "observe" | "notify" => Only(&["model", "cluster"]),
        "compare" => Only(&["model", "objects"]),
        "plan" => Only(&["model", "objects", "compare"]),
        "preflight" => Only(&["model", "objects", "compare", "plan"]),
        "monitor" => Only(&["model", "cluster", "observe", "rollout"]),
        "execute" => Only(&[
            "platform",
            "model",
            "cluster",
            "observe",
            "objects",
            "compare",
            "plan",
            "preflight",
            "rollout",
            "monitor",
        ]),
        "cli" => Only(&["model", "cluster", "report", "usecase"]),
        "complete" => Only(&["model", "cluster", "report", "cli", "usecase"]),
        "app" => Only(&["cli", "commands", "complete", "usecase"]),
        "usecase" | "commands" | "testing" => AllBelow,
        other => panic!("src/{other} is not in the table"),
    }
}

fn may_import(from: &str, target: &str) -> bool {
    match allowed(from) {
        Imports::Only(rooms) => rooms.contains(&target),
        Imports::AllBelow => {
            let place = |name| ROOMS.iter().position(|room| *room == name);
            place(target) < place(from)
        }
    }
}

/// Rooms whose files are pure: no IO, no clock, no randomness.
const PURE: &[&str] = &[
    "model",
    "objects",
    "compare",
    "plan",
    "preflight",
    "rollout",
    "drift",
];

/// What a pure file must not name, as neighbours in a path.
const IMPURE: &[&[&str]] = &[
    &["std", "fs"],
    &["std", "env"],
    &["std", "net"],
    &["std", "process"],
    &["std", "thread"],
    &["SystemTime"],
    &["Instant", "now"],
    &["Timestamp", "now"],
    &["Zoned", "now"],
    &["getrandom"],
    &["tokio"],
    &["kube"],
    &["reqwest"],
    &["oci_client"],
    &["println"],
    &["eprintln"],
];

/// Every path of a room's files that names these neighbours: `FILE names A::B`.
fn naming(rooms: impl Fn(&str) -> bool, words: &[&str]) -> Vec<String> {
    let sources = PROGRAM.iter().filter(|(module, _)| rooms(room(module)));
    let named = sources.filter(|(_, source)| {
        let holds = |path: &Vec<String>| path.windows(words.len()).any(|part| part == words);
        source.paths.iter().any(holds)
    });
    named
        .map(|(_, source)| format!("src/{} names {}", source.file.display(), words.join("::")))
        .collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

#[test]
fn every_room_has_its_place_in_the_order() {
    let mut found: Vec<&str> = PROGRAM.keys().map(room).filter(|name| !name.is_empty()).collect();
    found.dedup();
    let mut ordered = ROOMS.to_vec();
    ordered.sort_unstable();
    assert_eq!(found, ordered);
}

#[test]
fn what_a_room_may_import_lies_before_it() {
    let place = |name: &str| ROOMS.iter().position(|room| *room == name);
    for from in ROOMS {
        if let Imports::Only(rooms) = allowed(from) {
            for target in rooms {
                assert!(
                    place(target) < place(from),
                    "{from} imports {target}, which lies after it"
                );
            }
        }
    }
}

#[test]
fn a_room_imports_only_what_the_table_allows() {
    let mut wrong = Vec::new();
    for (module, source) in PROGRAM.iter().filter(|(module, _)| !module.is_empty()) {
        let from = room(module);
        for path in &source.paths {
            let target = defining_module(module, path);
            let Some(target) = target.as_ref().map(room).filter(|name| !name.is_empty()) else {
                continue;
            };
            if target != from && !may_import(from, target) {
                wrong.push(format!(
                    "src/{} imports {}",
                    source.file.display(),
                    path.join("::")
                ));
            }
        }
    }
    assert_none(&wrong);
}

#[test]
fn pure_rooms_do_no_io_and_ask_no_clock() {
    let wrong: Vec<String> = IMPURE
        .iter()
        .flat_map(|words| naming(|name| PURE.contains(&name), words))
        .collect();
    assert_none(&wrong);
}

#[test]
fn only_the_cluster_names_the_kubernetes_client() {
    assert_none(&naming(|name| name != "cluster", &["kube"]));
}

#[test]
fn only_the_roof_the_commands_and_their_ground_know_flags() {
    let know = ["app", "cli", "commands", "complete"];
    assert_none(&naming(|name| !know.contains(&name), &["clap"]));
}

#[test]
fn only_the_platform_asks_which_operating_system_there_is() {
    let words: [&[&str]; 7] = [
        &["unix"],
        &["windows"],
        &["target_os"],
        &["target_family"],
        &["std", "os"],
        &["tokio", "signal"],
        &["consts", "FAMILY"],
    ];
    let wrong: Vec<String> = words
        .iter()
        .flat_map(|words| naming(|name| name != "platform", words))
        .collect();
    assert_none(&wrong);
}

#[test]
fn only_the_report_and_the_commands_print() {
    let print = ["report", "cli", "commands"];
    let words: [&[&str]; 5] = [&["println"], &["eprintln"], &["print"], &["eprint"], &["dbg"]];
    let wrong: Vec<String> = words
        .iter()
        .flat_map(|words| naming(|name| !print.contains(&name), words))
        .collect();
    assert_none(&wrong);
}

/// Who opens a stream of the process besides the ground of the commands and the roof, and why nothing untrue gets out.
const STREAMS: &[(&str, &str)] = &[
    (
        "complete/mod.rs",
        "a shell reads it: each proposal is cleaned and is one word",
    ),
    (
        "commands/console/sinks.rs",
        "the live tree draws with control sequences; its lines are cleaned one by one",
    ),
];

#[test]
fn what_gets_out_goes_through_the_filter_of_the_streams() {
    let ground = ["app", "cli"];
    let words: [&[&str]; 2] = [&["io", "stdout"], &["io", "stderr"]];
    let named = words
        .iter()
        .flat_map(|words| naming(|name| !ground.contains(&name), words));
    let wrong: Vec<String> = named
        .filter(|line| {
            !STREAMS
                .iter()
                .any(|(file, _)| line.starts_with(&format!("src/{file} ")))
        })
        .collect();
    assert_none(&wrong);
}

#[test]
fn what_watches_sends_no_request_that_writes() {
    // No request that writes can be made without one of these.
    let options: [&[&str]; 3] = [&["WriteOptions"], &["ApplyOptions"], &["DeleteOptions"]];
    let wrong: Vec<String> = options
        .iter()
        .flat_map(|words| naming(|name| name == "monitor", words))
        .collect();
    assert_none(&wrong);
}
