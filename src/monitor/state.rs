//! What a monitor keeps between its calls. Its futures may be dropped at any moment, and go on from this.

use crate::model::ObjectId;
use crate::model::verdict::Health;
use crate::monitor::follow::{Follow, Update};
use crate::monitor::{MonitorContext, Watched};
use crate::rollout::ProgressDeadline;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Default)]
pub(super) struct MonitorState {
    pub follow: Option<Follow>,
    /// Everything that was followed to its end, with the fields that its step changed.
    pub seen: BTreeMap<ObjectId, Watched>,
    /// What was taken out of `follow` and not dealt with yet: a future that is dropped loses nothing.
    pub open: Option<Update>,
    pub noted: Noted,
    /// What waits for something outside of the release: followed once everything is applied.
    pub late: Vec<Watched>,
    /// Those of them that are not waited for any longer.
    pub no_longer_awaited: BTreeSet<ObjectId>,
}

/// What was noted, and need not be noted again.
#[derive(Default)]
pub(super) struct Noted {
    /// The deadline that was last noted of each object.
    deadlines: BTreeMap<ObjectId, String>,
    /// What became of each pod that was to be deleted, by uid.
    pub stuck_pods: BTreeMap<String, String>,
}

impl Noted {
    /// Adds the arithmetic of its deadline to a waiting verdict: once, and again where it changes.
    pub fn add_deadline(
        &mut self,
        verdict: Health,
        object: &ObjectId,
        deadline: Option<ProgressDeadline>,
    ) -> Health {
        let (Health::Progressing { done, total, message }, Some(deadline)) = (&verdict, deadline) else {
            return verdict;
        };

        let text = match deadline.capped {
            true => format!("times out after {deadline}"),
            false => format!(
                "times out after {} without progress{}",
                deadline.length(),
                deadline.arithmetic()
            ),
        };

        let last = self.deadlines.insert(object.clone(), text.clone());
        if last.as_ref() == Some(&text) {
            return verdict;
        }
        Health::progressing(*done, *total, format!("{message}; {text}"))
    }
}

/// What is judged at the moment, and what judging is bound by.
#[derive(Clone, Copy)]
pub(super) struct Turn<'a> {
    pub watched: &'a [Watched],
    pub context: &'a dyn MonitorContext,
}
