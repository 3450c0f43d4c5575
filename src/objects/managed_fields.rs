//! managedFields (KEP-555): who owns which field, and which lists have keys.
//!
//! Entries are read here and never changed. An entry that ends above a path owns it too, as the whole that it is a
//! part of. The schema that would tell an atomic map from one that was emptied is not at hand: live and the other
//! entries tell. Status belongs to nobody here. A manager's name is what it calls itself: a class hides no field.

use crate::model::finding::{FieldManager, ManagerClass, Operation};
use crate::model::k8s::entries::is_status_entry;
use crate::model::names::FIELD_MANAGER;
use crate::model::path::Step;
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// The managers of an object, each with its fields.
pub struct Owners<'a> {
    live: &'a Object,
    entries: Vec<(FieldManager, &'a Value)>,
}

impl<'a> Owners<'a> {
    /// Of an object's entries, those of status left out.
    pub fn from_object(object: &'a Object) -> Self {
        let is_content = |entry: &&Value| !is_status_entry(entry);
        let entry = |entry: &'a Value| (ownership(entry), &entry["fieldsV1"]);
        Self {
            live: object,
            entries: object
                .managed_fields()
                .iter()
                .filter(is_content)
                .map(entry)
                .collect(),
        }
    }

    /// The object whose fields they are.
    pub fn object(&self) -> &'a Object {
        self.live
    }

    /// Who owns the field at `path`: of several, the one who decides least by habit. A person before a tool, a tool
    /// before us.
    pub fn owner(&self, path: &FieldPath) -> Option<&FieldManager> {
        let of_path = self
            .entries
            .iter()
            .filter(|(_, fields)| owns(fields, path) && !self.is_emptied(fields, path));

        of_path
            .map(|(owner, _)| owner)
            .min_by_key(|owner| match owner.class {
                ManagerClass::Autoscaler => 0,
                ManagerClass::Manual => 1,
                ManagerClass::OtherTool => 2,
                ManagerClass::Controller => 3,
                ManagerClass::Unknown => 4,
                // Last: beside ours, another's claim on the same field must not go unsaid.
                ManagerClass::Ours => 5,
            })
    }

    /// Whether all that the entry has above `path` is a map that was emptied: of what is put there it says nothing.
    fn is_emptied(&self, fields: &Value, path: &FieldPath) -> bool {
        let steps = path.steps();
        let is_end = |end: &usize| {
            descend(fields, &steps[..*end])
                .and_then(Value::as_object)
                .is_some_and(|map| map.is_empty())
        };

        // A manager whose last key in a map is gone keeps an entry for the map alone,
        // which reads like an atomic whole.
        let Some(end) = (1..steps.len()).find(is_end) else {
            return false;
        };

        let above = FieldPath::from_steps(steps[..end].to_vec());
        let is_empty = |value: &Value| value.as_object().is_some_and(|map| map.is_empty()) || value.is_null();
        // An atomic map is nobody's but as a whole; what others name parts of is none.
        let has_parts = |(_, fields): &(FieldManager, &Value)| {
            descend(fields, above.steps())
                .and_then(Value::as_object)
                .is_some_and(|map| !map.is_empty())
        };

        above.get(self.live.value()).is_none_or(is_empty) || self.entries.iter().any(has_parts)
    }

    /// Whether our own apply holds the field at `path`.
    pub fn is_ours(&self, path: &FieldPath) -> bool {
        self.entries
            .iter()
            .any(|(owner, fields)| is_our_apply(owner) && owns(fields, path))
    }

    /// Whether our own apply names the field at `path`, or one below it: not only a whole above it.
    pub fn is_member_of_ours(&self, path: &FieldPath) -> bool {
        // `descend` and not `owns`: an entry that ends above the path names no member of it.
        let mut ours = self.entries.iter().filter(|(owner, _)| is_our_apply(owner));
        ours.any(|(_, fields)| descend(fields, path.steps()).is_some())
    }

    /// Whether an entry owns the place and names nothing below it.
    pub fn is_leaf(&self, path: &FieldPath) -> bool {
        let at = |fields: &Value| {
            descend(fields, path.steps())
                .and_then(Value::as_object)
                .map(|map| map.is_empty())
        };

        self.entries.iter().any(|(_, fields)| at(fields) == Some(true))
    }

    /// Whether the place is owned as a whole: it, or one above it, is a leaf of an entry.
    pub fn is_whole(&self, path: &FieldPath) -> bool {
        let steps = path.steps();
        (1..=steps.len()).any(|end| self.is_leaf(&FieldPath::from_steps(steps[..end].to_vec())))
    }

    /// Whether an entry other than that one holds the field at `path`.
    pub fn is_others(&self, path: &FieldPath) -> bool {
        self.entries
            .iter()
            .any(|(owner, fields)| !is_our_apply(owner) && owns(fields, path))
    }

    /// The fields that each manager owns besides status, as their deepest paths.
    pub fn fields(&self) -> impl Iterator<Item = (&FieldManager, Vec<FieldPath>)> {
        self.fields_of(|_| true)
    }

    /// The same of some managers alone: paths are many.
    pub fn fields_of(
        &self,
        is_wanted: impl Fn(&FieldManager) -> bool,
    ) -> impl Iterator<Item = (&FieldManager, Vec<FieldPath>)> {
        let wanted = self.entries.iter().filter(move |(owner, _)| is_wanted(owner));

        // A custom kind without a status subresource has its status in the same entries as its spec.
        wanted.map(|(owner, fields)| (owner, leaves_where(fields, &|key| key != "f:status")))
    }

    /// How the items of the list at `path` are told apart, where any manager's entry says so.
    pub fn list_steps(&self, path: &FieldPath) -> Vec<Step> {
        let at = |fields: &Value| descend(fields, path.steps()).cloned();
        // Every entry is asked: each names only the items of which its manager holds something.
        let steps = |fields: Value| fields.as_object().into_iter().flat_map(keys).collect::<Vec<_>>();
        self.entries
            .iter()
            .filter_map(|(_, fields)| at(fields))
            .flat_map(steps)
            .collect()
    }
}

