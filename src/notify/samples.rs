//! Snapshots for the tests of sinks.

use crate::model::drift::{
    ChangedBy, DriftFinding, DriftKind, DriftSnapshot, OpenFinding, ReleaseCondition, ReleaseDrift,
};
use crate::model::finding::ManagerClass;
use crate::model::moves::ReleaseRef;
use crate::model::{ClusterIdentity, ObjectId};
use jiff::Timestamp;
use std::collections::BTreeMap;

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

pub(super) fn cluster() -> ClusterIdentity {
    ClusterIdentity {
        context: None,
        in_cluster: true,
        server: "https://10.96.0.1:443".into(),
        namespace: "kubectl-delivery".into(),
    }
}

/// Of releases by namespace, name and open findings.
pub(super) fn snapshot<N: ToString>(
    releases: impl IntoIterator<Item = (N, String, Vec<OpenFinding>)>,
) -> DriftSnapshot {
    let releases = releases.into_iter().map(|(namespace, name, open)| {
        let namespace = namespace.to_string();
        let drift = ReleaseDrift {
            version: Some("1.4.2".into()),
            revision: Some(7),
            objects: 12,
            unverified: BTreeMap::new(),
            last_verified: Some(at(1_000)),
            condition: ReleaseCondition::Watched,
            open,
        };
        (ReleaseRef { namespace, name }, drift)
    });
    DriftSnapshot {
        at: at(1_010),
        cluster: cluster(),
        releases: releases.collect(),
        watch_errors: BTreeMap::new(),
        watches: 5,
        failing_watches: 0,
        sink_failures: BTreeMap::new(),
        is_ready: true,
    }
}

/// A finding of `Deployment shop/NAME` in the release `shop/web`.
pub(super) fn finding(kind: DriftKind, name: &str, path: &str, manager: &str) -> OpenFinding {
    let object = ObjectId::new("apps", "Deployment", Some("shop"), name);
    OpenFinding {
        release: ReleaseRef {
            namespace: "shop".into(),
            name: "web".into(),
        },
        version: Some("1.4.2".into()),
        revision: Some(7),
        finding: DriftFinding {
            path: Some(path.into()),
            changed_by: Some(ChangedBy {
                manager: manager.into(),
                class: ManagerClass::Manual,
                time: None,
            }),
            ..DriftFinding::of_object(kind, object)
        },
        first_seen: at(900),
        may_be_older: false,
        last_verified: at(1_000),
    }
}
