//! A Kubernetes Event, reduced. (The word *event* belongs to what this tool itself reports.)
//!
//! The same happening comes in two shapes, by the API that wrote it; what was seen again is one Event whose
//! count grows. So an old one is told from a new one by its count and its last time, not by its being there.

use super::object::Object;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// A Kubernetes Event, reduced.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Occurrence {
    /// The Event's uid.
    pub uid: String,
    /// Uid of the object that it is about.
    pub about: String,
    /// Kind and name of it: `Pod web-1`.
    pub about_name: String,
    /// Whether it is a `Warning`.
    pub warning: bool,
    /// Such as `FailedCreate`.
    pub reason: String,
    /// What happened.
    pub message: String,
    /// How often it was seen.
    pub count: u32,
    /// When it was last seen, by the clock of who reports it.
    pub last: Option<Timestamp>,
}

impl Occurrence {
    /// Reduces an Event of `v1` (or of `events.k8s.io/v1`).
    pub fn reduce(event: &Object) -> Self {
        // The core API's name of it, or that of events.k8s.io.
        let about = event
            .at("/involvedObject")
            .or_else(|| event.at("/regarding"))
            .unwrap_or(&Value::Null);
        let of = |field: &str| about.get(field).and_then(Value::as_str).unwrap_or_default();

        let message = if event.text("/message").is_empty() {
            "/note"
        } else {
            "/message"
        };

        // A series counts on where the count beside it stands still.
        let count = ["/series/count", "/count", "/deprecatedCount"];
        // From what tells most to what every Event has.
        let last = [
            "/series/lastObservedTime",
            "/lastTimestamp",
            "/eventTime",
            "/metadata/creationTimestamp",
        ];

        Self {
            uid: event.uid().to_owned(),
            about: of("uid").to_owned(),
            about_name: format!("{} {}", of("kind"), of("name")),
            warning: event.text("/type") == "Warning",
            reason: event.text("/reason").to_owned(),
            message: event.text(message).to_owned(),
            count: count
                .iter()
                .find_map(|path| event.at(path)?.as_u64())
                .unwrap_or(1) as u32,
            // What is null or empty is no time, and the next one is tried.
            last: last.iter().find_map(|path| event.text(path).parse().ok()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_event_says_what_it_is_about_how_often_and_when_last() {
        let event = json!({"apiVersion": "v1", "kind": "Event", "metadata": {"name": "web.1", "uid": "e", "creationTimestamp": "2026-01-01T00:00:00Z"},
            "involvedObject": {"kind": "Pod", "name": "web-1", "uid": "p"}, "type": "Warning", "reason": "BackOff",
            "message": "Back-off restarting", "count": 3, "lastTimestamp": "2026-01-01T00:01:00Z", "eventTime": null});

        let event = Occurrence::reduce(&Object::new(event).unwrap());
        assert_eq!(
            (event.about.as_str(), event.about_name.as_str(), event.count),
            ("p", "Pod web-1", 3)
        );
        assert_eq!(event.last.unwrap().to_string(), "2026-01-01T00:01:00Z");
        assert!(event.warning);
    }
}
