//! What the server says an object would be had only its manifest ever been said: the answer to a dry-run replacement.
//! It knows nothing of how the program compares.

use super::drawn::{Drawn, Place};
use kubectl_delivery::testing::cluster::{ApiError, Cluster, DeleteOptions, WriteOptions};
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::{Object, Target};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// What an object is held against.
pub enum Held {
    /// It is not there.
    Missing,
    /// Where it differs from its target: pointer, live, target.
    Differs(Vec<String>),
    /// The server lets it not be replaced by its manifest alone: where it differs from a fresh one, in what that holds.
    Bound(Vec<String>),
}

/// What the server says of a manifest.
pub enum Said {
    Fine,
    /// Nothing of that kind can be made so.
    Invalid,
    /// A fresh one could be made so, this one cannot become so: fields, and the message.
    Forbidden(Vec<String>, String),
}

pub fn dry() -> WriteOptions {
    WriteOptions {
        manager: "oracle".into(),
        dry_run: true,
        not_after: None,
    }
}

pub fn target_of(place: &Place, drawn: &Drawn) -> Target {
    Target::new(
        &drawn.shape().resource(place),
        Some(&place.namespace),
        &drawn.name(place),
    )
}

/// A dry-run create under another name.
async fn fresh(client: &dyn Cluster, place: &Place, drawn: &Drawn) -> Result<Value, ApiError> {
    let mut body = drawn.object(place);
    let name = format!("{}-probe", drawn.name(place));
    body["metadata"]["name"] = name.as_str().into();
    let target = Target::new(&drawn.shape().resource(place), Some(&place.namespace), &name);
    loop {
        match client.create(&target, &body, &dry()).await {
            Err(error) if is_broken(&error) => {}
            answer => return Ok(answer?.object.into_value()),
        }
    }
}

/// The object as it is, and the answer to its replacement; none where it is not there.
async fn replaced(
    client: &dyn Cluster,
    place: &Place,
    drawn: &Drawn,
) -> Option<(Value, Result<Value, ApiError>)> {
    let target = target_of(place, drawn);
    let mut broken = None;
    for _ in 0..5 {
        let live = client.get(&target).await.unwrap()?;
        let mut body = drawn.object(place);
        body["metadata"]["uid"] = live.uid().into();
        body["metadata"]["resourceVersion"] = live.resource_version().into();
        if !body["metadata"]["labels"].is_object() {
            body["metadata"]["labels"] = json!({});
        }
        // Our own label belongs to what we promote.
        let part_of = "applyset.kubernetes.io/part-of";
        if let Some(set) = live.value()["metadata"]["labels"].get(part_of) {
            body["metadata"]["labels"][part_of] = set.clone();
        }
        match client.replace(&target, &body, &dry()).await {
            // Each time: the server's own handler breaks at it (a Service that gets addresses again, in 1.37.2).
            Err(error) if is_broken(&error) => broken = Some((live.into_value(), Err(error))),
            Err(error) if error.is_conflict() => broken = None,
            answer => {
                return Some((
                    live.into_value(),
                    answer.map(|applied| applied.object.into_value()),
                ));
            }
        }
    }
    assert!(broken.is_some(), "{target} changes all the time");
    broken
}

/// Whether the server closed an idle connection just when it was used: nothing is sent twice but what is dry.
fn is_broken(error: &ApiError) -> bool {
    matches!(error, ApiError::Broken { .. })
}

/// Whether the server takes a manifest, for the object that is there or for a new one.
pub async fn ask(client: &dyn Cluster, place: &Place, drawn: &Drawn) -> Said {
    match fresh(client, place, drawn).await {
        Ok(fresh) if keeps_all(&drawn.object(place), &fresh) => {}
        _ => return Said::Invalid,
    }
    match replaced(client, place, drawn).await {
        Some((_, Err(ApiError::Status { causes, message, .. }))) => {
            Said::Forbidden(causes.into_iter().map(|cause| cause.field).collect(), message)
        }
        Some((_, Err(error))) if is_broken(&error) => Said::Invalid,
        Some((_, Err(error))) => panic!("{}: {error}", drawn.id(place)),
        Some((live, Ok(_))) if loses_no_address(drawn, place, &live) => Said::Forbidden(
            vec!["spec.clusterIP".into()],
            "a headless Service gets no address".into(),
        ),
        Some((_, Ok(_))) | None => Said::Fine,
    }
}

