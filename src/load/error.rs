//! Why files could not be read.

use super::file_kind::FileKind;
use crate::model::NotAnObject;

/// What stdin is called.
pub(super) const STDIN: &str = "stdin";

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
    /// There is no such file.
    #[error("{path} does not exist")]
    Missing {
        /// The path.
        path: String,
        /// One beside it with a name like that.
        similar: Option<String>,
    },
    /// A path is no file.
    #[error("{path} is {found}, not a file")]
    NotAFile {
        /// The path.
        path: String,
        /// `a directory`, `a device`, …
        found: &'static str,
    },
    /// A directory was named where a release belongs.
    #[error("{path} is a directory, not a release")]
    Directory {
        /// The path.
        path: String,
        /// What to type.
        hint: String,
    },
    /// A file was named where a directory belongs.
    #[error("{path} is a file, not the directory of a kustomization")]
    NotADirectory {
        /// The path.
        path: String,
        /// What to type.
        hint: String,
    },
    /// A file holds something that belongs in another place.
    #[error("{path} holds {found}, not {expected}")]
    OtherFile {
        /// The path.
        path: String,
        /// What belongs in this place.
        expected: FileKind,
        /// What the file holds.
        found: FileKind,
    },
    /// A file is larger than any manifest.
    #[error("{path}: larger than {limit} MiB")]
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
    #[error("{object} is defined twice: in {first} and in {second}")]
    Duplicate {
        /// The object.
        object: String,
        /// Where first.
        first: String,
        /// Where again.
        second: String,
    },
    /// No object was found.
    #[error("no manifests in {looked_at}")]
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
    pub fn hints(&self) -> Vec<String> {
        let hint = match self {
            LoadError::OtherFile {
                path,
                expected,
                found,
            } => return expected.hints(*found, typed(path)),
            LoadError::Missing {
                similar: Some(similar),
                ..
            } => format!("did you mean {similar}?"),
            LoadError::Directory { hint, .. } | LoadError::NotADirectory { hint, .. } => hint.clone(),
            LoadError::Kustomize { folder, .. } => format!("kubectl kustomize {folder}"),
            LoadError::Nothing { .. } => "add -R to read subdirectories".into(),
            // Of our own group, so that only the version can be a later one.
            LoadError::OtherKind { found, .. } if found.starts_with("kubectl-delivery.io/") => {
                "written by a newer version: kubectl krew upgrade delivery".into()
            }
            LoadError::NotAnObject {
                why: NotAnObject::NotText { .. },
                ..
            } => "put the value in quotes".into(),
            _ => return Vec::new(),
        };
        vec![hint]
    }
}

/// A path as it is typed.
fn typed(path: &str) -> &str {
    if path == STDIN { "-" } else { path }
}
