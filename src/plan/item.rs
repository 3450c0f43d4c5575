//! One desired object on its way into a plan: what is sent, what is taken over, and why.
//!
//! The comparison has found where live differs from its target; here each difference is decided by whose it is. What is
//! somebody else's to decide leaves the body and our entry of `managedFields`, for a forced apply owns whatever it sends.
//! What has to go and is not ours becomes ours first: an apply takes away only what its own entry holds and its body
//! lacks. What a person or another tool set refuses, and the item is made all the same, so that the plan is shown whole.

use super::going::{Going, going};
use super::owners::foreign_owner;
use super::policy::{Policy, note, refuse};
use super::restart::data_differs;
use super::whose::{Decision, decide};
use crate::compare::desired_holds;
use crate::model::check::Check;
use crate::model::finding::{Aside, AsideReason, ObjectComparison, ObjectStatus, Ownership};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::path::Step;
use crate::model::plan::PreflightFinding;
use crate::model::{FieldPath, Object};
use crate::objects::Owners;
use crate::objects::{Change, take_over};
use serde_json::Value;

/// What becomes of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Nothing,
    Create,
    Apply,
    Recreate,
}

/// One desired object.
pub(super) struct Item<'a> {
    pub object: &'a ObjectComparison,
    /// What is sent.
    pub body: Object,
    pub kind: Kind,
    pub take_over: Option<Vec<Value>>,
    /// The paths that change.
    pub changes: Vec<FieldPath>,
    pub why: String,
}

impl<'a> Item<'a> {
    /// Decides what becomes of a desired object; none where it could not be read.
    pub(super) fn new(
        object: &'a ObjectComparison,
        body: Object,
        autoscaled: bool,
        set: &str,
        policy: &Policy,
    ) -> (Option<Self>, Vec<PreflightFinding>) {
        let id = object.id();
        let item = |kind, why: &str| Self {
            object,
            body,
            kind,
            take_over: None,
            changes: Vec::new(),
            why: why.into(),
        };

        if let ObjectStatus::NotChecked { why } = &object.status {
            let message = format!("expected to read it, found: {why}");
            return (None, vec![refuse(Check::Unreadable, Some(&id), message, None)]);
        }
        // Before anything of live is read: what is on its way out was not compared.
        match going(object) {
            None => {}
            Some(Going::Held(finding)) => return (None, vec![*finding]),
            Some(Going::Soon) => {
                return (
                    Some(item(Kind::Create, "is being deleted: created once it is gone")),
                    Vec::new(),
                );
            }
        }

        let Some(live) = object.live.object() else {
            return (Some(item(Kind::Create, "not in the cluster")), Vec::new());
        };

        // Before the replacement: a Job that another tool keeps is not deleted either.
        let mut findings: Vec<_> = foreign_owner(&id, live, set, policy).into_iter().collect();
        if object.status == ObjectStatus::Replaced {
            return (
                Some(item(Kind::Recreate, "a Job's template cannot change")),
                findings,
            );
        }

        let mut item = item(Kind::Nothing, "");
        findings.extend(item.decide_fields(live, autoscaled, policy));
        // No change of the comparison: it dresses desired as live is, with the label or without it.
        if live.label(APPLYSET_PART_OF_LABEL) != Some(set) {
            let label = FieldPath::root()
                .field("metadata")
                .field("labels")
                .field(APPLYSET_PART_OF_LABEL);
            item.change(label, "joins the set");
            // Before all other reasons: whoever approves the plan has to see which release loses it.
            if let Some(source) = policy.others.source_of(&id, live) {
                item.why = match item.why.as_str() {
                    "joins the set" => {
                        format!("moves from release {}", source.release.name_from(&policy.home))
                    }
                    why => format!(
                        "moves from release {}; {why}",
                        source.release.name_from(&policy.home)
                    ),
                };
            }
        } else if matches!(object.status, ObjectStatus::Refused { .. }) {
            // The server says what is the matter when the step is tried on it.
            item.kind = Kind::Apply;
        } else if let ObjectStatus::NotVerified { why } = &object.status
            && item.kind == Kind::Nothing
        {
            // What is not sent needs no answer.
            findings.push(note(
                Check::DryRun,
                Some(&id),
                format!("not checked, and predicted to be in sync: {why}"),
            ));
        }

        (Some(item), findings)
    }

    /// Adds a changed path; the first reason stays the reason.
    pub(super) fn change(&mut self, path: FieldPath, why: &str) {
        if self.kind == Kind::Nothing {
            self.kind = Kind::Apply;
        }
        if self.why.is_empty() {
            self.why = why.into();
        }
        self.changes.push(path);
    }

