//! Why files could not be read.

use crate::model::NotAnObject;

/// Why files could not be read.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file or folder cannot be read.
    #[error("cannot read {path}: {why}")]
    Unreadable {
        /// The path.
        path: String,
        /// What the system said.
        why: String,
    },
    /// A path is neither a file nor a folder.
    #[error("expected a file or a folder, found {found} at {path}")]
    NotAFile {
        /// The path.
        path: String,
        /// `a device`, `a socket`, …
        found: &'static str,
    },
    /// A file is larger than any manifest.
    #[error("{path} is larger than {limit} MiB, which no manifest is")]
    TooLarge {
        /// The path.
        path: String,
        /// The limit.
        limit: u64,
    },
    /// A file cannot be parsed.
    #[error("{path}:{line}:{column}: {why}")]
    Syntax {
        /// The file.
        path: String,
        /// From 1; 0 where unknown.
        line: u64,
        /// From 1; 0 where unknown.
        column: u64,
        /// What is wrong.
        why: String,
    },
    /// A document is not a Kubernetes object.
    #[error("{path}, document {document}: {why}")]
    NotAnObject {
        /// The file.
        path: String,
        /// From 1.
        document: usize,
        /// What is wrong with it.
        why: NotAnObject,
    },
    /// Two documents describe the same object.
    #[error("{object} is described twice: in {first} and in {second}")]
    Duplicate {
        /// The object.
        object: String,
        /// Where first.
        first: String,
        /// Where again.
        second: String,
    },
    /// No object was found.
    #[error("expected manifests, found none in {looked_at}")]
    Nothing {
        /// Where they were looked for.
        looked_at: String,
    },
    /// `kubectl kustomize` failed.
    #[error("kubectl kustomize {folder} failed: {why}")]
    Kustomize {
        /// The folder.
        folder: String,
        /// What it said.
        why: String,
    },
    /// A file of ours is of another kind or version.
    #[error("{path}: expected {expected}, found {found}")]
    OtherKind {
        /// The file.
        path: String,
        /// `kubectl-delivery.io/v1alpha1 Release`.
        expected: String,
        /// What it says.
        found: String,
    },
    /// A file of ours holds something that it may not hold.
    #[error("{path}: {why}")]
    Invalid {
        /// The file.
        path: String,
        /// What was expected, what was found.
        why: String,
    },
    /// A file cannot be written.
    #[error("cannot write {path}: {why}")]
    Unwritable {
        /// The path.
        path: String,
        /// What the system said.
        why: String,
    },
}

impl LoadError {
    /// What to type, where something helps.
    pub fn hint(&self) -> Option<String> {
        match self {
            LoadError::Kustomize { folder, .. } => Some(format!("kubectl kustomize {folder} shows the same")),
            LoadError::Nothing { .. } => Some("folders are read with -R where manifests lie deeper".into()),
            // Of our own group, so that only the version can be a later one.
            LoadError::OtherKind { found, .. } if found.starts_with("kubectl-delivery.io/") => {
                Some("a newer version of this tool wrote it: kubectl krew upgrade delivery".into())
            }
            LoadError::NotAnObject {
                why: NotAnObject::NotText { .. },
                ..
            } => Some("quote it: YAML reads a bare number, or a word such as on, as no text".into()),
            _ => None,
        }
    }
}
