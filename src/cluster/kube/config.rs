//! Flags, kubeconfig and surroundings → the client library's configuration and the credentials.
//!
//! Flags win over the kubeconfig, and the kubeconfig over a pod's ServiceAccount. What cannot work is named
//! here, before any request: a server would answer it with a bare 401, and a connection would merely break.
//! What kubectl refuses in a kubeconfig is refused too (`checks`).

use super::authority::{authority, check_certificate};
use super::checks::{check_cluster, check_user};
use super::credentials::Credentials;
use super::flags::{impersonation, join_lines, override_with_flags};
use super::kubeconfig::{self, Chosen};
use super::plugin::Plugin;
use super::process_env::ProcessEnv;
use super::proxy::{proxy_for, without_credentials};
use crate::cluster::{ConnectError, ConnectionOptions};
use crate::model::ClusterIdentity;
use http::Uri;
use kube::Config;
use kube::config::{AuthInfo, ExecAuthCluster};
use std::path::Path;
use std::time::Duration;

/// Limit of a unary request where no flag gives one.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(30);
/// Limit of making a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// Everything that is needed to send a first request.
pub(super) struct ConnectionSettings {
    /// For the client library; without tokens and plugins, which are ours.
    pub config: Config,
    /// What the Authorization header is made of.
    pub credentials: Credentials,
    /// The kubeconfig's user, for messages.
    pub user_name: String,
    /// The cluster as its user knows it, and the namespace of flags and kubeconfig.
    pub identity: ClusterIdentity,
    /// Limit of one unary request, its retries included.
    pub timeout: Duration,
}

/// Reads everything. Runs no program and sends nothing.
pub(super) fn settings(
    options: &ConnectionOptions,
    env: &ProcessEnv,
) -> Result<ConnectionSettings, ConnectError> {
    let kubeconfig = kubeconfig::read_files(options, env)?;

    let is_empty = kubeconfig
        .as_ref()
        .is_none_or(|config| config.contexts.is_empty() && config.clusters.is_empty());
    // Whoever names a context, a server or a file means no pod's ServiceAccount, even where there is one.
    if is_empty && options.context.is_none() && options.server.is_none() && options.kubeconfig.is_none() {
        return in_cluster(options, env);
    }

    let chosen = kubeconfig::choose(options, &kubeconfig.unwrap_or_default())?;
    from_kubeconfig(options, env, chosen)
}

fn from_kubeconfig(
    options: &ConnectionOptions,
    env: &ProcessEnv,
    mut chosen: Chosen,
) -> Result<ConnectionSettings, ConnectError> {
    // Flags first: what is checked is what will count, and not what the file alone says.
    override_with_flags(options, &mut chosen);
    join_lines(&mut chosen);
    check_cluster(&chosen.cluster)?;
    check_user(&chosen.user, &chosen.user_name)?;

    let cluster = &chosen.cluster;
    let server = server_url(cluster.server.as_deref().unwrap_or_default())?;

    let mut config = Config::new(server.clone());
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    // An authority beside it was refused above, unless it is empty.
    config.root_cert = if config.accept_invalid_certs {
        None
    } else {
        authority(
            cluster.certificate_authority_data.as_deref(),
            cluster.certificate_authority.as_deref(),
        )?
    };
    config.tls_server_name = cluster.tls_server_name.clone().filter(|name| !name.is_empty());
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.proxy_url = proxy_for(&server, cluster.proxy_url.as_deref(), env)?;

    check_certificate(&chosen.user, &chosen.user_name)?;
    // It takes tokens and plugins out of the user: what is left is for the client library.
    let credentials = credentials(options, &mut chosen)?;
    config.auth_info = chosen.user;

    config.default_namespace = options
        .namespace
        .clone()
        .or(chosen.namespace)
        .unwrap_or_else(|| "default".to_owned());
    let mut settings = finish(options, config, credentials, chosen.user_name);
    settings.identity.context = chosen.context;
    Ok(settings)
}

