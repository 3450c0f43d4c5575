//! The proof of what an apply does, against the server: a dry-run apply gives exactly that; and the two ways to compare
//! find the same.

mod change;
pub mod random;

use crate::harness::{Namespace, Run, TestCluster, blocking};
use futures::StreamExt;
use kubectl_delivery::testing::cluster::{ApplyOptions, Cluster, WriteOptions};
use kubectl_delivery::testing::compare::{ComputedApply, compute_apply};
use kubectl_delivery::testing::model::names::FIELD_MANAGER;
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use random::{Kind, Random};
use serde_json::{Value, json};

/// Objects of one run, of which the server takes nearly all.
fn count() -> usize {
    let asked = std::env::var("APPLIES");
    asked.map_or(800, |count| count.parse().expect("APPLIES is a number"))
}

/// Requests at once.
const AT_ONCE: usize = 16;

/// What became of one random object.
struct Tried {
    desired: Object,
    live: Object,
    proved: Option<ComputedApply>,
    /// What the server would make of it; none where it refuses.
    answer: Option<Object>,
}

impl Tried {
    fn is_unchanged(&self) -> bool {
        self.answer
            .as_ref()
            .is_some_and(|answer| content(answer) == content(&self.live))
    }

    fn is_wrong(&self) -> bool {
        let proved = match &self.proved {
            None => return false,
            Some(ComputedApply::Unchanged) => &self.live,
            Some(ComputedApply::Changed(after)) => after,
        };
        self.answer
            .as_ref()
            .is_none_or(|answer| content(answer) != content(proved))
    }
}

fn apply(dry_run: bool) -> ApplyOptions {
    ApplyOptions {
        manager: FIELD_MANAGER.into(),
        force: true,
        dry_run,
        not_after: None,
    }
}

/// Without what an apply of nothing may write anew: the times of entries.
fn content(object: &Object) -> Value {
    let mut value = object.value().clone();
    let metadata = value["metadata"].as_object_mut().unwrap();
    metadata.shift_remove("resourceVersion");
    if let Some(entries) = metadata.get_mut("managedFields").and_then(Value::as_array_mut) {
        entries.retain(|entry| entry["subresource"] != "status");
        for entry in entries.iter_mut() {
            entry.as_object_mut().unwrap().shift_remove("time");
        }
        entries.sort_by_key(Value::to_string);
    }
    value.as_object_mut().unwrap().shift_remove("status");
    value["metadata"]
        .as_object_mut()
        .unwrap()
        .shift_remove("generation");
    value
}

/// One object: applied, perhaps changed by another hand, and then compared with a desired that is perhaps another one.
async fn try_one(client: &dyn Cluster, namespace: &str, things: &ResourceType, seed: u64) -> Option<Tried> {
    let mut random = Random::new(seed);
    let kind = Kind::any(&mut random);
    let resource = kind.resource(things);
    let first = Object::new(kind.object(&mut random, seed, &resource, namespace)).unwrap();
    let target = Target::new(&resource, Some(namespace), first.name());
    // The server refuses some of what chance makes.
    client.apply(&target, first.value(), &apply(false)).await.ok()?;
    if random.chance(20) {
        let mut other = client.get(&target).await.ok()??;
        change::by_another_hand(&mut random, other.value_mut());
        let options = WriteOptions {
            manager: "kubectl-edit".into(),
            dry_run: false,
            not_after: None,
        };
        client.replace(&target, other.value(), &options).await.ok();
    }
    let mut desired = first.clone();
    match random.below(10) {
        0..4 => change::mutate(&mut random, desired.value_mut()),
        4..8 => change::another_version(&mut random, desired.value_mut()),
        _ => {}
    }
    loop {
        let live = client.get(&target).await.ok()??;
        let proved = compute_apply(&desired, &live);
        let answer = match client.apply(&target, desired.value(), &apply(true)).await {
            // A controller wrote in between.
            Ok(answer) if answer.object.resource_version() != live.resource_version() => continue,
            answered => answered.ok().map(|applied| applied.object),
        };
        return Some(Tried {
            desired,
            live,
            proved,
            answer,
        });
    }
}

fn tried(namespace: &Namespace, things: &ResourceType, seed: u64) -> Vec<Tried> {
    blocking(async {
        let client = TestCluster::get().connect().await;
        let all = (0..count() as u64).map(|n| try_one(client.as_ref(), namespace.name(), things, seed + n));
        let all: Vec<Option<Tried>> = futures::stream::iter(all)
            .buffer_unordered(AT_ONCE)
            .collect()
            .await;
        all.into_iter().flatten().collect()
    })
}

