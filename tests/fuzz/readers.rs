//! What reads each kind of file, as the commands do.

use base64::Engine;
use kubectl_delivery::testing::cluster::{ConnectionOptions, kubeconfig_names};
use kubectl_delivery::testing::compare::{Rules, Sides, check_expressions};
use kubectl_delivery::testing::model::bundle::compress;
use kubectl_delivery::testing::model::plan::Plan;
use kubectl_delivery::testing::model::state_key::StateKey;
use kubectl_delivery::testing::model::{Object, ObjectId};
use kubectl_delivery::testing::observe::release_state::{parse_head, parse_inventory};
use kubectl_delivery::testing::observe::sealing::parse_seal;
use kubectl_delivery::testing::registry::RegistryOptions;
use kubectl_delivery::testing::registry::artifact::{Location, pull};
use kubectl_delivery::testing::{load, signing};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// A refusal is told to people: no hint of a library, no type of Rust.
fn check_message<T, E: std::fmt::Display>(result: Result<T, E>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let text = error.to_string();
            for foreign in [
                "DuplicateKeyPolicy",
                "from_str_multiple",
                "struct ",
                "tagged enum",
                "serde",
                "kubectl_delivery::testing::",
            ] {
                assert!(!text.contains(foreign), "{foreign} in: {text}");
            }
            None
        }
    }
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, bytes).unwrap();
    path
}

pub fn release(bytes: &[u8]) {
    check_message(load::parse_release(bytes.to_vec(), Path::new("r.yaml")));
    check_message(load::documents(bytes, Path::new("r.yaml")));
}

/// As Helm packs it, as it was stored before that, and as it may have been left by others.
pub fn helm_revision(bytes: &[u8]) {
    let encode = |bytes: &[u8]| {
        base64::engine::general_purpose::STANDARD
            .encode(bytes)
            .into_bytes()
    };
    let place = load::HelmPlace {
        name: "web",
        namespace: "shop",
        revision: 3,
    };
    let packed = compress(bytes).unwrap();
    let cut = &packed[..packed.len() / 2];
    for payload in [encode(&packed), encode(bytes), encode(cut), bytes.to_vec()] {
        check_message(load::helm_release(&payload, place));
    }
}

pub fn environment(bytes: &[u8]) {
    let Some(loaded) = check_message(load::environment(&file("fuzz.environment.yaml", bytes))) else {
        return;
    };
    check_expressions(&loaded.environment);
    let rules = Rules::new(&loaded.environment, "2026-11-28".parse().unwrap());
    let id = ObjectId::new("", "ConfigMap", Some("shop"), "a");
    let value = json!({"a": ["b", {"c": 1}], "d": "e"});
    let sides = Sides {
        tested: Some(&value),
        desired: Some(&value),
        live: None,
    };
    rules.answer(&id, &"/data/A".parse().unwrap(), sides);
    rules.remarks(&[id]);
}

pub fn plan(bytes: &[u8]) {
    check_message(load::typed_json::<Plan>(bytes, Path::new("plan.json")));
}

pub fn statement(bytes: &[u8]) {
    check_message(signing::parse_attestation(bytes, "a.intoto.json"));
}

pub fn report(bytes: &[u8]) {
    check_message(load::junit(bytes, "junit.xml"));
}

pub fn kubeconfig(bytes: &[u8]) {
    let kubeconfig = Some(file("fuzz.kubeconfig", bytes));
    check_message(kubeconfig_names(&ConnectionOptions {
        kubeconfig,
        ..ConnectionOptions::default()
    }));
}

/// A head and an inventory in their ConfigMaps, their seal and its key; what is no document of them is taken as the bytes of
/// each.
pub fn state(bytes: &[u8]) {
    let pack = |bytes: &[u8]| base64::engine::general_purpose::STANDARD.encode(bytes);
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let map = |data: Value, binary: Value| {
        let metadata = json!({"name": "delivery-shop", "namespace": "shop"});
        Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": data, "binaryData": binary}))
            .unwrap()
    };
    let head = document
        .get("head")
        .map_or(bytes.to_vec(), |head| head.to_string().into_bytes());
    for packed in [compress(&head).unwrap(), bytes.to_vec()] {
        check_message(parse_head(&map(json!({}), json!({"journal": pack(&packed)}))));
    }
    let text = |name: &str| match document.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Array(lines)) => lines.iter().map(|line| format!("{line}\n")).collect(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    };
    let data = json!({"members": text("members"), "history": text("history"), "moved": text("moved")});
    check_message(parse_inventory(&map(data, json!({}))));
    check_message(parse_inventory(&map(json!({}), json!({"members": pack(bytes)}))));
    let seal = document
        .get("seal")
        .map_or(bytes.to_vec(), |seal| seal.to_string().into_bytes());
    let secret = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "delivery-shop-seal", "namespace": "shop"},
        "data": {"seal": pack(&seal)}});
    check_message(parse_seal(&Object::new(secret).unwrap()));
    check_message(StateKey::parse(&text("key")));
}

/// A layout: its index, and its manifests by the digests that they really have.
pub fn layout(bytes: &[u8]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fuzz.layout");
    let blobs = folder.join("blobs/sha256");
    std::fs::create_dir_all(&blobs).unwrap();
    let put = |bytes: &[u8]| {
        let digest = kubectl_delivery::testing::model::Sha256Digest::compute(bytes);
        std::fs::write(blobs.join(digest.hex()), bytes).unwrap();
        json!({"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest, "size": bytes.len()})
    };
    let document: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let index = match (document.get("index"), document.get("manifest")) {
        (_, Some(manifest)) => {
            json!({"schemaVersion": 2, "manifests": [put(manifest.to_string().as_bytes())]})
                .to_string()
                .into_bytes()
        }
        (Some(index), None) => index.to_string().into_bytes(),
        (None, None) => bytes.to_vec(),
    };
    std::fs::write(folder.join("index.json"), index).unwrap();
    let place = Location::parse(&format!("oci-layout:{}", folder.display()))
        .unwrap()
        .unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    check_message(runtime.block_on(pull(&place, &RegistryOptions::default())));
    for entry in std::fs::read_dir(&blobs).unwrap().flatten() {
        std::fs::remove_file(entry.path()).ok();
    }
}