/// Whether it is what our own applies own: [`is_our_apply_entry`] of an owner.
///
/// [`is_our_apply_entry`]: crate::model::k8s::entries::is_our_apply_entry
pub fn is_our_apply(owner: &FieldManager) -> bool {
    // An update under our name (ownership written, a map emptied) owns nothing
    // that the next apply would take away.
    owner.class == ManagerClass::Ours && owner.operation == Operation::Apply && owner.subresource.is_empty()
}

fn keys(map: &serde_json::Map<String, Value>) -> Vec<Step> {
    map.keys().filter_map(|key| Step::from_fields_v1(key)).collect()
}

fn descend<'v>(fields: &'v Value, steps: &[Step]) -> Option<&'v Value> {
    let mut at = fields;
    for step in steps {
        // Compared as steps and not as texts: the JSON of a key may be written in more than one way.
        at = at
            .as_object()?
            .iter()
            .find(|(key, _)| Step::from_fields_v1(key).as_ref() == Some(step))?
            .1;
    }
    Some(at)
}

/// Whether a set owns `path`: itself, something under it, or the whole that it is a part of.
fn owns(fields: &Value, path: &FieldPath) -> bool {
    let mut at = fields;
    for step in path.steps() {
        let Some(map) = at.as_object() else { return false };
        // Nothing is named below: its manager holds this as one value, and with it all that lies in it.
        if map.is_empty() {
            return true;
        }
        match map
            .iter()
            .find(|(key, _)| Step::from_fields_v1(key).as_ref() == Some(step))
        {
            Some((_, below)) => at = below,
            None => return false,
        }
    }
    true
}

/// The leaves of a set: the paths under which it holds nothing more. `.` stands for the path above it.
pub fn leaves(fields: &Value) -> Vec<FieldPath> {
    leaves_where(fields, &|_| true)
}

/// Those below the fields at the root that are wanted, by their names in the set.
fn leaves_where(fields: &Value, is_wanted: &dyn Fn(&str) -> bool) -> Vec<FieldPath> {
    fn walk(at: &Value, path: &FieldPath, is_wanted: &dyn Fn(&str) -> bool, found: &mut Vec<FieldPath>) {
        let below: Vec<_> = at
            .as_object()
            .into_iter()
            .flatten()
            .filter(|(key, _)| is_wanted(key))
            .filter_map(|(key, below)| Some((Step::from_fields_v1(key)?, below)))
            .collect();

        // `.` is no step: an item of which an entry has nothing but its place is a leaf.
        if below.is_empty() && !path.steps().is_empty() {
            found.push(path.clone());
        }
        for (step, value) in below {
            // Only the root's fields are chosen from: deeper down a field may be called like one of them.
            walk(value, &path.with(step), &|_| true, found);
        }
    }

    let mut found = Vec::new();
    walk(fields, &FieldPath::root(), is_wanted, &mut found);
    found
}

fn ownership(entry: &Value) -> FieldManager {
    let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let (manager, subresource) = (text("manager"), text("subresource"));
    let operation = Operation::from_entry(entry);

    let class = class_of(&manager, operation, &subresource);
    // The server notes none for writes through `scale`.
    let time = entry["time"].as_str().and_then(|time| time.parse().ok());

    FieldManager {
        manager,
        operation,
        subresource,
        time,
        class,
    }
}

