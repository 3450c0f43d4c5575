//! The proxy that other tests rely on does what it says.

use crate::harness::{Act, Faults, KillProxy, Run, TestCluster};
use std::process::Command;

fn create(proxy: &KillProxy, namespace: &str, name: &str) -> Command {
    let cluster = TestCluster::get();
    let mut command = Command::new(cluster.tools.join("kubectl"));
    command.arg("--kubeconfig").arg(proxy.kubeconfig());
    command.args(["--namespace", namespace, "create", "configmap", name]);
    command
}

#[test]
fn a_process_killed_before_its_write_has_changed_nothing() {
    let namespace = TestCluster::get().namespace_named("t-proxy");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(1, Act::KillBefore);
    let ran = proxy.run(&mut create(&proxy, namespace.name(), "a"));
    assert_eq!(ran.code, None, "{}", ran.stderr);
    assert!(namespace.get("", "ConfigMap", "a").is_none());
    assert_eq!(proxy.writes()[0].code, None);
}

#[test]
fn a_process_killed_after_its_write_has_changed_the_cluster() {
    let namespace = TestCluster::get().namespace_named("t-proxy");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(1, Act::KillAfter);
    assert_eq!(proxy.run(&mut create(&proxy, namespace.name(), "a")).code, None);
    assert!(namespace.get("", "ConfigMap", "a").is_some());
    assert_eq!(proxy.writes()[0].code, Some(201));
    proxy.forget();
    proxy.run(&mut create(&proxy, namespace.name(), "b")).ok();
    assert_eq!(proxy.writes().len(), 1);
}

#[test]
fn a_frozen_process_goes_on_when_it_is_released() {
    let namespace = TestCluster::get().namespace_named("t-proxy");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    proxy.at_write(1, Act::FreezeBefore);
    let running = proxy.spawn(&mut create(&proxy, namespace.name(), "a"));
    proxy.wait_for_act();
    assert!(namespace.get("", "ConfigMap", "a").is_none());
    proxy.release();
    running.wait().ok();
    assert!(namespace.get("", "ConfigMap", "a").is_some());
}

#[test]
fn a_dry_run_is_no_write() {
    let namespace = TestCluster::get().namespace_named("t-proxy");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    create(&proxy, namespace.name(), "a")
        .arg("--dry-run=server")
        .run()
        .ok();
    assert!(proxy.writes().is_empty() && !proxy.requests().is_empty());
}

#[test]
fn the_same_seed_plays_the_same_faults() {
    let namespace = TestCluster::get().namespace_named("t-proxy");
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let seen = |seed: u64| {
        proxy.forget();
        proxy.play(Some(Faults {
            seed,
            throttled: 30,
            reset: 30,
            ..Faults::default()
        }));
        for name in ["a", "b", "c"] {
            create(&proxy, namespace.name(), name)
                .arg("--dry-run=server")
                .arg("--validate=false")
                .run();
        }
        proxy
            .requests()
            .iter()
            .map(|request| request.code)
            .collect::<Vec<_>>()
    };
    assert_eq!(seen(7), seen(7));
}
