//! What a machine lacks is named or installed before anything is built.

use crate::harness::{Ran, Run};
use crate::{path_with, play, read, root, says, script};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What the script itself uses.
const SHELL: [&str; 12] = [
    "bash", "sh", "awk", "sort", "paste", "grep", "chmod", "rm", "dirname", "env", "cat", "sed",
];

/// A machine with these commands alone: links in a directory, which is the whole PATH. Who runs it is played.
struct Machine {
    folder: tempfile::TempDir,
}

impl Machine {
    fn new(commands: &[&str], user: u32) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let machine = Self { folder };
        for command in SHELL.iter().chain(commands) {
            machine.add(command);
        }
        play(&machine.bin(), "id", &format!("echo {user}"));
        machine
    }

    fn bin(&self) -> PathBuf {
        let bin = self.folder.path().join("bin");
        std::fs::create_dir_all(&bin).unwrap();
        bin
    }

    fn add(&self, command: &str) {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap())
            .map(|folder| folder.join(command))
            .find(|file| file.exists())
            .unwrap_or_else(|| panic!("{command} is not on PATH"));
        std::os::unix::fs::symlink(found, self.bin().join(command)).unwrap();
    }

    fn policy(&self) -> PathBuf {
        self.folder.path().join("policy-rc.d")
    }

    /// apt-get: writes down what it was asked, and installs programs that do nothing.
    fn play_apt(&self, programs: &[&str]) {
        let (bin, log) = (self.bin(), self.folder.path().join("apt"));
        let install: String = programs
            .iter()
            .map(|program| {
                let file = bin.join(program).display().to_string();
                format!("printf '#!/bin/sh\\n' >{file}; chmod +x {file}\n")
            })
            .collect();
        let shell = format!(
            "echo \"$*\" >>{log}\n[ \"$1\" = install ] || exit 0\ncat {policy} >>{log}\n{install}",
            log = log.display(),
            policy = self.policy().display()
        );
        play(&bin, "apt-get", &shell);
    }

    fn asked_of_apt(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("apt")).unwrap_or_default()
    }

    fn needs(&self, purposes: &[&str]) -> Ran {
        let mut command = script("tests/needs.sh");
        command
            .args(purposes)
            .env("PATH", self.bin())
            .env("NEEDS_POLICY", self.policy());
        command.run()
    }
}

const BUILD: [&str; 8] = ["cargo", "go", "git", "flock", "setsid", "jq", "tar", "cc"];

#[test]
fn a_user_without_root_is_told_the_packages_and_nothing_is_installed() {
    let machine = Machine::new(&BUILD, 1000);
    machine.play_apt(&[]);
    let ran = machine.needs(&["build", "test"]).exits(1);
    says(
        &ran,
        "missing: docker-registry htpasswd openssl skopeo prometheus",
    );
    says(
        &ran,
        "as root: apt-get install --no-install-recommends docker-registry apache2-utils openssl skopeo prometheus",
    );
    assert_eq!(machine.asked_of_apt(), "");
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
}

#[test]
fn as_root_on_debian_they_are_installed_with_one_line_and_without_their_services() {
    let machine = Machine::new(&BUILD, 0);
    let programs = [
        "docker-registry",
        "htpasswd",
        "openssl",
        "skopeo",
        "prometheus",
        "script",
        "ps",
        "curl",
    ];
    machine.play_apt(&programs);
    let ran = machine.needs(&["build", "test"]).exits(0);
    assert_eq!(ran.stderr.lines().count(), 1, "{}", ran.stderr);
    says(
        &ran,
        "installing the Debian packages docker-registry apache2-utils openssl skopeo prometheus",
    );

    let asked = machine.asked_of_apt();
    assert!(
        asked.starts_with("update -q\ninstall -qy --no-install-recommends docker-registry "),
        "{asked}"
    );
    assert!(asked.contains("exit 101"), "a service would start: {asked}");
    assert!(!machine.policy().exists(), "what forbids services stayed");

    // What is there is not installed again.
    let ran = machine.needs(&["build", "test"]).exits(0);
    assert_eq!(ran.stderr, "");
    assert_eq!(machine.asked_of_apt(), asked);
}

