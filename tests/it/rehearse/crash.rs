//! A rehearsal killed at each of its writes: nothing of the release was changed, `status` names its pods, and whatever runs
//! next deletes them.

use super::{head, left, web};
use crate::execute::app::{App, NAME};
use crate::harness::{Act, KillProxy, Ran, Run, TestCluster};
use serde_json::{Value, json};
use std::process::Command;

/// What runs next.
#[derive(Clone, Copy, Debug)]
enum Next {
    Promote,
    Revert,
    Resume,
}

impl Next {
    fn command(self, app: &App) -> Command {
        match self {
            Self::Promote => app.promote("3", &[web('3', None)]),
            Self::Revert => app.revert(),
            Self::Resume => {
                let mut command = app.delivery();
                command.args(["promote", "--resume", NAME, "-n", app.namespace.name()]);
                command
            }
        }
    }

    /// The digit of the image that runs then.
    fn digit(self) -> char {
        match self {
            Self::Promote => '3',
            Self::Revert => '1',
            Self::Resume => '2',
        }
    }
}

fn digit(app: &App) -> char {
    let web = app.namespace.get("apps", "Deployment", "web").unwrap();
    let image = web.text("/spec/template/spec/containers/0/image");
    image.chars().last().unwrap()
}

/// Two revisions, of which the second is current.
fn promoted() -> App {
    let app = App::new();
    app.promote("1", &[web('1', None)]).run().exits(0);
    app.promote("2", &[web('2', None)]).run().exits(0);
    app
}

/// A rehearsal that fails at its second pod.
fn rehearsal(app: &App) -> Command {
    let mut command = app.promote("4", &[web('4', Some("crash-loop"))]);
    command.arg("--rehearse");
    command
}

/// How many writes it takes.
fn count_writes() -> usize {
    let (app, proxy) = (promoted(), KillProxy::start(&TestCluster::get().kubeconfig));
    let before = head(&app);
    proxy.run(&mut rehearsal(&app)).exits(2);
    assert_eq!((head(&app), left(&app)), (before, vec![]));
    proxy.writes().len()
}

/// What `status` says where a head is left that names pods.
fn status_names_the_pods(status: &Value, pods: &[String], when: &str) {
    if status["unfinished"]["phase"] == "rehearsing" {
        let named = status["unfinished"]["pods"].as_array().unwrap();
        assert_eq!(named.len(), 2, "{when}: {status}");
        return;
    }
    assert_eq!(status["state"], "promoted", "{when}: {status}");
    assert!(pods.is_empty(), "{when}: pods that nothing names: {pods:?}");
}

fn round(n: usize, act: Act, next: Next) -> bool {
    let when = format!("killed at write {n} ({act:?}), then {next:?}");
    let (app, proxy) = (promoted(), KillProxy::start(&TestCluster::get().kubeconfig));
    proxy.at_write(n, act);
    let ran: Ran = proxy.run(&mut rehearsal(&app));
    if ran.code.is_some() {
        return false;
    }
    assert_eq!(digit(&app), '2', "{when}: an object of the release was changed");
    status_names_the_pods(&app.status(), &left(&app), &when);

    let settled = next.command(&app).run();
    let is_idle = matches!(next, Next::Resume) && settled.stderr.contains("nothing to resume");
    assert!(
        settled.code == Some(0) || is_idle,
        "{when}: exit {:?}\n{}",
        settled.code,
        settled.stderr
    );
    assert_eq!(left(&app), [""; 0], "{when}\n{}", settled.stderr);
    assert_eq!(digit(&app), next.digit(), "{when}\n{}", settled.stderr);
    let status = app.status();
    assert_eq!(status.get("unfinished"), None, "{when}: {status}");
    // What can be reverted is what could be before, or what came since.
    if !matches!(next, Next::Revert) {
        app.revert().run().exits(0);
        let back = if matches!(next, Next::Promote) { '2' } else { '1' };
        assert_eq!(digit(&app), back, "{when}");
    }
    true
}

#[test]
fn a_rehearsal_killed_at_any_write_is_ended_by_whatever_runs_next() {
    let writes = count_writes();
    let nexts = [Next::Promote, Next::Revert, Next::Resume];
    let rounds: Vec<(usize, Act, Next)> = (1..=writes)
        .map(|n| {
            let act = if n % 2 == 0 {
                Act::KillAfter
            } else {
                Act::KillBefore
            };
            (n, act, nexts[n % 3])
        })
        .collect();
    let tried = std::sync::atomic::AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for part in rounds.chunks(rounds.len().div_ceil(4)) {
            let tried = &tried;
            scope.spawn(move || {
                for (n, act, next) in part {
                    let done = round(*n, *act, *next);
                    tried.fetch_add(usize::from(done), std::sync::atomic::Ordering::Relaxed);
                }
            });
        }
    });
    let tried = tried.into_inner();
    println!("rehearsal: {writes} writes, {tried} crash points tried");
    assert!(
        tried * 10 >= writes * 9,
        "only {tried} of {writes} crash points were reached"
    );
}

#[test]
fn a_pod_without_the_mark_of_the_rehearsal_is_left_alone() {
    let (app, proxy) = (promoted(), KillProxy::start(&TestCluster::get().kubeconfig));
    // Killed when the head names the pods and none is there.
    proxy.at_write_to("/pods", Act::KillBefore);
    let ran = proxy.run(&mut rehearsal(&app));
    assert_eq!(ran.code, None, "{}", ran.stderr);
    let status = app.status();
    let name = status["unfinished"]["pods"][0]["name"].as_str().unwrap();
    let pod = json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name}, "spec": {"containers": [{"name": "a", "image": "a:1"}]}});
    app.kubectl_with(&["create"], &pod).exits(0);

    Next::Resume.command(&app).run().exits(0);
    assert!(
        app.namespace.get("", "Pod", name).is_some(),
        "another client's pod was deleted"
    );
    assert_eq!(app.status().get("unfinished"), None);
}