/// Whether a manifest's values are all in what the server makes of it.
fn keeps_all(desired: &Value, fresh: &Value) -> bool {
    let mut sent = BTreeMap::new();
    leaves(desired, "", &mut sent);
    let is_kept = |(at, value): (&String, &Value)| {
        let is_empty = value.is_null() || value.is_object() || value.is_array() || value == "";
        is_empty || at == "/metadata/name" || fresh.pointer(at).is_some()
    };
    sent.iter().all(is_kept)
}

/// A headless Service that is not to be one any more: the server keeps it so and says nothing.
fn loses_no_address(drawn: &Drawn, place: &Place, live: &Value) -> bool {
    let desired = drawn.object(place);
    live["kind"] == "Service"
        && live["spec"]["clusterIP"] == "None"
        && desired["spec"]["clusterIP"] != "None"
        && desired["spec"]["type"] != "ExternalName"
}

/// Holds the live object against its target.
pub async fn hold(client: &dyn Cluster, place: &Place, drawn: &Drawn) -> Held {
    let Some((live, answer)) = replaced(client, place, drawn).await else {
        return Held::Missing;
    };
    let desired = drawn.object(place);
    match answer {
        Ok(target) => Held::Differs(differences(&desired, &live, &target, true)),
        Err(_) => match fresh(client, place, drawn).await {
            Ok(fresh) => Held::Bound(differences(&desired, &live, &fresh, false)),
            Err(error) => Held::Bound(vec![format!("not even fresh: {error}")]),
        },
    }
}

fn differences(desired: &Value, live: &Value, target: &Value, both_ways: bool) -> Vec<String> {
    let (live, target) = (content(desired, live), content(desired, target));
    let shown = |value: Option<&Value>| value.map_or("nothing".into(), Value::to_string);
    let mut found = Vec::new();
    for at in live
        .keys()
        .chain(target.keys().filter(|at| !live.contains_key(*at)))
    {
        let (is, should) = (live.get(at), target.get(at));
        if is != should && (both_ways || should.is_some()) {
            found.push(format!("{at}: {} instead of {}", shown(is), shown(should)));
        }
    }
    found
}

/// The leaves that are content: no identity, no status, nothing that controllers write or that is allocated anew at each write.
fn content(desired: &Value, object: &Value) -> BTreeMap<String, Value> {
    let mut object = object.clone();
    let metadata = object["metadata"].take();
    let top = object.as_object_mut().unwrap();
    top.shift_remove("status");
    let mut result = json!({});
    for field in ["labels", "annotations"] {
        if metadata[field].as_object().is_some_and(|map| !map.is_empty()) {
            result[field] = metadata[field].clone();
        }
    }
    if result != json!({}) {
        top.insert("metadata".into(), result);
    } else {
        top.shift_remove("metadata");
    }
    let mut found = BTreeMap::new();
    leaves(&object, "", &mut found);
    let is_service = object["kind"] == "Service";
    let of_controllers = [
        "/metadata/annotations/deployment.kubernetes.io~1revision",
        "/metadata/annotations/deprecated.daemonset.template.generation",
    ];
    found.retain(|at, _| {
        let is_allocated = is_service
            && (["/spec/clusterIP", "/spec/ipFamilies", "/spec/healthCheckNodePort"]
                .iter()
                .any(|known| at.starts_with(known))
                || at.ends_with("/nodePort"))
            && desired.pointer(at).is_none();
        // Each Job's own: its pods carry it.
        let is_of_job = object["kind"] == "Job" && (at.contains("controller-uid") || at.contains("job-name"));
        let is_token = object["kind"] == "Pod" && (at.contains("/volumeMounts") || at.contains("/volumes"));
        !is_allocated && !is_of_job && !is_token && !of_controllers.contains(&at.as_str())
    });
    found
}

