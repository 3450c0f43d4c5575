//! `watch -A` by users who may read a kind in some namespaces alone, and whose permissions change while it runs.

use super::stream::{Watching, about, is_about};
use crate::harness::{KillProxy, Namespace, Run, TestCluster, User, WatchProcess, series, until};
use crate::screens::stage::{Stage, config, service};
use serde_json::{Value, json};

/// So many namespaces have one watch of the cluster for each kind, where that is permitted.
const NAMESPACES: usize = 5;
const UNKNOWN: &str = "Service web unknown";

/// One release in each of several namespaces.
struct Everywhere {
    stage: Stage,
    others: Vec<Namespace>,
}

impl Everywhere {
    fn promote() -> Self {
        let stage = Stage::new();
        let others = (1..NAMESPACES).map(|_| TestCluster::get().namespace_named("shop"));
        let everywhere = Self {
            others: others.collect(),
            stage,
        };
        let stage = &everywhere.stage;
        stage.release("1.4.1", &[config("settings", "EUR"), service()]);
        for namespace in everywhere.namespaces() {
            let name = namespace.name();
            let promote = format!("promote shop-1.4.1.yaml --yes --settle 0s -n {name}");
            stage.run(&promote).ok();
            kubectl(
                namespace,
                &format!("label configmap delivery-shop of={}", everywhere.label()),
            );
        }
        everywhere
    }

    fn namespaces(&self) -> Vec<&Namespace> {
        [&self.stage.namespace].into_iter().chain(&self.others).collect()
    }

    /// What its inventories are labelled with: the cluster has other releases as well.
    fn label(&self) -> &str {
        self.stage.namespace.name()
    }

    /// Of all namespaces, its releases alone; nothing is verified by the period.
    fn watch(&self, words: &str) -> std::process::Command {
        let label = self.label();
        self.stage.command(&format!(
            "watch -A -l of={label} --mode readonly --resync 1h {words}"
        ))
    }

    /// A user who may read ConfigMaps everywhere, and so find releases.
    fn user(&self) -> User<'_> {
        let user = self.stage.namespace.user("watcher");
        user.may_everywhere(&["get", "list", "watch"], "", &["configmaps"])
            .ready()
    }

    /// The user may read Services there.
    fn grant(&self, namespace: &Namespace) {
        let account = format!("{}:watcher", self.label());
        kubectl(
            namespace,
            "create role services --verb=get,list,watch --resource=services",
        );
        kubectl(
            namespace,
            &format!("create rolebinding services --role=services --serviceaccount={account}"),
        );
    }

    /// Whether the user may read Services there; of all namespaces where none is named.
    fn may(&self, namespace: Option<&Namespace>) -> bool {
        let mut kubectl = TestCluster::get().kubectl();
        let account = format!("system:serviceaccount:{}:watcher", self.label());
        kubectl.args(["auth", "can-i", "watch", "services", "--as", &account]);
        match namespace {
            Some(namespace) => kubectl.args(["-n", namespace.name()]),
            None => kubectl.arg("-A"),
        };
        kubectl.run().stdout.trim() == "yes"
    }
}

fn kubectl(namespace: &Namespace, line: &str) -> String {
    namespace.kubectl().args(line.split_whitespace()).run().ok()
}

/// Whether an event is about an object of the release in that namespace.
fn is_in(namespace: &Namespace, what: &str) -> impl Fn(&Value) -> bool {
    let (name, what) = (namespace.name().to_owned(), what.to_owned());
    move |event| event["release"]["namespace"] == name.as_str() && about(event) == what
}

/// Services may be read in the whole cluster, until it is dropped.
struct EverywhereBinding(String);

impl EverywhereBinding {
    fn grant(user: &str) -> Self {
        let name = format!("t-services-{user}");
        let made = Self(name.clone());
        let role = format!("create clusterrole {name} --verb=get,list,watch --resource=services");
        let bind =
            format!("create clusterrolebinding {name} --clusterrole={name} --serviceaccount={user}:watcher");
        for line in [role, bind] {
            let mut kubectl = TestCluster::get().kubectl();
            kubectl.args(line.split_whitespace()).run().ok();
        }
        made
    }
}

impl Drop for EverywhereBinding {
    fn drop(&mut self) {
        let mut kubectl = TestCluster::get().kubectl();
        let objects = ["clusterrole", "clusterrolebinding"].map(|kind| format!("{kind}/{}", self.0));
        kubectl.args(["delete", "--ignore-not-found"]).args(objects).run();
    }
}