    /// Whether the step changes the pod template.
    pub(super) fn changes_template(&self) -> bool {
        // By the text of the path: what changes beside the template restarts no pod.
        self.kind == Kind::Recreate
            || self
                .changes
                .iter()
                .any(|path| path.to_string().starts_with("/spec/template/"))
    }

    /// Whether the step changes what pods read of a ConfigMap or Secret.
    pub(super) fn changes_data(&self) -> bool {
        match (self.kind, self.object.live.object()) {
            (Kind::Nothing, _) => false,
            // A reader that runs has started without it, and pods that wait for it start by themselves.
            (_, None) => true,
            (_, Some(live)) => {
                // The body lacks what is left to others, and a changed path may be but an empty map.
                data_differs(live, &self.body) && {
                    let is_data = |path: &FieldPath| {
                        let text = path.to_string();
                        text.starts_with("/data") || text.starts_with("/binaryData")
                    };
                    self.changes.iter().any(is_data)
                }
            }
        }
    }

    fn decide_fields(&mut self, live: &Object, autoscaled: bool, policy: &Policy) -> Vec<PreflightFinding> {
        let owners = Owners::of(live);
        let (mut refused, mut leave, mut taken) = (Vec::new(), Vec::new(), Vec::new());

        for change in &self.object.changes {
            match decide(live, change, autoscaled, policy) {
                Decision::Leave => leave.push(change.path.clone()),
                Decision::Person(whose) | Decision::Tool(whose) => refused.push((change.path.clone(), whose)),
                decision => {
                    // An apply takes away, or has worked out anew, only what its own entry holds.
                    let is_sent = desired_holds(&self.body, &owners, &change.path);
                    if decision == Decision::TakeOver || !is_sent {
                        taken.push(&change.path);
                    }
                    self.changes.push(change.path.clone());
                }
            }
        }

        // What the server lets no apply take away goes out of our entry, where a release no longer names it.
        let is_bound = |aside: &&Aside| aside.reason == AsideReason::Bound && owners.is_ours(&aside.path);
        leave.extend(
            self.object
                .asides
                .iter()
                .filter(is_bound)
                .map(|aside| aside.path.clone()),
        );

        leave.extend(self.held_by_default(live, &owners));

        // What stays must not go along with a whole that is taken away.
        let asides = self.object.asides.iter().map(|aside| &aside.path);
        let kept: Vec<&FieldPath> = leave
            .iter()
            .chain(refused.iter().map(|(path, _)| path))
            .chain(asides)
            .collect();

        let paths: Vec<_> = taken
            .into_iter()
            .map(|path| self.whole_of(path, &owners, &kept))
            .collect();

        // A null is an apply's way to own a place: where all below it goes, it is left out.
        let target = self.object.predicted.as_ref();
        for path in &paths {
            let is_gone = target.is_some_and(|target| path.get(target.value()).is_none());
            if is_gone && path.get(self.body.value()).is_some_and(Value::is_null) {
                path.remove(self.body.value_mut());
            }
        }

        // Never sent, not even as they are: an apply would set them back when the autoscaler moves on.
        let replicas = FieldPath::root().field("spec").field("replicas");
        if autoscaled && !leave.contains(&replicas) {
            leave.push(replicas);
        }
        // The apply is forced: whatever it sends becomes ours, with the same value too.
        for path in &leave {
            path.remove(self.body.value_mut());
        }

        if !self.changes.is_empty() {
            self.kind = Kind::Apply;
            self.why = summary(&self.changes);
        }

        let mut findings = said(&self.object.id(), &refused);
        self.adopt(live, paths, leave, policy, &mut findings);
        findings
    }

    /// Fields of ours that the release no longer names and that the target has all the same, by a default: they are let go
    /// of where anything is applied. An apply would take them away, and not every default is worked out anew.
    fn held_by_default(&self, live: &Object, owners: &Owners<'_>) -> Vec<FieldPath> {
        // Letting go is no reason for a step by itself.
        let Some(target) = self
            .object
            .predicted
            .as_ref()
            .filter(|_| !self.changes.is_empty())
        else {
            return Vec::new();
        };

        let is_metadata =
            |path: &FieldPath| matches!(path.steps().first(), Some(Step::Field(name)) if name == "metadata");
        let is_held = |path: &FieldPath| {
            let held = path.get(live.value());
            held.is_some()
                && !is_metadata(path)
                && path.get(self.body.value()).is_none()
                && path.get(target.value()) == held
                && owners.is_ours(path)
                // Where others hold it too, an apply that lets go of it leaves it to them.
                && !owners.is_others(path)
        };

        owners
            .fields()
            .flat_map(|(_, fields)| fields)
            .filter(is_held)
            .collect()
    }

