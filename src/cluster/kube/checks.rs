//! What kubectl refuses in a kubeconfig's cluster and user: of two settings that exclude each other none is guessed.

use crate::cluster::ConnectError;
use kube::config::{AuthInfo, Cluster, ExecConfig};
use secrecy::ExposeSecret;

/// The versions of the plugins' protocol that kubectl speaks.
const PLUGIN_VERSIONS: &[&str] = &["client.authentication.k8s.io/v1", V1BETA1];
/// The one in which `interactiveMode` has a default.
const V1BETA1: &str = "client.authentication.k8s.io/v1beta1";

/// A server's certificate is either checked or not, and by one authority.
pub(super) fn check_cluster(cluster: &Cluster) -> Result<(), ConnectError> {
    let has_file = is_set(cluster.certificate_authority.as_deref());
    let has_data = is_set(cluster.certificate_authority_data.as_deref());
    let bad = |why: &str| ConnectError::BadCertificate {
        what: "the certificate authority",
        origin: "the kubeconfig".into(),
        why: why.into(),
    };

    if cluster.insecure_skip_tls_verify == Some(true) && (has_file || has_data) {
        return Err(bad(
            "insecure-skip-tls-verify and a certificate authority are both set",
        ));
    }
    if has_file && has_data {
        return Err(bad(
            "certificate-authority and certificate-authority-data are both set",
        ));
    }
    Ok(())
}

/// A user has one certificate, one key, one way to prove who it is, and impersonates a user if anything.
pub(super) fn check_user(user: &AuthInfo, name: &str) -> Result<(), ConnectError> {
    let bad = |why: &str| Err(ConnectError::Unusable(format!("user {name:?}: {why}")));
    let secret = |one: &Option<secrecy::SecretString>| is_set(one.as_ref().map(|text| text.expose_secret()));

    if is_set(user.client_certificate.as_deref()) && is_set(user.client_certificate_data.as_deref()) {
        return bad("client-certificate and client-certificate-data are both set");
    }
    if is_set(user.client_key.as_deref()) && secret(&user.client_key_data) {
        return bad("client-key and client-key-data are both set");
    }

    let has_basic = is_set(user.username.as_deref()) || secret(&user.password);
    if secret(&user.token) && has_basic {
        return bad("token and username are both set, and only one of them is allowed");
    }

    let impersonates_more = user.impersonate_uid.is_some()
        || user
            .impersonate_groups
            .as_ref()
            .is_some_and(|groups| !groups.is_empty())
        || user
            .impersonate_user_extra
            .as_ref()
            .is_some_and(|extra| !extra.is_empty());
    // The server refuses these headers where no user is impersonated.
    if impersonates_more && !is_set(user.impersonate.as_deref()) {
        return bad("as-groups, as-uid or as-user-extra is set without as");
    }

    match &user.exec {
        Some(plugin) => check_plugin(plugin).or_else(|why| bad(&why)),
        None => Ok(()),
    }
}

fn check_plugin(plugin: &ExecConfig) -> Result<(), String> {
    let version = plugin.api_version.as_deref().unwrap_or_default();
    if version.is_empty() {
        return Err("exec has no apiVersion".into());
    }
    if !PLUGIN_VERSIONS.contains(&version) {
        return Err(format!(
            "exec.apiVersion: expected {}, found {version:?}",
            PLUGIN_VERSIONS.join(" or ")
        ));
    }

    // Whether a person may be asked is nothing to guess; only the older version has a default.
    if plugin.interactive_mode.is_none() && version != V1BETA1 {
        return Err("exec has no interactiveMode".into());
    }

    let mut variables = plugin.env.iter().flatten();
    if variables.any(|one| !is_set(one.get("name").map(String::as_str))) {
        return Err("exec.env holds a variable without a name".into());
    }
    Ok(())
}

fn is_set(text: Option<&str>) -> bool {
    text.is_some_and(|text| !text.is_empty())
}