#[test]
fn what_may_not_be_read_is_unknown_where_it_may_not_and_each_namespace_is_watched_on_its_own() {
    let everywhere = Everywhere::promote();
    let (user, namespaces) = (everywhere.user(), everywhere.namespaces());
    let (readable, hidden) = namespaces.split_at(3);
    readable.iter().for_each(|namespace| everywhere.grant(namespace));

    let proxy = KillProxy::start(&user.kubeconfig());
    let mut command = everywhere.watch("-o json");
    let watching = Watching::spawn(command.env("KUBECONFIG", proxy.kubeconfig()));
    let mut command = everywhere.watch("");
    command.env("KUBECONFIG", user.kubeconfig());
    let shown = WatchProcess::start_ready(command);

    for namespace in hidden {
        let unknown = watching.wait_for("driftOpened", is_in(namespace, UNKNOWN));
        assert!(
            unknown["message"].as_str().unwrap().contains("forbidden"),
            "{unknown}"
        );
        watching.wait_for("watchFailed", |event| event["namespace"] == namespace.name());
        shown.wait_for("it is counted and said", |page| {
            let labels = format!(r#"release_namespace="{}""#, namespace.name());
            let value = |name: &str| {
                series(page, &[name, &labels])
                    .iter()
                    .map(|(_, value)| value)
                    .sum::<f64>()
            };
            let line = format!("Service {}/web: not verified", namespace.name());
            (value("unknown_findings{"), value("drift_findings{")) == (1.0, 0.0)
                && shown.log().contains(&line)
        });
    }
    // That all namespaces may not be watched at once keeps nothing from being verified.
    let failed = watching.named("watchFailed");
    assert!(
        failed.iter().all(|event| event["namespace"].is_string()),
        "{failed:#?}"
    );
    let asked = proxy.requests();
    let is_asked = |path: &str, code| asked.iter().any(|one| one.path == path && one.code == Some(code));
    assert!(is_asked("/api/v1/services", 403), "one watch was tried");

    for namespace in readable {
        kubectl(namespace, "label service web team=shop");
        watching.wait_for(
            "driftOpened",
            is_in(namespace, "Service web /metadata/labels/team"),
        );
        assert!(shown.series(&["unknown_findings{", namespace.name()]).is_empty());
    }
    assert_eq!(watching.open().len(), NAMESPACES);
}

#[test]
fn permissions_that_are_granted_and_withdrawn_while_it_runs_are_noticed() {
    let everywhere = Everywhere::promote();
    let (user, namespaces) = (everywhere.user(), everywhere.namespaces());
    let (readable, hidden) = namespaces.split_at(NAMESPACES - 1);
    readable.iter().for_each(|namespace| everywhere.grant(namespace));
    let proxy = KillProxy::start(&user.kubeconfig());
    let mut command = everywhere.watch("-o json");
    let watching = Watching::spawn(command.env("KUBECONFIG", proxy.kubeconfig()));
    let (granted, withdrawn) = (hidden[0], readable[0]);
    watching.wait_for("driftOpened", is_in(granted, UNKNOWN));

    // It is tried again within a minute.
    everywhere.grant(granted);
    let closed = || {
        watching
            .named("driftClosed")
            .into_iter()
            .find(is_in(granted, UNKNOWN))
    };
    assert!(
        until(120, || closed().is_some()),
        "{}",
        watching.lines().join("\n")
    );
    assert_eq!(closed().unwrap()["reason"], "notFound");

    kubectl(withdrawn, "label service web team=shop");
    watching.wait_for(
        "driftOpened",
        is_in(withdrawn, "Service web /metadata/labels/team"),
    );
    kubectl(withdrawn, "delete rolebinding services");
    assert!(until(30, || !everywhere.may(Some(withdrawn))));
    // The server asks for permissions when a watch is opened.
    proxy.cut_watches();
    watching.wait_for("driftOpened", is_in(withdrawn, UNKNOWN));
    kubectl(withdrawn, "label service web team-");

    let (code, events) = watching.interrupt();
    let end = events.last().unwrap();
    // What drifted before stays open: nobody has seen that it was undone.
    assert_eq!(
        (code, &end["drifted"], &end["unknown"]),
        (Some(2), &json!(1), &json!(1)),
        "{end}"
    );
}

#[test]
fn an_edit_while_one_watch_becomes_several_is_not_missed() {
    let everywhere = Everywhere::promote();
    let (user, namespaces) = (everywhere.user(), everywhere.namespaces());
    let wide = EverywhereBinding::grant(everywhere.label());
    let proxy = KillProxy::start(&user.kubeconfig());
    let mut command = everywhere.watch("-o json");
    let watching = Watching::spawn(command.env("KUBECONFIG", proxy.kubeconfig()));
    kubectl(namespaces[1], "label service web team=shop");
    watching.wait_for(
        "driftOpened",
        is_in(namespaces[1], "Service web /metadata/labels/team"),
    );
    let is_wide = |path: &str| path == "/api/v1/services";
    assert!(proxy.requests().iter().any(|one| is_wide(&one.path)));

    // Nothing comes through while the edit is made and the permission moves to the namespaces.
    proxy.play(Some(crate::harness::Faults {
        seed: 1,
        reset: 100,
        ..crate::harness::Faults::default()
    }));
    proxy.cut_watches();
    kubectl(namespaces[0], "label service web team=shop");
    namespaces
        .iter()
        .for_each(|namespace| everywhere.grant(namespace));
    drop(wide);
    assert!(until(30, || !everywhere.may(None)
        && everywhere.may(Some(namespaces[0]))));
    proxy.play(None);

    watching.wait_for(
        "driftOpened",
        is_in(namespaces[0], "Service web /metadata/labels/team"),
    );
    assert!(
        watching
            .named("driftOpened")
            .iter()
            .all(|event| !is_about(UNKNOWN)(event))
    );
}
