//! The documented examples of both kinds of files are read, the published schemas are those of the types, and what
//! commands print is of them.

use crate::harness::{Ran, Run};
use crate::screens::stage::{Stage, config, playing, web};
use kubectl_delivery::testing::load;
use kubectl_delivery::testing::model::schema;
use kubectl_delivery::testing::usecase::schema::documents;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

fn docs(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name)
}

/// The first YAML block of a document.
fn example(name: &str) -> String {
    let text = std::fs::read_to_string(docs(name)).unwrap();
    text.split("```yaml\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap()
        .to_owned()
}

/// Why a value is not of a schema.
fn refusal(value: &Value, schema: &Value) -> Option<String> {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<String> = validator
        .iter_errors(value)
        .map(|error| format!("{}: {error}", error.instance_path()))
        .collect();
    (!errors.is_empty()).then(|| errors.join("\n"))
}

/// Every schema under the name of its file.
fn schemas() -> Vec<(String, Value)> {
    let files = [
        ("release", schema::release()),
        ("environment", schema::environment()),
    ];
    let files = files.map(|(name, schema)| (format!("{name}.v1alpha1.json"), schema));
    let documents = documents().map(|(name, schema)| (format!("{name}.v1.json"), schema));
    files.into_iter().chain(documents).collect()
}

/// A published schema of what a command prints.
fn published(document: &str) -> Value {
    let file = docs("schema").join(format!("{document}.v1.json"));
    serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap()
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    let schemas = schemas();
    for (name, schema) in &schemas {
        let file = docs("schema").join(name);
        let current = serde_json::to_string_pretty(schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(docs("schema")).unwrap();
            std::fs::write(&file, &current).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(published, current, "make schemas writes {}", file.display());
    }

    for entry in std::fs::read_dir(docs("schema")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(
            schemas.iter().any(|(known, _)| *known == name),
            "{name} is of no type"
        );
    }
}

/// Holds a document that a command printed against its published schema.
pub(crate) fn assert_valid(document: &str, value: &Value) {
    let refused = refusal(value, &published(document));
    assert_eq!(refused, None, "{document}: {value:#}");
}

/// Holds each line that a command printed against the schema of events.
fn assert_events(ran: &Ran) {
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(!lines.is_empty(), "{}", ran.stderr);
    for line in lines {
        assert_valid("event", &serde_json::from_str(line).unwrap());
    }
}

#[test]
fn what_commands_print_as_json_is_of_the_published_schemas() {
    let stage = Stage::new();
    let objects = [config("settings", "EUR"), config("flags", "on"), web("1.0.0")];
    stage.release("1.4.1", &objects);
    assert_events(
        &stage
            .run("promote shop-1.4.1.yaml --yes --settle 0s -o json")
            .exits(0),
    );
    let failing = [config("settings", "USD"), playing("1.1.0", "crash-loop")];
    stage.release("1.4.2", &failing);
    assert_events(&stage.run("promote shop-1.4.2.yaml --yes -o json").exits(3));
    stage.promoted("1.4.3", &[config("settings", "USD"), web("1.0.0")]);
    assert_events(&stage.run("revert shop --yes -o json").exits(0));

    let patch = "patch configmap settings --field-manager kubectl-edit -p";
    stage.kubectl(&format!(r#"{patch} {{"data":{{"currency":"CHF"}}}}"#));
    stage.kubectl("delete configmap flags");
    let required = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "reader"}, "spec": {"containers": [{
        "name": "web", "image": "r.example/web:1", "envFrom": [{"secretRef": {"name": "nosuch"}}]}]}});
    let manifests = json!({"apiVersion": "v1", "kind": "List", "items": [config("settings", "EUR"), config("flags", "on"), required]});
    stage.write("with-a-requirement.json", &manifests.to_string());

    for (document, line, code) in [
        ("diff", "diff shop-1.4.1.yaml -o json", 1),
        ("diff", "diff shop-1.4.2.yaml -o json --mode readonly", 1),
        ("diff", "diff -f with-a-requirement.json -o json", 1),
        ("diff", "compare shop-1.4.1.yaml shop-1.4.2.yaml -o json", 1),
        ("diff-many", "diff --all -o json", 1),
        ("history-many", "history --all -o json", 0),
        ("images", "images --all --offline -o json", 0),
        ("recent-changes", "diff shop-1.4.1.yaml --since 10m -o json", 1),
        ("status", "status -o json", 0),
        ("history", "history shop -o json", 0),
        ("images", "images -o json", 0),
        ("images", "images --offline -o json", 0),
        (
            "plan",
            "promote shop-1.4.3.yaml --dry-run=server --overwrite -o json",
            0,
        ),
        ("version", "version -o json", 0),
    ] {
        assert_valid(document, &stage.run(line).exits(code).json());
    }
}

#[test]
fn the_status_of_an_unfinished_promotion_is_of_its_schema() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR")]);
    stage.unfinished("1.4.2");

    let status = stage.run("status shop -o json").exits(0).json();
    assert_valid("status", &status);
    assert_eq!(status[0]["unfinished"]["version"], "1.4.2", "{status}");
}

