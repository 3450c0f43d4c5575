//! What a file holds, to say where it belongs when it was named in another place.

use crate::model::names::API_VERSION;
use serde_json::Value;
use std::fmt;

/// What a file holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// Objects for `kubectl apply`.
    Manifests,
    /// A release.
    Release,
    /// An environment.
    Environment,
}

impl FileKind {
    /// By every document of a file; none where one of them is something else.
    pub(super) fn of_documents(documents: &[Value]) -> Option<Self> {
        let mut kinds = documents.iter().map(Self::of_document);
        let first = kinds.next()??;
        kinds.all(|kind| kind == Some(first)).then_some(first)
    }

    /// By what one document says of itself.
    pub(super) fn of_document(document: &Value) -> Option<Self> {
        let text = |key: &str| document.get(key).and_then(Value::as_str);
        let (version, kind) = (text("apiVersion")?, text("kind")?);
        let group = API_VERSION.split('/').next();
        match kind {
            _ if version.split('/').next() != group => Some(Self::Manifests),
            "Release" => Some(Self::Release),
            "Environment" => Some(Self::Environment),
            _ => None,
        }
    }

    /// What to type where a file of this kind was expected and `found` was named.
    pub(super) fn hints(self, found: Self, path: &str) -> Vec<String> {
        let hint = match (self, found) {
            (Self::Release, Self::Manifests) => record(&format!("-f {path}")),
            (Self::Release, Self::Environment) => {
                format!("name the release first, and the environment by its flag: RELEASE -e {path}")
            }
            (Self::Environment, Self::Manifests) => format!("name manifests by their flag: -f {path}"),
            (Self::Environment, Self::Release) => format!("name a release without a flag: {path}"),
            (Self::Manifests, Self::Environment) => format!("name an environment by its flag: -e {path}"),
            (Self::Manifests, Self::Release) => {
                return vec![
                    format!("to promote it: kubectl delivery promote {path}"),
                    format!(
                        "to record the next version: kubectl delivery record --from {path} --version VERSION --image REPOSITORY=REFERENCE"
                    ),
                ];
            }
            (Self::Manifests, Self::Manifests)
            | (Self::Release, Self::Release)
            | (Self::Environment, Self::Environment) => return Vec::new(),
        };
        vec![hint]
    }
}

/// How manifests become a release.
pub(super) fn record(source: &str) -> String {
    format!("kubectl delivery record {source} --name NAME --version VERSION -o NAME.release.yaml")
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Manifests => "manifests",
            Self::Release => "a release",
            Self::Environment => "an environment",
        })
    }
}
