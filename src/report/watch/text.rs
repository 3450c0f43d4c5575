//! A watch, line by line: the time, what became of it, the release, and one sentence.

use crate::model::drift::{
    DriftChange, DriftEvent, DriftGroup, DropReason, PromotionEnd, StampedDriftEvent, group_findings,
};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::{counted, duration, utc};
use crate::report::{Palette, Tone, clean, clean_line};
use jiff::Timestamp;
use std::time::Duration;

/// The lines of a row of events, in order.
pub(super) fn watch_lines(events: &[StampedDriftEvent], palette: Palette) -> Vec<String> {
    let mut lines = Vec::new();
    let mut rest = events;
    while let Some((first, after)) = rest.split_first() {
        if first.event.finding().is_none() {
            lines.extend(event_line(first, palette));
            rest = after;
            continue;
        }
        let count = rest
            .iter()
            .take_while(|one| one.event.finding().is_some())
            .count();
        let (findings, after) = rest.split_at(count);
        lines.extend(
            group_findings(findings)
                .iter()
                .map(|group| group_line(group, palette)),
        );
        rest = after;
    }
    lines
}

/// One line: words of a column are padded before they are painted.
fn line(
    time: Timestamp,
    (tone, word): (Tone, &str),
    release: Option<&ReleaseRef>,
    text: &str,
    palette: Palette,
) -> String {
    let word = palette.paint(tone, &format!("{word:<8}"));
    let release = release.map(|release| format!("{release}  "));
    let time = palette.paint(Tone::Faint, &utc(time));
    format!(
        "{time}  {word}  {}{}",
        release.unwrap_or_default(),
        clean_line(text)
    )
}

fn group_line(group: &DriftGroup<'_>, palette: Palette) -> String {
    let word = match group.change {
        DriftChange::Opened | DriftChange::Updated if group.is_unknown() => (Tone::Notice, "unknown"),
        DriftChange::Opened => (Tone::Negative, "drift"),
        DriftChange::Updated => (Tone::Negative, "changed"),
        DriftChange::Closed => (Tone::Positive, "closed"),
    };
    let mut text = group.sentence();
    if group.change == DriftChange::Closed {
        let open = group.time.duration_since(group.first.first_seen).unsigned_abs();
        let open = Duration::from_secs(open.as_secs());
        let longer = if group.first.may_be_older {
            " or longer"
        } else {
            ""
        };
        text = format!("{text} (open for {}{longer})", duration(open));
    }
    line(group.time, word, Some(group.release()), &text, palette)
}

/// The line of an event that is about no finding.
fn event_line(stamped: &StampedDriftEvent, palette: Palette) -> Option<String> {
    let StampedDriftEvent { time, event } = stamped;
    let (word, text) = release_text(event).or_else(|| watch_text(event))?;
    let tone = match event {
        DriftEvent::PromotionStarted { .. } | DriftEvent::WatchFailed { .. } | DriftEvent::Note { .. } => {
            Tone::Notice
        }
        _ => Tone::Faint,
    };
    Some(line(*time, (tone, word), event.release(), &text, palette))
}

/// What becomes of a release.
fn release_text(event: &DriftEvent) -> Option<(&'static str, String)> {
    Some(match event {
        DriftEvent::ReleaseAdded {
            version,
            revision,
            objects,
            ..
        } => {
            let objects = counted(*objects, "object");
            ("watch", format!("{}: {objects}", promoted(version, revision)))
        }
        DriftEvent::ReleaseDropped { reason, .. } => {
            let why = match reason {
                DropReason::Forgotten => "its stored state is gone",
                DropReason::NotPromoted => "no revision is promoted any more",
                DropReason::NotSelected => "its inventory does not have the labels any more",
            };
            ("dropped", why.to_owned())
        }
        DriftEvent::PromotionStarted { version, actor, .. } => {
            let version = version.as_ref().map(|version| format!(" of {version}"));
            let actor = actor.as_ref().map(|actor| format!(" by {actor}"));
            let text = format!(
                "promotion{}{} is running; compared again when it has ended",
                version.unwrap_or_default(),
                actor.unwrap_or_default()
            );
            ("promote", text)
        }
        DriftEvent::PromotionEnded {
            end,
            version,
            revision,
            ..
        } => {
            let promoted = promoted(version, revision);
            let text = match end {
                PromotionEnd::Promoted => format!("{promoted} is promoted"),
                PromotionEnd::Unchanged => format!("ended; {promoted} is promoted as before"),
                PromotionEnd::Unfinished => "the promotion is unfinished: no run is at work".to_owned(),
            };
            ("promote", text)
        }
        _ => return None,
    })
}

