//! What both the running template and the desired one miss is one finding: that the workload would not start again.
//!
//! A requirement stays for those of its users that start now, and for the keys that their templates alone read.

use crate::model::finding::{Comparison, RequirementFinding};
use crate::model::k8s::pod_references::references;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::start::{StartCause, StartUnknown, Starts};
use crate::model::{Object, ObjectId};
use std::collections::{BTreeSet, HashMap};

/// Takes out of the requirements of a comparison what its findings about starts say already.
pub fn merge_requirements(comparison: &mut Comparison) {
    let Comparison {
        objects,
        requirements,
        starts,
        ..
    } = comparison;
    let desired: HashMap<ObjectId, &Object> = objects
        .iter()
        .filter_map(|one| Some((one.id(), one.desired.as_ref()?)))
        .filter(|(id, _)| requirements.iter().any(|need| need.needed_by.contains(id)))
        .collect();

    requirements.retain_mut(|need| is_left(need, starts, &desired));

    let is_required = |id: &ObjectId| requirements.iter().any(|need| need.object == *id);
    starts
        .notes
        .retain(|note| !note.object.as_ref().is_some_and(is_required));
}

/// Takes out of a requirement the users and keys that findings about starts name already; false where nothing is left of it.
fn is_left(need: &mut RequirementFinding, starts: &Starts, desired: &HashMap<ObjectId, &Object>) -> bool {
    let is_of_keys = !need.keys.is_empty();
    let makes_pods = |user: &ObjectId| desired.get(user).is_some_and(|object| pod_spec(object).is_some());
    let (mut read, mut open, mut users) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let mut is_found = false;

    for user in &need.needed_by {
        let keys = keys_read(desired.get(user).copied(), need);
        let known = KnownNeed::from_starts(starts, &need.object, user);
        is_found |= known != KnownNeed::Nothing;
        read.extend(keys.iter().cloned());

        let left = known.without(&keys);
        // The keys that one without any reads are there.
        let is_open = if is_of_keys && makes_pods(user) {
            !left.is_empty()
        } else {
            known == KnownNeed::Nothing
        };
        if is_open {
            users.push(user.clone());
            open.extend(left);
        }
    }
    if !is_found {
        return true;
    }

    // What no template reads stays: the release itself requires it.
    need.keys.retain(|key| open.contains(key) || !read.contains(key));
    need.needed_by = users;
    if is_of_keys {
        !need.keys.is_empty()
    } else {
        !need.needed_by.is_empty()
    }
}

/// What findings about starts tell of an object and a workload.
#[derive(PartialEq)]
enum KnownNeed<'s> {
    Nothing,
    /// That these keys are missing.
    Keys(&'s [String]),
    /// That it is missing, going or unknown as a whole.
    Everything,
}

impl<'s> KnownNeed<'s> {
    fn from_starts(starts: &'s Starts, object: &ObjectId, workload: &ObjectId) -> Self {
        let findings = starts.findings.iter().filter(|one| one.workload == *workload);
        let mut causes = findings.flat_map(|one| &one.causes);
        match causes.find(|cause| cause.object() == Some(object)) {
            Some(StartCause::KeysMissing { keys, .. }) => return Self::Keys(keys),
            Some(_) => return Self::Everything,
            None => {}
        }

        let is_unknown =
            |unknown: &StartUnknown| unknown.objects.contains(object) && unknown.workloads.contains(workload);
        if starts.unknown.iter().any(is_unknown) {
            Self::Everything
        } else {
            Self::Nothing
        }
    }

    fn without(&self, keys: &BTreeSet<String>) -> BTreeSet<String> {
        let is_left = |key: &&String| match self {
            Self::Nothing => true,
            Self::Keys(found) => !found.contains(*key),
            Self::Everything => false,
        };
        keys.iter().filter(is_left).cloned().collect()
    }
}

/// The missing keys that a user reads by its desired template.
fn keys_read(desired: Option<&Object>, need: &RequirementFinding) -> BTreeSet<String> {
    let spec = desired.and_then(pod_spec);
    let keys = spec.map(references).unwrap_or_default().into_iter();
    let keys = keys.filter(|reference| {
        (reference.kind, &reference.name) == (&*need.object.kind, &need.object.name) && !reference.optional
    });
    keys.filter_map(|reference| reference.key)
        .filter(|key| need.keys.contains(key))
        .collect()
}
