//! Every image that an object names: of its pods, of whatever has the shape of a pod or a container, and where a release
//! says that one is.
//!
//! What is found is recorded, and rewritten to its digest when it is promoted. So a shape counts only where a controller
//! passes it on to a container, and a text in a custom resource only where it is a reference.

use crate::model::finding::ContainerRole;
use crate::model::image::{ImageReference, image_name};
use crate::model::k8s::image_fields::{
    is_container_field, is_container_list, is_without_images, may_run_images, operator_fields,
};
use crate::model::k8s::image_paths::{addressed, find_texts};
use crate::model::k8s::pod::ContainerFacts;
pub use crate::model::k8s::pod_spec::ImageUse;
use crate::model::k8s::pod_spec::{CONTAINER_LISTS, pod_images};
use crate::model::object::Object;
use crate::model::path::FieldPath;
use crate::model::release::ImagePath;
use serde_json::{Map, Value};

/// Every image that an object names: those of its pods in the order in which these start them, then those at the paths of
/// a release. What such a path says to be no image is none.
pub fn images(object: &Object, paths: &[ImagePath]) -> Vec<ImageUse> {
    let gvk = object.gvk();
    let mut found = pod_images(object);
    if may_run_images(&gvk) {
        found.extend(shaped_images(object));
        for path in operator_fields(&gvk) {
            let fields = find_texts(object.value(), path).into_iter();
            add_fields(&mut found, fields.filter(|(_, text)| is_reference(text)));
        }
    }

    // As given: what is no reference is refused by its name.
    let given = paths.iter().filter(|path| path.is_of(&gvk) && !path.ignored);
    for path in given {
        add_fields(&mut found, find_texts(object.value(), &path.path).into_iter());
    }

    let ignored = ignored_paths(object, paths);
    found.retain(|image| !ignored.contains(&image.path));
    found
}

/// Those of an object's images that a container of its pods should run, by its name. Several only where templates share the
/// name, and the container's reference does not tell them apart.
pub fn named_images<'u>(uses: &'u [ImageUse], container: &ContainerFacts) -> Vec<&'u ImageUse> {
    let is_named = |one: &&ImageUse| one.role == Some(container.role) && one.container == container.name;
    closest_images(uses.iter().filter(is_named).collect(), container)
}

/// Those of an object's images that are of the repository of a container's image.
pub fn repository_images<'u>(uses: &'u [ImageUse], container: &ContainerFacts) -> Vec<&'u ImageUse> {
    let name = image_name(&container.image);
    let is_of_repository = |one: &&ImageUse| image_name(&one.reference) == name;
    closest_images(uses.iter().filter(is_of_repository).collect(), container)
}

/// Of several images those that a container's reference means, else those of its repository; all where neither tells.
fn closest_images<'u>(images: Vec<&'u ImageUse>, container: &ContainerFacts) -> Vec<&'u ImageUse> {
    if images.len() < 2 {
        return images;
    }

    let (name, pin) = (image_name(&container.image), container.pin());
    let digest = |text: &str| text.parse::<ImageReference>().ok()?.digest;
    let is_meant =
        |one: &ImageUse| one.reference == container.image || pin.is_some() && digest(&one.reference) == pin;
    let is_of_repository = |one: &ImageUse| image_name(&one.reference) == name;

    let tells: [&dyn Fn(&ImageUse) -> bool; 2] = [&is_meant, &is_of_repository];
    for tells in tells {
        let closest: Vec<_> = images.iter().copied().filter(|one| tells(one)).collect();
        if !closest.is_empty() {
            return closest;
        }
    }
    images
}

/// Where the release says that an object holds no image, whatever it looks like.
pub fn ignored_paths(object: &Object, paths: &[ImagePath]) -> Vec<FieldPath> {
    let gvk = object.gvk();
    let ignored = paths.iter().filter(|path| path.is_of(&gvk) && path.ignored);
    ignored
        .flat_map(|path| find_texts(object.value(), &path.path))
        .map(|(path, _)| path)
        .collect()
}

