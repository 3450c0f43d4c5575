//! Shapes in which objects name images, a case each.

use super::*;
use rstest::rstest;
use serde_json::json;

fn object(kind: (&str, &str), spec: &Value) -> Object {
    Object::new(json!({"apiVersion": kind.0, "kind": kind.1, "metadata": {"name": "a"}, "spec": spec}))
        .unwrap()
}

fn path(kind: (&str, &str), path: &str, ignored: bool) -> ImagePath {
    ImagePath {
        group: kind.0.into(),
        kind: kind.1.into(),
        path: path.into(),
        ignored,
    }
}

/// Each image's path, reference and role.
fn listed(object: &Object, paths: &[ImagePath]) -> Vec<String> {
    let found = images(object, paths);
    for image in &found {
        // What is pinned is what was found.
        let text = image.path.get(object.value()).and_then(Value::as_str);
        assert_eq!(text, Some(&*image.reference), "{}", image.path);
    }

    let line = |image: ImageUse| match image.role {
        Some(role) => format!("{} {} {role:?} {}", image.path, image.reference, image.container),
        None => format!("{} {}", image.path, image.reference),
    };
    found.into_iter().map(line).collect()
}

const DEPLOYMENT: (&str, &str) = ("apps/v1", "Deployment");
const FARM: (&str, &str) = ("acme.example/v1", "Farm");

#[test]
fn images_are_found_in_every_list_and_in_volumes() {
    let spec = json!({"template": {"spec": {
        "containers": [{"name": "web", "image": "web:1"}, {"name": "bare"}],
        "initContainers": [{"name": "i", "image": "init:1"}],
        "volumes": [{"name": "models", "image": {"reference": "models:1"}}, {"name": "tmp", "emptyDir": {}}],
    }}});
    let expected = [
        "/spec/template/spec/initContainers/[name=i]/image init:1 Init i",
        "/spec/template/spec/containers/[name=web]/image web:1 Main web",
        "/spec/template/spec/volumes/[name=models]/image/reference models:1",
    ];
    // A custom kind with the template of a Deployment names the same, in the same order.
    for kind in [
        DEPLOYMENT,
        ("argoproj.io/v1alpha1", "Rollout"),
        ("apps.kruise.io/v1alpha1", "CloneSet"),
        ("apps.kruise.io/v1beta1", "StatefulSet"),
        FARM,
    ] {
        assert_eq!(listed(&object(kind, &spec), &[]), expected, "{kind:?}");
    }
}

#[test]
fn a_cron_job_holds_its_pod_deeper() {
    let spec = json!({"jobTemplate": {"spec": {"template": {"spec": {"containers": [{"name": "c", "image": "x"}]}}}}});
    assert_eq!(images(&object(("batch/v1", "CronJob"), &spec), &[]).len(), 1);
}

