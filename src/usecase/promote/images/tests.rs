//! What registries said of images, and what of it speaks against a promotion.

use super::*;
use crate::model::k8s::kinds::built_in;
use crate::model::plan::{Action, Expect};
use crate::model::{StepId, Target, WaveIndex};

fn web() -> ObjectId {
    ObjectId::new("apps", "Deployment", Some("shop"), "web")
}

#[test]
fn only_a_clear_no_refuses_and_what_a_rollback_alone_needs_is_told_apart() {
    let next = |before: &[ObjectId]| Needed {
        next: Some(web()),
        before: before.to_vec(),
    };
    let before = Needed {
        next: None,
        before: vec![web()],
    };
    let needed = BTreeMap::from([
        ("r/next:1".to_owned(), next(&[])),
        ("r/stays:1".to_owned(), next(&[web()])),
        ("r/silent:1".to_owned(), next(&[])),
        ("r/before:1".to_owned(), before),
        ("r/there:1".to_owned(), next(&[])),
    ]);
    let answer = |reference: &str| match reference {
        "r/there:1" => Presence::There,
        "r/silent:1" => Presence::Unknown(Unknown::new("no route")),
        _ => Presence::Absent,
    };
    let check = image_findings(
        &needed,
        needed.keys().map(|one| (one.clone(), answer(one))).collect(),
    );
    let refused: Vec<&str> = check
        .findings
        .iter()
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.message.as_str())
        .collect();
    assert_eq!(refused.len(), 2, "{refused:?}");
    assert!(
        refused[0].contains("r/next:1") && refused[1].contains("r/stays:1"),
        "{refused:?}"
    );
    let reference = "r/before:1".to_owned();
    let gone = BTreeMap::from([(web(), vec![StartCause::ImageAbsent { reference }])]);
    assert_eq!(check.gone, gone);
    assert_eq!(check.seen, BTreeSet::from(["r/there:1".to_owned()]));
    assert!(
        check
            .findings
            .iter()
            .any(|finding| finding.message.contains("r/silent:1: no route"))
    );
}

#[test]
fn images_that_nobody_could_be_asked_for_are_named_as_not_looked_up() {
    let references = || vec!["r/a:1".to_owned(), "r/b:1".to_owned()];
    let needed = references().into_iter().map(|one| (one, Needed::default()));
    let why = Unknown::new("the registry client cannot be created");
    let unknown = |reference| (reference, Presence::Unknown(why.clone()));
    let answers = references().into_iter().map(unknown).collect();
    let check = image_findings(&needed.collect(), answers);
    assert_eq!(check.findings.len(), 1);
    assert_eq!(check.findings[0].severity, Severity::Note);
    let message = "not looked up: r/a:1, r/b:1: the registry client cannot be created";
    assert_eq!(check.findings[0].message, message);
    assert_eq!(check.seen, BTreeSet::new());
}

#[test]
fn only_a_host_of_which_every_image_is_waived_is_not_asked() {
    let waiver = |item: Option<&str>| Waiver {
        check: "images".into(),
        item: item.map(str::to_owned),
        ..Waiver::default()
    };
    let references = ["a.example/x:1", "a.example/y:1", "b.example/z:1"].map(str::to_owned);
    let waived = |waivers: &[Waiver]| {
        let needed = references.clone().map(|one| (one, Needed::default())).into();
        let hosts = waived_hosts(&needed, (waivers, "shop"), &RegistryOptions::default());
        hosts.into_iter().flatten().collect::<Vec<_>>()
    };

    assert_eq!(waived(&[waiver(Some("a.example/x:1"))]), [""; 0]);
    let both = ["a.example/x:1", "a.example/y:1"].map(|item| waiver(Some(item)));
    assert_eq!(waived(&both), ["a.example"]);
    assert_eq!(waived(&[waiver(None)]), ["a.example", "b.example"]);

    // Of a named one the finding stays, for its waiver to answer; all of them are one note.
    let needed = references.clone().map(|one| (one, Needed::default())).into();
    let found = |waivers: &[Waiver]| {
        let references: Vec<&String> = references.iter().collect();
        let found = not_looked_up(&references, &needed, waivers);
        found
            .into_iter()
            .map(|one| (one.severity, one.message))
            .collect::<Vec<_>>()
    };
    assert_eq!(
        found(&both)[0],
        (Severity::Error, "a.example/x:1 was not looked up".into())
    );
    let all = "3 images not looked up: waived".to_owned();
    assert_eq!(found(&[waiver(None)]), [(Severity::Note, all)]);
}

#[test]
fn the_image_of_the_job_that_undoes_an_irreversible_one_is_looked_for_too() {
    let job = |name: &str, image: &str| {
        Object::new(
            serde_json::json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name},
            "spec": {"template": {"spec": {"containers": [{"name": "main", "image": image}]}}}}),
        )
        .unwrap()
    };
    let step = PlanStep {
        id: StepId::new(0),
        wave: WaveIndex::new(0),
        target: Target::new(&built_in("batch", "Job").unwrap(), Some("shop"), "migrate"),
        action: Action::Create {
            object: job("migrate", "r/forward:1"),
        },
        expect: Expect::Absent,
        undo: Undo::Run {
            job: Box::new(job("migrate-back", "r/back:1")),
        },
        why: String::new(),
        changes: Vec::new(),
        stamps: Vec::new(),
    };
    let needed = needed(&[step], &Comparison::default(), &[]);
    let by: Vec<_> = needed
        .iter()
        .map(|(image, by)| (&**image, &*by.next.as_ref().unwrap().name))
        .collect();
    assert_eq!(by, [("r/back:1", "migrate-back"), ("r/forward:1", "migrate")]);
}

#[test]
fn an_image_that_a_rollback_alone_needs_is_waived_by_the_objects_that_go_back_to_it() {
    let needed = Needed {
        next: None,
        before: vec![web(), ObjectId::new("apps", "Deployment", Some("shop"), "api")],
    };
    let waiver = |check: &str, item: &str| Waiver {
        check: check.into(),
        item: Some(item.into()),
        ..Waiver::default()
    };
    let web = waiver("rollback", "Deployment/web");
    let both = [web.clone(), waiver("rollback", "Deployment/shop/api")];
    assert!(needed.is_waived("r/a:1", &both, "shop"));
    assert!(!needed.is_waived("r/a:1", &[web], "shop"));
    assert!(!needed.is_waived("r/a:1", &[waiver("images", "r/a:1")], "shop"));
}
