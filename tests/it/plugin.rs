//! Credential plugins: run once, asked again when their token ends or is refused, and named when they fail.

use crate::harness::{Namespace, Run, TestCluster, User, delivery};
use kubectl_delivery::testing::cluster::{ApiError, Cluster, ConnectionOptions, connect};
use serde_json::json;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// A plugin that answers with what a file holds and counts its runs.
struct Plugin {
    folder: tempfile::TempDir,
}

impl Plugin {
    fn new(user: &User<'_>) -> Self {
        let plugin = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let folder = plugin.folder.path().display().to_string();
        let script = plugin.file("give-token");
        std::fs::write(
            &script,
            format!(
                "#!/bin/sh\necho \"$KUBERNETES_EXEC_INFO $EXTRA\" >> {folder}/runs\ncat {folder}/answer\n"
            ),
        )
        .unwrap();
        std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
        let text = std::fs::read_to_string(user.kubeconfig()).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        config["users"][0]["user"] = json!({"exec": {
            "apiVersion": "client.authentication.k8s.io/v1",
            // Beside the kubeconfig, as kubectl resolves it.
            "command": "./give-token",
            "env": [{"name": "EXTRA", "value": "from-the-kubeconfig"}],
            "interactiveMode": "Never",
            "provideClusterInfo": true,
        }});
        std::fs::write(plugin.kubeconfig(), config.to_string()).unwrap();
        plugin
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn kubeconfig(&self) -> PathBuf {
        self.file("kubeconfig")
    }

    fn answers(&self, token: &str, expires: Option<Duration>) {
        let expires = expires.map(|time| (jiff::Timestamp::now() + time).to_string());
        let answer = json!({
            "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
            "status": {"token": token, "expirationTimestamp": expires},
        });
        std::fs::write(self.file("answer"), answer.to_string()).unwrap();
    }

    fn runs(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("runs")).unwrap_or_default();
        text.lines().map(Into::into).collect()
    }

    async fn connect(&self) -> Arc<dyn Cluster> {
        let options = ConnectionOptions {
            kubeconfig: Some(self.kubeconfig()),
            ..Default::default()
        };
        connect(&options).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

fn namespace() -> Namespace {
    TestCluster::get().namespace_named("t-plugin")
}

#[tokio::test]
async fn a_plugin_runs_once_for_many_requests_and_is_told_of_the_cluster() {
    let namespace = namespace();
    let user = namespace.user("someone").ready();
    let plugin = Plugin::new(&user);
    plugin.answers(&user.token(), Some(Duration::from_secs(3600)));
    let client = plugin.connect().await;
    for _ in 0..5 {
        assert!(client.whoami().await.unwrap().ends_with(":someone"));
    }
    let runs = plugin.runs();
    assert_eq!(runs.len(), 1, "{runs:?}");
    assert!(runs[0].contains("\"certificate-authority-data\"") && runs[0].ends_with("from-the-kubeconfig"));
}

#[tokio::test]
async fn a_token_that_ends_while_we_run_is_asked_for_again() {
    let namespace = namespace();
    let user = namespace.user("someone").ready();
    let plugin = Plugin::new(&user);
    plugin.answers(&user.token(), Some(Duration::from_secs(2)));
    let client = plugin.connect().await;
    client.whoami().await.unwrap();
    assert_eq!(plugin.runs().len(), 1);
    tokio::time::sleep(Duration::from_millis(1200)).await;
    client.whoami().await.unwrap();
    assert_eq!(plugin.runs().len(), 2);
}

#[tokio::test]
async fn a_token_that_the_server_refuses_is_asked_for_again_once() {
    let namespace = namespace();
    let user = namespace.user("someone").ready();
    let plugin = Plugin::new(&user);
    plugin.answers("not-a-token", None);
    let client = plugin.connect().await;
    plugin.answers(&user.token(), None);
    assert!(client.whoami().await.unwrap().ends_with(":someone"));
    assert_eq!(plugin.runs().len(), 2);
    plugin.answers("not-a-token-either", None);
    let other = plugin.connect().await;
    let error = other.whoami().await.unwrap_err();
    assert!(matches!(error, ApiError::Status { code: 401, .. }), "{error}");
    assert_eq!(plugin.runs().len(), 4);
}

#[test]
fn a_plugin_that_is_not_there_is_named_with_what_the_kubeconfig_says_about_it() {
    let namespace = namespace();
    let user = namespace.user("someone").ready();
    let plugin = Plugin::new(&user);
    let change = |exec: serde_json::Value| {
        let text = std::fs::read_to_string(plugin.kubeconfig()).unwrap();
        let mut config: serde_json::Value = serde_json::from_str(&text).unwrap();
        config["users"][0]["user"] = json!({"exec": exec});
        std::fs::write(plugin.kubeconfig(), config.to_string()).unwrap();
        delivery(&TestCluster::get().tools)
            .env("KUBECONFIG", plugin.kubeconfig())
            .arg("version")
            .run()
            .exits(1)
    };
    let ran = change(
        json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "no-such-login",
        "installHint": "brew install no-such-login", "interactiveMode": "IfAvailable"}),
    );
    assert!(
        ran.stderr.contains("credential plugin \"no-such-login\""),
        "{}",
        ran.stderr
    );
    assert!(
        ran.stderr.contains("hint: brew install no-such-login"),
        "{}",
        ran.stderr
    );
    let ran = change(
        json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", "echo please log in first >&2; exit 3"], "interactiveMode": "Never"}),
    );
    assert!(
        ran.stderr.contains("exit status: 3: please log in first"),
        "{}",
        ran.stderr
    );
    let ran = change(
        json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "sh",
        "args": ["-c", "echo hunter2-secret"], "interactiveMode": "Never"}),
    );
    assert!(
        ran.stderr.contains("not an ExecCredential") && !ran.stderr.contains("hunter2"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_plugin_may_give_a_client_certificate() {
    let namespace = namespace();
    let user = namespace.user("someone").ready();
    let plugin = Plugin::new(&user);
    let view = ["config", "view", "--raw", "--flatten", "-o", "json"];
    let admin = TestCluster::get().kubectl().args(view).run().json();
    let decoded = |field: &str| {
        use base64::Engine;
        let text = admin["users"][0]["user"][field].as_str().unwrap();
        String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap()
    };
    let answer = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential",
        "status": {
            "clientCertificateData": decoded("client-certificate-data"), "clientKeyData": decoded("client-key-data"),
        },
    });
    std::fs::write(plugin.file("answer"), answer.to_string()).unwrap();
    let name = crate::harness::blocking(async { plugin.connect().await.whoami().await.unwrap() });
    let expected = TestCluster::get()
        .kubectl()
        .args(["auth", "whoami", "-o", "json"])
        .run()
        .json();
    assert_eq!(name, expected["status"]["userInfo"]["username"].as_str().unwrap());
}
