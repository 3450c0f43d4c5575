//! Somebody with the role `edit` in a release's namespace: reads the key, and seals what he likes.

use super::*;
use crate::harness::User;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kubectl_delivery::testing::model::Uid;
use kubectl_delivery::testing::model::bundle::{compress, decompress, pack};
use kubectl_delivery::testing::model::format::FormatVersion;
use kubectl_delivery::testing::model::seal::{Role, Seal, Sealed, seal_of};
use kubectl_delivery::testing::model::state_key::{BoundKey, StateKey};

pub struct Forger<'a> {
    app: &'a App,
    mallory: User<'a>,
    key: BoundKey,
    /// Of the release that he forges.
    pub head: Value,
    pub inventory: Value,
}

impl<'a> Forger<'a> {
    pub fn new(app: &'a App) -> Self {
        let mallory = app.namespace.user("mallory").with_role("edit").ready();
        let key = StateKey::new([0; 32]).bind(None, "");
        let mut forger = Self {
            app,
            mallory,
            key,
            head: Value::Null,
            inventory: Value::Null,
        };
        let text = STANDARD.decode(
            forger.get("secret", "delivery-app-key")["data"]["key"]
                .as_str()
                .unwrap(),
        );
        let key = StateKey::parse(&String::from_utf8(text.unwrap()).unwrap()).unwrap();
        let uid = forger.get("namespace", app.namespace.name())["metadata"]["uid"]
            .as_str()
            .unwrap()
            .to_owned();
        forger.key = key.bind(Uid::parse(&uid).as_ref(), NAME);
        let journal = forger.get("configmap", "delivery-app-journal");
        forger.head = unpacked(&journal["binaryData"]["journal"]);
        forger.inventory = forger.get("configmap", "delivery-app");
        forger
    }

    pub fn kubectl(&self) -> Command {
        let mut command = self.app.namespace.kubectl();
        command.arg("--kubeconfig").arg(self.mallory.kubeconfig());
        command
    }

    fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.kubectl().args(["get", kind, name, "-o", "json"]).run().ok()).unwrap()
    }

    /// What a bundle of Secrets or ConfigMaps holds.
    pub fn read(&self, bundle: &Value) -> Value {
        let (kind, data) = if bundle["secret"] == true {
            ("secret", "data")
        } else {
            ("configmap", "binaryData")
        };
        unpacked(&self.get(kind, bundle["names"][0].as_str().unwrap())[data]["part"])
    }

    /// Writes a bundle in the place of another one, under the key.
    pub fn bundle(&self, content: &Value, stem: &str, secret: bool) -> Value {
        let packed = pack(content, &self.key).unwrap();
        let name = format!("delivery-app-{stem}-{}-0", packed.parts[0].0);
        let role = if secret { "preimage" } else { "record" };
        let labels = json!({"kubectl-delivery.io/release": NAME, "kubectl-delivery.io/role": role});
        let part = json!({"part": STANDARD.encode(&packed.parts[0].1)});
        let metadata = json!({"name": name, "labels": labels});
        let object = if secret {
            json!({"apiVersion": "v1", "kind": "Secret", "type": "kubectl-delivery.io/preimage", "metadata": metadata, "data": part})
        } else {
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "binaryData": part})
        };
        self.kubectl()
            .args(["create", "-f", "-"])
            .run_with(&object.to_string())
            .exits(0);
        let digest = serde_json::to_value(&packed.digest).unwrap();
        json!({"secret": secret, "namespace": self.app.namespace.name(), "names": [name], "digest": digest})
    }

    /// Changes the record of a revision; the release's bytes in it stay those that the history names.
    pub fn change_record(&mut self, revision: usize, change: impl Fn(&mut Value)) {
        let history = self.inventory["data"]["history"].as_str().unwrap();
        let mut lines: Vec<Value> = history
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        let entry = lines
            .iter_mut()
            .find(|entry| entry["revision"] == revision)
            .unwrap();
        let mut record = self.read(&entry["record"][0]);
        change(&mut record);
        entry["record"] = json!([self.bundle(&record, &format!("r{revision}"), false)]);
        let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
        self.inventory["data"]["history"] = lines.join("\n").into();
    }

    /// Changes the steps of the journal at hand, and what is kept of them.
    pub fn change_parts(&mut self, change: impl Fn(&mut Value)) {
        let mut parts = self.read(&self.head["current"]["parts"][0]);
        change(&mut parts);
        for (at, step) in parts["steps"].as_array().unwrap().iter().enumerate() {
            self.head["current"]["steps"][at]["target"] = step["step"]["target"].clone();
        }
        self.head["current"]["parts"] = json!([self.bundle(&parts, "before", true)]);
    }

    /// Seals head and inventory as they are now.
    pub fn seal(self) {
        self.seal_with(|_| {});
    }

    /// The same, with something done to the seal.
    pub fn seal_with(self, change: impl Fn(&mut Value)) {
        let mut journal = self.get("configmap", "delivery-app-journal");
        let bytes = compress(&serde_json::to_vec(&self.head).unwrap()).unwrap();
        journal["binaryData"]["journal"] = STANDARD.encode(bytes).into();
        for object in [&journal, &self.inventory] {
            self.kubectl()
                .args(["replace", "-f", "-"])
                .run_with(&object.to_string())
                .exits(0);
        }
        let (head, inventory) = (
            seal_of(&self.key, Role::Head, &journal),
            seal_of(&self.key, Role::Inventory, &self.inventory),
        );
        let current = Sealed::new(&self.key, false, 99, Some(head), Some(inventory));
        let seal = Seal {
            format_version: FormatVersion::default(),
            current,
            next: None,
        };
        let mut seal = serde_json::to_value(&seal).unwrap();
        change(&mut seal);
        let patch = json!({"data": {"seal": STANDARD.encode(seal.to_string())}}).to_string();
        self.kubectl()
            .args(["patch", "secret", "delivery-app-seal", "-p", &patch])
            .run()
            .ok();
    }
}

fn unpacked(text: &Value) -> Value {
    let bytes = STANDARD.decode(text.as_str().unwrap()).unwrap();
    serde_json::from_slice(&decompress(&bytes).unwrap()).unwrap()
}
