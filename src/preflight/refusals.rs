//! What the server's refusals mean: which check they fail, with the fields by name.
//!
//! Who refuses and for what is read in `model/refusal.rs`; the code decides only what the words leave open. The message
//! itself is always told. Here are also the losses that the server does not refuse: fields that it drops, and fields that it keeps.

use crate::model::ObjectId;
use crate::model::check::Check;
use crate::model::emptiness::is_not_zero;
use crate::model::k8s::list_key::{key_step, list_key};
use crate::model::path_text::escape;
use crate::model::plan::PreflightFinding;
use crate::model::refusal::{Refusal, RefusalCause, RefusedBy};
use crate::model::unreachable_webhook::UnreachableWebhook;
use crate::plan::refuse;
use crate::plan::terminating_namespace_finding;
use serde_json::Value;

/// A finding from the server's answer to a dry request.
pub(super) fn rejection_finding(
    id: &ObjectId,
    code: u16,
    message: &str,
    fields: &[String],
) -> PreflightFinding {
    let refusal = Refusal::parse(Some(code), message);
    // Each object in such a namespace is refused for it: one finding, of the namespace, says it for all.
    if refusal.cause == RefusalCause::TerminatingNamespace {
        return terminating_namespace_finding(&ObjectId::new(
            "",
            "Namespace",
            None,
            id.namespace.as_deref().unwrap_or_default(),
        ));
    }

    let named = named(fields);
    // The cause tells more: the plugin that enforces a quota is admission, too.
    let (check, problem, hint) = match (refusal.cause, refusal.by) {
        (RefusalCause::ImmutableField | RefusalCause::SetOnceField, _) => {
            return change_finding(id, message, fields);
        }
        (RefusalCause::ExceededQuota, _) => (Check::Quota, "exceeded quota".to_owned(), None),
        (
            _,
            RefusedBy::Webhook
            | RefusedBy::WebhookWithEffects
            | RefusedBy::AdmissionPlugin
            | RefusedBy::Policy,
        ) => (Check::Admission, "denied by admission".to_owned(), None),
        // A dry run carries the uid that was compared: somebody has made the object anew.
        _ if code == 409 => (
            Check::Conflict,
            "changed since it was compared".to_owned(),
            Some("to compare again: kubectl delivery diff".into()),
        ),
        // What no other word explains: most denials of the server have this code.
        _ if matches!(code, 401 | 403) => (Check::Permissions, "missing permission".to_owned(), None),
        _ => (Check::DryRun, format!("rejected by the API server{named}"), None),
    };
    refuse(check, Some(id), format!("{problem}: {message}"), hint)
}

/// A finding about a change that the server refuses, whatever its words for it: a new object could be so.
pub(super) fn change_finding(id: &ObjectId, message: &str, fields: &[String]) -> PreflightFinding {
    let message = format!("immutable fields would change{}: {message}", named(fields));
    refuse(Check::Immutable, Some(id), message, Some(delete_first(id)))
}

fn named(fields: &[String]) -> String {
    if fields.is_empty() {
        String::new()
    } else {
        format!(": {}", fields.join(", "))
    }
}

/// A finding about an object that a webhook has to admit which does not answer.
pub(super) fn unreachable_webhook_finding(
    id: &ObjectId,
    webhook: &UnreachableWebhook,
    message: &str,
) -> PreflightFinding {
    let message = if webhook.converts {
        format!("no response from {webhook}: {message}")
    } else {
        format!("no response from {webhook}, which must admit the change: {message}")
    };
    let named_by = if webhook.converts {
        "customresourcedefinitions"
    } else {
        "validatingwebhookconfigurations,mutatingwebhookconfigurations"
    };

    let hint = format!("to find the webhook: kubectl get {named_by}");
    refuse(Check::DryRun, Some(id), message, Some(hint))
}

/// A finding about fields that the server keeps as they are without refusing anything.
pub(super) fn kept_fields_finding(id: &ObjectId, paths: &[String]) -> PreflightFinding {
    let message = "immutable fields would change: the API server keeps them as they are".to_owned();
    let finding = refuse(Check::Immutable, Some(id), message, Some(delete_first(id)));
    PreflightFinding {
        paths: paths.to_vec(),
        ..finding
    }
}

fn delete_first(id: &ObjectId) -> String {
    format!("to delete it first: kubectl delete {}", id.kubectl_args())
}

/// Paths of maps and named items that were sent and that the answer lacks: an older schema drops fields in silence.
pub fn dropped(sent: &Value, answer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    // The zero of a type is dropped by any key with `omitempty`, and says the same.
    missing(sent, answer, &is_not_zero, &String::new, &mut found);
    found
}

/// Whether the answer lacks a map, or where they count a list, that was sent empty: an apply that takes away all that it
/// held takes it too.
pub fn lost_an_empty_one(sent: &Value, answer: &Value, lists_count: bool) -> bool {
    let is_empty = |value: &Value| match value {
        Value::Object(map) => map.is_empty(),
        Value::Array(items) => lists_count && items.is_empty(),
        _ => false,
    };

    let mut found = Vec::new();
    missing(sent, answer, &is_empty, &String::new, &mut found);
    !found.is_empty()
}

