//! What desired objects need and do not hold: whether it is there, with the keys that are read.
//!
//! Three say what is needed: what the objects refer to, the release, and the environment. One object is asked for once,
//! with the keys of all three, and is optional only where each of them can do without. Values are never looked at.

use super::recording::{RequirementUse, needs};
use crate::model::environment::External;
use crate::model::finding::{RequirementFinding, RequirementState};
use crate::model::k8s::kinds::built_in;
use crate::model::release::Requirement;
use crate::model::snapshot::{Observed, Snapshot};
use crate::model::{Object, ObjectId, Target};
use serde_json::Value;

/// Something that must be there.
#[derive(Clone, Debug)]
pub struct Needed {
    target: Target,
    requirement: Requirement,
    by: Vec<ObjectId>,
}

impl Needed {
    /// Where it is read.
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// The objects that need it.
    pub fn users(&self) -> &[ObjectId] {
        &self.by
    }
}

/// What is needed: by what the objects refer to, by the release itself, and by what the environment declares as external.
pub fn needed(
    desired: &[Object],
    required: &[Requirement],
    external: &[External],
    home: &str,
) -> Vec<Needed> {
    let mut all: Vec<Needed> = needs(desired, true)
        .into_iter()
        .filter_map(needed_object)
        .collect();

    let required = required.iter().cloned();
    let required = required.map(|requirement| RequirementUse {
        requirement,
        by: Vec::new(),
    });
    // Last: what the environment says wins over what a pod could do without.
    let declared = external.iter().filter_map(|one| declared_object(one, home));
    for needed in required.filter_map(needed_object).chain(declared) {
        add(&mut all, needed);
    }
    all
}

/// Adds to what is needed already, or as one thing more.
fn add(all: &mut Vec<Needed>, needed: Needed) {
    match all.iter_mut().find(|known| known.target == needed.target) {
        Some(known) => {
            let keys = &mut known.requirement.keys;
            keys.extend(needed.requirement.keys);
            keys.sort();
            keys.dedup();
            // Whoever cannot do without decides; the environment says that a thing exists.
            known.requirement.optional &= needed.requirement.optional;
        }
        None => all.push(needed),
    }
}

/// What the environment says that exists.
fn declared_object(external: &External, home: &str) -> Option<Needed> {
    let kind = built_in(&external.group, &external.kind)?;
    let namespace = external.namespace.as_deref().unwrap_or(home);
    let target = Target::new(&kind, Some(namespace), &external.name);

    Some(Needed {
        requirement: Requirement {
            kind: external.kind.clone(),
            namespace: target.namespace.clone(),
            name: external.name.clone(),
            type_: None,
            keys: external.keys.clone(),
            produced_by: None,
            optional: false,
        },
        target,
        by: Vec::new(),
    })
}

/// Only built-in kinds are looked up.
fn needed_object(need: RequirementUse) -> Option<Needed> {
    let group = if need.requirement.kind == "StorageClass" {
        "storage.k8s.io"
    } else {
        ""
    };

    let kind = built_in(group, &need.requirement.kind)?;
    let target = Target::new(
        &kind,
        need.requirement.namespace.as_deref(),
        &need.requirement.name,
    );

    Some(Needed {
        target,
        requirement: need.requirement,
        by: need.by,
    })
}

/// What is the matter with what is needed.
pub fn requirements(needed: &[Needed], snapshot: &Snapshot) -> Vec<RequirementFinding> {
    needed
        .iter()
        .filter_map(|one| finding(one, snapshot.objects.get(&one.target.id())?))
        .collect()
}

fn finding(needed: &Needed, observed: &Observed) -> Option<RequirementFinding> {
    let requirement = &needed.requirement;

    let (state, keys) = match observed {
        // Unknown is not absent, even where it could be done without.
        Observed::Unreadable { error, .. } => {
            (RequirementState::Unreadable { why: error.clone() }, Vec::new())
        }
        Observed::Absent(_) if requirement.optional => return None,
        // Its producer comes with this promotion, and can make it only then.
        Observed::Absent(_) => match &requirement.produced_by {
            Some(producer) => (
                RequirementState::Awaited {
                    produced_by: producer.clone(),
                },
                Vec::new(),
            ),
            None => (RequirementState::Missing, Vec::new()),
        },
        // It is there, and may be gone by the time a pod starts.
        Observed::Present(object) if object.is_being_deleted() && !requirement.optional => {
            (RequirementState::BeingDeleted, Vec::new())
        }
        Observed::Present(object) => {
            let missing = missing_keys(object, &requirement.keys);

            if missing.is_empty() || requirement.optional {
                return None;
            }

            match &requirement.produced_by {
                Some(producer) => (
                    RequirementState::Awaited {
                        produced_by: producer.clone(),
                    },
                    missing,
                ),
                None => (RequirementState::KeysMissing, missing),
            }
        }
    };

    Some(RequirementFinding {
        object: needed.target.id(),
        keys,
        needed_by: needed.by.clone(),
        state,
    })
}

