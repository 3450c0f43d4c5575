//! Whose word counts for what: kinds that give rights or take them, what lies beyond the release namespace, and
//! which marks an object can vouch for itself with. Pure.

use crate::model::k8s::entries::is_our_entry;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::{Object, Target};

/// Any resource of a group.
const ANY: &str = "*";

/// Kinds that give rights or take them, or that lead traffic away. By group and plural, which the server goes by: a kind is
/// what a text claims.
const GUARDED: &[(&str, &str)] = &[
    ("rbac.authorization.k8s.io", ANY),
    ("", "resourcequotas"),
    ("", "limitranges"),
    ("", "endpoints"),
    ("discovery.k8s.io", "endpointslices"),
];

fn is_guarded(target: &Target) -> bool {
    let (group, plural) = (&*target.resource.group, &*target.resource.plural);
    GUARDED
        .iter()
        .any(|(guarded, one)| *guarded == group && (*one == ANY || *one == plural))
}

/// Whether an object is beyond what somebody who may write the release namespace may write.
pub(super) fn is_beyond(target: &Target, home: &str) -> bool {
    target.namespace.as_deref() != Some(home) || is_guarded(target)
}

/// Whether an object's own marks can vouch for it: it carries our label and our manager's entry, which nobody can give it who
/// may not write it. What is guarded is never taken at its word.
pub(super) fn is_marked(target: &Target, object: &Object, set: &str) -> bool {
    !is_guarded(target)
        && object.label(APPLYSET_PART_OF_LABEL) == Some(set)
        && object.managed_fields().iter().any(is_our_entry)
}