/// Which of the fields that count were sent and are not there. `path` is made where one is found: mostly none is.
fn missing(
    sent: &Value,
    answer: &Value,
    counts: &dyn Fn(&Value) -> bool,
    path: &dyn Fn() -> String,
    found: &mut Vec<String>,
) {
    match (sent, answer) {
        (Value::Object(sent), Value::Object(answer)) => {
            for (key, value) in sent {
                // stringData becomes data, and status is not applied.
                if matches!(&**key, "status" | "stringData") && path().is_empty() {
                    continue;
                }

                let below = || format!("{}/{}", path(), escape(key));
                match answer.get(key) {
                    Some(stored) if !stored.is_null() => missing(value, stored, counts, &below, found),
                    // An exported manifest may hold it, and the server sets it anew.
                    _ if key == "creationTimestamp" || !counts(value) => {}
                    _ => found.push(below()),
                }
            }
        }
        (Value::Array(sent), Value::Array(answer)) => items(sent, answer, counts, path, found),
        _ => {}
    }
}

/// Items that the list's key tells apart; without a key, by their places where both lists have as many.
fn items(
    sent: &[Value],
    answer: &[Value],
    counts: &dyn Fn(&Value) -> bool,
    path: &dyn Fn() -> String,
    found: &mut Vec<String>,
) {
    // Set apart by place only where nothing was added or taken out: else every item would look like another.
    let Some(keys) = list_key(&[sent, answer]) else {
        if sent.len() == answer.len() {
            for (index, (sent, stored)) in sent.iter().zip(answer).enumerate() {
                missing(sent, stored, counts, &|| format!("{}/[{index}]", path()), found);
            }
        }
        return;
    };
    for item in sent {
        let Some(step) = key_step(item, keys) else {
            continue;
        };
        if let Some(stored) = answer.iter().find(|stored| step.is_item(stored)) {
            missing(item, stored, counts, &|| format!("{}/{step}", path()), found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_that_the_server_drops_is_named_and_an_empty_one_is_not() {
        let sent = json!({"spec": {"size": 3, "colour": "red", "note": "", "list": [], "items": [{"name": "a", "x": 1}]}});
        // An empty text and an empty list are gone, too: nothing is lost by it.
        let answer = json!({"spec": {"size": 3, "items": [{"name": "a"}]}});
        assert_eq!(
            dropped(&sent, &answer),
            ["/spec/colour", "/spec/items/[name=a]/x"]
        );
    }

    #[test]
    fn a_map_that_was_sent_empty_and_is_gone_is_seen() {
        // In any form in which it can be gone: without its key, and as null.
        let sent = json!({"a": {"b": {}}, "c": ""});
        assert!(lost_an_empty_one(&sent, &json!({"a": {}}), false));
        assert!(lost_an_empty_one(&sent, &json!({"a": {"b": null}}), false));
        assert!(!lost_an_empty_one(&sent, &json!({"a": {"b": {"x": 1}}}), true));

        // Only of custom kinds do lists count: of its own kinds the server keeps no empty one.
        let list = json!({"a": []});
        assert!(lost_an_empty_one(&list, &json!({}), true) && !lost_an_empty_one(&list, &json!({}), false));
    }

    #[test]
    fn items_that_share_a_name_are_told_apart_by_their_lists_key_or_place() {
        let mounts = json!({"m": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b", "subPath": "x"}]});
        assert_eq!(dropped(&mounts, &mounts), Vec::<String>::new());

        let answer = json!({"m": [{"name": "v", "mountPath": "/a"}, {"name": "v", "mountPath": "/b"}]});
        assert_eq!(dropped(&mounts, &answer), ["/m/[mountPath=~1b]/subPath"]);

        // No field tells these items apart: by their places they are the same.
        let refs = json!({"r": [{"name": "s", "weight": 1}, {"name": "s", "weight": 2, "port": 80}]});
        assert_eq!(dropped(&refs, &refs), Vec::<String>::new());
    }

    #[test]
    fn the_servers_words_decide_which_check_failed() {
        let id = ObjectId::new("apps", "Deployment", Some("shop"), "web");

        let immutable = rejection_finding(
            &id,
            422,
            "spec.selector: Invalid value: field is immutable",
            &["spec.selector".into()],
        );
        assert_eq!(immutable.check, Check::Immutable);
        assert!(
            immutable.message.contains("spec.selector")
                && immutable.hints[0].contains("deployment.apps/web -n shop")
        );

        // Three answers of one code.
        assert_eq!(
            rejection_finding(&id, 403, "admission webhook \"x\" denied the request: no", &[]).check,
            Check::Admission
        );
        assert_eq!(
            rejection_finding(&id, 403, "pods \"a\" is forbidden: exceeded quota: q", &[]).check,
            Check::Quota
        );
        assert_eq!(
            rejection_finding(&id, 403, "User cannot patch", &[]).check,
            Check::Permissions
        );
    }
}
