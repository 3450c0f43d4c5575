//! Objects are judged from when another tool has applied them; a failure of the first does not wait for the last.

use super::wanted::Goal;
use crate::cluster::Cluster;
use crate::compare::missing;
use crate::execute::watching::Watching;
use crate::execute::{Bounds, Stopped, Watched};
use crate::model::event::{Event, EventSink};
use crate::model::journal::Failure;
use crate::model::snapshot::Observed;
use crate::model::verdict::{Cause, CauseKind};
use crate::model::{Object, Target};
use crate::observe;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often objects that have not arrived are read again.
const PAUSE: Duration = Duration::from_secs(1);

/// Waits until every object has arrived and is rolled out.
pub(super) async fn follow(
    goal: &Goal,
    cluster: Arc<dyn Cluster>,
    watching: &Watching,
    events: &dyn EventSink,
    timeout: Duration,
    bounds: &dyn Bounds,
) -> Result<Vec<Watched>, Stopped> {
    let end = Instant::now() + timeout;
    let mut open: Vec<&(Target, Object)> = goal.objects.iter().collect();
    let mut watched: Vec<Watched> = Vec::new();
    let mut told = 0;
    loop {
        let look = look(goal, &*cluster, &open).await;
        let arrived: Vec<Watched> = look.arrived(watched.len());
        if !arrived.is_empty() {
            open.retain(|(target, _)| !arrived.iter().any(|one| one.target == *target));
            watching.join(&arrived).await;
            watched.extend(arrived);
        }
        if open.is_empty() {
            watching.progress(&watched, bounds).await?;
            return Ok(watched);
        }
        if told != open.len() {
            told = open.len();
            let message =
                format!("{} of {} objects are applied; {}", watched.len(), goal.objects.len(), look.first());
            events.emit(Event::Note { object: None, message });
        }
        if Instant::now() >= end {
            return Err(late(&look, timeout).into());
        }
        // What has arrived is judged meanwhile.
        let until = (Instant::now() + PAUSE).min(end);
        match tokio::time::timeout_at(until, watching.progress(&watched, bounds)).await {
            Ok(Err(stopped)) => return Err(stopped),
            Ok(Ok(())) => tokio::time::sleep_until(until).await,
            Err(_) => {}
        }
    }
}

/// What one look at the objects showed.
struct Look {
    found: Vec<(Target, Result<Object, String>)>,
}

impl Look {
    fn arrived(&self, from: usize) -> Vec<Watched> {
        let there = self.found.iter().filter_map(|(target, found)| Some((target, found.as_ref().ok()?)));
        there
            .enumerate()
            .map(|(at, (target, answer))| Watched {
                step: (from + at) as u32,
                target: target.clone(),
                answer: answer.clone(),
                changes: Vec::new(),
            })
            .collect()
    }

    fn not_yet(&self) -> Option<(&Target, &str)> {
        self.found.iter().find_map(|(target, found)| Some((target, found.as_ref().err()?.as_str())))
    }

    /// What the first of them is waited for.
    fn first(&self) -> String {
        self.not_yet().map(|(target, why)| format!("{target}: {why}")).unwrap_or_default()
    }
}

async fn look(goal: &Goal, cluster: &dyn Cluster, open: &[&(Target, Object)]) -> Look {
    let targets: Vec<Target> = open.iter().map(|(target, _)| target.clone()).collect();
    let snapshot = match observe::objects(cluster, &targets).await {
        Ok(snapshot) => snapshot,
        Err(error) => {
            let why = format!("it cannot be read: {error}");
            return Look { found: targets.into_iter().map(|target| (target, Err(why.clone()))).collect() };
        }
    };
    let mut found = Vec::new();
    for (target, desired) in open {
        let state = match snapshot.objects.get(&target.id()) {
            Some(Observed::Present(live)) => match missing(desired, live, &goal.images, &goal.image_paths) {
                Some(path) => Err(format!("{path} is not as desired yet")),
                None => Ok(live.clone()),
            },
            Some(Observed::Unreadable { error, .. }) => Err(format!("it cannot be read: {error}")),
            Some(Observed::Absent(_)) | None => Err("it is not there yet".into()),
        };
        found.push((target.clone(), state));
    }
    Look { found }
}

fn late(look: &Look, timeout: Duration) -> Box<Failure> {
    let (object, why) = match look.not_yet() {
        Some((target, why)) => (Some(target.id()), why),
        None => (None, ""),
    };
    let message = format!("nobody has applied it within {} s: {why}", timeout.as_secs());
    let cause = Cause {
        kind: CauseKind::DeadlineExceeded,
        message,
        pod: None,
        container: None,
        previous_logs: false,
    };
    Box::new(Failure { object, cause })
}
