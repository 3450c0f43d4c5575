//! A world around the machine: it answers effects as the loop does, in an order and with results that numbers choose.
//!
//! What is written last is remembered, as the cluster would: a later run starts from that. Where the numbers
//! end everything succeeds, so that each run has to come to its end.

use super::*;
use crate::model::StepId;
use crate::model::moves::{Move, ReleaseRef};
use crate::model::plan::OnFailure;
use std::collections::VecDeque;

/// A promotion as it is drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// The kind of each step, wave by wave.
    pub waves: Vec<Vec<Kind>>,
    /// How many are deleted after the commit, wave by wave.
    pub prunes: Vec<u8>,
    pub moves: u8,
    pub has_soak: bool,
    pub stops_on_failure: bool,
    pub has_previous: bool,
    /// Whether each step deletes what was there, and nothing is deleted after the commit.
    pub is_deletion: bool,
    pub choices: Vec<u16>,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    Create,
    Apply,
    Hook,
    Irreversible,
    Namespace,
    Delete,
}

impl Drawn {
    pub(super) fn machine(&self) -> Machine {
        let mut steps = BTreeMap::new();
        for (wave, kinds) in (0..).zip(&self.waves) {
            for kind in kinds {
                let id = u32::try_from(steps.len()).unwrap();
                let kind = if self.is_deletion { &Kind::Delete } else { kind };
                steps.extend([kind.part(id, wave)]);
            }
        }
        let mut prunes = BTreeSet::new();
        for (wave, count) in (0..).zip(&self.prunes).filter(|_| !self.is_deletion) {
            for _ in 0..*count {
                let id = u32::try_from(steps.len()).unwrap();
                let name = format!("o{id}");
                let before = Some(map(&name, "u0"));
                steps.extend([part(id, wave, ("ConfigMap", &name), delete(), before)]);
                prunes.insert(StepId::new(id));
            }
        }

        let mut machine = machine_of(steps, prunes);
        if self.is_deletion {
            machine = as_deletion(machine);
        }
        let mut bodies = (*machine.bodies).clone();
        let plan = &mut bodies.promotion.plan;
        if !self.is_deletion {
            plan.moves = (0..self.moves).map(moved).collect();
        }
        plan.settings.soak_seconds = u32::from(self.has_soak);
        if self.stops_on_failure {
            plan.settings.on_failure = OnFailure::Stop;
        }
        machine.bodies = Arc::new(bodies);

        machine.head.current.parts.push(PartBundle {
            namespace: "elsewhere".into(),
            ..bundle("outside")
        });
        machine.head.previous = self.has_previous.then(|| Previous {
            bundle: Some(bundle("last")),
            parts: vec![bundle("older")],
            journal: None,
        });
        machine
    }
}

fn moved(number: u8) -> Move {
    Move {
        from: ReleaseRef::new("shop", &format!("other{number}")),
        members_before: Vec::new(),
        objects: Vec::new(),
    }
}

