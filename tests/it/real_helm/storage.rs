//! Where helm stores its releases, and what of them is read.

use super::{Place, Version};
use crate::harness::{HELM_VALUE, Run, TestCluster};
use rstest::rstest;

#[rstest]
fn what_the_configmap_driver_stores_is_read(#[values(Version::Three, Version::Four)] version: Version) {
    let place = Place::with_driver(version, "configmap");
    place.release("install", &[]).ok();
    place.release("upgrade", &["--set", "replicas=3"]).ok();
    assert!(
        place
            .kubectl(&["get", "secrets", "-l", "owner=helm", "-o", "name"])
            .is_empty()
    );

    let shown = place.assert_silent("web");
    assert!(shown.contains("revision 2"), "{shown}");
    place.assert_silent("web@2");
    let ran = place.diff("web@1", &["-o", "json"]).exits(1).json();
    assert_eq!(ran["helm"]["revision"], 1);
}

#[rstest]
fn a_user_with_get_on_one_secret_and_view_compares_its_revision(
    #[values(Version::Three, Version::Four)] version: Version,
) {
    let place = Place::installed(version);
    let secrets = ["sh.helm.release.v1.web.v1", "db"];
    let (role, thing) = (place.namespace.name(), format!("{}.example", place.namespace));
    let user = place
        .namespace
        .user("night")
        .with_role("view")
        .may(
            &["get", "list"],
            "rbac.authorization.k8s.io",
            &["roles", "rolebindings"],
        )
        .may(&["get", "list"], &thing, &["things"])
        .may_everywhere(&["get"], "rbac.authorization.k8s.io", &["clusterroles"])
        .may_named(&["get"], "", "secrets", &secrets)
        .ready();
    let diff = |reference: &str| {
        let mut command = TestCluster::get().delivery();
        command.env("KUBECONFIG", user.kubeconfig());
        command.args(["diff", "-n", role, "--helm", reference]).run()
    };

    let ran = diff("web@1").exits(0);
    assert!(ran.stdout.contains("no differences: "), "{}", ran.stdout);
    let ran = diff("web").exits(2);
    assert!(
        ran.stderr.contains("missing permission: list secrets"),
        "{}",
        ran.stderr
    );
}

#[rstest]
fn nothing_of_the_values_is_shown(#[values(Version::Three, Version::Four)] version: Version) {
    let place = Place::installed(version);
    place.kubectl(&["scale", "deployment", "web", "--replicas", "4"]);
    for format in ["text", "json", "yaml", "name", "markdown", "junit", "html"] {
        let ran = place.diff("web", &["-o", format]).exits(1);
        assert!(
            !ran.stdout.contains(HELM_VALUE) && !ran.stderr.contains(HELM_VALUE),
            "{format}"
        );
    }
}
