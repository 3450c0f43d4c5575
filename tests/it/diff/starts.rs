//! `wouldNotStart`: what running pods have read and the cluster has lost since, and what of that cannot be known.

use super::*;
use serde_json::Value;

/// A Deployment of one container; `pod` are lines of its pod's spec, `container` of its container.
fn deployment(name: &str, pod: &str, container: &str) -> String {
    workload(
        &format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  replicas: 1\n  selector: {{matchLabels: {{app: {name}}}}}\n  template:\n    metadata: {{labels: {{app: {name}}}}}"
        ),
        4,
        pod,
        container,
    )
}

/// A template's pod below `head`, `indent` deep.
fn workload(head: &str, indent: usize, pod: &str, container: &str) -> String {
    let space = " ".repeat(indent);
    let deeper = |text: &str, more: &str| -> String {
        let lines = text.lines().filter(|line| !line.is_empty());
        lines.map(|line| format!("{space}{more}{line}\n")).collect()
    };
    format!(
        "{head}\n{space}spec:\n{}{space}  containers:\n{space}  - name: main\n{space}    image: registry.example/main:1\n{}---\n",
        deeper(pod, "  "),
        deeper(container, "    ")
    )
}

const READS_URL: &str =
    "env: [{name: URL, valueFrom: {configMapKeyRef: {name: shop-config, key: PAYMENTS_URL}}}]";

impl Scene {
    /// Manifests, and what they refer to.
    fn running(manifests: &str, others: &str) -> Self {
        let scene = Self::new();
        for (name, text) in [("others.yaml", others), ("shop.yaml", manifests)] {
            let file = scene.folder.path().join(name);
            std::fs::write(&file, text).unwrap();
            if !text.is_empty() {
                scene.kubectl(&["apply", "--server-side", "-f", file.to_str().unwrap()]);
            }
        }
        scene
    }

    fn json(&self, code: i32, flags: &[&str]) -> Value {
        self.diff(&[&["-o", "json"], flags].concat()).exits(code).json()
    }

    /// A name with the namespace of this scene put in for `NS`.
    fn here(&self, text: &str) -> String {
        text.replace("NS", self.namespace.name())
    }
}

/// `Kind/name when: message` of each cause.
fn causes(view: &Value) -> Vec<String> {
    let findings = view["wouldNotStart"].as_array().unwrap().iter();
    let lines = findings.flat_map(|finding| {
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let workload = &finding["workload"];
        let head = format!(
            "{}/{} {}",
            text(&workload["kind"]),
            text(&workload["name"]),
            text(&finding["when"])
        );
        let causes = finding["causes"].as_array().unwrap().iter();
        let lines: Vec<String> = causes
            .map(|cause| format!("{head}: {}", text(&cause["message"])))
            .collect();
        lines
    });
    lines.collect()
}

#[test]
fn a_key_removed_behind_running_pods_is_one_finding_in_every_format() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata: {PAYMENTS_URL: x, LEVEL: info}\n";
    let scene = Scene::running(&deployment("web", "", READS_URL), config);
    let view = scene.json(0, &[]);
    assert_eq!(causes(&view), Vec::<String>::new());
    assert_eq!(view["startUnknown"], serde_json::json!([]));

    let remove = r#"{"data": {"PAYMENTS_URL": null}}"#;
    scene.kubectl(&["patch", "configmap/shop-config", "--type=merge", "-p", remove]);
    let view = scene.json(1, &[]);
    let cause = scene.here("ConfigMap NS/shop-config has no key \"PAYMENTS_URL\"");
    assert_eq!(causes(&view), [format!("Deployment/web now: {cause}")]);
    assert_eq!(
        view["requirements"],
        serde_json::json!([]),
        "one finding, not two"
    );
    assert_eq!(view["summary"]["wouldNotStart"], 1);
    assert_eq!(view["headline"], "1 workload would not start again");
    assert_eq!(view["wouldNotStart"][0]["causes"][0]["kind"], "keysMissing");

    for format in ["text", "yaml", "markdown", "html", "junit"] {
        let ran = scene.diff(&["-o", format]).exits(1);
        let text = ran.stdout.replace("&quot;", "\"").replace("\\\"", "\"");
        assert!(text.contains(&cause), "{format}: {text}");
    }
    let named = scene.diff(&["-o", "name"]).exits(1).stdout;
    assert_eq!(named, "deployment.apps/web\n");

    let off = scene.json(1, &["--starts=off"]);
    assert_eq!(causes(&off), Vec::<String>::new());
    assert_eq!(off["requirements"][0]["message"], "missing key \"PAYMENTS_URL\"");
}

#[test]
fn only_what_the_desired_template_misses_stays_a_requirement() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: shop-config}\ndata: {LEVEL: info}\n";
    let scene = Scene::running(&deployment("web", "", ""), config);
    scene.write(&deployment("web", "", READS_URL));

    let view = scene.json(1, &[]);
    assert_eq!(causes(&view), Vec::<String>::new());
    assert_eq!(view["requirements"][0]["message"], "missing key \"PAYMENTS_URL\"");
    // The other way round: what is desired mends what runs.
    scene.kubectl(&[
        "apply",
        "--server-side",
        "-f",
        scene.folder.path().join("shop.yaml").to_str().unwrap(),
    ]);
    scene.write(&deployment("web", "", ""));
    let view = scene.json(1, &[]);
    assert_eq!(view["requirements"], serde_json::json!([]));
    assert_eq!(causes(&view).len(), 1);
}

