//! A cluster that was upgraded between a promotion and its revert: state and journals name an API version that the server
//! does not serve.

use crate::execute::app::{App, NAME, map};
use crate::execute::snapshot::Copy;
use crate::harness::{Act, KillProxy, OwnCluster, Ran, Run, until};
use serde_json::{Value, json};
use std::process::Command;

/// A namespace, and a kind of its own in two versions.
struct Things {
    app: App,
}

impl Things {
    /// Both versions are served, and the older one is stored.
    fn new(cluster: &OwnCluster) -> Self {
        let things = Self {
            app: App::on(cluster),
        };
        let applied = things
            .app
            .kubectl_with(&["create"], &things.crd(true, &json!({"strategy": "None"})));
        assert_eq!(applied.code, Some(0), "{}", applied.stderr);
        assert!(until(30, || things.is_served("v1beta1") && things.is_served("v1")));
        things
    }

    fn group(&self) -> String {
        format!("{}.example.com", self.app.namespace.name())
    }

    fn crd_name(&self) -> String {
        format!("things.{}", self.group())
    }

    fn crd(&self, serves_beta: bool, conversion: &Value) -> Value {
        let schema = json!({"openAPIV3Schema": {"type": "object", "properties": {"spec": {"type": "object",
            "properties": {"size": {"type": "integer"}, "colour": {"type": "string"}}}}}});
        let version = |name: &str, served: bool, storage: bool| json!({"name": name, "served": served, "storage": storage, "schema": schema});
        json!({"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": {"name": self.crd_name()},
            "spec": {"group": self.group(), "scope": "Namespaced", "conversion": conversion,
                "names": {"kind": "Thing", "plural": "things", "singular": "thing"},
                "versions": [version("v1beta1", serves_beta, serves_beta), version("v1", true, !serves_beta)]}})
    }

    /// The older version is served no more, and the newer one is stored.
    fn upgrade(&self, conversion: &Value) {
        let spec = json!({"spec": self.crd(false, conversion)["spec"]});
        self.patch_crd(&[], &spec);
        assert!(until(30, || !self.is_served("v1beta1")));
    }

    fn patch_crd(&self, more: &[&str], patch: &Value) {
        let (name, patch) = (self.crd_name(), patch.to_string());
        let words = ["patch", "crd", &name, "--type", "merge", "-p", &patch];
        self.app.kubectl(&[&words[..], more].concat());
    }

    /// What the server answers in a version: kubectl's own knowledge of what is served is hours old.
    fn get(&self, version: &str, name: &str) -> Ran {
        let (group, namespace) = (self.group(), self.app.namespace.name());
        let path = format!("/apis/{group}/{version}/namespaces/{namespace}/things/{name}");
        self.app.namespace.kubectl().args(["get", "--raw", &path]).run()
    }

    fn is_served(&self, version: &str) -> bool {
        self.get(version, "any").stderr.contains("\"any\" not found")
    }

    fn size(&self, name: &str) -> Option<u64> {
        let ran = self.get("v1", name);
        (ran.code == Some(0)).then(|| ran.json()["spec"]["size"].as_u64().unwrap())
    }

    fn thing(&self, version: &str, name: &str, size: u32) -> Value {
        json!({"apiVersion": format!("{}/{version}", self.group()), "kind": "Thing", "metadata": {"name": name},
            "spec": {"size": size}})
    }

    /// The first release holds `a` and `old`, the second one `a` and `new`.
    fn objects(&self, version: u32) -> Vec<Value> {
        let other = if version == 1 { "old" } else { "new" };
        vec![
            self.thing("v1beta1", "a", version),
            self.thing("v1beta1", other, 7),
            map("config", json!({"v": version.to_string()})),
        ]
    }

    fn promote(&self, version: u32) -> Command {
        self.app.promote(&version.to_string(), &self.objects(version))
    }

    /// All of them as the newer version shows them, with their owners.
    fn copy(&self) -> Copy {
        let names = ["a", "old", "new"];
        let mut all: Vec<Value> = names.iter().map(|name| self.thing("v1", name, 0)).collect();
        all.push(map("config", json!({})));
        self.app.copy(&all)
    }

    fn sizes(&self) -> [Option<u64>; 3] {
        ["a", "old", "new"].map(|name| self.size(name))
    }
}

fn renamed() -> Value {
    json!({"strategy": "None"})
}

/// Nobody answers there: what is converted by it cannot be read at all.
fn webhook() -> Value {
    json!({"strategy": "Webhook", "webhook": {"conversionReviewVersions": ["v1"],
        "clientConfig": {"url": "https://127.0.0.1:9/convert"}}})
}

const OLD: [Option<u64>; 3] = [Some(1), Some(7), None];
const NEW: [Option<u64>; 3] = [Some(2), None, Some(7)];

fn a_revert_reaches_what_the_journal_names_in_the_version_that_is_served_by_now(cluster: &OwnCluster) {
    let things = Things::new(cluster);
    things.promote(1).run().exits(0);
    let old = things.copy();
    things.promote(2).run().exits(0);
    assert_eq!(things.sizes(), NEW);

    things.upgrade(&renamed());
    let mut plan = things.app.revert();
    let plan = plan
        .args(["--dry-run=server", "-o", "json"])
        .run()
        .exits(0)
        .json();
    assert_eq!(
        (
            &plan["totals"]["restore"],
            &plan["totals"]["recreate"],
            &plan["totals"]["delete"]
        ),
        (&json!(2), &json!(1), &json!(1)),
        "{plan}"
    );
    things.app.revert().run().exits(0);
    assert_eq!(things.sizes(), OLD);
    things.copy().must_be(&old, "reverted through the newer version");
}

