//! The earlier program is killed while it rolls a failed promotion back.

use super::application::Application;
use super::by_earlier;
use crate::execute::app::workload;
use crate::execute::small_app::objects;
use crate::harness::{Act, Run};
use serde_json::Value;

/// Version 2 with a Deployment that never starts.
fn broken() -> Vec<Value> {
    let mut objects = objects(2);
    for object in objects.iter_mut().filter(|object| object["kind"] == "Deployment") {
        *object = workload("Deployment", "web", '3', Some("crash-loop"));
    }
    objects
}

#[test]
fn a_rollback_of_an_earlier_version_killed_anywhere_is_finished() {
    let place = Application::new();
    let fails = || by_earlier(&place.app.promote("3", &broken()));
    place.proxy.run(&mut fails()).exits(3);
    place.must_be_old("rolled back by the earlier version");
    let writes = place.proxy.writes().len();

    let mut tried = 0;
    for (round, n) in (1..=writes).rev().step_by(5).take(10).enumerate() {
        let act = Act::kill_in_turn(n);
        place.proxy.forget();
        place.proxy.at_write(n, act);
        // One that was promoted before it failed is quarantined: each round is another release.
        let version = format!("4.{round}");
        let mut killed = by_earlier(&place.app.promote(&version, &broken()));
        if place.proxy.run(&mut killed).code.is_some() || place.phase() != "reverting" {
            place.app.revert().run();
            continue;
        }

        tried += 1;
        let when = format!("killed at write {n} of {writes} ({act:?}) while it was rolled back");
        if round % 2 == 0 {
            let ran = place.app.revert().run();
            assert!(
                matches!(ran.code, Some(0 | 3)),
                "{when}: {:?}\n{}",
                ran.code,
                ran.stderr
            );
        } else {
            // Its rollback is finished first.
            let mut resume = place.app.delivery();
            resume.args([
                "promote",
                "--resume",
                "app",
                "-y",
                "-n",
                place.app.namespace.name(),
            ]);
            resume.run().exits(3);
        }
        place.must_be_old(&when);
        place.is_ended(&when);
    }
    println!("{writes} writes, killed at {tried} of them while it was rolled back");
    assert!(tried >= 3, "{tried} of {writes} writes");
}
