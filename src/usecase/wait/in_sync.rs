//! Whether an object that has arrived is in sync: the same comparison as `diff` makes.
//!
//! It is asked once that desired holds in live, and again only where the object has another version: waiting costs no
//! request a second. Who may only read gets a comparison of what was read, and is told so.

use super::goal::Goal;
use crate::cluster::Cluster;
use crate::model::admission::Admission;
use crate::model::finding::{
    Certainty, ChangeKind, FieldChange, ManagerClass, ObjectComparison, ObjectStatus,
};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::list_first;
use crate::model::snapshot::Observed;
use crate::model::{Object, ObjectId, Target};
use crate::observe;
use crate::plan::carry_tool_metadata;
use crate::usecase::comparing::{Mode, PresentObject, PresentRequest, compare_present};
use crate::usecase::system::today;
use crate::{compare, model};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of objects that hold what is desired.
pub(super) struct SyncChecks<'a> {
    goal: &'a Goal,
    set: String,
    /// What is registered to change objects; none until it is asked for.
    admission: Option<Admission>,
    /// By object: the version that was compared, and what was found.
    compared: BTreeMap<ObjectId, (String, SyncState)>,
}

/// What a comparison of one object comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum SyncState {
    /// Nothing differs.
    InSync,
    /// Nothing differs in what could be read, and the API server was not asked what desired would be.
    ReadOnly,
    /// Something differs: what, and who changed it.
    Drifted(String),
    /// The comparison gave no answer: why.
    NotChecked(String),
}

impl<'a> SyncChecks<'a> {
    pub fn new(goal: &'a Goal) -> Self {
        Self {
            goal,
            set: ReleaseRef::new(&goal.home, &goal.release.name).set(),
            admission: None,
            compared: BTreeMap::new(),
        }
    }

    /// The first field of desired that live does not hold, whatever else it holds.
    pub fn first_difference(&self, desired: &Object, live: &Object) -> Option<model::FieldPath> {
        let desired = self.dressed(desired, live);
        compare::missing(&desired, live, &self.goal.images, &self.goal.image_paths)
    }

    /// Compares those of which no version like this one was compared.
    pub async fn compare(&mut self, cluster: &dyn Cluster, arrived: &[(&Target, &Object, &Object)]) {
        let is_new = |(target, _, live): &&(&Target, &Object, &Object)| {
            let known = self.compared.get(&target.id());
            known.is_none_or(|(version, _)| version != live.resource_version())
        };
        let present: Vec<PresentObject> = arrived
            .iter()
            .filter(is_new)
            .map(|(target, desired, live)| PresentObject {
                target: (*target).clone(),
                desired: self.as_applied(desired, live),
                live: Observed::Present((*live).clone()),
            })
            .collect();
        if present.is_empty() {
            return;
        }

        if self.admission.is_none() {
            self.admission = Some(observe::admission(cluster).await);
        }
        let request = PresentRequest {
            environment: &self.goal.environment,
            set: &self.set,
            mode: Mode::Auto,
            admission: self.admission.clone().unwrap_or_else(Admission::unknown),
            autoscalers: self.goal.autoscalers(),
            today: today(),
        };
        let compared = compare_present(cluster, request, present).await;
        for found in compared {
            // Of one that was written meanwhile the version that was compared.
            let version = found
                .live
                .object()
                .map(Object::resource_version)
                .unwrap_or_default();
            self.compared
                .insert(found.id(), (version.to_owned(), sync_of(&found)));
        }
    }

    /// What was found of that object.
    pub fn state(&self, target: &Target) -> Option<&SyncState> {
        self.compared.get(&target.id()).map(|(_, sync)| sync)
    }

    /// What was not checked of the objects that are followed, one sentence a cause.
    pub fn not_checked(&self) -> Vec<String> {
        let mut causes: BTreeMap<&str, BTreeSet<&ObjectId>> = BTreeMap::new();
        for (id, (_, sync)) in &self.compared {
            let cause = match sync {
                SyncState::ReadOnly => {
                    "compared by reading alone (permission to update and patch is missing)"
                }
                SyncState::NotChecked(why) => why.as_str(),
                SyncState::InSync | SyncState::Drifted(_) => continue,
            };
            causes.entry(cause).or_default().insert(id);
        }

        let sentence = |(cause, ids): (&str, BTreeSet<&ObjectId>)| {
            format!("{}: {cause}", list_first(ids.iter(), NAMED, ", "))
        };
        causes.into_iter().map(sentence).collect()
    }

    /// As `diff` has it: with what earlier promotions and controllers keep in live.
    fn dressed(&self, desired: &Object, live: &Object) -> Object {
        let mut dressed = desired.clone();
        carry_tool_metadata(&mut dressed, live, &self.set);
        dressed
    }

    fn as_applied(&self, desired: &Object, live: &Object) -> Object {
        compare::with_applied_images(desired, live, &self.goal.images, &self.goal.image_paths)
    }
}

