//! A watch at work: one loop that takes news of the feed, of stored states, of comparisons and of sinks, and decides by the
//! schedule and the ledger what comes next.

mod checks;
mod news;
mod states;

use self::checks::CheckResult;
use super::WatchRequest;
use super::dependents::Dependents;
use super::looking::{Look, Stored};
use super::outlets::Outlets;
use crate::cluster::ApiError;
use crate::drift::{Due, Ledger, LedgerOptions, Schedule, ScheduleOptions, Standing};
use crate::model::drift::{DriftEvent, DriftSink, DriftSnapshot, WatchEnd, WatchErrorKey};
use crate::model::moves::ReleaseRef;
use crate::model::phrase::counted;
use crate::model::start::StartDepth;
use crate::objects::content_mark;
use crate::observe::held::{Collections, Feed, ServedKinds, StoredReleases};
use crate::observe::release_state::StateChanges;
use crate::usecase::{CommandError, ErrorKind, Scope};
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, RwLock};
use std::time::{Duration, Instant};
use tokio::task::{JoinError, JoinSet};

/// A release is compared when its objects have not moved for so long.
const REST: Duration = Duration::from_secs(2);
/// What moves all the time is compared after so long.
const LONGEST_REST: Duration = Duration::from_secs(10);
/// A comparison that failed is tried again after so long.
const RETRY: Duration = Duration::from_secs(5);
/// Open findings of one release that are held: the rest is counted.
const FINDINGS_PER_RELEASE: usize = 1000;
/// How often what is known is given to sinks that ask for it, and what is overdue is looked for.
const TICK: Duration = Duration::from_secs(5);
/// For how long watches that were asked for are waited for, before a release is compared all the same.
const SYNC: Duration = Duration::from_secs(30);
/// What several releases are found to need is asked for at once after so long.
const GATHER: Duration = Duration::from_millis(300);

/// A watch at work.
pub(super) struct Session {
    request: WatchRequest,
    scope: Scope,
    collections: Arc<RwLock<Collections>>,
    stored: Arc<StoredReleases>,
    served: Arc<ServedKinds>,
    feed: Feed,
    changes: StateChanges,
    ledger: Ledger,
    schedule: Schedule,
    dependents: Dependents,
    outlets: Outlets,
    releases: BTreeMap<ReleaseRef, Watched>,
    /// Releases whose stored state is to be read.
    to_look_at: BTreeSet<ReleaseRef>,
    looks: JoinSet<(ReleaseRef, Look)>,
    looking: BTreeSet<ReleaseRef>,
    /// Comparisons whose stored states were read.
    ready: VecDeque<Due>,
    checks: JoinSet<CheckResult>,
    /// Since when something is to be followed that is not.
    demand: Option<Instant>,
    /// Releases that are compared once all watches are read, and until when that is waited for.
    awaiting_sync: BTreeSet<ReleaseRef>,
    sync_until: Instant,
    /// Errors of the watch of stored states.
    state_errors: BTreeMap<WatchErrorKey, u64>,
    is_state_failing: bool,
    /// Whether all releases were listed once.
    has_listed: bool,
    /// Whether each of them was looked at once.
    has_begun: bool,
    /// Events that are not published yet.
    events: Vec<DriftEvent>,
    tick: Instant,
}

/// What is known of a watched release besides its findings.
#[derive(Default)]
struct Watched {
    /// As it is stored; none until that could be read.
    stored: Option<Stored>,
    /// Grows with each promotion and each end of one: a comparison of before says nothing any more.
    epoch: u64,
    /// Whether it waits for its first comparison.
    is_new: bool,
    /// Whether the next comparison is the first one after a promotion.
    is_after_promotion: bool,
    /// Whether something moved that pods may need to start.
    has_moved_references: bool,
    /// The promotion that runs.
    promoting: Option<Promoting>,
    /// A comparison that waits for the stored state to be read.
    due: Option<Due>,
    /// Findings that found no room, as they were told.
    unlisted: usize,
}

/// A promotion that runs.
struct Promoting {
    /// When it is looked at again.
    look_at: Instant,
    /// The versions of its journal and inventory, and since when they are these: of a lock that may not be read nothing else
    /// tells whether a run is at work.
    versions: Vec<String>,
    since: Instant,
}

