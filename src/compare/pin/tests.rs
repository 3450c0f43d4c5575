//! Which recorded image a manifest means, and how it is written.

use super::*;
use serde_json::json;

fn recorded(reference: &str) -> RecordedImage {
    RecordedImage {
        reference: reference.into(),
        digest: Sha256Digest::compute(reference.as_bytes()),
        origin: None,
        platforms: vec![],
    }
}

fn pod(image: &str) -> Object {
    Object::new(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "c", "image": image}]}}),
    )
    .unwrap()
}

fn pinned(
    images: &[RecordedImage],
    registries: &[(&str, &str)],
    image: &str,
    tested: Option<&str>,
) -> Result<String, PinError> {
    let registries = registries
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect();

    let mut object = pod(image);
    let tested = tested.map(pod);
    Pins {
        images,
        paths: &[],
        registries: &registries,
    }
    .pin(&mut object, tested.as_ref())?;
    Ok(object.text("/spec/containers/0/image").to_owned())
}

#[test]
fn another_tag_of_the_same_repository_is_the_tested_image() {
    let images = [recorded("ghcr.io/acme/web:1.4.2")];
    let expected = format!("ghcr.io/acme/web@{}", images[0].digest);
    for written in [
        "ghcr.io/acme/web:1.4.2",
        "ghcr.io/acme/web:placeholder",
        "ghcr.io/acme/web",
    ] {
        assert_eq!(pinned(&images, &[], written, None).unwrap(), expected);
    }
}

#[test]
fn a_mirror_serves_the_same_digest_under_its_own_name() {
    let images = [recorded("ghcr.io/acme/web:1")];
    let mirror = [("ghcr.io/acme", "mirror.example/acme")];
    let expected = format!("mirror.example/acme/web@{}", images[0].digest);
    assert_eq!(
        pinned(&images, &mirror, "ghcr.io/acme/web:1", None).unwrap(),
        expected
    );
    assert_eq!(
        pinned(&images, &mirror, "mirror.example/acme/web:1", None).unwrap(),
        expected
    );
}

#[test]
fn two_versions_of_one_repository_are_told_apart_by_the_tested_container_or_refused() {
    let images = [recorded("acme.example/web:1"), recorded("acme.example/web:2")];
    let error = pinned(&images, &[], "acme.example/web:x", None).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("acme.example/web:1 or acme.example/web:2")
    );

    let by_container = pinned(&images, &[], "acme.example/web:x", Some("acme.example/web:2")).unwrap();
    assert_eq!(by_container, format!("acme.example/web@{}", images[1].digest));
}

fn pinned_object(images: &[RecordedImage], object: &Object, tested: &Object) -> Result<Object, PinError> {
    let mut object = object.clone();
    let registries = BTreeMap::new();
    let pins = Pins {
        images,
        paths: &[],
        registries: &registries,
    };
    pins.pin(&mut object, Some(tested))?;
    Ok(object)
}

fn custom(kind: (&str, &str), spec: &serde_json::Value) -> Object {
    Object::new(json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a"}, "spec": spec}))
        .unwrap()
}

#[test]
fn an_operator_keeps_the_tested_tag_beside_the_digest_and_a_template_does_not() {
    let images = [recorded("acme.example/db:16.4")];
    let digest = &images[0].digest;

    let cluster = |image: &str| custom(("postgresql.cnpg.io/v1", "Cluster"), &json!({"imageName": image}));
    let (written, tested) = (
        cluster("acme.example/db:placeholder"),
        cluster("acme.example/db:16.4"),
    );
    let found = pinned_object(&images, &written, &tested).unwrap();
    assert_eq!(
        found.text("/spec/imageName"),
        format!("acme.example/db:16.4@{digest}")
    );

    let rollout = custom(
        ("argoproj.io/v1alpha1", "Rollout"),
        &json!({"template": {"spec": {"containers": [{"name": "db", "image": "acme.example/db:16.4"}]}}}),
    );
    let found = pinned_object(&images, &rollout, &rollout).unwrap();
    assert_eq!(
        found.text("/spec/template/spec/containers/0/image"),
        format!("acme.example/db@{digest}")
    );
}

#[test]
fn two_templates_of_one_object_are_told_apart_by_their_fields() {
    let images = [recorded("acme.example/web:1"), recorded("acme.example/web:2")];
    let set = |a: &str, b: &str| {
        let job = |name: &str, image: &str| {
            json!({"name": name, "template": {"spec": {"template": {"spec": {
            "containers": [{"name": "main", "image": image}]}}}}})
        };
        custom(
            ("jobset.x-k8s.io/v1alpha2", "JobSet"),
            &json!({"replicatedJobs": [job("a", a), job("b", b)]}),
        )
    };
    let tested = set("acme.example/web:1", "acme.example/web:2");
    let found = pinned_object(&images, &set("acme.example/web:x", "acme.example/web:x"), &tested).unwrap();
    for (index, image) in images.iter().enumerate() {
        assert_eq!(
            found.text(&format!(
                "/spec/replicatedJobs/{index}/template/spec/template/spec/containers/0/image"
            )),
            format!("acme.example/web@{}", image.digest)
        );
    }

    // Under another name neither of the two is its own, and they do not agree.
    let mut renamed = set("acme.example/web:x", "acme.example/web:2");
    renamed.value_mut()["spec"]["replicatedJobs"][0]["name"] = "c".into();
    let error = pinned_object(&images, &renamed, &tested).unwrap_err();
    assert_eq!(
        error.path.to_string(),
        "/spec/replicatedJobs/[name=c]/template/spec/template/spec/containers/[name=main]/image"
    );
}

#[test]
fn what_an_older_release_does_not_hold_of_a_custom_resource_stays_as_written() {
    // The Deployment's image was recorded, the Rollout's other version was not.
    let images = [recorded("acme.example/web:1")];
    let rollout = |image: &str| {
        custom(
            ("argoproj.io/v1alpha1", "Rollout"),
            &json!({"template": {"spec": {"containers": [{"name": "web", "image": image}]}}}),
        )
    };
    let tested = rollout("acme.example/web:3");
    for written in ["acme.example/web:3", "acme.example/web:placeholder"] {
        let found = pinned_object(&images, &rollout(written), &tested).unwrap();
        assert_eq!(found.text("/spec/template/spec/containers/0/image"), written);
    }

    let mut pinned = tested.clone();
    let registries = BTreeMap::new();
    let pins = Pins {
        images: &images,
        paths: &[],
        registries: &registries,
    };
    pins.pin_tested(&mut pinned);
    assert_eq!(pinned, tested);
}

#[test]
fn of_a_list_without_keys_a_place_says_nothing_of_two_versions() {
    let images = [recorded("acme.example/w:1"), recorded("acme.example/w:2")];
    let task = |one: &str, two: &str| {
        custom(
            ("tekton.dev/v1", "Task"),
            &json!({"steps": [{"image": one}, {"image": two}]}),
        )
    };
    let tested = task("acme.example/w:1", "acme.example/w:2");
    assert!(pinned_object(&images, &task("acme.example/w:2", "acme.example/w:x"), &tested).is_err());
}

#[test]
fn an_image_that_is_not_in_the_release_stays_as_it_is() {
    assert_eq!(
        pinned(&[recorded("a.example/web:1")], &[], "b.example/web:1", None).unwrap(),
        "b.example/web:1"
    );
}
