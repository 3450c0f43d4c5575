//! Where an object stands in its step, told from the object alone: done, not done, or changed by somebody
//! else. Pure; the same for the first try, for a try after a lost answer, and for a run that takes another
//! one's work up.
//!
//! What the plan saw is told by uid and by the hash of the content: every write of a status moves the
//! resourceVersion. What we made is told by our entry in managedFields and by the label of the set. Whatever
//! is neither as planned, nor on the way to the target by our own hand, is somebody else's: it is named, and
//! nothing is written over it.

use crate::model::journal::{Journal, StepPart, StepState};
use crate::model::k8s::allocation::without_allocated;
use crate::model::k8s::entries::is_our_apply_entry;
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::phrase::list_first;
use crate::model::plan::{Action, Expect};
use crate::model::{FieldPath, Object};
use crate::objects::{
    differing, expect_holds, is_emptied_alone, is_lost_default, same_content, same_ownership,
};
use crate::preflight::dropped;
use serde_json::Value;

/// Where an object stands in its step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StepStatus {
    /// As the plan saw it: the step is to be done.
    NotDone,
    /// What goes before the apply is done already, and the apply is to be done.
    TakenOver,
    /// The step is done.
    Done,
    /// It is on its way out.
    Going,
    /// Somebody else changed it: who changed what.
    Foreign(String),
}

/// Where `live` stands in a step.
pub(super) fn step_status(part: &StepPart, live: Option<&Object>) -> StepStatus {
    match (&part.step.action, live) {
        (Action::Delete { .. }, None) => StepStatus::Done,
        (Action::Create { .. } | Action::Recreate { .. }, None) => StepStatus::NotDone,
        (Action::Apply { .. }, None) => StepStatus::Foreign("was deleted by another client".into()),
        (action, Some(live)) => {
            // Whoever deletes it: what is left of it says nothing of the step.
            if live.at("/metadata/deletionTimestamp").is_some() {
                return StepStatus::Going;
            }

            match action {
                Action::Create { object } => {
                    if is_made_by(object, live) {
                        return StepStatus::Done;
                    }
                    StepStatus::Foreign(format!("already exists, created by {}", makers(live)))
                }
                Action::Recreate { object } => recreated(part, object, live),
                Action::Apply { .. } => applied(part, live),
                Action::Delete { .. } => deleted(part, live),
            }
        }
    }
}

fn recreated(part: &StepPart, object: &Object, live: &Object) -> StepStatus {
    // The uid tells the old one from the one that takes its place.
    let is_old = matches!(&part.step.expect, Expect::Present { uid, .. } if uid == live.uid());
    if is_old {
        return if holds(part, live) {
            StepStatus::NotDone
        } else {
            foreign(part, live)
        };
    }
    if is_made_by(object, live) {
        StepStatus::Done
    } else {
        foreign(part, live)
    }
}

fn deleted(part: &StepPart, live: &Object) -> StepStatus {
    match &part.step.expect {
        // The one to delete is gone; another one is none of ours.
        Expect::Present { uid, .. } if uid != live.uid() => StepStatus::Done,
        // This promotion made it: it goes whatever became of its content.
        Expect::Made { uid } if live.has_uid(uid.as_ref()) => StepStatus::NotDone,
        // Where the step made nothing, nothing is deleted.
        Expect::Made { .. } => StepStatus::Done,
        _ if holds(part, live) => StepStatus::NotDone,
        _ => foreign(part, live),
    }
}

/// A step on what another step of its plan made, with the uid that the journal has of it; none for any other step.
pub(super) fn with_known_uid(part: &StepPart, journal: &Journal) -> Option<StepPart> {
    if !matches!(part.step.expect, Expect::Made { .. }) {
        return None;
    }

    let made = journal
        .steps
        .iter()
        .find(|step| !step.prune && step.target == part.step.target);
    let uid = match made.map(|step| &step.state) {
        Some(StepState::Done { uid, .. }) => uid.clone(),
        _ => None,
    };

    let mut known = part.clone();
    known.step.expect = Expect::Made { uid };
    Some(known)
}

