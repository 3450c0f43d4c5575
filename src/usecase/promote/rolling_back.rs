//! Whether what a rollback of this promotion would bring back could start again: reads what the preflight has not read for
//! the promotion itself, and adds what comes of it.

use crate::cluster::Cluster;
use crate::compare::{self, StartFacts, StartingWorkload};
use crate::model::finding::Comparison;
use crate::model::preflight::{Answers, Questions};
use crate::model::release::RecordedImage;
use crate::model::snapshot::Snapshot;
use crate::model::start::{StartCause, StartUnknown};
use crate::model::unknown::Unknown;
use crate::model::{Object, ObjectId};
use crate::plan::Planned;
use crate::usecase::comparing::{self, is_node_missing, known_objects, known_platforms};
use crate::{observe, preflight};
use std::collections::BTreeMap;

/// What is read for nothing but a rollback.
pub(super) struct RollbackReads {
    /// What templates refer to that those to come do not.
    references: Result<Snapshot, Unknown>,
    nodes: Option<Result<Vec<Object>, Unknown>>,
}

/// Reads it. Where a rollback makes no pods, nothing is.
pub(super) async fn read(
    cluster: &dyn Cluster,
    restored: &[StartingWorkload<'_>],
    comparison: &Comparison,
    needed: &Snapshot,
) -> RollbackReads {
    if restored.is_empty() {
        return RollbackReads {
            references: Ok(Snapshot::default()),
            nodes: None,
        };
    }
    let references = comparing::read_references(cluster, comparison, needed, restored);
    let (references, nodes) = futures::join!(references, observe::nodes(cluster));
    RollbackReads {
        references: references.map_err(Unknown::new),
        nodes: Some(nodes),
    }
}

/// What is known of what a rollback would bring back.
pub(super) struct RollbackFacts<'a> {
    /// What was compared.
    pub comparison: &'a Comparison,
    /// What was read with it.
    pub needed: &'a Snapshot,
    /// Images whose platforms are known.
    pub images: &'a [RecordedImage],
    /// What was read for it.
    pub read: RollbackReads,
    /// Images of objects as they are now that their registries do not have.
    pub gone: BTreeMap<ObjectId, Vec<StartCause>>,
}

impl RollbackFacts<'_> {
    /// Adds to a plan what is in the way of its rollback, and whether one is possible.
    pub(super) async fn check(
        self,
        cluster: &dyn Cluster,
        planned: &mut Planned,
        (questions, answers): (&Questions, &Answers),
    ) {
        // With the answers taken in: a step that turned out to change nothing brings nothing back.
        let restored = &preflight::restored_workloads(&planned.plan, self.comparison)[..];
        let none = Snapshot::default();
        let (references, unread) = match &self.read.references {
            Ok(read) => (read, None),
            Err(why) => (&none, Some(why)),
        };
        let mut facts = StartFacts {
            objects: known_objects(self.comparison, self.needed, references),
            nodes: self.read.nodes,
            platforms: known_platforms(self.images),
            ..StartFacts::default()
        };
        preflight::add_answers(&mut facts, questions, answers);

        let mut starts = compare::would_not_start(restored, &facts);
        // Asked only where it decides.
        if is_node_missing(&starts) && observe::makes_nodes(cluster).await {
            facts.makes_nodes = true;
            starts = compare::would_not_start(restored, &facts);
        }
        starts.unknown.extend(unread.map(|why| StartUnknown {
            what: "what running templates refer to".into(),
            objects: Vec::new(),
            why: why.to_string(),
            workloads: restored.iter().map(|workload| workload.id.clone()).collect(),
        }));

        let (findings, outlook) =
            preflight::check_rollback(&planned.plan, self.comparison, starts, self.gone);
        planned.findings.extend(findings);
        planned.plan.rollback = Some(outlook);
    }
}
