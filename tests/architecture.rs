//! Data flows one way: each folder of `src` imports only what the table in ARCHITECTURE.md allows.

use std::fs;
use std::path::{Path, PathBuf};

/// Folder, and the folders of this crate that it may name.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("model", &[]),
    ("load", &["model"]),
    ("registry", &["model"]),
    ("signing", &["model"]),
    ("cluster", &["model"]),
    ("observe", &["model", "cluster"]),
    ("objects", &["model"]),
    ("compare", &["model", "objects"]),
    ("plan", &["model", "objects", "compare"]),
    ("preflight", &["model", "objects", "compare", "plan"]),
    ("rollout", &["model"]),
    ("monitor", &["model", "cluster", "observe", "rollout"]),
    (
        "execute",
        &[
            "model",
            "cluster",
            "observe",
            "objects",
            "plan",
            "preflight",
            "rollout",
            "compare",
            "monitor",
        ],
    ),
    ("report", &["model"]),
    (
        "usecase",
        &[
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
            "monitor",
            "execute",
            "report",
        ],
    ),
    ("cli", &["model", "cluster", "report", "usecase"]),
    (
        "commands",
        &[
            "usecase",
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
            "monitor",
            "execute",
            "report",
            "cli",
        ],
    ),
    ("complete", &["model", "cluster", "report", "cli", "usecase"]),
    ("app", &["cli", "commands", "complete", "usecase"]),
];

/// Folders whose files are pure: no IO, no clock, no randomness.
const PURE: &[&str] = &["model", "objects", "compare", "plan", "preflight", "rollout"];

/// What a pure file must not name.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "std::thread",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "tokio::",
    "kube::",
    "reqwest",
    "oci_client",
    "println!",
    "eprintln!",
];

/// The files of modules that are compiled for tests alone: `#[cfg(test)]`, perhaps a `#[path = "…"]`, and `mod NAME;`.
fn test_files(file: &Path) -> Vec<PathBuf> {
    let text = fs::read_to_string(file).unwrap();
    let folder = match file.file_stem().and_then(|stem| stem.to_str()) {
        Some("mod" | "lib" | "main") | None => file.parent().unwrap().to_owned(),
        Some(_) => file.with_extension(""),
    };
    let declared = text.split("#[cfg(test)]\n").skip(1).filter_map(|after| {
        let mut lines = after.lines();
        let first = lines.next()?;
        if let Some(path) = first
            .strip_prefix("#[path = \"")
            .and_then(|rest| rest.strip_suffix("\"]"))
        {
            return Some(vec![file.parent().unwrap().join(path)]);
        }
        let name = first.strip_prefix("mod ")?.strip_suffix(';')?;
        Some(vec![folder.join(format!("{name}.rs")), folder.join(name)])
    });
    declared.flatten().collect()
}

/// The files below a folder that the program is made of.
fn program_files(folder: &Path) -> Vec<PathBuf> {
    let all = rust_files(folder);
    let tests: Vec<PathBuf> = all.iter().flat_map(|file| test_files(file)).collect();
    all.into_iter()
        .filter(|file| !tests.iter().any(|test| file.starts_with(test)))
        .collect()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            files.push(path);
        }
    }
    files
}

/// The code of a file: without its comments, and without its test module at the end.
fn code(path: &Path) -> String {
    let text = fs::read_to_string(path).unwrap();
    let end = text.find("#[cfg(test)]\nmod tests").unwrap_or(text.len());
    let is_code = |line: &&str| !line.trim_start().starts_with("//");
    text[..end].lines().filter(is_code).collect::<Vec<_>>().join("\n")
}

fn folders() -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut names: Vec<_> = fs::read_dir(src)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir() && !rust_files(path).is_empty())
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    names
}

/// The files of a folder, and the file of its name beside it.
fn files_of(folder: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src").join(folder);
    let beside = Some(folder.with_extension("rs")).filter(|file| file.is_file());
    program_files(&folder).into_iter().chain(beside).collect()
}

/// Folders of this crate that a code text names, by `crate::X` or inside `crate::{…}`.
fn named(code: &str) -> Vec<String> {
    let mut names = Vec::new();
    for rest in code.split("crate::").skip(1) {
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut word = String::new();
            for c in group.chars() {
                match c {
                    '{' => depth += 1,
                    '}' if depth == 0 => break,
                    '}' => depth -= 1,
                    ',' if depth == 0 => names.push(std::mem::take(&mut word)),
                    _ if depth == 0 => word.push(c),
                    _ => {}
                }
            }
            names.push(word);
        } else {
            names.push(rest.to_owned());
        }
    }
    let ident = |text: String| {
        text.trim()
            .chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    names.into_iter().map(ident).collect()
}

