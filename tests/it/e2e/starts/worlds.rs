//! Ten ways in which what runs could not start again, and for each what happens beside it and harms nothing.

use super::Place;
use super::objects::{claim, config, policy, secret, volume};
use super::place::image;
use crate::harness::{Run, TestCluster, until};
use serde_json::{Value, json};
use std::process::Command;

/// One of them.
pub struct World {
    /// What stands beside the release.
    pub given: fn(&Place),
    /// The image of what runs.
    pub image: fn(&Place) -> String,
    /// What the pod template of what runs needs.
    pub needs: fn(&Place, &mut Value),
    /// What the next version has instead.
    pub instead: fn(&Place, &mut Value),
    /// Happens behind the running pods, and harms nothing.
    pub harmless: fn(&Place),
    /// After it none of them could start again.
    pub harm: fn(&Place),
    /// The kind of the cause.
    pub cause: &'static str,
    /// Words of its sentence.
    pub words: fn(&Place) -> Vec<String>,
    /// Whether only a try finds it: `--starts=full`.
    pub is_tried: bool,
    /// What the cluster itself says of the pod that does not start.
    pub witness: &'static str,
}

/// What most worlds have in common: nothing.
fn plain(cause: &'static str, witness: &'static str) -> World {
    World {
        given: |_| {},
        image: |_| image("shop/web:1.0.0"),
        needs: |_, _| {},
        instead: |_, _| {},
        harmless: |_| {},
        harm: |_| {},
        cause,
        words: |_| vec![],
        is_tried: false,
        witness,
    }
}

fn container(template: &mut Value) -> &mut Value {
    &mut template["spec"]["containers"][0]
}

fn patch(place: &Place, object: &str, patch: &Value) {
    place.kubectl(&["patch", object, "--type=merge", "-p", &patch.to_string()]);
}

pub fn key_removed() -> World {
    World {
        given: |place| {
            place.create(&config(
                "settings",
                json!({"PAYMENTS_URL": "http://payments", "OLD": "1"}),
            ));
        },
        needs: |_, template| {
            let from = json!({"configMapKeyRef": {"name": "settings", "key": "PAYMENTS_URL"}});
            container(template)["env"] = json!([{"name": "PAYMENTS_URL", "valueFrom": from}]);
        },
        harmless: |place| patch(place, "configmap/settings", &json!({"data": {"OLD": null}})),
        harm: |place| {
            patch(
                place,
                "configmap/settings",
                &json!({"data": {"PAYMENTS_URL": null}}),
            );
        },
        words: |place| {
            vec![
                format!("ConfigMap {}/settings", place.namespace),
                "\"PAYMENTS_URL\"".into(),
            ]
        },
        ..plain("keysMissing", "couldn't find key PAYMENTS_URL in ConfigMap")
    }
}

pub fn secret_renamed() -> World {
    World {
        given: |place| {
            place.create(&secret("db", json!({"PASSWORD": "a-password-of-the-database"})));
            place.create(&secret("extra", json!({"MORE": "1"})));
        },
        needs: |_, template| {
            container(template)["envFrom"] = json!([{"secretRef": {"name": "db"}},
                {"secretRef": {"name": "extra", "optional": true}}]);
        },
        harmless: |place| drop(place.kubectl(&["delete", "secret", "extra"])),
        harm: |place| {
            place.create(&secret(
                "db-credentials",
                json!({"PASSWORD": "a-password-of-the-database"}),
            ));
            place.kubectl(&["delete", "secret", "db"]);
        },
        words: |place| vec![format!("Secret {}/db", place.namespace)],
        ..plain("missing", "CreateContainerConfigError")
    }
}

pub fn image_gone() -> World {
    World {
        image: |place| place.images.image("1", None),
        harmless: |place| drop(place.images.crane(&["delete", &place.images.tag("1")])),
        harm: |place| {
            let digest = running_digest(place);
            place
                .images
                .crane(&["delete", &format!("{}@{digest}", place.images.0)]);
            remove_from_node(&digest);
        },
        words: |place| vec![place.images.0.clone(), "gone from its registry".into()],
        is_tried: true,
        ..plain("imageAbsent", "ErrImagePull")
    }
}

