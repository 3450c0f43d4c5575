//! What is known of a run: one row an object, and how long each phase took.
//!
//! All renderers read it, and each count that they show comes from its rows. It only takes what events say, in their order,
//! and never asks anybody.

use crate::model::event::{Event, Phase};
use crate::model::verdict::Health;
use crate::model::{ObjectId, StepVerb};
use std::collections::HashMap;
use std::time::Duration;

/// What a run has done so far, as its events tell. A plan and a rollback each begin anew: what they count is another thing.
#[derive(Clone, Debug, Default)]
pub struct Board {
    // Rows keep the order in which objects came; the index finds one among thousands.
    rows: Vec<Row>,
    index: HashMap<ObjectId, usize>,
    /// Whether the rows are those of a plan, and as many as there will be.
    is_planned: bool,
    /// The phase at hand.
    pub(super) phase: Option<Phase>,
    /// Finished phases, with their milliseconds.
    pub(super) phases: Vec<(Phase, u64)>,
}

/// One object.
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub id: ObjectId,
    /// What is done to it, as an event says; none where only its end is told.
    pub action: Option<StepVerb>,
    pub state: RowState,
    /// Since when it is in this state, from the run's start.
    pub since: Duration,
    /// Whether its step was done, whatever came of it later.
    is_done: bool,
    /// How long it took to be ready for the first time, where it was waited for.
    pub ready_after: Option<Duration>,
    /// Whether anybody waits for it to be ready.
    has_rollout: bool,
    was_ready: bool,
}

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowState {
    Planned,
    Sent,
    Applied,
    Waiting {
        done: u32,
        total: u32,
        why: String,
    },
    /// Ready, and to stay so until this time from the run's start.
    Settling {
        until: Duration,
    },
    Ready,
    Unknown(String),
    Failed(String),
}

/// How much is done. Each of them only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Objects of the run, as far as they are known.
    pub objects: usize,
    /// Objects whose step was done.
    pub done: usize,
    /// Objects that are waited for, or were.
    pub rollouts: usize,
    /// Objects of these that were ready once.
    pub ready: usize,
}

impl RowState {
    fn from_health(health: &Health, settle_millis: Option<u64>, at: Duration) -> Self {
        match (health, settle_millis) {
            (Health::Progressing { .. }, Some(millis)) => Self::Settling {
                until: at + Duration::from_millis(millis),
            },
            (Health::Progressing { done, total, message }, None) => Self::Waiting {
                done: *done,
                total: *total,
                why: message.clone(),
            },
            (Health::Ready { .. }, _) => Self::Ready,
            (Health::Unknown { message }, _) => Self::Unknown(message.clone()),
            (Health::Failed { cause }, _) => Self::Failed(cause.message.clone()),
        }
    }

    /// Whether it is waited for.
    pub(super) fn is_progressing(&self) -> bool {
        matches!(self, Self::Waiting { .. } | Self::Settling { .. })
    }

    fn is_of_rollout(&self) -> bool {
        matches!(self, Self::Ready | Self::Unknown(_)) || self.is_progressing()
    }

    /// Whether its time goes on as this becomes that: a wait stays one wait while its reason and its numbers change.
    fn is_same_kind(&self, other: &Self) -> bool {
        self.is_progressing() && other.is_progressing()
            || std::mem::discriminant(self) == std::mem::discriminant(other)
    }
}

impl Board {
    /// Takes what happened `at` this time after the run's start.
    pub fn apply_event(&mut self, event: &Event, at: Duration) {
        match event {
            Event::PhaseStarted { phase } => {
                if matches!(phase, Phase::Rollback | Phase::Revert) {
                    self.begin(false);
                }
                self.phase = Some(*phase);
            }
            Event::PhaseEnded { phase, millis } => {
                self.phases.push((*phase, *millis));
                // Between two phases nothing is being done to objects: the tree goes.
                self.phase = None;
            }
            Event::Planned { steps, .. } => {
                self.begin(true);
                for step in steps {
                    self.set(&step.object, Some(step.action), RowState::Planned, at);
                }
            }
            Event::StepStarted { object, action, .. } => self.set(object, Some(*action), RowState::Sent, at),
            Event::StepEnded {
                object, result, ok, ..
            } => {
                let state = if *ok {
                    RowState::Applied
                } else {
                    // Of an undo, too: what could not be restored stays visible as a failure.
                    RowState::Failed(result.clone())
                };
                self.set(object, None, state, at);
            }
            Event::Rollout {
                object,
                health,
                settle_millis,
            } => self.set(
                object,
                None,
                RowState::from_health(health, *settle_millis, at),
                at,
            ),
            Event::Failed {
                object: Some(object),
                cause,
                ..
            } => self.set(object, None, RowState::Failed(cause.message.clone()), at),
            // About the run, or beside the course of an object.
            Event::Failed { object: None, .. }
            | Event::Started { .. }
            | Event::RehearsalStarted { .. }
            | Event::RehearsalEnded(_)
            | Event::Heartbeat { .. }
            | Event::Preflight { .. }
            | Event::Verification { .. }
            | Event::Note { .. }
            | Event::Error { .. }
            | Event::Finished(_) => {}
        }
    }

