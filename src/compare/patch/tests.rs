//! What becomes a patch, and what is left out for which reason.

use super::*;
use crate::model::Target;
use crate::model::finding::{Certainty, ChangeKind, FieldManager, Operation};
use crate::model::k8s::kinds::well_known;
use crate::model::snapshot::{Absence, Observed};
use rstest::rstest;

const SECRET: &str = "hunter2-and-more";

fn deployment(spec: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": spec})
}

fn containers(list: &Value) -> Value {
    deployment(&json!({"template": {"spec": {"containers": list}}}))
}

fn change(
    path: &str,
    live: Option<Value>,
    target: Option<Value>,
    class: Option<ManagerClass>,
) -> FieldChange {
    let owner = class.map(|class| FieldManager {
        manager: "x".into(),
        operation: Operation::Update,
        subresource: String::new(),
        time: None,
        class,
    });
    FieldChange {
        path: path.parse().unwrap(),
        kind: ChangeKind::Changed,
        live,
        desired: target,
        owner,
        expected_by: None,
        rule_note: None,
    }
}

fn compared(
    desired: &Value,
    live: Observed,
    status: ObjectStatus,
    changes: Vec<FieldChange>,
) -> ObjectComparison {
    let desired = Object::new(desired.clone()).unwrap();
    let resource = well_known(&desired.gvk()).unwrap();
    ObjectComparison {
        changes,
        ..ObjectComparison::new(
            Target::new(&resource, desired.namespace(), desired.name()),
            Some(desired),
            live,
            status,
            Certainty::DryRun,
        )
    }
}

/// An object that differs in these fields.
fn changed(desired: &Value, live: &Value, changes: Vec<FieldChange>) -> ObjectComparison {
    let live = Observed::Present(Object::new(live.clone()).unwrap());
    compared(desired, live, ObjectStatus::Changed, changes)
}

/// What the input may vary in.
#[derive(Default)]
struct Case {
    only: Vec<String>,
    is_promoted: bool,
    images: Vec<RecordedImage>,
    registries: BTreeMap<String, String>,
}

fn make(object: ObjectComparison, case: &Case) -> ManifestPatches {
    let comparison = Comparison {
        objects: vec![object],
        ..Comparison::default()
    };
    manifest_patches(&PatchInput {
        comparison: &comparison,
        home: "shop",
        only: &case.only,
        is_promoted: case.is_promoted,
        images: &case.images,
        image_paths: &[],
        registries: &case.registries,
        is_secret: &|text| text.contains(SECRET),
    })
}

fn reasons(found: &ManifestPatches) -> Vec<LeftOutReason> {
    found.left_out.iter().map(|one| one.reason).collect()
}

fn operations_of(found: &ManifestPatches) -> Value {
    let bodies = found.patches.iter().flat_map(|patch| &patch.bodies);
    bodies
        .filter_map(|body| match body {
            PatchBody::Operations(operations) => Some(Value::Array(operations.clone())),
            PatchBody::Strategic(_) => None,
        })
        .next()
        .unwrap_or_default()
}

fn image(name: &str) -> RecordedImage {
    serde_json::from_value(json!({"reference": format!("ghcr.io/acme/{name}:1"),
        "digest": format!("sha256:{}", "1".repeat(64))}))
    .unwrap()
}

fn replicas(class: Option<ManagerClass>) -> ObjectComparison {
    let (one, three) = (json!({"replicas": 1}), json!({"replicas": 3}));
    let changes = vec![change("/spec/replicas", Some(json!(3)), Some(json!(1)), class)];
    changed(&deployment(&one), &deployment(&three), changes)
}