#[test]
fn everything_that_a_pod_needs_is_named_and_what_it_can_do_without_is_not() {
    let projected = "volumes: [{name: v, projected: {sources: [{serviceAccountToken: {path: token}}, {configMap: {name: kube-root-ca.crt}}, {secret: {name: gone-tls, items: [{key: tls.crt, path: c}]}}]}}]";
    let mounts = "volumeMounts: [{name: v, mountPath: /v}]";
    let cron = "apiVersion: batch/v1\nkind: CronJob\nmetadata: {name: NAME}\nspec:\n  suspend: SUSPEND\n  schedule: '0 0 1 1 *'\n  jobTemplate:\n    spec:\n      template:";
    let cron = |name: &str, suspend: &str| {
        let head = cron.replace("NAME", name).replace("SUSPEND", suspend);
        workload(
            &head,
            8,
            "restartPolicy: Never",
            "envFrom: [{secretRef: {name: gone}}]",
        )
    };
    let manifests = [
        deployment("env-from", "", "envFrom: [{configMapRef: {name: gone}}]"),
        deployment("files", projected, mounts),
        deployment("account", "serviceAccountName: gone", ""),
        deployment("class", "priorityClassName: gone", ""),
        deployment("runtime", "runtimeClassName: gone", ""),
        deployment(
            "claim",
            "volumes: [{name: v, persistentVolumeClaim: {claimName: gone}}]",
            "",
        ),
        deployment("idle", "", "envFrom: [{configMapRef: {name: gone}}]")
            .replace("replicas: 1", "replicas: 0"),
        deployment(
            "optional",
            "",
            "envFrom: [{configMapRef: {name: gone, optional: true}}]",
        ),
        deployment("unmounted", "volumes: [{name: v, configMap: {name: gone}}]", ""),
        deployment("system", "priorityClassName: system-cluster-critical", ""),
        cron("nightly", "false"),
        cron("paused", "true"),
    ];
    let scene = Scene::running(&manifests.concat(), "");

    let mut found = causes(&scene.json(1, &[]));
    found.sort();
    let mut expected = [
        "Deployment/env-from now: ConfigMap NS/gone does not exist",
        "Deployment/files now: Secret NS/gone-tls does not exist",
        "Deployment/account now: ServiceAccount NS/gone does not exist",
        "Deployment/class now: PriorityClass gone does not exist",
        "Deployment/runtime now: RuntimeClass gone does not exist",
        "Deployment/claim now: PersistentVolumeClaim NS/gone does not exist",
        "Deployment/idle resumed: ConfigMap NS/gone does not exist",
        "CronJob/nightly nextRun: Secret NS/gone does not exist",
        "CronJob/paused resumed: Secret NS/gone does not exist",
    ]
    .map(|line| scene.here(line));
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn a_claim_that_is_being_deleted_under_its_pods_is_in_the_way() {
    let claim = "apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: {name: data, finalizers: [test.example/hold]}\nspec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Mi}}}\n";
    let web = deployment(
        "web",
        "volumes: [{name: v, persistentVolumeClaim: {claimName: data}}]",
        "",
    );
    let scene = Scene::running(&web, claim);
    assert_eq!(causes(&scene.json(0, &[])), Vec::<String>::new());

    scene.kubectl(&["delete", "pvc/data", "--wait=false"]);
    let view = scene.json(1, &[]);
    scene.kubectl(&[
        "patch",
        "pvc/data",
        "--type=merge",
        "-p",
        r#"{"metadata": {"finalizers": null}}"#,
    ]);
    let expected = scene.here("Deployment/web now: PersistentVolumeClaim NS/data is being deleted");
    assert_eq!(causes(&view), [expected]);
}

#[test]
fn a_viewer_is_told_once_what_is_unknown_and_exits_with_0() {
    let secret = |name: &str| {
        format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}}}\nstringData: {{url: x}}\n---\n")
    };
    let reads = |name: &str| format!("envFrom: [{{secretRef: {{name: {name}}}}}]");
    let manifests = [
        deployment("web", "priorityClassName: system-cluster-critical", &reads("db")),
        deployment("api", "", &reads("queue")),
    ];
    let scene = Scene::running(&manifests.concat(), &[secret("db"), secret("queue")].concat());
    let viewer = scene.namespace.user("viewer").with_role("view").ready();
    let diff = |format: &str| {
        let mut command = TestCluster::get().delivery();
        let file = scene.folder.path().join("shop.yaml");
        command.args(["diff", "-n", scene.namespace.name(), "-o", format, "-f"]);
        command.arg(file).env("KUBECONFIG", viewer.kubeconfig());
        command.run().exits(0)
    };

    let view = diff("json").json();
    let secrets: Vec<&Value> = view["startUnknown"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|unknown| unknown["what"].as_str().unwrap().starts_with("Secrets"))
        .collect();
    assert_eq!(secrets.len(), 1, "{view}");
    assert_eq!(secrets[0]["workloads"].as_array().unwrap().len(), 2);
    assert_eq!(secrets[0]["cause"], "missing permission to get secrets");
    assert_eq!(view["requirements"], serde_json::json!([]), "said once");

    let text = diff("text").stdout;
    assert_eq!(
        text.matches("missing permission to get secrets").count(),
        1,
        "{text}"
    );
}
