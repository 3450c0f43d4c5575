//! How a cluster is reached, as plain data.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// What flags say about the connection; the kubeconfig or the pod's ServiceAccount say the rest.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct ConnectionOptions {
    /// The one kubeconfig file to read; else KUBECONFIG's, else `~/.kube/config`, else the pod's ServiceAccount.
    pub kubeconfig: Option<PathBuf>,
    /// Context.
    pub context: Option<String>,
    /// Cluster, instead of the context's.
    pub cluster: Option<String>,
    /// User, instead of the context's.
    pub user: Option<String>,
    /// Namespace, instead of the context's.
    pub namespace: Option<String>,
    /// URL of the API server.
    pub server: Option<String>,
    /// Bearer token.
    pub token: Option<String>,
    /// User to impersonate.
    pub impersonate: Option<String>,
    /// Groups to impersonate.
    pub impersonate_groups: Vec<String>,
    /// UID to impersonate.
    pub impersonate_uid: Option<String>,
    /// Limit of one unary request; the implementation's default where none.
    pub request_timeout: Option<Duration>,
    /// Whether the server's certificate is not checked.
    pub insecure_skip_tls_verify: bool,
    /// File with the certificate authority.
    pub certificate_authority: Option<PathBuf>,
    /// File with the client certificate.
    pub client_certificate: Option<PathBuf>,
    /// File with the client key.
    pub client_key: Option<PathBuf>,
    /// Name to check the server's certificate for.
    pub tls_server_name: Option<String>,
}

/// Without the token.
impl fmt::Debug for ConnectionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What says where requests go, and nothing of who asks: this ends up in logs.
        f.debug_struct("ConnectionOptions")
            .field("kubeconfig", &self.kubeconfig)
            .field("context", &self.context)
            .field("namespace", &self.namespace)
            .field("server", &self.server)
            .finish_non_exhaustive()
    }
}