/// What becomes of the watch itself.
fn watch_text(event: &DriftEvent) -> Option<(&'static str, String)> {
    Some(match event {
        DriftEvent::Started {
            cluster,
            all_namespaces,
            resync_millis,
        } => {
            let place = if *all_namespaces {
                format!("all namespaces of {}", cluster.cluster())
            } else {
                cluster.to_string()
            };
            let resync = duration(Duration::from_millis(*resync_millis));
            let place = clean(&place);
            (
                "watch",
                format!("{place}; every object is verified each {resync}"),
            )
        }
        DriftEvent::WatchFailed {
            resource,
            namespace,
            message,
            ..
        } => {
            let place = place(resource, namespace);
            ("note", format!("cannot watch {place}: {message}; trying again"))
        }
        DriftEvent::WatchResumed { resource, namespace } => {
            ("note", format!("watching {} again", place(resource, namespace)))
        }
        DriftEvent::Note { message, .. } => ("note", message.clone()),
        DriftEvent::Finished(end) => ("end", end.message.clone()),
        _ => return None,
    })
}

fn promoted(version: &Option<String>, revision: &Option<u32>) -> String {
    match (version, revision) {
        (Some(version), Some(revision)) => format!("{version} (revision {revision})"),
        _ => "no version known".to_owned(),
    }
}

fn place(resource: &str, namespace: &Option<String>) -> String {
    match namespace {
        Some(namespace) => format!("{resource} in namespace {namespace}"),
        None => resource.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ObjectId;
    use crate::model::drift::{CloseReason, DriftFinding, DriftKind, OpenFinding};

    fn stamped(second: i64, event: DriftEvent) -> StampedDriftEvent {
        let time = Timestamp::from_second(second).unwrap();
        StampedDriftEvent { time, event }
    }

    fn missing(name: &str) -> OpenFinding {
        let object = ObjectId::new("", "ConfigMap", Some("shop"), name);
        OpenFinding {
            release: ReleaseRef::new("shop", "web"),
            version: Some("1.4.2".into()),
            revision: Some(7),
            finding: DriftFinding::of_object(DriftKind::Missing, object),
            first_seen: Timestamp::UNIX_EPOCH,
            may_be_older: false,
            last_verified: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_line_has_its_time_what_became_of_it_and_the_release() {
        let events = [
            stamped(0, DriftEvent::opened(missing("settings"))),
            stamped(75, DriftEvent::closed(missing("settings"), CloseReason::NotFound)),
            stamped(
                80,
                DriftEvent::WatchFailed {
                    resource: "deployments.apps".into(),
                    namespace: Some("shop".into()),
                    reason: crate::model::drift::WatchErrorReason::Connection,
                    message: "no response within 10s".into(),
                },
            ),
        ];
        assert_eq!(
            watch_lines(&events, Palette::new(false)),
            [
                "1970-01-01T00:00:00Z  drift     shop/web  ConfigMap shop/settings: does not exist",
                "1970-01-01T00:01:15Z  closed    shop/web  ConfigMap shop/settings: does not exist (open for 1m15s)",
                "1970-01-01T00:01:20Z  note      cannot watch deployments.apps in namespace shop: no response within 10s; trying again",
            ]
        );
    }

    #[test]
    fn a_text_of_several_lines_is_one() {
        let note = DriftEvent::Note {
            release: None,
            message: "a\nb".into(),
        };
        let lines = watch_lines(&[stamped(0, note)], Palette::new(false));
        assert_eq!(lines, ["1970-01-01T00:00:00Z  note      a b"]);
    }
}