/// Objects that a sentence names; more are counted.
const NAMED: usize = 10;

fn sync_of(found: &ObjectComparison) -> SyncState {
    // What the environment expects is no difference here.
    let unexpected: Vec<&FieldChange> = found.unexpected_changes().collect();
    if let Some(first) = unexpected.first() {
        let more = match unexpected.len() - 1 {
            0 => String::new(),
            1 => "; 1 more field differs".to_owned(),
            more => format!("; {more} more fields differ"),
        };
        return SyncState::Drifted(describe(first) + &more);
    }

    match &found.status {
        ObjectStatus::BeingDeleted { .. } => SyncState::Drifted("is being deleted".into()),
        ObjectStatus::NotChecked { why }
        | ObjectStatus::NotVerified { why }
        | ObjectStatus::Refused { why, .. } => SyncState::NotChecked(format!("not compared: {why}")),
        _ if found.certainty == Certainty::Predicted => SyncState::ReadOnly,
        _ => SyncState::InSync,
    }
}

/// Which field it is, and who changed it.
fn describe(change: &FieldChange) -> String {
    let path = &change.path;
    let by = change.owner.as_ref().map(|owner| {
        let manually = if owner.class == ManagerClass::Manual {
            "manually "
        } else {
            ""
        };
        (manually, &owner.manager)
    });

    match (change.kind, by) {
        (ChangeKind::Changed, Some((manually, manager))) => {
            format!("{path} does not have its desired value (changed {manually}by {manager})")
        }
        (ChangeKind::Changed, None) => format!("{path} does not have its desired value"),
        (_, Some((manually, manager))) => {
            format!("{path} is not in the release (added {manually}by {manager})")
        }
        (_, None) => format!("{path} is not in the release (origin unknown)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::ObjectInputs;
    use crate::model::finding::{FieldManager, Operation};
    use crate::model::k8s::kinds::built_in;
    use serde_json::json;

    fn comparison(status: ObjectStatus, changes: Vec<FieldChange>) -> ObjectComparison {
        let target = Target::new(&built_in("", "ConfigMap").unwrap(), Some("shop"), "a");
        let live = json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}});
        let live = Observed::Present(Object::new(live).unwrap());
        ObjectComparison {
            status,
            changes,
            ..compare::object(ObjectInputs::extra(target, live))
        }
    }

    fn change(path: &str, kind: ChangeKind, manager: Option<&str>, class: ManagerClass) -> FieldChange {
        let owner = manager.map(|manager| FieldManager {
            manager: manager.into(),
            operation: Operation::Update,
            subresource: String::new(),
            time: None,
            class,
        });
        FieldChange {
            path: path.parse().unwrap(),
            kind,
            live: Some(json!(1)),
            desired: None,
            owner,
            expected_by: None,
            rule_note: None,
        }
    }

    #[test]
    fn what_differs_is_named_with_who_changed_it() {
        use ChangeKind::{Added, AddedOriginUnknown, Changed};
        use ManagerClass::{Manual, OtherTool, Unknown};

        for (changes, message) in [
            (
                vec![change("/data/A", Changed, Some("helm"), OtherTool)],
                "/data/A does not have its desired value (changed by helm)",
            ),
            (
                vec![
                    change("/data/B", Added, Some("kubectl-patch"), Manual),
                    change("/data/C", Added, Some("kubectl-patch"), Manual),
                ],
                "/data/B is not in the release (added manually by kubectl-patch); 1 more field differs",
            ),
            (
                vec![change("/data/D", AddedOriginUnknown, None, Unknown)],
                "/data/D is not in the release (origin unknown)",
            ),
        ] {
            let found = sync_of(&comparison(ObjectStatus::Changed, changes));
            assert_eq!(found, SyncState::Drifted(message.into()));
        }
    }

    #[test]
    fn an_object_that_is_being_deleted_is_not_in_sync() {
        let going = ObjectStatus::BeingDeleted {
            finalizers: Vec::new(),
        };
        let found = sync_of(&comparison(going, Vec::new()));
        assert_eq!(found, SyncState::Drifted("is being deleted".into()));
    }

    #[test]
    fn what_the_environment_expects_is_in_sync_and_what_gave_no_answer_is_not_checked() {
        let mut expected = change("/data/A", ChangeKind::Changed, None, ManagerClass::Unknown);
        expected.expected_by = Some(0);
        let found = sync_of(&comparison(ObjectStatus::Changed, vec![expected]));
        assert_eq!(found, SyncState::InSync);

        let why = || "no answer".to_owned();
        let found = sync_of(&comparison(ObjectStatus::NotChecked { why: why() }, Vec::new()));
        assert_eq!(found, SyncState::NotChecked("not compared: no answer".into()));

        let mut predicted = comparison(ObjectStatus::Same, Vec::new());
        predicted.certainty = Certainty::Predicted;
        assert_eq!(sync_of(&predicted), SyncState::ReadOnly);
    }
}
