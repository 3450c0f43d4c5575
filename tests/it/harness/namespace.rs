//! A namespace per test.

use super::{TestCluster, User, blocking, unique};
use kubectl_delivery::testing::cluster::{Cluster, WriteOptions};
use kubectl_delivery::testing::model::k8s::kinds::built_in;
use kubectl_delivery::testing::model::plan::Propagation;
use kubectl_delivery::testing::model::{Object, Target};
use serde_json::{Value, json};
use std::fmt;
use std::process::Command;
use std::time::{Duration, Instant};

/// A namespace with a name of its own, deleted when it is dropped, after a panic too.
pub struct Namespace {
    cluster: TestCluster,
    name: String,
    uid: String,
}

impl Namespace {
    /// Creates it, and waits for its ServiceAccount, without which no pod starts.
    pub fn create(cluster: &TestCluster, prefix: &str) -> Self {
        let name = format!("{prefix}-{}", unique());
        let object = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let uid = blocking(async {
            let client = cluster.connect().await;
            let made = client.create(&target(&name), &object, &options()).await;
            let made = made.unwrap_or_else(|error| panic!("cannot create the namespace {name}: {error}"));
            wait_for_account(&*client, &name).await;
            made.object.uid().to_owned()
        });
        Self {
            cluster: cluster.clone(),
            name,
            uid,
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// kubectl as administrator, in this namespace.
    pub fn kubectl(&self) -> Command {
        let mut command = self.cluster.kubectl();
        command.arg("--namespace").arg(&self.name);
        command
    }

    /// A user whose rights are what the test says, and nothing else.
    pub fn user(&self, name: &str) -> User<'_> {
        User::new(&self.cluster, &self.name, name)
    }

    /// Creates an object here as kubectl would, by a server-side apply of the manager `test`.
    pub fn apply(&self, object: Value) -> Object {
        let object = Object::new(object).unwrap_or_else(|error| panic!("{error}"));
        let gvk = object.gvk();
        let kind = kubectl_delivery::testing::model::k8s::kinds::well_known(&gvk)
            .unwrap_or_else(|| panic!("{} is not in the table of well-known kinds", gvk.kind));
        let target = Target::new(&kind, Some(&self.name), object.name());
        let options = kubectl_delivery::testing::cluster::ApplyOptions {
            manager: "test".into(),
            force: true,
            dry_run: false,
            not_after: None,
        };
        blocking(async {
            let client = self.cluster.connect().await;
            let applied = client.apply(&target, object.value(), &options).await;
            applied
                .unwrap_or_else(|error| panic!("cannot apply {target}: {error}"))
                .object
        })
    }

    /// A ResourceQuota named `small`, which holds. The server enforces none that its controller has not looked at; that one
    /// pauses for half a minute whenever a kind comes or goes.
    pub fn quota(&self, hard: Value) {
        let mut small =
            serde_json::json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "small"}});
        small["spec"]["hard"] = hard;
        self.apply(small);
        let start = Instant::now();
        while self
            .get("", "ResourceQuota", "small")
            .is_none_or(|quota| quota.at("/status/used").is_none())
        {
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "the quota is never looked at"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Reads an object of a built-in kind; none where it is not there.
    pub fn get(&self, group: &str, kind: &str, name: &str) -> Option<Object> {
        let kind = built_in(group, kind).unwrap_or_else(|| panic!("{kind} is not a built-in kind"));
        let target = Target::new(&kind, Some(&self.name), name);
        blocking(async {
            let client = self.cluster.connect().await;
            client
                .get(&target)
                .await
                .unwrap_or_else(|error| panic!("cannot read {target}: {error}"))
        })
    }
}

impl fmt::Display for Namespace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let options = kubectl_delivery::testing::cluster::DeleteOptions {
            uid: self.uid.clone(),
            resource_version: None,
            propagation: Propagation::Background,
            dry_run: false,
            not_after: None,
        };
        blocking(async {
            let client = self.cluster.connect().await;
            if let Err(error) = client.delete(&target(&self.name), &options).await {
                eprintln!("the namespace {} stays: {error}", self.name);
            }
        });
    }
}

async fn wait_for_account(client: &dyn Cluster, namespace: &str) {
    let account = Target::new(
        &built_in("", "ServiceAccount").unwrap(),
        Some(namespace),
        "default",
    );
    let start = Instant::now();
    while client
        .get(&account)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
        .is_none()
    {
        let waited = start.elapsed();
        assert!(
            waited < Duration::from_secs(20),
            "no ServiceAccount in {namespace} after {waited:?}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

fn target(name: &str) -> Target {
    Target::new(&built_in("", "Namespace").unwrap(), None, name)
}

fn options() -> WriteOptions {
    WriteOptions {
        manager: "test".into(),
        dry_run: false,
        not_after: None,
    }
}