fn applied(part: &StepPart, live: &Object) -> StepStatus {
    let Action::Apply { object, expected, .. } = &part.step.action else {
        return StepStatus::NotDone;
    };
    let Expect::Present { uid, .. } = &part.step.expect else {
        return foreign(part, live);
    };

    if uid != live.uid() {
        return StepStatus::Foreign(format!("was recreated by {}", makers(live)));
    }
    // First of all: what goes before the apply would pass for somebody's change below.
    if is_prepared(part, live) {
        return StepStatus::TakenOver;
    }
    if holds(part, live) {
        return StepStatus::NotDone;
    }
    // Without our entry no apply of ours was done: the change is another client's.
    if !is_ours(object, live) {
        return foreign(part, live);
    }

    match remainder(&part.step.changes, object, expected, live) {
        Remainder::Nothing => StepStatus::Done,
        Remainder::LostDefaults => StepStatus::TakenOver,
        Remainder::More => foreign(part, live),
    }
}

/// Whether what goes before an apply is done, and nothing else: its owners are taken over, or a field is emptied.
fn is_prepared(part: &StepPart, live: &Object) -> bool {
    let (
        Action::Apply {
            object,
            take_over,
            expected,
        },
        Some(before),
    ) = (&part.step.action, &part.before)
    else {
        return false;
    };

    let has_owners = take_over
        .as_ref()
        .is_some_and(|entries| same_ownership(entries, live.managed_fields()));
    has_owners && same_content(before, live) || is_emptied_alone(object, expected, before, live)
}

/// What an object that we applied still lacks of its step.
enum Remainder {
    Nothing,
    /// What the apply took away and the target has by a default: it is sent after the apply.
    LostDefaults,
    More,
}

fn remainder(changes: &[FieldPath], sent: &Object, expected: &Object, live: &Object) -> Remainder {
    // Addresses and node ports that nobody names are the server's choice, and no difference.
    let (wanted, found) = (without_allocated(expected, sent), without_allocated(live, sent));

    // Without a list of changes the whole object has to be as expected.
    if changes.is_empty() {
        return if same_content(&wanted, &found) {
            Remainder::Nothing
        } else {
            Remainder::More
        };
    }

    let differs = |path: &&FieldPath| path.get(wanted.value()) != path.get(found.value());
    let mut missing = changes.iter().filter(differs).peekable();
    if missing.peek().is_none() {
        Remainder::Nothing
    } else if missing.all(|path| is_lost_default(path, sent, expected, live)) {
        Remainder::LostDefaults
    } else {
        Remainder::More
    }
}

/// Whether the plan's expectation holds, or what moved since is of no concern to the approved difference: labels and
/// annotations that the step neither sends nor changes.
fn holds(part: &StepPart, live: &Object) -> bool {
    if expect_holds(&part.step, Some(live)) {
        return true;
    }

    let Some(before) = &part.before else { return false };
    if before.uid() != live.uid() {
        return false;
    }

    let sent = part.step.action.object();
    let mut paths = differing(before, live).into_iter().peekable();
    // Where no field differs, the owners do: what an apply takes away depends on these.
    let ownership_alone = paths.peek().is_none();
    !ownership_alone
        && paths.all(|path| {
            let text = path.to_string();
            let aside = text.starts_with("/metadata/labels/") || text.starts_with("/metadata/annotations/");
            aside
                && sent.is_none_or(|sent| path.get(sent.value()).is_none())
                && !part.step.changes.contains(&path)
        })
}

/// Our own entry of managedFields.
pub(super) fn our_entry(object: &Object) -> Option<&Value> {
    object
        .managed_fields()
        .iter()
        .find(|entry| is_our_apply_entry(entry))
}

/// Whether we applied it into the set that `sent` belongs to.
fn is_ours(sent: &Object, live: &Object) -> bool {
    our_entry(live).is_some() && live.label(APPLYSET_PART_OF_LABEL) == sent.label(APPLYSET_PART_OF_LABEL)
}

/// Whether `live` is what our create of `sent` made.
pub(super) fn is_made_by(sent: &Object, live: &Object) -> bool {
    is_ours(sent, live) && dropped(sent.value(), live.value()).is_empty() && is_ours_from_birth(live)
}

/// Whether our apply is not younger than the object: a younger one went into what somebody else had made.
fn is_ours_from_birth(live: &Object) -> bool {
    let applied = our_entry(live)
        .and_then(|entry| entry["time"].as_str())
        .unwrap_or_default();
    let created = live.text("/metadata/creationTimestamp");
    // Both are RFC 3339 in UTC with whole seconds: their order as texts is their order in time.
    applied.is_empty() || created.is_empty() || applied <= created
}

