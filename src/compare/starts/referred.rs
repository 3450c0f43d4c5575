//! What a template refers to, held against what was read of it.

use super::references::{
    KeysRead, ReferenceRole, account, account_secrets, brings_secrets, needed_references, reference_target,
};
use super::{FoundOfWorkload, StartFacts, StartingWorkload, UnknownPart};
use crate::model::snapshot::{Absence, Observed};
use crate::model::start::StartCause;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeSet;

/// Adds what is missing, going or unknown of all that a workload's template refers to.
pub(super) fn look(workload: &StartingWorkload<'_>, facts: &StartFacts<'_>, found: &mut FoundOfWorkload) {
    let mut references = needed_references(workload);
    let account = facts.objects.get(&account(workload));
    if let Some(account) = account.and_then(|account| account.object()) {
        for secret in account_secrets(workload, account) {
            references.entry((secret, ReferenceRole::PullSecret)).or_default();
        }
    }

    let brings_secrets = brings_secrets(workload);
    for ((id, role), keys) in &references {
        if brings_secrets && id.is_secret() {
            continue;
        }
        // What nobody asked for is neither there nor missing.
        if let Some(observed) = facts.objects.get(id) {
            look_at_object(id, *role, keys, observed, found);
        }
    }
}

fn look_at_object(
    id: &ObjectId,
    role: ReferenceRole,
    keys: &KeysRead,
    observed: &Observed,
    found: &mut FoundOfWorkload,
) {
    match observed {
        Observed::Present(object) => look_at_present(id, role, keys, object, found),
        Observed::Absent(Absence::Kind) => {
            found.unknown.push(unknown(id, "the kind is not served".into()));
        }
        Observed::Absent(_) => match role {
            ReferenceRole::Needed | ReferenceRole::Claim => {
                found.causes.push(StartCause::Missing { object: id.clone() });
            }
            // Its controller makes it.
            ReferenceRole::OwnClaim => {}
            ReferenceRole::PullSecret => {
                let message = format!("{id} does not exist: images that need it could not be pulled");
                found.notes.push((Some(id.clone()), message));
            }
        },
        Observed::Unreadable { error, forbidden, .. } => {
            let why = if *forbidden {
                missing_permission(id)
            } else {
                error.clone()
            };
            found.unknown.push(unknown(id, why));
        }
    }
}

fn look_at_present(
    id: &ObjectId,
    role: ReferenceRole,
    keys: &KeysRead,
    object: &Object,
    found: &mut FoundOfWorkload,
) {
    let is_claim = matches!(role, ReferenceRole::Claim | ReferenceRole::OwnClaim);
    let missing = missing_keys(object, keys);

    if role == ReferenceRole::PullSecret {
        // One that is there is all that can be said: what its registry thinks of it nobody knows.
    } else if is_claim && object.text("/status/phase") == "Lost" {
        found.causes.push(StartCause::ClaimLost { object: id.clone() });
    } else if object.is_being_deleted() && role == ReferenceRole::OwnClaim {
        // Protected as long as the pod is there; then a new one is made in its place.
        let message = format!("{id} is being deleted: its pod would start with a new, empty volume");
        found.notes.push((Some(id.clone()), message));
    } else if object.is_being_deleted() {
        found.causes.push(StartCause::BeingDeleted { object: id.clone() });
    } else if !missing.is_empty() {
        let keys = missing.into_iter().collect();
        found.causes.push(StartCause::KeysMissing {
            object: id.clone(),
            keys,
        });
    }
}

/// The keys that are read and are not there. The kubelet fills variables from `data` alone, and files from both.
fn missing_keys(object: &Object, read: &KeysRead) -> BTreeSet<String> {
    let has = |field: &str, key: &String| {
        let map = object.at(field).and_then(Value::as_object);
        map.is_some_and(|map| map.contains_key(key))
    };
    let variables = read.variables.iter().filter(|key| !has("/data", key));
    let files = read.files.iter();
    let files = files.filter(|key| !has("/data", key) && !has("/binaryData", key));
    variables.chain(files).cloned().collect()
}

/// Objects of one kind and namespace are unknown for one cause, and are said once.
fn unknown(id: &ObjectId, why: String) -> UnknownPart {
    let plural = if id.kind.ends_with('s') { "es" } else { "s" };
    let place = id.namespace.as_deref();
    let place = place.map(|namespace| format!(" in namespace {namespace}"));
    UnknownPart {
        what: format!("{}{plural}{}", id.kind, place.unwrap_or_default()),
        object: Some(id.clone()),
        why,
    }
}

fn missing_permission(id: &ObjectId) -> String {
    let resource = reference_target(id).map(|target| target.resource.counted());
    format!("missing permission to get {}", resource.unwrap_or_default())
}
