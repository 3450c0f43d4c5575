//! One application on the control plane: what is done to it, and a look at everything of it.

use crate::apps::App;
use crate::harness::{OwnCluster, Ran, Run, TestCluster, blocking};
use crate::installed::Rendered;
use crate::snapshot::{Copy, plain};
use kubectl_delivery::testing::cluster::ApiError;
use kubectl_delivery::testing::model::k8s::kinds::well_known;
use kubectl_delivery::testing::model::{Object, ResourceType, Target};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A control plane whose nodes are enough for what wants each replica on a node of its own. Services have addresses of
/// the loopback: a webhook whose server only seems to run is refused at once.
pub fn control_plane() -> OwnCluster {
    let cluster = OwnCluster::start_with("realapps", &[("KUBECTL_DELIVERY_SERVICES", "127.96.0.0/16")]);
    let node = cluster
        .kubectl()
        .args(["get", "node", "node-000000", "-o", "json"])
        .run()
        .exits(0)
        .json();
    for number in 2..5 {
        let name = format!("node-{number:06}");
        let mut labels = node["metadata"]["labels"].clone();
        labels["kubernetes.io/hostname"] = json!(name);
        let metadata =
            json!({"name": name, "labels": labels, "annotations": node["metadata"]["annotations"]});
        let more = json!({"apiVersion": "v1", "kind": "Node", "metadata": metadata});
        cluster
            .kubectl()
            .args(["create", "-f", "-"])
            .run_with(&more.to_string())
            .ok();
    }
    cluster
        .kubectl()
        .args(["wait", "--for=condition=Ready", "node", "--all", "--timeout=60s"])
        .run()
        .ok();
    let room = json!({"ephemeral-storage": "1Ti", "pods": "5000"});
    for number in 0..5 {
        // Without an address of the node, a pod in its network is nobody's endpoint.
        let addresses = json!([{"type": "InternalIP", "address": format!("192.0.2.{}", number + 1)}]);
        let status = json!({"capacity": room, "allocatable": room, "addresses": addresses});
        let status = json!({"status": status}).to_string();
        let name = format!("node-{number:06}");
        let patch = [
            "patch",
            "node",
            &name,
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ];
        cluster.kubectl().args(patch).run().ok();
    }
    cluster
}

/// One application there.
pub struct Scene<'a> {
    pub cluster: &'a TestCluster,
    pub app: &'a App,
    pub rendered: &'a Rendered,
    kinds: BTreeMap<(String, String), ResourceType>,
}

impl<'a> Scene<'a> {
    pub fn new(cluster: &'a TestCluster, app: &'a App, rendered: &'a Rendered) -> Self {
        let defined = rendered
            .objects
            .iter()
            .filter(|object| object["kind"] == "CustomResourceDefinition");
        let kinds = defined.flat_map(|definition| {
            let spec = &definition["spec"];
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let versions = spec["versions"].as_array().cloned().unwrap_or_default();
            versions.into_iter().map(move |version| {
                let kind = ResourceType {
                    group: text(&spec["group"]),
                    version: text(&version["name"]),
                    kind: text(&spec["names"]["kind"]),
                    plural: text(&spec["names"]["plural"]),
                    namespaced: spec["scope"] == "Namespaced",
                };
                ((kind.api_version(), kind.kind.clone()), kind)
            })
        });
        Self {
            cluster,
            app,
            rendered,
            kinds: kinds.collect(),
        }
    }

    /// Where an object is; none where its kind is nobody's that we know.
    pub fn target(&self, object: &Value) -> Option<Target> {
        let object = Object::new(object.clone()).ok()?;
        let gvk = object.gvk();
        let own = || self.kinds.values().find(|kind| kind.gvk() == gvk).cloned();
        let kind = well_known(&gvk).or_else(own)?;
        let namespace = object.namespace().unwrap_or(self.app.namespace).to_owned();
        Some(Target::new(
            &kind,
            kind.namespaced.then_some(namespace.as_str()),
            object.name(),
        ))
    }

