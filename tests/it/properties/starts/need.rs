//! What a pod template refers to, how it goes, and what may happen to it that harms nothing.

use super::ground::Ground;
use crate::proof::random::Random;
use crate::starting::cause;
use serde_json::{Value, json};

/// How a ConfigMap or Secret is read.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Read {
    EnvKey,
    EnvFrom,
    Volume,
    VolumeKey,
    Projected,
    ProjectedKey,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    ConfigMap(Read),
    Secret(Read),
    Account,
    Claim,
    Priority,
    Runtime,
    Label,
}

/// One reference of a template to an object of its own.
#[derive(Clone, Debug)]
pub struct Need {
    what: What,
    is_optional: bool,
    is_of_init: bool,
    /// Of a volume that no container mounts a kubelet reads nothing; the scheduler looks at its claim all the same.
    is_mounted: bool,
    /// The name of the object, or the label.
    name: String,
}

/// Something that happens behind the running pods.
#[derive(Clone, Debug)]
pub enum Event {
    Delete(Value),
    Replace(Value),
    /// The label of a node.
    Unlabel(String),
}

const READS: [Read; 6] = [
    Read::EnvKey,
    Read::EnvFrom,
    Read::Volume,
    Read::VolumeKey,
    Read::Projected,
    Read::ProjectedKey,
];

impl Need {
    /// One of any kind. `name` is no other's.
    pub fn any(random: &mut Random, ground: &Ground, name: String) -> Self {
        let read = random.one(&READS);
        let what = match random.below(11) {
            0..=2 => What::ConfigMap(read),
            3..=5 => What::Secret(read),
            6 => What::Account,
            7 => What::Claim,
            8 => What::Priority,
            9 => What::Runtime,
            _ => What::Label,
        };
        let is_wide = matches!(what, What::Priority | What::Runtime | What::Label);
        Self {
            what,
            is_optional: false,
            is_of_init: random.chance(30),
            is_mounted: what != What::Claim || random.chance(70),
            name: if is_wide {
                format!("{}-{name}", ground.mark)
            } else {
                name
            },
        }
    }

    /// A ConfigMap or Secret that may be missing.
    pub fn optional(random: &mut Random, name: String) -> Self {
        let read = random.one(&READS);
        let is_mounted = matches!(read, Read::EnvKey | Read::EnvFrom) || random.chance(60);
        Self {
            what: random.one(&[What::ConfigMap(read), What::Secret(read)]),
            is_optional: is_mounted || random.chance(30),
            is_of_init: random.chance(30),
            is_mounted,
            name,
        }
    }

    fn may_go(&self) -> bool {
        self.is_optional || !self.is_mounted
    }

    /// Of those that a template has one of, the kind; of the others, none.
    pub fn slot(&self) -> Option<u8> {
        match self.what {
            What::Account => Some(0),
            What::Priority => Some(1),
            What::Runtime => Some(2),
            What::Label => Some(3),
            What::ConfigMap(_) | What::Secret(_) | What::Claim => None,
        }
    }

    pub fn is_label(&self) -> bool {
        self.what == What::Label
    }

    /// The label that a node has for it.
    pub fn label(&self) -> Option<&str> {
        self.is_label().then_some(self.name.as_str())
    }

    fn kind(&self) -> (&'static str, &'static str) {
        match self.what {
            What::ConfigMap(_) => ("v1", "ConfigMap"),
            What::Secret(_) => ("v1", "Secret"),
            What::Account => ("v1", "ServiceAccount"),
            What::Claim => ("v1", "PersistentVolumeClaim"),
            What::Priority => ("scheduling.k8s.io/v1", "PriorityClass"),
            What::Runtime => ("node.k8s.io/v1", "RuntimeClass"),
            What::Label => ("v1", "Node"),
        }
    }

    fn with_data(&self, data: &[&str]) -> Value {
        let mut object = self.bare();
        let field = if matches!(self.what, What::Secret(_)) {
            "stringData"
        } else {
            "data"
        };
        object[field] = data
            .iter()
            .map(|key| ((*key).to_owned(), Value::from("v")))
            .collect();
        object
    }

    fn bare(&self) -> Value {
        let (version, kind) = self.kind();
        json!({"apiVersion": version, "kind": kind, "metadata": {"name": self.name}})
    }

    /// What is there for it before the workload.
    pub fn given(&self, ground: &Ground) -> Vec<Value> {
        let mut object = self.bare();
        match self.what {
            What::ConfigMap(_) | What::Secret(_) => object = self.with_data(&["used", "other"]),
            What::Account => {}
            What::Priority => object["value"] = 1000.into(),
            What::Runtime => object["handler"] = "runc".into(),
            What::Label => return vec![],
            What::Claim => {
                let volume = format!("{}-{}", ground.mark, self.name);
                let size = json!({"storage": "1Mi"});
                object["spec"] = json!({"accessModes": ["ReadWriteOnce"], "storageClassName": "",
                    "volumeName": volume, "resources": {"requests": size}});
                let spec = json!({"capacity": size, "accessModes": ["ReadWriteOnce"], "storageClassName": "",
                    "persistentVolumeReclaimPolicy": "Retain",
                    "claimRef": {"namespace": ground.namespace.name(), "name": self.name},
                    "hostPath": {"path": "/tmp"}});
                let volume = json!({"apiVersion": "v1", "kind": "PersistentVolume",
                    "metadata": {"name": volume}, "spec": spec});
                return vec![volume, object];
            }
        }
        vec![object]
    }

