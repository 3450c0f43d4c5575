//! Templates against what was read: each thing that a pod needs, taken away, and its counter-case.

use super::*;
use crate::model::finding::{
    Certainty, Comparison, ObjectComparison, ObjectStatus, RequirementFinding, RequirementState,
};
use crate::model::k8s::kinds::built_in;
use crate::model::k8s::pod_spec::pod_spec;
use crate::model::snapshot::Absence;
use rstest::rstest;
use serde_json::json;

fn object(api_version: &str, kind: &str, name: &str, fields: &Value) -> Object {
    let mut value = fields.clone();
    value["apiVersion"] = api_version.into();
    value["kind"] = kind.into();
    value["metadata"]["name"] = name.into();
    value["metadata"]["namespace"] = "shop".into();
    Object::new(value).unwrap()
}

/// A Deployment of one container; `fields` are laid over its pod's spec.
fn web(container: &Value, fields: &Value) -> Object {
    let mut spec = fields.clone();
    let mut main = container.clone();
    main["name"] = "web".into();
    spec["containers"] = json!([main]);
    object(
        "apps/v1",
        "Deployment",
        "web",
        &json!({"spec": {"template": {"spec": spec}}}),
    )
}

fn workload(object: &Object) -> StartingWorkload<'_> {
    StartingWorkload {
        id: object.id(),
        object,
        spec: pod_spec(object).unwrap(),
        when: StartTime::Now,
    }
}

fn map(name: &str, keys: &[&str]) -> Object {
    let data: serde_json::Map<String, Value> = keys.iter().map(|key| ((*key).into(), json!("x"))).collect();
    object("v1", "ConfigMap", name, &json!({"data": data}))
}

/// What is found where these objects are there and all else is not.
fn look(workload_object: &Object, there: &[Object]) -> Starts {
    let workloads = [workload(workload_object)];
    let present: Vec<(ObjectId, Observed)> = there
        .iter()
        .map(|object| {
            // Classes have no namespace, whatever the helper gives them.
            let mut id = object.id();
            if id.kind.ends_with("Class") {
                id.namespace = None;
            }
            (id, Observed::Present(object.clone()))
        })
        .collect();
    let mut objects: HashMap<ObjectId, &Observed> = present
        .iter()
        .map(|(id, observed)| (id.clone(), observed))
        .collect();
    let absent = Observed::Absent(Absence::Object);
    for _ in 0..2 {
        for target in open_targets(&workloads, &objects) {
            objects.insert(target.id(), &absent);
        }
    }
    would_not_start(
        &workloads,
        &StartFacts {
            objects,
            ..StartFacts::default()
        },
    )
}

fn causes(workload: &Object, there: &[Object]) -> Vec<String> {
    let starts = look(workload, there);
    let causes = starts.findings.iter().flat_map(|finding| &finding.causes);
    causes.map(ToString::to_string).collect()
}

fn env(source: &str, name: &str, key: &str) -> Value {
    json!({"env": [{"name": "A", "valueFrom": {source: {"name": name, "key": key}}}]})
}

#[rstest]
#[case::variable(&env("configMapKeyRef", "config", "URL"), &json!({}))]
#[case::file(
    &json!({"volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "configMap": {"name": "config", "items": [{"key": "URL"}]}}]}))]
#[case::projected(
    &json!({"volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "projected": {"sources": [{"configMap": {"name": "config", "items": [{"key": "URL"}]}}]}}]}))]
#[case::init(
    &json!({}),
    &json!({"initContainers": [{"name": "i", "env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "config", "key": "URL"}}}]}]}))]
fn a_key_that_is_gone_and_its_object_are_told_apart(#[case] container: &Value, #[case] spec: &Value) {
    let web = web(container, spec);

    assert_eq!(causes(&web, &[map("config", &["URL"])]), Vec::<String>::new());
    assert_eq!(
        causes(&web, &[map("config", &["OTHER"])]),
        ["ConfigMap shop/config has no key \"URL\""]
    );
    assert_eq!(causes(&web, &[]), ["ConfigMap shop/config does not exist"]);
}

#[rstest]
#[case::env_from(&json!({"envFrom": [{"secretRef": {"name": "gone"}}]}), &json!({}), "Secret shop/gone")]
#[case::account(&json!({}), &json!({"serviceAccountName": "gone"}), "ServiceAccount shop/gone")]
#[case::priority(&json!({}), &json!({"priorityClassName": "gone"}), "PriorityClass gone")]
#[case::runtime(&json!({}), &json!({"runtimeClassName": "gone"}), "RuntimeClass gone")]
// The scheduler looks at claims whether they are mounted or not.
#[case::claim(
    &json!({}), &json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "gone"}}]}),
    "PersistentVolumeClaim shop/gone")]
fn what_is_missing_is_named(#[case] container: &Value, #[case] spec: &Value, #[case] name: &str) {
    assert_eq!(
        causes(&web(container, spec), &[]),
        [format!("{name} does not exist")]
    );
}

#[rstest]
#[case::optional_key(
    &json!({"env": [{"name": "A", "valueFrom": {"configMapKeyRef": {"name": "gone", "key": "K", "optional": true}}}]}), &json!({}))]
