//! Random edits by another client, taken into the manifests: `diff -o patch` is applied by the real kustomize, and with the
//! manifests that come out `diff` is silent of each object that was edited, and of no other less than before.
//!
//! `make properties`; PATCHES= how many edits, SEED= where to begin.

mod edits;

use super::drawn::{self, Drawn};
use super::oracle::{edit, restore, target_of};
use super::scene::Scene;
use super::{allowed, number};
use crate::harness::{Ran, Run, TestCluster};
use crate::proof::random::Random;
use kubectl_delivery::testing::model::Object;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::Instant;

/// Namespaces side by side.
const LANES: usize = 2;
/// In so many of a hundred rounds the manifests name no namespace, and the kustomization sets none.
const UNNAMED: usize = 30;

/// What was tried.
#[derive(Default)]
struct Tried {
    edits: usize,
    /// Edits by kind of the object.
    kinds: BTreeMap<String, usize>,
    /// Documents with a strategic patch, and with operations.
    strategic: usize,
    operations: usize,
    /// Edits of which the patch says that no manifest decides them.
    left_out: usize,
    faults: Vec<String>,
}

/// Manifests with a patch, as kustomize builds them.
struct Overlay {
    folder: tempfile::TempDir,
}

impl Overlay {
    fn new(objects: &[Value], patch: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let manifests: Vec<String> = objects.iter().map(Value::to_string).collect();
        let kustomization = json!({"resources": ["base.yaml"], "transformers": ["drift.patch.yaml"]});
        for (name, text) in [
            ("base.yaml", manifests.join("\n---\n")),
            ("drift.patch.yaml", patch.to_owned()),
            ("kustomization.yaml", kustomization.to_string()),
        ] {
            std::fs::write(folder.path().join(name), text).unwrap();
        }
        Self { folder }
    }

    /// The manifests that come out.
    fn build(&self) -> Result<PathBuf, String> {
        let mut kubectl = TestCluster::get().kubectl();
        let ran = kubectl.arg("kustomize").arg(self.folder.path()).run();
        let built = self.folder.path().join("built.yaml");
        std::fs::write(&built, &ran.stdout).unwrap();
        (ran.code == Some(0)).then_some(built).ok_or(ran.stderr)
    }
}

/// A run of `diff`, the objects that differ as `Kind/name`, and all that it prints.
struct Differing(Ran, BTreeMap<String, Value>, Value);

/// The objects that differ from these manifests, or from what was promoted, as `Kind/name`, with what differs.
fn differing(scene: &Scene, manifests: Option<&Path>) -> Differing {
    let mut command = scene.delivery();
    command.args(["diff", "-n", &scene.place.namespace, "-o", "json"]);
    if let Some(manifests) = manifests {
        command.arg("-f").arg(manifests);
    }
    let ran = command.run();
    let view: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let objects = view["objects"].as_array().cloned().unwrap_or_default();
    let named = objects.into_iter().filter(|object| object["status"] != "same");
    let id = |object: &Value| {
        format!(
            "{}/{}",
            object["kind"].as_str().unwrap(),
            object["name"].as_str().unwrap()
        )
    };
    let found = named.map(|object| (id(&object), object)).collect();
    Differing(ran, found, view)
}

/// Edits each object, most of them, and gives those that were edited as they were.
fn edit_all(scene: &Scene, random: &mut Random, now: &[Drawn]) -> BTreeMap<String, Object> {
    let seeds: BTreeMap<String, u64> = now
        .iter()
        .map(|drawn| (drawn.id(&scene.place), random.below(1 << 30) as u64))
        .collect();
    let edited = scene.each(now, &async |client, drawn| {
        let mut random = Random::new(seeds[&drawn.id(&scene.place)]);
        let target = target_of(&scene.place, drawn);
        let saved = client.get(&target).await.unwrap()?;
        for _ in 0..8 {
            let mut changed = saved.value().clone();
            edits::edit(&mut random, drawn, &mut changed);
            // One in eight leaves no trace of who it was.
            let is_unowned = random.chance(12);
            if changed != *saved.value() && edit(client, &target, &changed, is_unowned).await {
                return Some((drawn.id(&scene.place), saved));
            }
        }
        None
    });
    edited.into_iter().flatten().collect()
}

