//! Objects are judged from when another tool has applied them; a failure of the first does not wait for the last. One in
//! which something else differs is waited for until it is in sync.
//!
//! That an object was in sync when it arrived says nothing of the end: each is compared again once all are rolled out, once
//! the images are verified, and at the end of the soak; in between where its watch shows that its content has moved.

use super::arrival::{ArrivalScan, late, scan};
use super::goal::Goal;
use super::in_sync::SyncChecks;
use crate::cluster::Cluster;
use crate::model::event::{Event, EventSink, Phase};
use crate::model::phrase::duration;
use crate::model::{Object, Target};
use crate::monitor::{MonitorContext, Rollout, Stopped, Watched, Watching};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// How often objects that have not arrived are read again.
const PAUSE: Duration = Duration::from_secs(1);

/// The objects of a release on their way.
pub(super) struct Following<'a> {
    goal: &'a Goal,
    cluster: Arc<dyn Cluster>,
    watching: &'a Watching,
    events: &'a dyn EventSink,
    bounds: &'a dyn MonitorContext,
    timeout: Duration,
    end: Instant,
    /// Those that are not in sync, as far as is known.
    open: Vec<&'a (Target, Object)>,
    watched: Vec<Watched>,
    checks: SyncChecks<'a>,
    /// What was last said of the objects that are waited for.
    reported: Option<(usize, bool)>,
}

impl<'a> Following<'a> {
    /// Of all objects, none of which has been looked at.
    pub fn new(
        goal: &'a Goal,
        watching: &'a Watching,
        events: &'a dyn EventSink,
        bounds: &'a dyn MonitorContext,
        timeout: Duration,
    ) -> Self {
        Self {
            goal,
            cluster: goal.cluster.clone(),
            watching,
            events,
            bounds,
            timeout,
            end: Instant::now() + timeout,
            open: goal.objects.iter().collect(),
            watched: Vec::new(),
            checks: SyncChecks::new(goal),
            reported: None,
        }
    }

    /// How many objects have arrived.
    pub fn arrived(&self) -> usize {
        self.watched.len()
    }

    /// Waits until every object has arrived, is rolled out, and is in sync then.
    pub async fn until_in_sync(&mut self) -> Result<(), Stopped> {
        loop {
            let scan = scan(
                &mut self.checks,
                &*self.cluster,
                &self.open,
                &targets(&self.watched),
            )
            .await;
            self.open.retain(|(target, _)| scan.is_open(target));
            let arrived = scan.arrived(&self.watched);
            if !arrived.is_empty() {
                self.watching.join(&arrived).await;
                self.watched.extend(arrived);
            }

            if !scan.waits() {
                self.watching.progress(&self.watched, self.bounds).await?;
                if self.find_drift().await.is_some() {
                    continue;
                }
                self.note_unchecked(&scan);
                return Ok(());
            }

            self.report(&scan);
            self.watching
                .report_wait(None, Some(self.end), || self.arrival_line(&scan));
            if Instant::now() >= self.end {
                return Err(late(&scan, &self.deadline()).into());
            }
            // What has arrived is judged meanwhile.
            let until = (Instant::now() + PAUSE).min(self.end);
            match tokio::time::timeout_at(until, self.watching.progress(&self.watched, self.bounds)).await {
                Ok(Err(stopped)) => return Err(stopped),
                Ok(Ok(())) => tokio::time::sleep_until(until).await,
                Err(_) => {}
            }
        }
    }

    /// Whether everything is still in sync; where not, it is waited for again, unless the time for that is over.
    pub async fn is_still_in_sync(&mut self) -> Result<bool, Stopped> {
        match self.find_drift().await {
            None => Ok(true),
            Some(scan) if Instant::now() >= self.end => Err(late(&scan, &self.deadline()).into()),
            Some(_) => {
                // The proof may have followed others in their place.
                self.watching.join(&self.watched).await;
                Ok(false)
            }
        }
    }

    /// Sees that everything stays ready and in sync. A change that is undone before the end is no failure.
    pub async fn soak(&mut self, time: Duration) -> Result<(), Stopped> {
        let (phase, began) = (Phase::Soak, Instant::now());
        self.events.emit(Event::PhaseStarted { phase });
        let (watching, bounds, watched) = (self.watching, self.bounds, self.watched.clone());
        let compare_moved = async {
            loop {
                watching.content_moved().await;
                if let Some(scan) = self.find_drift().await {
                    self.report(&scan);
                } else {
                    self.reported = None;
                }
            }
        };
        tokio::select! {
            ended = watching.soak(&watched, time, bounds) => ended?,
            () = compare_moved => {}
        }
        let millis = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.events.emit(Event::PhaseEnded { phase, millis });

        match self.find_drift().await {
            None => Ok(()),
            Some(scan) => Err(late(&scan, "at the end of the soak").into()),
        }
    }

    /// Looks once more at what has arrived; what is no longer in sync is open again.
    async fn find_drift(&mut self) -> Option<ArrivalScan> {
        let watched = targets(&self.watched);
        let objects = self.goal.objects.iter();
        let arrived: Vec<_> = objects.filter(|(target, _)| watched.contains(target)).collect();
        let scan = scan(&mut self.checks, &*self.cluster, &arrived, &watched).await;

        let known: BTreeSet<&Target> = self.open.iter().map(|(target, _)| target).collect();
        let is_news = |target: &Target| scan.is_open(target) && !known.contains(target);
        let drifted: Vec<_> = arrived
            .into_iter()
            .filter(|(target, _)| is_news(target))
            .collect();
        self.open.extend(drifted);
        scan.waits().then_some(scan)
    }

    /// Says what is waited for, where that is news.
    fn report(&mut self, scan: &ArrivalScan) {
        // What is waited for may become another thing, of as many objects.
        let waiting = (self.open.len(), scan.is_drifted());
        if self.reported.replace(waiting) != Some(waiting) {
            self.note(None, self.arrival_line(scan));
        }
    }

    fn arrival_line(&self, scan: &ArrivalScan) -> String {
        let (arrived, all) = (self.watched.len(), self.goal.objects.len());
        format!("{arrived} of {all} objects are applied; {}", scan.first())
    }

    /// Says of which objects it is not known whether they are, or were, in sync.
    fn note_unchecked(&self, scan: &ArrivalScan) {
        for (target, message) in scan.gone(self.goal) {
            self.note(Some(target), message);
        }
        for message in self.checks.not_checked() {
            self.note(None, message);
        }
    }

    fn note(&self, target: Option<&Target>, message: String) {
        self.events.emit(Event::Note {
            object: target.map(Target::id),
            message,
        });
    }

    fn deadline(&self) -> String {
        format!("within {}", duration(self.timeout))
    }
}

fn targets(watched: &[Watched]) -> BTreeSet<&Target> {
    watched.iter().map(|one| &one.target).collect()
}
