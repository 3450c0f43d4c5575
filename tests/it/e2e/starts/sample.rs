//! The kubelet's own answer to a sample of drawn workloads: those that are said not to start again do not, the others do.

use crate::harness::until;
use crate::proof::random::Random;
use crate::properties::starts::{Ground, Played};
use serde_json::Value;
use std::collections::BTreeSet;

/// The workloads that have a ready pod which is none of these.
fn back(played: &Played, old: &BTreeSet<String>) -> BTreeSet<String> {
    let listed: Value = serde_json::from_str(&played.ground.kubectl(&["get", "pods", "-o", "json"])).unwrap();
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        conditions
            .filter(|condition| condition["type"] == "Ready")
            .any(|condition| condition["status"] == "True")
    };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = listed["items"].as_array().unwrap().iter().filter(is_ready);
    pods.filter(|pod| !old.contains(&text(&pod["metadata"]["uid"])))
        .map(|pod| text(&pod["metadata"]["labels"]["app"]))
        .collect()
}

#[test]
fn of_thirty_drawn_workloads_exactly_those_that_are_not_named_come_back_when_their_pods_are_deleted() {
    let played = Played::start(Ground::real(), &mut Random::new(24), 15);
    played.harm();
    let faults = played.faults("full", true);
    assert!(faults.is_empty(), "{faults:#?}");

    let path = "jsonpath={.items[*].metadata.uid}";
    let old = played.ground.kubectl(&["get", "pods", "-o", path]);
    let old: BTreeSet<String> = old.split_whitespace().map(Into::into).collect();
    assert_eq!(old.len(), 30, "one pod of each");
    played
        .ground
        .kubectl(&["delete", "pods", "--all", "--wait=false"]);
    let names = |is_harmed: bool| {
        let drawn = played
            .workloads
            .iter()
            .filter(|drawn| drawn.is_harmed() == is_harmed);
        drawn.map(|drawn| drawn.name.clone()).collect::<BTreeSet<_>>()
    };
    let (harmed, others) = (names(true), names(false));
    let all_others = until(120, || back(&played, &old).is_superset(&others));
    assert!(all_others, "not back: {:?}", &others - &back(&played, &old));
    // As long again as the slowest of those that come back takes.
    let late = until(15, || !back(&played, &old).is_disjoint(&harmed));
    assert!(!late, "back all the same: {:?}", &back(&played, &old) & &harmed);
    println!("{} came back, {} did not", others.len(), harmed.len());
}
