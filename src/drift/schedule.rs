//! Which release is compared next, and when: some time after its objects came to rest, and each period once all the same.
//!
//! What never comes to rest is compared before it does. Pods come and go for as long as a rollout takes: they wait on their
//! own, so that they do not delay what is said of the objects. While a promotion runs nothing is compared.

use crate::model::moves::ReleaseRef;
use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::{Duration, Instant};

/// How long things wait.
#[derive(Clone, Copy, Debug)]
pub struct ScheduleOptions {
    /// How long nothing must move before a release is compared.
    pub rest: Duration,
    /// After how long it is compared though something moves.
    pub longest: Duration,
    /// How often every release is compared.
    pub resync: Duration,
    /// How often it is looked at whether everything would start again; none for never.
    pub starts: Option<Duration>,
    /// How long after a comparison that failed the next one is made; twice as long each time, up to `resync`.
    pub retry: Duration,
}

/// What moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stir {
    /// An object that is compared.
    Content,
    /// Pods of one.
    Pods,
}

/// A release that is to be compared now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Due {
    /// The release.
    pub release: ReleaseRef,
    /// Whether its period is over: what is stored of it is read again, too.
    pub is_resync: bool,
    /// Whether it is looked at again in full whether everything would start.
    pub has_starts: bool,
}

/// All releases.
#[derive(Debug)]
pub struct Schedule {
    options: ScheduleOptions,
    releases: BTreeMap<ReleaseRef, Slot>,
}

#[derive(Debug)]
struct Slot {
    content: Option<Moving>,
    pods: Option<Moving>,
    resync: Instant,
    starts: Option<Instant>,
    retry: Option<Instant>,
    /// Comparisons that failed in a row.
    failures: u32,
    /// Whether its first period was cut to a part of it.
    has_phase: bool,
    is_paused: bool,
    is_running: bool,
}

/// Something that moves.
#[derive(Clone, Copy, Debug)]
struct Moving {
    first: Instant,
    last: Instant,
}

impl Schedule {
    /// Without any release.
    pub fn new(options: ScheduleOptions) -> Self {
        Self {
            options,
            releases: BTreeMap::new(),
        }
    }

    /// A release is compared at once, and then in periods that begin at another time for each.
    pub fn add(&mut self, release: ReleaseRef, now: Instant) {
        let slot = Slot {
            content: None,
            pods: None,
            resync: now,
            starts: self.options.starts.map(|_| now),
            retry: None,
            failures: 0,
            has_phase: false,
            is_paused: false,
            is_running: false,
        };
        self.releases.entry(release).or_insert(slot);
    }

    /// Whether it is compared.
    pub fn contains(&self, release: &ReleaseRef) -> bool {
        self.releases.contains_key(release)
    }

    /// It is watched no longer.
    pub fn remove(&mut self, release: &ReleaseRef) {
        self.releases.remove(release);
    }

    /// Something of a release moved.
    pub fn stir(&mut self, release: &ReleaseRef, stir: Stir, now: Instant) {
        if let Some(slot) = self.releases.get_mut(release) {
            let moving = match stir {
                Stir::Content => &mut slot.content,
                Stir::Pods => &mut slot.pods,
            };
            let first = moving.map_or(now, |moving| moving.first);
            *moving = Some(Moving { first, last: now });
        }
    }

    /// A promotion runs: nothing is compared until it has ended.
    pub fn pause(&mut self, release: &ReleaseRef) {
        if let Some(slot) = self.releases.get_mut(release) {
            slot.is_paused = true;
        }
    }

    /// It has ended: the release is read and compared as if it were new, once its objects rest.
    pub fn resume(&mut self, release: &ReleaseRef, now: Instant) {
        if let Some(slot) = self.releases.get_mut(release) {
            slot.is_paused = false;
            slot.resync = now + self.options.rest;
            slot.starts = slot.starts.map(|_| now + self.options.rest);
        }
    }

    /// The release that has been due for longest. It runs from now on, until [`Schedule::done`].
    pub fn take_due(&mut self, now: Instant) -> Option<Due> {
        let options = self.options;
        let due = self.releases.iter_mut().filter_map(|(release, slot)| {
            let at = slot.due(options)?;
            (at <= now).then_some((at, release, slot))
        });
        let (_, release, slot) = due.min_by_key(|(at, ..)| *at)?;

        let is_resync = slot.resync <= now || slot.retry.is_some();
        let has_starts = slot.starts.is_some_and(|at| at <= now);
        if is_resync {
            // The first period is a part of one: no two releases are compared at the same time for ever.
            let part = if slot.has_phase { 1.0 } else { phase(release) };
            slot.resync = now + options.resync.mul_f64(part);
            slot.has_phase = true;
        }
        if has_starts {
            slot.starts = options.starts.map(|every| now + every);
        }
        (slot.content, slot.pods, slot.retry) = (None, None, None);
        slot.is_running = true;
        Some(Due {
            release: release.clone(),
            is_resync,
            has_starts,
        })
    }

    /// A comparison has ended.
    pub fn done(&mut self, release: &ReleaseRef, has_failed: bool, now: Instant) {
        let Some(slot) = self.releases.get_mut(release) else {
            return;
        };
        slot.is_running = false;
        if has_failed {
            let wait = self.options.retry * 2_u32.saturating_pow(slot.failures.min(MOST_DOUBLINGS));
            slot.retry = Some(now + wait.min(self.options.resync));
            slot.failures += 1;
        } else {
            slot.failures = 0;
        }
    }

