//! What is known at the end of the images of a release: verified, wrong, not running, or unknown.
//!
//! One entry for each image of each object that names it; the summary counts images, as the release does, and
//! lies in events, in the history and in the last line. Nothing counts as verified that no pod was seen to run.

use super::identity::ObjectId;
use super::phrase::{counted, list_first, shorten};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Objects that a summary names for each state; the rest is counted.
const NAMED: usize = 3;

/// Characters of a summary: it lies in a history that has to fit into one object.
const SUMMARY: usize = 600;

/// One image of the release, as one of its objects names it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ImageVerification {
    /// The reference, as the release records it.
    pub reference: String,
    /// The object that names it; none where no object does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub object: Option<ObjectId>,
    /// What is known of it.
    #[serde(flatten)]
    pub state: VerificationState,
}

/// What is known of an image that an object names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "state", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum VerificationState {
    /// All of its containers run what was tested.
    Verified {
        /// How many containers.
        containers: u32,
        /// In how many pods.
        pods: u32,
    },
    /// A container runs something else.
    Wrong {
        /// Which one, and what.
        message: String,
    },
    /// No container of it should run now: what follows the object's name (`has not run yet`).
    NotRunning {
        /// Why.
        message: String,
    },
    /// It is not known what runs.
    Unknown {
        /// Why.
        message: String,
    },
}

/// The images of one object, and how many pods of it were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ObjectVerification {
    /// Its images.
    pub images: Vec<ImageVerification>,
    /// Pods in which one of them is verified.
    pub pods: u32,
}

/// How many images of a release were verified, and one sentence about the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default)]
pub struct VerificationSummary {
    /// Images of the release.
    pub images: u32,
    /// Of these, images that run, and are what was tested wherever they run.
    pub verified: u32,
    /// Pods that run them.
    pub pods: u32,
    /// Images instead of which something else runs.
    pub wrong: u32,
    /// Images that no container should run now.
    pub not_running: u32,
    /// Images of which it is not known.
    pub unknown: u32,
    /// One sentence: `11 of 12 images verified in 40 pods; 1 not running (CronJob shop/nightly has not run yet)`.
    pub message: String,
}

/// How an image stands over all objects that name it; the first that holds for one of them counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ImageStatus {
    Wrong,
    Unknown,
    Verified,
    NotRunning,
}

impl VerificationSummary {
    /// Of these objects' images; an image counts once, whatever names it. One that runs somewhere is verified though
    /// another object does not run it now.
    pub fn new(objects: &[ObjectVerification]) -> Self {
        let mut standings: BTreeMap<&str, ImageStatus> = BTreeMap::new();
        for one in objects.iter().flat_map(|object| &object.images) {
            let standing = match one.state {
                VerificationState::Verified { .. } => ImageStatus::Verified,
                VerificationState::NotRunning { .. } => ImageStatus::NotRunning,
                VerificationState::Wrong { .. } => ImageStatus::Wrong,
                VerificationState::Unknown { .. } => ImageStatus::Unknown,
            };
            let known = standings.entry(&one.reference).or_insert(standing);
            *known = standing.min(*known);
        }

        let count = |standing| standings.values().filter(|one| **one == standing).count();
        let (verified, not_running) = (count(ImageStatus::Verified), count(ImageStatus::NotRunning));
        let (wrong, unknown) = (count(ImageStatus::Wrong), count(ImageStatus::Unknown));
        let pods = objects.iter().map(|object| object.pods).sum();

        let mut parts = vec![format!("{verified} of {} images verified", standings.len())];
        if pods > 0 {
            parts[0] += " in ";
            parts[0] += &counted(pods as usize, "pod");
        }
        for (count, standing, words) in [
            (wrong, ImageStatus::Wrong, "wrong"),
            (not_running, ImageStatus::NotRunning, "not running"),
            (unknown, ImageStatus::Unknown, "unknown"),
        ] {
            if count > 0 {
                let causes = causes(objects, |reference| standings.get(reference) == Some(&standing));
                parts.push(format!("{count} {words} ({causes})"));
            }
        }

        Self {
            images: standings.len() as u32,
            verified: verified as u32,
            pods,
            wrong: wrong as u32,
            not_running: not_running as u32,
            unknown: unknown as u32,
            // A server's words may be long.
            message: shorten(parts.join("; "), SUMMARY),
        }
    }
}

