//! What the process's surroundings say about the connection: read once, so that everything after it can be tested.

use std::path::PathBuf;

/// Environment variables and places that decide how a cluster is reached.
#[derive(Clone, Debug, Default)]
pub(super) struct ProcessEnv {
    /// KUBECONFIG's files, in order.
    pub kubeconfig: Vec<PathBuf>,
    /// The home directory.
    pub home: Option<PathBuf>,
    /// KUBERNETES_SERVICE_HOST and KUBERNETES_SERVICE_PORT: this is a pod.
    pub service: Option<(String, String)>,
    /// Where a pod's ServiceAccount is mounted.
    pub service_account: PathBuf,
    /// HTTPS_PROXY or https_proxy.
    pub https_proxy: Option<String>,
    /// HTTP_PROXY or http_proxy.
    pub http_proxy: Option<String>,
    /// NO_PROXY or no_proxy.
    pub no_proxy: String,
}

impl ProcessEnv {
    /// Those of this process.
    pub fn from_env() -> Self {
        let text = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        // Upper case first, as Go's HTTP client reads them.
        let either = |upper: &str| text(upper).or_else(|| text(&upper.to_lowercase()));

        let files = std::env::var_os("KUBECONFIG").unwrap_or_default();

        Self {
            kubeconfig: std::env::split_paths(&files)
                // `KUBECONFIG=:b` names one file.
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            home: std::env::home_dir(),
            service: text("KUBERNETES_SERVICE_HOST").zip(text("KUBERNETES_SERVICE_PORT")),
            service_account: "/var/run/secrets/kubernetes.io/serviceaccount".into(),
            https_proxy: either("HTTPS_PROXY"),
            http_proxy: either("HTTP_PROXY"),
            no_proxy: either("NO_PROXY").unwrap_or_default(),
        }
    }
}
