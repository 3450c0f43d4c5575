//! What is known of a run: one row an object, and how long each phase took.
//!
//! Both renderers read it. It only takes what events say, in their order, and never asks anybody.

use crate::model::event::{Event, Phase};
use crate::model::verdict::Health;
use crate::model::{ObjectId, StepVerb};
use std::collections::HashMap;
use std::time::Duration;

/// What a run has done so far, as its events tell.
#[derive(Clone, Debug, Default)]
pub struct Board {
    // Rows keep the order in which objects came; the index finds one among thousands.
    rows: Vec<Row>,
    index: HashMap<ObjectId, usize>,
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
}

/// How far an object is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum RowState {
    Planned,
    Sent,
    Applied,
    Waiting { done: u32, total: u32, why: String },
    Ready,
    Unknown(String),
    Failed(String),
}

impl RowState {
    fn from_verdict(verdict: &Health) -> Self {
        match verdict {
            Health::Waiting { done, total, why } => Self::Waiting {
                done: *done,
                total: *total,
                why: why.clone(),
            },
            Health::Done { .. } => Self::Ready,
            Health::Unknown { why } => Self::Unknown(why.clone()),
            Health::Failed { cause } => Self::Failed(cause.message.clone()),
        }
    }
}

impl Board {
    /// Takes what happened `at` this time after the run's start.
    pub fn apply_event(&mut self, event: &Event, at: Duration) {
        match event {
            Event::PhaseStarted { phase } => self.phase = Some(*phase),
            Event::PhaseEnded { phase, millis } => {
                self.phases.push((*phase, *millis));
                // Between two phases nothing is being done to objects: the tree goes.
                self.phase = None;
            }
            Event::Planned { steps, .. } => {
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
                    // Of an undo, too: what could not be put back stays visible as a failure.
                    RowState::Failed(result.clone())
                };
                self.set(object, None, state, at);
            }
            Event::Rollout { object, verdict } => self.set(object, None, RowState::from_verdict(verdict), at),
            Event::Failed {
                object: Some(object),
                cause,
                ..
            } => {
                self.set(object, None, RowState::Failed(cause.message.clone()), at);
            }
            // About the run, or beside the course of an object.
            Event::Failed { object: None, .. }
            | Event::Preflight { .. }
            | Event::Verification { .. }
            | Event::Note { .. }
            | Event::Finished { .. } => {}
        }
    }

    pub(super) fn rows(&self) -> &[Row] {
        &self.rows
    }

    pub(super) fn row(&self, id: &ObjectId) -> Option<&Row> {
        self.index.get(id).map(|at| &self.rows[*at])
    }

    fn set(&mut self, id: &ObjectId, action: Option<StepVerb>, state: RowState, at: Duration) {
        // A revert announces no plan: its objects come with their first step.
        let index = *self.index.entry(id.clone()).or_insert_with(|| {
            let row = Row {
                id: id.clone(),
                action: None,
                state: RowState::Planned,
                since: at,
            };
            self.rows.push(row);
            self.rows.len() - 1
        });

        let row = &mut self.rows[index];
        row.action = action.or(row.action);

        // A wait stays one wait while its reason and its numbers change: its time goes on.
        let is_same_kind = std::mem::discriminant(&row.state) == std::mem::discriminant(&state);
        if !is_same_kind {
            row.since = at;
        }

        row.state = state;
    }
}