fn missing_keys(object: &Object, keys: &[String]) -> Vec<String> {
    // ConfigMaps keep what is no text apart from the rest.
    let has = |key: &String| {
        ["/data", "/binaryData"].iter().any(|field| {
            object
                .at(field)
                .and_then(Value::as_object)
                .is_some_and(|map| map.contains_key(key))
        })
    };

    keys.iter().filter(|key| !has(key)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::snapshot::Absence;
    use serde_json::json;

    fn pod() -> Object {
        Object::new(json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "namespace": "n"}, "spec": {"containers": [
            {"name": "c", "env": [{"name": "A", "valueFrom": {"secretKeyRef": {"name": "db", "key": "password"}}}]}]}}))
        .unwrap()
    }

    fn found(observed: Observed) -> Option<RequirementState> {
        let needed = needed(&[pod()], &[], &[], "n");
        let mut snapshot = Snapshot::default();
        snapshot
            .objects
            .insert(ObjectId::new("", "Secret", Some("n"), "db"), observed);
        requirements(&needed, &snapshot)
            .pop()
            .map(|finding| finding.state)
    }

    fn secret(keys: &[&str]) -> Observed {
        let data: serde_json::Map<String, Value> = keys
            .iter()
            .map(|key| ((*key).to_owned(), json!("eA==")))
            .collect();
        Observed::Present(Object::new(json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "n"}, "data": data})).unwrap())
    }

    #[test]
    fn a_missing_secret_and_a_missing_key_are_told_apart() {
        assert_eq!(found(secret(&["password"])), None);
        assert_eq!(found(secret(&["user"])), Some(RequirementState::KeysMissing));
        assert_eq!(
            found(Observed::Absent(Absence::Object)),
            Some(RequirementState::Missing)
        );
    }

    #[test]
    fn what_is_being_deleted_is_not_there_for_long() {
        let Observed::Present(mut going) = secret(&["password"]) else {
            panic!()
        };
        going.value_mut()["metadata"]["deletionTimestamp"] = "2026-11-28T12:00:00Z".into();
        assert_eq!(
            found(Observed::Present(going)),
            Some(RequirementState::BeingDeleted)
        );
    }

    #[test]
    fn what_could_not_be_read_is_not_missing() {
        let state = found(Observed::Unreadable {
            error: "forbidden".into(),
            forbidden: true,
            webhook: None,
        });
        assert!(matches!(state, Some(RequirementState::Unreadable { .. })));
    }

    #[test]
    fn an_external_object_must_be_there_with_its_keys() {
        let external = External {
            group: String::new(),
            kind: "Secret".into(),
            namespace: None,
            name: "db".into(),
            keys: vec!["url".into()],
        };

        let needed = needed(&[pod()], &[], &[external], "n");
        assert_eq!(needed.len(), 1);
        assert_eq!(needed[0].requirement.keys, ["password", "url"]);
    }

    fn required(name: &str, keys: &[&str]) -> Requirement {
        Requirement {
            kind: "Secret".into(),
            namespace: Some("n".into()),
            name: name.into(),
            type_: None,
            keys: keys.iter().map(|key| (*key).to_owned()).collect(),
            produced_by: None,
            optional: false,
        }
    }

    #[test]
    fn what_the_release_requires_is_needed_though_no_spec_refers_to_it() {
        let needed = needed(
            &[pod()],
            &[required("api", &["token"]), required("db", &["user"])],
            &[],
            "n",
        );

        let descriptions: Vec<_> = needed
            .iter()
            .map(|one| (one.target.name.as_str(), one.requirement.keys.join(" ")))
            .collect();
        assert_eq!(
            descriptions,
            [("db", "password user".to_owned()), ("api", "token".to_owned())]
        );
    }
}