    /// When the next release is due; none where none is.
    pub fn next(&self) -> Option<Instant> {
        let slots = self.releases.values();
        slots.filter_map(|slot| slot.due(self.options)).min()
    }
}

/// How often the time until the next try is doubled at most.
const MOST_DOUBLINGS: u32 = 10;

impl Slot {
    /// When it is due; none while it runs or waits for a promotion.
    fn due(&self, options: ScheduleOptions) -> Option<Instant> {
        if self.is_running || self.is_paused {
            return None;
        }
        let moving = |moving: Option<Moving>| {
            let Moving { first, last } = moving?;
            Some((last + options.rest).min(first + options.longest))
        };
        let others = [moving(self.content), moving(self.pods), self.starts, self.retry];
        others.into_iter().flatten().chain([self.resync]).min()
    }
}

/// A part of a period, between a tenth and all of it, that is another one for each release.
fn phase(release: &ReleaseRef) -> f64 {
    let mut hasher = DefaultHasher::new();
    release.hash(&mut hasher);
    let thousandth = u32::try_from(hasher.finish() % 900).unwrap_or_default();
    (f64::from(thousandth) + 100.0) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn schedule() -> (Schedule, ReleaseRef, Instant) {
        let options = ScheduleOptions {
            rest: 2 * SECOND,
            longest: 10 * SECOND,
            resync: 600 * SECOND,
            starts: Some(3600 * SECOND),
            retry: 5 * SECOND,
        };
        let (mut schedule, now) = (Schedule::new(options), Instant::now());
        let release = ReleaseRef::new("shop", "web");
        schedule.add(release.clone(), now);
        let first = schedule.take_due(now).unwrap();
        assert!(
            first.is_resync && first.has_starts,
            "a new release is compared at once"
        );
        schedule.done(&release, false, now);
        (schedule, release, now)
    }

    /// In seconds from `now`.
    fn next(schedule: &Schedule, now: Instant) -> u64 {
        schedule.next().unwrap().duration_since(now).as_secs()
    }

    #[test]
    fn a_release_is_compared_once_its_objects_have_rested() {
        let (mut schedule, release, now) = schedule();
        schedule.stir(&release, Stir::Content, now + SECOND);
        schedule.stir(&release, Stir::Content, now + 2 * SECOND);
        assert_eq!(next(&schedule, now), 4);
        assert_eq!(schedule.take_due(now + 3 * SECOND), None);

        let due = schedule.take_due(now + 4 * SECOND).unwrap();
        assert!(!due.is_resync && !due.has_starts);
    }

    #[test]
    fn what_never_rests_is_compared_all_the_same() {
        let (mut schedule, release, now) = schedule();
        for second in 0..10 {
            schedule.stir(&release, Stir::Content, now + second * SECOND);
        }
        assert_eq!(next(&schedule, now), 10);
    }

    #[test]
    fn pods_that_come_and_go_do_not_delay_what_is_said_of_objects() {
        let (mut schedule, release, now) = schedule();
        schedule.stir(&release, Stir::Content, now);
        for second in 0..5 {
            schedule.stir(&release, Stir::Pods, now + second * SECOND);
        }
        assert_eq!(next(&schedule, now), 2);
    }

    #[test]
    fn what_moves_during_a_comparison_is_compared_after_it() {
        let (mut schedule, release, now) = schedule();
        schedule.stir(&release, Stir::Content, now);
        schedule.take_due(now + 2 * SECOND).unwrap();
        schedule.stir(&release, Stir::Content, now + 3 * SECOND);
        assert_eq!(schedule.next(), None, "it runs");

        schedule.done(&release, false, now + 4 * SECOND);
        assert_eq!(next(&schedule, now), 5);
    }

    #[test]
    fn nothing_is_compared_while_a_promotion_runs_and_all_of_it_after_that() {
        let (mut schedule, release, now) = schedule();
        schedule.stir(&release, Stir::Content, now);
        schedule.pause(&release);
        assert_eq!(schedule.next(), None);

        schedule.resume(&release, now + 60 * SECOND);
        let due = schedule.take_due(now + 62 * SECOND).unwrap();
        assert!(due.is_resync && due.has_starts);
    }

    #[test]
    fn a_comparison_that_fails_is_tried_again_later_each_time_and_within_a_period() {
        let (mut schedule, release, mut now) = schedule();
        schedule.stir(&release, Stir::Content, now);
        let mut waits = Vec::new();
        for _ in 0..12 {
            now = schedule.next().unwrap();
            schedule.take_due(now).unwrap();
            schedule.done(&release, true, now);
            waits.push(next(&schedule, now));
        }
        assert_eq!(waits[..4], [5, 10, 20, 40]);
        assert!(waits.iter().all(|wait| *wait <= 600), "{waits:?}");
    }

    #[test]
    fn every_release_is_compared_each_period_and_not_all_at_the_same_time() {
        let (mut schedule, _, now) = schedule();
        for number in 0..100 {
            schedule.add(ReleaseRef::new("shop", &format!("r{number}")), now);
        }
        while let Some(due) = schedule.take_due(now) {
            schedule.done(&due.release, false, now);
        }

        let mut in_first_half = 0;
        for second in 1..=600 {
            while let Some(due) = schedule.take_due(now + second * SECOND) {
                in_first_half += usize::from(second <= 300);
                schedule.done(&due.release, false, now + second * SECOND);
            }
        }
        assert!((20..80).contains(&in_first_half), "{in_first_half} of 101");
    }
}
