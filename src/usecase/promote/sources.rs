//! Other releases, as far as a promotion has to know them: those that `--adopt release:NAME` names, and the names of those
//! whose objects it meets.

use super::session::Session;
use crate::cluster::Cluster;
use crate::execute;
use crate::model::check::Check;
use crate::model::finding::Comparison;
use crate::model::inventory::Inventory;
use crate::model::journal::Journal;
use crate::model::moves::{RELEASE_PREFIX, ReleaseRef};
use crate::model::names::{APPLYSET_PART_OF_LABEL, docs_url};
use crate::model::plan::PreflightFinding;
use crate::model::state_key::StateKey;
use crate::observe::release_state::{ReleaseStateError, list_homes, read_release_state};
use crate::plan::{self, OtherReleases, Source};
use crate::usecase::{CommandError, ErrorKind};
use std::collections::BTreeMap;

/// A value of `--adopt`: a field manager, or a release in its form.
///
/// # Errors
///
/// Where what follows `release:` is no name, with or without a namespace.
pub fn parse_adopt(text: &str) -> Result<String, String> {
    match text.strip_prefix(RELEASE_PREFIX) {
        Some(release) if ReleaseRef::parse(release, "any").is_none() => {
            Err(format!("expected {RELEASE_PREFIX}[NAMESPACE/]NAME"))
        }
        _ => Ok(text.into()),
    }
}

/// Reads what a promotion has to know of other releases; what speaks against taking members of those that were named.
pub(super) async fn find_others(
    session: &Session,
    inventory: &Inventory,
    comparison: &Comparison,
) -> Result<(OtherReleases, Vec<PreflightFinding>), CommandError> {
    let target = &session.target;
    let (sources, findings) = read_named_sources(session).await?;
    let mut others = OtherReleases {
        by_set: sources
            .iter()
            .map(|source| (source.release.set(), source.release.clone()))
            .collect(),
        sources,
        ..OtherReleases::default()
    };

    let moved = inventory.moved.iter().filter(|moved| moved.is_done);
    others
        .by_set
        .extend(moved.clone().map(|moved| (moved.to.set(), moved.to.clone())));
    // Who goes back in the history does not take away what another release has got since.
    if session.request.source.is_recorded() {
        others.leave = moved
            .flat_map(|moved| moved.objects.iter().map(|target| target.id()))
            .collect();
    }

    let own_set = target.release().set();
    let desired = comparison
        .objects
        .iter()
        .filter(|object| object.desired.is_some());
    let mut sets = desired.filter_map(|object| object.live.object()?.label(APPLYSET_PART_OF_LABEL));
    // All releases are listed only where one is met that nothing names yet.
    if sets.any(|set| set != own_set && !others.by_set.contains_key(set)) {
        let known = list_by_set(target.cluster.as_ref(), &target.home).await;
        others.by_set.extend(known);
    }
    Ok((others, findings))
}

/// The releases that were named, whose members may move.
async fn read_named_sources(session: &Session) -> Result<(Vec<Source>, Vec<PreflightFinding>), CommandError> {
    let target = &session.target;
    let own = target.release();
    let (mut sources, mut findings) = (Vec::new(), Vec::new());
    for text in &session.request.policy.adopt_releases {
        let Some(release) = ReleaseRef::parse(text, &target.home).filter(|release| *release != own) else {
            let message = format!(
                "expected another release than {} itself, found {RELEASE_PREFIX}{text}",
                own.name
            );
            return Err(CommandError::usage(message));
        };
        match read_source(target.cluster.as_ref(), release, &own, target.state_key.as_ref()).await? {
            Ok(source) => sources.push(source),
            Err(finding) => findings.push(*finding),
        }
    }
    Ok((sources, findings))
}

/// Releases by the label of their members: those of all namespaces, or of this one where that is all that may be seen. Only
/// names are missing where nothing may be listed.
async fn list_by_set(cluster: &dyn Cluster, home: &str) -> BTreeMap<String, ReleaseRef> {
    // Few may list all namespaces: what lies in this one is the next best.
    let homes = match list_homes(cluster, None).await {
        Ok(homes) => homes,
        Err(_) => list_homes(cluster, Some(home)).await.unwrap_or_default(),
    };
    let each = homes
        .into_iter()
        .map(|(namespace, name)| ReleaseRef { namespace, name });
    each.map(|release| (release.set(), release)).collect()
}

/// A release whose members may move, or what speaks against it.
async fn read_source(
    cluster: &dyn Cluster,
    release: ReleaseRef,
    own: &ReleaseRef,
    outside: Option<&StateKey>,
) -> Result<Result<Source, Box<PreflightFinding>>, CommandError> {
    let home = match read_release_state(cluster, &release.namespace, &release.name, outside).await {
        Ok(home) => home,
        Err(ReleaseStateError::Api { source, .. }) if source.is_forbidden() => {
            let message = format!(
                "release {} cannot be read: {source}",
                release.name_from(&own.namespace)
            );
            let hints = vec![
                format!("kubectl auth can-i get configmaps -n {}", release.namespace),
                format!("the permissions of a move: {}", docs_url("permissions.md")),
            ];
            return Ok(Err(refusal(Check::Permissions, message, hints)));
        }
        Err(error) => return Err(CommandError::from_error(ErrorKind::Unreachable, &error)),
    };
    if let Some(report) = execute::stopped_by_state(&home.sealing, &release) {
        return Ok(Err(refusal(Check::ManagedBy, report.message, report.hints)));
    }
    if let Some(open) = home.head.map(|head| head.value.current).filter(Journal::is_open) {
        let name = release.name_from(&own.namespace);
        let message = format!(
            "the promotion of release {name} {} by {} is unfinished ({})",
            open.release.version, open.actor, open.message
        );
        return Ok(Err(refusal(Check::ManagedBy, message, execute::ways_on(&open))));
    }
    let Some(stored) = home.inventory else {
        let message = format!("no release {} in namespace {}", release.name, release.namespace);
        return Ok(Err(refusal(
            Check::ManagedBy,
            message,
            vec!["kubectl delivery status -A".into()],
        )));
    };
    let has_moved = stored.value.moved.iter().any(|moved| moved.to == *own);
    let members = stored.value.members.iter().map(|member| member.id()).collect();
    Ok(Ok(Source {
        release,
        members,
        has_moved,
    }))
}

fn refusal(check: Check, message: String, hints: Vec<String>) -> Box<PreflightFinding> {
    Box::new(PreflightFinding {
        hints,
        ..plan::refuse(check, None, message, None)
    })
}