/// What kind of hand a manager seems to be. A name is a free claim: a label for people.
pub fn class_of(manager: &str, operation: Operation, subresource: &str) -> ManagerClass {
    match (manager, operation, subresource) {
        (FIELD_MANAGER, ..) => ManagerClass::Ours,
        // The HorizontalPodAutoscaler's controller runs in there, and writes through `scale`.
        ("kube-controller-manager", _, "scale") => ManagerClass::Autoscaler,
        // Server-side apply sends manifests; every other command that goes by the bare name is a person's.
        ("kubectl", Operation::Apply, _) => ManagerClass::OtherTool,
        ("kubectl", ..) => ManagerClass::Manual,
        // These send whole manifests: somewhere a file says the same, and its tool is to be asked.
        ("kubectl-client-side-apply" | "kubectl-create" | "kubectl-last-applied" | "kubectl-replace", ..) => {
            ManagerClass::OtherTool
        }
        (
            "kube-controller-manager"
            | "kube-scheduler"
            | "kubelet"
            | "cloud-controller-manager"
            | "kube-apiserver"
            | "cert-manager-cainjector"
            | "cainjector"
            | "kwok-controller",
            ..,
        ) => ManagerClass::Controller,
        // A client that sets no field manager goes by its user agent: browsers and
        // Node stand behind a person's clicks.
        ("k9s" | "lens" | "Lens" | "node-fetch" | "Mozilla" | "dashboard" | "headlamp", ..) => {
            ManagerClass::Manual
        }
        (name, ..) if name.starts_with("kubectl-") => ManagerClass::Manual,
        (name, ..) if name.starts_with("keda") || name.starts_with("vpa-") => ManagerClass::Autoscaler,
        _ => ManagerClass::OtherTool,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(entries: &Value) -> Object {
        Object::new(
            json!({"apiVersion": "v1", "kind": "X", "metadata": {"name": "a", "managedFields": entries}}),
        )
        .unwrap()
    }

    #[test]
    fn a_person_is_named_before_the_tool_that_owns_the_same_field() {
        let both = object(&json!([
            {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}},
            {"manager": "kubectl-edit", "operation": "Update", "fieldsV1": {"f:spec": {"f:paused": {}}}}]));

        let owners = Owners::from_object(&both);
        assert_eq!(
            owners.owner(&"/spec/paused".parse().unwrap()).unwrap().manager,
            "kubectl-edit"
        );
        assert_eq!(owners.owner(&"/spec/other".parse().unwrap()), None);
    }

    #[test]
    fn who_emptied_a_map_owns_nothing_that_is_put_into_it() {
        let emptied = json!({"manager": "kubectl-edit", "operation": "Update",
            "fieldsV1": {"f:metadata": {"f:annotations": {}}}});
        let path: FieldPath = "/metadata/annotations/new".parse().unwrap();

        // Without the map, and with nothing in it: what is put there next is somebody else's.
        let mut gone = object(&json!([emptied]));
        assert_eq!(Owners::from_object(&gone).owner(&path), None);
        gone.value_mut()["metadata"]["annotations"] = json!({});
        assert_eq!(Owners::from_object(&gone).owner(&path), None);

        // Another entry names a part of the map, so that it cannot be atomic.
        let controller = json!({"manager": "kube-controller-manager", "operation": "Update",
            "fieldsV1": {"f:metadata": {"f:annotations": {".": {}, "f:revision": {}}}}});
        let mut shared = object(&json!([emptied, controller]));
        shared.value_mut()["metadata"]["annotations"] = json!({"revision": "1"});
        assert_eq!(Owners::from_object(&shared).owner(&path), None);
    }

    #[test]
    fn a_part_of_an_atomic_map_belongs_to_who_owns_the_map() {
        let mut object = object(&json!([
            {"manager": "helm", "operation": "Update", "fieldsV1": {"f:spec": {"f:selector": {}}}},
            {"manager": "x", "operation": "Update", "subresource": "status", "fieldsV1": {"f:status": {}}}]));
        object.value_mut()["spec"] = json!({"selector": {"app": "web"}});

        let owners = Owners::from_object(&object);
        assert_eq!(
            owners
                .owner(&"/spec/selector/app".parse().unwrap())
                .unwrap()
                .class,
            ManagerClass::OtherTool
        );
        assert_eq!(owners.fields().count(), 1, "status is nobody's to compare");
    }

    #[test]
    fn classes_follow_kubectls_own_names() {
        for (manager, operation, subresource, class) in [
            ("kubectl-edit", Operation::Update, "", ManagerClass::Manual),
            ("kubectl", Operation::Update, "scale", ManagerClass::Manual),
            ("kubectl", Operation::Apply, "", ManagerClass::OtherTool),
            (
                "kubectl-client-side-apply",
                Operation::Update,
                "",
                ManagerClass::OtherTool,
            ),
            (
                "kube-controller-manager",
                Operation::Update,
                "scale",
                ManagerClass::Autoscaler,
            ),
            ("helm", Operation::Update, "", ManagerClass::OtherTool),
            (FIELD_MANAGER, Operation::Apply, "", ManagerClass::Ours),
        ] {
            assert_eq!(class_of(manager, operation, subresource), class, "{manager}");
        }
    }
}
