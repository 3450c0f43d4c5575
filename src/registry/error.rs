//! Why a registry did not tell what an image is, or did not take or give a release; and what to type about it.
//!
//! A registry's own words are shortened and stripped of control characters; of an address only the host is told.

use crate::model::phrase::{counted, format_seconds};
use reqwest::Url;
use std::error::Error;
use std::io::ErrorKind;
use std::time::Duration;

/// How long a connection may take to be made.
pub(super) const CONNECTING: Duration = Duration::from_secs(10);
/// Until an answer's head has come, and between two parts of its body.
pub(super) const READING: Duration = Duration::from_secs(30);

/// Why a registry did not tell what an image is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {trouble}")]
pub struct RegistryError {
    /// The image.
    pub reference: String,
    /// What is the matter.
    pub trouble: RegistryFailure,
}

/// What is the matter with a registry or an image in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryFailure {
    /// The registry says that there is no such image.
    #[error("not found in its registry ({0})")]
    NotFound(String),
    /// The registry refuses the credentials, or wants some.
    #[error("the registry denies access ({0})")]
    Unauthorized(String),
    /// The registry asks for fewer requests.
    #[error(
        "the registry is rate limiting (429): still after {}, retry after {}",
        counted(*tries as usize, "attempt"),
        format_seconds(*wait)
    )]
    TooManyRequests {
        /// How often it was asked.
        tries: u32,
        /// For how long it asked to wait, in seconds.
        wait: u64,
    },
    /// There is no answer from a host.
    #[error("cannot reach {host}: {cause}")]
    Unreachable {
        /// The host.
        host: String,
        /// Why.
        cause: Unreachable,
    },
    /// A host answers that it cannot answer now.
    #[error("{host} answers {text}")]
    ServerError {
        /// The host.
        host: String,
        /// Its code.
        status: u16,
        /// The code and what the host said.
        text: String,
    },
    /// The answer is none that a registry gives.
    #[error("the registry's answer cannot be used: {0}")]
    InvalidAnswer(String),
    /// No registry can be asked: the machine's certificates cannot be used.
    #[error("no registry client: {0}")]
    NoClient(String),
    /// It has more bytes than anything honest of its kind.
    #[error("{what} is larger than {mib} MiB")]
    TooLarge {
        /// What is: `its manifest`.
        what: String,
        /// The limit.
        mib: u64,
    },
    /// More statements than anybody writes about one release.
    #[error("{found} artifacts refer to it, and at most {limit} are read")]
    TooManyReferrers {
        /// As listed.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The answer did not come to its end.
    #[error("no complete response from {host} within {}", format_seconds(*seconds))]
    Slow {
        /// Its host.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The bytes are not what their digest says.
    #[error("the content does not match its digest: {0}")]
    DigestMismatch(String),
    /// A manifest cannot be read.
    #[error("invalid image manifest: {0}")]
    BadManifest(String),
    /// No node could run it.
    #[error("the image runs on no platform: {0}")]
    NotRunnable(String),
    /// A file is longer or shorter than its manifest says.
    #[error("the content does not match the size in its manifest: expected {expected} bytes, found {found}")]
    SizeMismatch {
        /// As the manifest says.
        expected: u64,
        /// As sent; one more than expected where it was cut off there.
        found: u64,
    },
    /// It is no release.
    #[error("holds {0}, not a release (application/vnd.kubectl-delivery.release.v1alpha1)")]
    OtherArtifact(String),
    /// A layout's folder cannot be read or written.
    #[error("{0}")]
    Layout(String),
    /// The reference cannot be parsed.
    #[error("{0}")]
    BadReference(String),
}

/// Why there is no answer from a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreachable {
    /// Nobody knows its name.
    #[error("name not resolved")]
    NameNotResolved,
    /// It is silent.
    #[error("no answer within {0}s")]
    NoAnswer(u64),
    /// There is no protected connection.
    #[error("TLS: {0}")]
    Tls(String),
    /// The connection cannot be made, or broke off.
    #[error("{0}")]
    Connection(String),
}

impl RegistryError {
    /// What to type about an image.
    pub fn hint(&self) -> Option<String> {
        let reference = self.reference.strip_prefix("oci://").unwrap_or(&self.reference);
        self.trouble
            .hint()
            .map(|hint| hint.replace("REFERENCE", reference))
    }

    /// What to type about a release.
    pub fn release_hint(&self) -> Option<String> {
        match self.trouble {
            // A release is pushed under a tag alone.
            RegistryFailure::NotFound(_) if self.reference.contains('@') => None,
            RegistryFailure::NotFound(_) => Some(format!(
                "to push it: kubectl delivery push RELEASE {}",
                self.reference
            )),
            _ => self.hint(),
        }
    }
}