impl Session {
    /// Starts the watches and the sinks.
    pub fn start(request: WatchRequest, scope: Scope, sinks: Vec<Box<dyn DriftSink>>) -> Self {
        let namespace = (!request.selection.all_namespaces).then_some(scope.home.as_str());
        let collections = Arc::<RwLock<Collections>>::default();
        let ledger = Ledger::new(LedgerOptions {
            resync: request.resync,
            findings_per_release: FINDINGS_PER_RELEASE,
        });
        let schedule = Schedule::new(ScheduleOptions {
            rest: REST,
            longest: LONGEST_REST,
            resync: request.resync,
            starts: (request.starts != StartDepth::Off).then_some(request.starts_every),
            retry: RETRY,
        });
        let started = DriftEvent::Started {
            cluster: scope.identity(),
            all_namespaces: request.selection.all_namespaces,
            resync_millis: u64::try_from(request.resync.as_millis()).unwrap_or(u64::MAX),
        };
        let nothing = Arc::new(DriftSnapshot {
            at: Timestamp::now(),
            cluster: scope.identity(),
            releases: BTreeMap::new(),
            watch_errors: BTreeMap::new(),
            watches: 0,
            failing_watches: 0,
            sink_failures: BTreeMap::new(),
            is_ready: false,
        });
        let now = Instant::now();
        Self {
            feed: Feed::new(scope.cluster.clone(), collections.clone(), content_mark),
            changes: StateChanges::follow(scope.cluster.clone(), namespace),
            outlets: Outlets::start(sinks, &nothing),
            request,
            scope,
            collections,
            stored: Arc::default(),
            served: Arc::default(),
            ledger,
            schedule,
            dependents: Dependents::default(),
            releases: BTreeMap::new(),
            to_look_at: BTreeSet::new(),
            looks: JoinSet::new(),
            looking: BTreeSet::new(),
            ready: VecDeque::new(),
            checks: JoinSet::new(),
            demand: None,
            awaiting_sync: BTreeSet::new(),
            sync_until: now,
            state_errors: BTreeMap::new(),
            is_state_failing: false,
            has_listed: false,
            has_begun: false,
            events: vec![started],
            tick: now,
        }
    }

    /// Works until it is interrupted, or nobody reads it any more: why, then.
    pub async fn run(&mut self, interrupted: impl Future<Output = ()>) -> Option<String> {
        let mut interrupted = std::pin::pin!(interrupted);
        loop {
            self.start_looks();
            self.apply_demand();
            self.start_checks();
            self.publish();

            let wake = tokio::time::Instant::from_std(self.next_wake());
            tokio::select! {
                biased;
                () = &mut interrupted => return None,
                () = self.outlets.changed() => {
                    if let Some(why) = self.outlets.ended() {
                        return Some(why);
                    }
                    self.take_sink_notes();
                }
                Some(looked) = self.looks.join_next() => {
                    if let Some((release, look)) = ended(looked) {
                        self.take_look(&release, look);
                    }
                }
                Some(checked) = self.checks.join_next() => {
                    if let Some(result) = ended(checked) {
                        self.take_check(result);
                    }
                }
                () = self.changes.changed() => self.take_state_changes(),
                () = self.feed.changed() => self.take_feed_news(),
                () = tokio::time::sleep_until(wake) => self.take_time(),
            }
        }
    }

    /// The last events, and how it ended.
    ///
    /// # Errors
    ///
    /// Where nobody reads the output any more.
    pub async fn finish(mut self, ended: Option<String>) -> Result<WatchEnd, CommandError> {
        if let Some(why) = ended {
            return Err(CommandError::new(ErrorKind::OutputClosed, why));
        }
        let standing = self.ledger.standing();
        let end = WatchEnd {
            message: closing_message(standing),
            drifted: standing.drifted,
            unknown: standing.unknown,
            not_checked: standing.unread_requirements + standing.unread_starts,
            exit_code: standing.exit_code(),
        };
        self.events.push(DriftEvent::Finished(end.clone()));
        self.publish();
        self.outlets.close().await;
        Ok(end)
    }

