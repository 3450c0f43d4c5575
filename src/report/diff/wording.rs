//! The sentences that several formats show, made for one of them.
//!
//! Everything that comes from outside (names, paths, values, field managers, messages) goes through the format's
//! `quote`; all else is text of this file, which is no markup in any format.

use super::group::{ObjectGroup, RequirementGroup};
use super::pods::{ImageView, StaleView};
use super::rules::{Reason, RuleView};
use super::view::{ChangeView, ObjectView, UntestedView, View};
use crate::model::finding::{ChangeKind, FieldManager, ImageState, ManagerClass, RunningImage};
use crate::model::phrase::{ago, counted_kind, list_first, utc};
use crate::model::{ClusterIdentity, ObjectId};
use jiff::Timestamp;
use serde_json::Value;

/// Names in a sentence; the rest is counted.
const NAMED: usize = 10;

/// How a format shows what its sentences name.
#[derive(Clone, Copy)]
pub(super) struct Wording {
    /// A text from outside.
    pub quote: fn(&str) -> String,
    /// Where ages are counted from; none where times are absolute, on a page that is kept.
    pub now: Option<Timestamp>,
}

/// As it is: for formats whose texts are never markup.
pub(super) fn unquoted(text: &str) -> String {
    text.to_owned()
}

impl Wording {
    /// A phrase that may hold text from outside: quoted as a whole, unless it is nothing but words.
    pub fn phrase(self, text: &str) -> String {
        let is_word = |word: &str| {
            let word = word.trim_end_matches([',', ';', ':']);
            let is_commit = word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
            !is_commit && !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic())
        };

