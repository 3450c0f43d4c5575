//! The steps of the GitHub Action and the GitLab component, by their scripts: setup, record, diff.

use crate::forge::Forge;
use crate::harness::{Ran, Run, TestCluster};
use crate::{path_with, play, read, root, says, script};
use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;

const MANIFESTS: &str =
    "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {currency: EUR}\n";

/// A job: its directory, and the files that GitHub gives a step to write to.
struct Job {
    folder: tempfile::TempDir,
}

impl Job {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("manifests.yaml"), MANIFESTS).unwrap();
        Self { folder }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn step(&self, name: &str, inputs: &[(&str, &str)]) -> Command {
        let mut command = script(&format!("actions/scripts/{name}.sh"));
        command
            .current_dir(self.path())
            .env("DELIVERY_PROGRAM", env!("CARGO_BIN_EXE_kubectl-delivery"))
            .envs(inputs.iter().copied());
        for file in ["GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY", "GITHUB_PATH"] {
            command.env(file, self.path().join(file));
        }
        command
    }

    fn record(&self, version: &str, more: &[(&str, &str)]) -> Ran {
        let inputs = [
            ("DELIVERY_NAME", "shop"),
            ("DELIVERY_VERSION_TEXT", version),
            ("DELIVERY_MANIFESTS", "manifests.yaml"),
            ("DELIVERY_ARGUMENTS", "--offline"),
        ];
        self.step("record", &inputs).envs(more.iter().copied()).run()
    }

    /// What a step wrote into one of GitHub's files.
    fn written(&self, file: &str) -> String {
        std::fs::read_to_string(self.path().join(file)).unwrap_or_default()
    }

    fn output(&self, name: &str) -> String {
        let written = self.written("GITHUB_OUTPUT");
        let value = written
            .lines()
            .rev()
            .find_map(|line| line.strip_prefix(&format!("{name}=")));
        value
            .unwrap_or_else(|| panic!("no output {name}: {written}"))
            .to_owned()
    }
}

#[test]
fn record_writes_the_release_and_gives_its_file_and_digest() {
    let job = Job::new();
    job.record("1.4.2", &[]).exits(0);
    assert_eq!(job.output("release"), "shop.release.yaml");
    let shown = Command::new(env!("CARGO_BIN_EXE_kubectl-delivery"))
        .args(["show", "shop.release.yaml"])
        .current_dir(job.path())
        .run()
        .ok();
    assert!(shown.contains(&job.output("digest")), "{shown}");
}

#[test]
fn a_value_with_blanks_quotes_or_a_command_is_one_value() {
    let job = Job::new();
    let odd = "a b\"; touch pwned; $(touch pwned) 'c";
    std::fs::rename(
        job.path().join("manifests.yaml"),
        job.path().join("my manifests.yaml"),
    )
    .unwrap();
    job.record(
        odd,
        &[
            ("DELIVERY_MANIFESTS", "\n  my manifests.yaml  \n"),
            ("DELIVERY_OUTPUT", "out.yaml"),
        ],
    )
    .exits(0);
    let text = job.written("out.yaml");
    assert!(
        text.contains("touch pwned") && !job.path().join("pwned").exists(),
        "{text}"
    );
    assert_eq!(job.output("release"), "out.yaml");
}

#[test]
fn what_record_refuses_fails_the_step() {
    let job = Job::new();
    says(
        &job.record("1", &[("DELIVERY_NAME", "")]).exits(2),
        "expected a name, found none",
    );
    says(
        &job.record("1", &[("DELIVERY_MANIFESTS", "no-such.yaml")])
            .exits(1),
        "no-such.yaml",
    );
}

/// `compare` of two releases, of which the second has another value.
fn compared(job: &Job, more: &[(&str, &str)]) -> Ran {
    job.record("1", &[]).exits(0);
    std::fs::write(job.path().join("other.yaml"), MANIFESTS.replace("EUR", "CHF")).unwrap();
    job.record(
        "2",
        &[
            ("DELIVERY_MANIFESTS", "other.yaml"),
            ("DELIVERY_OUTPUT", "other.release.yaml"),
        ],
    )
    .exits(0);
    let inputs = [
        ("DELIVERY_COMMAND", "compare"),
        ("DELIVERY_RELEASE", "shop.release.yaml\nother.release.yaml"),
    ];
    job.step("diff", &inputs).envs(more.iter().copied()).run()
}

