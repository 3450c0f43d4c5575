//! What a revert would do, as data: worked out by the code that does it, shown, agreed to, and worked out once more under
//! the lock.
//!
//! It holds whole objects, with the values of Secrets: whoever shows it goes through the redactor.

use super::cluster_identity::ClusterIdentity;
use super::identity::ObjectId;
use super::object::Object;
use super::operation::Operation;
use super::path::FieldPath;
use super::release::PublicRelease;
use serde::Serialize;
use std::fmt;

/// What a revert of one promotion would do.
#[derive(Clone, Debug)]
pub struct RollbackPlan {
    /// The id of the promotion that is undone.
    pub promotion: String,
    /// What that run did.
    pub operation: Operation,
    /// What was promoted.
    pub release: PublicRelease,
    /// Where: the cluster and the release namespace in it.
    pub cluster: ClusterIdentity,
    /// Its revision.
    pub revision: u32,
    /// In the order in which they are undone.
    pub steps: Vec<RollbackStep>,
    /// What is promoted afterwards; none where nothing is.
    pub promoted_after: Option<PromotedRevision>,
}

/// One object, and what becomes of it.
#[derive(Clone, Debug)]
pub struct RollbackStep {
    /// The object.
    pub object: ObjectId,
    /// What is done.
    pub action: RollbackAction,
    /// As it is now; none where it is not there.
    pub live: Option<Object>,
    /// As it would be; none where it would not be there, or stays as it is.
    pub restored: Option<Object>,
    /// Where the two differ, of an object that is restored.
    pub changes: Vec<FieldPath>,
    /// What should be known, or why it is not reverted.
    pub notes: Vec<String>,
}

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum RollbackAction {
    /// It was created, and is deleted.
    Delete,
    /// It was changed, and is changed back.
    Restore,
    /// It was deleted or replaced, and is created again, with a new UID.
    Recreate,
    /// Nothing is done, and the revert is complete without it.
    Leave,
    /// It cannot be reverted, and the revert is incomplete.
    NotReverted,
}

/// A promoted revision, as users name it: `shop 1.4.1 (revision 6)`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PromotedRevision {
    /// The release.
    pub release: PublicRelease,
    /// Its revision.
    pub revision: u32,
}

impl fmt::Display for PromotedRevision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let PublicRelease { name, version, .. } = &self.release;
        write!(f, "{name} {version} (revision {})", self.revision)
    }
}

impl RollbackAction {
    /// All of them, in the order in which they are counted.
    pub const ALL: [Self; 5] = [
        Self::Delete,
        Self::Restore,
        Self::Recreate,
        Self::Leave,
        Self::NotReverted,
    ];

    /// What follows a count of such objects.
    fn counted(self) -> &'static str {
        match self {
            Self::Delete => "to delete",
            Self::Restore => "to restore",
            Self::Recreate => "to recreate",
            Self::Leave => "left in place",
            Self::NotReverted => "not reverted",
        }
    }
}

impl RollbackPlan {
    /// The promotion that is undone, as users name it.
    pub fn reverted(&self) -> PromotedRevision {
        PromotedRevision {
            release: self.release.clone(),
            revision: self.revision,
        }
    }

    /// What is done, and where: `revert shop 1.4.2 (revision 7) in …`.
    pub fn title(&self) -> String {
        let what = match self.operation {
            Operation::Promote => "",
            Operation::Delete => "the deletion of ",
        };
        format!("revert {what}{} in {}", self.reverted(), self.cluster)
    }

    /// How many objects have that done to them.
    pub fn count(&self, action: RollbackAction) -> usize {
        self.steps.iter().filter(|step| step.action == action).count()
    }

    /// `1 to delete, 2 to restore`, or that no object changes.
    pub fn totals(&self) -> String {
        let counts = RollbackAction::ALL.map(|action| (self.count(action), action));
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        let texts: Vec<String> = counts
            .map(|(count, action)| format!("{count} {}", action.counted()))
            .collect();
        if texts.is_empty() {
            return "no object to change".into();
        }
        texts.join(", ")
    }