    /// All of its objects that are there.
    pub fn copy(&self) -> Result<Copy, String> {
        blocking(async {
            let client = self.cluster.connect().await;
            let client = &*client;
            let reads = self
                .rendered
                .objects
                .iter()
                .filter_map(|object| self.target(object))
                .map(|target| async move {
                    match client.get(&target).await {
                        Ok(live) => Ok(live.map(|live| (target.to_string(), plain(live)))),
                        Err(ApiError::NotServed { .. }) => Ok(None),
                        Err(error) => Err(format!("{target}: {error}")),
                    }
                });
            let read = futures::future::join_all(reads).await;
            Ok(Copy(
                read.into_iter()
                    .collect::<Result<Vec<_>, String>>()?
                    .into_iter()
                    .flatten()
                    .collect(),
            ))
        })
    }

    /// Those that are to be kept, by a mark of their own.
    pub fn marked(&self) -> BTreeSet<String> {
        let objects = self.rendered.objects.iter();
        let marked = objects
            .filter(|object| object["metadata"]["annotations"]["helm.sh/resource-policy"] == "keep")
            .filter_map(|object| self.target(object));
        marked.map(|target| target.to_string()).collect()
    }

    pub fn delivery(&self, words: &[&str]) -> Command {
        let mut command = self.cluster.delivery();
        command.args(words).args(["-n", self.app.namespace]);
        // Whoever installs what is cluster-wide keeps the key elsewhere: then nobody has to answer for each object.
        command.env("KUBECTL_DELIVERY_STATE_KEY", self.state_key());
        command
    }

    fn state_key(&self) -> PathBuf {
        let file = self.rendered.file("state.key");
        if !file.exists() {
            std::fs::write(&file, "a2V5IG9mIGEgdGVzdCwgMzIgYnl0ZXMgbG9uZywgb2s=").unwrap();
        }
        file
    }

    /// kubectl whose context is the application's namespace: `-n` would refuse what its manifests put elsewhere.
    pub fn kubectl(&self) -> Command {
        let file = self.rendered.file("kubeconfig");
        let of_context = |command: &mut Command| {
            command.arg("--kubeconfig").arg(&file);
        };
        if !file.exists() {
            std::fs::copy(&self.cluster.kubeconfig, &file).unwrap();
            let mut set = self.cluster.kubectl();
            of_context(&mut set);
            set.args([
                "config",
                "set-context",
                "--current",
                "--namespace",
                self.app.namespace,
            ])
            .run()
            .ok();
        }
        let mut command = self.cluster.kubectl();
        of_context(&mut command);
        command
    }

    pub fn promote(&self, release: &Path, flags: &[&str]) -> Ran {
        let mut command = self.delivery(&["promote"]);
        command.arg(release).arg("-e").arg(self.rendered.environment());
        // Nothing of it runs: a container that is ready stays so.
        self.logged(
            command
                .args(["-y", "--settle", "0s", "--timeout", "2m"])
                .args(flags)
                .run(),
        )
    }

    pub fn diff(&self, flags: &[&str]) -> Ran {
        let mut command = self.delivery(&["diff"]);
        command
            .arg(self.rendered.release())
            .arg("-e")
            .arg(self.rendered.environment())
            .args(flags);
        self.logged(command.run())
    }

    pub fn revert(&self) -> Ran {
        self.logged(self.delivery(&["revert", self.app.name, "-y"]).run())
    }

    /// Keeps what a run said, for who looks for the cause.
    pub fn logged(&self, ran: Ran) -> Ran {
        use std::io::Write;
        let folder = logs();
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(format!("{}.log", self.app.name));
        let mut file = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(file)
            .unwrap();
        writeln!(
            file,
            "$ {}\n{}{}exit {:?} after {:?}\n",
            ran.command, ran.stdout, ran.stderr, ran.code, ran.took
        )
        .unwrap();
        ran
    }

