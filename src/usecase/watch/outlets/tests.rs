//! Sinks that fail, and queues that are full.

use super::*;
use crate::model::ClusterIdentity;
use async_trait::async_trait;

/// Takes what it is given, once the first ones have failed.
struct Flaky {
    failures: Vec<SinkError>,
    taken: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl DriftSink for Flaky {
    fn name(&self) -> &str {
        "flaky"
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        if let Some(error) = self.failures.pop() {
            return Err(error);
        }
        let texts = update.events.iter().map(|one| match &one.event {
            DriftEvent::Note { message, .. } => message.clone(),
            _ => String::new(),
        });
        lock(&self.taken).extend(texts);
        Ok(())
    }
}

fn snapshot() -> Arc<DriftSnapshot> {
    Arc::new(DriftSnapshot {
        at: Timestamp::UNIX_EPOCH,
        cluster: ClusterIdentity {
            context: None,
            in_cluster: false,
            server: String::new(),
            namespace: String::new(),
        },
        releases: BTreeMap::new(),
        watch_errors: BTreeMap::new(),
        watches: 0,
        failing_watches: 0,
        sink_failures: BTreeMap::new(),
        is_ready: false,
    })
}

fn note(number: usize) -> DriftEvent {
    DriftEvent::Note {
        release: None,
        message: number.to_string(),
    }
}

/// Waits until so many events were taken.
async fn until_taken(taken: &Mutex<Vec<String>>, count: usize) {
    let wait = async {
        while lock(taken).len() < count {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
}

#[tokio::test]
async fn events_that_a_sink_did_not_take_are_delivered_later_in_order_and_once() {
    let taken = Arc::<Mutex<Vec<String>>>::default();
    let failures = vec![SinkError::temporary("later"), SinkError::temporary("later")];
    let sink = Flaky {
        failures,
        taken: taken.clone(),
    };
    let mut outlets = Outlets::start(vec![Box::new(sink)], &snapshot());

    outlets.publish(vec![note(1), note(2)], &snapshot());
    until_taken(&taken, 2).await;
    outlets.publish(vec![note(3)], &snapshot());
    until_taken(&taken, 3).await;

    assert_eq!(*lock(&taken), ["1", "2", "3"]);
    assert_eq!(
        outlets.failures()["flaky"],
        SinkFailures {
            failed: 2,
            dropped: 0
        }
    );
    assert_eq!(outlets.take_notes(), ["flaky: later"], "said once");
    outlets.close().await;
}

#[tokio::test]
async fn events_that_are_refused_for_good_are_given_up_and_counted() {
    let taken = Arc::<Mutex<Vec<String>>>::default();
    let sink = Flaky {
        failures: vec![SinkError::permanent("no")],
        taken: taken.clone(),
    };
    let mut outlets = Outlets::start(vec![Box::new(sink)], &snapshot());

    outlets.publish(vec![note(1), note(2)], &snapshot());
    let wait = async {
        while outlets.failures().is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), wait).await.unwrap();
    assert_eq!(outlets.failures()["flaky"].dropped, 2);

    outlets.publish(vec![note(3)], &snapshot());
    outlets.close().await;
    assert_eq!(*lock(&taken), ["3"]);
}

#[test]
fn a_queue_that_is_full_loses_its_oldest_events_and_counts_them() {
    let queue = Queue::new(snapshot());
    let events: Vec<StampedDriftEvent> = (0..MOST_WAITING + 7)
        .map(|number| StampedDriftEvent {
            time: Timestamp::UNIX_EPOCH,
            event: note(number),
        })
        .collect();
    queue.push(&events, snapshot());

    let (update, after) = queue.next_update();
    assert_eq!(
        (update.events[0].event.clone(), after),
        (note(7), 7 + MOST_AT_ONCE as u64)
    );
    assert_eq!(queue.take_dropped(), 7);
}