#[test]
fn a_document_with_a_word_that_is_not_published_is_not_of_its_schema() {
    let change = |kind: &str| json!({"cluster": {"server": "https://k8s", "namespace": "shop"}, "namespace": "shop", "name": "shop", "state": kind, "message": "", "verified": true, "workloads": []});
    let schema = published("status");
    assert_eq!(refusal(&json!([change("rolledBack")]), &schema), None);
    assert!(refusal(&json!([change("putBack")]), &schema).is_some());

    let mut lacking = change("reverted");
    lacking.as_object_mut().unwrap().shift_remove("verified");
    assert!(refusal(&json!([lacking]), &schema).is_some());
}

#[test]
fn the_documented_release_is_read_and_is_of_its_schema() {
    let text = example("release.md");
    load::parse_release(text.clone().into_bytes(), Path::new("release.md")).unwrap();
    let value = load::documents(text.as_bytes(), Path::new("release.md"))
        .unwrap()
        .remove(0);
    let schema = schema::release();
    assert_eq!(refusal(&value, &schema), None);
    let mut wrong = value.clone();
    wrong["spec"]["images"][0]["tag"] = "1".into();
    let refused = refusal(&wrong, &schema).unwrap();
    assert!(refused.contains("'tag' was unexpected"), "{refused}");
    wrong = value;
    wrong["apiVersion"] = "kubectl-delivery.io/v2".into();
    let refused = refusal(&wrong, &schema).unwrap();
    assert!(refused.starts_with("/apiVersion: "), "{refused}");
}

#[test]
fn the_documented_environment_is_read_and_is_of_its_schema() {
    let text = example("environment.md");
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("production.yaml");
    let overlay = folder.path().join("overlays/production");
    std::fs::create_dir_all(&overlay).unwrap();
    std::fs::write(&file, &text).unwrap();
    std::fs::write(
        overlay.join("a.yaml"),
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
    )
    .unwrap();
    std::fs::write(overlay.join("kustomization.yaml"), "resources: [a.yaml]\n").unwrap();
    // kubectl renders it: the program itself reads the file.
    let tools = &crate::harness::TestCluster::get().tools;
    let mut render = crate::harness::delivery(tools);
    let release = folder.path().join("release.yaml");
    std::fs::write(&release, example("release.md")).unwrap();
    let ran = Run::run(render.arg("render").arg(&release).arg("-e").arg(&file));
    assert!(ran.clone().ok().contains("name: a"), "{}", ran.stdout);
    let value = load::documents(text.as_bytes(), &file).unwrap().remove(0);
    let schema = schema::environment();
    assert_eq!(refusal(&value, &schema), None);
    let mut wrong = value;
    wrong["spec"]["untested"] = "ignore".into();
    let refused = refusal(&wrong, &schema).unwrap();
    assert!(refused.starts_with("/spec/untested: "), "{refused}");
}