    /// Whether a phase is under way.
    pub fn is_active(&self) -> bool {
        self.phase.is_some()
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, id: &ObjectId) -> Option<&Row> {
        self.index.get(id).map(|at| &self.rows[*at])
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            objects: self.rows.len(),
            done: self.rows.iter().filter(|row| row.is_done).count(),
            rollouts: self.rows.iter().filter(|row| row.has_rollout).count(),
            ready: self.rows.iter().filter(|row| row.was_ready).count(),
        }
    }

    /// How many objects there will be in all; none where no plan said so.
    pub(super) fn total(&self) -> Option<usize> {
        self.is_planned.then_some(self.rows.len())
    }

    /// Counts anew. The objects of a rollback come with their first step: no plan announces them.
    fn begin(&mut self, is_planned: bool) {
        self.rows.clear();
        self.index.clear();
        self.is_planned = is_planned;
    }

    fn set(&mut self, id: &ObjectId, action: Option<StepVerb>, state: RowState, at: Duration) {
        let index = *self.index.entry(id.clone()).or_insert_with(|| {
            let row = Row {
                id: id.clone(),
                action: None,
                state: RowState::Planned,
                since: at,
                is_done: false,
                ready_after: None,
                has_rollout: false,
                was_ready: false,
            };
            self.rows.push(row);
            self.rows.len() - 1
        });

        let row = &mut self.rows[index];
        row.action = action.or(row.action);
        // Once is for good: an object that is not ready again is shown among those that are waited for.
        row.is_done |= state == RowState::Applied;
        row.has_rollout |= state.is_of_rollout();
        if state == RowState::Ready && !row.was_ready {
            row.was_ready = true;
            row.ready_after = row.state.is_progressing().then(|| at.saturating_sub(row.since));
        }

        if !row.state.is_same_kind(&state) {
            row.since = at;
        }
        row.state = state;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::StepId;
    use proptest::prelude::*;

    fn id(name: &str) -> ObjectId {
        ObjectId::new("apps", "Deployment", Some("shop"), name)
    }

    fn ended(name: &str, ok: bool) -> Event {
        Event::StepEnded {
            step: StepId::new(0),
            object: id(name),
            result: "done".into(),
            ok,
        }
    }

    fn rollout(name: &str, health: Health, settle_millis: Option<u64>) -> Event {
        Event::Rollout {
            object: id(name),
            health,
            settle_millis,
        }
    }

    fn board(events: &[Event]) -> Board {
        let mut board = Board::default();
        for (second, event) in (0..).zip(events) {
            board.apply_event(event, Duration::from_secs(second));
        }
        board
    }

    #[test]
    fn an_object_that_is_applied_and_then_not_ready_stays_counted() {
        let ready = board(&[ended("web", true), rollout("web", Health::ready(), None)]);
        let counts = Counts {
            objects: 1,
            done: 1,
            rollouts: 1,
            ready: 1,
        };
        assert_eq!(ready.counts(), counts);

        let lost = board(&[
            ended("web", true),
            rollout("web", Health::ready(), None),
            rollout("web", Health::progressing(0, 1, "0 of 1 pods are ready"), None),
        ]);
        assert_eq!(lost.counts(), counts);
        assert!(lost.row(&id("web")).unwrap().state.is_progressing());
    }

    #[test]
    fn a_step_that_failed_is_not_done() {
        let counts = board(&[ended("web", false)]).counts();
        assert_eq!((counts.objects, counts.done), (1, 0));
    }

    #[test]
    fn a_wait_that_settles_is_one_wait_and_ends_at_its_time() {
        let board = board(&[
            ended("web", true),
            rollout("web", Health::progressing(0, 1, "0 of 1 pods are ready"), None),
            rollout("web", Health::progressing(1, 1, "1 of 1 pods ready"), Some(4000)),
        ]);
        let row = board.row(&id("web")).unwrap();
        let until = Duration::from_secs(6);
        assert_eq!(row.state, RowState::Settling { until });
        assert_eq!(row.since, Duration::from_secs(1));
    }

    #[test]
    fn a_rollback_counts_what_it_does_itself() {
        let board = board(&[
            ended("web", true),
            Event::PhaseStarted {
                phase: Phase::Rollback,
            },
            ended("api", true),
        ]);
        assert_eq!(
            board.counts(),
            Counts {
                objects: 1,
                done: 1,
                rollouts: 0,
                ready: 0
            }
        );
        assert_eq!(board.total(), None);
    }

    fn any_event() -> impl Strategy<Value = Event> {
        let name = prop_oneof!["web", "api", "db"];
        (name, 0..7_u8, any::<Option<u16>>()).prop_map(|(name, what, millis)| match what {
            0 => ended(&name, true),
            1 => ended(&name, false),
            2 => rollout(&name, Health::ready(), None),
            3 => rollout(&name, Health::progressing(0, 2, "waiting"), millis.map(u64::from)),
            4 => rollout(
                &name,
                Health::Unknown {
                    message: "unknown".into(),
                },
                None,
            ),
            5 => Event::PhaseStarted { phase: Phase::Soak },
            _ => Event::StepStarted {
                step: StepId::new(0),
                object: id(&name),
                action: StepVerb::Update,
            },
        })
    }

    proptest! {
        #[test]
        fn counts_only_grow(events in prop::collection::vec(any_event(), 0..40)) {
            let mut board = Board::default();
            for event in &events {
                let before = board.counts();
                board.apply_event(event, Duration::from_secs(1));
                let after = board.counts();
                prop_assert!(after.objects >= before.objects && after.done >= before.done && after.ready >= before.ready
                        && after.rollouts >= before.rollouts);
                prop_assert!(after.done <= after.objects && after.ready <= after.rollouts && after.rollouts <= after.objects);
            }
        }
    }
}