#[test]
fn a_field_becomes_a_strategic_patch_and_an_added_item_an_operation() {
    let desired = containers(&json!([{"name": "web", "image": "web:1"}]));
    let log = json!({"name": "log", "image": "log:1", "resources": {}});
    let live = containers(&json!([{"name": "web", "image": "web:2"}, log]));
    let at = |rest: &str| format!("/spec/template/spec/containers/{rest}");
    let changes = vec![
        change(
            &at("[name=web]/image"),
            Some(json!("web:2")),
            Some(json!("web:1")),
            None,
        ),
        change(&at("[name=log]"), Some(log), None, Some(ManagerClass::Manual)),
    ];

    let found = make(changed(&desired, &live, changes), &Case::default());
    let patch = &found.patches[0];
    assert_eq!(patch.changes.len(), 2);
    let PatchBody::Strategic(strategic) = &patch.bodies[0] else {
        panic!("no strategic patch first")
    };
    let mut expected = containers(&json!([{"name": "web", "image": "web:2"}]));
    expected["metadata"]
        .as_object_mut()
        .unwrap()
        .shift_remove("namespace");
    assert_eq!(*strategic, expected);
    assert_eq!(
        operations_of(&found),
        json!([{"op": "add", "path": at("-"), "value": {"name": "log", "image": "log:1"}}])
    );
}

#[rstest]
#[case::of_the_user(Some(ManagerClass::Manual), None)]
#[case::of_another_tool(Some(ManagerClass::OtherTool), None)]
#[case::of_unknown_origin(None, None)]
#[case::of_an_earlier_promotion(Some(ManagerClass::Ours), Some(LeftOutReason::Promoted))]
#[case::of_a_controller(Some(ManagerClass::Controller), Some(LeftOutReason::Controller))]
#[case::of_an_autoscaler(Some(ManagerClass::Autoscaler), Some(LeftOutReason::Controller))]
fn what_promotions_and_controllers_set_is_taken_by_name_alone(
    #[case] class: Option<ManagerClass>,
    #[case] reason: Option<LeftOutReason>,
) {
    let found = make(replicas(class), &Case::default());
    assert_eq!(reasons(&found), Vec::from_iter(reason));
    assert_eq!(found.patches.is_empty(), reason.is_some());

    let only = vec!["Deployment/web/spec/replicas".to_owned()];
    let named = make(
        replicas(class),
        &Case {
            only,
            ..Case::default()
        },
    );
    assert_eq!((named.patches.len(), named.left_out.len()), (1, 0));
}

#[test]
fn against_what_was_promoted_last_nothing_is_of_an_earlier_promotion() {
    let case = Case {
        is_promoted: true,
        ..Case::default()
    };
    let found = make(replicas(Some(ManagerClass::Ours)), &case);
    assert_eq!((found.patches.len(), found.left_out.len()), (1, 0));
}

#[test]
fn no_patch_holds_a_secret_or_what_repeats_one() {
    let secret = |value: &str| {
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "db", "namespace": "shop"},
        "data": {"password": value}})
    };
    let changes = vec![change(
        "/data/password",
        Some(json!("bmV3")),
        Some(json!("b2xk")),
        None,
    )];
    let found = make(
        changed(&secret("b2xk"), &secret("bmV3"), changes),
        &Case::default(),
    );
    assert_eq!(
        (found.patches.len(), reasons(&found)),
        (0, vec![LeftOutReason::Secret])
    );

    let url = format!("postgres://u:{SECRET}@db");
    let env = json!([{"name": "URL", "value": url}]);
    let live = containers(&json!([{"name": "web", "env": env}]));
    let path = "/spec/template/spec/containers/[name=web]/env/[name=URL]";
    let changes = vec![change(path, Some(env[0].clone()), None, None)];
    let found = make(
        changed(&containers(&json!([{"name": "web"}])), &live, changes),
        &Case::default(),
    );
    assert_eq!(
        (found.patches.len(), reasons(&found)),
        (0, vec![LeftOutReason::SecretValue])
    );
}

#[test]
fn a_list_that_would_repeat_a_secret_of_its_own_is_left_out() {
    // Nothing in what live has is secret, but an item that stays is written with the list.
    let list = |more: &str| deployment(&json!({"other": [SECRET, more]}));
    let mut object = changed(&list("a"), &list("b"), Vec::new());
    object.changes = vec![change(
        "/spec/other",
        Some(json!([SECRET, "b"])),
        Some(json!([SECRET, "a"])),
        None,
    )];
    assert_eq!(
        reasons(&make(object, &Case::default())),
        [LeftOutReason::SecretValue]
    );
}

