//! Which image a container runs: one rule for every command.
//!
//! What the kubelet reports decides, where it leads to the tested index, manifest or configuration. Of one image under
//! two indexes it may report the name of either (containerd goes by the order of their digests): then the pin of the
//! pod's spec counts, but only for a container that was started for it.
//!
//! [`Runs::Other`] fails a promotion, so that a pod which was changed in place and still runs its old
//! container is told apart from it: there the container is replaced some seconds later, without a new pod.

use super::digest::Sha256Digest;
use super::k8s::pod::{ContainerFacts, PodFacts};
use super::release::{PlatformDigests, RecordedImage};
use super::unknown::Unknown;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What registries hold under digests that no release records.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageTrees(BTreeMap<Sha256Digest, ImageTree>);

/// What a registry holds under a digest: nothing where it says that it has no such image; or why that is unknown.
pub type ImageTree = Result<Vec<PlatformDigests>, Unknown>;

impl ImageTrees {
    /// Adds what a registry holds under a digest, or that it did not say.
    pub fn insert(&mut self, digest: Sha256Digest, tree: ImageTree) {
        // What is unknown, too: a registry is asked once.
        self.0.insert(digest, tree);
    }

    /// Whether a registry was asked for it.
    pub fn knows(&self, digest: &Sha256Digest) -> bool {
        self.0.contains_key(digest)
    }

    /// Whether a registry said what it holds under a digest.
    pub fn tells(&self, digest: &Sha256Digest) -> bool {
        self.platforms(digest)
            .is_some_and(|platforms| !platforms.is_empty())
    }

    /// Why it is unknown what a registry holds under a digest; none where it was not asked, or said it.
    pub fn unknown(&self, digest: &Sha256Digest) -> Option<&Unknown> {
        self.0.get(digest)?.as_ref().err()
    }

    /// Whether a digest leads to nothing but an image: each of its platforms is one of the image's.
    pub fn leads_to(&self, digest: &Sha256Digest, image: &RecordedImage) -> bool {
        // All of them: an index with one more platform may have run that one.
        let is_its = |one: &PlatformDigests| image.is(&one.manifest) || image.is(&one.config);
        self.platforms(digest)
            .is_some_and(|all| !all.is_empty() && all.iter().all(is_its))
    }

    fn platforms(&self, digest: &Sha256Digest) -> Option<&Vec<PlatformDigests>> {
        self.0.get(digest)?.as_ref().ok()
    }
}

/// A container as it was before a change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RanBefore {
    /// Its id at the runtime; empty where it had none.
    pub container_id: String,
    /// As the pod's spec wrote it.
    pub image: String,
    /// As the node reported it.
    pub digest: Option<Sha256Digest>,
}

/// What is known beside the pod.
#[derive(Clone, Copy, Debug)]
pub struct ImageFacts<'a> {
    /// The release's images.
    pub tested: &'a [RecordedImage],
    /// What registries said.
    pub trees: &'a ImageTrees,
    /// Containers before the change, by `pod uid/container`; none where nothing is known of then.
    // By the pod's uid: its name may come again, as a StatefulSet's does.
    pub before: &'a BTreeMap<String, RanBefore>,
}

/// What a container runs, against one image of the release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runs {
    /// That image.
    Tested,
    /// Another one.
    Other,
    /// Another one, in a pod whose image was changed in place: the kubelet restarts it some seconds later.
    NotRestarted,
    /// No node has said.
    Unreported,
}