impl RegistryFailure {
    /// What to type.
    pub fn hint(&self) -> Option<String> {
        let hint = match self {
            RegistryFailure::Unauthorized(_) => "docker login HOST",
            RegistryFailure::NotFound(_) => "push the image, or add --image REFERENCE=sha256:…",
            RegistryFailure::Unreachable { host, .. } | RegistryFailure::ServerError { host, .. } => {
                return Some(format!("curl -v https://{host}/v2/"));
            }
            RegistryFailure::TooLarge { .. } | RegistryFailure::TooManyReferrers { .. } => {
                "to list the attached artifacts: oras discover REFERENCE; to delete one: oras manifest delete REFERENCE@sha256:…"
            }
            RegistryFailure::InvalidAnswer(_) => {
                "check the address and the proxies before it: curl -v https://HOST/v2/"
            }
            RegistryFailure::Slow { .. } => {
                "check the network and the proxies between this machine and the registry"
            }
            _ => return None,
        };
        Some(hint.to_owned())
    }

    /// Whether nobody has answered: the host itself, or what stands before it, cannot.
    pub fn is_unanswered(&self) -> bool {
        match self {
            RegistryFailure::Unreachable { .. } => true,
            RegistryFailure::ServerError { status, .. } => is_gateway_error(*status),
            _ => false,
        }
    }

    pub(super) fn no_answer(url: &Url, time: Duration) -> Self {
        RegistryFailure::Unreachable {
            host: host_of(url),
            cause: Unreachable::NoAnswer(time.as_secs()),
        }
    }

    pub(super) fn unreadable(error: &serde_json::Error) -> Self {
        RegistryFailure::BadManifest(crate::model::plain_words(&error.to_string()))
    }

    pub(super) fn too_large(what: &str, limit: u64) -> Self {
        RegistryFailure::TooLarge {
            what: what.to_owned(),
            mib: limit / 1024 / 1024,
        }
    }
}

/// Bad gateway, service unavailable, gateway timeout: what stands before a registry says that it does not answer.
pub(super) fn is_gateway_error(status: u16) -> bool {
    matches!(status, 502..=504)
}

/// A host, with its port where it is not the usual one. An address may hold a signature in its query: no more is shown of it.
pub(super) fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// No answer at all, or one that broke off.
pub(super) fn unreachable(error: &reqwest::Error) -> RegistryFailure {
    RegistryFailure::Unreachable {
        host: error.url().map(host_of).unwrap_or_default(),
        cause: unreachable_cause(error),
    }
}

fn unreachable_cause(error: &reqwest::Error) -> Unreachable {
    if error.is_timeout() {
        let time = if error.is_connect() { CONNECTING } else { READING };
        return Unreachable::NoAnswer(time.as_secs());
    }

    // An outer error repeats the whole URL: the innermost cause is enough.
    let mut last: &(dyn Error + 'static) = error;
    while let Some(source) = last.source() {
        last = source;
    }
    let io = last.downcast_ref::<std::io::Error>();
    // An error of TLS travels inside of an io::Error, which does not name it as its source.
    let inner = io.and_then(|io| io.get_ref()?.downcast_ref::<rustls::Error>());
    if let Some(tls) = last.downcast_ref::<rustls::Error>().or(inner) {
        return Unreachable::Tls(tls.to_string());
    }
    match io.map(std::io::Error::kind) {
        Some(ErrorKind::ConnectionRefused) => Unreachable::Connection("connection refused".into()),
        // The resolver's error has no kind of its own.
        _ if last.to_string().contains("failed to lookup address") => Unreachable::NameNotResolved,
        _ => Unreachable::Connection(last.to_string()),
    }
}

#[derive(serde::Deserialize)]
struct Said {
    errors: Vec<SaidOne>,
}

#[derive(serde::Deserialize)]
struct SaidOne {
    #[serde(default)]
    message: String,
}

/// An answer that is a refusal: what its code means, with what the registry said.
pub(super) fn refused(url: &Url, status: http::StatusCode, body: &[u8]) -> RegistryFailure {
    // As distribution has it, or else the first line: a proxy in between answers with a page.
    let body_error = serde_json::from_slice::<Said>(body)
        .ok()
        .and_then(|body_error| body_error.errors.into_iter().next());
    let text = match body_error {
        Some(one) => one.message,
        None => String::from_utf8_lossy(body)
            .lines()
            .next()
            .unwrap_or_default()
            .to_owned(),
    };

    let text: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
    let text_with_code = format!("{} {}", status.as_u16(), text.trim()).trim().to_owned();

    match status.as_u16() {
        401 | 403 => RegistryFailure::Unauthorized(text_with_code),
        404 => RegistryFailure::NotFound(text_with_code),
        status => RegistryFailure::ServerError {
            host: host_of(url),
            status,
            text: text_with_code,
        },
    }
}
