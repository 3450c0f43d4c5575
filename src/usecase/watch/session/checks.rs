//! Comparisons: which are due, each as a task of its own, and what came of it.

use super::{RETRY, Session, now_millis};
use crate::cluster::{ApiError, Cluster};
use crate::drift::{Checked, Due, Stir};
use crate::model::drift::DriftEvent;
use crate::model::k8s::known_kind::KnownKind;
use crate::model::moves::ReleaseRef;
use crate::model::names::{inventory, journal};
use crate::model::phrase::counted;
use crate::model::start::StartDepth;
use crate::model::{Object, Target};
use crate::observe::held::{HeldCluster, ReadRecorder, Reads};
use crate::report::clean;
use crate::usecase::diff::{DiffOutcome, DiffRequest, DiffSource, LoadedSource, diff};
use crate::usecase::inputs::open_environment;
use crate::usecase::watch::findings::compared;
use crate::usecase::watch::looking::{Stored, sentence};
use crate::usecase::{CommandError, ErrorKind, Scope};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Releases that are compared at the same time: each is parsed as a whole.
pub(super) const AT_ONCE: usize = 2;
/// A comparison that takes longer has failed.
const LONGEST: Duration = Duration::from_secs(300);

/// What came of a comparison.
pub(super) struct CheckResult {
    release: ReleaseRef,
    epoch: u64,
    /// Whether it looked at all that the release depends on.
    is_whole: bool,
    /// How much was looked at of whether everything would start.
    starts: StartDepth,
    /// None where the release was written to meanwhile.
    checked: Option<Checked>,
    reads: Reads,
}

/// One comparison.
struct Check {
    release: ReleaseRef,
    stored: Stored,
    request: DiffRequest,
    /// Where stored states are read.
    cluster: Arc<dyn Cluster>,
    /// Where objects are read.
    recorder: Arc<ReadRecorder>,
}

impl Session {
    /// Compares what is due. Stored states are read first where the period is over.
    pub(super) fn start_checks(&mut self) {
        while self.checks.len() < AT_ONCE {
            let now = Instant::now();
            if let Some(due) = self.ready.pop_front() {
                self.start_check(due);
                continue;
            }
            let Some(due) = self.schedule.take_due(now) else {
                return;
            };
            let Some(watched) = self.releases.get_mut(&due.release) else {
                self.schedule.remove(&due.release);
                continue;
            };
            if due.is_resync || watched.stored.is_none() {
                self.to_look_at.insert(due.release.clone());
                watched.due = Some(due);
                self.start_looks();
            } else {
                self.start_check(due);
            }
        }
    }

    /// Compares a release as it is stored.
    fn start_check(&mut self, due: Due) {
        let Due {
            release,
            is_resync,
            has_starts,
        } = due;
        let has_open_starts = self.ledger.has_starts(&release);
        let starts = self.request.starts;
        let Some(watched) = self.releases.get_mut(&release) else {
            return;
        };
        let Some(stored) = watched.stored.clone() else {
            return self.schedule.done(&release, true, Instant::now());
        };

        let has_moved_references = std::mem::take(&mut watched.has_moved_references);
        let depth = match starts {
            StartDepth::Off => StartDepth::Off,
            _ if has_starts => starts,
            // Only what reads tell: what needs more is looked at in its own period.
            _ if has_moved_references || has_open_starts => StartDepth::Reads,
            _ => StartDepth::Off,
        };
        let epoch = watched.epoch;
        let is_whole = is_resync && (has_starts || starts == StartDepth::Off);

        // One whose period is over, or that has failed before, verifies the served kinds as well.
        let served_age = if is_resync { RETRY } else { self.request.resync };
        let check = self.new_check(release.clone(), stored, (depth, served_age));
        self.checks.spawn(async move {
            let recorder = check.recorder.clone();
            let checked = tokio::time::timeout(LONGEST, check.run()).await;
            let checked = checked.unwrap_or_else(|_| {
                let why = "the comparison did not end in time".to_owned();
                let is_refused = false;
                Some(Checked::Failed { why, is_refused })
            });
            CheckResult {
                release,
                epoch,
                is_whole,
                starts: depth,
                checked,
                reads: recorder.take_reads(),
            }
        });
    }

