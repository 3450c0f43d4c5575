//! Why a second pod of a workload must not run beside those that there are.
//!
//! It would do what one pod alone may do: hold a port of its node, a volume, a name; or it would do once more what is done
//! once. Each is refused by name; whoever waives it promotes without that rehearsal.

use crate::model::k8s::pod_references::references;
use crate::model::rehearsal::NamespaceFacts;
use crate::model::{Object, ObjectId};
use serde_json::Value;

/// Volumes that are attached to one node at a time.
const ATTACHED: [&str; 12] = [
    "awsElasticBlockStore",
    "azureDisk",
    "cinder",
    "fc",
    "flexVolume",
    "gcePersistentDisk",
    "iscsi",
    "photonPersistentDisk",
    "portworxVolume",
    "rbd",
    "scaleIO",
    "vsphereVolume",
];

/// Why it must not, and what to type.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Obstacle {
    pub why: String,
    pub hint: Option<String>,
}

impl From<String> for Obstacle {
    fn from(why: String) -> Self {
        Self { why, hint: None }
    }
}

/// Why no pod of this kind is tried.
pub(super) fn of_kind(id: &ObjectId) -> Option<Obstacle> {
    let why = match (&*id.group, &*id.kind) {
        ("apps", "Deployment" | "ReplicaSet" | "DaemonSet") | ("", "ReplicationController") => return None,
        ("apps", "StatefulSet") => "each of its pods has a name and volumes of its own",
        ("batch", "Job" | "CronJob") | ("", "Pod") => "a second pod would do its work once more",
        _ => "only Deployments, ReplicaSets, ReplicationControllers and DaemonSets can be",
    };
    Some(why.to_owned().into())
}

/// Why no pod of this template is tried.
pub(super) fn of_template(spec: &Value, facts: &NamespaceFacts, runs_init: bool) -> Vec<Obstacle> {
    let mut found = Vec::new();
    for field in ["hostNetwork", "hostPID", "hostIPC"] {
        if spec.get(field) == Some(&Value::Bool(true)) {
            found.push(format!("its pods share the node's namespaces ({field})").into());
        }
    }
    found.extend(host_ports(spec));
    found.extend(volumes(spec));
    found.extend(claims(spec, facts));
    // A sidecar runs as long as the pod: what may be a migration ends before it.
    let inits = items(spec, "initContainers").filter(|one| one.get("restartPolicy").is_none());
    found.extend(inits.filter(|_| !runs_init).map(|one| Obstacle {
        why: format!("init container {} may be a migration", text(one, "name")),
        hint: Some("add --rehearse-init to run init containers in the rehearsal, too".into()),
    }));
    found
}

fn host_ports(spec: &Value) -> Vec<Obstacle> {
    let containers = items(spec, "containers").chain(items(spec, "initContainers"));
    let ports = containers.flat_map(|container| {
        let ports = items(container, "ports").filter_map(|port| port.get("hostPort")?.as_u64());
        ports
            .filter(|port| *port != 0)
            .map(move |port| (text(container, "name"), port))
    });
    let obstacle = |(container, port)| format!("container {container} takes host port {port}").into();
    ports.map(obstacle).collect()
}

fn volumes(spec: &Value) -> impl Iterator<Item = Obstacle> {
    items(spec, "volumes").filter_map(|volume| {
        let name = text(volume, "name");
        if volume.get("hostPath").is_some() {
            return Some(format!("volume {name} is a directory of its node (hostPath)").into());
        }
        let kind = ATTACHED.iter().find(|kind| volume.get(**kind).is_some())?;
        Some(format!("volume {name} is attached to one node at a time ({kind})").into())
    })
}

/// Claims that one pod mounts, or that one node does and a pod has mounted already.
fn claims(spec: &Value, facts: &NamespaceFacts) -> Vec<Obstacle> {
    let used = references(spec);
    let used = used.iter().filter(|one| one.kind == "PersistentVolumeClaim");
    let obstacle = |name: &String| -> Option<Obstacle> {
        let claim = facts.claims.iter().find(|claim| claim.name() == name)?;
        let modes: Vec<&str> = claim
            .at("/spec/accessModes")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .collect();
        if modes.contains(&"ReadWriteOncePod") {
            return Some(format!("claim {name} is mounted by one pod at a time (ReadWriteOncePod)").into());
        }
        if modes.iter().any(|mode| *mode != "ReadWriteOnce") {
            return None;
        }
        let holder = facts.pods.iter().find(|pod| mounts(pod, name))?;
        let pod = holder.name();
        Some(format!("claim {name} is mounted by one node at a time (ReadWriteOnce), for pod {pod}").into())
    };
    used.filter_map(|one| obstacle(&one.name)).collect()
}

