//! Patches that make the manifests equal to what runs: the differences that others made, as kustomize takes them.
//!
//! For each object desired gets the chosen live values (`patched`); what of that a strategic merge patch can say it says
//! (`strategic`), the rest are operations (`operations`). What is no matter of the manifests is left out with its reason: a
//! Secret's values, images that the release pins, what is set by a controller, and what an older promotion had set.

mod choice;
mod operations;
mod patched;
mod selector;
mod strategic;
mod unheld;

use self::choice::Choice;
use self::operations::operations;
use self::patched::patched;
use self::selector::Selectors;
use self::strategic::strategic;
use self::unheld::{has_merge_key, holds_next_line};
use super::list_keys::with_list_keys;
use crate::model::finding::{Comparison, FieldChange, ManagerClass, ObjectComparison, ObjectStatus};
use crate::model::image::ImageReference;
use crate::model::k8s::images::{ImageUse, images};
use crate::model::names::APPLYSET_PART_OF_LABEL;
use crate::model::patch::{
    LeftOutDifference, LeftOutReason, ManifestPatch, ManifestPatches, PatchBody, PatchedChange, PatchedField,
};
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::{FieldPath, Object, ObjectId};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What patches are made of.
pub struct PatchInput<'a> {
    /// Desired and live, and how they differ.
    pub comparison: &'a Comparison,
    /// The release namespace.
    pub home: &'a str,
    /// The objects and fields that are chosen, as `promote --only` names them; all where none is named.
    pub only: &'a [String],
    /// Whether desired is what was promoted last: then no promotion can have set what differs.
    pub is_promoted: bool,
    /// The images of the release, which pin those of the manifests; none where only manifests are compared.
    pub images: &'a [RecordedImage],
    /// Where custom resources name images.
    pub image_paths: &'a [ImagePath],
    /// The environment's registries: of the release → here.
    pub registries: &'a BTreeMap<String, String>,
    /// Whether a text is, or repeats, a value of a Secret.
    pub is_secret: &'a dyn Fn(&str) -> bool,
}

/// Makes the patches.
pub fn manifest_patches(input: &PatchInput<'_>) -> ManifestPatches {
    let mut maker = PatchMaker {
        input,
        selectors: Selectors::new(&input.comparison.objects, input.home),
        found: ManifestPatches::default(),
    };
    for object in &input.comparison.objects {
        if let Some(choice) = Choice::new(&object.id(), input.only, input.home) {
            maker.add_object(object, &choice);
        }
    }
    maker.found
}

struct PatchMaker<'a> {
    input: &'a PatchInput<'a>,
    selectors: Selectors,
    found: ManifestPatches,
}