#[test]
fn what_is_proved_of_an_apply_is_what_the_server_answers_and_both_modes_find_the_same() {
    let seed = std::env::var("SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or(20_261_123);
    println!("SEED={seed}");
    let namespace = TestCluster::get().namespace_named("t-proof");
    let things = random::install(&namespace);
    let tried = tried(&namespace, &things, seed);
    let wrong: Vec<&Tried> = tried.iter().filter(|one| one.is_wrong()).collect();
    let unchanged = tried.iter().filter(|one| one.is_unchanged()).count();
    let proved = tried
        .iter()
        .filter(|one| one.proved == Some(ComputedApply::Unchanged))
        .count();
    let foreseen = tried
        .iter()
        .filter(|one| matches!(one.proved, Some(ComputedApply::Changed(_))))
        .count();
    println!(
        "{} objects: {unchanged} unchanged, {proved} of them proved; {foreseen} changes proved; {} proved wrongly",
        tried.len(),
        wrong.len()
    );
    let shown = wrong
        .iter()
        .take(5)
        .map(|one| format!("{} onto {}", one.desired.value(), one.live.value()));
    let shown: Vec<String> = shown.collect();
    assert!(wrong.is_empty(), "{}", shown.join("\n"));
    let count = count();
    assert!(
        tried.len() * 11 >= count * 10,
        "the server took only {} of {count}",
        tried.len()
    );
    // Most of what chance makes holds something that only the server can judge.
    assert!(
        proved * 3 >= unchanged && foreseen * 22 >= count,
        "the proof is worth having"
    );
    both_modes(&namespace, tried);
    random::remove(&namespace);
}

/// `diff` with proofs and `diff` that asks the server for everything say the same of every object.
fn both_modes(namespace: &Namespace, tried: Vec<Tried>) {
    let folder = tempfile::tempdir().unwrap();
    // What the server refuses to read at all would end the comparison before it begins.
    let valid = tried.into_iter().filter(|one| one.answer.is_some());
    let items: Vec<Value> = valid.map(|one| one.desired.into_value()).collect();
    let file = folder.path().join("desired.json");
    std::fs::write(
        &file,
        json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string(),
    )
    .unwrap();
    let found = |mode: &str| {
        let mut diff = TestCluster::get().delivery();
        diff.args(["diff", "-o", "json", "-n", namespace.name(), "--mode", mode, "-f"])
            .arg(&file);
        let ran = diff.run();
        assert!(matches!(ran.code, Some(0 | 1)), "{:?}: {}", ran.code, ran.stderr);
        // A Secret's value is shown as a hash whose key is another one in each run.
        let parts = ran.stdout.split("‹secret ").enumerate();
        let unkeyed: String = parts
            .map(|(at, part)| if at == 0 { part } else { &part[8..] })
            .collect();
        let mut view: Value = serde_json::from_str(&unkeyed).unwrap();
        let mut objects = view["objects"].take();
        for object in objects.as_array_mut().unwrap() {
            object.as_object_mut().unwrap().shift_remove("certainty");
        }
        objects
    };
    let (fast, asked) = (found("auto"), found("server"));
    assert!(
        asked.as_array().unwrap().len() * 33 > count(),
        "there is something to find"
    );
    for (one, other) in fast.as_array().unwrap().iter().zip(asked.as_array().unwrap()) {
        assert_eq!(one, other);
    }
    assert_eq!(fast.as_array().unwrap().len(), asked.as_array().unwrap().len());
}

/// A namespace with forty promoted objects of two kinds.
fn promoted(prefix: &str) -> (Namespace, tempfile::TempDir) {
    let namespace = TestCluster::get().namespace_named(prefix);
    let folder = tempfile::tempdir().unwrap();
    let items: Vec<Value> = (0..20)
        .flat_map(|n| {
            [
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": format!("c{n}")}, "data": {"a": "1"}}),
                json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": format!("s{n}")},
                    "spec": {"selector": {"app": "x"}, "ports": [{"port": 80}]}}),
            ]
        })
        .collect();
    let list = json!({"apiVersion": "v1", "kind": "List", "items": items});
    std::fs::write(folder.path().join("all.json"), list.to_string()).unwrap();
    let delivery = |words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command.current_dir(folder.path()).args(words).run().exits(0);
    };
    delivery(&[
        "record",
        "-f",
        "all.json",
        "--name",
        "all",
        "--version",
        "1",
        "--offline",
        "-o",
        "all.yaml",
    ]);
    delivery(&["promote", "all.yaml", "-n", namespace.name(), "-y"]);
    (namespace, folder)
}

