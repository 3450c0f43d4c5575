//! A comparison with a text from outside in every place that has one.

use crate::model::environment::{DifferenceRule, Environment, TargetPattern};
use crate::model::finding::*;
use crate::model::helm::{HelmChart, HelmRevision};
use crate::model::k8s::kinds::ResourceType;
use crate::model::path::Step;
use crate::model::release::{PublicDigest, PublicRelease};
use crate::model::snapshot::{Absence, Observed};
use crate::model::start::{StartCause, StartFinding, StartNote, StartTime, StartUnknown, Starts};
use crate::model::{ClusterIdentity, FieldPath, ObjectId, Sha256Digest, Target};
use crate::report::Redactor;
use crate::report::diff::{Meta, View, view};
use serde_json::json;

/// Stands in every text from outside, and in none of this program's.
pub const OUTSIDE: char = '☠';

/// Texts of all places, taken in turn.
struct Texts<'t> {
    texts: &'t [String],
    next: usize,
}

impl Texts<'_> {
    fn next(&mut self) -> String {
        self.next += 1;
        format!("{OUTSIDE}{}", self.texts[self.next % self.texts.len()])
    }

    fn helm(&mut self) -> HelmRevision {
        HelmRevision {
            name: self.next(),
            revision: 3,
            status: self.next(),
            chart: HelmChart {
                name: self.next(),
                version: self.next(),
            },
        }
    }

    fn id(&mut self, kind: &str) -> ObjectId {
        ObjectId::new("", kind, Some(&self.next()), &self.next())
    }

    fn path(&mut self) -> FieldPath {
        FieldPath::from_steps(vec![Step::Field("data".into()), Step::Field(self.next())])
    }

    fn manager(&mut self, class: ManagerClass) -> FieldManager {
        FieldManager {
            manager: self.next(),
            operation: Operation::Update,
            subresource: self.next(),
            time: Some("2026-03-01T11:57:00Z".parse().unwrap()),
            class,
        }
    }

    fn change(&mut self, kind: ChangeKind) -> FieldChange {
        let live = json!(format!("{}\n{}", self.next(), self.next()));
        FieldChange {
            path: self.path(),
            kind,
            live: Some(live),
            desired: Some(json!({self.next(): [self.next()]})),
            owner: Some(self.manager(ManagerClass::Manual)),
            expected_by: None,
            rule_note: Some(self.next()),
        }
    }

    fn object(&mut self, kind: &str, status: ObjectStatus) -> ObjectComparison {
        let resource = ResourceType {
            group: String::new(),
            version: "v1".into(),
            kind: kind.into(),
            plural: "things".into(),
            namespaced: true,
        };
        ObjectComparison::new(
            Target::new(&resource, Some(&self.next()), &self.next()),
            None,
            Observed::Absent(Absence::Object),
            status,
            Certainty::DryRun,
        )
    }

    fn objects(&mut self) -> Vec<ObjectComparison> {
        let mut changed = self.object("ConfigMap", ObjectStatus::Changed);
        changed.changes = vec![self.change(ChangeKind::Changed), self.change(ChangeKind::Added)];
        changed.changes[1].expected_by = Some(0);
        changed.untested = vec![UntestedChange {
            path: self.path(),
            tested: Some(json!(self.next())),
            desired: None,
            allowed_by: Some(0),
            rule_note: None,
        }];

        // Two that look the same, of a kind that is no word.
        let kind = self.next();
        let (path, value) = (self.path(), self.next());
        let mut alike = || {
            let mut object = self.object(&kind, ObjectStatus::Changed);
            object.changes = vec![FieldChange {
                path: path.clone(),
                live: None,
                desired: Some(json!(value)),
                owner: None,
                ..self.change(ChangeKind::Changed)
            }];
            object.changes[0].rule_note = None;
            object
        };
        let (one, other) = (alike(), alike());

        let why = self.next();
        let fields = Vec::new();
        let refused = self.object("Service", ObjectStatus::Refused { why, fields });
        vec![changed, one, other, refused]
    }

    fn image(&mut self) -> ImageFinding {
        ImageFinding {
            workload: self.id("Deployment"),
            container: self.next(),
            role: ContainerRole::Main,
            tested: Some(Sha256Digest::compute(b"tested")),
            reference: self.next(),
            written: self.next(),
            promoted: None,
            cause: Some(self.next()),
            state: ImageState::TagMoved,
            running: vec![RunningImage {
                digest: None,
                pods: vec![self.next(), self.next()],
                old_revision: true,
            }],
            allowed: Some(self.next()),
        }
    }

    fn starts(&mut self) -> Starts {
        let causes = vec![
            StartCause::KeysMissing {
                object: self.id("ConfigMap"),
                keys: vec![self.next()],
            },
            StartCause::PodRejected { reason: self.next() },
        ];
        Starts {
            findings: vec![StartFinding {
                workload: self.id("Deployment"),
                when: StartTime::Now,
                causes,
            }],
            unknown: vec![StartUnknown {
                what: self.next(),
                objects: Vec::new(),
                why: self.next(),
                workloads: vec![self.id("Deployment")],
            }],
            notes: vec![StartNote {
                workload: self.id("Deployment"),
                object: None,
                message: self.next(),
            }],
        }
    }

    fn view(&mut self) -> View {
        let comparison = Comparison {
            objects: self.objects(),
            creations: [(self.id("Deployment"), Creation::Denied { why: self.next() })].into(),
            missing_namespaces: [self.next()].into(),
            images: vec![self.image()],
            stale: vec![StaleFinding {
                workload: self.id("Deployment"),
                source: self.id("Secret"),
                changed_at: "2026-03-01T11:00:00Z".parse().unwrap(),
                pods: vec![self.next()],
            }],
            requirements: vec![RequirementFinding {
                object: self.id("Secret"),
                keys: vec![self.next()],
                needed_by: vec![self.id("Deployment")],
                state: RequirementState::KeysMissing,
            }],
            starts: self.starts(),
            rules: vec![RuleFinding {
                rule: 0,
                state: RuleState::Broken { why: self.next() },
            }],
            dropped: Vec::new(),
        };

        let mut environment = Environment::default();
        environment.spec.differences = vec![DifferenceRule {
            target: TargetPattern::default(),
            path: None,
            when: None,
            reason: self.next(),
            owner: Some(self.next()),
            expires: None,
            place: Some(self.next()),
        }];
        let meta = Meta {
            release: Some(PublicRelease {
                name: self.next(),
                version: self.next(),
                digest: PublicDigest::Plain(Sha256Digest::compute(b"release")),
            }),
            helm: Some(self.helm()),
            given: None,
            namespace: self.next(),
            cluster: Some(ClusterIdentity {
                context: Some(self.next()),
                in_cluster: false,
                server: self.next(),
                namespace: self.next(),
            }),
            now: "2026-03-01T12:00:00Z".parse().unwrap(),
            notes: vec![self.next()],
        };
        view(&comparison, &environment, &Redactor::new([7; 32]), &meta)
    }
}

/// The view of such a comparison; the texts are taken in turn.
pub fn hostile_view(texts: &[String]) -> View {
    Texts { texts, next: 0 }.view()
}
