//! Data that a plan deletes: claims that a StatefulSet's retention policy deletes with its pods or with itself, claims
//! and volumes that are pruned or replaced, and all claims of a namespace that goes. None of it can be undone: a revert
//! brings back claims, and not what they held.
//!
//! The plan deletes most of it through others: the StatefulSet controller, the garbage collector, the namespace's end. So
//! each claim is named with the step that leads to it. The same rules tell what a revert of the promotion would delete.

use super::claims::{
    Ordinals, claims_of, deletes_when_deleted, deletes_when_scaled, is_owned, may_hold_data, ordinal_of,
};
use super::findings::{note, refuse};
use super::policy::{PlanPolicy, Planned};
use crate::model::check::Check;
use crate::model::finding::{Comparison, ObjectComparison, ObjectStatus};
use crate::model::plan::{Action, DataLoss, Plan, PlanStep};
use crate::model::{Object, ObjectId};
use std::collections::{BTreeSet, HashMap};

/// The namespaces whose claims have to be known before a plan's data loss is: those with a StatefulSet that goes, or that
/// changes and deletes claims, and those that leave the release.
pub fn claims_needed(comparison: &Comparison) -> BTreeSet<String> {
    // Nowhere else: not everybody may list claims, and what cannot be read refuses.
    let namespace = |object: &ObjectComparison| {
        let id = object.id();
        let has_claims = || {
            object
                .live
                .object()
                .is_some_and(|set| set.at("/spec/volumeClaimTemplates").is_some())
        };

        // Live's policy counts when the set goes, desired's when it is scaled.
        let versions = [object.live.object(), object.desired.as_ref()];
        let deletes_claims = || {
            let mut versions = versions.iter().flatten();
            versions.any(|set| deletes_when_scaled(set) || deletes_when_deleted(set))
        };

        match (&*id.group, &*id.kind) {
            // Whatever its policy: an earlier one may have made the set the owner of its claims.
            ("apps", "StatefulSet") if object.status == ObjectStatus::Extra && has_claims() => id.namespace,
            ("apps", "StatefulSet")
                if object.status != ObjectStatus::Same && has_claims() && deletes_claims() =>
            {
                id.namespace
            }
            ("", "Namespace") if object.status == ObjectStatus::Extra => Some(id.name),
            _ => None,
        }
    };
    comparison.objects.iter().filter_map(namespace).collect()
}

/// Names in the plan what data it deletes. What the caller has not allowed by name is refused.
pub fn name_data_loss(
    planned: &mut Planned,
    comparison: &Comparison,
    claims: &[Object],
    policy: &PlanPolicy,
) {
    planned.plan.data_loss = losses(&planned.plan, comparison, claims);

    for lost in &planned.plan.data_loss {
        // Each by its own name: what was allowed for one volume says nothing of the next.
        let name = allowance(&lost.object);
        let is_allowed = policy
            .allow_data_loss
            .iter()
            .any(|allowed| allowed.eq_ignore_ascii_case(&name));

        let message = format!("data will be lost: {}", lost.why);

        planned.findings.push(if is_allowed {
            note(Check::DataLoss, Some(&lost.object), message)
        } else {
            let hint = format!("add --allow-data-loss {name} to delete its data");
            refuse(Check::DataLoss, Some(&lost.object), message, Some(hint))
        });
    }
}

/// How the caller names an object whose data may be deleted.
pub fn allowance(id: &ObjectId) -> String {
    let namespace = id
        .namespace
        .as_ref()
        .map(|namespace| format!("{namespace}/"))
        .unwrap_or_default();
    format!("{}/{namespace}{}", id.kind, id.name)
}

fn losses(plan: &Plan, comparison: &Comparison, claims: &[Object]) -> Vec<DataLoss> {
    let live: HashMap<ObjectId, &Object> = comparison
        .objects
        .iter()
        .filter_map(|object| Some((object.id(), object.live.object()?)))
        .collect();

    // A claim can go by its own step and with its set: it is named once, by the step that comes first.
    let mut seen = BTreeSet::new();
    let mut losses = Vec::new();

    for step in plan.steps.iter().chain(&plan.prune) {
        let Some(live) = live.get(&step.target.id()) else {
            continue;
        };

        let change = match &step.action {
            Action::Delete { .. } => Change::Goes("deleted"),
            Action::Recreate { .. } => Change::Goes("replaced"),
            // The dry run's answer and not the manifest: what that leaves open has a default.
            Action::Apply { expected, .. } => Change::Becomes(expected),
            // What a creation finds is on its way out already, by somebody else's hand.
            _ => continue,
        };

        let (lost, why) = lost_by(&step.target.id(), change, live, claims);
        for object in lost.into_iter().filter(|object| seen.insert(object.id())) {
            let (object, uid) = (object.id(), object.uid().to_owned());
            losses.push(DataLoss {
                object,
                uid,
                step: step.id,
                why: why.clone(),
            });
        }
    }

    losses
}

