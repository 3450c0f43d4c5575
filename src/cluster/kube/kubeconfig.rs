//! Kubeconfig files → one merged configuration, with errors that name the file.
//!
//! Files are merged and contexts chosen by kubectl's rules, so that both reach the same cluster as the same
//! user. Errors name what there is, and never show a value: it may be a token or a key.

use super::process_env::ProcessEnv;
use crate::cluster::{ConnectError, ConnectionOptions};
use crate::model::plain_words;
use kube::config::{
    AuthInfo, Cluster, Kubeconfig, KubeconfigError, NamedAuthInfo, NamedCluster, NamedContext,
};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Hundreds of clusters with their certificates have less.
const LARGEST: u64 = 16 * 1024 * 1024;

/// The names in the kubeconfig, for completion.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KubeconfigNames {
    /// Contexts.
    pub contexts: Vec<String>,
    /// Clusters.
    pub clusters: Vec<String>,
    /// Users.
    pub users: Vec<String>,
}

/// Reads the names in the kubeconfig; empty where there is none.
pub fn kubeconfig_names(options: &ConnectionOptions) -> Result<KubeconfigNames, ConnectError> {
    let config = read_files(options, &ProcessEnv::from_env())?.unwrap_or_default();
    Ok(KubeconfigNames {
        contexts: config.contexts.into_iter().map(|named| named.name).collect(),
        clusters: config.clusters.into_iter().map(|named| named.name).collect(),
        users: config.auth_infos.into_iter().map(|named| named.name).collect(),
    })
}

/// What the kubeconfig says about the chosen context.
#[derive(Default)]
pub(super) struct Chosen {
    /// The context's name, where there is one.
    pub context: Option<String>,
    /// The cluster.
    pub cluster: Cluster,
    /// The user's name.
    pub user_name: String,
    /// The user.
    pub user: AuthInfo,
    /// The context's namespace.
    pub namespace: Option<String>,
}

/// The files that count, merged: a flag's one file (which must be there), KUBECONFIG's (which may be missing), or the
/// home directory's. None where there is no file at all.
pub(super) fn read_files(
    options: &ConnectionOptions,
    env: &ProcessEnv,
) -> Result<Option<Kubeconfig>, ConnectError> {
    if let Some(file) = &options.kubeconfig {
        return read_file(file).map(Some);
    }

    let mut merged: Option<Kubeconfig> = None;
    for file in candidates(env).iter().filter(|file| file.exists()) {
        // One that is there and broken is an error: passed over, the cluster might be another one.
        let next = read_file(file)?;
        merged = Some(match merged {
            None => next,
            // The first file wins, as with kubectl.
            Some(first) => first.merge(next).map_err(|error| broken(file, &error))?,
        });
    }
    Ok(merged)
}

/// The files that are looked for where no flag names one.
pub(super) fn candidates(env: &ProcessEnv) -> Vec<PathBuf> {
    if env.kubeconfig.is_empty() {
        env.home
            .iter()
            .map(|home| home.join(".kube").join("config"))
            .collect()
    } else {
        env.kubeconfig.clone()
    }
}

fn read_file(file: &Path) -> Result<Kubeconfig, ConnectError> {
    refuse_large(file)?;
    let config = Kubeconfig::read_from(file).map_err(|error| broken(file, &error))?;

    let lists: [(&str, Vec<&String>); 3] = [
        (
            "cluster",
            config.clusters.iter().map(|named| &named.name).collect(),
        ),
        (
            "context",
            config.contexts.iter().map(|named| &named.name).collect(),
        ),
        (
            "user",
            config.auth_infos.iter().map(|named| &named.name).collect(),
        ),
    ];

    for (what, names) in lists {
        let mut seen = BTreeSet::new();
        // Which of two is meant nobody can tell; kubectl refuses the file too.
        if let Some(twice) = names.into_iter().find(|name| !seen.insert(*name)) {
            let why = format!("{what} {twice:?} is defined twice");
            return Err(ConnectError::Broken {
                file: file.to_owned(),
                why,
            });
        }
    }
    Ok(config)
}

/// The client library reads a file to its end.
fn refuse_large(file: &Path) -> Result<(), ConnectError> {
    let Ok(metadata) = std::fs::metadata(file) else {
        // What cannot be looked at cannot be read either, and that error says why.
        return Ok(());
    };
    if metadata.len() <= LARGEST {
        return Ok(());
    }

    let why = format!("larger than {} MiB", LARGEST / 1024 / 1024);
    Err(ConnectError::Unreadable {
        file: file.to_owned(),
        why,
    })
}