/// Whether a text that stands where images stand can be one.
pub fn is_reference(text: &str) -> bool {
    // A switch, or a picture to be shown.
    let is_other = matches!(text, "true" | "false")
        || [".png", ".svg", ".jpg", ".jpeg", ".gif", ".ico", ".webp"]
            .iter()
            .any(|ending| text.ends_with(ending));
    !is_other && text.parse::<ImageReference>().is_ok()
}

/// Whether a map is a whole object whose values are data.
pub fn is_data(map: &Map<String, Value>) -> bool {
    let kind = map.get("kind").and_then(Value::as_str);
    map.contains_key("apiVersion") && matches!(kind, Some("Secret" | "ConfigMap"))
}

fn add_fields<'v>(found: &mut Vec<ImageUse>, fields: impl Iterator<Item = (FieldPath, &'v str)>) {
    for (path, reference) in fields {
        if found.iter().all(|image| image.path != path) {
            found.push(ImageUse {
                container: path.steps().last().map(ToString::to_string).unwrap_or_default(),
                path,
                role: None,
                reference: reference.to_owned(),
            });
        }
    }
}

/// What has the shape of a container, anywhere in an object.
fn shaped_images(object: &Object) -> Vec<ImageUse> {
    let mut search = Search { found: Vec::new() };
    for (field, value) in object.value().as_object().into_iter().flatten() {
        if field != "status" && !is_without_images(field) {
            search.visit(value, field, &FieldPath::root().field(field));
        }
    }
    search.found
}

struct Search {
    found: Vec<ImageUse>,
}

impl Search {
    /// `field` holds the value.
    fn visit(&mut self, value: &Value, field: &str, path: &FieldPath) {
        match value {
            Value::Object(map) if !is_data(map) => {
                if is_container_field(field) {
                    self.add_container(value, field, path);
                }
                self.visit_fields(map, path);
            }
            Value::Array(items) => {
                for (step, item) in addressed(path, items) {
                    let path = path.with(step);
                    if is_container_list(field) || item.get("name").is_some_and(Value::is_string) {
                        self.add_container(item, field, &path);
                    }
                    if field == "volumes" {
                        self.add_volume(item, &path);
                    }
                    // A list's field says nothing of a map in an item of it.
                    self.visit(item, "", &path);
                }
            }
            _ => {}
        }
    }

    /// In the order in which a pod starts them, as of the built-in kinds.
    fn visit_fields(&mut self, map: &Map<String, Value>, path: &FieldPath) {
        let first = CONTAINER_LISTS
            .iter()
            .filter_map(|(list, _)| map.get_key_value(*list));
        let is_first = |field: &str| CONTAINER_LISTS.iter().any(|(list, _)| *list == field);
        let others = map.iter().filter(|(field, _)| !is_first(field));

        for (field, value) in first.chain(others) {
            if !is_without_images(field) {
                self.visit(value, field, &path.field(field));
            }
        }
    }

    fn add_container(&mut self, container: &Value, field: &str, path: &FieldPath) {
        let Some(reference) = container.get("image").and_then(Value::as_str) else {
            return;
        };

        let name = container.get("name").and_then(Value::as_str);
        // Containers of these lists have their name in the pods as well. What is a step or a part
        // with a name becomes a container under another one.
        let list = CONTAINER_LISTS.iter().find(|(list, _)| *list == field);
        let role = name.and(list).map(|(_, role)| *role);
        self.add(reference, path.field("image"), name.unwrap_or("image"), role);
    }

    fn add_volume(&mut self, volume: &Value, path: &FieldPath) {
        let image = volume.get("image");
        let reference = image.and_then(|image| image.get("reference"));
        let (Some(reference), Some(name)) = (reference.and_then(Value::as_str), volume.get("name")) else {
            return;
        };

        let path = path.field("image").field("reference");
        self.add(reference, path, name.as_str().unwrap_or_default(), None);
    }

    fn add(&mut self, reference: &str, path: FieldPath, name: &str, role: Option<ContainerRole>) {
        if is_reference(reference) {
            self.found.push(ImageUse {
                path,
                container: name.to_owned(),
                role,
                reference: reference.to_owned(),
            });
        }
    }
}

#[cfg(test)]
mod tests;
