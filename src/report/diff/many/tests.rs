//! Several releases in each format: the cells of the table, and the bound of a page.

use super::*;
use crate::model::environment::Environment;
use crate::model::finding::{
    Certainty, ChangeKind, Comparison, FieldChange, FieldManager, ManagerClass, ObjectComparison,
    ObjectStatus, Operation,
};
use crate::model::k8s::known_kind::KnownKind;
use crate::model::path::{FieldPath, Step};
use crate::model::snapshot::{Absence, Observed};
use crate::model::status::HealthState;
use crate::model::{ClusterIdentity, Target};
use crate::report::Redactor;
use crate::report::diff::{MarkdownLimit, Meta, Style, View, view};
use jiff::Timestamp;
use serde_json::json;
use std::io;

fn written(write: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> String {
    let mut bytes = Vec::new();
    write(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn time(minute: u8) -> Timestamp {
    format!("2026-03-01T12:{minute:02}:00Z").parse().unwrap()
}

fn cluster() -> ClusterIdentity {
    ClusterIdentity {
        context: Some("prod-eu".into()),
        in_cluster: false,
        server: "https://k8s".into(),
        namespace: "shop".into(),
    }
}

/// A ConfigMap in which a manager changed a field at that minute.
fn edited(name: &str, manager: &str, minute: u8) -> ObjectComparison {
    let target = Target::new(&KnownKind::ConfigMap.resource(), Some("shop"), name);
    let change = FieldChange {
        path: FieldPath::from_steps(vec![Step::Field("data".into()), Step::Field("level".into())]),
        kind: ChangeKind::Changed,
        live: Some(json!("debug")),
        desired: Some(json!("info")),
        owner: Some(FieldManager {
            manager: manager.into(),
            operation: Operation::Update,
            subresource: String::new(),
            time: Some(time(minute)),
            class: ManagerClass::Manual,
        }),
        expected_by: None,
        rule_note: None,
    };
    ObjectComparison {
        changes: vec![change],
        ..ObjectComparison::new(
            target,
            None,
            Observed::Absent(Absence::Object),
            ObjectStatus::Changed,
            Certainty::DryRun,
        )
    }
}

fn compared(objects: Vec<ObjectComparison>) -> View {
    let comparison = Comparison {
        objects,
        ..Comparison::default()
    };
    let meta = Meta {
        release: None,
        helm: None,
        given: None,
        namespace: "shop".into(),
        cluster: Some(cluster()),
        now: time(30),
        notes: Vec::new(),
    };
    view(
        &comparison,
        &Environment::default(),
        &Redactor::new([7; 32]),
        &meta,
    )
}

fn facts(namespace: &str, name: &str) -> ReleaseFacts {
    ReleaseFacts {
        namespace: namespace.into(),
        name: name.into(),
        promoted: Some(("1.4.2".into(), 3)),
        images: ImageCounts {
            is_read: true,
            verified: 2,
            ..ImageCounts::default()
        },
        health: Some(ReleaseHealth {
            state: HealthState::Ready,
            causes: Vec::new(),
        }),
    }
}

fn drifted(namespace: &str, name: &str) -> ReleaseView {
    let objects = vec![edited("a", "kubectl-edit", 10), edited("b", "kubectl-patch", 20)];
    ReleaseView::compared(facts(namespace, name), compared(objects), false)
}

fn of(releases: Vec<ReleaseView>) -> ManyView {
    ManyView::new(cluster(), time(30), releases)
}

#[test]
fn a_row_says_who_changed_it_last_and_since_when_and_what_is_unknown_is_not_in_sync() {
    let failed = ReleaseFacts {
        health: Some(ReleaseHealth {
            state: HealthState::Failed,
            causes: vec!["Deployment shop/web: it exits".into()],
        }),
        ..facts("shop", "web")
    };
    let deleted = ReleaseFacts {
        promoted: None,
        images: ImageCounts::default(),
        health: None,
        ..facts("shop", "old")
    };
    let unread = ReleaseFacts {
        images: ImageCounts::default(),
        health: Some(ReleaseHealth {
            state: HealthState::Unknown,
            causes: Vec::new(),
        }),
        ..facts("shop", "api")
    };
    let view = of(vec![
        ReleaseView::unknown(unread, "no answer".into()),
        ReleaseView::not_promoted(deleted),
        drifted("shop", "shop"),
        ReleaseView::compared(failed, compared(Vec::new()), false),
    ]);

    let page = written(|out| text(&view, Style::default(), out));
    let table: Vec<&str> = page.lines().take(7).collect();
    assert_eq!(
        table,
        [
            "4 releases: 1 drifted, 1 unknown, 1 not promoted, 1 in sync",
            "",
            "RELEASE     HEALTH   DRIFT         IMAGES      CHANGED BY                   SINCE",
            "api 1.4.2   unknown  unknown       unknown     -                            -",
            "old         -        not promoted  -           -                            -",
            "shop 1.4.2  ready    2 objects     2 verified  kubectl-patch, kubectl-edit  20m ago",
            "web 1.4.2   failed   in sync       2 verified  -                            -",
        ]
    );
    assert!(page.contains("\nRELEASE api 1.4.2\nnot compared: no answer\n"));
    assert!(page.contains("\nRELEASE web 1.4.2\nnot ready: Deployment shop/web: it exits\n"));
    assert!(!page.contains("RELEASE old"), "nothing was found of it");
    assert_eq!(view.incomplete().count(), 1);
}

#[test]
fn names_come_with_their_namespaces() {
    let view = of(vec![drifted("shop", "shop"), drifted("team", "shop")]);
    let names = written(|out| name(&view, out));
    assert_eq!(names, "configmap/a -n shop\nconfigmap/b -n shop\n".repeat(2));
    assert!(written(|out| text(&view, Style::default(), out)).contains("NAMESPACE"));
}

#[test]
fn a_comment_is_never_longer_than_it_may_be_and_counts_what_has_no_room() {
    let releases = (0..200).map(|at| drifted("shop", &format!("shop-{at}")));
    let view = of(releases.collect());
    let limit = MarkdownLimit {
        max_bytes: 6_000,
        command: "kubectl delivery diff -A",
    };

    let page = written(|out| markdown(&view, limit, out));
    assert!(page.len() <= 6_000, "{}", page.len());
    assert!(page.contains("200 releases: 200 drifted"), "{page}");
    assert!(page.contains(" more releases with findings"), "{page}");
    assert!(
        page.contains(" more releases; run `kubectl delivery diff -A` for all"),
        "{page}"
    );
}

#[test]
fn a_text_from_the_cluster_breaks_no_table_and_no_page() {
    let odd = ReleaseFacts {
        promoted: Some(("1|<b>\u{1b}[31m".into(), 1)),
        ..facts("shop", "shop")
    };
    let view = of(vec![ReleaseView::unknown(odd, "<script>|".into())]);
    let limit = MarkdownLimit {
        max_bytes: 60_000,
        command: "x",
    };

    let page = written(|out| html(&view, out));
    assert!(
        page.contains("1|&lt;b&gt;[31m") && !page.contains("<script>"),
        "{page}"
    );
    let page = written(|out| markdown(&view, limit, out));
    assert!(page.contains("`shop 1\\|<b>"), "{page}");
    let page = written(|out| text(&view, Style::default(), out));
    assert!(!page.contains('\u{1b}'), "{page}");
    let suites = written(|out| junit(&view, out));
    assert!(suites.contains("<error message=\"&lt;script&gt;|\""), "{suites}");
}