        if text.split(' ').all(is_word) {
            text.to_owned()
        } else {
            (self.quote)(text)
        }
    }

    fn time(self, time: Timestamp) -> String {
        match self.now {
            Some(now) => ago(time, now),
            None => format!("at {}", utc(time)),
        }
    }

    pub fn list<T: ToString>(self, items: &[T]) -> String {
        let quoted = items.iter().map(|item| (self.quote)(&item.to_string()));
        list_first(quoted, NAMED, ", ")
    }

    /// Who wrote a field, as in `changed manually by kubectl-edit, 3m ago`.
    pub fn changed_by(self, verb: &str, manager: &FieldManager) -> String {
        let name = (self.quote)(&manager.manager);
        let by = match manager.class {
            ManagerClass::Manual => format!("{verb} manually by {name}"),
            class => format!("{verb} by {name} ({})", class_name(class)),
        };

        let through = match &*manager.subresource {
            "" => String::new(),
            subresource => format!(" through {}", (self.quote)(subresource)),
        };
        let comma = if self.now.is_some() { "," } else { "" };
        let time = manager.time.map(|time| format!("{comma} {}", self.time(time)));
        format!("{by}{through}{}", time.unwrap_or_default())
    }

    /// What follows the path of a drifted field.
    pub fn change(self, change: &ChangeView) -> String {
        let by = |verb| {
            let manager = change.owner.as_ref();
            manager.map(|manager| self.changed_by(verb, manager))
        };
        let and_by = |what: &str, verb| match by(verb) {
            Some(by) => format!("{what}; {by}"),
            None => what.to_owned(),
        };

        match change.kind {
            // A picture with one side could be read either way: words say what becomes of the field.
            ChangeKind::Changed if change.desired.is_none() => and_by("would be removed", "set"),
            ChangeKind::Changed if change.live.is_none() => and_by("not set", "changed"),
            ChangeKind::Changed => by("changed").unwrap_or_default(),
            ChangeKind::Added => by("added").unwrap_or_else(|| "added".into()),
            ChangeKind::AddedOriginUnknown => "added, origin unknown".into(),
        }
    }

    /// Why a difference is expected.
    pub fn expected(self, reason: &Reason) -> String {
        let owner = reason.owner.as_deref();
        let owner = owner.map(|owner| format!(" ({})", (self.quote)(owner)));
        format!(
            "expected: {}{}",
            (self.quote)(&reason.reason),
            owner.unwrap_or_default()
        )
    }

    /// The title of an object, or of a group of them.
    pub fn title(self, group: &ObjectGroup) -> String {
        let object = &group.object;
        let what = match group.ids.as_slice() {
            [id] => (self.quote)(&id.to_string()),
            ids => self.count(ids.len(), &object.id.kind),
        };
        let status = status_words(object)
            .map(|status| format!(" {status}"))
            .unwrap_or_default();
        let message = object.message.as_deref();
        let message = message.map(|message| format!(": {}", self.phrase(message)));

        match group.only_change() {
            Some(change) if group.ids.len() > 1 => format!("{} in {what}", self.value_change(change)),
            _ => format!("{what}{status}{}", message.unwrap_or_default()),
        }
    }

    /// `/data/LEVEL trace → info`.
    fn value_change(self, change: &ChangeView) -> String {
        let side = |value: Option<&Value>| match value {
            None => "not set".to_owned(),
            Some(Value::String(text)) => (self.quote)(text),
            Some(value) => (self.quote)(&value.to_string()),
        };
        format!(
            "{} {} → {}",
            (self.quote)(&change.path),
            side(change.live.as_ref()),
            side(change.desired.as_ref())
        )
    }

    fn count(self, count: usize, kind: &str) -> String {
        if kind.chars().all(|c| c.is_ascii_alphabetic()) {
            counted_kind(count, kind)
        } else {
            format!("{count} objects of kind {}", (self.quote)(kind))
        }
    }

    /// What was found of a container's image.
    pub fn image(self, image: &ImageView) -> String {
        if let Some(promoted) = &image.promoted {
            let name = (self.quote)(&format!("{} {}", promoted.name, promoted.version));
            return format!("{name} is running (revision {})", promoted.revision);
        }
        if let Some(cause) = &image.cause {
            return format!("unknown: {}", self.phrase(cause));
        }

        let text = match image.state {
            ImageState::Match => "pods of the old revision are still running",
            ImageState::TagMoved => "tag moved",
            ImageState::OtherImage => "different image",
            ImageState::Mixed => "replicas run different digests",
            ImageState::UnexpectedContainer => "unexpected container",
            // The two unknowns need different things: a registry, or some time.
            ImageState::Unknown if image.is_reported() => {
                "unknown: changed in place, and no registry knows the reported digest"
            }
            ImageState::Unknown => "unknown: not every pod reports a digest yet",
        };
        text.to_owned()
    }

    /// The image of the release.
    pub fn tested(self, image: &ImageView) -> String {
        let Some(digest) = &image.tested else {
            return "not in the release".to_owned();
        };
        let reference = (self.quote)(&image.reference);
        format!("the release has {reference} at {}", (self.quote)(digest))
    }

    /// A digest that runs, and the pods that run it.
    pub fn running(self, running: &RunningImage) -> String {
        let digest = running.digest.as_ref();
        let digest = digest.map_or_else(
            || "no digest yet".to_owned(),
            |one| (self.quote)(&one.to_string()),
        );
        let old = if running.old_revision {
            " (old revision)"
        } else {
            ""
        };
        format!("{digest} in {}{old}", self.list(&running.pods))
    }

    /// What belongs to no object, a sentence each.
    pub fn remarks(self, view: &View) -> Vec<String> {
        let stale = view.stale.iter().map(|stale| self.stale(stale));
        let starts = self.start_remarks(view);
        let requirements = RequirementGroup::list(&view.requirements);
        let requirements = requirements.iter().map(|group| self.requirement(group));
        let rules = view.rules.iter().map(|rule| self.rule(rule));
        let notes = view
            .notes
            .iter()
            .map(|note| format!("note: {}", self.phrase(note)));

        let findings = stale.chain(requirements).chain(rules);
        findings.chain(starts).chain(notes).collect()
    }

    /// What of starts is unknown, and what may be in their way.
    fn start_remarks(self, view: &View) -> Vec<String> {
        let unknown = view.start_unknown.iter().map(|unknown| {
            format!(
                "note: start of {} not checked against {}: {}",
                self.list(&unknown.workloads),
                self.phrase(&unknown.what),
                self.phrase(&unknown.cause)
            )
        });
        let notes = view.start_notes.iter().map(|note| {
            let workload = (self.quote)(&note.workload.to_string());
            format!("note: start of {workload}: {}", self.phrase(&note.message))
        });
        unknown.chain(notes).collect()
    }

    /// What changed, when, and which pods started before it.
    pub fn stale(self, stale: &StaleView) -> String {
        format!(
            "{}: stale configuration: {} changed {}, after {} started",
            (self.quote)(&stale.workload.to_string()),
            (self.quote)(&stale.source.to_string()),
            self.time(stale.changed_at),
            self.list(&stale.pods)
        )
    }

    fn requirement(self, group: &RequirementGroup<'_>) -> String {
        let message = self.phrase(group.message);
        let by = match group.used_by.as_slice() {
            [] => "the release".to_owned(),
            ids => self.list(ids),
        };

        match group.objects.as_slice() {
            [object] => format!("{}: {message} (used by {by})", (self.quote)(&object.to_string())),
            objects => {
                let names: Vec<String> = objects.iter().map(|object| place(object)).collect();
                let count = self.count(objects.len(), group.kind);
                format!("{count} ({}): {message} (used by {by})", self.list(&names))
            }
        }
    }

    fn rule(self, rule: &RuleView) -> String {
        // Users count rules from one; the JSON has the index.
        format!(
            "rule {} ({}) {}",
            rule.rule + 1,
            (self.quote)(&rule.reason),
            self.phrase(&rule.message)
        )
    }
}