    fn new_check(
        &self,
        release: ReleaseRef,
        stored: Stored,
        (starts, served_age): (StartDepth, Duration),
    ) -> Check {
        let cluster = self.scope.cluster.clone();
        let held = HeldCluster::with_collections(
            cluster.clone(),
            self.feed.reach().clone(),
            self.collections.clone(),
        )
        .with_served(self.served.clone(), served_age);
        let recorder = ReadRecorder::new(Arc::new(held), self.stored.clone());
        let request = DiffRequest {
            source: DiffSource::Promoted(Some(release.name.clone())),
            environment: None,
            manifests: Vec::new(),
            mode: self.request.mode,
            since: None,
            starts,
            waived: Vec::new(),
            access: self.request.access.clone(),
            registries: self.request.registries.clone(),
        };
        Check {
            release,
            stored,
            request,
            cluster,
            recorder: Arc::new(recorder),
        }
    }

    /// Takes what came of a comparison.
    pub(super) fn take_check(&mut self, result: CheckResult) {
        let CheckResult {
            release,
            epoch,
            is_whole,
            starts,
            checked,
            reads,
        } = result;
        let now = Instant::now();
        let Some(watched) = self.releases.get_mut(&release) else {
            return;
        };
        let has_failed = matches!(checked, Some(Checked::Failed { .. }));
        self.schedule.done(&release, has_failed, now);
        // What was not found out this time is still to be.
        if has_failed || checked.is_none() {
            watched.has_moved_references |= starts != StartDepth::Off;
        }
        // A promotion has begun or ended since: it was a comparison with what is no longer promoted.
        if watched.epoch != epoch {
            return self.schedule.stir(&release, Stir::Content, now);
        }
        let Some(mut checked) = checked else {
            self.to_look_at.insert(release.clone());
            return self.schedule.stir(&release, Stir::Content, now);
        };

        if let Checked::Compared(compared) = &mut checked {
            compared.is_after_promotion = std::mem::take(&mut watched.is_after_promotion);
        }
        let events = self.ledger.take(&release, checked, now_millis());
        self.events.extend(events);
        self.tell_unlisted(&release);

        let has_grown = if is_whole && !has_failed {
            self.dependents.replace(&release, reads)
        } else {
            self.dependents.extend(&release, reads)
        };
        // What was read of the server itself may have moved before its watch begins.
        if has_grown {
            self.demand.get_or_insert(now);
            self.await_sync(&release);
        }
    }

    /// Says once that not all findings of a release are listed.
    fn tell_unlisted(&mut self, release: &ReleaseRef) {
        let unlisted = self.ledger.unlisted(release);
        let Some(watched) = self.releases.get_mut(release) else {
            return;
        };
        if unlisted > 0 && watched.unlisted == 0 {
            self.events.push(DriftEvent::Note {
                release: Some(release.clone()),
                message: format!("{} more are not listed", counted(unlisted, "finding")),
            });
        }
        watched.unlisted = unlisted;
    }
}

impl Check {
    /// Compares; none where what is stored of the release was written meanwhile.
    async fn run(self) -> Option<Checked> {
        let compared = self.compare().await;
        // A promotion that began during the comparison has changed objects that it has read.
        match self.is_still_stored().await {
            Ok(true) => {}
            Ok(false) => return None,
            Err(error) => {
                let why = format!("it is unknown whether it is still promoted: {error}");
                return Some(Checked::Failed {
                    why: clean(&why).into_owned(),
                    is_refused: error.is_forbidden(),
                });
            }
        }
        Some(compared.unwrap_or_else(|error| Checked::Failed {
            why: sentence(&error),
            is_refused: error.kind == ErrorKind::Refused,
        }))
    }

    async fn compare(&self) -> Result<Checked, CommandError> {
        let environment = Box::new(open_environment(None)?);
        let state = Box::new(self.stored.state.as_ref().clone());
        let scope = Scope {
            cluster: self.recorder.clone(),
            home: self.release.namespace.clone(),
        };
        let outcome = diff(&self.request, LoadedSource::Stored(environment, state), &scope).await?;
        match outcome {
            DiffOutcome::Differences(differences) => {
                let promoted = self.stored.promoted.clone();
                Ok(Checked::Compared(compared(
                    &differences,
                    promoted,
                    self.request.starts,
                )))
            }
            DiffOutcome::Recent(_) => Err(CommandError::usage("recent changes are no differences")),
        }
    }

    /// Whether inventory and journal are those that were compared by.
    async fn is_still_stored(&self) -> Result<bool, ApiError> {
        let ReleaseRef { namespace, name } = &self.release;
        let maps = KnownKind::ConfigMap.resource();
        let target = |name: String| Target::new(&maps, Some(namespace), &name);
        let targets = [target(inventory(name)), target(journal(name))];
        let reads = targets.iter().map(|target| self.cluster.get_metadata(target));
        let read = futures::future::try_join_all(reads).await?;

        let versions = read
            .iter()
            .map(|read| read.as_ref().map_or("", Object::resource_version));
        Ok(versions.eq(self.stored.versions()))
    }
}
