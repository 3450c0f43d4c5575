//! Why a registry did not tell what an image is.

use oci_client::errors::{OciDistributionError, OciErrorCode};

/// Why a registry did not tell what an image is.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reference}: {trouble}")]
pub struct RegistryError {
    /// The image.
    pub reference: String,
    /// What is the matter.
    pub trouble: Trouble,
}

/// What is the matter with a registry or an image in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The registry says that there is no such image.
    #[error("the registry has no such image ({0})")]
    NotFound(String),
    /// The registry refuses the credentials, or wants some.
    #[error("the registry refuses access ({0})")]
    Unauthorized(String),
    /// The registry asks for fewer requests.
    #[error("the registry asks for fewer requests (429), and did so again after {0} tries")]
    TooManyRequests(u32),
    /// The registry does not answer, or not as a registry.
    #[error("the registry does not answer as it should: {0}")]
    Unavailable(String),
    /// The bytes are not what their digest says.
    #[error("the registry sent other bytes than their digest says: {0}")]
    DigestMismatch(String),
    /// A manifest cannot be read.
    #[error("its manifest cannot be read: {0}")]
    BadManifest(String),
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

impl Trouble {
    /// What to type.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Trouble::Unauthorized(_) => {
                Some("docker login, or podman login, with an account that may pull it")
            }
            Trouble::NotFound(_) => {
                Some("push the image first, or give its digest: --image REFERENCE=sha256:…")
            }
            Trouble::Unavailable(_) => Some(
                "for a registry without TLS: --insecure-registry HOST; without a registry: --image REFERENCE=sha256:…",
            ),
            _ => None,
        }
    }
}

pub(super) fn trouble(error: OciDistributionError) -> Trouble {
    use OciDistributionError as E;
    match error {
        E::UnauthorizedError { .. } | E::AuthenticationFailure(_) => Trouble::Unauthorized("401".into()),
        E::ImageManifestNotFoundError(_) => Trouble::NotFound("404".into()),
        E::RegistryError { envelope, .. } => by_code(&envelope.errors),
        E::ServerError { code: 404, .. } => Trouble::NotFound("404".into()),
        E::ServerError { code: code @ (401 | 403), .. } => Trouble::Unauthorized(code.to_string()),
        E::ServerError { code: 429, .. } => Trouble::TooManyRequests(1),
        E::ServerError { code, message, .. } => {
            let line = message.lines().next().unwrap_or_default();
            Trouble::Unavailable(
                format!("{code} {}", line.chars().take(200).collect::<String>()).trim().to_owned(),
            )
        }
        E::DigestError(error) => Trouble::DigestMismatch(error.to_string()),
        E::RequestError(error) => Trouble::Unavailable(innermost(&error)),
        E::JsonError(error) => Trouble::BadManifest(error.to_string()),
        other => Trouble::Unavailable(other.to_string()),
    }
}

fn by_code(errors: &[oci_client::errors::OciError]) -> Trouble {
    let code = errors.first().map(|error| &error.code);
    let said = errors.first().map(|error| error.message.clone()).unwrap_or_default();
    match code {
        Some(OciErrorCode::Unauthorized | OciErrorCode::Denied) => Trouble::Unauthorized(said),
        Some(
            OciErrorCode::ManifestUnknown
            | OciErrorCode::NameUnknown
            | OciErrorCode::NotFound
            | OciErrorCode::ManifestBlobUnknown,
        ) => Trouble::NotFound(said),
        Some(OciErrorCode::Toomanyrequests) => Trouble::TooManyRequests(1),
        _ => Trouble::Unavailable(said),
    }
}

fn innermost(error: &dyn std::error::Error) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
