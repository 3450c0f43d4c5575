//! Fields and texts that look like images, in kinds of every sort.

use super::*;
use serde_json::json;

fn object(kind: (&str, &str), part: (&str, &Value)) -> Object {
    Object::new(json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a"}, part.0: part.1}))
        .unwrap()
}

/// The fields and the texts that are found, each as `path reference`.
fn found(kind: (&str, &str), spec: &Value, paths: &[ImagePath]) -> (Vec<String>, Vec<String>) {
    let found = unrecorded_images(&[object(kind, ("spec", spec))], paths);
    let listed = |images: Vec<UnrecordedImage>| -> Vec<String> {
        let line = |image: &UnrecordedImage| format!("{} {}", image.path, image.reference);
        images.iter().map(line).collect()
    };
    (listed(found.fields), listed(found.texts))
}

const NONE: [&str; 0] = [];

#[test]
fn a_field_for_an_image_that_no_shape_explains_is_named() {
    let kind = ("acme.example/v1", "Farm");
    let spec = json!({
        "image": "quay.io/p/p:v3", "parts": [{"baseImage": "quay.io/t/t"}, {"image": "nginx"}],
        "containers": [{"name": "a", "image": "quay.io/c/c:1"}],
        "tag": "v1", "logoImage": "logo.png", "useImage": "true", "backgroundImage": "https://a.example/x.png",
        "image_count": "3", "imagePullPolicy": "Always", "pattern": {"image": "*/x:*"},
        "volumes": [{"name": "v", "rbd": {"image": "disk"}}],
        "template": {"metadata": {"annotations": {"proxyImage": "quay.io/a/a:1"}}},
        "schema": {"image": "quay.io/s/s:1"},
        "manifests": [{"apiVersion": "v1", "kind": "Secret", "stringData": {"image": "quay.io/s/s:2"}}],
    });
    let (fields, texts) = found(kind, &spec, &[]);
    assert_eq!(
        fields,
        [
            "/spec/image quay.io/p/p:v3",
            "/spec/parts/[0]/baseImage quay.io/t/t",
            "/spec/parts/[1]/image nginx"
        ]
    );
    assert_eq!(texts, NONE);

    // Recorded by one path and ignored by another, nothing is left.
    let path = |path: &str, ignored| ImagePath {
        group: "acme.example".into(),
        kind: "Farm".into(),
        path: path.into(),
        ignored,
    };
    let paths = [
        path("/spec/image", false),
        path("/spec/parts/[*]/baseImage", true),
        path("/spec/parts/[*]/image", true),
    ];
    assert_eq!(found(kind, &spec, &paths).0, NONE);
}

#[test]
fn a_field_is_named_even_where_another_object_runs_its_image() {
    let farm = object(
        ("acme.example/v1", "Farm"),
        ("spec", &json!({"image": "quay.io/p/p:v3"})),
    );
    let pod = object(
        ("v1", "Pod"),
        (
            "spec",
            &json!({"containers": [{"name": "p", "image": "quay.io/p/p:v3"}]}),
        ),
    );
    let found = unrecorded_images(&[farm, pod], &[]);
    // Not pinned there, another digest could run under the same tag.
    assert_eq!(found.fields.len(), 1);
    let flag = found.fields[0].field.as_ref().unwrap().to_string();
    assert_eq!(flag, "Farm.acme.example=/spec/image");
}

#[test]
fn what_only_speaks_of_images_says_nothing() {
    let spec = json!({"image": "quay.io/p/p", "args": ["quay.io/p/p:1"]});
    for kind in [
        ("image.toolkit.fluxcd.io/v1", "ImageRepository"),
        ("kyverno.io/v1", "ClusterPolicy"),
        ("constraints.gatekeeper.sh/v1beta1", "K8sAllowedRepos"),
        ("infrastructure.cluster.x-k8s.io/v1beta1", "GCPMachineTemplate"),
        ("apiextensions.k8s.io/v1", "CustomResourceDefinition"),
        ("v1", "Secret"),
    ] {
        let (fields, texts) = found(kind, &spec, &[]);
        assert_eq!((fields, texts), (vec![], vec![]), "{kind:?}");
    }
}

#[test]
fn operands_in_variables_and_flags_are_found_and_other_texts_are_not() {
    let spec = json!({"template": {"spec": {"containers": [{
        "name": "op", "image": "quay.io/op/op:1",
        "args": ["--reloader=quay.io/r/r:v1", "--listen=0.0.0.0:8080", "--url=https://a.example/b:1", "quay.io/op/op:1"],
        "env": [{"name": "A", "value": "3.9.0=quay.io/k/k:3.9.0\n3.9.1=quay.io/k/k:3.9.1"},
            {"name": "B", "value": "svc.cluster.local/path"}, {"name": "C", "value": "/var/run:ro"}]}]}}});

    // The container's own image is recorded, and a listening address or a link is none.
    let expected = ["quay.io/r/r:v1", "quay.io/k/k:3.9.0", "quay.io/k/k:3.9.1"];
    for kind in [("apps/v1", "Deployment"), ("argoproj.io/v1alpha1", "Rollout")] {
        let found = unrecorded_images(&[object(kind, ("spec", &spec))], &[]);
        let references: Vec<_> = found.texts.iter().map(|image| image.reference.as_str()).collect();
        assert_eq!(references, expected);
        assert_eq!(found.fields, []);
    }
}

#[test]
fn data_and_other_fields_that_name_a_registry_are_texts() {
    let map = object(
        ("v1", "ConfigMap"),
        (
            "data",
            &json!({"image": "quay.io/a/a:1", "values.yaml": "proxy:\n  image: \"quay.io/b/b:1\"\n  tag: x\n", "name": "a/b:1"}),
        ),
    );
    let pipeline = object(
        ("tekton.dev/v1", "PipelineRun"),
        (
            "spec",
            &json!({"taskRef": {"bundle": "quay.io/c/c:1"}, "url": "https://a.example/b:1"}),
        ),
    );
    let found = unrecorded_images(&[map, pipeline], &[]);
    let line = |image: &UnrecordedImage| {
        let flag = image.field.as_ref().map(ToString::to_string).unwrap_or_default();
        format!("{} {} {flag}", image.path, image.reference)
    };
    assert_eq!(
        found.texts.iter().map(line).collect::<Vec<_>>(),
        [
            "/data/image quay.io/a/a:1 ",
            "/data/values.yaml quay.io/b/b:1 ",
            "/spec/taskRef/bundle quay.io/c/c:1 PipelineRun.tekton.dev=/spec/taskRef/bundle",
        ]
    );
    assert_eq!(found.fields, []);
}