impl Kind {
    fn part(self, id: u32, wave: u32) -> (StepId, StepPart) {
        let name = format!("o{id}");
        let job =
            json!({"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name, "namespace": "shop"}});
        let run = Action::Create {
            object: Object::new(job).unwrap(),
        };

        match self {
            Kind::Create => part(id, wave, ("ConfigMap", &name), create(&name), None),
            Kind::Apply => part(
                id,
                wave,
                ("ConfigMap", &name),
                apply(&name),
                Some(map(&name, "u0")),
            ),
            Kind::Hook => part(id, wave, ("Job", &name), run, None),
            Kind::Irreversible => {
                let (id, mut part) = part(id, wave, ("Job", &name), run, None);
                part.step.undo = Undo::Impossible { why: "it ran".into() };
                (id, part)
            }
            Kind::Delete => part(id, wave, ("ConfigMap", &name), delete(), Some(map(&name, "u0"))),
            Kind::Namespace => part(id, wave, ("Namespace", "shop"), create("shop"), None),
        }
    }
}

/// One run after another over the same journal.
#[derive(Clone)]
pub(super) struct World {
    pub machine: Machine,
    pub in_flight: Vec<Effect>,
    /// How the run at hand ended.
    pub ended: Option<(RunReport, bool)>,
    pub reached: BTreeSet<&'static str>,
    /// As the cluster has it.
    stored: (Head, Inventory),
    choices: VecDeque<u16>,
}

impl World {
    pub(super) fn new(drawn: &Drawn) -> Self {
        let machine = drawn.machine();
        let mut world = Self {
            stored: (machine.head.clone(), machine.inventory.clone()),
            machine,
            in_flight: Vec::new(),
            ended: None,
            reached: BTreeSet::new(),
            choices: drawn.choices.iter().copied().collect(),
        };
        world.feed(Input::Begin);
        world
    }

    /// What is chosen next: 0 where nothing is left to choose, which everywhere means that all goes well.
    fn choose(&mut self) -> u16 {
        self.choices.pop_front().unwrap_or(0)
    }

    pub(super) fn feed(&mut self, input: Input) {
        self.reached.insert(self.machine.stage.name());
        let effects = self.machine.next(input, now());
        self.reached.insert(self.machine.stage.name());

        self.ended = Machine::is_over(&effects);
        for effect in effects {
            match effect {
                Effect::Emit(_) | Effect::Finish(..) => {}
                Effect::StopWatching => self.in_flight.clear(),
                effect => {
                    self.machine.head.current.serial += u64::from(effect == Effect::WriteHead);
                    self.in_flight.push(effect);
                }
            }
        }
    }

    /// One input that the loop can give.
    pub(super) fn step(&mut self) {
        match self.choose() % 60 {
            59 => return self.feed(Input::CannotContinue("no answer".into())),
            57 | 58 => return self.feed(Input::Interrupted(Interrupt::Revert)),
            56 => return self.feed(Input::Interrupted(Interrupt::Leave)),
            // Where its sender is gone.
            55 => return self.feed(Input::Interrupted(Interrupt::None)),
            _ => {}
        }

        let at = usize::from(self.choose()) % self.in_flight.len();
        let effect = self.in_flight.swap_remove(at);
        let choice = self.choose();
        let input = self.answer(&effect, choice);
        self.feed(input);
    }

    fn answer(&mut self, effect: &Effect, choice: u16) -> Input {
        match effect {
            _ if choice % 50 == 49 => Input::CannotContinue("no answer".into()),
            Effect::WriteSources(Moving::Announced) if choice % 4 == 3 => Input::NotWritten("no".into()),
            _ if is_write(effect) && choice % 30 == 29 => Input::NotWritten("no".into()),
            effect if is_write(effect) => {
                match effect {
                    Effect::WriteHead => self.stored.0 = self.machine.head.clone(),
                    Effect::WriteInventory => self.stored.1 = self.machine.inventory.clone(),
                    _ => {}
                }
                Input::Written
            }
            Effect::Send(id) => Input::Answered(*id, outcome(choice)),
            Effect::Follow(steps) | Effect::Soak(steps) | Effect::FollowRestored(steps) => match choice % 8 {
                6 => Input::Judged(Err(failure())),
                7 => Input::Absent(steps.iter().copied().take(1).collect()),
                _ => ready(),
            },
            Effect::Prove if choice % 6 == 5 => Input::Judged(Err(failure())),
            Effect::Prove => verified(),
            Effect::Undo(id) => undo(*id, choice),
            Effect::RereadDeleted | Effect::RereadReverted if choice % 3 == 2 => {
                Input::Reread(vec![Remain {
                    object: ObjectId::new("", "ConfigMap", Some("shop"), "o0"),
                    message: "stays".into(),
                    hint: None,
                }])
            }
            Effect::RereadDeleted | Effect::RereadReverted => reread(),
            Effect::DeleteHome if choice % 3 == 2 => Input::HomeLeft(Err("held".into())),
            Effect::DeleteHome => Input::HomeLeft(Ok(())),
            other => unreachable!("{other:?} is not answered"),
        }
    }

    /// A later run, from what the cluster has; none where nothing is left to do.
    pub(super) fn take_up(&mut self) -> bool {
        let (head, inventory) = self.stored.clone();
        let journal = &head.current;
        let direction = match self.choose() % 3 {
            1 if journal.is_open() => Direction::Promote,
            2 if journal.is_open() || journal.is_committed() => Direction::RollBack,
            _ => return false,
        };
        if journal.serial == 0 {
            return false;
        }

        self.machine = Machine {
            head,
            inventory,
            direction,
            stage: Stage::Start,
            wanted: Interrupt::None,
            unpruned: Vec::new(),
            not_ready: None,
            remains: Vec::new(),
            ..self.machine.clone()
        };
        self.in_flight.clear();
        self.feed(Input::Begin);
        true
    }
}

pub(super) fn is_write(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::WriteHead
            | Effect::WriteParts
            | Effect::WriteInventory
            | Effect::WriteSources(_)
            | Effect::Forget(_)
    )
}

fn outcome(choice: u16) -> StepOutcome {
    match choice % 12 {
        8 => StepOutcome::Conflict("another client".into()),
        9 => StepOutcome::Partly(CauseKind::Refused, "half of it".into()),
        10 => StepOutcome::Otherwise(Box::new(map("x", "u")), "a field was dropped".into()),
        11 => StepOutcome::Unknown(crate::monitor::StopReason::LockLost),
        _ => done("x"),
    }
}

fn undo(id: StepId, choice: u16) -> Input {
    match choice % 8 {
        7 => Input::Undone(
            id,
            UndoState::Left {
                why: "refused".into(),
                by_hand: Vec::new(),
            },
        ),
        _ => undone(id.get()),
    }
}
