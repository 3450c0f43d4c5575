//! Why a registry did not tell what an image is, or did not take or give a release; and what to type about it.
//!
//! A registry's own words are shortened and stripped of control characters; of an address only the host is told.

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
    #[error("the registry has no such image ({0})")]
    NotFound(String),
    /// The registry refuses the credentials, or wants some.
    #[error("the registry refuses access ({0})")]
    Unauthorized(String),
    /// The registry asks for fewer requests.
    #[error(
        "the registry asks for fewer requests (429), at last after {tries} tries, and to wait for {wait} s"
    )]
    TooManyRequests {
        /// How often it was asked.
        tries: u32,
        /// For how long it asked to wait, in seconds.
        wait: u64,
    },
    /// The registry does not answer, or not as a registry.
    #[error("the registry does not answer as it should: {0}")]
    Unavailable(String),
    /// No registry can be asked: the machine's certificates cannot be used.
    #[error("no client for registries could be made: {0}")]
    NoClient(String),
    /// It has more bytes than anything honest of its kind.
    #[error("{what} has more than {mib} MiB, which none has")]
    TooLarge {
        /// What is: `its manifest`.
        what: String,
        /// The limit.
        mib: u64,
    },
    /// More statements than anybody writes about one release.
    #[error("{found} artifacts refer to it, which is more than the {limit} that are read")]
    TooManyReferrers {
        /// As listed.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// The answer did not come to its end.
    #[error("no whole answer from {host} within {seconds}s")]
    Slow {
        /// Its host.
        host: String,
        /// The limit.
        seconds: u64,
    },
    /// The bytes are not what their digest says.
    #[error("the registry sent other bytes than their digest says: {0}")]
    DigestMismatch(String),
    /// A manifest cannot be read.
    #[error("its manifest cannot be read: {0}")]
    BadManifest(String),
    /// No node could run it.
    #[error("no platform can run this image: {0}")]
    NotRunnable(String),
    /// A file is longer or shorter than its manifest says.
    #[error(
        "the registry sent a file of another size than its manifest says: expected {expected} bytes, found {found}"
    )]
    SizeMismatch {
        /// As the manifest says.
        expected: u64,
        /// As sent; one more than expected where it was cut off there.
        found: u64,
    },
    /// It is no release.
    #[error("expected a release (application/vnd.kubectl-delivery.release.v1alpha1), found {0}")]
    OtherArtifact(String),
    /// A layout's folder cannot be read or written.
    #[error("{0}")]
    Layout(String),
    /// The reference cannot be parsed.
    #[error("{0}")]
    BadReference(String),
}

impl RegistryFailure {
    /// What to type.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            RegistryFailure::Unauthorized(_) => {
                Some("docker login, or podman login, with an account that may pull it")
            }
            RegistryFailure::NotFound(_) => {
                Some("push the image first, or give its digest: --image REFERENCE=sha256:…")
            }
            RegistryFailure::Unavailable(_) => Some(
                "for a registry without TLS: --insecure-registry HOST; without a registry: --image REFERENCE=sha256:…",
            ),
            RegistryFailure::TooLarge { .. } | RegistryFailure::TooManyReferrers { .. } => Some(
                "see what somebody attached, and remove it: oras discover REFERENCE, oras manifest delete REFERENCE@sha256:…",
            ),
            RegistryFailure::Slow { .. } => {
                Some("check the network and the proxies between this machine and the registry")
            }
            _ => None,
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

/// No answer at all, or one that broke off.
pub(super) fn unreachable(error: &reqwest::Error) -> RegistryFailure {
    // An outer error repeats the whole URL, which of a storage can hold a signature: the host and the
    // innermost cause are enough.
    let host = error
        .url()
        .and_then(|url| url.host_str().map(|host| (host.to_owned(), url.port())));
    let why = innermost(error);

    RegistryFailure::Unavailable(match host {
        Some((host, Some(port))) => format!("{host}:{port}: {why}"),
        Some((host, None)) => format!("{host}: {why}"),
        None => why,
    })
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
pub(super) fn refused(status: http::StatusCode, body: &[u8]) -> RegistryFailure {
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
        _ => RegistryFailure::Unavailable(text_with_code),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
