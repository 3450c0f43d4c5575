//! Every block of the README, pasted as it stands, on a machine where public registries' names lead to the loopback one. Those
//! with krew are `make krew-check`'s.

mod output;
mod place;

use crate::harness::{Block, Repository, blocks, needs_krew};
use output::assert_shown;
use place::Place;
use serde_json::{Value, json};

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

const LOOKS: &str = "What it looks like";
const FIRST: &str = "The first release";
const RUNNING: &str = "An application that already runs";
/// The sections whose blocks are run here, all of them.
pub const SECTIONS: [&str; 3] = [LOOKS, FIRST, RUNNING];

/// The blocks of a section; fails where a test runs another number of them.
fn section<const N: usize>(name: &str) -> [Block; N] {
    let text = std::fs::read_to_string(README).unwrap();
    let found: Vec<Block> = blocks(&text)
        .into_iter()
        .filter(|block| block.section == name && !needs_krew(block))
        .collect();
    let count = found.len();
    found
        .try_into()
        .unwrap_or_else(|_| panic!("README.md, {name}: {count} blocks, of which a test runs {N}"))
}

/// A Deployment of one pod, ready within a second.
fn deployment(name: &str, image: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": name}, "spec": {
        "replicas": 1, "selector": {"matchLabels": {"app": name}},
        "template": {"metadata": {"labels": {"app": name}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "containers": [{"name": name, "image": image,
                "readinessProbe": {"httpGet": {"path": "/ready", "port": 8080}, "periodSeconds": 1}}]}}}})
}

fn settings() -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "settings"}, "data": {"currency": "EUR"}})
}

#[test]
fn what_the_readme_shows_is_what_a_terminal_shows() {
    let [rollback, drift] = section(LOOKS);
    let place = Place::new("shop");
    let paste = |text: &str| place.machine.paste(place.path(), text);
    place.kubectl(&["create", "namespace", "shop"]);
    // Its words on one stream: of two the order is a race.
    let crash = "echo cannot read /etc/app/config: no such file; exit 3";
    let crash = Repository::new().image("1", Some(crash));
    let (_, crash) = crash.split_once('/').unwrap();
    let images = [("shop/web:1.0.0", "1.4.1"), (crash, "1.4.2")].map(|(from, version)| {
        let image = format!("ghcr.io/acme/web:{version}");
        let by_digest = place.machine.publish(from, &image);
        let mut web = deployment("web", &image);
        // Whether the kubelet's first probe is before the container's end is a race.
        web["spec"]["template"]["spec"]["containers"][0]["readinessProbe"] = Value::Null;
        place.write(&format!("{version}/web.json"), &[settings(), web]);
        paste(&format!(
            "kubectl delivery record -f {version} --name shop --version {version} -o shop-{version}.yaml"
        ))
        .ok();
        by_digest
    });
    paste("kubectl delivery promote shop-1.4.1.yaml -n shop -y --settle 1s").ok();

    assert_shown(&place.machine, place.path(), &rollback, 3);
    let [pod] = &place.pods("web")[..] else {
        panic!("one pod")
    };
    assert_eq!(pod["spec"]["nodeName"], "real-node");
    assert_eq!(pod["spec"]["containers"][0]["image"], *images[0]);
    paste("KUBE_EDITOR='sed -i s/EUR/CHF/' kubectl edit configmap settings -n shop").ok();
    assert_shown(&place.machine, place.path(), &drift, 1);
}

#[test]
fn the_first_release_of_the_readme_is_promoted_its_drift_shown_and_all_of_it_deleted() {
    let [first, away] = section(FIRST);
    let place = Place::new("try");
    place
        .machine
        .publish("test/sleep:1.0.0", "registry.k8s.io/e2e-test-images/agnhost:2.53");
    let ran = place.machine.paste(place.path(), &first.text).exits(1);
    for text in [
        "promoted try 1 as revision 1: 1 of 1 images verified in 1 pod",
        "Deployment try/web  changed\n  /spec/replicas  changed manually by kubectl through scale\n    - 3\n    + 1\n",
    ] {
        assert!(ran.stdout.contains(text), "{text}:\n{}", ran.stdout);
    }
    for pod in place.pods("web") {
        let image = pod["spec"]["containers"][0]["image"].as_str().unwrap();
        assert!(
            image.starts_with("registry.k8s.io/e2e-test-images/agnhost@sha256:"),
            "{image}"
        );
        assert_eq!(pod["spec"]["nodeName"], "real-node");
    }

    let ran = place.machine.paste(place.path(), &away.text).ok();
    assert!(ran.ends_with("namespace \"try\" deleted\n"), "{ran}");
}