/// A pod's ServiceAccount, where there is no kubeconfig.
fn in_cluster(options: &ConnectionOptions, env: &ProcessEnv) -> Result<ConnectionSettings, ConnectError> {
    let mount = &env.service_account;
    let token = mount.join("token");
    // The variables stand in every pod, also in one that mounts no token.
    let Some((host, port)) = env.service.as_ref().filter(|_| token.exists()) else {
        let files = kubeconfig::candidates(env);
        let looked_at = files
            .iter()
            .map(|file| file.display().to_string())
            .collect::<Vec<_>>()
            .join(", ");
        return Err(ConnectError::NoConfiguration { looked_at });
    };

    // An IPv6 service has its address without brackets.
    let host = if host.contains(':') {
        format!("[{host}]")
    } else {
        host.clone()
    };
    let server = server_url(&format!("https://{host}:{port}"))?;

    let mut config = Config::new(server.clone());
    let ca = mount.join("ca.crt");
    config.root_cert = authority(None, ca.to_str())?;
    // By its path as well: the client library reads it again, for a cluster's authority may be replaced.
    config.root_cert_file = Some(ca);
    config.proxy_url = proxy_for(&server, None, env)?;
    config.auth_info = impersonation(options, AuthInfo::default());

    // A pod whose token is projected by hand may have no such file.
    let namespace = std::fs::read_to_string(mount.join("namespace")).unwrap_or_default();
    let namespace = Some(namespace.trim().to_owned()).filter(|name| !name.is_empty());
    config.default_namespace = options
        .namespace
        .clone()
        .or(namespace)
        .unwrap_or_else(|| "default".to_owned());

    let credentials = match &options.token {
        Some(token) => Credentials::token(token)?,
        None => Credentials::file(&token)?,
    };
    let user_name = "the pod's ServiceAccount".to_owned();
    let mut settings = finish(options, config, credentials, user_name);
    settings.identity.in_cluster = true;
    Ok(settings)
}

fn finish(
    options: &ConnectionOptions,
    mut config: Config,
    credentials: Credentials,
    user_name: String,
) -> ConnectionSettings {
    let timeout = options.request_timeout.unwrap_or(DEFAULT_TIMEOUT);
    config.connect_timeout = Some(CONNECT_TIMEOUT.min(timeout));

    // Ours are few, bounded and logged.
    config.default_retry = false;

    // On one machine, packing costs more than the bytes that it saves.
    config.disable_compression |= config.cluster_url.host().is_some_and(is_loopback);

    let identity = ClusterIdentity {
        context: None,
        in_cluster: false,
        server: public_url(&config.cluster_url),
        namespace: config.default_namespace.clone(),
    };
    ConnectionSettings {
        config,
        credentials,
        user_name,
        identity,
        timeout,
    }
}

/// Where the server is, and nothing of who asks it: this stands in outputs and in the history.
fn public_url(url: &Uri) -> String {
    let scheme = url.scheme_str().unwrap_or_default();
    let host = url.host().unwrap_or_default();
    let port = url.port_u16().map(|port| format!(":{port}")).unwrap_or_default();
    let path = url.path().trim_end_matches('/');
    format!("{scheme}://{host}{port}{path}")
}

fn is_loopback(host: &str) -> bool {
    let address: Result<std::net::IpAddr, _> = host.trim_matches(['[', ']']).parse();
    host == "localhost" || address.is_ok_and(|address| address.is_loopback())
}

/// Takes tokens, token files and plugins out of the user: they are sent by us, and asked again on a 401.
fn credentials(options: &ConnectionOptions, chosen: &mut Chosen) -> Result<Credentials, ConnectError> {
    let user = &mut chosen.user;
    let token = user.token.take();
    let file = user.token_file.take();
    let plugin = user.exec.take();

    // The flag wins over the file, the written token and the plugin alike.
    if let Some(token) = &options.token {
        return Credentials::token(token);
    }

    use secrecy::ExposeSecret;
    let token = token.filter(|token| !token.expose_secret().is_empty());
    let from_file = file
        .filter(|file| !file.is_empty())
        .map(|file| Credentials::file(Path::new(&file)));
    // As client-go: the file's token, which may rotate, and the written one where the file cannot be read.
    match (from_file, token) {
        (Some(Ok(credentials)), _) => return Ok(credentials),
        (_, Some(token)) => return Credentials::token(token.expose_secret()),
        (Some(Err(error)), None) => return Err(error),
        (None, None) => {}
    }

    let Some(plugin) = plugin else {
        return Ok(Credentials::none());
    };

    let cluster = if plugin.provide_cluster_info {
        Some(
            ExecAuthCluster::try_from(&chosen.cluster).map_err(|error| ConnectError::BadCertificate {
                what: "the certificate authority",
                origin: "the kubeconfig".into(),
                why: error.to_string(),
            })?,
        )
    } else {
        None
    };

    Ok(Credentials::plugin(Plugin {
        config: plugin,
        cluster,
        user: chosen.user_name.clone(),
        // Longer than a request's own default: a plugin may speak to an identity provider of its own.
        limit: options.request_timeout.unwrap_or(Duration::from_secs(60)),
    }))
}

