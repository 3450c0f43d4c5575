//! The sinks at work: each has a task and a queue of its own, so that a slow one delays neither the watch nor the others.
//!
//! Events that a sink did not take are offered again, later each time; a queue that is full loses its oldest ones, which is
//! counted. What is known now comes with them, and a sink that wants it gets it each period without any event.

use crate::model::drift::{
    DriftEvent, DriftSink, DriftSnapshot, DriftUpdate, SinkError, SinkFailures, StampedDriftEvent,
};
use jiff::Timestamp;
use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;

/// Events that wait for one sink at most.
const MOST_WAITING: usize = 10_000;
/// Events that a sink is given at a time.
const MOST_AT_ONCE: usize = 500;
/// A delivery that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(30);
/// Before a delivery is tried again; twice as long each time.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// The longest of these pauses.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// For how long the last events are delivered at the end.
const AT_THE_END: Duration = Duration::from_secs(5);

/// All sinks.
pub(super) struct Outlets {
    queues: Vec<Arc<Queue>>,
    tasks: JoinSet<()>,
    report: Arc<Report>,
    last: Timestamp,
}

/// What sinks have to say.
#[derive(Default)]
struct Report {
    state: Mutex<ReportState>,
    changed: Notify,
}

#[derive(Default)]
struct ReportState {
    failures: BTreeMap<String, SinkFailures>,
    /// Sinks that fail since lately, and why.
    notes: Vec<String>,
    /// Why the watch ends: nobody reads it any more.
    ended: Option<String>,
}

/// What waits for one sink.
struct Queue {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

struct Waiting {
    /// Each with its number.
    events: VecDeque<(u64, StampedDriftEvent)>,
    next: u64,
    snapshot: Arc<DriftSnapshot>,
    dropped: u64,
    is_closing: bool,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Outlets {
    /// Starts the sinks. `snapshot` is what is known before anything has happened.
    pub fn start(sinks: Vec<Box<dyn DriftSink>>, snapshot: &Arc<DriftSnapshot>) -> Self {
        let (mut queues, mut tasks, report) = (Vec::new(), JoinSet::new(), Arc::<Report>::default());
        for sink in sinks {
            let queue = Arc::new(Queue::new(snapshot.clone()));
            queues.push(queue.clone());
            let outlet = Outlet {
                name: sink.name().to_owned(),
                sink,
                queue,
                report: report.clone(),
                pause: FIRST_PAUSE,
                is_failing: false,
            };
            tasks.spawn(outlet.run());
        }
        Self {
            queues,
            tasks,
            report,
            last: Timestamp::MIN,
        }
    }

    /// Gives events to every sink, with their time, and what is known after them.
    pub fn publish(&mut self, events: Vec<DriftEvent>, snapshot: &Arc<DriftSnapshot>) {
        // A clock that is set back would put an effect before its cause.
        let time = self.last.max(Timestamp::now());
        self.last = time;
        let stamped: Vec<StampedDriftEvent> = events
            .into_iter()
            .map(|event| StampedDriftEvent { time, event })
            .collect();
        for queue in &self.queues {
            queue.push(&stamped, snapshot.clone());
        }
    }

    /// What sinks could not deliver, by name.
    pub fn failures(&self) -> BTreeMap<String, SinkFailures> {
        lock(&self.report.state).failures.clone()
    }

    /// Sinks that began to fail since the last call, and why.
    pub fn take_notes(&self) -> Vec<String> {
        std::mem::take(&mut lock(&self.report.state).notes)
    }

    /// Why nobody reads the watch any more; none where somebody does.
    pub fn ended(&self) -> Option<String> {
        lock(&self.report.state).ended.clone()
    }

    /// Waits until a sink has something to say. Cancel-safe.
    pub async fn changed(&self) {
        self.report.changed.notified().await;
    }

    /// Delivers what waits, for some seconds at most.
    pub async fn close(mut self) {
        for queue in &self.queues {
            lock(&queue.waiting).is_closing = true;
            queue.changed.notify_one();
        }
        let all = async { while self.tasks.join_next().await.is_some() {} };
        tokio::time::timeout(AT_THE_END, all).await.ok();
    }
}

impl Queue {
    fn new(snapshot: Arc<DriftSnapshot>) -> Self {
        Self {
            waiting: Mutex::new(Waiting {
                events: VecDeque::new(),
                next: 0,
                snapshot,
                dropped: 0,
                is_closing: false,
            }),
            changed: Notify::new(),
        }
    }

