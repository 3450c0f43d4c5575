//! Argo Rollouts: a canary that pauses, one that is aborted by its analysis, and what its controller leaves behind.

use super::controller::{Controller, Engine, free_port};
use crate::execute::app::{App, image};
use crate::harness::{Ran, Run, until};
use serde_json::{Value, json};

/// A canary of these steps.
fn rollout(digit: char, steps: &Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": {"name": "web"}, "spec": {
        "replicas": 5, "selector": {"matchLabels": {"app": "web"}},
        "template": {"metadata": {"labels": {"app": "web"}}, "spec": {"terminationGracePeriodSeconds": 1, "containers": [{
            "name": "main", "image": image(digit), "readinessProbe": {"tcpSocket": {"port": 80}, "periodSeconds": 1}}]}},
        "strategy": {"canary": {"steps": steps}}}})
}

fn pausing() -> Value {
    json!([{"setWeight": 20}, {"pause": {}}])
}

/// Replaces all pods at once.
fn direct() -> Value {
    json!([{"setWeight": 100}])
}

/// A namespace with the CRDs, and with the controller where a test starts it.
struct Scene(App);

impl Scene {
    fn new() -> Self {
        Engine::rollouts();
        Self(App::new())
    }

    fn controller(&self) -> Controller {
        let (metrics, health) = (free_port(), free_port());
        let arguments = [
            "--namespaced",
            "--namespace",
            self.0.namespace.name(),
            "--leader-elect=false",
            "--metricsPort",
            &metrics,
            "--healthzPort",
            &health,
        ];
        Engine::rollouts().start("rollouts-controller", &arguments, &[])
    }

    fn promote(&self, version: &str, objects: &[Value], flags: &[&str]) -> Ran {
        self.0.promote(version, objects).args(flags).run()
    }

    fn on_release(&self, command: &str, version: &str, objects: &[Value], flags: &[&str]) -> Ran {
        let release = self.0.release(version, objects);
        let mut run = self.0.delivery();
        run.arg(command).arg(release);
        run.args(["-n", self.0.namespace.name()]).args(flags).run()
    }

    fn live(&self) -> Value {
        let shown = self.0.kubectl(&["get", "rollout", "web", "-o", "json"]);
        serde_json::from_str(&shown).unwrap()
    }

    /// The images that its pods run, each once.
    fn running(&self) -> Vec<String> {
        let shown = self.0.kubectl(&["get", "pods", "-l", "app=web", "-o", "json"]);
        let pods: Value = serde_json::from_str(&shown).unwrap();
        let pods = pods["items"].as_array().unwrap().iter();
        let staying = pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null());
        let image = |pod: &Value| pod["spec"]["containers"][0]["image"].as_str().unwrap().to_owned();
        let mut images: Vec<String> = staying.map(image).collect();
        images.sort();
        images.dedup();
        images
    }
}

/// The event of the failure, of a run that writes events.
fn failure(ran: &Ran) -> Value {
    let events = ran
        .stdout
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    let mut failures = events.filter(|event| event["event"] == "failed");
    failures.next().unwrap_or_else(|| panic!("no failure: {ran:#?}"))
}

#[test]
fn a_rollout_that_no_controller_runs_is_not_promoted_nor_its_images_verified() {
    let scene = Scene::new();
    let objects = [rollout('1', &pausing())];
    // Longer than a status that nobody writes is waited for.
    let ran = scene.promote("1", &objects, &["--timeout", "20s"]).exits(3);
    for word in ["promoted app", "images verified"] {
        assert!(!ran.stderr.contains(word), "{word:?} in {ran:#?}");
    }
    let rollouts = scene.0.kubectl(&["get", "rollouts", "-o", "name"]);
    assert_eq!(rollouts, "", "what it has made is deleted again");
}

#[test]
fn a_canary_is_ready_at_first_and_paused_from_the_second_promotion_on() {
    let scene = Scene::new();
    let _controller = scene.controller();
    let first = [rollout('1', &pausing())];
    let ran = scene.promote("1", &first, &["--timeout", "60s"]).exits(0);
    assert!(ran.stderr.contains("promoted app 1 as revision 1"), "{ran:#?}");
    assert_eq!(scene.live()["status"]["phase"], "Healthy");
    assert_eq!(scene.running(), [image('1')]);

    // The template of another version, whoever applied it: one pod of five, and then nothing until somebody promotes.
    let second = [rollout('2', &pausing())];
    let ran = scene.promote("2", &second, &["--timeout", "10s"]).exits(3);
    assert!(ran.stderr.contains("paused at step 2 of 2"), "{ran:#?}");
    let is_back = || scene.live()["status"]["phase"] == "Healthy" && scene.running() == [image('1')];
    assert!(until(30, is_back), "{:#}", scene.live()["status"]);

    scene
        .0
        .kubectl_with(&["apply", "--server-side", "--force-conflicts"], &second[0])
        .exits(0);
    let flags = ["--timeout", "10s", "--settle", "0s"];
    let waited = scene.on_release("wait", "2", &second, &flags).exits(3);
    assert!(waited.stderr.contains("paused at step 2 of 2"), "{waited:#?}");
}

