//! What a release keeps in the cluster, and plan files, as version 1 of the format writes them: each is read for ever, and
//! nothing is written that has another shape.
//!
//! `tests/fixtures/formats/v1` was written once, by `KUBECTL_DELIVERY_FORMATS=DIR cargo test --test it formats::`, and stays.

pub mod open;

use crate::execute::app::{App, NAME, map};
use crate::harness::{Run, Webhook};
use kubectl_delivery::testing::model::bundle::{PartBundle, unpack};
use kubectl_delivery::testing::model::inventory::{Inventory, Record};
use kubectl_delivery::testing::model::journal::{Head, HistoryOutcome, Journal, Parts};
use kubectl_delivery::testing::model::plan::Plan;
use kubectl_delivery::testing::model::seal::{Found, Integrity, check_integrity};
use kubectl_delivery::testing::model::state_key::{BoundKey, StateKey};
use kubectl_delivery::testing::model::verdict::CauseKind;
use kubectl_delivery::testing::model::{Object, ObjectId, Operation};
use kubectl_delivery::testing::observe::release_state::{parse_head, parse_inventory};
use kubectl_delivery::testing::observe::sealing::parse_seal;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// A namespace with what a release keeps in it, and a plan file of its next promotion.
struct Written {
    objects: Vec<Object>,
    plan: Value,
}

impl Written {
    /// By this program.
    fn now() -> Self {
        let app = App::new();
        let role = json!({"apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": {"name": "reader"},
            "rules": [{"apiGroups": [""], "resources": ["configmaps"], "verbs": ["get"]}]});
        let version = |value: &str| vec![map("config", json!({"a": value})), role.clone()];
        app.promote("1", &version("1")).run().exits(0);
        app.promote("2", &version("2")).run().exits(0);
        let hook = Webhook::denying(&app.namespace, ("", "services"), |review| {
            (review["request"]["dryRun"] != true).then(|| "not today".into())
        });
        let late = json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "late"}, "spec": {"ports": [{"port": 80}]}});
        hook.wait(|| {
            app.kubectl_with(&["create"], &late).code != Some(0) || {
                app.kubectl(&["delete", "service", "late"]);
                false
            }
        });
        app.promote("3", &[version("3"), vec![late]].concat())
            .run()
            .exits(3);
        let new =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "new"}, "immutable": true});
        let plan = app.promote("4", &[version("4"), vec![new]].concat());
        let plan = { plan }
            .args(["--dry-run=server", "-o", "json"])
            .run()
            .exits(0)
            .json();
        Self {
            objects: stored(&app),
            plan,
        }
    }

    /// A release that was deleted, by this program.
    fn deleted_now() -> Self {
        let app = App::new();
        let mut marked = map("marked", json!({}));
        marked["metadata"]["annotations"] = json!({"helm.sh/resource-policy": "keep"});
        app.promote("1", &[map("config", json!({"a": "1"})), marked])
            .run()
            .exits(0);
        let mut delete = app.delivery();
        delete.args(["delete", NAME, "-n", app.namespace.name(), "-y"]);
        delete.run().exits(0);
        Self {
            objects: stored(&app),
            plan: Value::Null,
        }
    }

    /// By the program that deleted a release first.
    fn deleted_then() -> Self {
        Self {
            objects: read("deleted.json"),
            plan: Value::Null,
        }
    }

    /// By the program that wrote version 1 first.
    fn then() -> Self {
        let plan = std::fs::read_to_string(folder().join("plan.json")).unwrap();
        Self {
            objects: read("state.json"),
            plan: serde_json::from_str(&plan).unwrap(),
        }
    }

    fn state(&self) -> Value {
        let items: Vec<&Value> = self.objects.iter().map(Object::value).collect();
        json!({"apiVersion": "v1", "kind": "List", "items": items})
    }

    fn object(&self, kind: &str, name: &str) -> &Object {
        let is_it = |object: &&Object| object.kind() == kind && object.name() == name;
        self.objects
            .iter()
            .find(is_it)
            .unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    fn key(&self) -> BoundKey {
        let text = decoded(self.object("Secret", "delivery-app-key").text("/data/key"));
        let namespace = self
            .objects
            .iter()
            .find(|object| object.kind() == "Namespace")
            .unwrap();
        StateKey::parse(&String::from_utf8(text).unwrap())
            .unwrap()
            .bind(namespace.known_uid().as_ref(), NAME)
    }

    /// Whether head and inventory are as they were sealed.
    fn integrity(&self) -> Integrity {
        let seal = parse_seal(self.object("Secret", "delivery-app-seal")).unwrap();
        let (integrity, _) = check_integrity(&Found {
            head: Some(self.object("ConfigMap", "delivery-app-journal")),
            inventory: Some(self.object("ConfigMap", "delivery-app")),
            seal: Some(&seal),
            has_key: true,
            keys: &[self.key()],
            outside: false,
        });
        integrity
    }

    fn head(&self) -> Head {
        parse_head(self.object("ConfigMap", "delivery-app-journal"))
            .unwrap()
            .value
    }

    fn inventory(&self) -> Inventory {
        parse_inventory(self.object("ConfigMap", "delivery-app"))
            .unwrap()
            .value
    }

    fn bundle<T: DeserializeOwned>(&self, bundle: &PartBundle) -> T {
        let (kind, field) = if bundle.secret {
            ("Secret", "/data/part")
        } else {
            ("ConfigMap", "/binaryData/part")
        };
        let part = |name: &String| decoded(self.object(kind, name).text(field));
        let parts: Vec<Vec<u8>> = bundle.names.iter().map(part).collect();
        unpack(bundle, &parts, Some(&self.key())).unwrap()
    }

    /// Every kind of document, under its name.
    fn documents(&self) -> Vec<(&'static str, Value)> {
        let (head, inventory) = (self.head(), self.inventory());
        let previous = head.previous.as_ref().unwrap();
        let seal: Value = serde_json::from_slice(&decoded(
            self.object("Secret", "delivery-app-seal").text("/data/seal"),
        ))
        .unwrap();
        vec![
            ("seal", seal),
            ("head", whole(&head)),
            ("parts", whole(&self.bundle::<Parts>(&previous.parts[0]))),
            (
                "record",
                whole(&self.bundle::<Record>(&inventory.history[0].record[0])),
            ),
            (
                "the journal before",
                whole(&self.bundle::<Journal>(previous.bundle.as_ref().unwrap())),
            ),
            ("history entry", whole(&inventory.history[0])),
            (
                "inventory",
                json!(self.object("ConfigMap", "delivery-app").at("/data")),
            ),
            (
                "journal",
                json!(self.object("ConfigMap", "delivery-app-journal").at("/data")),
            ),
            ("plan", self.plan.clone()),
        ]
    }
}

