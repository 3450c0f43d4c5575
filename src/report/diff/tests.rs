//! Whole pages of one comparison that has something of everything, held against what they looked like.
//! The pages stand in tests/fixtures/report, where a change of the layout is seen for what it is.

use super::*;
use crate::model::environment::{DifferenceRule, Environment, TargetPattern};
use crate::model::finding::*;
use crate::model::k8s::kinds::built_in;
use crate::model::path::{FieldPath, Step};
use crate::model::release::{PublicDigest, PublicRelease};
use crate::model::snapshot::{Absence, Observed};
use crate::model::start::{StartCause, StartFinding, StartTime, StartUnknown, Starts};
use crate::model::{ClusterIdentity, ObjectId, Sha256Digest, Target};
use crate::report::Redactor;
use jiff::Timestamp;
use pretty::{assert_page, page};
use serde_json::{Value, json};

mod pretty {
    use std::io;

    /// What a format writes.
    pub fn page(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
        let mut bytes = Vec::new();
        write(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    /// The first line that differs says more than two whole pages.
    pub fn assert_page(shown: &str, expected: &str) {
        for (number, (one, other)) in shown.lines().zip(expected.lines()).enumerate() {
            assert_eq!(one, other, "line {}", number + 1);
        }
        assert_eq!(shown, expected);
    }
}

fn id(kind: &str, name: &str) -> ObjectId {
    let group = if kind == "Deployment" { "apps" } else { "" };
    ObjectId::new(group, kind, Some("shop"), name)
}

fn path(names: &[&str]) -> FieldPath {
    FieldPath::from_steps(names.iter().map(|name| Step::Field((*name).to_owned())).collect())
}

fn now() -> Timestamp {
    "2026-03-01T12:00:00Z".parse().unwrap()
}

fn object(kind: &str, name: &str, status: ObjectStatus) -> ObjectComparison {
    let id = id(kind, name);
    ObjectComparison::new(
        Target::new(&built_in(&id.group, kind).unwrap(), Some("shop"), name),
        None,
        Observed::Absent(Absence::Object),
        status,
        Certainty::DryRun,
    )
}

fn change(names: &[&str], live: Option<Value>, desired: Option<Value>) -> FieldChange {
    FieldChange {
        path: path(names),
        kind: ChangeKind::Changed,
        live,
        desired,
        owner: None,
        expected_by: None,
        rule_note: None,
    }
}

fn untested(names: &[&str], tested: Option<Value>, desired: Option<Value>) -> UntestedChange {
    UntestedChange {
        path: path(names),
        tested,
        desired,
        allowed_by: None,
        rule_note: None,
    }
}

/// A Deployment with a field of every kind.
fn web() -> ObjectComparison {
    let edited = FieldChange {
        owner: Some(FieldManager {
            manager: "kubectl-edit".into(),
            operation: Operation::Update,
            subresource: String::new(),
            time: Some("2026-03-01T11:57:00Z".parse().unwrap()),
            class: ManagerClass::Manual,
        }),
        ..change(&["spec", "replicas"], Some(json!(5)), Some(json!(3)))
    };
    let scaled = FieldChange {
        expected_by: Some(0),
        ..change(&["spec", "paused"], Some(json!(true)), None)
    };
    let added = FieldChange {
        kind: ChangeKind::AddedOriginUnknown,
        rule_note: Some("the rule has expired".into()),
        ..change(&["metadata", "labels", "a*b"], Some(json!("<b>x</b>")), None)
    };

    ObjectComparison {
        changes: vec![edited, scaled, added],
        untested: vec![
            UntestedChange {
                allowed_by: Some(1),
                ..untested(&["spec", "replicas"], Some(json!(1)), Some(json!(3)))
            },
            untested(&["spec", "selector"], None, Some(json!({"app": "web"}))),
        ],
        ..object("Deployment", "web", ObjectStatus::Changed)
    }
}

fn image(container: &str, state: ImageState, allowed: Option<&str>) -> ImageFinding {
    let digest = Sha256Digest::compute(container.as_bytes());
    ImageFinding {
        workload: id("Deployment", "web"),
        container: container.into(),
        role: ContainerRole::Main,
        tested: (state != ImageState::UnexpectedContainer).then(|| Sha256Digest::compute(b"tested")),
        reference: format!("registry.example/{container}:1"),
        written: "registry.example/app:1".into(),
        promoted: None,
        cause: None,
        state,
        running: vec![
            RunningImage {
                digest: Some(digest),
                pods: vec!["web-1".into(), "web-2".into()],
                old_revision: false,
            },
            RunningImage {
                digest: None,
                pods: vec!["web-3".into()],
                old_revision: true,
            },
        ],
        allowed: allowed.map(str::to_owned),
    }
}

fn requirement(name: &str, state: RequirementState, needed_by: Vec<ObjectId>) -> RequirementFinding {
    RequirementFinding {
        object: id("Secret", name),
        keys: vec!["password".into()],
        needed_by,
        state,
    }
}

/// An object in each status.
fn objects() -> Vec<ObjectComparison> {
    let why = || "dial tcp: \"no\" route & more".to_owned();
    let config = ObjectComparison {
        changes: vec![change(
            &["data", "LEVEL"],
            Some(json!("a\n```\nb\n")),
            Some(json!("a\nc\n")),
        )],
        ..object("ConfigMap", "config", ObjectStatus::Changed)
    };

    vec![
        web(),
        config,
        object("Service", "web", ObjectStatus::Same),
        object("Service", "gone", ObjectStatus::Missing(Absence::Object)),
        object("ConfigMap", "kind", ObjectStatus::Missing(Absence::Kind)),
        object("ConfigMap", "old", ObjectStatus::Extra),
        object("ConfigMap", "stray", ObjectStatus::Stray),
        object(
            "ConfigMap",
            "held",
            ObjectStatus::BeingDeleted {
                finalizers: vec!["example.com/hold".into()],
            },
        ),
        object("Secret", "unread", ObjectStatus::NotChecked { why: why() }),
        object("Secret", "unasked", ObjectStatus::NotVerified { why: why() }),
        object("ConfigMap", "again", ObjectStatus::Replaced),
        object(
            "ConfigMap",
            "refused",
            ObjectStatus::Refused {
                why: why(),
                fields: Vec::new(),
            },
        ),
    ]
}

fn comparison() -> Comparison {
    Comparison {
        objects: objects(),
        images: vec![
            image("app", ImageState::TagMoved, None),
            image("proxy", ImageState::UnexpectedContainer, Some("the mesh's")),
            image("later", ImageState::Unknown, None),
        ],
        stale: vec![StaleFinding {
            workload: id("Deployment", "web"),
            source: id("ConfigMap", "config"),
            changed_at: "2026-03-01T11:00:00Z".parse().unwrap(),
            pods: vec!["web-1".into()],
        }],
        requirements: vec![
            requirement("db", RequirementState::Missing, vec![id("Deployment", "web")]),
            requirement("keys", RequirementState::KeysMissing, Vec::new()),
            requirement(
                "soon",
                RequirementState::Awaited {
                    produced_by: "ExternalSecret/soon".into(),
                },
                vec![id("Deployment", "web")],
            ),
        ],
        starts: starts(),
        rules: vec![
            RuleFinding {
                rule: 0,
                state: RuleState::ExpiresSoon { days: 3 },
            },
            RuleFinding {
                rule: 1,
                state: RuleState::Unused,
            },
        ],
        dropped: vec![(
            id("ConfigMap", "dropped"),
            untested(&[], Some(json!({"a": 1})), None),
        )],
        ..Comparison::default()
    }
}

fn starts() -> Starts {
    let finding = |name: &str, when, key: &str| StartFinding {
        workload: id("Deployment", name),
        when,
        causes: vec![StartCause::KeysMissing {
            object: id("ConfigMap", "config"),
            keys: vec![key.into()],
        }],
    };
    Starts {
        findings: vec![
            finding("web", StartTime::Now, "URL"),
            finding("idle", StartTime::Resumed, "URL"),
            finding("api", StartTime::Now, "URL"),
        ],
        unknown: vec![StartUnknown {
            what: "Secrets in namespace shop".into(),
            objects: vec![id("Secret", "db")],
            why: "missing permission to get secrets".into(),
            workloads: vec![id("Deployment", "web")],
        }],
        notes: Vec::new(),
    }
}

fn environment() -> Environment {
    let rule = |reason: &str, place: Option<&str>| DifferenceRule {
        target: TargetPattern::default(),
        path: None,
        when: None,
        reason: reason.into(),
        owner: Some("team-a".into()),
        expires: None,
        place: place.map(str::to_owned),
    };
    let mut environment = Environment::default();
    environment.spec.differences = vec![
        rule("paused by *night*", Some("production.yaml:12")),
        rule("fewer in tests", None),
    ];
    environment
}

fn shown(comparison: &Comparison) -> View {
    let meta = Meta {
        release: Some(PublicRelease {
            name: "shop".into(),
            version: "1.4.2".into(),
            digest: PublicDigest::Plain(Sha256Digest::compute(b"release")),
        }),
        helm: None,
        given: Some("shop.yaml".into()),
        namespace: "shop".into(),
        cluster: None,
        now: now(),
        notes: vec!["running images not checked: <timeout>".into()],
    };
    view(comparison, &environment(), &Redactor::new([7; 32]), &meta)
}

#[test]
fn a_person_sees_object_by_object_who_changed_what_and_what_to_type() {
    let view = shown(&comparison());
    let style = |color, show_expected| Style {
        color,
        width: Some(60),
        show_expected,
    };

    let short = page(|out| text(&view, style(false, false), out));
    assert_page(&short, include_str!("../../../tests/fixtures/report/diff.txt"));

    let long = page(|out| text(&view, style(true, true), out));
    assert_page(
        &long,
        include_str!("../../../tests/fixtures/report/diff.color.txt"),
    );
}

#[test]
fn a_program_reads_the_view_as_json() {
    let shown = page(|out| crate::report::json(&shown(&comparison()), out));
    assert_page(&shown, include_str!("../../../tests/fixtures/report/diff.json"));
}

#[test]
fn a_forge_shows_the_view_as_markdown() {
    let limit = MarkdownLimit {
        max_bytes: 60_000,
        command: "kubectl delivery diff",
    };
    let shown = page(|out| markdown(&shown(&comparison()), limit, out));
    assert_page(&shown, include_str!("../../../tests/fixtures/report/diff.md"));
}

#[test]
fn a_browser_shows_the_view_as_one_page() {
    let shown = page(|out| html(&shown(&comparison()), out));
    // The style is a file of its own.
    let shown = shown.replace(include_str!("page.css"), "");
    assert_page(&shown, include_str!("../../../tests/fixtures/report/diff.html"));
}

#[test]
fn a_page_names_the_cluster_that_was_compared() {
    let mut view = shown(&comparison());
    view.cluster = Some(ClusterIdentity {
        context: Some("prod & eu".into()),
        in_cluster: false,
        server: "https://k8s.example.com".into(),
        namespace: "shop".into(),
    });
    let shown = page(|out| html(&view, out));
    assert!(
        shown.contains(
            "<dt>cluster</dt><dd><code>context prod &amp; eu (https://k8s.example.com)</code></dd>"
        ),
        "{shown}"
    );
}

#[test]
fn a_ci_system_shows_the_view_as_junit() {
    let shown = page(|out| junit(&shown(&comparison()), out));
    assert_page(&shown, include_str!("../../../tests/fixtures/report/diff.xml"));
}

#[test]
fn the_counts_of_a_suite_are_those_of_the_cases_in_it() {
    let clean = Comparison {
        objects: vec![object("Service", "web", ObjectStatus::Same)],
        ..Comparison::default()
    };

    for comparison in [comparison(), clean, Comparison::default()] {
        let xml = page(|out| junit(&shown(&comparison), out));
        let count = |element: &str| xml.matches(&format!("<{element} ")).count();

        let (tests, failures, errors) = (count("testcase"), count("failure"), count("error"));
        let counts = format!("tests=\"{tests}\" failures=\"{failures}\" errors=\"{errors}\"");
        assert!(xml.contains(&counts), "{counts}:\n{xml}");
    }
}

#[test]
fn without_differences_a_page_says_how_much_was_compared() {
    let same = Comparison {
        objects: vec![object("Service", "web", ObjectStatus::Same)],
        ..Comparison::default()
    };
    let shown = page(|out| text(&shown(&same), Style::default(), out));
    assert!(
        shown.starts_with("no differences: 1 object compared\n"),
        "{shown}"
    );
}
