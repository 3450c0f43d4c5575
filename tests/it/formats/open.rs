//! What an earlier version left where it was killed, in `tests/fixtures/formats/v1/open`: whole ConfigMaps, Secrets and
//! Leases, and the objects of the application as they were at that moment.
//!
//! They are read here, all of them: the seal, the head, the steps with their pre-images, and whether the objects are as the
//! steps say. To be resumed they would need a cluster that gives objects the uids of then; `make old-journals` makes them
//! anew, in a cluster, for that.

use super::{Written, folder, read_from};
use kubectl_delivery::testing::model::journal::{
    JournalPhase, Parts, StepPart, StepProgress, StepState, UndoState,
};
use kubectl_delivery::testing::model::plan::Action;
use kubectl_delivery::testing::model::seal::Integrity;
use kubectl_delivery::testing::model::{Object, ObjectId, StepId};
use serde_json::Value;
use std::collections::BTreeMap;

/// Fails where something of it is not read as it was meant; how far its journal was.
pub fn is_understood(name: &str, objects: Vec<Object>) -> JournalPhase {
    let written = Written {
        objects,
        plan: Value::Null,
    };
    assert_eq!(written.integrity(), Integrity::Sealed, "{name}");
    assert!(!written.inventory().history.is_empty(), "{name}");

    let head = written.head();
    let journal = &head.current;
    // The parts of one that is prepared are being written, those of a closed one may be gone.
    if !journal.is_open() || journal.phase == JournalPhase::Preparing {
        return journal.phase;
    }

    let bundles: Vec<Parts> = journal
        .parts
        .iter()
        .map(|bundle| written.bundle(bundle))
        .collect();
    let plan = bundles.iter().find_map(|parts| parts.promotion.as_ref()).unwrap();
    assert_eq!(plan.plan.id, journal.id, "{name}");
    let parts = bundles.iter().flat_map(|parts| &parts.steps);
    let parts: BTreeMap<StepId, &StepPart> = parts.map(|part| (part.step.id, part)).collect();
    assert_eq!(parts.len(), journal.steps.len(), "{name}");
    for progress in &journal.steps {
        let part = parts
            .get(&progress.id)
            .unwrap_or_else(|| panic!("{name}: no part of {}", progress.target));
        assert_eq!(part.step.target, progress.target, "{name}");
        // Of one that is undone, another place says how far that is.
        if progress.undo == UndoState::Pending && journal.phase != JournalPhase::Reverting {
            is_as_the_step_says(name, &written, part, progress);
        }
    }
    journal.phase
}

fn is_as_the_step_says(name: &str, written: &Written, part: &StepPart, progress: &StepProgress) {
    let id: ObjectId = progress.target.id();
    let live = written.objects.iter().find(|object| object.id() == id);
    let before = part.before.as_ref().map(Object::uid);
    let now = live.map(Object::uid);
    let what = format!("{name}: {} {:?}", progress.target, progress.state);
    match (&progress.state, &part.step.action) {
        (StepState::Pending, Action::Create { .. }) => assert_eq!(now, None, "{what}"),
        (StepState::Pending, _) => assert_eq!(now, before, "{what}"),
        (StepState::Done { .. }, Action::Delete { .. }) => assert_eq!(now, None, "{what}"),
        (StepState::Done { .. }, Action::Apply { .. }) => assert_eq!(now, before, "{what}"),
        (StepState::Done { uid, .. }, _) => {
            assert_eq!(now, uid.as_ref().map(|uid| uid.as_str()), "{what}");
        }
        // Whether it arrived is what the next run has to find out.
        (StepState::Intended | StepState::NotDone { .. }, _) => {}
    }
}

#[test]
fn what_an_earlier_version_left_where_it_was_killed_is_read() {
    let files = std::fs::read_dir(folder().join("open")).unwrap();
    let mut names: Vec<String> = files
        .map(|file| file.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 12, "{names:?}");

    let phases: Vec<JournalPhase> = names
        .iter()
        .map(|name| is_understood(name, read_from(&folder().join("open").join(name))))
        .collect();
    for phase in [
        JournalPhase::Preparing,
        JournalPhase::Applying,
        JournalPhase::Committed,
        JournalPhase::Reverting,
    ] {
        assert!(phases.contains(&phase), "none is {phase:?}: {phases:?}");
    }
}
