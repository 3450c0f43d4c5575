//! The smallest comparison that a plan can be made of.

use crate::cli::{CommandError, ErrorKind};
use crate::cluster::{ApiError, ApplyOptions, Cluster};
use crate::model::finding::{Certainty, ChangeKind, Comparison, FieldChange, ObjectComparison, ObjectStatus};
use crate::model::kinds::well_known;
use crate::model::names::{FIELD_MANAGER, applyset_id, inventory};
use crate::model::release::Release;
use crate::model::snapshot::{Absence, Observed};
use crate::model::{FieldPath, Object, Target};
use crate::plan::dress_as_live;
use serde_json::Value;

pub(super) async fn compare(
    cluster: &dyn Cluster,
    release: &Release,
    home: &str,
) -> Result<Comparison, CommandError> {
    let set = applyset_id(&inventory(&release.metadata.name), home);
    let one = release.spec.objects.iter().map(|object| look(cluster, object, home, &set));
    let objects: Result<Vec<_>, _> = futures::future::join_all(one).await.into_iter().collect();
    Ok(Comparison { objects: objects?, ..Comparison::default() })
}

async fn look(
    cluster: &dyn Cluster,
    desired: &Object,
    home: &str,
    set: &str,
) -> Result<ObjectComparison, CommandError> {
    let resource = match well_known(&desired.gvk()) {
        Some(resource) => resource,
        None => cluster
            .discover()
            .await?
            .into_iter()
            .map(|found| found.resource)
            .find(|resource| resource.gvk() == desired.gvk())
            .ok_or_else(|| {
                CommandError::new(ErrorKind::Refused, format!("{} is not served", desired.kind()))
            })?,
    };
    let mut desired = desired.clone();
    let target = Target::new(&resource, desired.namespace().or(Some(home)), desired.name());
    desired.set_namespace(target.namespace.as_deref());
    let mut found = ObjectComparison {
        target,
        tested: None,
        desired: None,
        live: Observed::Absent(Absence::Object),
        predicted: None,
        status: ObjectStatus::Missing(Absence::Object),
        certainty: Certainty::Server,
        changes: Vec::new(),
        untested: Vec::new(),
    };
    if let Some(live) = cluster.get(&found.target).await? {
        dress_as_live(&mut desired, &live, set);
        let options = ApplyOptions { manager: FIELD_MANAGER.into(), force: true, dry_run: true };
        match cluster.apply(&found.target, desired.value(), &options).await {
            Ok(applied) => {
                differences(live.value(), applied.object.value(), &FieldPath::root(), &mut found.changes);
                found.status =
                    if found.changes.is_empty() { ObjectStatus::Same } else { ObjectStatus::Changed };
                found.predicted = Some(applied.object);
            }
            Err(ApiError::Status { message, .. }) => {
                found.status = ObjectStatus::Refused { why: message, fields: Vec::new() };
            }
            Err(error) => return Err(error.into()),
        }
        found.live = Observed::Present(live);
    }
    found.desired = Some(desired);
    Ok(found)
}

fn differences(live: &Value, desired: &Value, path: &FieldPath, found: &mut Vec<FieldChange>) {
    let skipped = ["/metadata/managedFields", "/metadata/generation", "/metadata/resourceVersion", "/status"];
    if live == desired || skipped.contains(&&*path.to_string()) {
        return;
    }
    if let (Value::Object(live), Value::Object(desired)) = (live, desired) {
        for key in live.keys().chain(desired.keys().filter(|key| !live.contains_key(*key))) {
            let null = Value::Null;
            let (live, desired) = (live.get(key).unwrap_or(&null), desired.get(key).unwrap_or(&null));
            differences(live, desired, &path.field(key), found);
        }
        return;
    }
    found.push(FieldChange {
        path: path.clone(),
        kind: ChangeKind::Changed,
        live: Some(live.clone()),
        desired: Some(desired.clone()),
        whose: None,
        expected_by: None,
        rule_note: None,
    });
}