    fn push(&self, events: &[StampedDriftEvent], snapshot: Arc<DriftSnapshot>) {
        let mut waiting = lock(&self.waiting);
        waiting.snapshot = snapshot;
        for event in events {
            let number = waiting.next;
            waiting.next += 1;
            waiting.events.push_back((number, event.clone()));
        }
        while waiting.events.len() > MOST_WAITING {
            waiting.events.pop_front();
            waiting.dropped += 1;
        }
        let has_events = !waiting.events.is_empty();
        drop(waiting);
        // What is known alone waits for the sink's period.
        if has_events {
            self.changed.notify_one();
        }
    }

    /// The next update, and the number after its last event.
    fn next_update(&self) -> (DriftUpdate, u64) {
        let waiting = lock(&self.waiting);
        let events = waiting.events.iter().take(MOST_AT_ONCE);
        let after = events.clone().next_back().map_or(0, |(number, _)| number + 1);
        let update = DriftUpdate {
            events: events.map(|(_, event)| event.clone()).collect(),
            snapshot: waiting.snapshot.clone(),
        };
        (update, after)
    }

    /// The events before that number are delivered, or given up.
    fn remove(&self, after: u64) {
        let mut waiting = lock(&self.waiting);
        while waiting.events.front().is_some_and(|(number, _)| *number < after) {
            waiting.events.pop_front();
        }
    }

    fn has_events(&self) -> bool {
        !lock(&self.waiting).events.is_empty()
    }

    fn is_closing(&self) -> bool {
        lock(&self.waiting).is_closing
    }

    fn take_dropped(&self) -> u64 {
        std::mem::take(&mut lock(&self.waiting).dropped)
    }
}

/// One sink at work.
struct Outlet {
    name: String,
    sink: Box<dyn DriftSink>,
    queue: Arc<Queue>,
    report: Arc<Report>,
    pause: Duration,
    is_failing: bool,
}

impl Outlet {
    async fn run(mut self) {
        // What is known at first, for whoever asks at once.
        let mut is_due = self.sink.interval().is_some();
        loop {
            if self.queue.has_events() || is_due {
                self.deliver().await;
            } else if self.queue.is_closing() {
                return;
            }
            is_due = self.wait().await;
        }
    }

    /// Waits for events, or until the sink's period is over: whether it is.
    async fn wait(&mut self) -> bool {
        if self.queue.has_events() || self.queue.is_closing() {
            return false;
        }
        match self.sink.interval() {
            None => {
                self.queue.changed.notified().await;
                false
            }
            Some(interval) => tokio::time::timeout(interval, self.queue.changed.notified())
                .await
                .is_err(),
        }
    }

    async fn deliver(&mut self) {
        let (update, after) = self.queue.next_update();
        let delivered = tokio::time::timeout(LONGEST, self.sink.deliver(&update)).await;
        let delivered = delivered.unwrap_or_else(|_| Err(SinkError::temporary("no answer in time")));
        let dropped = self.queue.take_dropped();
        match delivered {
            Ok(()) => {
                self.queue.remove(after);
                (self.is_failing, self.pause) = (false, FIRST_PAUSE);
                self.count(0, dropped);
            }
            Err(error) => {
                let mut given_up = dropped;
                // At the end nothing is tried again for long.
                if error.is_final {
                    self.queue.remove(after);
                    given_up += error.lost.unwrap_or(update.events.len()) as u64;
                }
                self.count(1, given_up);
                self.tell(&error);
                if !error.is_final {
                    tokio::time::sleep(self.pause).await;
                    self.pause = (self.pause * 2).min(LONGEST_PAUSE);
                }
            }
        }
    }

    fn count(&self, failed: u64, dropped: u64) {
        if failed + dropped > 0 {
            let mut report = lock(&self.report.state);
            let failures = report.failures.entry(self.name.clone()).or_default();
            failures.failed += failed;
            failures.dropped += dropped;
        }
    }

    /// Says once that it fails, until it has delivered something.
    fn tell(&mut self, error: &SinkError) {
        let mut report = lock(&self.report.state);
        if self.sink.is_essential() && error.is_final {
            report.ended = Some(error.message.clone());
        } else if !self.is_failing {
            report.notes.push(format!("{}: {error}", self.name));
        }
        self.is_failing = true;
        drop(report);
        self.report.changed.notify_one();
    }
}

#[cfg(test)]
mod tests;