/// What data goes when `live` is put back to `before`, or deleted where it was not there before; none where nothing does.
pub fn data_lost_by_undo(before: Option<&Object>, live: &Object) -> Option<String> {
    // A note on an undo that is done: no claims are read for it, the policies alone tell.
    let gvk = live.gvk();

    let has_claims = || live.at("/spec/volumeClaimTemplates").is_some();

    match ((&*gvk.group, &*gvk.kind), before) {
        (("", "PersistentVolumeClaim"), None) if may_hold_data(live) => Some("deleted with its data".into()),
        (("apps", "StatefulSet"), None) if has_claims() && deletes_when_deleted(live) => {
            Some("its PersistentVolumeClaims are deleted with their data (whenDeleted: Delete)".into())
        }
        (("apps", "StatefulSet"), Some(before)) if has_claims() && deletes_when_scaled(before) => {
            let (from, to) = (Ordinals::new(live).replicas, Ordinals::new(before).replicas);
            (to < from).then(|| {
                format!("scaled from {from} to {to}: the PersistentVolumeClaims of those pods are deleted with their data (whenScaled: Delete)")
            })
        }
        _ => None,
    }
}

/// What happens to an object.
#[derive(Clone, Copy)]
enum Change<'a> {
    /// It is deleted, or replaced.
    Goes(&'static str),
    /// It is changed to this.
    Becomes(&'a Object),
}

/// What loses its data when a step is undone, and how: `before` is what was there before it.
pub fn lost_by_undo<'a>(
    step: &PlanStep,
    before: Option<&Object>,
    live: &'a Object,
    claims: &'a [Object],
) -> (Vec<&'a Object>, String) {
    let change = match before {
        None => Change::Goes("deleted"),
        Some(_) if matches!(step.action, Action::Recreate { .. }) => Change::Goes("replaced"),
        Some(before) => Change::Becomes(before),
    };
    lost_by(&step.target.id(), change, live, claims)
}

/// What loses its data by a change, and how.
fn lost_by<'a>(
    id: &ObjectId,
    change: Change<'_>,
    live: &'a Object,
    claims: &'a [Object],
) -> (Vec<&'a Object>, String) {
    match (&*id.group, &*id.kind, change) {
        ("apps", "StatefulSet", Change::Goes(verb)) => {
            let (lost, why) = lost_with_set(live, claims);
            (lost, format!("{id} is {verb}, and {why}"))
        }
        // The policy that it gets: it is in force by the time the controller scales.
        ("apps", "StatefulSet", Change::Becomes(to)) if deletes_when_scaled(to) => {
            let (from, to) = (Ordinals::new(live), Ordinals::new(to));
            let (before, after) = (from.replicas, to.replicas);
            let policy = "persistentVolumeClaimRetentionPolicy.whenScaled is Delete";
            let why = format!("{id} is scaled from {before} to {after}, and {policy}");
            (lost_by_scaling(live, &from, &to, claims), why)
        }
        // An empty claim goes without a word: a new one is as good.
        ("", "PersistentVolumeClaim", Change::Goes(verb)) if may_hold_data(live) => {
            (vec![live], format!("the PersistentVolumeClaim is {verb}"))
        }
        // With any other policy the storage stays, and an administrator can bind it again.
        ("", "PersistentVolume", Change::Goes(verb))
            if live.text("/spec/persistentVolumeReclaimPolicy") == "Delete" =>
        {
            let why =
                format!("the PersistentVolume is {verb}, and its persistentVolumeReclaimPolicy is Delete");
            (vec![live], why)
        }
        // Whoever made them: all that lies in it goes, members or not.
        ("", "Namespace", Change::Goes(verb)) => {
            let is_inside =
                |claim: &&Object| claim.namespace() == Some(id.name.as_str()) && may_hold_data(claim);
            let lost = claims.iter().filter(is_inside).collect();
            (lost, format!("{id} is {verb}"))
        }
        // What an operator deletes along with a custom resource of its own is not known here.
        _ => Default::default(),
    }
}

/// The claims that go with a set that goes.
fn lost_with_set<'a>(set: &Object, claims: &'a [Object]) -> (Vec<&'a Object>, &'static str) {
    // Live's policy: the plan changes nothing of a set that goes.
    let by_policy = deletes_when_deleted(set);
    // The garbage collector follows owner references, whatever the policy says by then.
    let is_lost = |claim: &&Object| (by_policy || is_owned(claim, set)) && may_hold_data(claim);
    let lost = claims_of(set, claims).into_iter().filter(is_lost).collect();

    let why = if by_policy {
        "persistentVolumeClaimRetentionPolicy.whenDeleted is Delete"
    } else {
        "it owns the PersistentVolumeClaim"
    };
    (lost, why)
}

