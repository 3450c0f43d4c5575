//! Findings that are the same of several objects, so that pages show each once.

use super::starts::{StartCauseView, StartView};
use super::view::{ChangeView, ObjectView, RequirementView, View};
use crate::model::ObjectId;
use serde_json::{Value, json};
use std::collections::{BTreeSet, HashMap};
use std::hash::Hash;

/// More names than these are folded.
pub(super) const FOLDED: usize = 20;

/// Characters of a value that a title shows.
const TITLE_VALUE: usize = 40;

/// Objects of one kind that differ in the same way.
pub(super) struct ObjectGroup {
    /// One of them; times that are not those of all are left out.
    pub object: ObjectView,
    /// All of them.
    pub ids: Vec<ObjectId>,
}

impl ObjectGroup {
    /// The groups of a view, in the order of their first objects.
    pub fn list(view: &View) -> Vec<Self> {
        let groups = group_by(&view.objects, key);
        groups.iter().map(|objects| Self::new(objects)).collect()
    }

    fn new(objects: &[&ObjectView]) -> Self {
        let mut object = objects[0].clone();
        for (at, change) in object.changes.iter_mut().enumerate() {
            let time = |change: &ChangeView| change.owner.as_ref().and_then(|manager| manager.time);
            let is_shared = objects
                .iter()
                .all(|other| time(&other.changes[at]) == time(change));
            if let Some(manager) = change.owner.as_mut().filter(|_| !is_shared) {
                manager.time = None;
            }
        }

        Self {
            object,
            ids: objects.iter().map(|object| object.id.clone()).collect(),
        }
    }

    /// Its drift, where that is one field with short values.
    pub fn only_change(&self) -> Option<&ChangeView> {
        let [change] = self.object.changes.as_slice() else {
            return None;
        };
        let is_short = is_short(change.live.as_ref()) && is_short(change.desired.as_ref());
        let is_all = self.object.status == "changed" && self.object.untested.is_empty();
        (is_short && is_all).then_some(change)
    }
}

/// All that a page shows of an object, but for its name and the times of its changes.
fn key(object: &ObjectView) -> String {
    let mut changes = object.changes.clone();
    for manager in changes.iter_mut().filter_map(|change| change.owner.as_mut()) {
        manager.time = None;
    }

    let ObjectView {
        id,
        status,
        message,
        untested,
        ..
    } = object;
    json!([id.group, id.kind, status, message, changes, untested]).to_string()
}

/// Whether a value can stand in a title.
fn is_short(value: Option<&Value>) -> bool {
    let is_line = |text: &str| text.chars().count() <= TITLE_VALUE && !text.contains('\n');
    match value {
        None => true,
        Some(Value::String(text)) => !text.is_empty() && is_line(text),
        Some(value) => !value.is_object() && !value.is_array(),
    }
}

/// Required objects of one kind with the same finding.
pub(super) struct RequirementGroup<'v> {
    /// Their kind.
    pub kind: &'v str,
    /// The finding.
    pub message: &'v str,
    /// The required objects.
    pub objects: Vec<&'v ObjectId>,
    /// All that use one of them.
    pub used_by: Vec<&'v ObjectId>,
}

impl<'v> RequirementGroup<'v> {
    /// The groups, in the order of their first objects.
    pub fn list(requirements: &'v [RequirementView]) -> Vec<Self> {
        let groups = group_by(requirements, |one| {
            (
                one.object.group.clone(),
                one.object.kind.clone(),
                one.message.clone(),
            )
        });

        let group = |members: Vec<&'v RequirementView>| {
            let used_by: BTreeSet<&ObjectId> = members.iter().flat_map(|one| &one.used_by).collect();
            Self {
                kind: &members[0].object.kind,
                message: &members[0].message,
                objects: members.iter().map(|one| &one.object).collect(),
                used_by: used_by.into_iter().collect(),
            }
        };
        groups.into_iter().map(group).collect()
    }
}

/// Workloads that would not start for the same causes.
pub(super) struct StartGroup<'v> {
    /// What follows their names.
    pub title: &'static str,
    /// All of them.
    pub workloads: Vec<&'v ObjectId>,
    /// The causes.
    pub causes: &'v [StartCauseView],
}

impl<'v> StartGroup<'v> {
    /// The groups, in the order of their first workloads.
    pub fn list(findings: &'v [StartView]) -> Vec<Self> {
        let key = |finding: &StartView| {
            let causes = finding.causes.iter().map(|one| one.message.clone());
            (finding.when, causes.collect::<Vec<_>>())
        };
        let groups = group_by(findings, key).into_iter();
        let group = |members: Vec<&'v StartView>| Self {
            title: members[0].title(),
            workloads: members.iter().map(|finding| &finding.workload).collect(),
            causes: &members[0].causes,
        };
        groups.map(group).collect()
    }
}

/// Items with equal keys together, in the order of the first of each; no group is empty.
fn group_by<T, K: Hash + Eq>(items: &[T], key: impl Fn(&T) -> K) -> Vec<Vec<&T>> {
    let mut places: HashMap<K, usize> = HashMap::new();
    let mut groups: Vec<Vec<&T>> = Vec::new();

    for item in items {
        let place = *places.entry(key(item)).or_insert(groups.len());
        match groups.get_mut(place) {
            Some(group) => group.push(item),
            None => groups.push(vec![item]),
        }
    }
    groups
}
