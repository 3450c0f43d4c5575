//! Servers and files that would fill the memory or never end: each is given up with a clear error, in bounded memory.

use crate::harness::{TestCluster, blocking, delivery, measured};
use crate::registries::fake::{Fake, Reply};
use kubectl_delivery::testing::cluster::{
    ApiError, ConnectionOptions, ListRequest, WatchRequest, connect, paged,
};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

fn in_folder(folder: &Path, words: &[&str]) -> Command {
    let mut command = delivery(&TestCluster::get().tools);
    command.current_dir(folder).args(words);
    command
}

/// A kubeconfig for this server, in a folder of its own.
fn kubeconfig_of(server: &Fake) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let text = format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: 'http://{}'}}}}]\n\
         contexts: [{{name: c, context: {{cluster: c, user: u}}}}]\nusers: [{{name: u, user: {{}}}}]\n",
        server.host
    );
    std::fs::write(folder.path().join("config"), text).unwrap();
    folder
}

#[test]
fn an_api_server_whose_answers_have_no_end_is_given_up_in_bounded_memory() {
    let server = Fake::start(|_| Reply::endless());
    let folder = kubeconfig_of(&server);
    for words in [
        &["version"][..],
        &["status", "shop", "-n", "shop"],
        &["history", "shop", "-n", "shop"],
    ] {
        let mut command = in_folder(folder.path(), words);
        let (ran, peak) = measured(command.env("KUBECONFIG", folder.path().join("config")));
        println!("{words:?}: {peak} MiB, {:?}", ran.took);
        assert!(ran.code.is_some_and(|code| code != 0), "{ran:?}");
        assert!(
            ran.stderr
                .contains("the response of the API server has more than 96 MiB"),
            "{}",
            ran.stderr
        );
        assert!(ran.stderr.contains("kubectl cluster-info"), "{}", ran.stderr);
        assert!(peak < 512, "{peak} MiB");
    }
}

fn options_for(folder: &tempfile::TempDir) -> ConnectionOptions {
    ConnectionOptions {
        kubeconfig: Some(folder.path().join("config")),
        ..ConnectionOptions::default()
    }
}

#[test]
fn a_list_whose_pages_have_no_end_is_given_up() {
    let page = |token: &str| {
        format!(r#"{{"kind":"PodList","apiVersion":"v1","metadata":{{"continue":"{token}"}},"items":[]}}"#)
    };
    let count = AtomicU32::new(0);
    let ever_new =
        Fake::start(move |_| Reply::new(200, page(&count.fetch_add(1, Ordering::Relaxed).to_string())));
    let the_same = Fake::start(move |_| Reply::new(200, page("again")));
    for (server, expected) in [
        (ever_new, "more than 4000 pages"),
        (the_same, "the same page was returned again"),
    ] {
        let folder = kubeconfig_of(&server);
        let error = blocking(async {
            let client = connect(&options_for(&folder)).await.unwrap();
            let request = ListRequest::all(&built_in("", "Pod").unwrap(), Some("shop"));
            paged(&*client, request, drop).await.unwrap_err()
        });
        assert_eq!(
            error.to_string(),
            format!("the list of pods does not end: {expected}")
        );
    }
}

#[test]
fn an_event_of_a_watch_that_has_no_end_is_given_up() {
    let server = Fake::start(|_| Reply::endless());
    let folder = kubeconfig_of(&server);
    let error = blocking(async {
        use futures::StreamExt;
        let client = connect(&options_for(&folder)).await.unwrap();
        let request = WatchRequest {
            resource: built_in("", "Pod").unwrap(),
            namespace: Some("shop".into()),
            labels: String::new(),
            fields: String::new(),
            resource_version: "1".into(),
            timeout_seconds: 60,
        };
        let mut events = client.watch(&request).await.unwrap();
        let first = tokio::time::timeout(Duration::from_secs(30), events.next()).await;
        first.expect("it is given up in time").unwrap().unwrap_err()
    });
    assert!(matches!(error, ApiError::TooLarge { mib: 32, .. }), "{error}");
}

#[test]
fn a_json_file_of_twenty_million_values_is_refused_in_bounded_memory() {
    let folder = tempfile::tempdir().unwrap();
    let items = "{},".repeat(20_000_000);
    let release = format!(
        r#"{{"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release", "metadata": {{"name": "shop", "version": "1"}}, "spec": {{"objects": [{items}{{}}]}}}}"#
    );
    std::fs::write(folder.path().join("r.json"), &release).unwrap();
    std::fs::write(
        folder.path().join("in.json"),
        format!(r#"{{"kind": "List", "items": [{items}{{}}]}}"#),
    )
    .unwrap();
    std::fs::write(folder.path().join("r.json.a.intoto.json"), "{}").unwrap();
    let record = [
        "record",
        "-f",
        "in.json",
        "--name",
        "shop",
        "--version",
        "1",
        "--offline",
        "-o",
        "out.yaml",
    ];
    let promote = ["promote", "--plan", "in.json", "r.json", "-y"];
    for words in [&["show", "r.json"][..], &record, &promote] {
        let mut command = in_folder(folder.path(), words);
        let (ran, peak) = measured(command.env("KUBECONFIG", &TestCluster::get().kubeconfig));
        println!("{words:?}: {peak} MiB, {:?}", ran.took);
        assert!(ran.code.is_some_and(|code| code == 1 || code == 2), "{ran:?}");
        let expected = "more than 2000000 values in one file";
        assert!(ran.stderr.contains(expected), "{words:?}: {}", ran.stderr);
        assert!(peak < 512, "{peak} MiB");
    }
}

#[test]
fn an_expression_that_doubles_a_value_is_refused_and_says_where_it_stands() {
    let folder = tempfile::tempdir().unwrap();
    let release = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Release\nmetadata: {name: shop, version: '1'}\nspec:\n  objects:\n  - {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n";
    std::fs::write(folder.path().join("r.yaml"), release).unwrap();
    let text = format!("size(['x']{}) > 0", ".map(s, s + s)".repeat(28));
    let list = format!("size([[1]]{}) > 0", ".map(s, s + s)".repeat(28));
    for bomb in [&text, &list] {
        for spec in [
            format!("  differences:\n  - target: {{}}\n    reason: r\n    when: \"{bomb}\"\n"),
            format!("  healthChecks:\n  - kind: A\n    group: a.b\n    current: \"{bomb}\"\n"),
            format!(
                "  gates:\n  - name: g\n    prometheus: {{url: 'http://a', query: q, condition: \"{bomb}\"}}\n"
            ),
        ] {
            let header =
                "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: e}\nspec:\n";
            std::fs::write(folder.path().join("e.yaml"), format!("{header}{spec}")).unwrap();
            let (ran, peak) = measured(&mut in_folder(
                folder.path(),
                &["compare", "r.yaml", "-e", "e.yaml"],
            ));
            let ran = ran.exits(2);
            assert!(ran.stderr.contains("can take too much memory"), "{}", ran.stderr);
            assert!(ran.stderr.contains("e.yaml:"), "{}", ran.stderr);
            assert!(peak < 128, "{peak} MiB");
        }
    }
}