/// The claims of the pods that a scaling takes away: by ordinals, for a set whose first ordinal moves loses the pods at its
/// beginning.
fn lost_by_scaling<'a>(
    set: &Object,
    from: &Ordinals,
    to: &Ordinals,
    claims: &'a [Object],
) -> Vec<&'a Object> {
    let goes = |ordinal: u64| from.holds(ordinal) && !to.holds(ordinal);
    let is_lost = |claim: &&Object| may_hold_data(claim) && ordinal_of(set, claim).is_some_and(goes);
    claims_of(set, claims).into_iter().filter(is_lost).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(replicas: u32, start: u32, scaled: &str, deleted: &str) -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "StatefulSet", "metadata": {"name": "db", "namespace": "shop"},
            "spec": {"replicas": replicas, "ordinals": {"start": start},
                "persistentVolumeClaimRetentionPolicy": {"whenScaled": scaled, "whenDeleted": deleted},
                "volumeClaimTemplates": [{"metadata": {"name": "data"}}]}}))
        .unwrap()
    }

    fn claims() -> Vec<Object> {
        let claim = |name: &str, volume: &str| {
            Object::new(json!({"apiVersion": "v1", "kind": "PersistentVolumeClaim",
                "metadata": {"name": name, "namespace": "shop", "uid": name}, "spec": {"volumeName": volume}}))
            .unwrap()
        };
        let mut all: Vec<Object> = (0..4).map(|n| claim(&format!("data-db-{n}"), "pv")).collect();
        all.extend([
            // A set of a longer name, a template that there is none of, and a claim that was never bound.
            claim("data-db-other-0", "pv"),
            claim("logs-db-1", "pv"),
            claim("data-db-9", ""),
        ]);
        all
    }

    fn lost(change: Change<'_>, live: &Object) -> Vec<String> {
        lost_of(change, live, &claims())
    }

    fn lost_of(change: Change<'_>, live: &Object, claims: &[Object]) -> Vec<String> {
        let (lost, why) = lost_by(&live.id(), change, live, claims);
        assert!(lost.is_empty() || !why.is_empty());
        lost.into_iter().map(|claim| claim.name().to_owned()).collect()
    }

    fn scaled(live: &Object, to: &Object) -> Vec<String> {
        lost(Change::Becomes(to), live)
    }

    #[test]
    fn claims_go_with_pods_that_a_scaling_deletes_where_the_new_policy_says_so() {
        let live = set(3, 0, "Retain", "Retain");

        assert_eq!(
            scaled(&live, &set(1, 0, "Delete", "Retain")),
            ["data-db-1", "data-db-2"]
        );
        assert_eq!(scaled(&live, &set(0, 0, "Delete", "Retain")).len(), 3);
        // The first ordinal moves up: the pods at the beginning go, however many there are to be.
        assert_eq!(
            scaled(&live, &set(2, 2, "Delete", "Retain")),
            ["data-db-0", "data-db-1"]
        );

        for retained in [
            // Nothing goes: pods keep their claims, no pod goes, or pods come.
            set(1, 0, "Retain", "Delete"),
            set(3, 0, "Delete", "Delete"),
            set(5, 0, "Delete", "Delete"),
        ] {
            assert!(scaled(&live, &retained).is_empty());
        }
    }

    #[test]
    fn data_that_a_revert_deletes_is_told() {
        let is_lost = |before: Option<&Object>, live: &Object| data_lost_by_undo(before, live).is_some();
        let (few, many) = (set(1, 0, "Delete", "Retain"), set(3, 0, "Delete", "Retain"));
        // Back to fewer pods, and back to more.
        assert!(is_lost(Some(&few), &many) && !is_lost(Some(&many), &few));
        assert!(!is_lost(Some(&set(1, 0, "Retain", "Delete")), &many));
        // Created by the promotion: it goes, and its policy says with what.
        assert!(is_lost(None, &set(1, 0, "Retain", "Delete")) && !is_lost(None, &many));
        assert!(is_lost(None, &claims()[0]) && !is_lost(None, &claims()[6]));
    }

    #[test]
    fn all_claims_go_with_a_set_whose_live_policy_says_so() {
        let delete = || Change::Goes("deleted");
        assert_eq!(lost(delete(), &set(1, 0, "Retain", "Delete")).len(), 4);
        assert!(lost(delete(), &set(1, 0, "Delete", "Retain")).is_empty());

        // Owned since another policy, of which nothing is left to be seen.
        let mut owned = claims();
        owned[1].value_mut()["metadata"]["ownerReferences"] = json!([{"uid": ""}]);
        assert_eq!(
            lost_of(delete(), &set(1, 0, "Retain", "Retain"), &owned),
            ["data-db-1"]
        );

        let replaced = Change::Goes("replaced");
        assert_eq!(lost(replaced, &set(1, 0, "Retain", "Delete")).len(), 4);
    }

    #[test]
    fn a_claim_a_volume_and_a_namespace_that_go_take_data_along() {
        let delete = || Change::Goes("deleted");

        assert_eq!(lost(delete(), &claims()[0]), ["data-db-0"]);
        assert!(lost(delete(), &claims()[6]).is_empty(), "it never had a volume");

        let volume = |policy: &str| {
            Object::new(
                json!({"apiVersion": "v1", "kind": "PersistentVolume", "metadata": {"name": "pv"},
                "spec": {"persistentVolumeReclaimPolicy": policy}}),
            )
            .unwrap()
        };

        assert_eq!(lost(delete(), &volume("Delete")), ["pv"]);
        assert!(lost(delete(), &volume("Retain")).is_empty());

        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}});
        assert_eq!(lost(delete(), &Object::new(namespace).unwrap()).len(), 6);
    }
}