/// What a kept page says of itself: names and values, which are texts from outside, in the order in which they are shown.
pub(super) fn facts(view: &View) -> Vec<(&'static str, String)> {
    let release = view.release.as_ref();
    let namespace = Some(&view.namespace).filter(|namespace| !namespace.is_empty());

    let facts = [
        (
            "release",
            release.map(|one| format!("{} {}", one.name, one.version)),
        ),
        ("digest", release.map(|one| one.digest.to_string())),
        ("compared with", view.helm.as_ref().map(ToString::to_string)),
        ("cluster", view.cluster.as_ref().map(ClusterIdentity::cluster)),
        ("namespace", namespace.cloned()),
        ("compared at", Some(utc(view.compared_at))),
    ];
    let known = facts.into_iter().filter_map(|(name, value)| Some((name, value?)));
    known.collect()
}

/// What follows the path of a field that differs from what was tested.
pub(super) fn untested(change: &UntestedView) -> &'static str {
    match (&change.tested, &change.desired) {
        (None, _) => "untested difference: not in the release",
        (_, None) => "untested difference: only in the release",
        _ => "untested difference",
    }
}

/// An object among others of its kind: `shop/web`.
pub(super) fn place(id: &ObjectId) -> String {
    match &id.namespace {
        Some(namespace) => format!("{namespace}/{}", id.name),
        None => id.name.clone(),
    }
}

/// The class of a field manager.
pub(super) fn class_name(class: ManagerClass) -> &'static str {
    match class {
        ManagerClass::Ours => "this tool",
        ManagerClass::Manual => "manually",
        ManagerClass::Controller => "a controller",
        ManagerClass::Autoscaler => "an autoscaler",
        ManagerClass::OtherTool => "another tool",
        // No entry of managedFields names it, as with what admission injects.
        ManagerClass::Unknown => "origin unknown",
    }
}

/// The status of an object in words; none where it is in sync, which it can be with an untested difference.
pub(super) fn status_words(object: &ObjectView) -> Option<String> {
    (object.status != "same").then(|| object.status.replace('-', " "))
}