#[test]
fn a_canary_that_its_analysis_aborts_is_rolled_back_with_the_cause_of_the_analysis() {
    let scene = Scene::new();
    let _controller = scene.controller();
    let job = json!({"backoffLimit": 0, "template": {"metadata": {"labels": {"kwok-play": "job-fails"}},
        "spec": {"restartPolicy": "Never", "containers": [{"name": "main", "image": image('9')}]}}});
    let template = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "AnalysisTemplate",
        "metadata": {"name": "smoke"}, "spec": {"metrics": [{"name": "smoke-test", "provider": {"job": {"spec": job}}}]}});
    scene.0.kubectl_with(&["apply"], &template).exits(0);
    let steps = json!([{"setWeight": 20}, {"analysis": {"templates": [{"templateName": "smoke"}]}}, {"setWeight": 100}]);
    scene
        .promote("1", &[rollout('1', &steps)], &["--timeout", "60s"])
        .exits(0);

    let second = [rollout('2', &steps)];
    let ran = scene.promote("2", &second, &["--timeout", "60s"]).exits(3);
    let cause = "Metric \"smoke-test\" assessed Failed due to failed (1) > failureLimit (0)";
    assert!(ran.stderr.contains(cause), "{ran:#?}");
    assert!(ran.took.as_secs() < 40, "{:?}", ran.took);
    let is_back = || scene.live()["status"]["phase"] == "Healthy" && scene.running() == [image('1')];
    assert!(until(30, is_back), "{:#}", scene.live()["status"]);
}

#[test]
fn what_the_controller_writes_is_no_drift_and_refuses_no_promotion() {
    let scene = Scene::new();
    let _controller = scene.controller();
    // It reads the Rollout into its types and writes it back: each container has resources then, and their quantities are
    // spelled as those types do.
    let of = |digit: char| {
        let mut object = rollout(digit, &direct());
        let pod = &mut object["spec"]["template"]["spec"];
        pod["initContainers"] = json!([{"name": "init", "image": image('3')}]);
        pod["containers"][0]["resources"] = json!({"limits": {"cpu": "1000m"}});
        [object]
    };
    let first = of('1');
    scene.promote("1", &first, &["--timeout", "60s"]).exits(0);
    let cpu = "/spec/template/spec/containers/0/resources/limits/cpu";
    let is_written_back = || scene.live().pointer(cpu) == Some(&json!("1"));
    assert!(until(30, is_written_back), "{:#}", scene.live());
    let revision = |of: &str| {
        let live = scene.live();
        assert_eq!(
            live["metadata"]["annotations"]["rollout.argoproj.io/revision"], of,
            "{live:#}"
        );
    };
    revision("1");
    scene.on_release("diff", "1", &first, &[]).exits(0);

    let second = of('2');
    let ran = scene.promote("2", &second, &["--timeout", "60s"]).exits(0);
    assert!(ran.stderr.contains("promoted app 2 as revision 2"), "{ran:#?}");
    revision("2");
    assert_eq!(scene.running(), [image('2')]);
    let silent = scene.on_release("diff", "2", &second, &["-o", "name"]).exits(0);
    assert_eq!(silent.stdout, "", "{silent:#?}");
}

#[test]
fn pods_of_a_rollout_that_run_another_digest_fail_the_promotion() {
    let scene = Scene::new();
    let _controller = scene.controller();
    let mut object = rollout('1', &direct());
    // Another image of the release: the node of a pinned one may well name an index that nobody knows.
    let template = &mut object["spec"]["template"];
    template["spec"]["initContainers"] = json!([{"name": "init", "image": image('3')}]);
    template["metadata"]["annotations"] = json!({"kwok-image-id/main": image('3')});
    let ran = scene
        .promote("1", &[object], &["--timeout", "60s", "-o", "json"])
        .exits(3);
    let failed = failure(&ran);
    assert_eq!(failed["object"]["kind"], "Rollout", "{failed:#}");
    assert_eq!(failed["cause"]["kind"], "wrongImage", "{failed:#}");
}
