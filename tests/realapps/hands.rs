//! Ten changes by hand, drawn at random.

use crate::adoption::settled;
use crate::draw::Draw;
use crate::harness::Run;
use crate::life::{differences, seconds};
use crate::scene::{Scene, expect};
use crate::snapshot::Copy;
use crate::table::Row;
use kubectl_delivery::testing::model::names::RESTART_ANNOTATION;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

const COUNT: usize = 10;

/// One change: what kubectl is told, and what the finding's path has to hold; none where the object goes.
struct Edit {
    patch: Option<(&'static str, Value)>,
    path: &'static str,
}

/// Makes them; `diff` names all, `promote --overwrite` undoes all. Answers whether they are undone.
pub fn run(scene: &Scene, draw: &mut Draw, row: &mut Row) -> bool {
    let before = match settled(scene) {
        Ok(before) => before,
        Err(why) => {
            row.failed("hands", why);
            return false;
        }
    };
    let made = edited(scene, draw);
    row.result("hands", named(scene, &made));
    row.result("overwrite", undone(scene, &before))
}

/// What was changed: the object as a finding names it, and the path.
type Made = (Value, &'static str);

fn edited(scene: &Scene, draw: &mut Draw) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    let mut tried: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    let each = COUNT.div_ceil(scene.rendered.objects.len());
    for _ in 0..400 {
        if made.len() == COUNT {
            break;
        }
        let object = draw.one(&scene.rendered.objects);
        let edits = edits(object, &scene.rendered.objects);
        let edit = &edits[draw.below(edits.len())];
        let id = format!(
            "{} {} {}",
            object["kind"], object["metadata"]["namespace"], object["metadata"]["name"]
        );
        let paths = tried.entry(id).or_default();
        // What is deleted has no other change to be named.
        let is_alone = paths.contains("") || (edit.path.is_empty() && !paths.is_empty());
        if paths.len() == each || is_alone || !paths.insert(edit.path) {
            continue;
        }
        let file = scene.rendered.file("edited.json");
        std::fs::write(&file, object.to_string()).unwrap();
        let mut kubectl = scene.kubectl();
        match &edit.patch {
            Some((kind, patch)) => kubectl.args([
                "patch",
                "--field-manager=kubectl-edit",
                "--type",
                kind,
                "-p",
                &patch.to_string(),
            ]),
            None => kubectl.arg("delete"),
        };
        // What a webhook without a server refuses is no change.
        let ran = scene.logged(kubectl.arg("-f").arg(&file).run());
        if ran.code == Some(0) && !ran.stdout.contains("no change") {
            println!(
                "  by hand: {} {} {}",
                object["kind"], object["metadata"]["name"], edit.path
            );
            made.push((object.clone(), edit.path));
        }
    }
    made
}

fn merge(path: &'static str, patch: Value) -> Edit {
    Edit {
        patch: Some(("merge", patch)),
        path,
    }
}

fn list(path: &'static str, patch: Value) -> Edit {
    Edit {
        patch: Some(("json", patch)),
        path,
    }
}

/// Every change that fits the object.
fn edits(object: &Value, all: &[Value]) -> Vec<Edit> {
    let mut found = vec![
        merge(
            "/metadata/labels",
            json!({"metadata": {"labels": {"by-hand": "yes"}}}),
        ),
        merge(
            "/metadata/annotations",
            json!({"metadata": {"annotations": {"example.com/by-hand": "yes"}}}),
        ),
    ];
    let append = |path: &str, value: Value| json!([{"op": "add", "path": path, "value": value}]);
    match object["kind"].as_str().unwrap_or_default() {
        "ConfigMap" => {
            found.push(merge("/data", json!({"data": {"by-hand": "yes"}})));
            found.push(Edit {
                patch: None,
                path: "",
            });
        }
        "Deployment" | "StatefulSet" | "DaemonSet" => found.extend(of_workload(object, all)),
        "Service" => {
            found.push(merge(
                "sessionAffinity",
                json!({"spec": {"sessionAffinity": "ClientIP"}}),
            ));
            found.push(list(
                "targetPort",
                json!([{"op": "replace", "path": "/spec/ports/0/targetPort", "value": 4321}]),
            ));
            if object["spec"]["selector"].is_object() {
                found.push(merge(
                    "/spec/selector",
                    json!({"spec": {"selector": {"by-hand": "yes"}}}),
                ));
            }
            found.push(Edit {
                patch: None,
                path: "",
            });
        }
        "Role" | "ClusterRole" if object["rules"].as_array().is_some_and(|rules| !rules.is_empty()) => {
            let rule = json!({"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]});
            found.push(list("/rules", append("/rules/-", rule)));
        }
        "RoleBinding" | "ClusterRoleBinding" => {
            let subject = json!({"kind": "User", "name": "mallory", "apiGroup": "rbac.authorization.k8s.io"});
            found.push(list("/subjects", append("/subjects/-", subject)));
        }
        "ServiceAccount" => found.push(merge(
            "automountServiceAccountToken",
            match object["automountServiceAccountToken"] {
                Value::Bool(false) => json!({"automountServiceAccountToken": true}),
                _ => json!({"automountServiceAccountToken": false}),
            },
        )),
        "CustomResourceDefinition" => {
            // An atomic list: it is named as a whole.
            let path = "/spec/versions/0/schema/openAPIV3Schema/description";
            found.push(list("/spec/versions", append(path, json!("by hand"))));
            found.push(merge(
                "categories",
                json!({"spec": {"names": {"categories": ["by-hand"]}}}),
            ));
        }
        "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration" => {
            found.push(list(
                "timeoutSeconds",
                append("/webhooks/0/timeoutSeconds", json!(7)),
            ));
            found.push(list(
                "matchPolicy",
                append("/webhooks/0/matchPolicy", json!("Exact")),
            ));
        }
        "PodDisruptionBudget" => {
            found.push(merge(
                "unhealthyPodEvictionPolicy",
                json!({"spec": {"unhealthyPodEvictionPolicy": "AlwaysAllow"}}),
            ));
            found.push(Edit {
                patch: None,
                path: "",
            });
        }
        "NetworkPolicy" => found.push(merge(
            "podSelector",
            json!({"spec": {"podSelector": {"matchLabels": {"by-hand": "yes"}}}}),
        )),
        "APIService" => found.push(merge("versionPriority", json!({"spec": {"versionPriority": 77}}))),
        "PriorityClass" => found.push(merge("description", json!({"description": "by hand"}))),
        _ => {}
    }
    found
}

fn of_workload(object: &Value, all: &[Value]) -> Vec<Edit> {
    let container = &object["spec"]["template"]["spec"]["containers"][0];
    let strategic = |path, fields: Value| {
        let mut item = json!({"name": container["name"]});
        for (key, value) in fields.as_object().unwrap() {
            item[key] = value.clone();
        }
        Edit {
            patch: Some((
                "strategic",
                json!({"spec": {"template": {"spec": {"containers": [item]}}}}),
            )),
            path,
        }
    };
    let mut found = vec![
        strategic("env", json!({"env": [{"name": "BY_HAND", "value": "yes"}]})),
        strategic(
            "securityContext",
            json!({"securityContext": {"readOnlyRootFilesystem": false, "seccompProfile": {"type": "Unconfined"}}}),
        ),
        strategic("resources", json!({"resources": {"limits": {"memory": "3Gi"}}})),
        strategic("image", json!({"image": "registry.invalid/by/hand:1"})),
        merge(
            "/spec/template/metadata/annotations",
            json!({"spec": {"template": {"metadata": {"annotations": {"by-hand": "yes"}}}}}),
        ),
        merge(
            "dnsPolicy",
            json!({"spec": {"template": {"spec": {"dnsPolicy": "Default"}}}}),
        ),
        merge(
            "nodeSelector",
            json!({"spec": {"template": {"spec": {"nodeSelector": {"kubernetes.io/arch": "amd64"}}}}}),
        ),
    ];
    let is_scaled = all.iter().any(|other| {
        other["kind"] == "HorizontalPodAutoscaler"
            && other["spec"]["scaleTargetRef"]["name"] == object["metadata"]["name"]
    });
    if object["kind"] != "DaemonSet" && !is_scaled {
        let replicas = object["spec"]["replicas"].as_u64().unwrap_or(1) + 1;
        found.push(merge("replicas", json!({"spec": {"replicas": replicas}})));
    }
    found
}

/// How many of them `diff` names.
fn named(scene: &Scene, made: &[Made]) -> Result<String, String> {
    let ran = scene.diff(&["-o", "json"]);
    if ran.code != Some(1) {
        return Err(differences(&ran));
    }
    let outcome: Value = serde_json::from_str(&ran.stdout).map_err(|error| error.to_string())?;
    let objects = outcome["objects"].as_array().cloned().unwrap_or_default();
    let is_named = |(object, path): &&Made| {
        let same = |outcome: &&Value| {
            outcome["kind"] == object["kind"] && outcome["name"] == object["metadata"]["name"]
        };
        objects.iter().filter(same).any(|outcome| {
            let changes = outcome["changes"].as_array().cloned().unwrap_or_default();
            let at = |change: &Value| {
                change["path"]
                    .as_str()
                    .is_some_and(|outcome| outcome.contains(path))
            };
            if path.is_empty() {
                outcome["status"] == "missing"
            } else {
                changes.iter().any(at)
            }
        })
    };
    let missed: Vec<String> = made
        .iter()
        .filter(|made| !is_named(made))
        .map(|(object, path)| {
            format!(
                "{} {} {}",
                object["kind"],
                object["metadata"]["name"],
                if path.is_empty() { "deleted" } else { path }
            )
        })
        .collect();
    if missed.is_empty() {
        Ok(format!("{0}/{0}", made.len()))
    } else {
        Err(format!(
            "{} of {} are not named: {}",
            missed.len(),
            made.len(),
            missed.join(", ")
        ))
    }
}

fn undone(scene: &Scene, before: &Copy) -> Result<String, String> {
    let ran = expect(scene.promote(&scene.rendered.release(), &["--overwrite"]), 0)?;
    let diff = scene.diff(&["--mode", "server"]);
    if diff.code != Some(0) {
        return Err(differences(&diff));
    }
    let left = content(scene.copy()?).differences(&content(before.clone()));
    if left.is_empty() {
        Ok(seconds(ran.took))
    } else {
        Err(format!(
            "not undone: {}",
            left.iter().take(4).cloned().collect::<Vec<_>>().join(" / ")
        ))
    }
}

/// Without who owns what, without the addresses that a new Service gets, and without the mark by which pods restart that
/// read configuration which was changed by hand.
fn content(copy: Copy) -> Copy {
    let mut copy = copy.without_addresses();
    for value in copy.0.values_mut() {
        if let Some(metadata) = value["metadata"].as_object_mut() {
            metadata.shift_remove("managedFields");
        }
        let template = value
            .pointer_mut("/spec/template/metadata")
            .and_then(Value::as_object_mut);
        if let Some(metadata) = template
            && let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut)
        {
            annotations.shift_remove(RESTART_ANNOTATION);
            if annotations.is_empty() {
                metadata.shift_remove("annotations");
            }
        }
    }
    copy
}
