//! Where a use case looks and acts: a client to a cluster, a namespace, and where an object is reached in it.

use super::{CommandError, ErrorKind};
use crate::cluster::{self, Cluster, ConnectionOptions};
use crate::model::environment::EnvironmentSpec;
use crate::model::k8s::kinds::built_in;
use crate::model::{ClusterIdentity, Gvk, Object, ResourceType, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A cluster, and the namespace in which a release is at home.
#[derive(Clone)]
pub struct Scope {
    /// The client to the cluster.
    pub cluster: Arc<dyn Cluster>,
    /// Release namespace: that of objects that name none.
    pub home: String,
}

impl Scope {
    /// The given namespace, else that of the context.
    pub fn new(cluster: Arc<dyn Cluster>, namespace: Option<&str>) -> Self {
        let home = namespace
            .unwrap_or_else(|| cluster.default_namespace())
            .to_owned();
        Self { cluster, home }
    }

    /// The cluster and the release namespace, as a user knows them.
    pub fn identity(&self) -> ClusterIdentity {
        self.cluster.identity(&self.home)
    }

    /// Connects as the options say. Sends no request by itself.
    ///
    /// # Errors
    ///
    /// Where the kubeconfig is missing or wrong, or does not have what the options name.
    pub async fn connect(options: &ConnectionOptions) -> Result<Self, CommandError> {
        let cluster = cluster::connect(options).await?;
        Ok(Self::new(cluster, options.namespace.as_deref()))
    }

    /// Connects to where an environment's release belongs: the options win over the environment's file.
    ///
    /// # Errors
    ///
    /// As for [`Scope::connect`], of the context that the environment names.
    pub async fn connect_for(
        options: &ConnectionOptions,
        environment: &EnvironmentSpec,
    ) -> Result<Self, CommandError> {
        Self::connect(&add_environment(options.clone(), environment)).await
    }
}

/// An error where a namespace does not exist. One that may not be read may be there.
///
/// # Errors
///
/// Where the API server says that there is no such namespace.
pub async fn check_namespace(cluster: &dyn Cluster, name: &str) -> Result<(), CommandError> {
    let Some(kind) = built_in("", "Namespace") else {
        return Ok(());
    };
    match cluster.get(&Target::new(&kind, None, name)).await {
        Ok(None) => {
            let message = format!("namespace {name} does not exist");
            Err(CommandError::usage(message).with_hint("kubectl get namespaces"))
        }
        _ => Ok(()),
    }
}

/// Options with what an environment's file says, where no flag says otherwise.
fn add_environment(mut options: ConnectionOptions, environment: &EnvironmentSpec) -> ConnectionOptions {
    // Nothing else of the file decides whom a command speaks to: it holds no credentials.
    options.context = options.context.or_else(|| environment.context.clone());
    options.namespace = options.namespace.or_else(|| environment.namespace.clone());
    options
}

/// An object's target; `home` is the namespace of one that names none.
///
/// # Errors
///
/// Where the cluster does not serve the object's kind.
pub fn target(
    kinds: &BTreeMap<Gvk, ResourceType>,
    object: &Object,
    home: Option<&str>,
) -> Result<Target, CommandError> {
    let gvk = object.gvk();
    let kind = kinds.get(&gvk).ok_or_else(|| not_served(kinds, &gvk))?;
    Ok(Target::new(kind, object.namespace().or(home), object.name()))
}

fn not_served(kinds: &BTreeMap<Gvk, ResourceType>, gvk: &Gvk) -> CommandError {
    let (api_version, kind) = (gvk.api_version(), &gvk.kind);
    let others = kinds
        .keys()
        .filter(|one| one.group == gvk.group && one.kind == *kind);
    let others: Vec<String> = others.map(Gvk::api_version).collect();

    let message = format!("kind {api_version} {kind} is not served by the API server");
    if others.is_empty() {
        return CommandError::new(ErrorKind::Refused, message)
            .with_hint("install its CustomResourceDefinition, or add it to the release");
    }
    let others = others.join(", ");
    CommandError::new(ErrorKind::Refused, format!("{message}, only {others}")).with_hint(format!(
        "set apiVersion: {others} in the manifests, and record the release again"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flag_wins_over_the_environments_file() {
        let flags = ConnectionOptions {
            namespace: Some("mine".into()),
            ..ConnectionOptions::default()
        };
        let environment = EnvironmentSpec {
            context: Some("prod".into()),
            namespace: Some("shop".into()),
            ..EnvironmentSpec::default()
        };

        let merged = add_environment(flags, &environment);

        assert_eq!(
            (merged.context.as_deref(), merged.namespace.as_deref()),
            (Some("prod"), Some("mine"))
        );
    }
}