/// What a release keeps in the cluster.
pub fn stored(app: &App) -> Vec<Object> {
    let listed = app.kubectl(&["get", "configmaps,secrets,namespace", "-o", "json", "-l", "!any"]);
    let uid = app.kubectl(&["get", "namespace", app.namespace.name(), "-o", "json"]);
    let mut objects: Vec<Value> = serde_json::from_str::<Value>(&listed).unwrap()["items"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|object| {
            object["metadata"]["name"]
                .as_str()
                .unwrap()
                .starts_with("delivery-")
        })
        .cloned()
        .collect();
    objects.push(serde_json::from_str(&uid).unwrap());
    let objects = objects.into_iter();
    objects.map(|object| Object::new(object).unwrap()).collect()
}

/// The objects of a golden file.
fn read(file: &str) -> Vec<Object> {
    read_from(&folder().join(file))
}

fn read_from(file: &Path) -> Vec<Object> {
    let text = std::fs::read_to_string(file).unwrap();
    let list: Value = serde_json::from_str(&text).unwrap();
    let items = list["items"].as_array().unwrap().clone();
    let items = items.into_iter();
    items.map(|object| Object::new(object).unwrap()).collect()
}

fn write(folder: &Path, file: &str, value: &Value) {
    let text = serde_json::to_string_pretty(value).unwrap() + "\n";
    std::fs::write(folder.join(file), text).unwrap();
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/formats/v1")
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn whole<T: Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap()
}

/// The places of a document and the types of what is there; entries of one list are alike.
fn shape(value: &Value) -> BTreeSet<String> {
    fn walk(value: &Value, at: &str, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(map) => {
                found.insert(format!("{at} object"));
                map.iter()
                    .for_each(|(key, value)| walk(value, &format!("{at}/{key}"), found));
            }
            Value::Array(items) => items
                .iter()
                .for_each(|item| walk(item, &format!("{at}[]"), found)),
            Value::String(_) => drop(found.insert(format!("{at} text"))),
            Value::Number(_) => drop(found.insert(format!("{at} number"))),
            Value::Bool(_) => drop(found.insert(format!("{at} bool"))),
            Value::Null => drop(found.insert(format!("{at} null"))),
        }
    }
    let mut found = BTreeSet::new();
    walk(value, "", &mut found);
    found
}

/// Whether a place belongs to a field that was added since, and that documents of before lack.
fn is_added_since(place: &str) -> bool {
    // Of a plan, of the plan in a promotion's part, of an entry of the history, of the head, and of the journal before.
    [
        "/cluster",
        "/promotion/plan/cluster",
        "/rollback",
        "/current/rollback",
        "/promotion/plan/rollback",
    ]
    .iter()
    .any(|field| place.starts_with(field))
}

