//! What is no difference: what the server, its admission and its controllers make of what was applied.

use super::Scene;
use super::kinds::Oven;
use crate::harness::{Run, TestCluster, Webhook, unique};
use rstest::rstest;
use serde_json::json;

/// What the server fills in, hands out, converts or rewrites.
const DEFAULTED: &str = "apiVersion: v1
kind: Service
metadata: {name: open}
spec:
  type: NodePort
  selector: {app: web}
  ports: [{name: a, port: 80}, {name: b, port: 81, protocol: UDP}]
---
apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}
  maxReplicas: 3
  targetCPUUtilizationPercentage: 80
---
apiVersion: v1
kind: PersistentVolumeClaim
metadata: {name: data}
spec:
  accessModes: [ReadWriteOnce]
  resources: {requests: {storage: 1024Mi}}
---
apiVersion: batch/v1
kind: CronJob
metadata: {name: nightly}
spec:
  schedule: '0 3 * * *'
  jobTemplate: {spec: {template: {spec: {restartPolicy: Never, containers: [{name: job, image: registry.example/job}]}}}}
---
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata: {name: web}
spec: {rules: [{host: shop.example, http: {paths: [{path: /, pathType: Prefix, backend: {service: {name: open, port: {name: a}}}}]}}]}
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: web}
spec: {minAvailable: 50%, selector: {matchLabels: {app: web}}}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web}
spec: {podSelector: {matchLabels: {app: web}}, ingress: [{ports: [{port: 80}]}]}
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: db}
spec:
  replicas: 0
  selector: {matchLabels: {app: db}}
  serviceName: db
  template:
    metadata: {labels: {app: db}}
    spec: {containers: [{name: db, image: registry.example/db, resources: {limits: {memory: 1024Mi, cpu: 2000m}}}]}
  volumeClaimTemplates: [{metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 0
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - name: web
        image: registry.example/web
        ports: [{containerPort: 8080}]
        livenessProbe: {httpGet: {path: /, port: 8080}}
        resources: {requests: {cpu: 2000m, memory: 1024Mi}, limits: {cpu: '2', memory: 1Gi}}
        env: [{name: NODE, valueFrom: {fieldRef: {fieldPath: spec.nodeName}}}]
      volumes: [{name: config, configMap: {name: config, optional: true}}, {name: tmp, emptyDir: {}}]
";

impl Scene {
    pub fn made(text: &str, words: &[&str]) -> Self {
        let scene = Self::new();
        let file = scene.write(text);
        scene
            .namespace
            .kubectl()
            .args(words)
            .arg("-f")
            .arg(file)
            .run()
            .ok();
        scene
    }

    pub(super) fn is_quiet(&self, flags: &[&str]) {
        let ran = self.diff(flags);
        assert!(
            ran.stdout.contains("no differences: "),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        ran.exits(0);
    }
}

#[rstest]
#[case::kubectl_apply(&["apply"])]
#[case::kubectl_apply_server_side(&["apply", "--server-side"])]
#[case::kubectl_create(&["create"])]
#[case::the_manager_of_helm(&["create", "--field-manager=helm"])]
#[case::the_manager_of_kapp(&["create", "--field-manager=kapp-server"])]
fn what_the_server_makes_of_objects_differs_from_nothing(#[case] words: &[&str]) {
    let scene = Scene::made(DEFAULTED, words);
    for mode in ["--mode=auto", "--mode=server", "--mode=readonly"] {
        scene.is_quiet(&[mode]);
    }
}

#[test]
fn a_sidecar_that_admission_injects_into_everything_is_no_drift() {
    let scene = Scene::new();
    let has_it = |text: &str| text.contains("registry.example/mesh:1");
    let hook = Webhook::changing(&scene.namespace, "deployments", |review| {
        let containers = review.pointer("/request/object/spec/template/spec/containers");
        let there = containers
            .and_then(|all| all.as_array())
            .into_iter()
            .flatten()
            .any(|one| one["name"] == "mesh");
        let add = json!([{"op": "add", "path": "/spec/template/spec/containers/-",
            "value": {"name": "mesh", "image": "registry.example/mesh:1"}}]);
        if there { json!([]) } else { add }
    });
    let file = scene.write(DEFAULTED);
    hook.wait(|| {
        let dry = scene
            .namespace
            .kubectl()
            .args(["create", "--dry-run=server", "-o", "yaml", "-f"])
            .arg(&file)
            .run();
        has_it(&dry.stdout)
    });
    scene.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
    let live = scene
        .namespace
        .kubectl()
        .args(["get", "deployment", "web", "-o", "yaml"])
        .run()
        .ok();
    assert!(has_it(&live), "{live}");
    scene.is_quiet(&[]);
}

#[test]
fn what_an_autoscaler_set_is_no_drift() {
    let scene = Scene::made(DEFAULTED, &["apply", "--server-side"]);
    // As the controller does: through the subresource, under its name.
    let scale = [
        "patch",
        "deployment",
        "web",
        "--subresource=scale",
        "--field-manager=kube-controller-manager",
    ];
    scene.kubectl(
        &[
            &scale[..],
            &["--type=merge", "-p", r#"{"spec": {"replicas": 2}}"#],
        ]
        .concat(),
    );
    let live = scene.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(live.at("/spec/replicas"), Some(&json!(2)));
    scene.is_quiet(&[]);
}

#[test]
fn defaults_and_unknown_fields_of_a_custom_resource_are_no_difference() {
    let definition = Oven::defined();
    let oven = json!({"apiVersion": format!("{}/v1", definition.group), "kind": "Oven", "metadata": {"name": "big"},
        "spec": {"trays": [{"name": "top"}], "free": {"any": {"thing": [1, {"a": null}]}}}});
    let scene = Scene::made(&oven.to_string(), &["apply", "--server-side"]);
    for mode in ["--mode=auto", "--mode=server"] {
        scene.is_quiet(&[mode]);
    }
    scene.kubectl(&[
        "patch",
        &definition.name(),
        "big",
        "--type=merge",
        "-p",
        r#"{"spec": {"heat": 220, "free": {"any": {"more": 1}}}}"#,
    ]);
    assert_eq!(scene.changes(), ["Oven /spec/free/any/more", "Oven /spec/heat"]);
}

#[test]
fn what_a_webhook_denies_is_not_verified_and_predicted() {
    let scene = Scene::made(
        "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: old}\n",
        &["apply", "--server-side"],
    );
    let hook = Webhook::denying(&scene.namespace, ("", "configmaps"), |review| {
        (review["request"]["dryRun"] == true).then(|| "not dry, please".into())
    });
    hook.wait(|| {
        let probe = ["create", "configmap", "probe", "--dry-run=server"];
        scene.namespace.kubectl().args(probe).run().code != Some(0)
    });
    scene.write("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {A: new}\n");
    let view = scene.diff(&["-o", "json"]).exits(1).json();
    assert_eq!(view["objects"][0]["status"], "not-verified", "{view:#}");
    assert!(
        view["objects"][0]["message"]
            .to_string()
            .contains("not dry, please"),
        "{view:#}"
    );
    assert_eq!(view["objects"][0]["changes"][0]["path"], "/data/A", "{view:#}");
}

#[test]
fn objects_of_a_kind_that_is_not_there_are_missing_with_their_definition() {
    let group = format!("g{}.example.com", unique());
    let scene = Scene::new();
    scene.write(&format!(
        "apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {{name: ovens.{group}}}
spec:
  group: {group}
  scope: Namespaced
  names: {{plural: ovens, kind: Oven}}
  versions: [{{name: v1, served: true, storage: true, schema: {{openAPIV3Schema: {{type: object}}}}}}]
---
apiVersion: {group}/v1
kind: Oven
metadata: {{name: big}}
"
    ));
    let ran = scene.diff(&["-o", "json"]).exits(1);
    let view = ran.json();
    let states: Vec<_> = view["objects"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["status"].clone())
        .collect();
    assert_eq!(states, ["missing", "missing"], "{view:#}");
}

/// A Job whose own labels and whose template's are what the test says.
fn job(labels: &str, template: &str) -> String {
    let digest = "1".repeat(64);
    format!(
        "apiVersion: batch/v1
kind: Job
metadata: {{name: migrate, labels: {labels}}}
spec:
  template:
    metadata: {{labels: {template}}}
    spec: {{restartPolicy: Never, containers: [{{name: migrate, image: registry.example/migrate@sha256:{digest}}}]}}
"
    )
}

#[rstest]
#[case::without_labels("{}", "{}")]
#[case::whose_pods_have_one("{}", "{app: shop}")]
#[case::with_one_of_its_own("{team: shop}", "{app: shop}")]
fn labels_that_the_server_gives_to_a_promoted_job_are_no_drift(#[case] labels: &str, #[case] template: &str) {
    let scene = Scene::new();
    let manifests = scene.write(&job(labels, template));
    let release = scene.folder.path().join("release.yaml");
    let delivery = || TestCluster::get().delivery();
    let mut record = delivery();
    record.args([
        "record",
        "--offline",
        "--quiet",
        "--name",
        "shop",
        "--version",
        "1",
        "-f",
    ]);
    record.arg(manifests).arg("-o").arg(&release).run().ok();
    let mut promote = delivery();
    promote.arg("promote").arg(release);
    promote
        .args(["-n", scene.namespace.name(), "-y", "--settle", "0s"])
        .run()
        .ok();

    for mode in ["--mode=auto", "--mode=server", "--mode=readonly"] {
        scene.is_quiet(&[mode]);
        let mut diff = delivery();
        diff.args(["diff", "shop", "-n", scene.namespace.name(), mode])
            .run()
            .exits(0);
    }
    scene.kubectl(&["label", "job", "migrate", "job-name=other", "--overwrite"]);
    assert_eq!(scene.changes(), ["Job /metadata/labels/job-name"]);
}

#[test]
fn labels_that_a_job_takes_once_its_own_are_gone_are_no_drift_from_one_without_labels() {
    let scene = Scene::new();
    let file = scene.write(&job("{team: shop}", "{app: shop}"));
    scene.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
    scene.write(&job("{}", "{app: shop}"));
    assert_eq!(scene.changes(), ["Job /metadata/labels/team"]);

    // The server fills in those of the template, in the name of whoever has removed the last one.
    scene.kubectl(&["label", "job", "migrate", "team-"]);
    let live = scene.namespace.get("batch", "Job", "migrate").unwrap();
    assert!(!live.text("/metadata/labels/job-name").is_empty());
    for mode in ["--mode=auto", "--mode=server", "--mode=readonly"] {
        scene.is_quiet(&[mode]);
    }
}
