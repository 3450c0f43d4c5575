//! What the server's refusals mean: which check they fail, with the fields by name.

use super::policy::refuse;
use crate::model::ObjectId;
use crate::model::plan::PreflightFinding;
use serde_json::Value;

/// A finding from the server's answer to a dry request.
pub(super) fn of_server(id: &ObjectId, code: u16, message: &str, fields: &[String]) -> PreflightFinding {
    let lower = message.to_lowercase();
    let named = if fields.is_empty() { String::new() } else { format!(" ({})", fields.join(", ")) };
    let (check, expected, hint) = if lower.contains("immutable") || lower.contains("may not change once set")
    {
        (
            "immutable",
            format!("expected fields that can change, found immutable ones{named}"),
            Some(format!(
                "delete it first (kubectl delete {}), or give the new one another name",
                name_of(id)
            )),
        )
    } else if lower.contains("exceeded quota") {
        ("quota", "expected room in the quota".to_owned(), None)
    } else if lower.contains("admission") || lower.contains("denied") {
        ("admission", "expected admission to accept it".to_owned(), None)
    } else if code == 409 {
        (
            "conflict",
            "expected the object that was compared".to_owned(),
            Some("look again: kubectl delivery diff".into()),
        )
    } else if matches!(code, 401 | 403) {
        ("rights", "expected the right to do it".to_owned(), None)
    } else {
        ("dry-run", format!("expected the server to accept it{named}"), None)
    };
    refuse(check, Some(id), format!("{expected}, found: {message}"), hint)
}

fn name_of(id: &ObjectId) -> String {
    let namespace = id.namespace.as_deref().map(|name| format!("-n {name} ")).unwrap_or_default();
    format!("{namespace}{}", id.kubectl_name())
}

/// Paths of maps and named items that were sent and that the answer lacks: an older schema drops fields in silence.
pub fn dropped(sent: &Value, answer: &Value) -> Vec<String> {
    let mut found = Vec::new();
    walk(sent, answer, &String::new, &mut found);
    found
}

/// `path` is made where something is found: mostly nothing is.
fn walk(sent: &Value, answer: &Value, path: &dyn Fn() -> String, found: &mut Vec<String>) {
    match (sent, answer) {
        (Value::Object(sent), Value::Object(answer)) => {
            for (key, value) in sent {
                // Empty values and nulls may vanish, stringData becomes data, and status is not applied.
                let empty = match value {
                    Value::Null => true,
                    Value::Object(map) => map.is_empty(),
                    Value::Array(items) => items.is_empty(),
                    Value::String(text) => text.is_empty(),
                    Value::Bool(value) => !value,
                    Value::Number(number) => number.as_f64() == Some(0.0),
                };
                if empty || matches!(&**key, "status" | "stringData") && path().is_empty() {
                    continue;
                }
                let below = || format!("{}/{}", path(), key.replace('~', "~0").replace('/', "~1"));
                match answer.get(key) {
                    Some(kept) => walk(value, kept, &below, found),
                    None if key == "creationTimestamp" => {}
                    None => found.push(below()),
                }
            }
        }
        (Value::Array(sent), Value::Array(answer)) => {
            for item in sent.iter().filter(|item| item["name"].is_string()) {
                if let Some(kept) = answer.iter().find(|kept| kept["name"] == item["name"]) {
                    let name = item["name"].as_str().unwrap_or_default();
                    walk(item, kept, &|| format!("{}/[name={name}]", path()), found);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_field_that_the_server_drops_is_named_and_an_empty_one_is_not() {
        let sent = json!({"spec": {"size": 3, "colour": "red", "note": "", "list": [], "items": [{"name": "a", "x": 1}]}});
        let answer = json!({"spec": {"size": 3, "items": [{"name": "a"}]}});
        assert_eq!(dropped(&sent, &answer), ["/spec/colour", "/spec/items/[name=a]/x"]);
    }

    #[test]
    fn the_servers_words_decide_which_check_failed() {
        let id = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        let immutable = of_server(
            &id,
            422,
            "spec.selector: Invalid value: field is immutable",
            &["spec.selector".into()],
        );
        assert_eq!(immutable.check, "immutable");
        assert!(
            immutable.message.contains("spec.selector")
                && immutable.hint.unwrap().contains("-n shop deployment.apps/web")
        );
        assert_eq!(
            of_server(&id, 403, "admission webhook \"x\" denied the request: no", &[]).check,
            "admission"
        );
        assert_eq!(of_server(&id, 403, "pods \"a\" is forbidden: exceeded quota: q", &[]).check, "quota");
        assert_eq!(of_server(&id, 403, "User cannot patch", &[]).check, "rights");
    }
}
