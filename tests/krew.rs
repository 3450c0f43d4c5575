//! krew's rules, and an installation as krew lays it out: `make krew-check`.
//!
//! A binary of its own: it needs the archive of `make dist`, which no other test does.

use serde_json::Value;
use std::os::unix::fs::PermissionsExt;
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

#[test]
fn the_manifest_keeps_krews_rules() {
    for path in ["krew/delivery.yaml", "dist/delivery.yaml"] {
        let manifest = manifest(path);
        assert_eq!(
            text(&manifest, "/apiVersion"),
            "krew.googlecontainertools.github.com/v1alpha2"
        );
        assert_eq!(text(&manifest, "/kind"), "Plugin");
        assert_eq!(
            text(&manifest, "/metadata/name"),
            "delivery",
            "the file is named after the plugin"
        );
        assert_eq!(
            text(&manifest, "/spec/version"),
            concat!("v", env!("CARGO_PKG_VERSION"))
        );
        let short = text(&manifest, "/spec/shortDescription");
        assert!(
            short.len() < 50 && !short.ends_with('.') && !short.to_lowercase().contains("kubectl"),
            "{short}"
        );
        assert!(text(&manifest, "/spec/homepage").starts_with("https://"));
        for line in text(&manifest, "/spec/description").lines() {
            assert!(line.len() < 140, "{line}");
        }
        let mut all: Vec<_> = platforms(&manifest).iter().map(labels).collect();
        all.sort();
        let expected = [
            ("darwin", "amd64"),
            ("darwin", "arm64"),
            ("linux", "amd64"),
            ("linux", "arm64"),
        ];
        assert_eq!(all, expected.map(|(os, arch)| (os.to_owned(), arch.to_owned())));
        for platform in platforms(&manifest) {
            let (os, arch) = labels(platform);
            let version = text(&manifest, "/spec/version");
            let expected = format!("/{version}/kubectl-delivery_{version}_{os}_{arch}.tar.gz");
            assert!(
                text(platform, "/uri").ends_with(&expected),
                "{}",
                text(platform, "/uri")
            );
            let sum = text(platform, "/sha256");
            let is_hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
            assert!(sum.len() == 64 && sum.chars().all(is_hex), "{sum}");
            assert_eq!(text(platform, "/bin"), "kubectl-delivery");
            let files: Vec<_> = platform["files"]
                .as_array()
                .unwrap()
                .iter()
                .map(|f| text(f, "/from"))
                .collect();
            assert_eq!(
                files,
                ["kubectl-delivery", "LICENSE"],
                "krew's index asks for the licence"
            );
        }
    }
}

#[test]
fn the_release_bots_template_gives_the_same_manifest() {
    let tag = concat!("v", env!("CARGO_PKG_VERSION"));
    let zeros = "0".repeat(64);
    // addURIAndSha writes both fields, the second one indented as the first.
    let render = |line: &str| match line
        .trim()
        .strip_prefix("{{addURIAndSha \"")
        .and_then(|rest| rest.split_once("\" .TagName"))
    {
        Some((uri, _)) => format!("      uri: {uri}\n      sha256: \"{zeros}\"\n"),
        None => format!("{line}\n"),
    };
    let rendered: String = read(".krew.yaml").lines().map(render).collect();
    let rendered: Value = serde_yaml::from_str(&rendered.replace("{{ .TagName }}", tag)).unwrap();
    assert_eq!(rendered, manifest("krew/delivery.yaml"));
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
    run(Command::new(root().join("krew/dist.sh"))
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

#[test]
fn installed_as_krew_lays_it_out_kubectl_runs_it_and_it_can_be_removed() {
    let krew = tempfile::tempdir().unwrap();
    let manifest = manifest("dist/delivery.yaml");
    let version = text(&manifest, "/spec/version");
    let store = krew.path().join("store/delivery").join(version);
    let bin = krew.path().join("bin");
    for folder in [&store, &bin, &krew.path().join("receipts")] {
        std::fs::create_dir_all(folder).unwrap();
    }
    // krew takes the listed files out of the archive, and refuses links in it.
    let unpacked = tempfile::tempdir().unwrap();
    run(Command::new("tar")
        .arg("-xzf")
        .arg(archive())
        .arg("-C")
        .arg(unpacked.path()));
    for file in of_host(&manifest)["files"].as_array().unwrap() {
        let from = unpacked.path().join(text(file, "/from"));
        assert!(from.symlink_metadata().unwrap().is_file());
        std::fs::copy(&from, store.join(text(file, "/to")).join(text(file, "/from"))).unwrap();
    }
    let program = store.join(text(of_host(&manifest), "/bin"));
    assert_eq!(program.metadata().unwrap().permissions().mode() & 0o111, 0o111);
    std::os::unix::fs::symlink(&program, bin.join("kubectl-delivery")).unwrap();
    std::fs::write(
        krew.path().join("receipts/delivery.yaml"),
        read("dist/delivery.yaml"),
    )
    .unwrap();

    let ran = run(kubectl(&bin).args(["delivery", "version", "--client"]));
    assert!(ran.starts_with(&format!("client: {version}")), "{ran}");
    let listed = run(kubectl(&bin).args(["plugin", "list"]));
    assert!(
        listed.contains(&bin.join("kubectl-delivery").display().to_string()),
        "{listed}"
    );

    std::fs::remove_file(bin.join("kubectl-delivery")).unwrap();
    std::fs::remove_dir_all(store).unwrap();
    let gone = kubectl(&bin).args(["delivery", "version"]).output().unwrap();
    assert!(!gone.status.success());
}

/// With the real krew, where it is on PATH; its absence is said, for there is no other way to have it.
#[test]
fn the_real_krew_installs_the_archive_where_it_is_to_be_had() {
    let path = std::env::var("PATH").unwrap();
    let Some(krew) = std::env::split_paths(&path)
        .map(|folder| folder.join("kubectl-krew"))
        .find(|f| f.exists())
    else {
        eprintln!("kubectl-krew is not on PATH: shown with krew's layout alone");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let bin = root.path().join("bin");
    let command = |arguments: &[&str]| {
        let mut command = Command::new(&krew);
        command
            .env("KREW_ROOT", root.path())
            .env("PATH", format!("{}:{path}", bin.display()))
            .args(arguments);
        command
    };
    let file = self::root().join("dist/delivery.yaml");
    let archived = archive();
    let (file, archived) = (file.to_str().unwrap(), archived.to_str().unwrap());
    run(&mut command(&[
        "install",
        "--manifest",
        file,
        "--archive",
        archived,
    ]));
    assert!(run(kubectl(&bin).args(["delivery", "version", "--client"])).starts_with("client: v"));
    run(&mut command(&["uninstall", "delivery"]));
    assert!(!bin.join("kubectl-delivery").exists());
}
