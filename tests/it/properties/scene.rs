//! A namespace in which releases follow each other, and what is held against the oracle after each.

mod setting;

use super::drawn::{Drawn, Place, shapes};
use super::oracle::{Held, hold};
use crate::harness::{Namespace, Ran, Run, TestCluster};
use futures::StreamExt;
use kubectl_delivery::testing::cluster::Cluster;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The name of the releases.
const NAME: &str = "random";
/// Requests at once.
pub const AT_ONCE: usize = 8;

/// A property that does not hold, of one object.
#[derive(Clone)]
pub struct Fault {
    pub what: &'static str,
    pub id: String,
    pub why: String,
}

/// What the server forbids: fields and message, by object.
pub type Forbidden = BTreeMap<String, (Vec<String>, String)>;

pub struct Scene {
    pub place: Place,
    namespace: Namespace,
    folder: tempfile::TempDir,
    count: std::cell::Cell<u32>,
}

/// What came of a promotion.
pub struct Step {
    /// The objects as they are promoted now.
    pub now: Vec<Drawn>,
    /// The release that holds them.
    pub file: PathBuf,
    pub faults: Vec<Fault>,
    /// Objects that were refused, by the field's name.
    pub refused: usize,
}

impl Scene {
    pub fn new() -> Self {
        let namespace = TestCluster::get().namespace_named("t-prop");
        let place = Place {
            namespace: namespace.name().into(),
        };
        let folder = tempfile::tempdir().unwrap();
        let scene = Self {
            place,
            namespace,
            folder,
            count: std::cell::Cell::new(0),
        };
        scene.prepare();
        scene
    }