fn broken(file: &Path, error: &KubeconfigError) -> ConnectError {
    let file = file.to_owned();
    match error {
        KubeconfigError::ReadConfig(why, _) => ConnectError::Unreadable {
            file,
            why: why.to_string(),
        },
        KubeconfigError::Parse(why) => ConnectError::Broken {
            file,
            why: yaml_error(why),
        },
        KubeconfigError::KindMismatch | KubeconfigError::ApiVersionMismatch => ConnectError::Broken {
            file,
            why: "its kind or apiVersion differs from the other kubeconfig files".into(),
        },
        other => ConnectError::Broken {
            file,
            why: other.to_string(),
        },
    }
}

/// Where and what, without the file's own text: it may be a token or a key.
fn yaml_error(error: &serde_yaml::Error) -> String {
    let text = error
        .without_snippet()
        .render_with_formatter(&serde_yaml::UserMessageFormatter);

    let first = plain_words(text.lines().next().unwrap_or_default());
    // What the parser quotes is out of the file: between quotes nothing is shown.
    let mut shown = String::new();
    for (index, part) in first.split('"').enumerate() {
        shown.push_str(if index % 2 == 0 { part } else { "…" });
    }

    match error.location() {
        Some(at) if !shown.contains("line") => format!("line {}: {shown}", at.line()),
        _ => shown,
    }
}

/// Finds the context, its cluster and its user; flags win. Without a kubeconfig, `--server` alone is enough.
pub(super) fn choose(options: &ConnectionOptions, config: &Kubeconfig) -> Result<Chosen, ConnectError> {
    let context_name = options
        .context
        .as_ref()
        .or(config.current_context.as_ref())
        .filter(|name| !name.is_empty());

    let context = match context_name {
        Some(name) => {
            let found = find(&config.contexts, name, |named: &NamedContext| &named.name);
            found
                .ok_or_else(|| missing("context", name, &config.contexts, |named| &named.name))?
                .context
                .clone()
        }
        // Enough to reach a server; whether as somebody, other flags say.
        None if options.server.is_some() || options.cluster.is_some() => None,
        None => {
            let known = config.contexts.iter().map(|named| named.name.clone()).collect();
            return Err(ConnectError::NoCurrentContext { known });
        }
    };

    let context = context.unwrap_or_default();
    let cluster = cluster(options, config, &context.cluster)?;

    let user_name = options.user.clone().or(context.user).unwrap_or_default();
    let named = find(&config.auth_infos, &user_name, |named: &NamedAuthInfo| {
        &named.name
    });
    // A context's user that is not there is an anonymous one, as with kubectl; a flag has to be right.
    if named.is_none() && options.user.is_some() {
        return Err(missing("user", &user_name, &config.auth_infos, |named| {
            &named.name
        }));
    }

    let user = named
        .and_then(|named| named.auth_info.clone())
        .unwrap_or_default();

    Ok(Chosen {
        context: context_name.cloned(),
        cluster,
        user_name,
        user,
        namespace: context.namespace.filter(|name| !name.is_empty()),
    })
}

fn cluster(
    options: &ConnectionOptions,
    config: &Kubeconfig,
    of_context: &str,
) -> Result<Cluster, ConnectError> {
    let name = options.cluster.as_deref().unwrap_or(of_context);
    match find(&config.clusters, name, |named: &NamedCluster| &named.name) {
        Some(named) => Ok(named.cluster.clone().unwrap_or_default()),
        // The server is known, and nothing else of a cluster is needed.
        None if options.server.is_some() && options.cluster.is_none() => Ok(Cluster::default()),
        None => Err(missing("cluster", name, &config.clusters, |named| &named.name)),
    }
}

fn find<'a, T>(all: &'a [T], name: &str, name_of: impl Fn(&T) -> &String) -> Option<&'a T> {
    all.iter().find(|item| name_of(item) == name)
}

fn missing<T>(what: &'static str, name: &str, all: &[T], name_of: impl Fn(&T) -> &String) -> ConnectError {
    ConnectError::Missing {
        what,
        name: name.into(),
        known: all.iter().map(|item| name_of(item).clone()).collect(),
    }
}