/// Two workloads, what one of them reads, and a Job that runs before them.
fn application(api: &str) -> Vec<Value> {
    let mut web = deployment("web", "ghcr.io/acme/web:1.4.1");
    web["spec"]["template"]["spec"]["containers"][0]["envFrom"] =
        json!([{"configMapRef": {"name": "settings"}}]);
    let job = json!({"apiVersion": "batch/v1", "kind": "Job",
        "metadata": {"name": "migrate", "annotations": {"kubectl-delivery.io/hook": "pre"}},
        "spec": {"backoffLimit": 0, "template": {"spec": {"restartPolicy": "Never", "containers": [
            {"name": "migrate", "image": "ghcr.io/acme/migrate:1.4.1"}]}}}});
    vec![settings(), web, deployment("api", api), job]
}

fn managers(object: &Value) -> Vec<&str> {
    let entries = object["metadata"]["managedFields"].as_array().unwrap().iter();
    entries
        .filter(|entry| entry["subresource"].is_null())
        .filter_map(|entry| entry["manager"].as_str())
        .filter(|manager| *manager != "kube-controller-manager")
        .collect()
}

#[test]
fn an_application_that_already_runs_is_adopted_and_given_back_as_the_readme_tells() {
    let [drift, plan, adopt, revert] = section(RUNNING);
    let place = Place::new("shop");
    let paste = |text: &str| place.machine.paste(place.path(), text);
    let [_, api, _] = ["web", "api", "migrate"].map(|name| {
        place.machine.publish(
            &format!("shop/{name}:1.0.0"),
            &format!("ghcr.io/acme/{name}:1.4.1"),
        )
    });
    // One image by its digest, the others by their tags.
    place.write("manifests/shop.json", &application(&api));
    let apply = "kubectl create namespace shop
kubectl apply -n shop -f manifests/
kubectl rollout status deployment/web deployment/api -n shop --timeout 60s
kubectl wait --for condition=complete job/migrate -n shop --timeout 60s";
    paste(apply).ok();

    // An edit is told with who made it; undone it is gone.
    paste("kubectl scale deployment api --replicas 2 -n shop").ok();
    let ran = paste(&drift.text).exits(1);
    let edited = "Deployment shop/api  changed\n  /spec/replicas  changed manually by kubectl through scale\n    - 2\n    + 1\n";
    assert!(ran.stdout.contains(edited), "{}", ran.stdout);
    let undo = "kubectl scale deployment api --replicas 1 -n shop
kubectl rollout status deployment/api -n shop --timeout 60s";
    paste(undo).ok();
    paste(&drift.text).ok();
    let before = State::read(&place);

    let ran = paste(&plan.text).ok();
    for row in ["Deployment shop/web", "Deployment shop/api", "Job shop/migrate"] {
        assert!(ran.contains(row), "{row}:\n{ran}");
    }
    let restarts: Vec<&str> = ran
        .lines()
        .filter(|line| line.ends_with("restarts its pods"))
        .collect();
    assert!(
        restarts.len() == 1 && restarts[0].contains("Deployment shop/web"),
        "{ran}"
    );
    assert!(ran.contains("takes ownership of"), "{ran}");
    assert_eq!(State::read(&place), before, "a dry run changes nothing");

    paste(&adopt.text).ok();
    let after = State::read(&place);
    assert_ne!(
        after.web, before.web,
        "by a tag before, by its digest now: restarted"
    );
    assert_eq!(
        after.api, before.api,
        "by its digest before and now: not restarted"
    );
    assert_ne!(after.job, before.job, "a hook runs again");
    assert_eq!(managers(&place.get("deployment", "web")), ["kubectl-delivery"]);

    paste(&revert.text).ok();
    let reverted = State::read(&place);
    assert_eq!((reverted.api, reverted.image), (before.api, before.image));
    assert_eq!(reverted.job, "", "a hook that ran goes, and does not run again");
    assert_eq!(
        managers(&place.get("deployment", "web")),
        ["kubectl-client-side-apply"]
    );
}

/// What an adoption may restart, by UIDs, and the image that web names.
#[derive(Debug, PartialEq)]
struct State {
    web: Vec<Value>,
    api: Vec<Value>,
    job: String,
    image: Value,
}

impl State {
    fn read(place: &Place) -> Self {
        let uids = |app| {
            place
                .pods(app)
                .iter()
                .map(|pod| pod["metadata"]["uid"].clone())
                .collect()
        };
        let web = place.get("deployment", "web");
        Self {
            web: uids("web"),
            api: uids("api"),
            job: place.kubectl(&[
                "get",
                "job",
                "migrate",
                "--ignore-not-found",
                "-o",
                "jsonpath={.metadata.uid}",
            ]),
            image: web["spec"]["template"]["spec"]["containers"][0]["image"].clone(),
        }
    }
}