    /// Writes a release of these objects.
    pub fn record(&self, objects: &[Drawn]) -> PathBuf {
        self.count.set(self.count.get() + 1);
        let version = self.count.get().to_string();
        let items: Vec<Value> = objects.iter().map(|drawn| drawn.object(&self.place)).collect();
        let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
            "metadata": {"name": NAME, "version": version}, "spec": {"objects": items}});
        let file = self.folder.path().join(format!("{version}.yaml"));
        std::fs::write(&file, release.to_string()).unwrap();
        file
    }

    fn state_key(&self) -> PathBuf {
        self.folder.path().join("state.key")
    }

    fn environment(&self) -> PathBuf {
        self.folder.path().join("environment.yaml")
    }

    /// With a key outside of the cluster: nothing that is drawn needs an answer.
    pub fn delivery(&self) -> std::process::Command {
        let mut command = TestCluster::get().delivery();
        command.env("KUBECTL_DELIVERY_STATE_KEY", self.state_key());
        command
    }

    fn promote(&self, file: &Path) -> Ran {
        let mut command = self.delivery();
        command
            .arg("promote")
            .arg(file)
            .args(["-n", &self.place.namespace, "-y", "-o", "json"]);
        command.args([
            "--settle",
            "0s",
            "--timeout",
            "60s",
            "--allow-prune",
            "--overwrite",
        ]);
        command.arg("-e").arg(self.environment()).run()
    }

    /// The objects that `diff` names, with what it says of them; an error where it cannot compare.
    pub fn diff(&self, file: &Path, mode: &str) -> Result<BTreeMap<String, Value>, String> {
        let mut command = self.delivery();
        command
            .arg("diff")
            .arg(file)
            .args(["-n", &self.place.namespace, "-o", "json", "--mode", mode]);
        let ran = command.run();
        if ran.stdout.is_empty() {
            return Err(format!("{:?}: {}", ran.code, ran.stderr));
        }
        let view = ran.json();
        let named = view["objects"].as_array().unwrap().iter();
        let named = named.filter(|object| object["status"] != "same");
        Ok(named.map(|object| (id_of(object), object.clone())).collect())
    }

    /// Promotes these objects; what is refused stays as it was before.
    pub fn step(&self, before: &[Drawn], after: &[Drawn], forbidden: &Forbidden) -> Step {
        let mut step = Step {
            now: after.to_vec(),
            file: PathBuf::new(),
            faults: Vec::new(),
            refused: 0,
        };
        for _ in 0..6 {
            step.file = self.record(&step.now);
            let ran = self.promote(&step.file);
            if ran.code == Some(0) {
                step.faults.extend(self.verify(&step.now, &step.file));
                return step;
            }
            let blamed = self.blame(&ran, forbidden, &mut step);
            if blamed.is_empty() {
                let what = "failed, and no object is named";
                step.faults.push(Fault {
                    what,
                    id: "?".into(),
                    why: describe(&ran),
                });
                break;
            }
            self.put_back(&mut step.now, before, &blamed);
        }
        step.now = before.to_vec();
        step.file = self.record(&step.now);
        step
    }

    fn put_back(&self, now: &mut Vec<Drawn>, before: &[Drawn], blamed: &BTreeSet<String>) {
        let old = before
            .iter()
            .filter(|old| blamed.contains(&old.id(&self.place)))
            .cloned();
        let old: Vec<Drawn> = old.collect();
        now.retain(|drawn| !blamed.contains(&drawn.id(&self.place)));
        now.extend(old);
    }

    /// The objects that a promotion was refused or failed for; that the server forbids them by the field's name is right.
    fn blame(&self, ran: &Ran, forbidden: &Forbidden, step: &mut Step) -> BTreeSet<String> {
        let events: Vec<Value> = ran
            .stdout
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok())
            .collect();
        let mut blamed = BTreeSet::new();
        let findings = events.iter().filter(|event| event["event"] == "preflight");
        let findings = findings.flat_map(|event| event["findings"].as_array().into_iter().flatten());
        // Findings that are one in kind and cause are told once, with all their objects.
        let of_object = |finding: &Value| {
            let objects = finding["objects"].as_array().cloned();
            let objects = objects.unwrap_or_else(|| vec![finding["object"].clone()]);
            objects
                .iter()
                .map(|object| (id_of(object), finding.clone()))
                .collect::<Vec<_>>()
        };
        let refused = findings
            .filter(|finding| finding["severity"] == "error")
            .flat_map(of_object);
        for (id, finding) in refused {
            let message = finding["message"].to_string();
            let is_named = |fields: &Vec<String>| {
                fields.iter().any(|field| {
                    let last = field.rsplit('.').next().unwrap_or(field);
                    message.contains(last) || message.contains("immutable")
                })
            };
            match forbidden.get(&id) {
                Some((fields, _)) if is_named(fields) => step.refused += 1,
                Some((fields, _)) => {
                    let why = format!("{fields:?} in {finding}");
                    step.faults.push(Fault {
                        what: "refused without the field's name",
                        id: id.clone(),
                        why,
                    });
                }
                None => step.faults.push(Fault {
                    what: "refused, and the server takes it",
                    id: id.clone(),
                    why: finding.to_string(),
                }),
            }
            blamed.insert(id);
        }
        for failed in events.iter().filter(|event| event["event"] == "failed") {
            let id = id_of(&failed["object"]);
            step.faults.push(Fault {
                what: "failed",
                id: id.clone(),
                why: failed.to_string(),
            });
            blamed.insert(id);
        }
        if !matches!(ran.code, Some(2 | 3)) {
            step.faults.push(Fault {
                what: "ended otherwise",
                id: "?".into(),
                why: describe(ran),
            });
        }
        blamed
    }

    /// That each object is its target, and that `diff` is silent exactly of those that are.
    pub fn verify(&self, objects: &[Drawn], file: &Path) -> Vec<Fault> {
        let mut faults = Vec::new();
        let named = match self.diff(file, "auto") {
            Ok(named) => named,
            Err(why) => {
                return vec![Fault {
                    what: "diff ended otherwise",
                    id: "?".into(),
                    why,
                }];
            }
        };
        for (drawn, held) in objects.iter().zip(self.held(objects)) {
            let id = drawn.id(&self.place);
            let differs = match held {
                Held::Missing => vec!["it is not there".into()],
                Held::Differs(found) | Held::Bound(found) => found,
            };
            let text = named.get(&id);
            if !differs.is_empty() {
                let what = if text.is_some() {
                    "not at its target"
                } else {
                    "not at its target, unsaid"
                };
                faults.push(Fault {
                    what,
                    id,
                    why: differs.join("; "),
                });
            } else if let Some(text) = text {
                faults.push(Fault {
                    what: "at its target, and diff is not silent",
                    id,
                    why: text.to_string(),
                });
            }
        }
        faults
    }

    /// Each object held against its target.
    pub fn held(&self, objects: &[Drawn]) -> Vec<Held> {
        self.each(objects, &async |client, drawn| {
            hold(client, &self.place, drawn).await
        })
    }

    /// Asks something of each object, some at once, and gives the answers in order.
    pub fn each<T: Send>(&self, objects: &[Drawn], ask: &impl AsyncFn(&dyn Cluster, &Drawn) -> T) -> Vec<T> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let client = TestCluster::get().connect().await;
            let asked = objects.iter().map(|drawn| ask(client.as_ref(), drawn));
            futures::stream::iter(asked).buffered(AT_ONCE).collect().await
        })
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let kubectl = || TestCluster::get().kubectl();
        let mut kinds: Vec<&str> = Vec::new();
        kinds.extend(
            shapes()
                .iter()
                .filter(|shape| shape.wide)
                .map(|shape| shape.kind.as_str()),
        );
        let listed = kubectl()
            .args(["get", &kinds.join(","), "-o", "name"])
            .run()
            .stdout;
        let is_ours = |line: &&str| line.contains(&format!("/{}-", self.place.namespace));
        let mut names: Vec<String> = listed.lines().filter(is_ours).map(Into::into).collect();
        names.extend(["things", "looses"].map(|plural| format!("crd/{plural}.{}", self.place.group())));
        kubectl()
            .args(["delete", "--wait=false", "--ignore-not-found"])
            .args(names)
            .run();
        let _goes_too = &self.namespace;
    }
}

fn id_of(object: &Value) -> String {
    format!(
        "{}/{}",
        object["kind"].as_str().unwrap_or("?"),
        object["name"].as_str().unwrap_or("?")
    )
}

fn describe(ran: &Ran) -> String {
    let end = ran.stdout.lines().last().unwrap_or_default();
    let is_error = |line: &&str| line.starts_with("error") || line.starts_with("because");
    let errors: Vec<&str> = ran.stderr.lines().filter(is_error).collect();
    format!("{:?} {end} {}", ran.code, errors.join("; "))
}