/// One round: everything is edited, and what `diff -o patch` says is taken into the manifests.
fn round(scene: &Scene, random: &mut Random, now: &[Drawn], tried: &Mutex<Tried>) {
    let saved = edit_all(scene, random, now);
    let mut objects: Vec<Value> = now.iter().map(|drawn| drawn.object(&scene.place)).collect();
    if random.chance(UNNAMED) {
        for object in &mut objects {
            object["metadata"]
                .as_object_mut()
                .unwrap()
                .shift_remove("namespace");
        }
    }

    let mut command = scene.delivery();
    command.args(["diff", "-n", &scene.place.namespace, "-o", "patch"]);
    let patch = command.run();
    let without = Overlay::new(&objects, "");
    let with = Overlay::new(&objects, &patch.stdout);
    let before = differing(scene, Some(&without.build().unwrap()));
    let after = with.build().map(|built| differing(scene, Some(&built)));
    let promoted = differing(scene, None).1;

    let mut tried = tried.lock().unwrap();
    match after {
        Err(why) => {
            let folder = with.folder.keep();
            tried
                .faults
                .push(format!("kustomize refuses {}: {why}", folder.display()));
        }
        Ok(after) if after.2.is_null() => {
            let folder = with.folder.keep();
            tried
                .faults
                .push(format!("{} is not read: {}", folder.display(), after.0.stderr));
        }
        Ok(after) => compare(&mut tried, &promoted, &saved, &before, &after, &patch),
    }
    drop(tried);

    scene.each(now, &async |client, drawn| {
        if let Some(saved) = saved.get(&drawn.id(&scene.place)) {
            restore(client, &target_of(&scene.place, drawn), saved).await;
        }
    });
}

fn compare(
    tried: &mut Tried,
    promoted: &BTreeMap<String, Value>,
    saved: &BTreeMap<String, Object>,
    before: &Differing,
    after: &Differing,
    patch: &Ran,
) {
    tried.strategic += patch.stdout.matches("\n  apiVersion: ").count();
    tried.operations += patch.stdout.matches("patch: |\n  - op: ").count();

    let edited: BTreeSet<&String> = saved
        .keys()
        .filter(|id| before.1.contains_key(*id) && promoted.contains_key(*id))
        .collect();
    tried.edits += edited.len();
    for id in &edited {
        let kind = id.split('/').next().unwrap().to_owned();
        *tried.kinds.entry(kind).or_default() += 1;
    }

    // The counter-check: without the patch they differ.
    if !edited.is_empty() && (before.0.code, patch.code) != (Some(1), Some(1)) {
        tried.faults.push(format!(
            "ended with {:?} and {:?}: {}",
            before.0.code, patch.code, patch.stderr
        ));
    }
    for (id, object) in &after.1 {
        let (kind, name) = id.split_once('/').unwrap();
        let open = still_differing(id, object, promoted, &before.1);
        if open.is_empty() {
            continue;
        }
        if is_left_out(patch, kind, name, object, &open) {
            tried.left_out += 1;
            tried.edits -= usize::from(edited.contains(id));
            continue;
        }
        let is_of = |document: &&str| {
            document.starts_with(&format!("# {kind} ")) && document.lines().next().unwrap().ends_with(name)
        };
        let documents: Vec<&str> = patch.stdout.split("---\n").filter(is_of).collect();
        tried.faults.push(format!(
            "{id} still differs: {}\nbefore: {}\n{}",
            object["changes"],
            before.1.get(id).unwrap_or(&Value::Null)["changes"],
            documents.join("---\n")
        ));
    }
    // What was edited may need what is not there: that is no matter of a field.
    let needs = |field: &str| after.2[field].as_array().is_some_and(|needs| !needs.is_empty());
    if after.1.is_empty() && after.0.code != Some(0) && !needs("requirements") && !needs("wouldNotStart") {
        let why = format!("{} {}", after.0.stderr, after.2["headline"]);
        tried.faults.push(format!("ended with {:?}: {why}", after.0.code));
    }
}

