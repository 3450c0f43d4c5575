//! Permissions that a plan needs and that are not there, as findings: one for each resource and namespace.
//!
//! A Role is mended as a whole, so that the verbs of one resource are one finding. What a promotion can do without is only
//! told. Unknown is not allowed: a permission that turns out to be missing half-way is a rollback.

use crate::model::check::Check;
use crate::model::names::docs_url;
use crate::model::plan::{PreflightFinding, Severity};
use crate::model::preflight::{Answers, Permission, PermissionAnswer, Questions};
use crate::model::unknown::Unknown;
use crate::model::verb::Verb;
use crate::plan::{note, refuse};
use std::collections::{BTreeMap, BTreeSet};

/// On what permissions are missing.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct MissingAt<'a> {
    resource: String,
    namespace: Option<&'a str>,
    /// Whether a promotion can do without.
    optional: bool,
}

/// What is missing there.
#[derive(Default)]
struct Missing<'a> {
    verbs: Vec<Verb>,
    purposes: BTreeSet<&'a str>,
}

/// What the answers say of the permissions that were asked for.
pub(super) fn permission_findings(asked: &Questions, answers: &Answers) -> Vec<PreflightFinding> {
    let mut missing: BTreeMap<MissingAt<'_>, Missing<'_>> = BTreeMap::new();
    let mut findings = Vec::new();

    for (right, need) in &asked.rights {
        let place = MissingAt {
            resource: resource_name(right),
            namespace: right.namespace.as_deref(),
            optional: need.optional,
        };

        match answers.rights.get(right) {
            Some(PermissionAnswer::Yes) | None => {}
            Some(PermissionAnswer::No(_)) => {
                let missing = missing.entry(place).or_default();
                missing.verbs.push(right.verb);
                missing.purposes.insert(&need.purpose);
            }
            Some(PermissionAnswer::Unknown(why)) => findings.push(unknown_finding(&place, right.verb, why)),
        }
    }

    let first = findings.len();
    findings.extend(
        missing
            .iter()
            .map(|(place, missing)| missing_finding(place, missing)),
    );
    // Once: the same Role has all of them.
    let mut refused = findings[first..].iter_mut();
    if let Some(finding) = refused.find(|finding| finding.severity == Severity::Error) {
        let role = format!("a Role that is enough: {}", docs_url("permissions.md"));
        finding.hints.push(role);
    }
    findings
}

/// `deployments.apps`, `pods/log`.
fn resource_name(right: &Permission) -> String {
    let resource = &right.resource;
    match (&*right.group, &*right.subresource) {
        ("", "") => resource.clone(),
        ("", sub) => format!("{resource}/{sub}"),
        (group, "") => format!("{resource}.{group}"),
        (group, sub) => format!("{resource}.{group}/{sub}"),
    }
}

fn unknown_finding(place: &MissingAt<'_>, verb: Verb, why: &Unknown) -> PreflightFinding {
    let resource = &place.resource;
    let message = format!("permission to {verb} {resource} not checked: {why}");

    if place.optional {
        return note(Check::Permissions, None, message);
    }
    PreflightFinding {
        subject: Some(place.subject()),
        ..refuse(Check::Permissions, None, message, None)
    }
}

fn missing_finding(place: &MissingAt<'_>, missing: &Missing<'_>) -> PreflightFinding {
    let resource = &place.resource;
    let whereabouts = place.namespace.map_or("at the cluster scope".to_owned(), |name| {
        format!("in namespace {name}")
    });
    let verbs: Vec<&str> = missing.verbs.iter().map(|verb| verb.as_str()).collect();
    let purposes: Vec<&str> = missing.purposes.iter().copied().collect();

    let message = format!(
        "missing permission: {} {resource} {whereabouts} ({})",
        verbs.join(", "),
        purposes.join(", ")
    );
    // A promotion goes on without it, and shows less.
    if place.optional {
        return note(Check::Permissions, None, message);
    }

    let flag = place
        .namespace
        .map(|name| format!(" -n {name}"))
        .unwrap_or_default();
    let verb = verbs.first().copied().unwrap_or_default();
    let hint = format!("kubectl auth can-i {verb} {resource}{flag}");
    PreflightFinding {
        subject: Some(place.subject()),
        ..refuse(Check::Permissions, None, message, Some(hint))
    }
}

impl MissingAt<'_> {
    /// A resource in a namespace, as a waiver names the permissions on it.
    fn subject(&self) -> String {
        let resource = &self.resource;
        match self.namespace {
            None => resource.clone(),
            Some(namespace) => format!("{resource}/{namespace}"),
        }
    }
}