fn server_url(text: &str) -> Result<Uri, ConnectError> {
    let bad = |why: &str| ConnectError::BadUrl {
        what: "the API server",
        url: without_credentials(text),
        why: why.into(),
    };
    if text.is_empty() {
        return Err(bad("the cluster of the kubeconfig has no server"));
    }
    // kubectl speaks plain HTTP to such a one, which nobody means.
    if !text.contains("://") {
        return Err(bad("it has no scheme, such as https://"));
    }

    let uri: Uri = text
        .parse()
        .map_err(|error: http::uri::InvalidUri| bad(&error.to_string()))?;
    match (uri.scheme_str(), uri.host()) {
        (Some("https" | "http"), Some(host)) if !host.is_empty() => Ok(uri),
        _ => Err(bad("only https and http are supported")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(folder: &Path) -> ProcessEnv {
        let certificate = rcgen::generate_simple_self_signed(vec!["a".into()])
            .unwrap()
            .cert
            .pem();

        std::fs::write(folder.join("token"), "hunter2\n").unwrap();
        std::fs::write(folder.join("ca.crt"), certificate).unwrap();
        std::fs::write(folder.join("namespace"), "shop\n").unwrap();

        ProcessEnv {
            service: Some(("10.0.0.1".into(), "443".into())),
            service_account: folder.to_owned(),
            ..Default::default()
        }
    }

    #[tokio::test]
    async fn a_pods_service_account_counts_where_there_is_no_kubeconfig() {
        let folder = tempfile::tempdir().unwrap();
        let settings = settings(&ConnectionOptions::default(), &pod(folder.path())).unwrap();

        assert_eq!(settings.identity.server, "https://10.0.0.1:443");
        assert_eq!(
            (settings.identity.context, settings.identity.in_cluster),
            (None, true)
        );
        assert_eq!(settings.config.default_namespace, "shop");

        let header = settings.credentials.grant().await.unwrap().header.unwrap();
        assert_eq!(header, "Bearer hunter2");
        // The HTTP stack's own logs leave such a header out.
        assert!(header.is_sensitive());
    }

    #[test]
    fn a_flag_wins_over_the_pods_namespace_and_an_ipv6_service_gets_its_brackets() {
        let folder = tempfile::tempdir().unwrap();
        let env = ProcessEnv {
            service: Some(("fd00::1".into(), "6443".into())),
            ..pod(folder.path())
        };
        let options = ConnectionOptions {
            namespace: Some("mine".into()),
            ..Default::default()
        };

        let settings = settings(&options, &env).unwrap();
        assert_eq!(settings.config.default_namespace, "mine");
        assert_eq!(settings.identity.server, "https://[fd00::1]:6443");
    }

    #[test]
    fn a_kubeconfig_wins_over_the_pod() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config");
        let text = "clusters: [{name: a, cluster: {server: 'https://a.example.com'}}]\n\
            contexts: [{name: a, context: {cluster: a}}]\ncurrent-context: a\n";
        std::fs::write(&file, text).unwrap();
        // The pod's token is there as well, in the same folder.
        let env = ProcessEnv {
            kubeconfig: vec![file],
            ..pod(folder.path())
        };

        let settings = settings(&ConnectionOptions::default(), &env).unwrap();
        assert_eq!(settings.identity.server, "https://a.example.com");
        assert_eq!(
            (settings.identity.context.as_deref(), settings.identity.in_cluster),
            (Some("a"), false)
        );
    }

    #[test]
    fn a_server_flag_is_enough_without_any_kubeconfig() {
        let server = |text: &str| {
            let options = ConnectionOptions {
                server: Some(text.into()),
                ..Default::default()
            };
            settings(&options, &ProcessEnv::default()).map(|settings| settings.identity.server)
        };

        let url = "https://a.example.com:6443";
        assert_eq!(server(url).map_err(|error| error.to_string()), Ok(url.to_owned()));
        // What says who asks, or how, is nobody's to read.
        let secret = "https://me:hunter2@[fd00::1]:6443/k8s/clusters/a/?token=hunter2";
        assert_eq!(
            server(secret).ok().as_deref(),
            Some("https://[fd00::1]:6443/k8s/clusters/a")
        );
        assert!(server("a.example.com:6443").is_err_and(|error| error.to_string().contains("no scheme")));
    }

    #[test]
    fn a_server_that_is_no_url_is_shown_without_its_password() {
        let options = ConnectionOptions {
            server: Some("ftp://me:hunter2@a".into()),
            ..Default::default()
        };

        let Err(error) = settings(&options, &ProcessEnv::default()) else {
            panic!()
        };

        assert!(
            error.to_string().contains("ftp://a") && !error.to_string().contains("hunter2"),
            "{error}"
        );
    }
}