/// Why the images that are meant do not count as verified, each cause once.
fn causes(objects: &[ObjectVerification], is_meant: impl Fn(&str) -> bool) -> String {
    let images = objects.iter().flat_map(|object| &object.images);
    let causes: BTreeSet<String> = images
        .filter(|one| is_meant(&one.reference))
        .filter_map(ImageVerification::cause)
        .collect();

    list_first(causes.iter(), NAMED, "; ")
}

impl ImageVerification {
    /// Changes what is said of it, where something is.
    pub fn change_message(&mut self, change: impl FnOnce(&str) -> String) {
        if let VerificationState::NotRunning { message }
        | VerificationState::Unknown { message }
        | VerificationState::Wrong { message } = &mut self.state
        {
            *message = change(message);
        }
    }

    /// Why it is not verified, with its object; none where it is.
    fn cause(&self) -> Option<String> {
        let (VerificationState::NotRunning { message }
        | VerificationState::Unknown { message }
        | VerificationState::Wrong { message }) = &self.state
        else {
            return None;
        };

        let is_clause = matches!(self.state, VerificationState::NotRunning { .. });
        Some(match &self.object {
            Some(object) if is_clause => format!("{object} {message}"),
            Some(object) => format!("{object}: {message}"),
            None => format!("{} {message}", self.reference),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(reference: &str, kind: &str, state: VerificationState) -> ImageVerification {
        ImageVerification {
            reference: reference.into(),
            object: Some(ObjectId::new("", kind, Some("shop"), &kind.to_lowercase())),
            state,
        }
    }

    fn object(pods: u32, images: Vec<ImageVerification>) -> ObjectVerification {
        ObjectVerification { images, pods }
    }

    fn verified(pods: u32) -> VerificationState {
        VerificationState::Verified {
            containers: pods,
            pods,
        }
    }

    fn not_running() -> VerificationState {
        VerificationState::NotRunning {
            message: "has not run yet".into(),
        }
    }

    fn unknown() -> VerificationState {
        VerificationState::Unknown {
            message: "its pods cannot be read".into(),
        }
    }

    #[test]
    fn the_sentence_counts_images_and_names_what_does_not_run() {
        let deployment = object(
            40,
            vec![
                image("web:1", "Web", verified(40)),
                image("init:1", "Web", verified(40)),
            ],
        );
        let cron = object(0, vec![image("nightly:1", "CronJob", not_running())]);
        let custom = object(0, vec![image("db:1", "Database", unknown())]);

        let summary = VerificationSummary::new(&[deployment, cron.clone(), custom]);
        assert_eq!(
            summary.message,
            "2 of 4 images verified in 40 pods; 1 not running (CronJob shop/cronjob has not run yet); \
             1 unknown (Database shop/database: its pods cannot be read)"
        );
        assert_eq!((summary.images, summary.verified, summary.pods), (4, 2, 40));
        assert_eq!((summary.not_running, summary.unknown), (1, 1));

        let only = VerificationSummary::new(&[cron]);
        assert_eq!(
            only.message,
            "0 of 1 images verified; 1 not running (CronJob shop/cronjob has not run yet)"
        );
    }

    #[test]
    fn an_image_counts_once_and_one_that_is_unknown_anywhere_is_not_verified() {
        let runs = object(1, vec![image("web:1", "Web", verified(1))]);
        let idle = object(0, vec![image("web:1", "CronJob", not_running())]);
        let both = VerificationSummary::new(&[idle, runs.clone()]);
        assert_eq!(both.message, "1 of 1 images verified in 1 pod");

        let unread = object(0, vec![image("web:1", "Database", unknown())]);
        let both = VerificationSummary::new(&[runs, unread]);
        assert_eq!(
            both.message,
            "0 of 1 images verified in 1 pod; 1 unknown (Database shop/database: its pods cannot be read)"
        );
    }

    #[test]
    fn a_sentence_names_three_causes_and_has_a_bound() {
        let cron = |n: usize| {
            object(
                0,
                vec![image(&format!("{n}:1"), &format!("Kind{n}"), not_running())],
            )
        };
        let all: Vec<_> = (0..5).map(cron).collect();
        let message = VerificationSummary::new(&all).message;
        assert!(
            message.ends_with("Kind2 shop/kind2 has not run yet; and 2 more)"),
            "{message}"
        );

        let long = VerificationState::Unknown {
            message: "x".repeat(5000),
        };
        let message = VerificationSummary::new(&[object(0, vec![image("a", "K", long)])]).message;
        assert_eq!(message.chars().count(), SUMMARY + 1);
    }
}