/// The paths that differ as what was promoted does, or that did not differ before. Others differ from the bare manifests
/// alone: a Job without labels gets those of its pods, and a promoted one has a label.
fn still_differing(
    id: &str,
    object: &Value,
    promoted: &BTreeMap<String, Value>,
    before: &BTreeMap<String, Value>,
) -> Vec<String> {
    let paths = |object: &Value| -> Vec<String> {
        let changes = object["changes"].as_array().into_iter().flatten();
        changes
            .map(|change| change["path"].as_str().unwrap().to_owned())
            .collect()
    };
    let of = |all: &BTreeMap<String, Value>| all.get(id).map(paths).unwrap_or_default();
    let (promoted, before) = (of(promoted), of(before));
    let mut found = paths(object);
    found.retain(|path| promoted.contains(path) || !before.contains(path));
    found
}

/// Whether the patch names all that still differs of an object among what it leaves out, for a reason that it has.
fn is_left_out(patch: &Ran, kind: &str, name: &str, object: &Value, paths: &[String]) -> bool {
    let is_of = |line: &&str| {
        let mut words = line.trim_start_matches("# ").split_whitespace();
        let (is_kind, named) = (words.next() == Some(kind), words.next().unwrap_or_default());
        is_kind && named.trim_end_matches(':').rsplit('/').next() == Some(name)
    };
    let head = patch.stdout.split("---\n").next().unwrap();
    let lines: Vec<&str> = head.lines().filter(is_of).collect();
    let is_of_next_line = |path: &String| {
        let mut changes = object["changes"].as_array().into_iter().flatten();
        changes.any(|change| change["path"] == path.as_str() && change["live"].to_string().contains("u0085"))
    };
    let is_named = |path: &String| {
        let mut lines = lines.iter().filter(|line| line.contains(path.as_str()));
        lines
            .any(|line| line.ends_with("works it out") || line.ends_with("(U+0085)") && is_of_next_line(path))
    };
    paths.iter().all(is_named)
}

fn lane(seed: u64, edits: usize, tried: &Mutex<Tried>) {
    let scene = Scene::new();
    let mut random = Random::new(seed);
    let is_done = || {
        let tried = tried.lock().unwrap();
        tried.edits >= edits || tried.faults.len() > 20
    };
    let mut before = Vec::new();
    while !is_done() {
        let wanted = match before.is_empty() {
            true => drawn::release(&mut random),
            false => drawn::next(&mut random, &before),
        };
        let (next, forbidden) = allowed(&scene, &mut random, &before, wanted);
        // What a promotion does wrong is another property's.
        before = scene.step(&before, &next, &forbidden).now;
        for _ in 0..2 {
            if !is_done() {
                round(&scene, &mut random, &before, tried);
            }
        }
    }
}

#[test]
fn with_the_patch_of_what_was_edited_the_manifests_equal_what_runs() {
    let (edits, seed) = (number("PATCHES", 500) as usize, number("SEED", 20_261_130));
    println!("SEED={seed} PATCHES={edits}");
    let (start, tried) = (Instant::now(), Mutex::new(Tried::default()));
    std::thread::scope(|scope| {
        for at in 0..LANES {
            let tried = &tried;
            scope.spawn(move || lane(seed + at as u64, edits, tried));
        }
    });

    let tried = tried.into_inner().unwrap();
    for fault in &tried.faults {
        println!("--- {fault}\n");
    }
    println!("{:?}", tried.kinds);
    println!(
        "patches: seed {seed}, {} edits of {} kinds, {} strategic patches, {} with operations, {} named as left out, {} faults, {} s",
        tried.edits,
        tried.kinds.len(),
        tried.strategic,
        tried.operations,
        tried.left_out,
        tried.faults.len(),
        start.elapsed().as_secs()
    );
    assert!(tried.edits >= edits, "too few edits");
    assert!(
        tried.faults.is_empty(),
        "{} faults, seeds {seed} and after",
        tried.faults.len()
    );
}