#[test]
fn differences_are_on_the_page_of_the_job_and_fail_it() {
    let job = Job::new();
    compared(&job, &[]).exits(1);
    let page = job.written("GITHUB_STEP_SUMMARY");
    // The release and what it was compared with: the comment of another comparison is not replaced.
    assert!(
        page.starts_with(
            "<!-- kubectl-delivery: diff shop | compare -->
### "
        ),
        "{page}"
    );
    assert!(page.contains("CHF"), "{page}");
    assert_eq!(job.output("differences"), "true");
}

#[test]
fn differences_pass_where_only_errors_are_to_fail() {
    let job = Job::new();
    compared(&job, &[("DELIVERY_FAIL_ON", "errors")]).exits(0);
    assert_eq!(job.output("differences"), "true");

    // An error is none of them.
    let inputs = [
        ("DELIVERY_COMMAND", "compare"),
        ("DELIVERY_RELEASE", "no-such.yaml"),
        ("DELIVERY_FAIL_ON", "errors"),
    ];
    says(&job.step("diff", &inputs).run().exits(2), "no-such.yaml");
}

#[test]
fn a_misspelt_input_is_an_error_and_no_default() {
    let job = Job::new();
    for (name, value) in [("DELIVERY_COMMAND", "promote"), ("DELIVERY_FAIL_ON", "never")] {
        says(&job.step("diff", &[(name, value)]).run().exits(2), value);
    }
}

#[test]
fn diff_compares_with_a_real_cluster() {
    let cluster = TestCluster::get();
    let namespace = cluster.namespace_named("t-step");
    let job = Job::new();
    job.record("1", &[]).exits(0);
    let diff = || {
        let inputs = [
            ("DELIVERY_RELEASE", "shop.release.yaml"),
            ("DELIVERY_NAMESPACE", namespace.name()),
        ];
        job.step("diff", &inputs)
            .env("KUBECONFIG", &cluster.kubeconfig)
            .run()
    };
    diff().exits(1);
    namespace
        .kubectl()
        .args(["apply", "-f", "-"])
        .run_with(MANIFESTS)
        .ok();
    diff().exits(0);
    assert_eq!(job.output("differences"), "false");
    assert!(job.written("GITHUB_STEP_SUMMARY").contains(namespace.name()));
}

const ARCH: &str = if cfg!(target_arch = "aarch64") {
    "arm64"
} else {
    "amd64"
};

/// The archive of a release with the built program, as a server has it.
fn archive(version: &str, folder: &Path) -> Vec<u8> {
    let file = folder.join(format!("kubectl-delivery_{version}_linux_{ARCH}.tar.gz"));
    // A program of a megabyte: what is packed is played, for the real one takes a minute to compress without optimisation.
    let program = play(
        folder,
        "kubectl-delivery",
        &format!("exec {} \"$@\"", env!("CARGO_BIN_EXE_kubectl-delivery")),
    );
    script("release/pack.sh").arg(program).arg(&file).run().ok();
    std::fs::read(file).unwrap()
}

fn downloads(archive: Vec<u8>, sum: Option<&str>) -> Forge {
    use sha2::Digest;
    let real: String = sha2::Sha256::digest(&archive)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    let sum = sum.unwrap_or(&real).to_owned();
    Forge::start(move |asked| match asked.line.ends_with(".sha256") {
        true => (200, format!("{sum}  archive\n").into_bytes()),
        false if asked.line.ends_with(".tar.gz") => (200, archive.clone()),
        false => (404, Vec::new()),
    })
}

fn setup(job: &Job, forge: &Forge, more: &[(&str, &str)]) -> Ran {
    let inputs = [
        ("DELIVERY_VERSION", "v0.1.0"),
        ("DELIVERY_DOWNLOADS", forge.url.as_str()),
    ];
    let runner = job.path().join("temp");
    std::fs::create_dir_all(&runner).unwrap();
    job.step("setup", &inputs)
        .env("RUNNER_TEMP", &runner)
        .envs(more.iter().copied())
        .run()
}