    /// The objects of which the same plan, worked out later, says something else.
    pub fn differing_objects(&self, later: &Self) -> Vec<ObjectId> {
        let find = |plan: &'_ Self, id: &ObjectId| plan.steps.iter().position(|step| step.object == *id);
        let differs =
            |step: &&RollbackStep| find(later, &step.object).is_none_or(|at| !step.is_same(&later.steps[at]));
        let changed = self.steps.iter().filter(differs);
        let new = later
            .steps
            .iter()
            .filter(|step| find(self, &step.object).is_none());
        changed.chain(new).map(|step| step.object.clone()).collect()
    }
}

impl RollbackStep {
    /// Whether both do the same to the same object; what controllers write meanwhile is of no concern.
    fn is_same(&self, other: &Self) -> bool {
        let uid = |object: &Option<Object>| object.as_ref().map(|object| object.uid().to_owned());
        let at = |path: &FieldPath, object: &'_ Option<Object>| {
            object
                .as_ref()
                .and_then(|object| path.get(object.value()))
                .cloned()
        };
        let is_alike = |path: &FieldPath| {
            at(path, &self.live) == at(path, &other.live)
                && at(path, &self.restored) == at(path, &other.restored)
        };

        self.action == other.action
            && self.notes == other.notes
            && self.changes == other.changes
            && uid(&self.live) == uid(&other.live)
            && self.changes.iter().all(is_alike)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn plan(objects: &[(&str, RollbackAction, &str)]) -> RollbackPlan {
        let step = |(name, action, value): &(&str, RollbackAction, &str)| {
            let object = |value: &str| {
                Object::new(json!({"apiVersion": "v1", "kind": "ConfigMap",
                    "metadata": {"name": name, "uid": "u", "resourceVersion": "1"}, "data": {"v": value}}))
                .unwrap()
            };
            RollbackStep {
                object: object(value).id(),
                action: *action,
                live: Some(object(value)),
                restored: Some(object("before")),
                changes: vec!["/data/v".parse().unwrap()],
                notes: Vec::new(),
            }
        };
        RollbackPlan {
            operation: Operation::Promote,
            promotion: "p".into(),
            release: serde_json::from_value(json!({"name": "shop", "version": "1.4.2"})).unwrap(),
            cluster: serde_json::from_value(json!({"server": "https://k8s", "namespace": "shop"})).unwrap(),
            revision: 7,
            steps: objects.iter().map(step).collect(),
            promoted_after: None,
        }
    }

    #[test]
    fn totals_count_what_is_done_and_leave_out_what_is_not() {
        use RollbackAction::{Delete, Restore};
        let all = plan(&[("a", Restore, "1"), ("b", Delete, "1"), ("c", Restore, "1")]);
        assert_eq!(all.totals(), "1 to delete, 2 to restore");
        assert_eq!(plan(&[]).totals(), "no object to change");
        assert_eq!(all.reverted().to_string(), "shop 1.4.2 (revision 7)");
    }

    #[test]
    fn a_plan_names_each_object_of_which_a_later_one_says_something_else() {
        use RollbackAction::{Delete, Leave, Restore};
        let agreed = plan(&[("a", Restore, "1"), ("b", Delete, "1")]);
        let names = |later: &[(&str, RollbackAction, &str)]| -> Vec<String> {
            let found = agreed.differing_objects(&plan(later));
            found.into_iter().map(|id| id.name).collect()
        };

        assert_eq!(names(&[("a", Restore, "1"), ("b", Delete, "1")]), [""; 0]);
        assert_eq!(names(&[("a", Restore, "2"), ("b", Delete, "1")]), ["a"]);
        assert_eq!(names(&[("a", Restore, "1"), ("b", Leave, "1")]), ["b"]);
        assert_eq!(names(&[("b", Delete, "1"), ("c", Delete, "1")]), ["a", "c"]);
    }
}
