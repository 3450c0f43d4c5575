//! The claims of StatefulSets: which are a set's, by their names, and which the set's retention policy deletes.
//!
//! A claim names no set that it belongs to: its name is `TEMPLATE-SET-ORDINAL`, and by the ordinal it goes with a pod. Only
//! with a retention policy does the controller write owner references as well, which outlive the policy.

use crate::model::Object;
use serde_json::Value;

/// A claim that has no volume holds nothing.
pub(super) fn may_hold_data(claim: &Object) -> bool {
    !claim.text("/spec/volumeName").is_empty() || claim.text("/status/phase") == "Bound"
}

/// Whether the garbage collector deletes a claim once its set is gone, whatever the set's policy says by then.
pub(super) fn is_owned(claim: &Object, set: &Object) -> bool {
    let owners = claim.at("/metadata/ownerReferences").and_then(Value::as_array);
    owners
        .into_iter()
        .flatten()
        .any(|owner| owner["uid"] == set.uid())
}

/// Whether a set's policy deletes the claims of pods that a scaling takes away.
pub(super) fn deletes_when_scaled(set: &Object) -> bool {
    set.text("/spec/persistentVolumeClaimRetentionPolicy/whenScaled") == "Delete"
}

/// Whether a set's policy deletes its claims with it.
pub(super) fn deletes_when_deleted(set: &Object) -> bool {
    set.text("/spec/persistentVolumeClaimRetentionPolicy/whenDeleted") == "Delete"
}

/// The ordinals of a StatefulSet's pods.
pub(super) struct Ordinals {
    start: u64,
    pub replicas: u64,
}

impl Ordinals {
    pub fn new(set: &Object) -> Self {
        let number = |pointer: &str| set.at(pointer).and_then(Value::as_u64);
        let start = number("/spec/ordinals/start").unwrap_or(0);
        Self {
            start,
            replicas: number("/spec/replicas").unwrap_or(1),
        }
    }

    pub fn holds(&self, ordinal: u64) -> bool {
        (self.start..self.start.saturating_add(self.replicas)).contains(&ordinal)
    }
}

/// The claims that are volumes of a StatefulSet's pods, by their names: `TEMPLATE-SET-ORDINAL`.
pub fn claims_of<'c>(set: &Object, claims: &'c [Object]) -> Vec<&'c Object> {
    let same_place = |claim: &&Object| {
        // A desired set may name no namespace.
        set.namespace()
            .is_none_or(|namespace| claim.namespace() == Some(namespace))
    };

    claims
        .iter()
        .filter(same_place)
        .filter(|claim| ordinal_of(set, claim).is_some())
        .collect()
}

pub(super) fn ordinal_of(set: &Object, claim: &Object) -> Option<u64> {
    let templates = set.at("/spec/volumeClaimTemplates").and_then(Value::as_array)?;
    templates.iter().find_map(|template| {
        let name = template.pointer("/metadata/name").and_then(Value::as_str)?;
        // All but a number is another set's: `data-db-other-0` is no claim of `db`.
        let ordinal = claim.name().strip_prefix(&format!("{name}-{}-", set.name()))?;
        ordinal.parse().ok()
    })
}