impl ImageFacts<'_> {
    /// What a container runs, where it should run `wanted`.
    pub fn runs(&self, pod: &PodFacts, container: &ContainerFacts, wanted: &RecordedImage) -> Runs {
        let Some(reported) = container.digest() else {
            return Runs::Unreported;
        };

        // What the node says leads to it: nothing else is asked.
        if wanted.is(&reported) || self.trees.leads_to(&reported, wanted) {
            return Runs::Tested;
        }

        // Else it may be another index of the same image, whose name the node has chosen.
        let is_pinned = container.pin().is_some_and(|pin| wanted.is(&pin));
        let counts = is_pinned && container.has_started() && self.is_started_for_its_pin(pod, container);
        if counts && !self.is_known_other(&reported, wanted) {
            return Runs::Tested;
        }

        // Only where it was changed in place may it become another one without a new pod.
        if counts || pod.is_never_changed() {
            Runs::Other
        } else {
            Runs::NotRestarted
        }
    }

    /// Whether nothing tells what a container runs: no registry says what the reported digest is; or its pin is the wanted
    /// one and was changed in place, and what the node reports is neither a known image nor one of which a registry tells.
    pub fn is_unresolved(&self, pod: &PodFacts, container: &ContainerFacts, wanted: &RecordedImage) -> bool {
        let runs = self.runs(pod, container, wanted);
        if runs != Runs::Tested && self.unknown(container).is_some() {
            return true;
        }

        let is_pinned = container.pin().is_some_and(|pin| wanted.is(&pin));
        let is_new =
            |reported: Sha256Digest| !self.trees.tells(&reported) && !self.is_known_other(&reported, wanted);
        // A digest that is known to be another image's is resolved.
        is_pinned && runs == Runs::NotRestarted && container.digest().is_some_and(is_new)
    }

    /// Why it is unknown what image the digest of a container is: its registry did not say. Of the release's own images it
    /// is known.
    pub fn unknown(&self, container: &ContainerFacts) -> Option<&Unknown> {
        let running = container.digest()?;
        let is_recorded = self.tested.iter().any(|one| one.is(&running));
        self.trees.unknown(&running).filter(|_| !is_recorded)
    }

    /// Whether a container is not the one that ran before the pod's image last changed.
    fn is_started_for_its_pin(&self, pod: &PodFacts, container: &ContainerFacts) -> bool {
        let before = self.before.get(&format!("{}/{}", pod.uid, container.name));
        // Another spec and another container: with the old id it is the old process, whatever the spec says.
        let is_new = |ran: &RanBefore| {
            ran.image != container.image
                && !ran.container_id.is_empty()
                && ran.container_id != container.container_id
        };

        pod.is_never_changed() || before.is_some_and(is_new)
    }

    /// Whether a digest is that of another image of the release, or of what ran before under another name.
    fn is_known_other(&self, digest: &Sha256Digest, wanted: &RecordedImage) -> bool {
        // Several references may have one digest: those are the same image.
        let is_another = |one: &RecordedImage| one.digest != wanted.digest && one.is(digest);
        let ran = |one: &RanBefore| {
            // The template's pin as well as the report: a node may have reported another name of it.
            let pin = one.image.rsplit_once('@').map(|(_, pin)| pin);
            // It ran the wanted image before: what it reported then speaks for it.
            let of_wanted = pin.is_some_and(|pin| pin == wanted.digest.to_string());
            let is_it = one.digest.as_ref() == Some(digest) || pin == Some(digest.to_string().as_str());
            !of_wanted && is_it
        };

        self.tested.iter().any(is_another) || self.before.values().any(ran)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Object;
    use crate::model::image::Platform;
    use serde_json::json;

    fn digest(text: &str) -> Sha256Digest {
        Sha256Digest::compute(text.as_bytes())
    }

    fn platform(name: &str) -> PlatformDigests {
        PlatformDigests {
            platform: Platform("linux/amd64".into()),
            manifest: digest(&format!("{name} manifest")),
            config: digest(&format!("{name} config")),
        }
    }

    fn image(name: &str) -> RecordedImage {
        RecordedImage {
            reference: format!("r.example/{name}:1"),
            digest: digest(name),
            origin: None,
            platforms: vec![platform(name)],
        }
    }

    /// A bare pod that is pinned to `pin` and reports `reported`, changed in place so many times.
    fn pod(pin: &str, reported: &str, changed: i64, container_id: &str) -> PodFacts {
        let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "p", "uid": "p", "generation": 1 + changed},
            "spec": {"containers": [{"name": "main", "image": format!("r.example/web@{}", digest(pin))}]},
            "status": {"containerStatuses": [{"name": "main", "containerID": container_id,
                "imageID": format!("r.example/web@{}", digest(reported)), "state": {"running": {}}}]}});
        PodFacts::reduce(&Object::new(pod).unwrap())
    }

    fn runs(pod: &PodFacts, trees: &ImageTrees, before: &[(&str, &str, &str)]) -> Runs {
        let before = before.iter().map(|(pin, reported, id)| {
            let image = format!("r.example/web@{}", digest(pin));
            (
                "p/main".to_owned(),
                RanBefore {
                    container_id: (*id).into(),
                    image,
                    digest: Some(digest(reported)),
                },
            )
        });

        let before = before.collect();
        let tested = [image("web"), image("other")];
        let facts = ImageFacts {
            tested: &tested,
            trees,
            before: &before,
        };

        facts.runs(pod, &pod.containers[0], &tested[0])
    }

    #[test]
    fn a_pin_counts_in_a_pod_that_was_never_changed_but_not_against_another_known_image() {
        let none = ImageTrees::default();
        for (reported, expected) in [
            ("web", Runs::Tested),
            ("web manifest", Runs::Tested),
            ("web config", Runs::Tested),
            ("unfamiliar", Runs::Tested),
            ("other", Runs::Other),
            ("other manifest", Runs::Other),
        ] {
            assert_eq!(
                runs(&pod("web", reported, 0, "c1"), &none, &[]),
                expected,
                "{reported}"
            );
        }

        assert_eq!(
            runs(&pod("web", "old", 0, "c1"), &none, &[("old", "old", "c0")]),
            Runs::Other
        );
        // The template before named it, though its node reported another name.
        assert_eq!(
            runs(&pod("web", "old", 0, "c1"), &none, &[("old", "alias", "c0")]),
            Runs::Other
        );
    }

    #[test]
    fn right_after_a_change_in_place_the_old_container_is_not_taken_for_the_new_one() {
        let none = ImageTrees::default();
        // The node still reports the old container.
        let before = [("old", "old", "c1")];

        assert_eq!(
            runs(&pod("web", "old", 1, "c1"), &none, &before),
            Runs::NotRestarted
        );
        // Nothing is known of the time before.
        assert_eq!(runs(&pod("web", "old", 1, "c1"), &none, &[]), Runs::NotRestarted);
        // Another image under the old container's id.
        assert_eq!(
            runs(&pod("web", "unfamiliar", 1, "c1"), &none, &before),
            Runs::NotRestarted
        );
        // Another id: it was started for the pin.
        assert_eq!(
            runs(&pod("web", "unfamiliar", 1, "c2"), &none, &before),
            Runs::Tested
        );
        assert_eq!(runs(&pod("web", "web", 1, "c2"), &none, &before), Runs::Tested);
    }

    #[test]
    fn another_index_of_the_same_platforms_is_the_tested_image_and_one_with_more_is_not() {
        let mut trees = ImageTrees::default();
        trees.insert(digest("old"), Ok(vec![platform("web")]));
        trees.insert(digest("more"), Ok(vec![platform("web"), platform("else")]));
        trees.insert(digest("gone"), Ok(Vec::new()));

        let before = |name| [(name, name, "c0")];

        assert_eq!(
            runs(&pod("web", "old", 0, "c1"), &trees, &before("old")),
            Runs::Tested
        );
        // An index with one more platform, and one that its registry has lost.
        for name in ["more", "gone"] {
            assert_eq!(
                runs(&pod("web", name, 0, "c1"), &trees, &before(name)),
                Runs::Other,
                "{name}"
            );
        }
    }
}
