//! Whether another tool has applied an object: what desired holds is in live. Without rights to dry-run, by reading
//! alone.
//!
//! Live may hold more: defaults, and what others added. It may not lack anything, or hold another value, but for the
//! spellings that the server or another tool gives to the same thing. A yes is where judging begins, not its end.

use super::structural::differences;
use crate::model::image::ImageReference;
use crate::model::k8s::images::images;
use crate::model::k8s::quantity::thousandths;
use crate::model::path::Step;
use crate::model::release::{ImagePath, RecordedImage};
use crate::model::{FieldPath, Object};
use serde_json::Value;

/// Fields whose values are quantities, which the server writes in its own form.
const QUANTITIES: &[&str] = &["requests", "limits", "hard", "capacity", "sizeLimit", "storage"];

/// The first field of desired that live does not hold; none where it holds all of them. A tag as it was tested is as
/// good as its digest here: what it runs is proved later.
pub fn missing(
    desired: &Object,
    live: &Object,
    tested: &[RecordedImage],
    custom: &[ImagePath],
) -> Option<FieldPath> {
    let image_paths: Vec<FieldPath> = images(desired, custom).into_iter().map(|one| one.path).collect();

    let same = |path: &FieldPath, wanted: &Value, found: &Value| {
        if image_paths.contains(path) {
            return is_same_image(wanted, found, tested);
        }

        let is_quantity =
            |step: &Step| matches!(step, Step::Field(name) if QUANTITIES.contains(&name.as_str()));
        path.steps().iter().any(is_quantity)
            && thousandths(wanted).is_some_and(|wanted| thousandths(found) == Some(wanted))
    };

    let found = differences(desired.value(), live.value(), &same);

    let counts = |path: &FieldPath| match path.steps() {
        [Step::Field(top), Step::Field(field), ..] if top == "metadata" => {
            field == "labels" || field == "annotations"
        }
        // An autoscaler's, a person's or a schedule's: the verdict goes by what live wants.
        [Step::Field(top), Step::Field(field)] if top == "spec" => field != "replicas",
        [Step::Field(top), ..] => top != "status",
        _ => true,
    };

    // A difference without a left side is something that live has beyond desired.
    found
        .into_iter()
        .find(|one| one.left.as_ref().is_some_and(|left| !left.is_null()) && counts(&one.path))
        .map(|one| one.path)
}

/// Desired with its images as live spells them, where they are the same: the tag that was tested in place of its digest.
pub fn with_applied_images(
    desired: &Object,
    live: &Object,
    tested: &[RecordedImage],
    custom: &[ImagePath],
) -> Object {
    let mut applied = desired.clone();
    for image in images(desired, custom) {
        let (wanted, found) = (image.path.get(desired.value()), image.path.get(live.value()));
        let (Some(wanted), Some(found)) = (wanted, found) else {
            continue;
        };
        if is_same_image(wanted, found, tested) {
            image.path.set(applied.value_mut(), found.clone());
        }
    }
    applied
}

fn is_same_image(wanted: &Value, found: &Value, tested: &[RecordedImage]) -> bool {
    let parse = |value: &Value| {
        value
            .as_str()
            .and_then(|text| text.parse::<ImageReference>().ok())
    };
    let (Some(wanted), Some(found)) = (parse(wanted), parse(found)) else {
        return false;
    };

    if wanted.name() != found.name() {
        return false;
    }

    match (&wanted.digest, &found.digest) {
        (Some(wanted), Some(found)) => wanted == found,
        // The tool applied the manifest as it was tested, by its tag: what that led to, the pods report.
        (Some(digest), None) => tested.iter().filter(|one| one.digest == *digest).any(|one| {
            let reference = one.reference.parse::<ImageReference>().ok();
            reference.is_some_and(|reference| reference.tag.is_some() && reference.tag == found.tag)
        }),
        // Desired names no digest: its tag is all that can be asked for.
        _ => wanted.tag == found.tag,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256Digest;
    use rstest::rstest;
    use serde_json::json;

    fn deployment(image: &str, cpu: &str) -> Object {
        Object::new(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"}, "spec": {
            "template": {"spec": {"containers": [{"name": "web", "image": image, "resources": {"requests": {"cpu": cpu}}}]}}}}))
        .unwrap()
    }

    fn recorded() -> RecordedImage {
        RecordedImage {
            reference: "r.example/web:2".into(),
            digest: Sha256Digest::compute(b"2"),
            origin: None,
            platforms: Vec::new(),
        }
    }

    #[rstest]
    #[case::pinned(format!("r.example/web@{}", Sha256Digest::compute(b"2")), true)]
    #[case::by_its_tag("r.example/web:2".into(), true)]
    #[case::another_tag("r.example/web:1".into(), false)]
    #[case::another_digest(format!("r.example/web@{}", Sha256Digest::compute(b"1")), false)]
    fn an_image_has_arrived_by_its_digest_or_by_its_tested_tag(#[case] live: String, #[case] arrived: bool) {
        let desired = deployment(&format!("r.example/web@{}", Sha256Digest::compute(b"2")), "1000m");

        // An autoscaler's replicas and the status are no part of what arrives.
        let mut live = deployment(&live, "1");
        live.value_mut()["spec"]["replicas"] = 3.into();
        live.value_mut()["status"] = json!({"replicas": 3});

        assert_eq!(missing(&desired, &live, &[recorded()], &[]).is_none(), arrived);

        let image = "/spec/template/spec/containers/0/image";
        let applied = with_applied_images(&desired, &live, &[recorded()], &[]);
        let as_live = applied.at(image) == live.at(image);
        assert_eq!(as_live, arrived);
    }

    #[test]
    fn what_is_missing_is_named() {
        let map = |data: Value| {
            Object::new(
                json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data}),
            )
            .unwrap()
        };

        let found = missing(
            &map(json!({"A": "2"})),
            &map(json!({"A": "1", "B": "1"})),
            &[],
            &[],
        );
        assert_eq!(found.unwrap().to_string(), "/data/A");
    }
}