/// The folders that a file names by going up to the crate's root: `super::super::X` in a file of a folder.
fn named_from_below(file: &Path, code: &str) -> Vec<String> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(src).unwrap().with_extension("");
    let depth = inside.iter().filter(|part| *part != "mod").count();
    let up = "super::".repeat(depth);

    let after = code
        .match_indices(&up)
        .filter(|(at, _)| !code[..*at].ends_with("::"));
    let ident = |(at, _): (usize, &str)| {
        let rest = &code[at + up.len()..];
        rest.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    after.map(ident).collect()
}

#[test]
fn a_path_that_goes_up_to_the_root_names_a_folder() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let of = |file: &str, code: &str| named_from_below(&src.join(file), code);
    assert_eq!(
        of("plan/draft.rs", "use super::super::execute::Steps;"),
        ["execute"]
    );
    assert_eq!(of("plan/mod.rs", "use super::execute::Steps;"), ["execute"]);
    assert_eq!(of("plan.rs", "use super::execute::Steps;"), ["execute"]);
    assert_eq!(
        of("model/k8s/pod.rs", "use super::super::digest::Sha256Digest;"),
        [""; 0]
    );
    assert_eq!(
        of("model/k8s/pod.rs", "use super::super::super::plan::Plan;"),
        ["plan"]
    );
}

#[test]
fn every_folder_is_in_the_table() {
    for folder in folders() {
        assert!(
            MAY_IMPORT.iter().any(|(name, _)| *name == folder),
            "src/{folder} is not in the table"
        );
    }
}

#[test]
fn a_folder_imports_only_what_the_table_allows() {
    let all = folders();
    let mut wrong = Vec::new();
    for (folder, allowed) in MAY_IMPORT
        .iter()
        .filter(|(name, _)| all.iter().any(|found| found == name))
    {
        for file in files_of(folder) {
            let code = code(&file);
            let names = named(&code).into_iter().chain(named_from_below(&file, &code));
            for name in names {
                let is_folder = all.contains(&name);
                if is_folder && name != *folder && !allowed.contains(&name.as_str()) {
                    wrong.push(format!("{} imports crate::{name}", file.display()));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "forbidden imports:\n{}", wrong.join("\n"));
}

#[test]
fn pure_folders_do_no_io_and_ask_no_clock() {
    let mut wrong = Vec::new();
    for folder in PURE
        .iter()
        .filter(|name| folders().iter().any(|found| found == *name))
    {
        for file in files_of(folder) {
            let code = code(&file);
            for word in IMPURE.iter().filter(|word| code.contains(**word)) {
                wrong.push(format!("{} names {word}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "pure files that are not:\n{}", wrong.join("\n"));
}

/// The requests of the `Cluster` trait that write, by the options that each of them takes.
fn writing_requests() -> Vec<String> {
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/cluster/api.rs");
    let code = code(&api);
    let requests = code.split("async fn ").skip(1).filter_map(|request| {
        let (name, rest) = request.split_once('(')?;
        let arguments = rest.split(';').next()?;
        arguments.contains("Options").then(|| name.to_owned())
    });
    requests.collect()
}

#[test]
fn what_watches_sends_no_request_that_writes() {
    let requests = writing_requests();
    assert!(requests.len() >= 6, "found only {requests:?}");

    let calls = requests.iter().map(|name| format!(".{name}("));
    // No request that writes can be made without one of these.
    let options = ["WriteOptions", "ApplyOptions", "DeleteOptions"].map(str::to_owned);
    let words: Vec<String> = calls.chain(options).collect();

    for file in files_of("monitor") {
        let code = code(&file);
        for word in &words {
            assert!(
                !code.contains(word),
                "{} names {word}: a monitor gives back what is to be written, and execute/ writes it",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_cluster_folder_names_the_kubernetes_client() {
    for folder in folders().iter().filter(|name| *name != "cluster") {
        for file in files_of(folder) {
            assert!(!code(&file).contains("kube::"), "{} names kube::", file.display());
        }
    }
}

#[test]
fn only_the_roof_the_commands_and_their_ground_know_flags() {
    let know = ["app", "cli", "commands", "complete"];
    for folder in folders().iter().filter(|name| !know.contains(&name.as_str())) {
        for file in files_of(folder) {
            let code = code(&file);
            assert!(
                !code.contains("clap::") && !code.contains("use clap"),
                "{} names clap",
                file.display()
            );
        }
    }
}

#[test]
fn only_the_report_and_the_binary_print() {
    for folder in folders()
        .iter()
        .filter(|name| !["report", "cli", "commands"].contains(&name.as_str()))
    {
        for file in files_of(folder) {
            let code = code(&file);
            for word in ["println!", "eprintln!", "print!(", "dbg!"] {
                assert!(!code.contains(word), "{} prints with {word}", file.display());
            }
        }
    }
}

#[test]
fn every_file_says_what_it_is_for() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    for file in rust_files(&src) {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//! "),
            "{} does not start with //!",
            file.display()
        );
    }
}
