//! The line of a run in which nothing happens, the same for each command.

use crate::model::event::Event;
use crate::model::phrase::format_seconds;

/// What is waited for, and how long it may still take; nothing of any other event.
pub(super) fn heartbeat_text(event: &Event) -> Option<String> {
    let Event::Heartbeat {
        object,
        message,
        remaining_seconds,
    } = event
    else {
        return None;
    };

    let object = object.as_ref().map(|id| format!("{id}: ")).unwrap_or_default();
    let left = remaining_seconds.map(|seconds| format!("; {} left", format_seconds(seconds)));
    Some(format!("{object}{message}{}", left.unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;

    #[test]
    fn it_names_the_object_and_ends_with_the_time_that_is_left() {
        let event = |object, remaining_seconds| Event::Heartbeat {
            object,
            message: "1 of 3 pods updated".into(),
            remaining_seconds,
        };
        let web = ObjectId::new("apps", "Deployment", Some("shop"), "web");
        assert_eq!(
            heartbeat_text(&event(Some(web), Some(430))).unwrap(),
            "Deployment shop/web: 1 of 3 pods updated; 7m10s left"
        );
        assert_eq!(heartbeat_text(&event(None, None)).unwrap(), "1 of 3 pods updated");
    }
}