    /// The highest place below which all goes with a field: an apply that removed the field alone would leave an empty map.
    fn whole_of(&self, path: &FieldPath, owners: &Owners<'_>, kept: &[&FieldPath]) -> FieldPath {
        let target = self.object.predicted.as_ref();
        let steps = path.steps();
        // Labels and annotations are everybody's: of them each goes alone.
        let is_metadata = matches!(steps.first(), Some(Step::Field(name)) if name == "metadata");
        let goes = |place: &FieldPath| {
            target.is_some_and(|target| place.get(target.value()).is_none())
                && place.get(self.body.value()).is_none_or(Value::is_null)
                && !kept.iter().any(|path| path.starts_with(place))
        };

        let places = || (1..=steps.len()).map(|end| FieldPath::from_steps(steps[..end].to_vec()));
        // An item is owned by its list's key, which the entries tell: a list that nobody owns goes as a whole.
        let is_unowned_list = |place: &FieldPath| {
            let item = steps.get(place.steps().len());
            matches!(item, Some(Step::Key(_) | Step::Value(_))) && owners.list_steps(place).is_empty()
        };

        let highest = places().filter(|_| !is_metadata).find(goes);
        highest
            .or_else(|| places().find(is_unowned_list))
            .unwrap_or_else(|| path.clone())
    }

    /// Computes the ownership to write first.
    fn adopt(
        &mut self,
        live: &Object,
        paths: Vec<FieldPath>,
        release: Vec<FieldPath>,
        policy: &Policy,
        findings: &mut Vec<PreflightFinding>,
    ) {
        let name = |entry: &'_ Value| entry["manager"].as_str().unwrap_or_default().to_owned();
        let names: Vec<_> = live
            .managed_fields()
            .iter()
            .map(name)
            .filter(|name| policy.adopts(name))
            .collect();

        let change = Change {
            managers: names.iter().map(String::as_str).collect(),
            paths,
            release,
        };
        match take_over(live, &change) {
            Ok(None) => {}
            Ok(Some(taken)) => {
                self.take_over = Some(taken.entries);
                // Fields that are only let go of make no step; fields that become ours do.
                if !taken.taken.is_empty() && self.kind == Kind::Nothing {
                    self.kind = Kind::Apply;
                    self.why = format!("takes over the fields of {}", names.join(", "));
                }
            }
            // One entry speaks one version of a kind: its paths may be called otherwise in another.
            Err(other) => findings.push(refuse(
                Check::Ownership,
                Some(&self.object.id()),
                format!(
                    "expected the fields of {} in {}, found them in {}",
                    other.manager,
                    live.api_version(),
                    other.api_version
                ),
                Some("write the object once with its own tool in the new version".into()),
            )),
        }
    }
}

/// `image changes`, `2 fields change`.
fn summary(changes: &[FieldPath]) -> String {
    let image = changes.iter().any(|path| path.to_string().ends_with("/image"));
    match (image, changes.len()) {
        (true, 1) => "image changes".into(),
        (true, n) => format!("image and {} more fields change", n - 1),
        (false, 1) => format!("{} changes", changes[0]),
        (false, n) => format!("{n} fields change"),
    }
}

/// Refusals of fields that are others', one for each manager.
fn said(id: &crate::model::ObjectId, refused: &[(FieldPath, Ownership)]) -> Vec<PreflightFinding> {
    use crate::model::finding::HandClass;

    let mut managers: Vec<&Ownership> = Vec::new();
    // By name and class: kubectl is a tool when it applies, and a person's hand when it edits.
    for (_, whose) in refused {
        if !managers
            .iter()
            .any(|known| known.manager == whose.manager && known.class == whose.class)
        {
            managers.push(whose);
        }
    }

    let finding = |whose: &&Ownership| {
        let of = |(_, other): &&(FieldPath, Ownership)| {
            other.manager == whose.manager && other.class == whose.class
        };

        let paths: Vec<_> = refused
            .iter()
            .filter(of)
            .map(|(path, _)| path.to_string())
            .collect();
        let when = whose.time.map(|time| format!(" at {time}")).unwrap_or_default();
        let fields = paths.join(", ");

        if whose.class == HandClass::Person {
            let message = format!(
                "expected no change by hand, found {fields} set by {}{when}",
                whose.manager
            );
            let hint = "--overwrite replaces it; or take it into the manifests and record again".to_owned();
            refuse(Check::Ownership, Some(id), message, Some(hint))
        } else {
            let message = format!(
                "expected fields of ours, found {fields} set by {}{when}",
                whose.manager
            );
            refuse(
                Check::Ownership,
                Some(id),
                message,
                Some(format!("--adopt {} takes them over", whose.manager)),
            )
        }
    };
    managers.iter().map(finding).collect()
}