/// The managers that an object names.
fn makers(live: &Object) -> String {
    let mut names: Vec<&str> = live
        .managed_fields()
        .iter()
        .filter_map(|entry| entry["manager"].as_str())
        .collect();

    names.dedup();
    if names.is_empty() {
        "another client".into()
    } else {
        names.join(", ")
    }
}

fn foreign(part: &StepPart, live: &Object) -> StepStatus {
    StepStatus::Foreign(who_changed(part.before.as_ref(), live))
}

/// Who changed what since: the entries of managedFields that are new or say something else, and the fields.
pub(super) fn who_changed(before: Option<&Object>, live: &Object) -> String {
    let Some(before) = before else {
        return format!("already exists, created by {}", makers(live));
    };
    if before.uid() != live.uid() {
        return format!("recreated by {}", makers(live));
    }

    let paths: Vec<String> = differing(before, live).iter().map(FieldPath::to_string).collect();
    let shown = match paths.len() {
        0 => "its owners".to_owned(),
        _ => list_first(paths.iter(), 4, ", "),
    };
    // The time tells a second edit by the same hand.
    let known = |entry: &Value| {
        before.managed_fields().iter().any(|other| {
            ["manager", "operation", "subresource", "fieldsV1", "time"]
                .iter()
                .all(|f| entry[*f] == other[*f])
        })
    };

    let managers: Vec<String> = live
        .managed_fields()
        .iter()
        .filter(|entry| entry["subresource"] != "status" && !known(entry))
        .map(|entry| {
            let name = entry["manager"].as_str().unwrap_or("another client");
            entry["time"]
                .as_str()
                .map_or_else(|| name.to_owned(), |time| format!("{name} at {time}"))
        })
        .collect();

    let by = if managers.is_empty() {
        "another client".into()
    } else {
        managers.join(", ")
    };
    format!("{shown} changed by {by}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::names::FIELD_MANAGER;
    use serde_json::json;

    fn set(strategy: &Value, replicas: u32, manager: &str) -> Value {
        json!({"apiVersion": "apps/v1", "kind": "StatefulSet",
            "metadata": {"name": "db", "namespace": "shop", "uid": "u", "resourceVersion": "7", "managedFields": [
                {"manager": manager, "operation": "Apply", "fieldsV1": {"f:spec": {"f:replicas": {}}}}]},
            "spec": {"replicas": replicas, "updateStrategy": strategy}})
    }

    /// A step whose apply takes the update strategy's numbers away, which the server fills in for none but a new object.
    fn step() -> StepPart {
        let rolling = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});
        let numbers = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 3}});
        let mut sent = set(&json!({"type": "RollingUpdate"}), 2, FIELD_MANAGER);
        sent["metadata"] = json!({"name": "db", "namespace": "shop"});
        serde_json::from_value(json!({
            "before": set(&numbers, 1, FIELD_MANAGER),
            "step": {"id": 0, "wave": 0, "why": "", "undo": {"type": "restore"},
                "target": {"name": "db", "namespace": "shop", "resource":
                    {"group": "apps", "version": "v1", "kind": "StatefulSet", "plural": "statefulsets", "namespaced": true}},
                "expect": {"type": "present", "uid": "u", "content": "of before"},
                "action": {"type": "apply", "object": sent, "expected": set(&rolling, 2, FIELD_MANAGER)},
                "changes": ["/spec/replicas", "/spec/updateStrategy/rollingUpdate"]}
        }))
        .unwrap()
    }

    fn stands(live: Value) -> StepStatus {
        step_status(&step(), Some(&Object::new(live).unwrap()))
    }

    #[test]
    fn an_apply_whose_lost_default_is_still_to_be_sent_is_gone_on_with() {
        let lost = json!({"type": "RollingUpdate"});
        let whole = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 0}});

        assert_eq!(stands(set(&lost, 2, FIELD_MANAGER)), StepStatus::TakenOver);
        assert_eq!(stands(set(&whole, 2, FIELD_MANAGER)), StepStatus::Done);
        // What the apply itself brings is not there.
        assert!(matches!(
            stands(set(&lost, 5, FIELD_MANAGER)),
            StepStatus::Foreign(_)
        ));

        let other = json!({"type": "RollingUpdate", "rollingUpdate": {"partition": 9}});
        assert!(matches!(
            stands(set(&other, 2, FIELD_MANAGER)),
            StepStatus::Foreign(_)
        ));
    }
}
