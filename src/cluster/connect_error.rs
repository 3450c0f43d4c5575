//! Why there is no client of a cluster: found before any request is sent.

use crate::model::similar::nearest;
use std::path::PathBuf;

/// Why no connection can be set up. Names the file, the context or the program, never a credential.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectError {
    /// There is no kubeconfig, and this is no pod.
    #[error("no kubeconfig and no ServiceAccount token of a pod (checked: {looked_at})")]
    NoConfiguration {
        /// The files that were looked for.
        looked_at: String,
    },
    /// A kubeconfig that was asked for cannot be read.
    #[error("cannot read the kubeconfig {}: {why}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A kubeconfig is not one.
    #[error("invalid kubeconfig {}: {why}", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// What is wrong, and where.
        why: String,
    },
    /// Something that is named is not in the kubeconfig.
    #[error("the kubeconfig has no {what} {name:?}; it has {}", listed(known))]
    Missing {
        /// `context`, `cluster`, `user`.
        what: &'static str,
        /// Its name.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// The kubeconfig has no current context, and no flag names one.
    #[error("the kubeconfig has no current context; it has {}", listed(known))]
    NoCurrentContext {
        /// What there is.
        known: Vec<String>,
    },
    /// A URL cannot be used.
    #[error("expected the URL of {what}, found {url:?}: {why}")]
    BadUrl {
        /// `the API server`, `a proxy`.
        what: &'static str,
        /// The URL without credentials.
        url: String,
        /// Why.
        why: String,
    },
    /// A certificate or a key cannot be used.
    #[error("cannot use {what} from {origin}: {why}")]
    BadCertificate {
        /// `the client certificate`, `the client key`, `the certificate authority`.
        what: &'static str,
        /// A file, or the kubeconfig's field.
        origin: String,
        /// Why.
        why: String,
    },
    /// The client certificate's time is over.
    #[error("the client certificate of user {user:?} expired at {expired}")]
    CertificateExpired {
        /// The kubeconfig's user.
        user: String,
        /// When, as RFC 3339.
        expired: String,
    },
    /// The program that gives credentials is not there.
    #[error("credential plugin {command:?} of user {user:?} not found on the PATH")]
    PluginMissing {
        /// Its name.
        command: String,
        /// The kubeconfig's user.
        user: String,
        /// What the kubeconfig says about installing it.
        install_hint: Option<String>,
    },
    /// The program that gives credentials gave none.
    #[error("credential plugin {command:?} of user {user:?} failed: {why}")]
    PluginFailed {
        /// Its name.
        command: String,
        /// The kubeconfig's user.
        user: String,
        /// Its exit status and last words, or what was wrong with its answer.
        why: String,
    },
    /// A file with a token cannot be read.
    #[error("cannot read the token file {}: {why}", file.display())]
    TokenFile {
        /// The file.
        file: PathBuf,
        /// Why.
        why: String,
    },
    /// A flag's or the kubeconfig's value cannot be used.
    #[error("{0}")]
    Unusable(String),
}

fn listed(names: &[String]) -> String {
    if names.is_empty() {
        "none".into()
    } else {
        names.join(", ")
    }
}

impl ConnectError {
    /// What to type.
    pub fn hints(&self) -> Vec<String> {
        // A slip of the keyboard is the likelier cause: what was meant helps more than a list.
        if let ConnectError::Missing { what, name, known } = self
            && let Some(meant) = nearest(name, known.iter().map(String::as_str))
        {
            return vec![format!("did you mean {what} {meant:?}?")];
        }

        let hint = match self {
            ConnectError::NoConfiguration { .. } => "add --kubeconfig FILE, or set KUBECONFIG=FILE".into(),
            ConnectError::Unreadable { file, .. } => format!("ls -l {}", file.display()),
            ConnectError::Broken { file, .. } => {
                format!("kubectl config view --kubeconfig {}", file.display())
            }
            ConnectError::Missing { what: "context", .. } => "kubectl config get-contexts".into(),
            ConnectError::Missing { .. } => "kubectl config view".into(),
            ConnectError::NoCurrentContext { .. } => {
                "kubectl config use-context NAME, or add --context NAME".into()
            }
            ConnectError::BadUrl { .. } => "use a URL such as https://host:6443".into(),
            ConnectError::BadCertificate { .. } => "kubectl config view".into(),
            ConnectError::CertificateExpired { .. } => "renew the certificate, or add --user NAME".into(),
            // Whoever wrote the kubeconfig knows best where the plugin comes from.
            ConnectError::PluginMissing {
                install_hint: Some(hint),
                ..
            } => hint.clone(),
            ConnectError::PluginMissing { command, .. } => {
                format!("install {command}, or put it on the PATH")
            }
            // kubectl runs the same plugin, and shows all that it writes.
            ConnectError::PluginFailed { .. } => "kubectl auth whoami".into(),
            ConnectError::TokenFile { file, .. } => format!("ls -l {}", file.display()),
            // Its sentence names the setting, and that is all there is to say.
            ConnectError::Unusable(_) => return Vec::new(),
        };
        vec![hint]
    }
}
