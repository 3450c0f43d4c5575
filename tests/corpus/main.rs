//! Health of custom resources against statuses that others collected: the examples with which Argo CD tests its own health
//! checks. They are read out of a Go module, and nothing of them is kept here.
//!
//! Rules are written with one half of the kinds in sight, those where the first byte of SHA-256 of `GROUP/KIND` is even; this
//! test runs on it. The other half is held out: nobody who writes a rule looks at it, and `HALF=held-out` measures there how
//! well the rules do on kinds that they were not written for.

use jiff::{SignedDuration, Timestamp};
use kubectl_delivery::testing::load::documents;
use kubectl_delivery::testing::model::verdict::{CauseKind, Health};
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use kubectl_delivery::testing::rollout::{Memory, MonitoredObject, RolloutContext, RolloutPolicy, assess};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::process::Command;

const MODULE: &str = "github.com/argoproj/argo-cd/v3@v3.2.12";

/// One example, and what its own test says of it.
struct Example {
    name: String,
    object: Object,
    expected: String,
}

/// Where the module lies; it is downloaded where it is not there yet.
fn module() -> PathBuf {
    let download = Command::new("go")
        .args(["mod", "download", "-json", MODULE])
        .current_dir(std::env::temp_dir())
        .output()
        .expect("go is on PATH");
    let answer: Value = serde_json::from_slice(&download.stdout).unwrap_or_default();
    match answer["Dir"].as_str() {
        Some(dir) => PathBuf::from(dir),
        None => panic!("{MODULE} cannot be downloaded: {answer}"),
    }
}

/// Whether a kind is of the half that is asked for.
fn is_of_half(name: &str) -> bool {
    let is_held_out = Sha256::digest(name)[0] % 2 == 1;
    let asks_held_out = std::env::var("HALF").is_ok_and(|half| half == "held-out");
    is_held_out == asks_held_out
}

fn folders(of: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = std::fs::read_dir(of)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

fn last(path: &Path) -> String {
    path.file_name().unwrap().to_string_lossy().into_owned()
}

fn examples() -> Vec<Example> {
    let mut found = Vec::new();
    for group in folders(&module().join("resource_customizations")) {
        for kind in folders(&group) {
            let name = format!("{}/{}", last(&group), last(&kind));
            // Before anything of it is opened.
            if is_of_half(&name) {
                found.extend(examples_of(&name, &kind));
            }
        }
    }
    found
}

fn examples_of(name: &str, folder: &Path) -> Vec<Example> {
    let table = folder.join("health_test.yaml");
    if !table.is_file() {
        return Vec::new();
    }
    let table = yaml(&table);
    let tests = table["tests"].as_array().cloned().unwrap_or_default();

    let example = |test: Value| {
        let file = ["inputPath", "inputpath"]
            .iter()
            .find_map(|field| test[field].as_str())?;
        let mut object = yaml(&folder.join(file));
        // A name is all that some examples lack of an object.
        if object["metadata"]["name"].is_null() {
            object["metadata"]["name"] = "example".into();
        }
        Some(Example {
            name: format!("{name} {}", last(Path::new(file))),
            object: Object::new(object).ok()?,
            expected: test["healthStatus"]["status"].as_str()?.to_owned(),
        })
    };
    tests.into_iter().filter_map(example).collect()
}

/// The first document of a file.
fn yaml(file: &Path) -> Value {
    let bytes = std::fs::read(file).unwrap();
    let found = documents(&bytes, file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    found.into_iter().next().unwrap_or_default()
}

/// The state that a rollout of the object ends in if nothing more is written: as it looks at once, and at its deadline.
fn state(object: &Object) -> &'static str {
    let gvk = object.gvk();
    let resource = ResourceType {
        plural: gvk.kind.to_lowercase(),
        group: gvk.group,
        version: gvk.version,
        kind: gvk.kind,
        namespaced: true,
    };
    let target = Target::new(&resource, Some("shop"), object.name());
    let began: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
    let subject = MonitoredObject::new(target, object, began);

    let context = RolloutContext {
        object: Some(object),
        ..RolloutContext::default()
    };
    let (policy, mut memory) = (RolloutPolicy::default(), Memory::default());
    let mut look = |seconds: u32| {
        let now = began + SignedDuration::from_secs(seconds.into());
        assess(&subject, &context, &policy, &mut memory, now).verdict
    };

    // Of what nothing was reported yet, the corpus says that it is on its way.
    let is_silent = |why: &str| why == "applied; no controller reports its health";
    match look(0) {
        Health::Ready { .. } => "Healthy",
        Health::Failed { .. } => "Degraded",
        Health::Unknown { .. } => "Unknown",
        Health::Progressing { message, .. } => {
            match (look(policy.graces.first_status), look(policy.deadline)) {
                (Health::Unknown { .. }, _) if !is_silent(&message) => "Unknown",
                (_, Health::Failed { cause }) if cause.kind == CauseKind::ReportedByObject => "Degraded",
                _ => "Progressing",
            }
        }
    }
}

#[test]
fn health_agrees_with_what_others_found_and_nothing_is_ready_that_is_not() {
    let (mut total, mut agreed, mut healthy, mut unknown) = (0, 0, 0, 0);
    let mut wrongly_ready = Vec::new();

    for Example {
        name,
        object,
        expected,
    } in examples()
    {
        let expected = match expected.as_str() {
            // Nothing of these is as desired yet.
            "Missing" | "Suspended" => "Progressing",
            other => other,
        };
        let found = state(&object);

        total += 1;
        agreed += usize::from(found == expected);
        healthy += usize::from(expected == "Healthy");
        unknown += usize::from(expected == "Healthy" && found == "Unknown");

        if found != expected {
            println!("{name}: expected {expected}, found {found}");
        }
        if found == "Healthy" && matches!(expected, "Degraded" | "Progressing") {
            wrongly_ready.push(name);
        }
    }

    println!(
        "{total} examples: {agreed} agree, {} are wrongly ready; of {healthy} healthy ones {unknown} are unknown",
        wrongly_ready.len()
    );
    assert!(
        total > 400,
        "{total} examples are too few: has the module another layout?"
    );
    assert_eq!(wrongly_ready, Vec::<String>::new());
    assert!(agreed * 100 >= total * 85, "{agreed} of {total} agree");
    assert!(
        unknown * 100 <= healthy * 20,
        "{unknown} of {healthy} healthy ones are unknown"
    );
}
