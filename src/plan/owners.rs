//! Objects that somebody else keeps: another inventory, Helm, Argo CD, Flux.
//!
//! Two keepers of one object take turns in overwriting it, so that it is refused until the caller says whose it is from now
//! on. Marks are looked at before field managers, and a name alone is a hint and no proof: the finding says what it found.

use super::findings::refuse;
use super::moving::other_release_finding;
use super::policy::Policy;
use crate::model::check::Check;
use crate::model::names::HELM_RELEASE_ANNOTATION;
use crate::model::plan::PreflightFinding;
use crate::model::{Object, ObjectId};

/// Says who else keeps the object, unless the caller adopts from them.
pub(super) fn foreign_owner(
    id: &ObjectId,
    live: &Object,
    applyset_id: &str,
    policy: &Policy,
) -> Option<PreflightFinding> {
    // Whatever is adopted: what belongs to another release moves with its inventory, or not at all.
    if let Some(finding) = other_release_finding(id, live, applyset_id, policy) {
        return Some(finding);
    }

    // Before Helm: Flux installs charts through Helm, and what it keeps carries the marks of both.
    let (tool, found, adopt) = gitops(live).or_else(|| helm(live))?;
    if policy.adopt.contains(adopt) || manager_of(live, adopt).is_some_and(|name| policy.adopts(&name)) {
        return None;
    }

    let hint = if tool == "Helm" {
        format!("--adopt {adopt} takes it over (helm then no longer knows of its changes)")
    } else {
        // Such a tool puts its own version back after a while: to take the object over has to be meant.
        format!(
            "let {tool} apply: kubectl delivery render writes the manifests for its repository, and kubectl delivery wait \
             watches and proves what it applies; --adopt {adopt} takes the object over for good"
        )
    };

    Some(refuse(
        Check::Owners,
        Some(id),
        format!("expected an object that no other tool keeps, found one of {tool} ({found})"),
        Some(hint),
    ))
}

fn gitops(live: &Object) -> Option<(&'static str, String, &'static str)> {
    if let Some(id) = live.annotation("argocd.argoproj.io/tracking-id") {
        return Some(("Argo CD", format!("tracking id {id}"), "argocd"));
    }
    for key in ["kustomize.toolkit.fluxcd.io/name", "helm.toolkit.fluxcd.io/name"] {
        if let Some(name) = live.label(key) {
            return Some(("Flux", format!("{key}={name}"), "flux"));
        }
    }

    // Argo CD can also track by a label that charts set themselves: then only its field manager is sure.
    let manager = |entry: &serde_json::Value| entry["manager"].as_str().unwrap_or_default().to_owned();
    let managers: Vec<_> = live.managed_fields().iter().map(manager).collect();
    if let Some(name) = managers.iter().find(|name| name.starts_with("argocd-")) {
        return Some(("Argo CD", format!("field manager {name}"), "argocd"));
    }

    let flux = |name: &&String| matches!(&***name, "kustomize-controller" | "helm-controller");
    managers
        .iter()
        .find(flux)
        .map(|name| ("Flux", format!("field manager {name}"), "flux"))
}

fn helm(live: &Object) -> Option<(&'static str, String, &'static str)> {
    let release = live.annotation(HELM_RELEASE_ANNOTATION)?;
    Some(("Helm", format!("release {release}"), "helm"))
}

/// The live manager that the short name of a tool stands for.
fn manager_of(live: &Object, tool: &str) -> Option<String> {
    // Any name that the caller gave for it will do: the tool's, or one of its managers'.
    let wanted = Policy {
        adopt: [tool.to_owned()].into(),
        ..Policy::default()
    };
    live.managed_fields()
        .iter()
        .filter_map(|entry| entry["manager"].as_str())
        .find(|name| wanted.adopts(name))
        .map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::moves::ReleaseRef;
    use crate::model::names::APPLYSET_PART_OF_LABEL;
    use crate::plan::{OtherReleases, Source};
    use serde_json::{Value, json};

    fn live(metadata: &Value) -> Object {
        let mut object =
            json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}});
        for (key, value) in metadata.as_object().unwrap() {
            object["metadata"][key] = value.clone();
        }
        Object::new(object).unwrap()
    }

    fn finding(metadata: &Value, adopt: &[&str]) -> Option<PreflightFinding> {
        let live = live(metadata);
        let policy = Policy {
            adopt: adopt.iter().map(|name| (*name).to_owned()).collect(),
            ..Policy::default()
        };
        foreign_owner(&live.id(), &live, "applyset-ours", &policy)
    }

    #[test]
    fn objects_of_gitops_tools_are_refused_with_the_commands_that_work_beside_them() {
        for (metadata, tool, adopt) in [
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "x"}}),
                "Argo CD",
                "argocd",
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}),
                "Flux",
                "flux",
            ),
            // Its manager's own name serves as well as the short one.
            (
                json!({"managedFields": [{"manager": "argocd-controller"}]}),
                "Argo CD",
                "argocd-controller",
            ),
        ] {
            let found = finding(&metadata, &[]).unwrap();
            assert!(found.message.contains(tool), "{}", found.message);

            let hint = found.hint.unwrap();
            assert!(
                hint.contains("kubectl delivery wait") && hint.contains("kubectl delivery render"),
                "{hint}"
            );

            assert_eq!(finding(&metadata, &[adopt]), None);
        }
    }

    #[test]
    fn an_object_of_helm_is_refused_until_helm_is_adopted() {
        let metadata = json!({"annotations": {HELM_RELEASE_ANNOTATION: "shop"}});
        assert!(
            finding(&metadata, &["kubectl"])
                .unwrap()
                .hint
                .unwrap()
                .contains("--adopt helm")
        );

        assert_eq!(finding(&metadata, &["helm"]), None);
    }

    #[test]
    fn a_member_of_another_set_is_refused_whatever_is_adopted_and_one_of_ours_is_not() {
        let label = |id: &str| json!({"labels": {APPLYSET_PART_OF_LABEL: id}});
        assert!(finding(&label("applyset-other"), &["helm", "argocd", "flux"]).is_some());
        assert_eq!(finding(&label("applyset-ours"), &[]), None);
    }

    #[test]
    fn only_a_member_of_the_release_that_is_named_moves_and_what_is_in_the_way_is_told() {
        let shop = ReleaseRef::new("shop", "shop");
        let object = live(&json!({"labels": {APPLYSET_PART_OF_LABEL: shop.set()}}));

        let found = |members: &[ObjectId], is_named: bool| {
            let source = Source {
                release: shop.clone(),
                members: members.iter().cloned().collect(),
                has_moved: false,
            };
            let others = OtherReleases {
                sources: if is_named { vec![source] } else { Vec::new() },
                by_set: [(shop.set(), shop.clone())].into(),
                ..OtherReleases::default()
            };
            let policy = Policy {
                others,
                home: "shop".into(),
                ..Policy::default()
            };
            foreign_owner(&object.id(), &object, "applyset-ours", &policy)
        };

        assert_eq!(found(&[object.id()], true), None);

        // The label alone: somebody put it there.
        let not_a_member = found(&[], true).unwrap();
        assert!(
            not_a_member.message.contains("not in its inventory"),
            "{}",
            not_a_member.message
        );

        let not_named = found(&[object.id()], false).unwrap();
        assert_eq!(not_named.message, "belongs to release shop");
        assert!(not_named.hint.unwrap().ends_with("--adopt release:shop"));
    }
}