fn an_unfinished_promotion_is_resumed_and_rolled_back_after_the_version_is_gone(cluster: &OwnCluster) {
    for goes_on in [true, false] {
        for act in [Act::KillBefore, Act::KillAfter] {
            let things = Things::new(cluster);
            let proxy = KillProxy::start(&cluster.kubeconfig);
            things.promote(1).run().exits(0);
            proxy.at_write_to("/things/a", act);
            let killed = proxy.run(&mut things.promote(2));
            assert_eq!(killed.code, None, "{}", killed.stderr);

            things.upgrade(&renamed());
            let mut command = if goes_on {
                things.promote(2)
            } else {
                things.app.revert()
            };
            let ran = command.run();
            assert!(
                matches!(ran.code, Some(0 | 3)),
                "{act:?} {:?} {}",
                ran.code,
                ran.stderr
            );
            assert_eq!(
                things.sizes(),
                if goes_on { NEW } else { OLD },
                "{act:?} {}",
                ran.stderr
            );
            assert!(things.app.status().get("unfinished").is_none());
        }
    }
}

fn what_only_the_server_can_convert_is_named(cluster: &OwnCluster) {
    let things = Things::new(cluster);
    let proxy = KillProxy::start(&cluster.kubeconfig);
    things.promote(1).run().exits(0);
    things.promote(2).run().exits(0);
    things.upgrade(&webhook());

    let ran = proxy.run(&mut things.app.revert()).exits(2);
    let named = format!("Thing {}/a", things.app.namespace.name());
    for text in [
        &*named,
        "v1beta1, only v1: its CustomResourceDefinition converts with a webhook",
        "nothing was changed",
    ] {
        assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
    }
    let writes = proxy.writes();
    assert!(
        writes.iter().all(|write| write.path.contains("/leases")),
        "{writes:?}"
    );

    // What it says to type serves the version again.
    let hint = ran.stderr.lines().find(|line| line.contains("kubectl patch"));
    let (_, typed) = hint.unwrap().split_once(": kubectl ").unwrap();
    let typed = typed.trim_start_matches("kubectl ");
    let (words, patch) = typed.split_once(" -p ").unwrap();
    let words: Vec<&str> = words.split(' ').chain(["-p", patch.trim_matches('\'')]).collect();
    things.patch_crd(
        &[],
        &json!({"spec": {"conversion": {"strategy": "None", "webhook": null}}}),
    );
    things.app.kubectl(&words);
    assert!(until(30, || things.get("v1beta1", "a").code == Some(0)));
    things.app.revert().run().exits(0);
    assert_eq!(things.sizes(), OLD);
}

fn a_version_that_is_gone_is_named(cluster: &OwnCluster) {
    let things = Things::new(cluster);
    things.promote(1).run().exits(0);
    let proxy = KillProxy::start(&cluster.kubeconfig);
    proxy.at_write_to("/things/a", Act::KillAfter);
    assert_eq!(proxy.run(&mut things.promote(2)).code, None);

    things.upgrade(&renamed());
    let stored = json!({"status": {"storedVersions": ["v1"]}});
    things.patch_crd(&["--subresource", "status"], &stored);
    let mut crd = things.crd(false, &renamed());
    crd["spec"]["versions"].as_array_mut().unwrap().remove(0);
    things.patch_crd(&[], &json!({"spec": crd["spec"]}));

    for mut command in [things.app.revert(), things.promote(2)] {
        let before = things.sizes();
        let ran = command.run().exits(2);
        for text in [
            "does not list that version",
            "nothing was changed",
            "--discard-state",
        ] {
            assert!(ran.stderr.contains(text), "{text}: {}", ran.stderr);
        }
        assert_eq!(things.sizes(), before);
    }
}

fn members_of_a_version_that_is_gone_are_found_compared_and_pruned(cluster: &OwnCluster) {
    let things = Things::new(cluster);
    things.promote(1).run().exits(0);
    things.upgrade(&renamed());

    // The release's own file names a version that is not served, and is told which one is.
    let diff = things
        .app
        .delivery()
        .args(["diff", NAME, "-n", things.app.namespace.name()])
        .run();
    assert_eq!(diff.code, Some(2), "{}", diff.stderr);
    let served = format!("only {}/v1", things.group());
    assert!(diff.stderr.contains(&served), "{}", diff.stderr);
    let again = things.promote(2).run().exits(2);
    assert!(again.stderr.contains(&served), "{}", again.stderr);

    let next = [things.thing("v1", "a", 3), map("config", json!({"v": "3"}))];
    let mut promote = things.app.promote("3", &next);
    promote.arg("--allow-prune");
    promote.run().exits(0);
    assert_eq!(things.sizes(), [Some(3), None, None]);
    things.app.revert().run().exits(0);
    assert_eq!(things.sizes(), OLD);
}

// An object that no version can read stops the deletion of every namespace: on a cluster of its own.
#[test]
fn after_an_upgrade_of_the_cluster_objects_are_reached_or_named() {
    let cluster = OwnCluster::start("versions");
    std::thread::scope(|scope| {
        scope
            .spawn(|| a_revert_reaches_what_the_journal_names_in_the_version_that_is_served_by_now(&cluster));
        scope
            .spawn(|| an_unfinished_promotion_is_resumed_and_rolled_back_after_the_version_is_gone(&cluster));
        scope.spawn(|| what_only_the_server_can_convert_is_named(&cluster));
        scope.spawn(|| a_version_that_is_gone_is_named(&cluster));
        scope.spawn(|| members_of_a_version_that_is_gone_are_found_compared_and_pruned(&cluster));
    });
}