#[test]
fn an_unchanged_release_costs_one_list_a_kind_and_no_dry_run() {
    let (namespace, folder) = promoted("t-cost");
    let requests = |command: &str, mode: &str| -> Vec<String> {
        let mut run = TestCluster::get().delivery();
        run.current_dir(folder.path())
            .args([command, "all.yaml", "-v", "6", "--mode", mode]);
        let ran = run.args(["-n", namespace.name()]).run().exits(0);
        let answered = ran.stderr.lines().filter(|line| line.contains("answered"));
        answered
            .map(|line| line.split("method=").nth(1).unwrap().to_owned())
            .collect()
    };
    let fast = requests("diff", "auto");
    let objects: Vec<&String> = fast
        .iter()
        .filter(|line| line.contains("/configmaps?") || line.contains("/services?"))
        .collect();
    assert_eq!(objects.len(), 2, "one list a kind: {fast:#?}");
    assert!(
        fast.iter().all(|line| line.starts_with("GET")),
        "no dry-run: {fast:#?}"
    );
    // The seal, its key and the namespace are three of them. Before 1.36 policies are asked for at each version that may serve them.
    let is_unserved =
        |line: &&String| line.contains("/mutatingadmissionpolicies?") && line.contains("code=404");
    let unserved = fast.iter().filter(is_unserved).count();
    assert!(fast.len() - unserved <= 13, "{fast:#?}");
    let dry_runs = |command: &str, mode: &str| {
        let is_dry = |line: &&String| !line.starts_with("GET") && line.contains("dryRun");
        requests(command, mode).iter().filter(is_dry).count()
    };
    assert_eq!(
        (dry_runs("diff", "server"), dry_runs("promote", "server")),
        (40, 40)
    );
    assert_eq!(dry_runs("promote", "auto"), 0);
}

#[test]
fn with_read_rights_alone_findings_are_predictions_and_it_is_said() {
    let (namespace, folder) = promoted("t-read");
    namespace
        .kubectl()
        .args([
            "patch",
            "configmap",
            "c7",
            "--type=merge",
            "-p",
            r#"{"data":{"a":"2"}}"#,
        ])
        .run()
        .ok();
    let reader = namespace
        .user("reader")
        .may(&["get", "list"], "", &["configmaps", "services", "pods"])
        .may(&["get", "list"], "apps", &["replicasets"])
        .may(&["get", "list"], "batch", &["jobs"])
        .ready();
    let diff = |mode: &[&str]| {
        let mut diff = TestCluster::get().delivery();
        diff.env("KUBECONFIG", reader.kubeconfig())
            .current_dir(folder.path());
        diff.args(["diff", "all.yaml", "-n", namespace.name()])
            .args(mode)
            .run()
            .exits(1)
    };
    for mode in [&["--mode=readonly"][..], &[]] {
        let ran = diff(mode);
        assert!(
            ran.stdout.contains("1 object differs"),
            "{} {}",
            ran.stdout,
            ran.stderr
        );
        assert!(
            ran.stdout.contains("ConfigMap") && ran.stdout.contains("/data/a"),
            "{}",
            ran.stdout
        );
        assert!(ran.stdout.contains("kubectl-patch"), "whose hand: {}", ran.stdout);
        assert!(ran.stdout.contains("predictions"), "it is said: {}", ran.stdout);
    }
    let mut admin = TestCluster::get().delivery();
    admin
        .current_dir(folder.path())
        .args(["diff", "all.yaml", "-n", namespace.name()]);
    assert!(!admin.run().exits(1).stdout.contains("predictions"));
}

/// Definitions are the largest objects that there are: an unchanged one is proved, empty subresources and all.
#[test]
fn an_unchanged_definition_costs_no_dry_run() {
    let namespace = TestCluster::get().namespace_named("t-cost");
    let group = format!("{}.example", namespace.name());
    let definition = json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": {"name": format!("things.{group}")}, "spec": {"group": group, "scope": "Namespaced",
            "names": {"kind": "Thing", "plural": "things"}, "versions": [{"name": "v1", "served": true, "storage": true,
                "subresources": {"status": {}}, "schema": {"openAPIV3Schema": {"type": "object", "properties": {
                    "spec": {"type": "object", "default": {}, "properties": {"size": {"type": "integer"}}}}}}}]}});
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("all.json"), definition.to_string()).unwrap();
    let delivery = |words: &[&str]| {
        let mut command = TestCluster::get().delivery();
        command.current_dir(folder.path()).args(words).run().exits(0)
    };
    delivery(&[
        "record",
        "-f",
        "all.json",
        "--name",
        "all",
        "--version",
        "1",
        "--offline",
        "-o",
        "all.yaml",
    ]);
    delivery(&["promote", "all.yaml", "-n", namespace.name(), "-y"]);
    let ran = delivery(&["diff", "all.yaml", "-n", namespace.name(), "-v", "6"]);
    namespace
        .kubectl()
        .args(["delete", "--wait=false", "crd", &format!("things.{group}")])
        .run()
        .ok();
    let dry: Vec<&str> = ran
        .stderr
        .lines()
        .filter(|line| line.contains("dryRun"))
        .collect();
    assert!(dry.is_empty(), "{dry:#?}");
}
