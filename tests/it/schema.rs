//! The documented examples of both kinds of files are read, and the published schemas are those of the types.

use kubectl_delivery::testing::load;
use kubectl_delivery::testing::model::schema;
use serde_json::Value;
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

/// Why a value is not of a schema; as much of JSON Schema as ours use.
fn refusal(value: &Value, schema: &Value, root: &Value) -> Option<String> {
    if let Some(name) = schema["$ref"].as_str() {
        return refusal(
            value,
            root.pointer(name.strip_prefix('#').unwrap()).unwrap(),
            root,
        );
    }
    for any in ["anyOf", "oneOf"]
        .iter()
        .filter_map(|key| schema[*key].as_array())
    {
        if any.iter().all(|one| refusal(value, one, root).is_some()) {
            return Some(format!("{value} is none of {any:?}"));
        }
    }
    let types: Vec<&str> = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let is_other = |key: &str| schema.get(key).is_some_and(|wanted| wanted != value);
    let is_not_listed = schema["enum"].as_array().is_some_and(|all| !all.contains(value));
    if (!types.is_empty() && !types.contains(&kind)) || is_other("const") || is_not_listed {
        return Some(format!("{value} is not {schema}"));
    }
    let required = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    if let (Some(missing), true) = (
        required.clone().find(|key| value.get(key).is_none()),
        value.is_object(),
    ) {
        return Some(format!("{value} lacks {missing}"));
    }
    let fields = value.as_object().into_iter().flatten().find_map(|(key, value)| {
        let own = schema["properties"].get(key);
        match own.or(schema.get("additionalProperties")) {
            Some(Value::Bool(false)) => Some(format!("there is no field {key}")),
            Some(schema) if schema.is_object() => refusal(value, schema, root),
            _ => None,
        }
    });
    let items = || {
        value
            .as_array()
            .into_iter()
            .flatten()
            .find_map(|item| refusal(item, &schema["items"], root))
    };
    fields.or_else(items)
}

#[test]
fn the_published_schemas_are_those_of_the_types() {
    for (name, schema) in [
        ("release", schema::release()),
        ("environment", schema::environment()),
    ] {
        let file = docs("schema").join(format!("{name}.v1alpha1.json"));
        let current = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        if std::env::var_os("UPDATE_SCHEMAS").is_some() {
            std::fs::create_dir_all(docs("schema")).unwrap();
            std::fs::write(&file, &current).unwrap();
        }
        let published = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(
            published,
            current,
            "UPDATE_SCHEMAS=1 cargo test --test it schema:: writes {}",
            file.display()
        );
    }
}

#[test]
fn the_documented_release_is_read_and_is_of_its_schema() {
    let text = example("release.md");
    load::parse_release(text.clone().into_bytes(), Path::new("release.md")).unwrap();
    let value = load::documents(text.as_bytes(), Path::new("release.md"))
        .unwrap()
        .remove(0);
    let schema = schema::release();
    assert_eq!(refusal(&value, &schema, &schema), None);
    let mut wrong = value.clone();
    wrong["spec"]["images"][0]["tag"] = "1".into();
    assert_eq!(
        refusal(&wrong, &schema, &schema).unwrap(),
        "there is no field tag"
    );
    wrong = value;
    wrong["apiVersion"] = "kubectl-delivery.io/v2".into();
    let refused = refusal(&wrong, &schema, &schema).unwrap();
    assert!(
        refused.starts_with("\"kubectl-delivery.io/v2\" is n"),
        "{refused}"
    );
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
    let ran = crate::harness::Run::run(render.arg("render").arg(&release).arg("-e").arg(&file));
    assert!(ran.clone().ok().contains("name: a"), "{}", ran.stdout);
    let value = load::documents(text.as_bytes(), &file).unwrap().remove(0);
    let schema = schema::environment();
    assert_eq!(refusal(&value, &schema, &schema), None);
    let mut wrong = value;
    wrong["spec"]["untested"] = "ignore".into();
    let refused = refusal(&wrong, &schema, &schema).unwrap();
    assert!(refused.starts_with("\"ignore\" is n"), "{refused}");
}