impl PatchMaker<'_> {
    fn add_object(&mut self, object: &ObjectComparison, choice: &Choice<'_>) {
        let id = object.id();
        let whole = match &object.status {
            ObjectStatus::Missing(_) | ObjectStatus::BeingDeleted { .. } => {
                match object.desired.as_ref().filter(|_| choice.names_object()) {
                    Some(desired) => return self.add_deletion(id, desired),
                    None => LeftOutReason::Missing,
                }
            }
            ObjectStatus::Extra => LeftOutReason::Extra,
            ObjectStatus::Stray => LeftOutReason::Orphaned,
            ObjectStatus::NotChecked { .. } => LeftOutReason::NotChecked,
            // Predictions too: what differs is there, whatever becomes of it.
            ObjectStatus::Same
            | ObjectStatus::Changed
            | ObjectStatus::NotVerified { .. }
            | ObjectStatus::Replaced
            | ObjectStatus::Refused { .. } => return self.add_changes(object, choice),
        };
        self.leave_out(&id, Vec::new(), whole);
    }

    /// A manifest that goes, as its object did.
    fn add_deletion(&mut self, id: ObjectId, desired: &Object) {
        let mut body = identity(desired);
        body.insert("$patch".into(), "delete".into());
        self.found.patches.push(ManifestPatch {
            selector: self.selectors.select(desired),
            is_generated: false,
            object: id,
            bodies: vec![PatchBody::Strategic(Value::Object(body))],
            changes: Vec::new(),
            untested_images: Vec::new(),
        });
    }

    fn add_changes(&mut self, object: &ObjectComparison, choice: &Choice<'_>) {
        let (Some(desired), Some(live)) = (&object.desired, object.live.object()) else {
            return;
        };
        let id = object.id();
        let chosen = object.changes.iter().filter(|change| choice.holds(&change.path));
        let (expected, unexpected): (Vec<_>, Vec<_>) =
            chosen.partition(|change| change.expected_by.is_some());
        self.found.expected += expected.len();

        let desired = own_manifest(&with_list_keys(desired, live));
        let pinned = self.pinned_images(&desired, live);
        let mut left_out: BTreeMap<LeftOutReason, Vec<FieldPath>> = BTreeMap::new();
        let mut taken = Vec::new();
        for change in unexpected {
            let reason = self.reason_against(&id, change, &pinned, choice);
            match reason.or_else(|| server_set(change, &desired, live)) {
                Some(reason) => left_out.entry(reason).or_default().push(change.path.clone()),
                None => taken.push(change),
            }
        }

        match self.patch(object, &desired, live, &taken) {
            Ok(patch) => self.found.patches.extend(patch),
            Err(reason) => {
                let paths = taken.iter().map(|change| change.path.clone());
                left_out.entry(reason).or_default().extend(paths);
            }
        }
        for (reason, paths) in left_out {
            self.leave_out(&id, paths, reason);
        }
    }

    fn leave_out(&mut self, id: &ObjectId, paths: Vec<FieldPath>, reason: LeftOutReason) {
        self.found.left_out.push(LeftOutDifference {
            object: id.clone(),
            paths,
            reason,
        });
    }

    /// Why a difference is no matter of the manifests; none where it is.
    fn reason_against(
        &self,
        id: &ObjectId,
        change: &FieldChange,
        pinned: &[FieldPath],
        choice: &Choice<'_>,
    ) -> Option<LeftOutReason> {
        if id.is_secret() {
            return Some(LeftOutReason::Secret);
        }
        if change.live.as_ref().is_some_and(|value| self.is_secret(value)) {
            return Some(LeftOutReason::SecretValue);
        }
        if pinned.contains(&change.path) {
            return Some(LeftOutReason::PinnedImage);
        }
        if holds_next_line(change) {
            return Some(LeftOutReason::NextLine);
        }
        // Whoever names a field knows whose it is.
        match change.owner.as_ref().map(|owner| owner.class)? {
            _ if choice.is_named() => None,
            ManagerClass::Ours if !self.input.is_promoted => Some(LeftOutReason::Promoted),
            ManagerClass::Controller | ManagerClass::Autoscaler => Some(LeftOutReason::Controller),
            _ => None,
        }
    }

    /// Whether a text in the value is, or repeats, a value of a Secret.
    fn is_secret(&self, value: &Value) -> bool {
        match value {
            Value::String(text) => (self.input.is_secret)(text),
            Value::Array(items) => items.iter().any(|item| self.is_secret(item)),
            Value::Object(map) => map.values().any(|value| self.is_secret(value)),
            _ => false,
        }
    }

    /// Where desired and live name images that the release decides.
    fn pinned_images(&self, desired: &Object, live: &Object) -> Vec<FieldPath> {
        if self.input.images.is_empty() {
            return Vec::new();
        }
        let paths = |object: &Object| {
            let found = images(object, self.input.image_paths).into_iter();
            found.map(|image| image.path).collect::<Vec<_>>()
        };
        let desired = paths(desired);
        paths(live)
            .into_iter()
            .filter(|path| desired.contains(path))
            .collect()
    }

    /// The patch that takes these differences into a manifest; none where there are none, and an error where the manifest
    /// has no say in them, or its values may not be written.
    fn patch(
        &self,
        object: &ObjectComparison,
        desired: &Object,
        live: &Object,
        taken: &[&FieldChange],
    ) -> Result<Option<ManifestPatch>, LeftOutReason> {
        if taken.is_empty() {
            return Ok(None);
        }
        let (patched, untested_images) =
            self.with_own_images(desired, patched(desired, live, taken, &object.changes));
        let bodies = bodies(desired, &patched);
        if bodies.is_empty() {
            return Err(LeftOutReason::ServerSet);
        }
        if bodies.iter().any(has_merge_key) {
            return Err(LeftOutReason::MergeKey);
        }
        // A list that is written as a whole repeats what stood in it before.
        if bodies.iter().any(|body| self.is_secret_body(body)) {
            return Err(LeftOutReason::SecretValue);
        }
        Ok(Some(ManifestPatch {
            selector: self.selectors.select(desired),
            is_generated: selector::is_generated(&object.id()),
            object: object.id(),
            bodies,
            changes: taken.iter().map(|change| patched_change(change)).collect(),
            untested_images,
        }))
    }

    fn is_secret_body(&self, body: &PatchBody) -> bool {
        match body {
            PatchBody::Strategic(value) => self.is_secret(value),
            PatchBody::Operations(operations) => operations.iter().any(|one| self.is_secret(&one["value"])),
        }
    }

    /// The manifest with the images that it gets from live named as the release names them: where they are pulled from here
    /// is the environment's to say. Beside it those of them that the release does not hold.
    fn with_own_images(&self, desired: &Object, patched: Value) -> (Value, Vec<String>) {
        let Ok(mut patched) = Object::new(patched) else {
            // The identity is desired's own: what has one keeps it.
            return (desired.value().clone(), Vec::new());
        };
        let before = images(desired, self.input.image_paths);
        let is_new = |image: &ImageUse| {
            let mut before = before.iter();
            !before.any(|other| other.path == image.path && other.reference == image.reference)
        };

        let mut untested = Vec::new();
        let new = images(&patched, self.input.image_paths)
            .into_iter()
            .filter(is_new);
        for image in new.collect::<Vec<_>>() {
            let reference = self.own_reference(&image.reference);
            if !self.input.images.is_empty()
                && !self.is_recorded(&reference)
                && !untested.contains(&reference)
            {
                untested.push(reference.clone());
            }
            image.path.set(patched.value_mut(), reference.into());
        }
        (patched.into_value(), untested)
    }

    fn is_recorded(&self, reference: &str) -> bool {
        let digest = reference
            .parse::<ImageReference>()
            .ok()
            .and_then(|parsed| parsed.digest);
        self.input.images.iter().any(|image| {
            image.reference == reference || digest.as_ref().is_some_and(|digest| image.is(digest))
        })
    }

    /// A reference of here as the release writes it: the longest of the environment's registries counts.
    fn own_reference(&self, reference: &str) -> String {
        let rest = |here: &str| {
            let rest = reference.strip_prefix(here)?;
            // Up to the end of a name: `mirror/acme` is no prefix of `mirror/acme-tools`.
            rest.starts_with(['/', ':', '@']).then_some(rest)
        };
        let found = self.input.registries.iter();
        let found = found.filter_map(|(own, here)| Some((own, here, rest(here)?)));
        found
            .max_by_key(|(_, here, _)| here.len())
            .map_or_else(|| reference.to_owned(), |(own, _, rest)| format!("{own}{rest}"))
    }
}

