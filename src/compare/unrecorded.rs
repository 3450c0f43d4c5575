//! Texts of the manifests that look like images and that no release entry holds.
//!
//! A field for an image has to be spoken of: an operator may run what it holds, and what is not recorded is neither pinned
//! nor taken from the environment's registries. A text that only names one somewhere is worth a note: few and certain ones
//! are worth more than all.

use crate::model::image::ImageReference;
use crate::model::k8s::image_fields::{is_without_images, may_run_images};
use crate::model::k8s::image_paths::addressed;
use crate::model::k8s::images::{ignored_paths, images, is_data, is_reference};
use crate::model::path::{FieldPath, Step};
use crate::model::release::ImagePath;
use crate::model::{Object, ObjectId};
use serde_json::{Map, Value};
use std::collections::{BTreeSet, HashSet};

/// A text that looks like an image and is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecordedImage {
    /// The object.
    pub object: ObjectId,
    /// Where.
    pub path: FieldPath,
    /// The reference.
    pub reference: String,
    /// The field as the flags of a recording name it, where a path can stand for the reference: of a kind that is not
    /// built in, and where the reference is all that the field holds.
    pub field: Option<ImagePath>,
}

/// What is not recorded, in the order of the objects.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unrecorded {
    /// Fields for images, under `image` or `…Image`.
    pub fields: Vec<UnrecordedImage>,
    /// Variables, arguments and data that name one.
    pub texts: Vec<UnrecordedImage>,
}

/// Looks for every such text.
pub fn unrecorded_images(objects: &[Object], paths: &[ImagePath]) -> Unrecorded {
    let recorded: Vec<_> = objects.iter().map(|object| images(object, paths)).collect();
    // Of all objects: an argument may name an image that another object runs.
    let references: BTreeSet<&str> = recorded
        .iter()
        .flatten()
        .map(|image| image.reference.as_str())
        .collect();

    let mut unrecorded = Unrecorded::default();
    for (object, images) in objects.iter().zip(&recorded) {
        let gvk = object.gvk();
        let is_custom = may_run_images(&gvk);
        if !may_name_images(object, is_custom) {
            continue;
        }

        let ignored = ignored_paths(object, paths);
        let mut search = Search {
            object,
            is_custom,
            known: images.iter().map(|image| &image.path).chain(&ignored).collect(),
            recorded: &references,
            found: &mut unrecorded,
        };
        for (field, value) in object.value().as_object().into_iter().flatten() {
            if !matches!(field.as_str(), "apiVersion" | "kind" | "status") {
                search.visit(value, field, &FieldPath::root().field(field));
            }
        }
    }
    unrecorded
}

/// Not a Secret, whose values are no one's to name, nor what only speaks of objects or images.
fn may_name_images(object: &Object, is_custom: bool) -> bool {
    let is_built_in = !object.gvk().group.contains('.') || object.gvk().group.ends_with(".k8s.io");
    !object.is_secret() && object.kind() != "CustomResourceDefinition" && (is_custom || is_built_in)
}

struct Search<'s> {
    object: &'s Object,
    is_custom: bool,
    /// Fields that are recorded, or said to be no images.
    known: HashSet<&'s FieldPath>,
    recorded: &'s BTreeSet<&'s str>,
    found: &'s mut Unrecorded,
}

impl Search<'_> {
    /// `field` is the nearest field above.
    fn visit(&mut self, value: &Value, field: &str, path: &FieldPath) {
        if is_without_images(field) {
            return;
        }
        match value {
            Value::Object(map) => self.visit_fields(map, field, path),
            // Items stand under the field of their list (`args`).
            Value::Array(items) => {
                for (step, item) in addressed(path, items) {
                    self.visit(item, field, &path.with(step));
                }
            }
            Value::String(text) if !self.known.contains(path) => self.visit_text(text, field, path),
            _ => {}
        }
    }

    fn visit_fields(&mut self, map: &Map<String, Value>, field: &str, path: &FieldPath) {
        if is_data(map) {
            return;
        }
        for (key, inner) in map {
            // An item of `env` has its text under `value`, and any key of `data` holds any text.
            let meant = match field {
                "env" if key == "value" => "env",
                "data" if !self.is_custom && path.steps().len() == 1 => "data",
                _ => key,
            };
            self.visit(inner, meant, &path.field(key));
        }
    }

    fn visit_text(&mut self, text: &str, field: &str, path: &FieldPath) {
        match field {
            // Any text may stand here, and several in one.
            "env" | "args" | "command" => self.add_words(text, path),
            "data" if !self.is_custom => self.add_words(text, path),
            // Of the built-in kinds every other field is known.
            _ if !self.is_custom => {}
            _ if field == "image" || field.ends_with("Image") => {
                if is_reference(text) {
                    let found = self.describe(text, path, true);
                    self.found.fields.push(found);
                }
            }
            _ => self.add_text(text, path, true),
        }
    }

    /// A flag's value, or one of several in a variable: `--image=…`, `3.9.0=…`.
    fn add_words(&mut self, text: &str, path: &FieldPath) {
        let is_between = |c: char| c.is_whitespace() || matches!(c, '=' | ',' | ';' | '"' | '\'');
        for word in text.split(is_between) {
            self.add_text(word, path, word == text);
        }
    }

    fn add_text(&mut self, text: &str, path: &FieldPath, is_all: bool) {
        // Recorded, if only by another object: what runs is known.
        if names_a_registry(text) && !self.recorded.contains(text) {
            let found = self.describe(text, path, is_all);
            self.found.texts.push(found);
        }
    }

    fn describe(&self, reference: &str, path: &FieldPath, is_all: bool) -> UnrecordedImage {
        UnrecordedImage {
            object: self.object.id(),
            path: path.clone(),
            reference: reference.to_owned(),
            field: (self.is_custom && is_all).then(|| image_path(self.object, path)),
        }
    }
}

/// The field as a flag names it: any item of a list.
fn image_path(object: &Object, path: &FieldPath) -> ImagePath {
    let step = |step: &Step| match step {
        Step::Field(_) => format!("/{step}"),
        _ => "/[*]".to_owned(),
    };
    let gvk = object.gvk();
    ImagePath {
        group: gvk.group,
        kind: gvk.kind,
        path: path.steps().iter().map(step).collect(),
        ignored: false,
    }
}

/// With a registry's host, and a tag or a digest: else any path would do.
fn names_a_registry(word: &str) -> bool {
    let Some((host, rest)) = word.split_once('/') else {
        return false;
    };

    let is_host = host.contains(['.', ':']) || host == "localhost";
    is_host && rest.contains([':', '@']) && word.parse::<ImageReference>().is_ok()
}

#[cfg(test)]
mod tests;
