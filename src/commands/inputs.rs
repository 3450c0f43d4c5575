//! What is compared: a release, an environment, and manifests of one's own.

use crate::cli::{CommandError, ConnectionArgs, ErrorKind};
use crate::load::{self, LoadError, LoadedEnvironment, LoadedRelease, ManifestSource};
use crate::model::Object;
use crate::model::environment::Environment;
use clap::Args;
use std::path::PathBuf;

/// Flags that name an environment and manifests.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "What is compared")]
pub struct InputArgs {
    /// The environment's file: how this cluster may differ from what was tested
    #[arg(short, long, value_name = "FILE")]
    pub environment: Option<PathBuf>,
    /// Manifests of this environment, instead of the release's own: a file, a folder, or - for stdin; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "PATH")]
    pub files: Vec<PathBuf>,
    /// Read the folders of -f with all that lies below them
    #[arg(short = 'R', long, requires = "files")]
    pub recursive: bool,
    /// A kustomization's folder, instead of the release's own manifests
    #[arg(short, long, value_name = "FOLDER", conflicts_with = "files")]
    pub kustomize: Option<PathBuf>,
}

/// What was read.
pub struct Inputs {
    /// The release.
    pub release: LoadedRelease,
    /// The environment; an empty one where none is named.
    pub environment: Environment,
    /// The environment as read, where one is named.
    pub environment_file: Option<LoadedEnvironment>,
    /// Manifests instead of the release's own.
    pub manifests: Option<Vec<Object>>,
}

impl InputArgs {
    /// Reads the files.
    pub fn read(&self, release: &std::path::Path) -> Result<Inputs, CommandError> {
        let release = load::release(release).map_err(|error| unreadable(&error))?;
        let file = self.environment.as_deref().map(load::environment).transpose();
        let mut environment_file = file.map_err(|error| unreadable(&error))?;
        let mut sources: Vec<ManifestSource> = self
            .files
            .iter()
            .map(|path| ManifestSource::Path { path: path.clone(), recursive: self.recursive })
            .collect();
        sources.extend(self.kustomize.iter().cloned().map(ManifestSource::Kustomization));
        let manifests = if sources.is_empty() {
            environment_file.as_mut().and_then(|file| file.manifests.take())
        } else {
            Some(load::manifests(&sources).map_err(|error| unreadable(&error))?)
        };
        let environment = environment_file.as_ref().map(|file| file.environment.clone()).unwrap_or_default();
        Ok(Inputs { release, environment, environment_file, manifests })
    }
}

impl Inputs {
    /// The connection: flags win over the environment's file.
    pub fn connection(&self, flags: &ConnectionArgs) -> ConnectionArgs {
        let spec = &self.environment.spec;
        flags.clone().or_environment(spec.context.as_deref(), spec.namespace.as_deref())
    }
}

fn unreadable(error: &LoadError) -> CommandError {
    CommandError::from_error(ErrorKind::Usage, error)
}