#[test]
fn setup_installs_the_program_where_its_sum_and_provenance_are_right() {
    let job = Job::new();
    let forge = downloads(archive("v0.1.0", job.path()), None);
    let bin = tempfile::tempdir().unwrap();
    let asked = bin.path().join("asked");
    play(
        bin.path(),
        "gh",
        &format!("echo \"$*\" >{}; exit ${{GH_EXIT:-0}}", asked.display()),
    );
    let path = path_with(bin.path());
    setup(&job, &forge, &[("PATH", &path)]).exits(0);

    let asked = std::fs::read_to_string(asked).unwrap();
    assert!(
        asked.starts_with("attestation verify ")
            && asked.trim().ends_with("--repo kubectl-delivery/kubectl-delivery")
    );
    let added = job.written("GITHUB_PATH");
    let ran = Command::new(Path::new(added.trim()).join("kubectl-delivery"))
        .args(["version", "--client"])
        .run()
        .ok();
    assert_eq!(
        ran,
        format!("client: v{} (linux/{ARCH})\n", env!("CARGO_PKG_VERSION"))
    );
    assert_eq!(job.output("version"), "v0.1.0");

    // A provenance that cannot be verified installs nothing.
    let job = Job::new();
    let ran = setup(&job, &forge, &[("PATH", &path), ("GH_EXIT", "1")]).exits(2);
    says(&ran, "the provenance of");
    assert_eq!(job.written("GITHUB_PATH"), "");
}

#[test]
fn setup_refuses_an_archive_with_another_sum_and_a_version_that_is_none() {
    let job = Job::new();
    let forge = downloads(archive("v0.1.0", job.path()), Some(&"0".repeat(64)));
    let only_sum = ("DELIVERY_VERIFY", "sum");
    says(&setup(&job, &forge, &[only_sum]).exits(2), "has another sum");
    for version in ["", "main", "v1", "v1.0.0/../x"] {
        let ran = setup(&job, &forge, &[only_sum, ("DELIVERY_VERSION", version)]).exits(2);
        says(&ran, "expected a version such as v0.1.0");
    }
    assert_eq!(job.written("GITHUB_PATH"), "");

    let forge = Forge::start(|_| (404, Vec::new()));
    says(&setup(&job, &forge, &[only_sum]).exits(2), "cannot download");
}

/// The names of variables that a text uses or sets.
fn variables(text: &str) -> BTreeSet<String> {
    let is_name = |c: char| c.is_ascii_uppercase() || c == '_';
    text.match_indices("DELIVERY_")
        .map(|(at, _)| text[at..].chars().take_while(|c| is_name(*c)).collect())
        .collect()
}

#[test]
fn each_input_of_an_action_and_a_component_reaches_its_script() {
    for (script, files) in [
        ("setup", vec!["action.yml"]),
        (
            "record",
            vec!["actions/record/action.yml", "templates/record.yml"],
        ),
        ("diff", vec!["actions/diff/action.yml", "templates/diff.yml"]),
    ] {
        let known = variables(&read(&format!("actions/scripts/{script}.sh")));
        for file in files {
            let text = read(file);
            let given = variables(&text);
            assert!(
                given.is_subset(&known),
                "{file} gives {:?}",
                given.difference(&known)
            );
            // A mirror's place and the like have a default of their own.
            let left = known
                .difference(&given)
                .filter(|name| !["DELIVERY_DIRECTORY"].contains(&name.as_str()));
            assert_eq!(left.count(), 0, "{file} gives {given:?} of {known:?}");

            let documents: Vec<serde_json::Value> = serde_yaml::from_multiple(&text).unwrap();
            let inputs = documents[0]
                .pointer("/inputs")
                .or(documents[0].pointer("/spec/inputs"));
            for input in inputs.unwrap().as_object().unwrap().keys() {
                assert!(
                    text.contains(&format!("inputs.{input} ")),
                    "{file}: {input} is used nowhere"
                );
            }
        }
    }
    assert!(root().join("actions/scripts/common.sh").exists());
}
