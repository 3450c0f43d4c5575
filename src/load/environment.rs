//! Environment files, and what they refer to beside themselves.

use super::error::LoadError;
use super::file_kind::FileKind;
use super::manifests::{ManifestSource, manifests};
use super::release::of_kind;
use super::{files, yaml};
use crate::model::Object;
use crate::model::environment::Environment;
use std::path::{Path, PathBuf};

/// An environment, where it lies, and its own manifests.
#[derive(Clone, Debug)]
pub struct LoadedEnvironment {
    /// What it says.
    pub environment: Environment,
    /// Its file.
    pub path: PathBuf,
    /// Its text, to say where in it something is.
    pub text: String,
    /// Its own rendered manifests; none where desired is the release's own objects.
    pub manifests: Option<Vec<Object>>,
}

impl LoadedEnvironment {
    /// A path that is relative to the environment's file.
    pub fn resolve_path(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new(".")).join(path)
    }

    /// `file:line:column` of a text of the file, such as an expression.
    pub fn place_of(&self, needle: &str) -> String {
        // An expression may go over several lines, which YAML indents; its first one stands as it is.
        let first = needle.lines().next().unwrap_or_default();
        let found = self
            .text
            .lines()
            .enumerate()
            .find_map(|(n, line)| line.find(first).map(|at| (n + 1, at + 1)));

        match found {
            Some((line, column)) => format!("{}:{line}:{column}", files::name(&self.path)),
            None => files::name(&self.path),
        }
    }
}

/// Reads an environment and renders its manifests.
///
/// # Errors
///
/// Where the file cannot be read, is no Environment of this version, or its manifests cannot be read or rendered.
pub fn environment(path: &Path) -> Result<LoadedEnvironment, LoadError> {
    let bytes = files::read_file(path)?;
    let mut environment: Environment = of_kind(&bytes, path, FileKind::Environment, |read: &Environment| {
        (&read.api_version, &read.kind)
    })?;

    let rules = environment.spec.differences.iter_mut();
    for (rule, place) in rules.zip(yaml::places_of_expiry(&bytes, path)) {
        rule.place = place;
    }

    let text = String::from_utf8_lossy(&bytes).into_owned();

    let mut loaded = LoadedEnvironment {
        environment,
        path: path.to_owned(),
        text,
        manifests: None,
    };

    // Without manifests of its own it has the release's objects applied.
    let Some(wanted) = &loaded.environment.spec.manifests else {
        return Ok(loaded);
    };

    let mut sources: Vec<ManifestSource> = wanted
        .files
        .iter()
        .map(|file| ManifestSource::Path {
            path: loaded.resolve_path(file),
            recursive: true,
        })
        .collect();
    // Behind the files, whatever their order in the environment.
    sources.extend(
        wanted
            .kustomize
            .iter()
            .map(|folder| ManifestSource::Kustomization(loaded.resolve_path(folder))),
    );
    if sources.is_empty() {
        // Told here, with its file: that there are no manifests at all would be said without any name.
        let why = "expected kustomize or files in spec.manifests, found neither".into();
        return Err(LoadError::Invalid {
            path: files::name(path),
            why,
        });
    }

    loaded.manifests = Some(manifests(&sources)?);
    Ok(loaded)
}