fn leaves(value: &Value, at: &str, found: &mut BTreeMap<String, Value>) {
    match value {
        Value::Object(map) if !map.is_empty() => map.iter().for_each(|(key, below)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            leaves(below, &format!("{at}/{key}"), found);
        }),
        Value::Array(items) if !items.is_empty() => items
            .iter()
            .enumerate()
            .for_each(|(index, below)| leaves(below, &format!("{at}/{index}"), found)),
        leaf => drop(found.insert(at.to_owned(), leaf.clone())),
    }
}

/// Changes an object as `kubectl edit` would; where `nobody`, no entry owns what was changed. False where the server refuses.
pub async fn edit(client: &dyn Cluster, target: &Target, edited: &Value, nobody: bool) -> bool {
    let Ok(made) = client.replace(target, edited, &by_hand()).await else {
        return false;
    };
    if nobody {
        let mut entries = made.object.value()["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        entries.retain(|entry| entry["manager"] != "kubectl-edit");
        disown(client, target, &made.object, &entries.into()).await;
    }
    true
}

/// Brings an object's content and its owners back to what they were; what the server takes no way back (a Pod's
/// `activeDeadlineSeconds` only shrinks) is made anew.
pub async fn restore(client: &dyn Cluster, target: &Target, saved: &Object) {
    let mut body = saved.value().clone();
    let entries = body["metadata"]["managedFields"].clone();
    for _ in 0..50 {
        let live = client.get(target).await.unwrap();
        let answer = match &live {
            Some(live) if live.is_being_deleted() => {
                delete(client, target, live).await;
                continue;
            }
            Some(live) => {
                body["metadata"]["uid"] = live.uid().into();
                body["metadata"]["resourceVersion"] = live.resource_version().into();
                client.replace(target, &body, &by_hand()).await
            }
            None => {
                for field in ["uid", "resourceVersion", "managedFields"] {
                    body["metadata"].as_object_mut().unwrap().shift_remove(field);
                }
                client.create(target, &body, &by_hand()).await
            }
        };

        match (answer, live) {
            (Ok(made), live) if disown(client, target, &made.object, &entries).await => {
                // Its node may still delete by name what was there before.
                if live.is_some() || stays(client, target, &made.object).await {
                    return;
                }
            }
            (Ok(_), _) => {}
            (Err(error), _) if error.is_conflict() || is_broken(&error) => {}
            (Err(_), Some(live)) => delete(client, target, &live).await,
            (Err(error), None) => panic!("{target} cannot be made anew: {error}"),
        }
    }
    panic!("{target} is not what it was");
}

/// Deletes an object and waits until it is gone.
async fn delete(client: &dyn Cluster, target: &Target, live: &Object) {
    let options = DeleteOptions {
        uid: live.uid().into(),
        resource_version: None,
        propagation: Propagation::Background,
        dry_run: false,
        not_after: None,
    };
    client.delete(target, &options).await.unwrap();
    for _ in 0..300 {
        if client
            .get(target)
            .await
            .unwrap()
            .is_none_or(|now| now.uid() != live.uid())
        {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("{target} does not go");
}

/// Whether an object is still there after a while.
async fn stays(client: &dyn Cluster, target: &Target, made: &Object) -> bool {
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let now = client.get(target).await.unwrap();
    now.is_some_and(|now| now.uid() == made.uid() && !now.is_being_deleted())
}

fn by_hand() -> WriteOptions {
    WriteOptions {
        manager: "kubectl-edit".into(),
        dry_run: false,
        not_after: None,
    }
}

async fn disown(client: &dyn Cluster, target: &Target, object: &Object, entries: &Value) -> bool {
    let operations = [
        json!({"op": "test", "path": "/metadata/resourceVersion", "value": object.resource_version()}),
        json!({"op": "replace", "path": "/metadata/managedFields", "value": entries}),
    ];
    client.json_patch(target, &operations, &by_hand()).await.is_ok()
}