    /// Writes the reference into a pod spec of an init container and a main one.
    pub fn write(&self, spec: &mut Value) {
        match self.what {
            What::Account => spec["serviceAccountName"] = self.name.as_str().into(),
            What::Priority => spec["priorityClassName"] = self.name.as_str().into(),
            What::Runtime => spec["runtimeClassName"] = self.name.as_str().into(),
            What::Label => spec["nodeSelector"][&self.name] = "1".into(),
            What::Claim => {
                let source = json!({"name": self.name, "persistentVolumeClaim": {"claimName": self.name}});
                self.write_volume(spec, source);
            }
            What::ConfigMap(read) => self.write_read(
                spec,
                read,
                ["configMap", "configMapKeyRef", "configMapRef"],
                "name",
            ),
            What::Secret(read) => {
                self.write_read(spec, read, ["secret", "secretKeyRef", "secretRef"], "secretName");
            }
        }
    }

    fn write_read(&self, spec: &mut Value, read: Read, [source, key_ref, from_ref]: [&str; 3], name: &str) {
        let items = json!([{"key": "used", "path": "used"}]);
        let is_key = matches!(read, Read::VolumeKey | Read::ProjectedKey);
        match read {
            Read::EnvKey => {
                let mut from = json!({"name": self.name, "key": "used"});
                self.mark_optional(&mut from);
                let variable = json!({"name": self.name.replace('-', "_"), "valueFrom": {key_ref: from}});
                push(self.container(spec), "env", variable);
            }
            Read::EnvFrom => {
                let mut from = json!({"name": self.name});
                self.mark_optional(&mut from);
                push(self.container(spec), "envFrom", json!({from_ref: from}));
            }
            Read::Volume | Read::VolumeKey => {
                let mut volume = json!({name: self.name});
                if is_key {
                    volume["items"] = items;
                }
                self.mark_optional(&mut volume);
                self.write_volume(spec, json!({"name": self.name, source: volume}));
            }
            Read::Projected | Read::ProjectedKey => {
                let mut projected = json!({"name": self.name});
                if is_key {
                    projected["items"] = items;
                }
                self.mark_optional(&mut projected);
                let volume = json!({"name": self.name, "projected": {"sources": [{source: projected}]}});
                self.write_volume(spec, volume);
            }
        }
    }

    fn container<'s>(&self, spec: &'s mut Value) -> &'s mut Value {
        if self.is_of_init {
            &mut spec["initContainers"][0]
        } else {
            &mut spec["containers"][0]
        }
    }

    fn write_volume(&self, spec: &mut Value, volume: Value) {
        push(spec, "volumes", volume);
        if self.is_mounted {
            let mount = json!({"name": self.name, "mountPath": format!("/needs/{}", self.name)});
            push(self.container(spec), "volumeMounts", mount);
        }
    }

    fn mark_optional(&self, reference: &mut Value) {
        if self.is_optional {
            reference["optional"] = true.into();
        }
    }

    fn needs_key(&self) -> bool {
        let (What::ConfigMap(read) | What::Secret(read)) = self.what else {
            return false;
        };
        matches!(read, Read::EnvKey | Read::VolumeKey | Read::ProjectedKey)
    }

    /// Takes away what it refers to, and the cause that is to be named. `runs`: whether pods hold its claim.
    pub fn harm(&self, random: &mut Random, runs: bool) -> (Event, String) {
        let named = format!("{}/{}", self.kind().1, self.name);
        if self.is_label() {
            return (Event::Unlabel(self.name.clone()), "noNode".into());
        }
        if self.needs_key() && random.chance(60) {
            let gone = cause("keysMissing", &named, &["used".into()]);
            return (Event::Replace(self.with_data(&["other"])), gone);
        }
        let kind = if self.what == What::Claim && runs {
            "beingDeleted"
        } else {
            "missing"
        };
        (Event::Delete(self.bare()), cause(kind, &named, &[]))
    }

    /// What happens to it and is in nobody's way.
    pub fn harmless(&self, random: &mut Random) -> Option<Event> {
        match self.what {
            What::ConfigMap(_) | What::Secret(_) if self.may_go() && random.chance(60) => {
                Some(Event::Delete(self.bare()))
            }
            What::ConfigMap(_) | What::Secret(_) if self.may_go() => {
                Some(Event::Replace(self.with_data(&["other"])))
            }
            What::ConfigMap(_) | What::Secret(_) if self.needs_key() => {
                Some(Event::Replace(self.with_data(&["used"])))
            }
            What::ConfigMap(_) | What::Secret(_) => Some(Event::Replace(self.with_data(&["another"]))),
            What::Account => {
                let mut account = self.bare();
                account["imagePullSecrets"] = json!([{"name": "nobody-made-it"}]);
                Some(Event::Replace(account))
            }
            What::Claim | What::Priority | What::Runtime | What::Label => None,
        }
    }
}

fn push(object: &mut Value, list: &str, item: Value) {
    if object[list].is_null() {
        object[list] = json!([]);
    }
    object[list].as_array_mut().unwrap().push(item);
}