    /// Makes what the application makes itself, or is given: its Secrets, in their namespaces.
    pub fn given(&self) -> Result<(), String> {
        let mut secrets: Vec<(String, String, Vec<String>)> = Vec::new();
        for name in self.app.makes {
            secrets.push((self.app.namespace.into(), (*name).into(), vec!["auth".into()]));
        }
        for required in self
            .rendered
            .requires
            .iter()
            .filter(|required| required["kind"] == "Secret")
        {
            let text = |field: &str| required[field].as_str().unwrap_or_default().to_owned();
            let keys = required["keys"].as_array().cloned().unwrap_or_default();
            let keys = keys.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            let namespace = required["namespace"]
                .as_str()
                .unwrap_or(self.app.namespace)
                .to_owned();
            secrets.push((namespace, text("name"), keys));
        }
        // A release that holds its own namespace makes it, where nothing has to be there before.
        let holds_it = self.namespaces_of_release().contains(self.app.namespace);
        let mut namespaces: BTreeSet<String> =
            secrets.iter().map(|(namespace, ..)| namespace.clone()).collect();
        if !holds_it {
            namespaces.insert(self.app.namespace.into());
        }
        for namespace in namespaces {
            self.cluster
                .kubectl()
                .args(["create", "namespace", &namespace])
                .run();
        }
        for (namespace, name, keys) in secrets {
            let data: BTreeMap<_, _> = keys.into_iter().map(|key| (key, "made up")).collect();
            let metadata = json!({"name": name, "namespace": namespace});
            let secret =
                json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "stringData": data});
            let ran = self
                .cluster
                .kubectl()
                .args(["create", "-f", "-"])
                .run_with(&secret.to_string());
            if ran.code != Some(0) && !ran.stderr.contains("AlreadyExists") {
                return Err(ran.stderr);
            }
        }
        Ok(())
    }

    fn namespaces_of_release(&self) -> BTreeSet<&str> {
        let held = self
            .rendered
            .objects
            .iter()
            .filter(|object| object["kind"] == "Namespace");
        held.filter_map(|object| object["metadata"]["name"].as_str())
            .collect()
    }

    /// Removes everything, whatever became of it.
    pub fn clean(&self) {
        let all = |kinds: &str| {
            self.cluster
                .kubectl()
                .args([
                    "delete",
                    kinds,
                    "-l",
                    "!kube-aggregator.kubernetes.io/automanaged",
                    "--ignore-not-found",
                ])
                .run();
        };
        // What nobody serves would stop every other deletion.
        all("validatingwebhookconfigurations,mutatingwebhookconfigurations,apiservices");
        let delete = ["delete", "--ignore-not-found", "--wait=false", "-f"];
        self.kubectl().args(delete).arg(self.rendered.manifests()).run();
        let objects = self
            .rendered
            .objects
            .iter()
            .filter_map(|object| object["metadata"]["namespace"].as_str());
        let mut namespaces: BTreeSet<&str> = objects.chain([self.app.namespace]).collect();
        namespaces.extend(self.namespaces_of_release());
        for retained in ["kube-system", "default"] {
            if namespaces.remove(retained) {
                let kinds = "configmaps,secrets,leases,resourcequotas";
                let ours = "--selector=applyset.kubernetes.io/id";
                self.cluster
                    .kubectl()
                    .args(["-n", retained, "delete", kinds, ours])
                    .run();
                let names = self
                    .cluster
                    .kubectl()
                    .args(["-n", retained, "get", kinds, "-o", "name"])
                    .run()
                    .stdout;
                for name in names.lines().filter(|name| name.contains("delivery-")) {
                    self.cluster
                        .kubectl()
                        .args(["-n", retained, "delete", name])
                        .run();
                }
            }
        }
        self.cluster
            .kubectl()
            .args(["delete", "namespace", "--ignore-not-found"])
            .args(namespaces)
            .run();
        self.kubectl()
            .args(["delete", "--ignore-not-found", "--timeout=60s", "-f"])
            .arg(self.rendered.manifests())
            .run();
    }
}

/// Where the runs' outputs are kept.
pub fn logs() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("realapps")
}

/// An error with the lines that say why.
pub fn expect(ran: Ran, code: i32) -> Result<Ran, String> {
    if ran.code == Some(code) {
        return Ok(ran);
    }
    let all = format!("{}\n{}", ran.stderr, ran.stdout);
    let tells = |line: &&str| {
        ["error [", "FAILED", "error:", "because:", "cannot "]
            .iter()
            .any(|mark| line.contains(mark))
    };
    let telling: Vec<&str> = all.lines().filter(tells).take(4).collect();
    let telling = if telling.is_empty() {
        all.lines().take(6).collect()
    } else {
        telling
    };
    let short: Vec<String> = telling
        .iter()
        .map(|line| line.trim().chars().take(400).collect())
        .collect();
    Err(format!("exit {:?}: {}", ran.code, short.join(" | ")))
}
