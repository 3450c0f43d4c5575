//! The real cluster that the tests share.

use super::{Namespace, RUNTIME, delivery};
use kubectl_delivery::testing::cluster::{Cluster, ConnectionOptions, connect};
use serde::Deserialize;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};
use tokio::runtime::Handle;
use tokio::sync::OnceCell;

/// Names the file that describes the shared cluster, where it is not `dev`.
pub const SHARED: &str = "KUBECTL_DELIVERY_TEST_CLUSTER";

/// A cluster that `tests/cluster/cluster.sh` started.
#[derive(Clone, Debug, Deserialize)]
pub struct TestCluster {
    /// Its name.
    pub name: String,
    /// The minor of its Kubernetes, such as `1.33`; unknown of one that is not ours.
    pub kubernetes: Option<String>,
    /// An administrator's kubeconfig.
    pub kubeconfig: PathBuf,
    /// URL of the API server.
    pub server: String,
    /// `host:port` of its registry.
    pub registry: String,
    /// Folder of kubectl, crane and the others.
    pub tools: PathBuf,
    /// Where its files are.
    pub workdir: PathBuf,
    /// Whether all tests share it, and none ends its processes.
    #[serde(skip)]
    is_shared: bool,
}

impl TestCluster {
    /// The shared cluster. Fails with the command to type where there is none.
    pub fn get() -> &'static TestCluster {
        static READ: OnceLock<TestCluster> = OnceLock::new();
        READ.get_or_init(|| {
            let file = std::env::var_os(SHARED).map_or_else(default_file, PathBuf::from);
            Self {
                is_shared: true,
                ..Self::read(&file)
            }
        })
    }

    /// From the JSON that describes it.
    pub fn read(file: &Path) -> TestCluster {
        // Only a second call fails.
        rustls::crypto::ring::default_provider().install_default().ok();
        let text = std::fs::read_to_string(file).unwrap_or_else(|error| {
            panic!(
                "this test needs the test cluster, and {} cannot be read ({error}): make cluster",
                file.display()
            )
        });
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
    }

    /// A new namespace, which goes when it is dropped.
    pub fn namespace(&self) -> Namespace {
        Namespace::create(self, "t")
    }

    /// A new namespace whose name begins with `prefix`.
    pub fn namespace_named(&self, prefix: &str) -> Namespace {
        Namespace::create(self, prefix)
    }

    /// Its context, as kwokctl names it.
    pub fn context(&self) -> String {
        format!("kwok-{}", self.name)
    }

    /// kubectl as administrator.
    pub fn kubectl(&self) -> Command {
        let mut command = Command::new(self.tools.join("kubectl"));
        command
            .arg("--kubeconfig")
            .arg(&self.kubeconfig)
            // It runs for a moment, thousands of times.
            .env("GOGC", "off");
        command
    }

    /// The built program as administrator.
    pub fn delivery(&self) -> Command {
        let mut command = delivery(&self.tools);
        command.env("KUBECONFIG", &self.kubeconfig);
        command
    }

    /// Our own client to it, as administrator.
    pub async fn connect(&self) -> Arc<dyn Cluster> {
        // A handshake costs more than most requests. A connection ends with the runtime that it was opened in.
        static LASTING: OnceCell<Arc<dyn Cluster>> = OnceCell::const_new();
        let lasts = Handle::current().id() == RUNTIME.handle().id();
        let connected = self.connect_with(&self.kubeconfig);
        match self.is_shared && lasts {
            true => LASTING.get_or_init(|| connected).await.clone(),
            false => connected.await,
        }
    }

    /// Our own client to it, by another kubeconfig.
    pub async fn connect_with(&self, kubeconfig: &Path) -> Arc<dyn Cluster> {
        let options = ConnectionOptions {
            kubeconfig: Some(kubeconfig.to_owned()),
            ..Default::default()
        };
        connect(&options).await.unwrap_or_else(|error| panic!("{error}"))
    }
}

fn default_file() -> PathBuf {
    cache().join("clusters").join("dev").join("env.json")
}

fn cache() -> PathBuf {
    let set = |name: &str| {
        std::env::var_os(name)
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    };
    set("KUBECTL_DELIVERY_CACHE")
        .or_else(|| set("XDG_CACHE_HOME").map(|cache| cache.join("kubectl-delivery")))
        .or_else(|| set("HOME").map(|home| home.join(".cache").join("kubectl-delivery")))
        .expect("HOME is not set")
}
