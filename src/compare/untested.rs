//! How desired differs from what was tested, and what the environment's rules say of each difference.
//!
//! Both sides are pinned, and what the pairing reads as the same thing called otherwise is no difference: names, namespaces,
//! hosts, a registry. What has no pair differs as a whole. No cluster is asked.

use super::pair::{Pairing, is_same_text};
use super::rules::{Rules, Sides};
use super::structural::{Difference, differences, split_towards};
use crate::model::finding::UntestedChange;
use crate::model::image::ImageReference;
use crate::model::k8s::carried::is_carried;
use crate::model::k8s::images::images;
use crate::model::names::{APPLYSET_PART_OF_LABEL, KUBECTL_RESTART_ANNOTATION, RESTART_ANNOTATION};
use crate::model::release::ImagePath;
use crate::model::{FieldPath, Object, ObjectId};
use serde_json::Value;
use std::borrow::Cow;

/// What decides whether something differs, and whether it may.
pub(super) struct UntestedComparer<'u> {
    pub pairing: &'u Pairing,
    pub rules: &'u Rules,
    /// Where kinds that are not built in name images.
    pub image_paths: &'u [ImagePath],
}

impl UntestedComparer<'_> {
    /// Tested → desired, of one object.
    pub(super) fn find_changes(&self, desired: &Object, tested: Option<&Object>) -> Vec<UntestedChange> {
        let id = desired.id();
        // Nothing was tested under this name: the whole object is one difference, which a rule may allow.
        let Some(tested) = tested else {
            return vec![self.change(&id, whole(None, Some(desired)))];
        };

        let desired = &*without_ours(desired, tested);
        // Most objects are as tested: of these no path is ever made.
        if tested == desired {
            return Vec::new();
        }

        let images = images(desired, self.image_paths).into_iter();
        let image_paths: Vec<FieldPath> = images.map(|image| image.path).collect();
        let same = |path: &FieldPath, one: &Value, other: &Value| match (one, other) {
            (Value::String(one), Value::String(other)) => {
                is_same_text(self.pairing, one, other)
                    || (image_paths.contains(path) && is_same_image(one, other))
            }
            _ => false,
        };

        let mut found = differences(tested.value(), desired.value(), &same);
        // A map that one side lacks is one difference: split as far as a rule speaks of a field in it.
        for path in self.rules.paths_for(&id) {
            found = found
                .into_iter()
                .flat_map(|difference| split_towards(difference, path))
                .collect();
        }

        // What the pairing has already read as the same object.
        let names = ["/metadata/name", "/metadata/namespace"];
        let is_form = |difference: &Difference| names.contains(&&*difference.path.to_string());
        found
            .into_iter()
            .filter(|difference| !is_form(difference) && !is_carried(desired, &difference.path))
            .map(|difference| self.change(&id, difference))
            .collect()
    }

    /// Tested objects that are paired with none, but for those that are left out on purpose.
    pub(super) fn find_dropped(
        &self,
        tested: &[Object],
        is_left_out: &dyn Fn(&Object) -> bool,
    ) -> Vec<(Object, UntestedChange)> {
        let is_paired = |index: usize| self.pairing.tested.contains(&Some(index));

        let dropped = tested.iter().enumerate();
        dropped
            .filter(|(index, object)| !is_paired(*index) && !is_left_out(object))
            .map(|(_, object)| {
                let change = self.change(&object.id(), whole(Some(object), None));
                (object.clone(), change)
            })
            .collect()
    }

    fn change(&self, id: &ObjectId, difference: Difference) -> UntestedChange {
        let sides = Sides {
            tested: difference.left.as_ref(),
            desired: difference.right.as_ref(),
            live: None,
        };
        // Tested beside desired is the same in every cluster, and `compare` asks without any.
        let answer = self.rules.answer(id, &difference.path, sides);

        UntestedChange {
            path: difference.path,
            tested: difference.left,
            desired: difference.right,
            allowed_by: answer.allowed_by,
            rule_note: answer.note,
        }
    }
}

fn whole(tested: Option<&Object>, desired: Option<&Object>) -> Difference {
    let value = |object: &Object| object.value().clone();
    Difference {
        path: FieldPath::root(),
        left: tested.map(value),
        right: desired.map(value),
    }
}

/// Without what a promotion adds to every object, which what was last promoted holds: when pods were restarted is no
/// difference from what was tested.
fn without_ours<'a>(desired: &'a Object, tested: &Object) -> Cow<'a, Object> {
    let restarts = [RESTART_ANNOTATION, KUBECTL_RESTART_ANNOTATION];
    let restart = |object: &Object, key: &str| {
        let annotations = object.at("/spec/template/metadata/annotations")?;
        annotations.get(key).cloned()
    };

    // kubectl's may stand in a manifest too: it was carried over from live
    // only where it is not the tested one.
    let is_carried = |key: &&&str| {
        restart(desired, key).is_some()
            && (**key == RESTART_ANNOTATION || restart(desired, key) != restart(tested, key))
    };

    let carried: Vec<&&str> = restarts.iter().filter(is_carried).collect();
    if desired.label(APPLYSET_PART_OF_LABEL).is_none() && carried.is_empty() {
        return Cow::Borrowed(desired);
    }

    let mut bare = desired.clone();
    for key in carried {
        match restart(tested, key) {
            // As tested: there the annotation stood in the manifest.
            Some(value) => bare.value_mut()["spec"]["template"]["metadata"]["annotations"][*key] = value,
            None => remove(bare.value_mut().pointer_mut("/spec/template"), "annotations", key),
        }
    }
    remove(Some(bare.value_mut()), "labels", APPLYSET_PART_OF_LABEL);
    Cow::Owned(bare)
}

/// Removes a key of a map of `metadata`, and the map where it holds nothing more.
fn remove(of: Option<&mut Value>, map: &str, key: &str) {
    let metadata = of
        .and_then(|of| of.get_mut("metadata"))
        .and_then(Value::as_object_mut);
    let Some(metadata) = metadata else { return };
    let Some(inner) = metadata.get_mut(map).and_then(Value::as_object_mut) else {
        return;
    };

    inner.shift_remove(key);
    if inner.is_empty() {
        metadata.shift_remove(map);
    }
}

/// The same content, whatever registry it comes from.
fn is_same_image(one: &str, other: &str) -> bool {
    let digest = |text: &str| text.parse::<ImageReference>().ok().and_then(|image| image.digest);

    // Two tags prove nothing of each other, however they look alike.
    digest(one).is_some_and(|one| digest(other) == Some(one))
}
