//! The loop: performs what the state machine asks for, and tells it what has happened.
//!
//! Effects run side by side, inputs are taken one by one. Beside the answers a wish of a person and the loss
//! of the lock can come at any moment; with the end of the run whatever is still on its way is dropped.

use super::locks::Locks;
use super::machine::{Direction, Effect, Input, Machine, Now};
use super::perform::{Performer, StepInputs};
use super::sealing::SealAtHand;
use super::services::{Interrupt, RunReport, Services};
use super::steps::Steps;
use super::store::StateStore;
use super::writer::Writer;
use crate::model::StepId;
use crate::model::event::{Event, Phase};
use crate::model::inventory::Inventory;
use crate::model::journal::{Head, Journal, StepState};
use crate::model::moves::ReleaseRef;
use crate::monitor::StopReason;
use crate::observe::release_state::Stored;
use futures::FutureExt;
use futures::future::BoxFuture;
use futures::stream::{FuturesUnordered, StreamExt};
use std::collections::BTreeSet;
use std::sync::Arc;
use tokio::time::Instant;

/// What a run starts from.
pub(super) struct Start {
    pub head: Head,
    pub head_stored: Option<Stored<()>>,
    pub inventory: Inventory,
    pub inventory_stored: Option<Stored<()>>,
    pub direction: Direction,
    /// The seal that it writes on.
    pub seal: SealAtHand,
    pub inputs: StepInputs,
}

/// Runs to an end.
pub(super) async fn run(start: Start, lock: Arc<Locks>, services: &Services) -> RunReport {
    let bodies = start.inputs.bodies.clone();
    let journal = &start.head.current;
    let content = start.seal.key.content().clone();

    let release = ReleaseRef::new(&journal.namespace, &journal.release.name);
    let writer = Writer::new(release, &lock, services);
    let store = StateStore::new(writer, start.seal);
    let steps = Steps::new(&lock, services, content.clone());
    // Before this run intends anything itself.
    let in_doubt = steps_in_doubt(journal);

    let performer = Arc::new(Performer::new(
        services.clone(),
        store,
        steps,
        start.inputs,
        in_doubt,
        (start.head_stored, start.inventory_stored),
    ));

    let machine = Machine::new(
        (start.head, start.inventory),
        bodies,
        content,
        start.direction,
        services.keep_history,
    );

    let (report, release) = Loop {
        machine,
        performer,
        services,
        lock: &lock,
        phase: None,
    }
    .run()
    .await;

    if release {
        lock.release().await;
    }
    report
}

/// What stands as intended when a run begins: an earlier one may have sent it.
fn steps_in_doubt(journal: &Journal) -> BTreeSet<StepId> {
    let intended = journal
        .steps
        .iter()
        .filter(|step| step.state == StepState::Intended);
    intended.map(|step| step.id).collect()
}

struct Loop<'a> {
    machine: Machine,
    performer: Arc<Performer>,
    services: &'a Services,
    lock: &'a Locks,
    phase: Option<(Phase, Instant)>,
}

impl Loop<'_> {
    async fn run(mut self) -> (RunReport, bool) {
        let mut work: FuturesUnordered<BoxFuture<'static, Input>> = FuturesUnordered::new();
        let mut interrupt = self.services.interrupt.clone();

        let mut watching = true;
        let mut input = match *interrupt.borrow_and_update() {
            Interrupt::None => Input::Begin,
            // Wanted before it began: what it is then told first.
            wanted => {
                self.machine.wanted = wanted;
                Input::Begin
            }
        };

        loop {
            let effects = self.machine.next(input, (self.services.now)());
            self.tell_phase();
            if let Some(over) = Machine::is_over(&effects) {
                self.end_phase();
                return over;
            }
            self.start(effects, &mut work);
            // While rollouts are watched nothing else would tell that the lock is lost.
            input = tokio::select! {
                Some(input) = work.next() => input,
                changed = interrupt.changed(), if watching => {
                    // Where the sender is gone, nobody can want anything any more.
                    watching = changed.is_ok();
                    Input::Interrupted(*interrupt.borrow_and_update())
                }
                () = self.lock.lost() => Input::CannotContinue(StopReason::LockLost.message()),
            };
        }
    }

    fn start(&mut self, effects: Vec<Effect>, work: &mut FuturesUnordered<BoxFuture<'static, Input>>) {
        // By these a run knows its own write again when the answer was lost.
        if effects.contains(&Effect::WriteHead) {
            self.machine.head.current.serial += 1;
            self.machine.head.current.holder = self.lock.holder.clone();
        }
        // Ahead of the deletion: the Lease can be gone before that is answered.
        if effects.contains(&Effect::DeleteHome) {
            self.lock.may_go_with(&self.machine.head.current.namespace);
        }

        // One copy for all: a wave may have a thousand steps.
        let mut now: Option<Arc<Now>> = None;
        for effect in effects {
            match effect {
                Effect::Emit(event) => self.services.events.emit(event),
                // Nothing but judging is under way in these stages, and that may be dropped at any time.
                Effect::StopWatching => work.clear(),
                effect => {
                    let now = now
                        .get_or_insert_with(|| Arc::new(Now::from_machine(&self.machine)))
                        .clone();
                    let performer = self.performer.clone();
                    work.push(async move { performer.perform(effect, &now).await }.boxed());
                }
            }
        }
    }

    /// Says which phase begins and how long the one before took.
    fn tell_phase(&mut self) {
        let Some(phase) = self.machine.phase() else {
            return;
        };

        if self.phase.is_some_and(|(known, _)| known == phase) {
            return;
        }

        self.end_phase();
        self.services.events.emit(Event::PhaseStarted { phase });
        self.phase = Some((phase, Instant::now()));
    }

    fn end_phase(&mut self) {
        if let Some((phase, since)) = self.phase.take() {
            let millis = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            self.services.events.emit(Event::PhaseEnded { phase, millis });
        }
    }
}
