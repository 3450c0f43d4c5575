//! How the program comes to its users: what a machine needs for the targets, archives and manifests of a release, the images'
//! recipe, the GitHub Action and the GitLab component, and the program under its second name.
//!
//! Scripts run as they are, with the real program. Only what a forge would answer, and what would be installed or pushed, is
//! played.

#[path = "../it/harness/mod.rs"]
mod harness;

mod comments;
mod dockerfile;
mod forge;
mod names;
mod needs;
mod release;
mod repository;
mod steps;

use harness::Ran;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// This repository.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A script of this repository, in an environment that holds a PATH and nothing else of the machine's.
fn script(path: &str) -> Command {
    let mut command = Command::new("bash");
    command.arg(root().join(path)).env_clear().stdin(Stdio::null());
    for name in ["PATH", "HOME", "CARGO_HOME", "RUSTUP_HOME"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Writes a program of that name, which does what the lines of shell say.
fn play(folder: &Path, name: &str, shell: &str) -> PathBuf {
    use std::os::unix::fs::PermissionsExt;
    let file = folder.join(name);
    std::fs::write(&file, format!("#!/bin/bash\n{shell}\n")).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755)).unwrap();
    file
}

/// `folder` before the machine's PATH.
fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// Fails where the run did not write this to stderr.
fn says(ran: &Ran, text: &str) {
    assert!(ran.stderr.contains(text), "{}\n{}", ran.command, ran.stderr);
}
