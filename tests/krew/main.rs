//! krew's rules, and installations by the real krew, from a manifest and from an index: `make krew-check`.
//!
//! A binary of its own: it needs the archive of `make dist`, and krew, which no other test does.

#[path = "../it/harness/blocks.rs"]
mod blocks;
mod index;
mod readme;

use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    let file = root().join(path);
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{} ({error}): make dist", file.display()))
}

fn manifest(path: &str) -> Value {
    serde_yaml::from_str(&read(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_else(|| panic!("{pointer} is no text"))
}

fn platforms(manifest: &Value) -> &[Value] {
    manifest
        .pointer("/spec/platforms")
        .and_then(Value::as_array)
        .unwrap()
}

fn labels(platform: &Value) -> (String, String) {
    let label = |name: &str| text(platform, &format!("/selector/matchLabels/{name}")).to_owned();
    (label("os"), label("arch"))
}

/// os and arch of this host, as krew calls them.
fn host() -> (String, String) {
    let os = if cfg!(target_os = "macos") {
        "darwin"
    } else {
        "linux"
    };
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };
    (os.into(), arch.into())
}

fn of_host(manifest: &Value) -> &Value {
    platforms(manifest)
        .iter()
        .find(|platform| labels(platform) == host())
        .unwrap()
}

fn run(command: &mut Command) -> String {
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

fn sum(file: &Path) -> String {
    use sha2::Digest;
    let hash = sha2::Sha256::digest(std::fs::read(file).unwrap());
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn archive() -> PathBuf {
    let (os, arch) = host();
    root().join(format!(
        "dist/kubectl-delivery_v{}_{os}_{arch}.tar.gz",
        env!("CARGO_PKG_VERSION")
    ))
}

/// What kubectl finds each plugin by.
const NAMES: [(&str, &str); 2] = [
    ("delivery", "kubectl-delivery"),
    ("release-drift", "kubectl-release_drift"),
];

#[test]
fn the_manifests_keep_krews_rules() {
    for (name, _) in NAMES {
        for folder in ["krew", "dist"] {
            check_manifest(name, &manifest(&format!("{folder}/{name}.yaml")));
        }
    }
}

fn check_manifest(name: &str, manifest: &Value) {
    assert_eq!(
        text(manifest, "/apiVersion"),
        "krew.googlecontainertools.github.com/v1alpha2"
    );
    assert_eq!(text(manifest, "/kind"), "Plugin");
    // The file is named after the plugin.
    assert_eq!(text(manifest, "/metadata/name"), name);
    let version = text(manifest, "/spec/version");
    assert_eq!(version, concat!("v", env!("CARGO_PKG_VERSION")));
    let short = text(manifest, "/spec/shortDescription");
    assert!(
        short.len() < 50 && !short.ends_with('.') && !short.to_lowercase().contains("kubectl"),
        "{short}"
    );
    assert!(text(manifest, "/spec/homepage").starts_with("https://"));
    for line in text(manifest, "/spec/description").lines() {
        assert!(line.len() < 140, "{line}");
    }

    let mut all: Vec<_> = platforms(manifest).iter().map(labels).collect();
    all.sort();
    let expected = [
        ("darwin", "amd64"),
        ("darwin", "arm64"),
        ("linux", "amd64"),
        ("linux", "arm64"),
        ("windows", "amd64"),
    ];
    assert_eq!(all, expected.map(|(os, arch)| (os.to_owned(), arch.to_owned())));
    for platform in platforms(manifest) {
        let (os, arch) = labels(platform);
        let uri = text(platform, "/uri");
        let expected = format!("/{version}/kubectl-delivery_{version}_{os}_{arch}.tar.gz");
        assert!(uri.ends_with(&expected), "{uri}");
        let sum = text(platform, "/sha256");
        let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        assert!(sum.len() == 64 && sum.chars().all(is_hex), "{sum}");

        let program = if os == "windows" {
            "kubectl-delivery.exe"
        } else {
            "kubectl-delivery"
        };
        assert_eq!(text(platform, "/bin"), program);
        let files: Vec<_> = platform["files"]
            .as_array()
            .unwrap()
            .iter()
            .map(|f| text(f, "/from"))
            .collect();
        // krew's index asks for the licence.
        assert_eq!(files, [program, "LICENSE"]);
    }
}

#[test]
fn the_archive_is_what_the_manifest_says_and_holds_the_licence() {
    let manifest = manifest("dist/delivery.yaml");
    assert_eq!(sum(&archive()), text(of_host(&manifest), "/sha256"));
    let listed = run(Command::new("tar").arg("-tvzf").arg(archive()));
    assert!(
        listed
            .lines()
            .all(|line| line.contains("0/0") || line.contains("root/root")),
        "{listed}"
    );
    let names: Vec<_> = listed
        .lines()
        .filter_map(|line| line.split_whitespace().last())
        .collect();
    assert!(
        names.contains(&"LICENSE") && names.contains(&"kubectl-delivery"),
        "{names:?}"
    );
}

#[test]
fn the_same_sources_give_the_same_archive() {
    let before = sum(&archive());
    let binary = |folder: &Path| {
        run(Command::new("tar")
            .arg("-xzf")
            .arg(archive())
            .arg("-C")
            .arg(folder));
        std::fs::read(folder.join("kubectl-delivery")).unwrap()
    };
    let folder = tempfile::tempdir().unwrap();
    let bytes = binary(folder.path());
    let home = std::env::var("HOME").unwrap();
    let named = [home.as_str(), root().to_str().unwrap()];
    for path in named.iter().filter(|path| path.len() > 5) {
        let found = bytes.windows(path.len()).any(|window| window == path.as_bytes());
        assert!(
            !found,
            "the program holds {path}, which another machine's would not"
        );
    }
    let again = tempfile::tempdir().unwrap();
    run(Command::new(root().join("release/dist.sh"))
        .env("TZ", "Asia/Tokyo")
        .env("DIST", again.path()));
    assert_eq!(
        sum(&again.path().join(archive().file_name().unwrap())),
        before,
        "make dist, then this again"
    );
}

/// kubectl of the test cluster's tools, or the one on PATH.
fn kubectl(path: &Path) -> Command {
    let tools =
        std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".cache/kubectl-delivery/tools"));
    let built = tools.and_then(|tools| {
        let folders = std::fs::read_dir(tools).ok()?;
        folders
            .filter_map(|entry| Some(entry.ok()?.path().join("kubectl")))
            .find(|file| file.exists())
    });
    let mut command = Command::new(built.unwrap_or_else(|| "kubectl".into()));
    command.env(
        "PATH",
        format!("{}:{}", path.display(), std::env::var("PATH").unwrap()),
    );
    command
}

/// krew with a root of its own: the plugins of this machine's user are not its.
struct Krew {
    program: PathBuf,
    root: tempfile::TempDir,
}

impl Krew {
    fn new() -> Self {
        let built = run(Command::new(root().join("tests/tools/build.sh")).arg("krew"));
        Self {
            program: built.trim().into(),
            root: tempfile::tempdir().unwrap(),
        }
    }

    fn bin(&self) -> PathBuf {
        self.root.path().join("bin")
    }

    fn command(&self, words: &[&str]) -> Command {
        self.command_of(&self.program, words)
    }

    /// A program in krew's environment.
    fn command_of(&self, program: impl AsRef<OsStr>, words: &[&str]) -> Command {
        let mut command = Command::new(program);
        let path = std::env::var("PATH").unwrap();
        command
            .env("KREW_ROOT", self.root.path())
            .env("KREW_NO_UPGRADE_CHECK", "1")
            .env("PATH", format!("{}:{path}", self.bin().display()))
            .args(words);
        command
    }

    fn run(&self, words: &[&str]) -> String {
        run(&mut self.command(words))
    }

    /// Both plugins are installed, are what kubectl runs, and say their own name.
    fn check_installed(&self) {
        for (name, file) in NAMES {
            let ran = run(kubectl(&self.bin()).args([name, "version", "--client"]));
            assert!(
                ran.starts_with(concat!("client: v", env!("CARGO_PKG_VERSION"))),
                "{ran}"
            );
            let help = run(kubectl(&self.bin()).args([name, "--help"]));
            assert!(help.contains(&format!("kubectl {name} record -k")), "{help}");

            self.run(&["uninstall", name]);
            assert!(!self.bin().join(file).exists());
            assert!(
                !kubectl(&self.bin())
                    .args([name, "version"])
                    .output()
                    .unwrap()
                    .status
                    .success()
            );
        }
    }
}

#[test]
fn krew_installs_both_names_from_a_manifest_and_an_archive() {
    let krew = Krew::new();
    // Without any index krew removes nothing.
    let folder = tempfile::tempdir().unwrap();
    krew.run(&[
        "index",
        "add",
        "delivery",
        index::made(folder.path()).to_str().unwrap(),
    ]);
    let archived = archive();
    for (name, _) in NAMES {
        let file = root().join(format!("dist/{name}.yaml"));
        let (file, archived) = (file.to_str().unwrap(), archived.to_str().unwrap());
        krew.run(&["install", "--manifest", file, "--archive", archived]);
    }
    krew.check_installed();
}
