//! Texts of the manifests that look like images and that no release entry holds: an operator may run them.
//!
//! Notes for a person, so that few and certain ones are worth more than all: a text has to stand where images stand, or
//! to name a registry. What is found is not pinned: `--image-path` records a field for good.

use crate::model::image::ImageReference;
use crate::model::k8s::pod_spec::images;
use crate::model::path::{FieldPath, Step};
use crate::model::release::ImagePath;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::BTreeSet;

/// A text that looks like an image and is not recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnrecordedImage {
    /// The object.
    pub object: ObjectId,
    /// Its API group, as `--image-path` wants it.
    pub group: String,
    /// Where.
    pub path: FieldPath,
    /// The reference.
    pub reference: String,
    /// Whether the whole field is the reference, so that a path can record it.
    pub is_field: bool,
}

/// Every such text, in the order of the objects.
pub fn unrecorded_images(objects: &[Object], paths: &[ImagePath]) -> Vec<UnrecordedImage> {
    // Of all objects: an argument may name an image that another object runs.
    let recorded: BTreeSet<String> = objects
        .iter()
        .flat_map(|object| images(object, paths))
        .map(|image| image.reference)
        .collect();

    let mut found = Vec::new();
    for object in objects.iter().filter(|object| may_name_images(object)) {
        let mut search = Search {
            object,
            recorded: &recorded,
            found: &mut found,
        };

        for (field, value) in object.value().as_object().into_iter().flatten() {
            if !matches!(field.as_str(), "apiVersion" | "kind" | "metadata" | "status") {
                search.visit(value, field, &FieldPath::root().field(field));
            }
        }
    }
    found
}

/// Data and schemas hold any text, and nobody runs it.
fn may_name_images(object: &Object) -> bool {
    !matches!(object.kind(), "ConfigMap" | "Secret" | "CustomResourceDefinition")
}

struct Search<'s> {
    object: &'s Object,
    recorded: &'s BTreeSet<String>,
    found: &'s mut Vec<UnrecordedImage>,
}

impl Search<'_> {
    /// `field` is the nearest key above.
    fn visit(&mut self, value: &Value, field: &str, path: &FieldPath) {
        match value {
            Value::Object(map) => {
                for (key, inner) in map {
                    // An item of `env` has its text under `value`.
                    let meant = if field == "env" && key == "value" {
                        "env"
                    } else {
                        key
                    };
                    self.visit(inner, meant, &path.field(key));
                }
            }
            // Items stand under the key of their list (`args`).
            Value::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    self.visit(item, field, &path.with(Step::Index(index)));
                }
            }
            Value::String(text) => match field {
                // By its key: a bare name is enough.
                "image" => self.add(text, path, parse(text).is_some()),
                // Any text may stand here, and several in one.
                "env" | "args" | "command" => self.add_words(text, path),
                // `logoImage: logo.png` is none: a reference under such a key says where it is
                // from, or which.
                _ if field.ends_with("Image") => {
                    self.add(
                        text,
                        path,
                        parse(text).is_some() && text.contains(['/', ':', '@']),
                    );
                }
                _ => {}
            },
            _ => {}
        }
    }

    fn add(&mut self, text: &str, path: &FieldPath, is_image: bool) {
        if is_image && !self.recorded.contains(text) {
            self.push(text, path, true);
        }
    }

    /// A flag's value, or one of several in a variable: `--image=…`, `3.9.0=…`.
    fn add_words(&mut self, text: &str, path: &FieldPath) {
        let is_between = |c: char| c.is_whitespace() || matches!(c, '=' | ',' | ';' | '"' | '\'');
        for word in text.split(is_between).filter(|word| names_a_registry(word)) {
            // Recorded, if only by another object: what runs is known.
            if !self.recorded.contains(word) {
                self.push(word, path, word == text);
            }
        }
    }

    fn push(&mut self, reference: &str, path: &FieldPath, is_field: bool) {
        self.found.push(UnrecordedImage {
            object: self.object.id(),
            group: self.object.gvk().group,
            path: path.clone(),
            reference: reference.to_owned(),
            is_field,
        });
    }
}

fn parse(text: &str) -> Option<ImageReference> {
    text.parse().ok()
}

/// With a registry's host, and a tag or a digest: else any path would do.
fn names_a_registry(word: &str) -> bool {
    let Some((host, rest)) = word.split_once('/') else {
        return false;
    };

    let is_host = host.contains(['.', ':']) || host == "localhost";
    is_host && rest.contains([':', '@']) && parse(word).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(kind: (&str, &str), spec: &Value) -> Vec<(String, String)> {
        let object = json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a"}, "spec": spec});
        let found = unrecorded_images(&[Object::new(object).unwrap()], &[]);
        found
            .into_iter()
            .map(|image| (image.path.to_string(), image.reference))
            .collect()
    }

    #[test]
    fn images_outside_of_pod_specs_are_found_under_their_keys() {
        let spec = json!({"image": "quay.io/p/p:v3", "thanos": {"baseImage": "quay.io/t/t"}, "tag": "v1",
            "logoImage": "logo.png", "backgroundImage": "https://a.example/x.png", "image_count": "3"});
        assert_eq!(
            found(("monitoring.coreos.com/v1", "Prometheus"), &spec),
            [
                ("/spec/image".into(), "quay.io/p/p:v3".into()),
                ("/spec/thanos/baseImage".into(), "quay.io/t/t".into()),
            ]
        );
    }

    #[test]
    fn operands_in_variables_and_flags_are_found_and_other_texts_are_not() {
        let spec = json!({"template": {"spec": {"containers": [{
            "name": "op", "image": "quay.io/op/op:1",
            "args": ["--reloader=quay.io/r/r:v1", "--listen=0.0.0.0:8080", "--url=https://a.example/b:1", "quay.io/op/op:1"],
            "env": [{"name": "A", "value": "3.9.0=quay.io/k/k:3.9.0\n3.9.1=quay.io/k/k:3.9.1"},
                {"name": "B", "value": "svc.cluster.local/path"}, {"name": "C", "value": "/var/run:ro"}]}]}}});

        // The container's own image is recorded, and a listening address or a link is none.
        let references: Vec<String> = found(("apps/v1", "Deployment"), &spec)
            .into_iter()
            .map(|(_, reference)| reference)
            .collect();
        assert_eq!(
            references,
            ["quay.io/r/r:v1", "quay.io/k/k:3.9.0", "quay.io/k/k:3.9.1"]
        );
    }
}