#[case::optional_source(&json!({"envFrom": [{"configMapRef": {"name": "gone", "optional": true}}]}), &json!({}))]
#[case::optional_file(
    &json!({"volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "secret": {"secretName": "gone", "optional": true, "items": [{"key": "K"}]}}]}))]
#[case::not_mounted(&json!({}), &json!({"volumes": [{"name": "v", "configMap": {"name": "gone"}}]}))]
#[case::brought_by_its_own_volume(
    &json!({"envFrom": [{"secretRef": {"name": "gone"}}], "volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "csi": {"driver": "secrets-store.csi.k8s.io"}}]}))]
#[case::only_at_runtime(
    &json!({"volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "projected": {"sources": [
        {"serviceAccountToken": {"path": "token"}}, {"downwardAPI": {}}, {"configMap": {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt"}]}}]}}]}))]
#[case::system_class(&json!({}), &json!({"priorityClassName": "system-cluster-critical"}))]
#[case::no_class(&json!({}), &json!({"runtimeClassName": "", "priorityClassName": "", "serviceAccountName": ""}))]
#[case::own_volume(
    &json!({"volumeMounts": [{"name": "v"}]}),
    &json!({"volumes": [{"name": "v", "ephemeral": {"volumeClaimTemplate": {}}}, {"name": "e", "emptyDir": {}}]}))]
fn what_pods_can_do_without_is_nothing(#[case] container: &Value, #[case] spec: &Value) {
    let starts = look(&web(container, spec), &[]);
    assert_eq!(starts, Starts::default());
}

#[test]
fn the_kubelet_reads_binary_values_into_files_alone() {
    let binary = object(
        "v1",
        "ConfigMap",
        "config",
        &json!({"binaryData": {"URL": "eA=="}}),
    );
    let file = web(
        &json!({"volumeMounts": [{"name": "v"}]}),
        &json!({"volumes": [{"name": "v", "configMap": {"name": "config", "items": [{"key": "URL"}]}}]}),
    );
    let variable = web(&env("configMapKeyRef", "config", "URL"), &json!({}));

    assert!(causes(&file, std::slice::from_ref(&binary)).is_empty());
    assert_eq!(
        causes(&variable, &[binary]),
        ["ConfigMap shop/config has no key \"URL\""]
    );
}

#[test]
fn claims_that_go_or_have_lost_their_volume_are_in_the_way() {
    let claim = |fields: &Value| object("v1", "PersistentVolumeClaim", "data", fields);
    let web = web(
        &json!({}),
        &json!({"volumes": [{"name": "v", "persistentVolumeClaim": {"claimName": "data"}}]}),
    );

    let of = |fields: &Value| causes(&web, &[claim(fields)]);
    // A claim that waits for its first consumer is bound when its pod is made.
    assert!(of(&json!({"status": {"phase": "Pending"}})).is_empty());
    assert_eq!(
        of(&json!({"status": {"phase": "Lost"}})),
        ["PersistentVolumeClaim shop/data has lost its volume"]
    );
    assert_eq!(
        of(&json!({"metadata": {"deletionTimestamp": "2026-11-30T06:00:00Z"}, "status": {"phase": "Bound"}})),
        ["PersistentVolumeClaim shop/data is being deleted"]
    );
}

#[test]
fn a_stateful_set_makes_its_own_claims() {
    let set = object(
        "apps/v1",
        "StatefulSet",
        "db",
        &json!({"spec": {
        "replicas": 2, "ordinals": {"start": 3},
        "volumeClaimTemplates": [{"metadata": {"name": "data"}}],
        "template": {"spec": {"containers": [{"name": "db", "volumeMounts": [{"name": "data"}]}]}}}}),
    );
    let claim = |name: &str, fields: &Value| object("v1", "PersistentVolumeClaim", name, fields);
    assert_eq!(look(&set, &[]), Starts::default(), "it makes what is missing");

    let lost = claim("data-db-4", &json!({"status": {"phase": "Lost"}}));
    assert_eq!(
        causes(&set, &[lost]),
        ["PersistentVolumeClaim shop/data-db-4 has lost its volume"]
    );

    let going = claim(
        "data-db-3",
        &json!({"metadata": {"deletionTimestamp": "2026-11-30T06:00:00Z"}}),
    );
    let starts = look(&set, &[going]);
    assert!(starts.findings.is_empty());
    assert_eq!(
        starts.notes[0].message,
        "PersistentVolumeClaim shop/data-db-3 is being deleted: its pod would start with a new, empty volume"
    );
}

#[test]
fn a_pull_secret_that_is_missing_is_a_note_by_template_and_by_account() {
    let account = object(
        "v1",
        "ServiceAccount",
        "web",
        &json!({"imagePullSecrets": [{"name": "of-account"}]}),
    );
    let messages = |spec: &Value| {
        let starts = look(&web(&json!({}), spec), std::slice::from_ref(&account));
        assert!(starts.findings.is_empty());
        starts
            .notes
            .into_iter()
            .map(|note| note.message)
            .collect::<Vec<_>>()
    };

    let of = |name: &str| {
        vec![format!(
            "Secret shop/{name} does not exist: images that need it could not be pulled"
        )]
    };
    assert_eq!(messages(&json!({"serviceAccountName": "web"})), of("of-account"));
    let both = json!({"serviceAccountName": "web", "imagePullSecrets": [{"name": "of-template"}]});
    assert_eq!(
        messages(&both),
        of("of-template"),
        "the account's are not used then"
    );
}

#[test]
fn what_may_not_be_read_is_unknown_once_for_all() {
    let both: Vec<Object> = ["db", "api"]
        .map(|secret| web(&env("secretKeyRef", secret, "url"), &json!({})))
        .into();
    let workloads: Vec<_> = both.iter().map(workload).collect();
    let unreadable = Observed::Unreadable {
        error: "secrets \"db\" is forbidden".into(),
        forbidden: true,
        webhook: None,
    };
    let ids = ["db", "api"].map(|name| ObjectId::new("", "Secret", Some("shop"), name));
    let objects = ids.iter().map(|id| (id.clone(), &unreadable)).collect();

    let starts = would_not_start(
        &workloads,
        &StartFacts {
            objects,
            ..StartFacts::default()
        },
    );
    assert!(starts.findings.is_empty());
    let [unknown] = starts.unknown.as_slice() else {
        panic!("{:?}", starts.unknown)
    };
    assert_eq!(unknown.what, "Secrets in namespace shop");
    assert_eq!(unknown.why, "missing permission to get secrets");
    assert_eq!(unknown.objects.len(), 2);
}

#[test]
fn what_nobody_asked_for_says_nothing() {
    let web = web(&env("secretKeyRef", "db", "url"), &json!({}));
    assert_eq!(
        would_not_start(&[workload(&web)], &StartFacts::default()),
        Starts::default()
    );
}

fn compared(live: Option<Object>, desired: Object) -> ObjectComparison {
    let kind = built_in(&desired.gvk().group, desired.kind()).unwrap();
    ObjectComparison::new(
        Target::new(&kind, Some("shop"), desired.name()),
        Some(desired),
        live.map_or(Observed::Absent(Absence::Object), Observed::Present),
        ObjectStatus::Same,
        Certainty::Computed,
    )
}

/// The requirements that are left of one on `config`, where `web` runs with `running` and `web` and `other` are desired so.
fn left(
    running: &[&str],
    desired: &[&str],
    other: &[&str],
    missing: &[&str],
) -> Vec<(Vec<String>, Vec<String>)> {
    let reading = |name: &str, keys: &[&str]| {
        let env: Vec<Value> = keys
            .iter()
            .map(|key| json!({"name": key, "valueFrom": {"configMapKeyRef": {"name": "config", "key": key}}}))
            .collect();
        let spec = json!({"containers": [{"name": "c", "env": env}]});
        object(
            "apps/v1",
            "Deployment",
            name,
            &json!({"spec": {"template": {"spec": spec}}}),
        )
    };
    let (live, new) = (reading("web", running), reading("other", other));
    let id = ObjectId::new("", "ConfigMap", Some("shop"), "config");
    let mut comparison = Comparison {
        requirements: vec![RequirementFinding {
            object: id.clone(),
            keys: missing.iter().map(ToString::to_string).collect(),
            needed_by: vec![live.id(), new.id()],
            state: RequirementState::KeysMissing,
        }],
        objects: vec![compared(Some(live), reading("web", desired)), compared(None, new)],
        ..Comparison::default()
    };

    let config = Observed::Present(map("config", &[]));
    let facts = StartFacts {
        objects: HashMap::from([(id, &config)]),
        ..StartFacts::default()
    };
    comparison.starts = would_not_start(&starting_workloads(&comparison), &facts);
    merge_requirements(&mut comparison);
    let left = comparison.requirements.into_iter().map(|need| {
        let users = need.needed_by.into_iter().map(|id| id.name).collect();
        (users, need.keys)
    });
    left.collect()
}

#[test]
fn what_both_templates_miss_is_one_finding() {
    let texts = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();

    assert_eq!(
        left(&["A"], &["A"], &[], &["A"]),
        [],
        "the running one misses all of it"
    );
    assert_eq!(
        left(&["A"], &["A"], &["A"], &["A"]),
        [(texts(&["other"]), texts(&["A"]))],
        "one that starts now"
    );
    assert_eq!(
        left(&["A"], &["A", "B"], &[], &["A", "B"]),
        [(texts(&["web"]), texts(&["B"]))],
        "the desired one reads a key more"
    );
    assert_eq!(
        left(&[], &["A"], &[], &["A"]),
        [(texts(&["web", "other"]), texts(&["A"]))],
        "the running one starts again"
    );
    assert_eq!(
        left(&["A"], &["A"], &[], &["A", "TOKEN"]),
        [(texts(&[]), texts(&["TOKEN"]))],
        "the release requires a key that no template reads"
    );
}
