//! Whether the pods of a workload would be accepted: a dry-run of its Deployment says nothing of quota, pod security or
//! accounts, so a pod of its template was tried.

use super::policy::{note, refuse};
use crate::model::check::Check;
use crate::model::plan::PreflightFinding;
use crate::model::preflight::{Answer, Answers, Questions};
use crate::model::{Object, ObjectId};

pub(super) fn pods(asked: &Questions, answers: &Answers, created: &[Object]) -> Vec<PreflightFinding> {
    let mut findings = Vec::new();
    for (question, answer) in asked.pods.iter().zip(&answers.pods) {
        let id = Some(&question.workload);
        match answer {
            Answer::Refused { message, .. } => {
                if let Some(awaited) = awaited(message, &question.workload, created) {
                    let message =
                        format!("whether its pods are accepted is known once {awaited} is there: {message}");
                    findings.push(note(Check::Pods, id, message));
                    continue;
                }
                let message = format!("expected its pods to be accepted, found: {message}");
                findings.push(refuse(Check::Pods, id, message, None));
            }
            Answer::Unknown { why } => {
                findings.push(note(
                    Check::Pods,
                    id,
                    format!("whether its pods are accepted is not known: {why}"),
                ));
            }
            Answer::Fine(_) => {}
        }
    }
    findings
}

/// What a refusal misses and this promotion makes before the workload.
fn awaited(message: &str, workload: &ObjectId, created: &[Object]) -> Option<ObjectId> {
    created.iter().map(Object::id).find(|id| {
        let missing = match id.kind.as_str() {
            "ServiceAccount" if id.namespace == workload.namespace => {
                format!("serviceaccount \"{}\" not found", id.name)
            }
            "Namespace" => format!("namespaces \"{}\" not found", id.name),
            "PriorityClass" => format!("no PriorityClass with name {} was found", id.name),
            _ => return false,
        };
        message.contains(&missing)
    })
}

#[cfg(test)]
mod tests {
    use super::awaited;
    use crate::model::{Object, ObjectId};
    use rstest::rstest;
    use serde_json::json;

    const NO_ACCOUNT: &str = r#"pods "web-" is forbidden: error looking up service account shop/web: serviceaccount "web" not found"#;

    #[rstest]
    #[case::its_account(NO_ACCOUNT, "ServiceAccount", Some("shop"), "web", true)]
    #[case::anothers_account(NO_ACCOUNT, "ServiceAccount", Some("shop"), "api", false)]
    #[case::an_account_elsewhere(NO_ACCOUNT, "ServiceAccount", Some("other"), "web", false)]
    #[case::its_namespace(r#"namespaces "shop" not found"#, "Namespace", None, "shop", true)]
    #[case::its_priority(
        r#"pods "web-" is forbidden: no PriorityClass with name urgent was found"#,
        "PriorityClass",
        None,
        "urgent",
        true
    )]
    #[case::quota(
        r#"pods "web-" is forbidden: exceeded quota: pods"#,
        "ServiceAccount",
        Some("shop"),
        "web",
        false
    )]
    fn a_refusal_waits_only_for_what_the_promotion_makes(
        #[case] message: &str,
        #[case] kind: &str,
        #[case] namespace: Option<&str>,
        #[case] name: &str,
        #[case] waits: bool,
    ) {
        let version = if kind == "PriorityClass" { "scheduling.k8s.io/v1" } else { "v1" };
        let object = |kind: &str, namespace: Option<&str>, name: &str| {
            let mut value = json!({"apiVersion": version, "kind": kind, "metadata": {"name": name}});
            if let Some(namespace) = namespace {
                value["metadata"]["namespace"] = namespace.into();
            }
            Object::new(value).unwrap()
        };
        let workload: ObjectId = object("Deployment", Some("shop"), "web").id();
        let created = [object(kind, namespace, name)];
        assert_eq!(awaited(message, &workload, &created).is_some(), waits, "{message}");
    }
}