#[test]
fn whatever_version_1_wrote_is_read() {
    let written = Written::then();
    let (head, inventory) = (written.head(), written.inventory());
    let config = ObjectId::new(
        "",
        "ConfigMap",
        head.current.steps[0].target.namespace.as_deref(),
        "config",
    );

    assert_eq!(written.integrity(), Integrity::Sealed);

    let promoted = inventory.promoted().unwrap();
    assert_eq!((promoted.revision, &*promoted.release.version), (2, "2"));
    assert_eq!(inventory.members.len(), 2);
    let failed = inventory.history.last().unwrap();
    assert_eq!(
        (inventory.history.len(), failed.revision, failed.ending),
        (3, 3, HistoryOutcome::RolledBack)
    );
    assert_eq!(failed.failure.as_ref().unwrap().cause.kind, CauseKind::Refused);
    assert_eq!(
        (head.current.id.as_str(), head.current.is_open()),
        (failed.id.as_str(), false)
    );

    let before = head.previous.as_ref().unwrap();
    let parts: Parts = written.bundle(&before.parts[0]);
    let step = parts
        .steps
        .iter()
        .find(|part| part.step.target.id() == config)
        .unwrap();
    assert_eq!(step.before.as_ref().unwrap().text("/data/a"), "1");
    let record: Record = written.bundle(&promoted.record[0]);
    assert_eq!(
        Some(true),
        promoted.release.digest.is_of(record.release.as_bytes(), None)
    );
    assert!(
        record
            .desired
            .iter()
            .any(|object| object.id() == config && object.text("/data/a") == "2")
    );
    let previous: Journal = written.bundle(before.bundle.as_ref().unwrap());
    assert_eq!(
        (previous.release.version.as_str(), previous.is_committed()),
        ("2", true)
    );
    let plan: Plan = serde_json::from_value(written.plan.clone()).unwrap();
    assert_eq!((plan.revision, plan.steps.len(), plan.members.len()), (4, 2, 3));
}

#[test]
fn what_is_written_has_the_shape_of_version_1() {
    let now = Written::now();
    if let Some(folder) = std::env::var_os("KUBECTL_DELIVERY_FORMATS") {
        write(Path::new(&folder), "state.json", &now.state());
        return write(Path::new(&folder), "plan.json", &now.plan);
    }
    for ((name, then), (_, now)) in Written::then().documents().into_iter().zip(now.documents()) {
        let (then, mut now) = (shape(&then), shape(&now));
        now.retain(|place| !is_added_since(place));
        let (gone, new): (Vec<_>, Vec<_>) =
            (then.difference(&now).collect(), now.difference(&then).collect());
        assert!(
            gone.is_empty() && new.is_empty(),
            "{name}: no longer written {gone:#?}; new {new:#?}"
        );
        assert!(
            then.contains("/formatVersion number") || then.contains("/formatVersion text"),
            "{name}"
        );
    }
}

#[test]
fn what_was_written_of_a_deletion_is_read_and_still_written_so() {
    let now = Written::deleted_now();
    if let Some(folder) = std::env::var_os("KUBECTL_DELIVERY_FORMATS") {
        return write(Path::new(&folder), "deleted.json", &now.state());
    }
    let then = Written::deleted_then();
    let (head, inventory) = (then.head(), then.inventory());
    let entry = inventory.history.last().unwrap();
    assert_eq!(
        (entry.revision, entry.operation, entry.ending),
        (2, Operation::Delete, HistoryOutcome::Deleted)
    );
    assert_eq!((inventory.promoted(), inventory.members.len()), (None, 0));
    assert_eq!(
        (head.current.operation, head.current.ending),
        (Operation::Delete, Some(HistoryOutcome::Deleted))
    );
    let parts: Parts = then.bundle(&head.current.parts[0]);
    let plan = parts.promotion.unwrap().plan;
    assert_eq!(
        (plan.operation, plan.unchanged[0].name.as_str()),
        (Operation::Delete, "marked")
    );
    assert_eq!(parts.steps[0].before.as_ref().unwrap().text("/data/a"), "1");

    let documents = |written: &Written| {
        let (head, inventory) = (written.head(), written.inventory());
        let parts: Parts = written.bundle(&head.current.parts[0]);
        [
            whole(&head),
            whole(&parts),
            whole(inventory.history.last().unwrap()),
        ]
    };
    for (then, now) in documents(&then).iter().zip(&documents(&now)) {
        assert_eq!(shape(then), shape(now));
    }
}

#[test]
fn what_a_later_program_wrote_beside_it_survives_a_rewrite() {
    let written = Written::then();
    let with = |mut value: Value| {
        value["later"] = json!({"a": [1]});
        value
    };
    fn again<T: Serialize + DeserializeOwned>(value: &Value) -> Value {
        whole(&serde_json::from_value::<T>(value.clone()).unwrap())
    }
    for (name, document) in written.documents() {
        let document = with(document);
        let rewritten = match name {
            "head" => again::<Head>(&document),
            "parts" => again::<Parts>(&document),
            "record" => again::<Record>(&document),
            "the journal before" => again::<Journal>(&document),
            "history entry" => again::<kubectl_delivery::testing::model::inventory::HistoryEntry>(&document),
            _ => continue,
        };
        assert_eq!(rewritten, document, "{name}");
    }
    let mut inventory = written.object("ConfigMap", "delivery-app").value().clone();
    inventory["data"]["later"] = "kept".into();
    let inventory = parse_inventory(&Object::new(inventory).unwrap()).unwrap().value;
    assert_eq!(inventory.rest.get("later").map(String::as_str), Some("kept"));
}
