//! What a release makes: archives, manifests, an index, images. Only the forge and the builder of images are played.

use crate::harness::{Ran, Run};
use crate::{path_with, play, read, root, says, script};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

const VERSION: &str = concat!("v", env!("CARGO_PKG_VERSION"));
const PLATFORMS: [&str; 5] = [
    "linux_amd64",
    "linux_arm64",
    "darwin_amd64",
    "darwin_arm64",
    "windows_amd64",
];

/// The sums of archives that were built, each of one repeated digit.
fn write_sums(dist: &Path, platforms: &[&str]) {
    for (digit, platform) in ('1'..).zip(platforms) {
        let archive = format!("kubectl-delivery_{VERSION}_{platform}.tar.gz");
        let sum = digit.to_string().repeat(64);
        std::fs::write(
            dist.join(format!("{archive}.sha256")),
            format!("{sum}  {archive}\n"),
        )
        .unwrap();
    }
}

fn manifest(file: &Path) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn sums(manifest: &Value) -> Vec<String> {
    let platforms = manifest.pointer("/spec/platforms").unwrap().as_array().unwrap();
    platforms
        .iter()
        .map(|platform| platform["sha256"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_manifests_get_the_sum_of_each_archive_that_was_built() {
    let dist = tempfile::tempdir().unwrap();
    write_sums(dist.path(), &PLATFORMS[..1]);
    script("release/manifests.sh").arg(dist.path()).run().exits(0);
    for name in ["delivery", "release-drift"] {
        let manifest = manifest(&dist.path().join(format!("{name}.yaml")));
        assert_eq!(manifest["metadata"]["name"], name);
        let sums = sums(&manifest);
        assert_eq!(sums[0], "1".repeat(64));
        assert!(sums[1..].iter().all(|sum| *sum == "0".repeat(64)), "{sums:?}");
    }
}

#[test]
fn both_names_have_one_manifest_but_for_the_name_and_the_bots_template_gives_the_second() {
    let drift = read("krew/release-drift.yaml");
    let as_delivery = drift
        .replace("name: release-drift", "name: delivery")
        .replace("kubectl release-drift", "kubectl delivery")
        .replace("kubectl-release_drift", "kubectl-delivery")
        .replace("kubectl_complete-release_drift", "kubectl_complete-delivery");
    let parse = |text: &str| -> Value { serde_yaml::from_str(text).unwrap() };
    assert_eq!(parse(&as_delivery), parse(&read("krew/delivery.yaml")));

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
    assert_eq!(parse(&rendered.replace("{{ .TagName }}", VERSION)), parse(&drift));
}

fn git(folder: &Path, words: &[&str]) -> Ran {
    Command::new("git").arg("-C").arg(folder).args(words).run()
}

#[test]
fn an_index_gets_all_sums_in_one_commit_and_never_a_platform_without_one() {
    let folder = tempfile::tempdir().unwrap();
    let (dist, bare) = (folder.path().join("dist"), folder.path().join("index.git"));
    std::fs::create_dir_all(&dist).unwrap();
    git(
        folder.path(),
        &[
            "init",
            "--quiet",
            "--bare",
            "--initial-branch",
            "main",
            "index.git",
        ],
    )
    .ok();
    let publish = || script("release/publish-index.sh").arg(&dist).arg(&bare).run();

    write_sums(&dist, &PLATFORMS[..4]);
    says(&publish().exits(1), "the archive of a platform is missing");
    git(&bare, &["rev-parse", "--verify", "--quiet", "main"]).exits(1);

    write_sums(&dist, &PLATFORMS);
    publish().exits(0);
    let listed = git(&bare, &["ls-tree", "--name-only", "-r", "main"]).ok();
    assert_eq!(listed, "plugins/delivery.yaml\nplugins/release-drift.yaml\n");
    let shown = git(&bare, &["show", "main:plugins/delivery.yaml"]).ok();
    assert_eq!(
        sums(&serde_yaml::from_str(&shown).unwrap()).concat().len(),
        5 * 64
    );

    // A release that is run again changes nothing.
    assert!(publish().exits(0).stdout.contains("already"));
    assert_eq!(git(&bare, &["rev-list", "--count", "main"]).ok(), "1\n");
}

/// An archive with a program that is played.
fn packed(folder: &Path, platform: &str, shell: &str) -> std::path::PathBuf {
    let archive = folder.join(format!("kubectl-delivery_{VERSION}_{platform}.tar.gz"));
    let program = play(folder, "kubectl-delivery", shell);
    script("release/pack.sh").arg(program).arg(&archive).run().ok();
    archive
}

#[test]
fn the_same_program_gives_the_same_archive_in_every_place_and_time() {
    let folder = tempfile::tempdir().unwrap();
    let first = std::fs::read(packed(folder.path(), "linux_amd64", "exit 0")).unwrap();
    let other = tempfile::tempdir().unwrap();
    let archive = other.path().join("other.tar.gz");
    let program = play(other.path(), "kubectl-delivery", "exit 0");
    let mut pack = script("release/pack.sh");
    pack.arg(program).arg(&archive).env("TZ", "Asia/Tokyo").run().ok();
    assert_eq!(std::fs::read(archive).unwrap(), first);
}

#[test]
fn an_archive_whose_program_says_another_version_or_platform_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let check = |archive: &Path| script("release/check-archive.sh").arg(archive).run();
    let real = format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_kubectl-delivery"));
    let arch = if cfg!(target_arch = "aarch64") {
        "arm64"
    } else {
        "amd64"
    };

    let good = packed(folder.path(), &format!("linux_{arch}"), &real);
    check(&good).exits(0);
    says(
        &check(&packed(folder.path(), "linux_s390x", &real)).exits(1),
        "expected client: ",
    );

    // A program of this machine, which needs its C library.
    let dynamic = folder
        .path()
        .join(format!("kubectl-delivery_{VERSION}_linux_amd64.tar.gz"));
    let program = folder.path().join("kubectl-delivery");
    std::fs::copy("/bin/cat", &program).unwrap();
    script("release/pack.sh").arg(&program).arg(&dynamic).run().ok();
    says(&check(&dynamic).exits(1), "the program needs libraries: ");
    let good = packed(folder.path(), &format!("linux_{arch}"), &real);

    let sum = format!("{}.sha256", good.display());
    std::fs::write(sum, format!("{}  x\n", "0".repeat(64))).unwrap();
    says(&check(&good).exits(1), "the sum is another");
}

#[test]
fn a_tag_that_differs_from_any_of_the_versions_is_named() {
    let ran = script("release/check-version.sh").arg("v9.9.9").run().exits(1);
    says(&ran, &format!("the tag is v9.9.9, Cargo.toml has {VERSION}"));
    // Of this version nothing else than the changelog's section may be missing before a release.
    let ran = script("release/check-version.sh").arg(VERSION).run();
    let others = ran
        .stderr
        .lines()
        .filter(|line| !line.starts_with("CHANGELOG.md has no section"));
    assert_eq!(others.collect::<Vec<_>>(), Vec::<&str>::new());
}

#[test]
fn both_images_are_made_of_the_archives_and_their_digests_are_given() {
    let folder = tempfile::tempdir().unwrap();
    for platform in ["linux_amd64", "linux_arm64"] {
        packed(folder.path(), platform, &format!("echo {platform}"));
    }
    let bin = tempfile::tempdir().unwrap();
    let asked = bin.path().join("asked");
    play(
        bin.path(),
        "docker",
        &format!(
            "echo \"$*\" >>{asked}\nwhile [ $# -gt 1 ]; do\n  case $1 in\n    --metadata-file) file=$2 ;;\n    --target) target=$2 ;;\n    \
             --build-context) for arch in amd64 arm64; do ${{2#build=}}/linux_$arch/kubectl-delivery >>{asked}; done ;;\n  esac\n  \
             shift\ndone\nprintf '{{\"containerimage.digest\": \"sha256:%s\"}}' \"$target\" >\"$file\"",
            asked = asked.display()
        ),
    );
    let ran = script("release/image.sh")
        .arg(folder.path())
        .args(["ghcr.io/acme/x", VERSION])
        .env("PATH", path_with(bin.path()))
        .run();
    assert_eq!(ran.ok(), "digest=sha256:program\nshell-digest=sha256:shell\n");
    let asked = std::fs::read_to_string(asked).unwrap();
    assert!(
        asked.contains(&format!("--tag ghcr.io/acme/x:{VERSION}-shell .")),
        "{asked}"
    );
    assert_eq!(asked.matches("linux_amd64\nlinux_arm64\n").count(), 2, "{asked}");
}

#[test]
fn each_script_of_a_workflow_is_there_and_may_run() {
    use std::os::unix::fs::PermissionsExt;
    let mut found = 0;
    for workflow in ["check", "release"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        for word in text.split_whitespace().filter(|word| word.ends_with(".sh")) {
            let mode = root()
                .join(word)
                .metadata()
                .unwrap_or_else(|error| panic!("{word}: {error}"))
                .permissions();
            assert!(mode.mode() & 0o111 != 0, "{word} may not run");
            found += 1;
        }
    }
    assert!(found >= 8, "{found}");
}

/// The jobs that a job waits for, and those that these wait for.
fn waits_for<'w>(jobs: &'w Value, job: &'w str) -> Vec<&'w str> {
    let needs = match &jobs[job]["needs"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(all) => all.iter().map(|one| one.as_str().unwrap()).collect(),
        _ => Vec::new(),
    };
    let further: Vec<&str> = needs.iter().flat_map(|need| waits_for(jobs, need)).collect();
    needs.into_iter().chain(further).collect()
}

#[test]
fn nothing_is_published_before_everything_has_passed() {
    let workflow: Value = serde_yaml::from_str(&read(".github/workflows/release.yml")).unwrap();
    let jobs = &workflow["jobs"];
    assert_eq!(jobs["check"]["uses"], "./.github/workflows/check.yml");
    for (name, job) in jobs.as_object().unwrap() {
        let writes = job["permissions"]
            .as_object()
            .is_some_and(|all| all.values().any(|value| value == "write"));
        let has_secret = job.to_string().contains("secrets.");
        if writes || has_secret {
            let before = waits_for(jobs, name);
            for needed in ["version", "check", "archive"] {
                assert!(before.contains(&needed), "{name} does not wait for {needed}");
            }
        }
    }
    // No job has a permission that it does not name.
    assert_eq!(workflow["permissions"], serde_json::json!({"contents": "read"}));
}

#[test]
fn actions_are_pinned_by_commit_but_for_the_one_that_says_why() {
    let mut by_tag = Vec::new();
    for workflow in ["check", "release"] {
        let text = read(&format!(".github/workflows/{workflow}.yml"));
        for line in text
            .lines()
            .filter(|line| line.contains("uses: ") && !line.contains("uses: ./"))
        {
            let (name, rest) = line.split("uses: ").nth(1).unwrap().split_once('@').unwrap();
            let pin = rest.split_whitespace().next().unwrap();
            let is_commit = pin.len() == 40 && pin.bytes().all(|byte| byte.is_ascii_hexdigit());
            if is_commit {
                assert!(rest.contains(" # v"), "{line}: which version is that?");
            } else {
                by_tag.push(name.to_owned());
            }
        }
    }
    assert_eq!(by_tag, ["rajatjindal/krew-release-bot"]);
}