#[test]
fn a_package_that_did_not_bring_its_command_stops_the_run() {
    let machine = Machine::new(&BUILD, 0);
    machine.play_apt(&[
        "htpasswd",
        "openssl",
        "skopeo",
        "prometheus",
        "script",
        "ps",
        "curl",
    ]);
    says(
        &machine.needs(&["build", "test"]).exits(1),
        "still missing: docker-registry",
    );
}

#[test]
fn without_rust_or_go_nothing_is_installed_even_by_root() {
    let machine = Machine::new(&["git", "flock", "setsid", "jq", "tar", "cc"], 0);
    machine.play_apt(&[]);
    let ran = machine.needs(&["build", "test"]).exits(1);
    says(&ran, "missing: Rust, from rustup.rs");
    says(&ran, "missing: Go 1.26 or newer, from go.dev/dl");
    assert_eq!(machine.asked_of_apt(), "");
}

#[test]
fn where_there_is_no_apt_the_packages_are_named_to_root_as_well() {
    let machine = Machine::new(&BUILD, 0);
    says(&machine.needs(&["test"]).exits(1), "missing: docker-registry");
    machine.needs(&["nothing"]).exits(1);
}

#[test]
fn make_test_stops_before_it_builds_anything() {
    let machine = Machine::new(&["git", "flock", "setsid", "jq", "tar", "cc", "go", "make"], 1000);
    let log = machine.folder.path().join("cargo");
    play(
        &machine.bin(),
        "cargo",
        &format!("echo \"$*\" >>{}", log.display()),
    );
    let ran = Command::new("make")
        .args(["-C", root().to_str().unwrap(), "test"])
        .env_clear()
        .env("PATH", machine.bin())
        .env("HOME", machine.folder.path())
        .run()
        .exits(2);
    says(&ran, "apt-get install --no-install-recommends");
    says(&ran, "shellcheck");
    assert!(
        !log.exists(),
        "cargo ran: {}",
        std::fs::read_to_string(&log).unwrap()
    );
    let left = std::fs::read_dir(machine.folder.path()).unwrap().count();
    assert_eq!(left, 1, "something was built below the home");
}

/// The commands of the table.
fn listed() -> BTreeSet<String> {
    let script = read("tests/needs.sh");
    let table = script
        .split("NEEDS=\"")
        .nth(1)
        .unwrap()
        .split("\n\"")
        .next()
        .unwrap();
    table
        .lines()
        .filter_map(|line| line.split_whitespace().nth(1))
        .map(String::from)
        .collect()
}

/// Part of every Debian (essential packages), or of the table by another command of the same package.
const EVERYWHERE: [&str; 8] = [
    "bash", "/bin/sh", "make", "kill", "sleep", "mkfifo", "kubectl", "cp",
];

fn add_commands(folder: &Path, found: &mut BTreeSet<(String, String)>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_commands(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            let text = std::fs::read_to_string(&path).unwrap();
            for rest in text.split("Command::new(\"").skip(1) {
                let command = rest.split('"').next().unwrap().to_owned();
                found.insert((command, path.display().to_string()));
            }
        }
    }
}

#[test]
fn every_command_that_a_test_runs_is_listed() {
    let mut used = BTreeSet::new();
    add_commands(&root().join("tests"), &mut used);
    assert!(used.len() > 10, "{used:?}");
    let listed = listed();
    let unlisted: Vec<_> = used
        .iter()
        .filter(|(command, _)| !listed.contains(command) && !EVERYWHERE.contains(&command.as_str()))
        // Text about a command, as here.
        .filter(|(command, _)| {
            command
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "-_/".contains(c))
        })
        .filter(|(command, _)| !command.is_empty())
        .collect();
    assert!(unlisted.is_empty(), "tests/needs.sh does not list {unlisted:?}");
}

#[test]
fn this_machine_has_what_the_tests_need() {
    script("tests/needs.sh")
        .args(["build", "test"])
        .env("PATH", path_with(Path::new("/usr/bin")))
        .run()
        .exits(0);
}
