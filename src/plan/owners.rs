//! Objects that somebody else keeps: another inventory, Helm, Argo CD, Flux.
//!
//! Two keepers of one object take turns in overwriting it, so that it is refused until the caller says whose it is from now
//! on. Marks are looked at before field managers, and a name alone is a hint and no proof: the finding says what it found.

use super::findings::refuse;
use super::moving::other_release_finding;
use super::policy::PlanPolicy;
use crate::model::check::Check;
use crate::model::k8s::marks::{Installation, Installer, installation};
use crate::model::plan::PreflightFinding;
use crate::model::{Object, ObjectId};

/// Says who else keeps the object, unless the caller adopts from them.
pub(super) fn foreign_owner(
    id: &ObjectId,
    live: &Object,
    applyset_id: &str,
    policy: &PlanPolicy,
) -> Option<PreflightFinding> {
    // Whatever is adopted: what belongs to another release moves with its inventory, or not at all.
    if let Some(finding) = other_release_finding(id, live, applyset_id, policy) {
        return Some(finding);
    }

    let keeper = keeper_of(live)?;
    let (tool, adopt) = (keeper.installer.name(), keeper.installer.adopt_name());
    if policy.adopts_installer(keeper.installer)
        || manager_of(live, adopt).is_some_and(|name| policy.adopts(&name))
    {
        return None;
    }

    let hint = if keeper.installer == Installer::Helm {
        format!("add --adopt {adopt} to take ownership; do not run helm upgrade on it afterwards")
    } else {
        // Such a tool restores its own version after a while: to take ownership has to be meant.
        format!(
            "to have {tool} apply it: kubectl delivery render RELEASE -o FILE, then kubectl delivery wait RELEASE; to take \
             ownership: add --adopt {adopt}"
        )
    };

    let message = format!("managed by {tool} ({})", keeper.name);
    Some(refuse(Check::ManagedBy, Some(id), message, Some(hint)))
}

/// Who else keeps the object: by its marks, else by its field managers.
fn keeper_of(live: &Object) -> Option<Installation> {
    let marked = installation(live);
    // Helm writes what Flux tells it to: whoever runs it is found by a manager.
    let is_sure = marked
        .as_ref()
        .is_some_and(|found| found.installer != Installer::Helm);
    if is_sure {
        return marked;
    }

    // Argo CD can also track by a label that charts set themselves: then only its field manager is sure.
    let mut managers = live
        .managed_fields()
        .iter()
        .filter_map(|entry| entry["manager"].as_str());
    let by_manager = managers.find_map(|name| {
        let installer = match name {
            "kustomize-controller" | "helm-controller" => Installer::Flux,
            name if name.starts_with("argocd-") => Installer::ArgoCd,
            _ => return None,
        };
        let name = format!("field manager {name}");
        Some(Installation { installer, name })
    });
    by_manager.or(marked)
}

/// The live manager that the short name of a tool stands for.
fn manager_of(live: &Object, tool: &str) -> Option<String> {
    // Any name that the caller gave for it will do: the tool's, or one of its managers'.
    let wanted = PlanPolicy {
        adopt: [tool.to_owned()].into(),
        ..PlanPolicy::default()
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
    use crate::model::names::{APPLYSET_PART_OF_LABEL, HELM_RELEASE_ANNOTATION};
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
        let policy = PlanPolicy {
            adopt: adopt.iter().map(|name| (*name).to_owned()).collect(),
            ..PlanPolicy::default()
        };
        foreign_owner(&live.id(), &live, "applyset-ours", &policy)
    }

    #[test]
    fn objects_of_gitops_tools_are_refused_with_the_commands_that_work_beside_them() {
        let helm = || json!({HELM_RELEASE_ANNOTATION: "web"});
        for (metadata, message, adopt) in [
            (
                json!({"annotations": {"argocd.argoproj.io/tracking-id": "x:/ConfigMap:shop/a"}}),
                "managed by Argo CD (application x)",
                "argocd",
            ),
            (
                json!({"labels": {"kustomize.toolkit.fluxcd.io/name": "x"}}),
                "managed by Flux (Kustomization x)",
                "flux",
            ),
            // Its manager's own name serves as well as the short one.
            (
                json!({"managedFields": [{"manager": "argocd-controller"}]}),
                "managed by Argo CD (field manager argocd-controller)",
                "argocd-controller",
            ),
            // What Flux has Helm install carries Helm's marks.
            (
                json!({"annotations": helm(), "managedFields": [{"manager": "helm-controller"}]}),
                "managed by Flux (field manager helm-controller)",
                "flux",
            ),
        ] {
            let found = finding(&metadata, &[]).unwrap();
            assert_eq!(found.message, message);

            let hint = &found.hints[0];
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
        let found = finding(&metadata, &["kubectl"]).unwrap();
        assert_eq!(found.message, "managed by Helm (release shop)");
        assert_eq!(
            found.hints[0],
            "add --adopt helm to take ownership; do not run helm upgrade on it afterwards"
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
            let policy = PlanPolicy {
                others,
                home: "shop".into(),
                ..PlanPolicy::default()
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
        assert!(not_named.hints[0].starts_with("add --adopt release:shop "));
    }
}