/// Desired as its manifest has it: without the label of the inventory, and without empty labels or annotations, which kustomize
/// drops.
fn own_manifest(desired: &Object) -> Object {
    let mut own = desired.clone();
    let Some(metadata) = own.value_mut().get_mut("metadata").and_then(Value::as_object_mut) else {
        return own;
    };
    if let Some(labels) = metadata.get_mut("labels").and_then(Value::as_object_mut) {
        labels.shift_remove(APPLYSET_PART_OF_LABEL);
    }
    for marks in ["labels", "annotations"] {
        let is_empty = |value: &Value| value.as_object().is_none_or(Map::is_empty);
        if metadata.get(marks).is_some_and(is_empty) {
            metadata.shift_remove(marks);
        }
    }
    own
}

/// Whether live lacks what no manifest holds: the API server works it out.
fn server_set(change: &FieldChange, desired: &Object, live: &Object) -> Option<LeftOutReason> {
    let is_in = |object: &Object| change.path.get(object.value()).is_some();
    (!is_in(desired) && !is_in(live)).then_some(LeftOutReason::ServerSet)
}

/// A strategic patch as far as it goes, and operations for the rest.
fn bodies(desired: &Object, patched: &Value) -> Vec<PatchBody> {
    let (patch, reached) = strategic(&desired.gvk(), desired.value(), patched);
    let mut bodies = Vec::new();
    if !patch.is_empty() {
        bodies.push(PatchBody::Strategic(Value::Object(with_identity(desired, patch))));
    }
    let operations = operations(&reached, patched);
    if !operations.is_empty() {
        bodies.push(PatchBody::Operations(operations));
    }
    bodies
}

/// What kustomize wants of every strategic patch.
fn identity(object: &Object) -> Map<String, Value> {
    let identity = json!({"apiVersion": object.api_version(), "kind": object.kind(),
        "metadata": {"name": object.name()}});
    identity.as_object().cloned().unwrap_or_default()
}

fn with_identity(object: &Object, patch: Map<String, Value>) -> Map<String, Value> {
    let mut body = identity(object);
    for (name, value) in patch {
        match (body.get_mut(&name).and_then(Value::as_object_mut), value) {
            (Some(metadata), Value::Object(more)) => metadata.extend(more),
            (_, value) => drop(body.insert(name, value)),
        }
    }
    body
}

fn patched_change(change: &FieldChange) -> PatchedChange {
    PatchedChange {
        path: change.path.clone(),
        change: match (&change.live, &change.desired) {
            (None, _) => PatchedField::Removed,
            (_, None) => PatchedField::Added,
            _ => PatchedField::Changed,
        },
        owner: change.owner.clone(),
    }
}

#[cfg(test)]
mod tests;
