//! What helps to understand a failure: the container's last log lines, and the events that matter, once each.
//! It is gathered when the failure is reported, for a rollback takes the pods and their logs away.

use crate::cluster::{Cluster, LogRequest};
use crate::model::occurrence::Occurrence;
use crate::model::verdict::{Cause, CauseKind};
use std::collections::BTreeMap;

/// How many events a failure shows.
const EVENTS: usize = 8;

/// What a kubelet answers, with 200, when it has removed the container meanwhile.
const GONE: &str = "unable to retrieve container logs";

/// What helps to understand a failure, without values of Secrets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Diagnostics {
    /// The container's last log lines.
    pub logs: Vec<String>,
    /// The events that matter, once each.
    pub events: Vec<String>,
}

/// Gathers what helps to understand a failure of an object in `namespace`.
pub async fn collect_diagnostics(
    cluster: &dyn Cluster,
    namespace: Option<&str>,
    cause: &Cause,
    occurrences: &[Occurrence],
    log_lines: u32,
    hide: &(dyn Fn(&str) -> String + Send + Sync),
) -> Diagnostics {
    // A container that never started has no log: the kubelet would answer with an error.
    let logs = match (namespace, &cause.pod, &cause.container) {
        (Some(namespace), Some(pod), Some(container)) if log_lines > 0 && has_run(cause.kind) => {
            let request = LogRequest {
                namespace: namespace.into(),
                pod: pod.clone(),
                container: container.clone(),
                previous: cause.previous_logs,
                lines: log_lines,
            };
            read_log(cluster, request).await
        }
        _ => Vec::new(),
    };

    Diagnostics {
        logs: logs.iter().map(|line| hide(line)).collect(),
        events: list_warnings(occurrences).iter().map(|line| hide(line)).collect(),
    }
}

/// Whether a container that fails so has written anything.
fn has_run(kind: CauseKind) -> bool {
    matches!(
        kind,
        CauseKind::CrashLoop
            | CauseKind::InitFailed
            | CauseKind::JobFailed
            | CauseKind::PodFailed
            | CauseKind::DeadlineExceeded
            | CauseKind::Soak
            | CauseKind::Gate
    )
}

async fn read_log(cluster: &dyn Cluster, mut request: LogRequest) -> Vec<String> {
    let mut answer = cluster.logs(&request).await;
    if request.previous && answer.as_ref().map_or(true, |text| text.starts_with(GONE)) {
        // The previous instance is gone already, or the crash was the first one.
        request.previous = false;
        answer = cluster.logs(&request).await;
    }

    match answer {
        Ok(text) => text.lines().map(str::to_owned).collect(),
        // A log that is missing must not hide the failure.
        Err(error) => vec![format!("(log not available: {error})")],
    }
}

/// Warnings, each message once, the newest last.
fn list_warnings(occurrences: &[Occurrence]) -> Vec<String> {
    let mut once: BTreeMap<(&str, &str), (&Occurrence, u32)> = BTreeMap::new();
    // What went well explains no failure.
    for one in occurrences.iter().filter(|one| one.warning) {
        let entry = once.entry((&one.reason, &one.message)).or_insert((one, 0));
        // An Event without a count was seen once.
        entry.1 += one.count.max(1);
        if one.last > entry.0.last {
            entry.0 = one;
        }
    }

    let mut all: Vec<_> = once.into_values().collect();
    all.sort_by_key(|(one, _)| one.last);
    // The oldest go: the newest are closest to the failure.
    let skipped = all.len().saturating_sub(EVENTS);

    let line = |(one, count): &(&Occurrence, u32)| {
        let times = if *count > 1 {
            format!(" (×{count})")
        } else {
            String::new()
        };
        format!("{} {}{times}: {}", one.about_name, one.reason, one.message.trim())
    };

    all[skipped..].iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn occurrence(about: &str, message: &str, warning: bool, at: i64) -> Occurrence {
        Occurrence {
            uid: format!("{about}{message}"),
            about: about.into(),
            about_name: format!("Pod {about}"),
            warning,
            reason: "Failed".into(),
            message: message.into(),
            count: 2,
            last: jiff::Timestamp::from_second(at).ok(),
        }
    }

    #[test]
    fn warnings_are_told_once_each_with_their_count_and_the_newest_last() {
        let all = [
            occurrence("a", "late", true, 9),
            occurrence("a", "no", true, 1),
            occurrence("b", "no", true, 2),
            occurrence("b", "pulled", false, 3),
        ];

        // Two Events say the same of two pods: one line, with all of their counts.
        assert_eq!(
            list_warnings(&all),
            ["Pod b Failed (×4): no", "Pod a Failed (×2): late"]
        );
    }
}
