//! The API server gone or silent in the middle of a promotion: it goes on, or leaves its journal to a later run.

use super::app::App;
use super::small_app::Small;
use crate::harness::{Act, KillProxy, OwnCluster, Ran, Run, Running};
use std::time::Duration;

/// The reference application on a cluster that may be disturbed.
struct Scene {
    small: Small,
    proxy: KillProxy,
    // Dropped last: the namespace goes before its cluster does.
    cluster: OwnCluster,
}

impl Scene {
    fn new() -> Self {
        let cluster = OwnCluster::start("outage");
        let small = Small::new(App::on(&cluster));
        let proxy = KillProxy::start(&cluster.kubeconfig);
        Self {
            cluster,
            small,
            proxy,
        }
    }

    /// Promotes version 2; at its n-th write, before the server sees it, does `disturb`; after it, `mend`.
    fn disturbed(
        &self,
        n: usize,
        flags: &[&str],
        disturb: impl FnOnce(&OwnCluster),
        mend: impl FnOnce(&OwnCluster),
    ) -> Ran {
        self.proxy.forget();
        self.proxy.at_write(n, Act::HoldBefore);
        let running = self.proxy.spawn(self.small.promote(2).args(flags));
        self.proxy.wait_for_act();
        disturb(&self.cluster);
        self.proxy.release();
        mend(&self.cluster);
        running.wait()
    }

    fn back(&self) {
        self.small.app.revert().run().exits(0);
        assert!(!self.small.is_new("after the revert"));
    }
}

#[test]
fn an_api_server_that_is_killed_and_comes_back_does_not_end_a_promotion() {
    let scene = Scene::new();
    // In the middle of the journal, and in the middle of the steps.
    for n in [3, 9] {
        let kill = |cluster: &OwnCluster| cluster.kill("kube-apiserver");
        let ran = scene.disturbed(n, &[], kill, |cluster| {
            std::thread::sleep(Duration::from_secs(2));
            cluster.restart("kube-apiserver");
        });
        let when = format!("killed at write {n}, exit {:?}\n{}", ran.code, ran.stderr);
        assert_eq!(ran.code, Some(0), "{when}");
        assert!(scene.small.is_new(&when));
        scene.back();
    }
    // While a rollout is watched: it is still seen to its end.
    let mut slow = super::small_app::objects(2);
    slow.push(super::app::workload(
        "Deployment",
        "slow",
        '2',
        Some("slow-ready"),
    ));
    let running = Running::start(&mut scene.small.app.promote("3", &slow));
    while scene
        .small
        .app
        .namespace
        .get("apps", "Deployment", "slow")
        .is_none()
    {
        std::thread::sleep(Duration::from_millis(20));
    }
    scene.cluster.kill("kube-apiserver");
    std::thread::sleep(Duration::from_secs(1));
    scene.cluster.restart("kube-apiserver");
    running.wait().exits(0);
    assert_eq!(scene.small.app.status()["version"], "3");
}

#[test]
fn a_silent_etcd_is_waited_for_and_said_and_what_cannot_be_done_is_left_to_a_later_run() {
    let scene = Scene::new();
    let freeze = |cluster: &OwnCluster| cluster.freeze("etcd");
    let ran = scene.disturbed(9, &["--timeout", "15s"], freeze, |_| {});
    assert!(
        ran.took < Duration::from_secs(45),
        "its deadline is 15 s, it took {:?}",
        ran.took
    );
    assert_eq!(ran.code, Some(130), "{}", ran.stderr);
    for message in [
        "giving up after 15s",
        "no response from the API server for 15s",
        "is unfinished",
        "promote --resume app",
        "revert app",
    ] {
        assert!(
            ran.stderr.contains(message),
            "nothing said of {message}: {}",
            ran.stderr
        );
    }
    scene.cluster.thaw("etcd");
    assert_eq!(scene.small.app.status()["unfinished"]["version"], "2");
    scene.small.promote(2).run().exits(0);
    assert!(scene.small.is_new("after the later run"));
}
