//! The built program, and what came of a run.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// The built program in an environment that holds nothing of the machine's: an empty home, kubectl's folder on PATH.
pub fn delivery(tools: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kubectl-delivery"));
    hermetic(&mut command, tools);
    command
}

/// kubectl that finds the built program as its plugin, through a link of that name in `folder`.
pub fn linked_as(link: &str, folder: &Path, tools: &Path) -> Command {
    let link = folder.join(link);
    if !link.exists() {
        std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_kubectl-delivery"), &link).unwrap();
    }
    let mut command = Command::new(tools.join("kubectl"));
    hermetic(&mut command, tools);
    let path = format!("{}:{}:/usr/bin:/bin", folder.display(), tools.display());
    command.env("PATH", path);
    command
}

fn hermetic(command: &mut Command, tools: &Path) {
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("home");
    std::fs::create_dir_all(&home).unwrap();
    command
        .env_clear()
        .env("HOME", &home)
        .env("LANG", "C.UTF-8")
        .env(
            "PATH",
            format!("{}:/usr/local/bin:/usr/bin:/bin", tools.display()),
        )
        .stdin(Stdio::null());
}

/// What came of a run.
#[derive(Debug, Clone)]
pub struct Ran {
    /// The command line.
    pub command: String,
    /// Exit code; none where a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to stdout.
    pub stdout: String,
    /// What it wrote to stderr.
    pub stderr: String,
    /// How long it took.
    pub took: Duration,
}

impl Ran {
    /// Its stdout; fails where it did not exit with 0.
    pub fn ok(self) -> String {
        self.exits(0).stdout
    }

    /// Fails where it did not exit with `code`.
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "{}\n--- stdout\n{}\n--- stderr\n{}",
            self.command,
            self.stdout,
            self.stderr
        );
        self
    }

    /// Its stdout as JSON.
    pub fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{}: {error}\n{}\n{}", self.command, self.stdout, self.stderr))
    }
}

/// Runs a command to its end.
pub trait Run {
    /// Runs it and collects what it wrote.
    fn run(&mut self) -> Ran;
    /// The same, with a text on its stdin.
    fn run_with(&mut self, stdin: &str) -> Ran;
}

impl Run for Command {
    fn run(&mut self) -> Ran {
        let start = Instant::now();
        let output = self
            .output()
            .unwrap_or_else(|error| panic!("{}: {error}", shown(self)));
        ran(self, &output, start.elapsed())
    }

    fn run_with(&mut self, stdin: &str) -> Ran {
        use std::io::Write;
        let start = Instant::now();
        self.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = self
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", shown(self)));
        let mut pipe = child.stdin.take().unwrap();
        let text = stdin.to_owned();
        // Beside it: a program that writes before it has read everything would wait for ever.
        let writer = std::thread::spawn(move || pipe.write_all(text.as_bytes()).ok());
        let output = child.wait_with_output().unwrap();
        writer.join().unwrap();
        ran(self, &output, start.elapsed())
    }
}

/// Runs it to its end, and tells the most memory that it held at a time, in MiB.
pub fn measured(command: &mut Command) -> (Ran, u64) {
    let start = Instant::now();
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", shown(command)));
    let status = format!("/proc/{}/status", child.id());
    let sampler = std::thread::spawn(move || {
        let kib = |text: &str| {
            let line = text.lines().find(|line| line.starts_with("VmHWM:"))?;
            line.split_whitespace().nth(1)?.parse::<u64>().ok()
        };
        let mut most = 0;
        // What has ended has a status without this line.
        while let Some(now) = std::fs::read_to_string(&status).ok().as_deref().and_then(kib) {
            most = most.max(now);
            std::thread::sleep(Duration::from_millis(2));
        }
        most / 1024
    });
    let output = child.wait_with_output().unwrap();
    (ran(command, &output, start.elapsed()), sampler.join().unwrap())
}

/// What came of a command that has ended.
pub fn ran(command: &Command, output: &Output, took: Duration) -> Ran {
    Ran {
        command: shown(command),
        code: output.status.code(),
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took,
    }
}

fn shown(command: &Command) -> String {
    let program = PathBuf::from(command.get_program());
    let words = std::iter::once(program.file_name().unwrap_or_default()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