/// The digest by which the Deployment names its image.
pub fn running_digest(place: &Place) -> String {
    let path = "jsonpath={.spec.template.spec.containers[0].image}";
    let reference = place.kubectl(&["get", "deployment", "web", "-o", path]);
    reference
        .split_once('@')
        .expect("promoted by digest")
        .1
        .to_owned()
}

/// Removes the node's copy of an image, by all of its names. A cluster that somebody else runs keeps it: there the pod
/// comes back.
pub fn remove_from_node(digest: &str) {
    let socket = TestCluster::get().workdir.join("node/containerd.sock");
    let ctr = || {
        let mut ctr = Command::new("ctr");
        ctr.arg("-a").arg(&socket).args(["-n", "k8s.io", "images"]);
        ctr
    };
    let listed = ctr().arg("list").run().ok();
    let names = listed.lines().filter(|line| line.contains(digest));
    for name in names.filter_map(|line| line.split_whitespace().next()) {
        ctr().args(["remove", "--sync", name]).run().ok();
    }
}

pub fn quota_cut() -> World {
    World {
        // Exactly used: that alone is no cause.
        given: |place| place.namespace.quota(json!({"requests.cpu": "100m"})),
        needs: |_, template| container(template)["resources"] = json!({"requests": {"cpu": "100m"}}),
        harm: |place| {
            patch(
                place,
                "resourcequota/small",
                &json!({"spec": {"hard": {"requests.cpu": "60m"}}}),
            );
            let path = "jsonpath={.status.hard.requests\\.cpu}";
            let is_seen = || place.kubectl(&["get", "resourcequota", "small", "-o", path]) == "60m";
            assert!(until(120, is_seen), "the quota is never looked at");
        },
        words: |_| vec!["requests.cpu".into(), "60m".into(), "small".into()],
        ..plain("quota", "exceeded quota")
    }
}

fn enforce(place: &Place, level: &str) {
    let label = format!("pod-security.kubernetes.io/enforce={level}");
    place.kubectl(&[
        "label",
        "namespace",
        place.namespace.name(),
        "--overwrite",
        &label,
    ]);
}

pub fn pod_security_tightened() -> World {
    World {
        instead: |_, template| {
            template["spec"]["securityContext"] = json!({"runAsNonRoot": true, "runAsUser": 1000,
                "seccompProfile": {"type": "RuntimeDefault"}});
            container(template)["securityContext"] =
                json!({"allowPrivilegeEscalation": false, "capabilities": {"drop": ["ALL"]}});
        },
        harmless: |place| enforce(place, "baseline"),
        harm: |place| enforce(place, "restricted"),
        words: |_| vec!["violates PodSecurity".into()],
        is_tried: true,
        ..plain("podRejected", "violates PodSecurity")
    }
}

pub fn claim_going() -> World {
    World {
        given: |place| {
            for name in ["data", "scratch"] {
                place.create(&volume(place, name));
                place.create(&claim(place, name));
            }
        },
        needs: |_, template| {
            template["spec"]["volumes"] =
                json!([{"name": "data", "persistentVolumeClaim": {"claimName": "data"}}]);
            container(template)["volumeMounts"] = json!([{"name": "data", "mountPath": "/data"}]);
        },
        harmless: |place| drop(place.kubectl(&["delete", "pvc", "scratch"])),
        harm: |place| drop(place.kubectl(&["delete", "pvc", "data", "--wait=false"])),
        words: |place| {
            vec![
                format!("PersistentVolumeClaim {}/data", place.namespace),
                "being deleted".into(),
            ]
        },
        ..plain("beingDeleted", "persistentvolumeclaim")
    }
}