#[test]
fn an_image_is_the_releases_to_pin_and_of_manifests_alone_it_is_patched() {
    let of = |image: &str| containers(&json!([{"name": "web", "image": image}]));
    let object = || {
        let path = "/spec/template/spec/containers/[name=web]/image";
        let changes = vec![change(path, Some(json!("web:2")), Some(json!("web:1")), None)];
        changed(&of("web:1"), &of("web:2"), changes)
    };

    let case = Case {
        images: vec![image("web")],
        ..Case::default()
    };
    assert_eq!(reasons(&make(object(), &case)), [LeftOutReason::PinnedImage]);
    assert_eq!(make(object(), &Case::default()).patches.len(), 1);
}

#[test]
fn an_image_is_written_as_the_release_names_it_and_untested_ones_are_named() {
    let log = json!({"name": "log", "image": "mirror.example/acme/log:1"});
    let live = containers(&json!([{"name": "web"}, log]));
    let changes = vec![change(
        "/spec/template/spec/containers/[name=log]",
        Some(log),
        None,
        None,
    )];
    let case = Case {
        images: vec![image("web")],
        registries: [
            ("ghcr.io/acme", "mirror.example/acme"),
            ("other.io", "mirror.example/ac"),
        ]
        .map(|(own, here)| (own.into(), here.into()))
        .into(),
        ..Case::default()
    };

    let found = make(
        changed(&containers(&json!([{"name": "web"}])), &live, changes),
        &case,
    );
    assert_eq!(operations_of(&found)[0]["value"]["image"], "ghcr.io/acme/log:1");
    assert_eq!(found.patches[0].untested_images, ["ghcr.io/acme/log:1"]);
}

#[test]
fn a_text_that_kustomize_cannot_hold_stays_out_alone() {
    let labels = |value: &str| json!({"replicas": 1, "template": {"metadata": {"annotations": {"a": value, "b": value}}}});
    let at = |name: &str| format!("/spec/template/metadata/annotations/{name}");
    let (old, new) = ("old", "two\u{85}lines");
    let mut live = deployment(&labels(new));
    live["spec"]["template"]["metadata"]["annotations"]["b"] = "new".into();
    let changes = vec![
        change(&at("a"), Some(json!(new)), Some(json!(old)), None),
        change(&at("b"), Some(json!("new")), Some(json!(old)), None),
    ];

    let found = make(
        changed(&deployment(&labels(old)), &live, changes),
        &Case::default(),
    );
    assert_eq!(reasons(&found), [LeftOutReason::NextLine]);
    assert_eq!(found.left_out[0].paths[0].to_string(), at("a"));
    let taken: Vec<String> = found.patches[0]
        .changes
        .iter()
        .map(|change| change.path.to_string())
        .collect();
    assert_eq!(taken, [at("b")]);
}

#[test]
fn a_missing_object_takes_its_manifest_along_by_name_alone() {
    let missing = || {
        let live = Observed::Absent(Absence::Object);
        let status = ObjectStatus::Missing(Absence::Object);
        compared(&deployment(&json!({})), live, status, Vec::new())
    };
    assert_eq!(
        reasons(&make(missing(), &Case::default())),
        [LeftOutReason::Missing]
    );

    let only = vec!["Deployment/shop/web".to_owned()];
    let found = make(
        missing(),
        &Case {
            only,
            ..Case::default()
        },
    );
    let [PatchBody::Strategic(body)] = &found.patches[0].bodies[..] else {
        panic!("no deletion")
    };
    assert_eq!(body["$patch"], "delete");
}

#[test]
fn what_a_rule_expects_is_counted_and_stays_out() {
    let mut object = replicas(None);
    object.changes[0].expected_by = Some(0);
    let found = make(object, &Case::default());
    assert_eq!(
        (found.expected, found.patches.len(), found.left_out.len()),
        (1, 0, 0)
    );
}
