//! Connections that break, and versions that are too old: nothing is missed and nothing is invented.

use super::stream::{Watching, is_about};
use crate::harness::{Faults, KillProxy, TestCluster};
use crate::screens::stage::{Stage, config, web};

#[test]
fn a_watch_that_is_cut_goes_on_and_what_changed_meanwhile_is_reported() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), web("1.0.0")]);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let watching = Watching::start_through(&proxy, &stage, "");
    watching.settle();

    for currency in ["USD", "CHF", "JPY"] {
        proxy.cut_watches();
        let patch =
            format!(r#"patch configmap settings --type merge -p {{"data":{{"currency":"{currency}"}}}}"#);
        stage.kubectl(&patch);
        let opened = || watching.open() == ["ConfigMap settings /data/currency"];
        assert!(crate::harness::until(60, opened), "{:?}", watching.lines());
        proxy.cut_watches();
        stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"EUR"}}"#);
        let closed = || watching.open().is_empty();
        assert!(crate::harness::until(60, closed), "{:?}", watching.lines());
    }
    assert_eq!(watching.named("driftOpened").len(), 3);
}

#[test]
fn a_version_that_is_too_old_is_listed_again_and_what_changed_meanwhile_is_reported() {
    let stage = Stage::new();
    stage.promoted("1.4.1", &[config("settings", "EUR"), config("flags", "on")]);
    let proxy = KillProxy::start(&TestCluster::get().kubeconfig);
    let watching = Watching::start_through(&proxy, &stage, "");
    watching.settle();

    proxy.play(Some(Faults {
        seed: 1,
        expired: 100,
        ..Faults::default()
    }));
    proxy.cut_watches();
    stage.kubectl(r#"patch configmap settings --type merge -p {"data":{"currency":"USD"}}"#);
    stage.kubectl("delete configmap flags");
    watching.wait_for("driftOpened", is_about("ConfigMap settings /data/currency"));
    watching.wait_for("driftOpened", is_about("ConfigMap flags missing"));
    proxy.play(None);
}
