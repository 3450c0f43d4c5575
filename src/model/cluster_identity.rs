//! Which cluster and namespace a command works on, as its user knows them: by the kubeconfig's context and the API server.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A cluster and the release namespace in it.
// A durable field of plans and histories: names stay.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClusterIdentity {
    /// The kubeconfig's context; none where the server alone was named, and in a pod.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<String>,
    /// Whether the connection is that of the pod's ServiceAccount.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_cluster: bool,
    /// URL of the API server, without credentials and query.
    pub server: String,
    /// Release namespace.
    pub namespace: String,
}

impl ClusterIdentity {
    /// The cluster alone: `context prod-eu (https://…)`.
    pub fn cluster(&self) -> String {
        let Self { context, server, .. } = self;
        match context {
            Some(context) => format!("context {context} ({server})"),
            None if self.in_cluster => format!("the cluster of this pod ({server})"),
            None => format!("the cluster at {server}"),
        }
    }
}

/// `namespace shop of context prod-eu (https://…)`.
impl fmt::Display for ClusterIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "namespace {} of {}", self.namespace, self.cluster())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_cluster_is_named_by_its_context_else_by_how_it_is_reached() {
        let identity = |context: Option<&str>, in_cluster| ClusterIdentity {
            context: context.map(Into::into),
            in_cluster,
            server: "https://k8s".into(),
            namespace: "shop".into(),
        };

        let texts = [(Some("prod"), false), (None, true), (None, false)]
            .map(|(context, in_cluster)| identity(context, in_cluster).to_string());
        assert_eq!(
            texts,
            [
                "namespace shop of context prod (https://k8s)",
                "namespace shop of the cluster of this pod (https://k8s)",
                "namespace shop of the cluster at https://k8s",
            ]
        );

        // What is not known is left out, not null.
        let fields = json!({"server": "https://k8s", "namespace": "shop"});
        assert_eq!(json!(identity(None, false)), fields);
        let pod = json!({"inCluster": true, "server": "https://k8s", "namespace": "shop"});
        assert_eq!(
            serde_json::from_value::<ClusterIdentity>(pod).unwrap(),
            identity(None, true)
        );
    }
}