    /// When something is due that nothing else announces.
    fn next_wake(&self) -> Instant {
        let mut next = self.tick;
        next = next.min(self.schedule.next().unwrap_or(next));
        match self.demand {
            // The end of a look wakes as well.
            Some(since) if self.is_gathering() => next = next.min(since + SYNC),
            Some(since) => next = next.min(since + GATHER),
            None if self.awaiting_sync.is_empty() => {}
            None => next = next.min(self.sync_until),
        }
        let promoting = self.releases.values().filter_map(|one| one.promoting.as_ref());
        let next = promoting.map(|one| one.look_at).fold(next, Instant::min);
        if self.checks.len() < checks::AT_ONCE {
            next
        } else {
            // What is due waits for a comparison to end.
            next.max(Instant::now() + Duration::from_millis(100))
        }
    }

    /// What the time brings: overdue releases, promotions that are looked at again, and what is known for whoever asks.
    fn take_time(&mut self) {
        let now = Instant::now();
        self.look_at_promotions(now);
        self.take_synced(now);
        if now >= self.tick {
            self.tick = now + TICK;
            self.take_feed_news();
            let events = self.ledger.expire(now_millis());
            self.events.extend(events);
            let snapshot = self.snapshot();
            self.outlets.publish(Vec::new(), &snapshot);
        }
    }

    /// Whether stored states are being read, which may need more to be followed.
    fn is_gathering(&self) -> bool {
        !self.looks.is_empty() || !self.to_look_at.is_empty()
    }

    /// Gives what happened to the sinks.
    fn publish(&mut self) {
        if !self.events.is_empty() {
            let snapshot = self.snapshot();
            self.outlets.publish(std::mem::take(&mut self.events), &snapshot);
        }
    }

    fn snapshot(&mut self) -> Arc<DriftSnapshot> {
        self.has_begun |= self.has_listed && !self.is_gathering();
        let (watches, failing) = self.feed.count_watches();
        let mut watch_errors = self.feed.errors();
        watch_errors.extend(self.state_errors.clone());
        Arc::new(DriftSnapshot {
            at: Timestamp::now(),
            cluster: self.scope.identity(),
            releases: self.ledger.snapshot(),
            watch_errors,
            watches: watches + 1,
            failing_watches: failing + usize::from(self.is_state_failing),
            sink_failures: self.outlets.failures(),
            is_ready: self.has_begun && self.ledger.is_ready(),
        })
    }

    fn count_state_error(&mut self, error: &ApiError) {
        let key = self.state_error_key(error);
        *self.state_errors.entry(key).or_default() += 1;
    }
}

/// What it came to, and no more than was checked: what could not be is named.
fn closing_message(standing: Standing) -> String {
    let (drifted, unknown) = (standing.drifted, standing.unknown);
    let message = match (drifted, unknown) {
        (0, 0) => format!("{} in sync", counted(standing.releases, "release")),
        (_, 0) => format!("{} open", counted(drifted, "finding")),
        (_, _) => format!("{} open, {unknown} not verified", counted(drifted, "finding")),
    };
    let requirements = match standing.unread_requirements {
        0 => None,
        count => Some(counted(count, "requirement")),
    };
    let starts = match standing.unread_starts {
        0 => None,
        count => Some(format!("start of {}", counted(count, "workload"))),
    };
    let not_checked: Vec<String> = requirements.into_iter().chain(starts).collect();
    if not_checked.is_empty() {
        message
    } else {
        format!("{message} (not checked: {})", not_checked.join(", "))
    }
}

/// What a task gave. None is ever aborted; a panic of one is a fault of ours, and goes on here.
fn ended<T>(joined: Result<T, JoinError>) -> Option<T> {
    match joined {
        Ok(given) => Some(given),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(_) => None,
        },
    }
}

/// Now, to the millisecond: as events are written.
fn now_millis() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_claims_what_was_checked_and_names_what_was_not() {
        let standing = |drifted, unknown, unread_requirements, unread_starts| Standing {
            releases: 3,
            drifted,
            unknown,
            unread_requirements,
            unread_starts,
        };
        for (standing, message) in [
            (standing(0, 0, 0, 0), "3 releases in sync"),
            (
                standing(0, 0, 1, 0),
                "3 releases in sync (not checked: 1 requirement)",
            ),
            (
                standing(0, 0, 2, 1),
                "3 releases in sync (not checked: 2 requirements, start of 1 workload)",
            ),
            (
                standing(1, 0, 0, 2),
                "1 finding open (not checked: start of 2 workloads)",
            ),
            (
                standing(2, 1, 1, 0),
                "2 findings open, 1 not verified (not checked: 1 requirement)",
            ),
        ] {
            assert_eq!(closing_message(standing), message);
        }
    }
}
