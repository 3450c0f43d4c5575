//! What is known of the images that the pods of one object run.

use crate::model::k8s::pod::PodFacts;
use crate::model::release::RecordedImage;
use crate::model::verdict::Cause;
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the images that an object's pods run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Proof {
    /// Containers that run a tested image, by its reference.
    pub verified: BTreeMap<String, ImageTally>,
    /// Containers that run something else, or were added by nobody knows whom.
    pub wrong: Vec<Cause>,
    /// Pods that run something else, and that the object's controller may still replace.
    pub outdated: Vec<Cause>,
    /// What runs instead of an image, by its reference.
    pub replaced: BTreeMap<String, String>,
    /// Containers whose image no node has reported yet.
    pub unknown: Vec<String>,
    /// Containers of whose image its registry did not say whether it is a tested one, each with why.
    pub unresolved: Vec<String>,
    /// References, as nodes report them, that only a registry can tell from the tested ones.
    pub unfamiliar: Vec<String>,
    /// Why the pods themselves are not known.
    pub unread: Option<String>,
    /// What is not of the release and is allowed: what admission added and the environment expects, containers of an
    /// operator, and images that the preflight let through; one sentence each.
    pub expected: Vec<String>,
    /// What is waited for: pods that it wants and does not have.
    pub awaited: Option<String>,
    /// Why it should run no pod now.
    pub idle: Option<String>,
    /// Why what it runs stays unknown, with nothing to wait for.
    pub doubt: Option<String>,
}

/// The containers that run one image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageTally {
    /// How many.
    pub containers: u32,
    /// The UIDs of their pods.
    pub pods: BTreeSet<String>,
}

impl Proof {
    /// Whether nothing of it may still change for what was asked.
    pub fn is_settled(&self) -> bool {
        self.unknown.is_empty()
            && self.unresolved.is_empty()
            && self.outdated.is_empty()
            && self.unread.is_none()
            && self.awaited.is_none()
    }

    /// Lets go what nothing waits for: it stays unknown, for the reason why nothing waits for it.
    pub(super) fn drop_unknown(&mut self, not_waited: String) {
        self.unknown.clear();
        // What its registry did not say is the nearer reason.
        let unresolved = std::mem::take(&mut self.unresolved).into_iter().next();
        self.doubt = self.doubt.take().or(unresolved).or(Some(not_waited));
    }

    pub(super) fn add_verified(&mut self, image: &RecordedImage, pod: &PodFacts) {
        let tally = self.verified.entry(image.reference.clone()).or_default();
        tally.containers += 1;
        tally.pods.insert(pod.uid.clone());
    }

    /// Takes it that pods of the object may be in other namespaces, which nobody looks at.
    #[must_use]
    pub fn limited_to(mut self, namespaces: &str) -> Self {
        if let Some(why) = self.awaited.take() {
            let why = format!("{why} in namespaces {namespaces}; other namespaces not checked");
            self.doubt.get_or_insert(why);
        }
        self
    }
}