pub fn service_account_deleted() -> World {
    World {
        given: |place| {
            for name in ["runner", "other"] {
                // A pull secret that is not there stops no pod whose image is public.
                place.create(
                    &json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name},
                    "imagePullSecrets": [{"name": "long-gone"}]}),
                );
            }
        },
        needs: |_, template| template["spec"]["serviceAccountName"] = "runner".into(),
        harmless: |place| drop(place.kubectl(&["delete", "serviceaccount", "other"])),
        harm: |place| drop(place.kubectl(&["delete", "serviceaccount", "runner"])),
        words: |place| vec![format!("ServiceAccount {}/runner", place.namespace)],
        ..plain("missing", "error looking up service account")
    }
}

pub fn priority_class_deleted() -> World {
    World {
        given: |place| {
            for name in ["high", "other"] {
                place.create(
                    &json!({"apiVersion": "scheduling.k8s.io/v1", "kind": "PriorityClass",
                    "metadata": {"name": format!("{}-{name}", place.mark)}, "value": 1000}),
                );
            }
        },
        needs: |place, template| {
            template["spec"]["priorityClassName"] = format!("{}-high", place.mark).into();
        },
        harmless: |place| drop(place.kubectl(&["delete", "priorityclass", &format!("{}-other", place.mark)])),
        harm: |place| drop(place.kubectl(&["delete", "priorityclass", &format!("{}-high", place.mark)])),
        words: |place| vec![format!("PriorityClass {}-high", place.mark)],
        ..plain("missing", "no PriorityClass with name")
    }
}

pub fn runtime_class_deleted() -> World {
    World {
        given: |place| {
            for name in ["plain", "other"] {
                place.create(&json!({"apiVersion": "node.k8s.io/v1", "kind": "RuntimeClass",
                    "metadata": {"name": format!("{}-{name}", place.mark)}, "handler": "runc"}));
            }
        },
        needs: |place, template| {
            template["spec"]["runtimeClassName"] = format!("{}-plain", place.mark).into();
        },
        harmless: |place| drop(place.kubectl(&["delete", "runtimeclass", &format!("{}-other", place.mark)])),
        harm: |place| drop(place.kubectl(&["delete", "runtimeclass", &format!("{}-plain", place.mark)])),
        words: |place| vec![format!("RuntimeClass {}-plain", place.mark)],
        ..plain("missing", "RuntimeClass")
    }
}

pub fn node_label_removed() -> World {
    World {
        given: |place| place.label_node(&format!("{}=here", place.mark)),
        needs: |place, template| template["spec"]["nodeSelector"][&place.mark] = "here".into(),
        harmless: |place| {
            place.label_node(&format!("{}-other=here", place.mark));
            place.label_node(&format!("{}-other-", place.mark));
        },
        harm: |place| place.label_node(&format!("{}-", place.mark)),
        words: |place| vec![format!("{}=here", place.mark)],
        ..plain("noNode", "node affinity/selector")
    }
}

pub fn policy_came_later() -> World {
    World {
        instead: |_, template| template["metadata"]["labels"]["team"] = "shop".into(),
        harmless: |place| {
            let expression = "!has(object.spec.hostNetwork) || !object.spec.hostNetwork";
            for object in policy(
                place,
                "no-host-network",
                expression,
                "the network of the host is not for pods",
            ) {
                place.create(&object);
            }
        },
        harm: |place| {
            for object in policy(
                place,
                "team",
                "has(object.metadata.labels.team)",
                "every pod needs a team",
            ) {
                place.create(&object);
            }
            let is_seen = || {
                let mut run = place.namespace.kubectl();
                run.args(["run", "x", "--image=x", "--dry-run=server"]);
                run.run().stderr.contains("every pod needs a team")
            };
            assert!(until(30, is_seen), "the policy does not count after 30 s");
        },
        words: |_| vec!["every pod needs a team".into()],
        is_tried: true,
        ..plain("podRejected", "every pod needs a team")
    }
}