/// Whether a pod that has not ended mounts a claim.
fn mounts(pod: &Object, claim: &str) -> bool {
    let has_ended = matches!(pod.text("/status/phase"), "Succeeded" | "Failed");
    let volumes = pod.at("/spec/volumes").and_then(Value::as_array);
    let names_it = |volume: &Value| volume.pointer("/persistentVolumeClaim/claimName") == Some(&claim.into());
    !has_ended && volumes.into_iter().flatten().any(names_it)
}

fn items<'v>(value: &'v Value, list: &str) -> impl Iterator<Item = &'v Value> + use<'v> {
    value.get(list).and_then(Value::as_array).into_iter().flatten()
}

fn text<'v>(value: &'v Value, field: &str) -> &'v str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use serde_json::json;

    fn facts(mode: &str, mounted: bool) -> NamespaceFacts {
        let object = |value| Object::new(value).unwrap();
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "web-1", "namespace": "shop"},
            "spec": {"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}, "status": {"phase": "Running"}});
        NamespaceFacts {
            claims: vec![object(
                json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": "data", "namespace": "shop"}, "spec": {"accessModes": [mode]}}),
            )],
            pods: if mounted { vec![object(pod)] } else { Vec::new() },
            ..NamespaceFacts::default()
        }
    }

    fn whys(spec: &Value, facts: &NamespaceFacts, runs_init: bool) -> Vec<String> {
        of_template(spec, facts, runs_init)
            .into_iter()
            .map(|one| one.why)
            .collect()
    }

    #[rstest]
    #[case::nothing(json!({"containers": [{"name": "web", "ports": [{"containerPort": 80}]}]}), &[])]
    #[case::its_network(json!({"hostNetwork": true}), &["its pods share the node's namespaces (hostNetwork)"])]
    #[case::a_port(json!({"containers": [{"name": "web", "ports": [{"hostPort": 80}]}]}), &["container web takes host port 80"])]
    #[case::a_disk(json!({"volumes": [{"name": "d", "iscsi": {}}]}), &["volume d is attached to one node at a time (iscsi)"])]
    #[case::a_directory(json!({"volumes": [{"name": "d", "hostPath": {"path": "/d"}}]}), &["volume d is a directory of its node (hostPath)"])]
    #[case::an_init_container(json!({"initContainers": [{"name": "migrate"}]}), &["init container migrate may be a migration"])]
    #[case::a_sidecar(json!({"initContainers": [{"name": "mesh", "restartPolicy": "Always"}]}), &[])]
    #[case::scratch(json!({"volumes": [{"name": "d", "emptyDir": {}}]}), &[])]
    fn what_one_pod_alone_may_do_is_named(#[case] spec: Value, #[case] expected: &[&str]) {
        assert_eq!(whys(&spec, &NamespaceFacts::default(), false), expected);
    }

    #[test]
    fn init_containers_run_where_that_is_asked_for() {
        let spec = json!({"initContainers": [{"name": "migrate"}]});
        assert_eq!(whys(&spec, &NamespaceFacts::default(), true), [""; 0]);
    }

    #[rstest]
    #[case::of_one_pod("ReadWriteOncePod", false, &["claim data is mounted by one pod at a time (ReadWriteOncePod)"])]
    #[case::of_one_node("ReadWriteOnce", true, &["claim data is mounted by one node at a time (ReadWriteOnce), for pod web-1"])]
    #[case::of_one_node_and_free("ReadWriteOnce", false, &[])]
    #[case::of_all("ReadWriteMany", true, &[])]
    fn a_claim_that_one_pod_or_node_holds_is_named(
        #[case] mode: &str,
        #[case] mounted: bool,
        #[case] expected: &[&str],
    ) {
        let spec = json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]});
        assert_eq!(whys(&spec, &facts(mode, mounted), false), expected);
    }

    #[rstest]
    #[case("apps", "Deployment", true)]
    #[case("apps", "DaemonSet", true)]
    #[case("", "ReplicationController", true)]
    #[case("apps", "StatefulSet", false)]
    #[case("batch", "CronJob", false)]
    #[case("argoproj.io", "Rollout", false)]
    fn kinds_whose_pods_stand_for_each_other_are_rehearsed(
        #[case] group: &str,
        #[case] kind: &str,
        #[case] is_rehearsed: bool,
    ) {
        let id = ObjectId::new(group, kind, Some("shop"), "web");
        assert_eq!(of_kind(&id).is_none(), is_rehearsed);
    }
}