#[rstest]
#[case::knative_names_no_container(
    ("serving.knative.dev/v1", "Service"),
    json!({"template": {"spec": {"containers": [{"image": "r.example/web:1"}]}}}),
    &["/spec/template/spec/containers/[0]/image r.example/web:1"]
)]
#[case::a_rollout_that_refers_to_a_deployment(
    ("argoproj.io/v1alpha1", "Rollout"),
    json!({"workloadRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "web"}}),
    &[]
)]
#[case::argo_workflows(
    ("argoproj.io/v1alpha1", "CronWorkflow"),
    json!({"workflowSpec": {"templates": [
        {"name": "a", "container": {"image": "r.example/a:1"}, "sidecars": [{"name": "s", "image": "r.example/s:1"}]},
        {"name": "b", "script": {"image": "r.example/b:1", "source": "echo image: x"}},
        {"name": "c", "containerSet": {"containers": [{"name": "main", "image": "r.example/c:1"}]}},
        {"name": "d", "container": {"image": "{{inputs.parameters.image}}"}}]}}),
    &["/spec/workflowSpec/templates/[name=a]/container/image r.example/a:1",
      "/spec/workflowSpec/templates/[name=a]/sidecars/[name=s]/image r.example/s:1",
      "/spec/workflowSpec/templates/[name=b]/script/image r.example/b:1",
      "/spec/workflowSpec/templates/[name=c]/containerSet/containers/[name=main]/image r.example/c:1 Main main"]
)]
#[case::tekton(
    ("tekton.dev/v1", "Task"),
    json!({"stepTemplate": {"image": "r.example/t:1"}, "steps": [{"image": "r.example/a:1"}, {"image": "$(params.x)"}],
        "params": [{"name": "x", "default": "r.example/x:1"}]}),
    &["/spec/stepTemplate/image r.example/t:1", "/spec/steps/[0]/image r.example/a:1"]
)]
#[case::tekton_bundles_are_no_containers(
    ("tekton.dev/v1", "Pipeline"),
    json!({"tasks": [{"name": "a", "taskRef": {"bundle": "r.example/a:1"}},
        {"name": "b", "taskSpec": {"steps": [{"name": "s", "image": "r.example/b:1"}]}}]}),
    &["/spec/tasks/[name=b]/taskSpec/steps/[name=s]/image r.example/b:1"]
)]
#[case::keda(
    ("keda.sh/v1alpha1", "ScaledJob"),
    json!({"jobTargetRef": {"template": {"spec": {"containers": [{"name": "w", "image": "r.example/w:1"}]}}}}),
    &["/spec/jobTargetRef/template/spec/containers/[name=w]/image r.example/w:1 Main w"]
)]
#[case::spark(
    ("sparkoperator.k8s.io/v1beta2", "SparkApplication"),
    json!({"image": "r.example/s:1", "driver": {"image": "r.example/d:1", "cores": 1},
        "executor": {"sidecars": [{"name": "x", "image": "r.example/x:1"}]}}),
    &["/spec/executor/sidecars/[name=x]/image r.example/x:1", "/spec/image r.example/s:1",
      "/spec/driver/image r.example/d:1"]
)]
#[case::prometheus(
    ("monitoring.coreos.com/v1", "Prometheus"),
    json!({"image": "r.example/p:1", "baseImage": "r.example/p", "thanos": {"image": "r.example/t:1"},
        "containers": [{"name": "prometheus", "args": ["x"]}, {"name": "proxy", "image": "r.example/x:1"}]}),
    &["/spec/containers/[name=proxy]/image r.example/x:1 Main proxy", "/spec/image r.example/p:1",
      "/spec/thanos/image r.example/t:1"]
)]
#[case::alertmanager(
    ("monitoring.coreos.com/v1", "Alertmanager"), json!({"image": "r.example/a:1"}), &["/spec/image r.example/a:1"]
)]
#[case::thanos_ruler(
    ("monitoring.coreos.com/v1", "ThanosRuler"), json!({"image": "r.example/t:1"}), &["/spec/image r.example/t:1"]
)]
#[case::postgres(
    ("postgresql.cnpg.io/v1", "Cluster"), json!({"imageName": "r.example/p:16"}), &["/spec/imageName r.example/p:16"]
)]
#[case::a_name_twice_is_no_address(
    FARM,
    json!({"parts": [{"name": "a", "image": "r.example/a:1"}, {"name": "a", "image": "r.example/b:1"}]}),
    &["/spec/parts/[0]/image r.example/a:1", "/spec/parts/[1]/image r.example/b:1"]
)]
#[case::a_map_of_its_own(
    FARM,
    json!({"proxyContainer": {"image": "r.example/a:1"}, "worker": {"image": "r.example/b:1"}, "image": "r.example/c:1"}),
    &["/spec/proxyContainer/image r.example/a:1"]
)]
#[case::values_of_a_chart_name_parts(
    ("helm.toolkit.fluxcd.io/v2", "HelmRelease"),
    json!({"values": {"image": {"repository": "r.example/a", "tag": "1"}, "icons": [{"name": "a", "image": "a.png"}]}}),
    &[]
)]
#[case::what_scans(
    ("image.toolkit.fluxcd.io/v1", "ImageRepository"),
    json!({"image": "r.example/a", "containers": [{"name": "a", "image": "r.example/a:1"}]}),
    &[]
)]
#[case::what_judges(
    ("policies.kyverno.io/v1", "ImageValidatingPolicy"),
    json!({"containers": [{"name": "a", "image": "r.example/a:1"}]}),
    &[]
)]
#[case::data_schemas_and_annotations(
    FARM,
    json!({"manifests": [{"apiVersion": "v1", "kind": "Secret", "stringData": {"container": {"image": "r.example/a:1"}}}],
        "schema": {"container": {"image": "r.example/b:1"}},
        "template": {"metadata": {"annotations": {"container": {"image": "r.example/c:1"}}}}}),
    &[]
)]
#[case::a_whole_object_in_another(
    ("work.example.io/v1", "ManifestWork"),
    json!({"manifests": [{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
        "spec": {"template": {"spec": {"containers": [{"name": "web", "image": "r.example/web:1"}]}}}}]}),
    &["/spec/manifests/[0]/spec/template/spec/containers/[name=web]/image r.example/web:1 Main web"]
)]
fn what_a_controller_passes_on_to_a_container_is_found(
    #[case] kind: (&str, &str),
    #[case] spec: Value,
    #[case] expected: &[&str],
) {
    assert_eq!(listed(&object(kind, &spec), &[]), expected);
}

#[test]
fn a_schema_of_a_custom_kind_holds_no_image() {
    let crd = json!({"versions": [{"schema": {"openAPIV3Schema": {"properties": {"containers": {"default":
        [{"name": "a", "image": "r.example/a:1"}]}}}}}]});
    let kind = ("apiextensions.k8s.io/v1", "CustomResourceDefinition");
    assert_eq!(listed(&object(kind, &crd), &[]), Vec::<String>::new());
}

#[test]
fn a_given_path_adds_an_image_once_and_an_ignored_one_takes_it_away() {
    let farm = object(
        FARM,
        &json!({"image": "no reference", "workers": [{"name": "a", "image": "w:1"}, {"name": "b", "image": "w:2"}]}),
    );
    let kind = ("acme.example", "Farm");
    let workers = path(kind, "/spec/workers/[*]/image", false);
    let both = [
        "/spec/workers/[name=a]/image w:1",
        "/spec/workers/[name=b]/image w:2",
    ];
    assert_eq!(listed(&farm, &[]), both);
    assert_eq!(listed(&farm, std::slice::from_ref(&workers)), both);

    // As given, whatever stands there: the mistake is named when it is recorded.
    let given = path(kind, "/spec/image", false);
    assert_eq!(
        listed(&farm, &[given]),
        [both[0], both[1], "/spec/image no reference"]
    );

    let ignored = path(kind, "/spec/workers/[name=a]/image", true);
    assert_eq!(listed(&farm, &[workers, ignored]), [both[1]]);
    let other = path(("other.example", "Farm"), "/spec/workers/[*]/image", true);
    assert_eq!(listed(&farm, &[other]), both, "of another group");
}
