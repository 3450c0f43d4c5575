//! Each world: silence before and beside it, the cause by its name after it, and the kubelet's own answer.

use super::Place;
use super::place::{WEB, image, web};
use super::worlds::{self, World};
use crate::harness::{Ran, until};
use crate::starting::causes;
use rstest::rstest;
use serde_json::json;
use std::path::PathBuf;
use std::time::Duration;

/// The longest that an answer may take.
const LONGEST: Duration = Duration::from_secs(15);

/// One world, with the version that runs and the next.
struct Played<'w> {
    world: &'w World,
    place: Place,
    running: PathBuf,
    next: PathBuf,
}

impl<'w> Played<'w> {
    /// Promotes the first version. The next needs nothing of what goes.
    fn start(world: &'w World) -> Self {
        let place = Place::new();
        (world.given)(&place);
        let first = web(&(world.image)(&place), |template| (world.needs)(&place, template));
        let second = web(&image("shop/web:1.1.0"), |template| {
            (world.instead)(&place, template);
        });
        let (running, next) = (place.record("1", &[first]), place.record("2", &[second]));
        place.promote(&running, &[]).exits(0);
        Self {
            world,
            place,
            running,
            next,
        }
    }

    /// `diff` and the preflight find nothing, and nothing is unknown.
    fn is_silent(&self, when: &str) {
        for depth in ["full", "reads"] {
            let depth = format!("--starts={depth}");
            let ran = self.place.diff(&self.running, &[&depth, "-o", "json"]);
            let view = ran.clone().json();
            // That a running pod has read another value before is another matter.
            let is_stale = view["stale"] != json!([]);
            let ran = ran.exits(i32::from(is_stale));
            for list in [
                "objects",
                "images",
                "wouldNotStart",
                "startUnknown",
                "requirements",
            ] {
                assert_eq!(view[list], json!([]), "{when}: {list}: {}", ran.stdout);
            }
        }
        let planned = self.place.promote(&self.next, &["--dry-run=server"]).exits(0);
        assert!(
            planned.stdout.contains("rollback: possible"),
            "{when}: {}",
            planned.stdout
        );
        assert!(
            !planned.stderr.contains("could not start again"),
            "{when}: {}",
            planned.stderr
        );
    }

    fn names_the_cause(&self, ran: &Ran, text: &str) {
        for word in (self.world.words)(&self.place) {
            assert!(text.contains(&word), "{word}: {}\n{text}", ran.command);
        }
    }

    /// `diff` names the workload with this cause and no other, and `--starts=off` does not look.
    fn diff_names_it(&self) -> Duration {
        let depth: &[&str] = if self.world.is_tried {
            &["--starts=full"]
        } else {
            &[]
        };
        let ran = self.place.diff(&self.running, depth).exits(1);
        self.names_the_cause(&ran, &ran.stdout);
        let took = ran.took;
        for depth in [depth, &["--starts=full"]] {
            let ran = self.place.diff(&self.running, &[depth, &["-o", "json"]].concat());
            let view = ran.exits(1).json();
            let found = causes(&view);
            let named = found
                .get(&format!("Deployment/{WEB}"))
                .unwrap_or_else(|| panic!("{view:#}"));
            let kinds: Vec<&str> = named.iter().filter_map(|cause| cause.split(' ').next()).collect();
            assert_eq!(kinds, [self.world.cause], "{view:#}");
        }
        let ran = self.place.diff(&self.running, &["--starts=off", "-o", "json"]);
        let view = ran.json();
        assert!(causes(&view).is_empty(), "{view:#}");
        took
    }

    /// The next version is refused for the way back alone, and nothing was written.
    fn promotion_is_refused(&self) -> Duration {
        let before = self.place.everything();
        let ran = self.place.promote(&self.next, &[]).exits(2);
        self.names_the_cause(&ran, &ran.stderr);
        let errors: Vec<&str> = ran
            .stderr
            .lines()
            .filter(|line| line.trim_start().starts_with("error ["))
            .collect();
        assert!(
            errors.len() == 1 && errors[0].contains("error [rollback]"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("nothing was changed"), "{}", ran.stderr);
        assert_eq!(self.place.everything(), before, "something was written");
        ran.took
    }

    /// One pod is deleted, and none comes in its place; the cluster says why in its own words.
    fn is_true(&self) {
        assert!(!self.place.comes_back(6), "a pod came back");
        let says = || self.place.witnesses().contains(self.world.witness);
        assert!(until(20, says), "{}", self.place.witnesses());
        assert_eq!(self.place.ready(), [""; 0], "a pod came back later");
    }

    /// What runs is broken now: the next version is the way out, and the missing way back is a note.
    fn next_is_the_way_out(&self) {
        let ran = self.place.promote(&self.next, &[]).exits(0);
        assert!(ran.stderr.contains("[rollback]"), "{}", ran.stderr);
        let ready = self.place.ready();
        assert_eq!(ready.len(), 1, "{}", self.place.witnesses());
        let ran = self.place.diff(&self.next, &["--starts=full", "-o", "json"]);
        let view = ran.exits(0).json();
        assert!(causes(&view).is_empty(), "{view:#}");
    }
}

#[rstest]
#[case::a_key_was_removed(worlds::key_removed())]
#[case::a_secret_was_renamed(worlds::secret_renamed())]
#[case::an_image_left_its_registry(worlds::image_gone())]
#[case::a_quota_was_cut(worlds::quota_cut())]
#[case::pod_security_was_tightened(worlds::pod_security_tightened())]
#[case::a_claim_is_being_deleted(worlds::claim_going())]
#[case::a_service_account_was_deleted(worlds::service_account_deleted())]
#[case::a_priority_class_was_deleted(worlds::priority_class_deleted())]
#[case::a_runtime_class_was_deleted(worlds::runtime_class_deleted())]
#[case::a_node_lost_its_label(worlds::node_label_removed())]
#[case::a_policy_came_later(worlds::policy_came_later())]
fn what_could_not_start_again_is_said_before_anything_moves_and_the_kubelet_agrees(#[case] world: World) {
    let played = Played::start(&world);
    played.is_silent("at first");
    (world.harmless)(&played.place);
    played.is_silent("beside it");
    assert!(played.place.comes_back(20), "{}", played.place.witnesses());

    let pods = played.place.ready();
    (world.harm)(&played.place);
    assert_eq!(played.place.ready(), pods, "the pods run on");
    let diff = played.diff_names_it();
    let refused = played.promotion_is_refused();
    println!(
        "{}: diff {diff:.1?}, promotion refused after {refused:.1?}",
        world.cause
    );
    assert!(diff.max(refused) < LONGEST, "{diff:?}, {refused:?}");
    played.is_true();
    played.next_is_the_way_out();
}

#[test]
fn an_image_that_only_its_registry_lost_comes_back_on_the_node_that_has_it() {
    let world = worlds::image_gone();
    let played = Played::start(&world);
    let digest = worlds::running_digest(&played.place);
    let place = &played.place;
    place
        .images
        .crane(&["delete", &format!("{}@{digest}", place.images.0)]);
    place.images.crane(&["delete", &place.images.tag("1")]);
    let ran = place.diff(&played.running, &["--starts=full"]).exits(1);
    assert!(
        ran.stdout.contains("a node without it could not pull it"),
        "{}",
        ran.stdout
    );
    assert!(place.comes_back(20), "{}", place.witnesses());
    worlds::remove_from_node(&digest);
    assert!(!place.comes_back(6), "a pod came back");
}
