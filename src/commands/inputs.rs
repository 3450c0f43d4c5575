//! What commands read: manifests by kubectl's flags, releases and environments by their place.

use super::releases::{Opened, open, public_keys};
use crate::cli::{CommandError, ConnectionArgs, ErrorKind};
use crate::compare::check_expressions;
use crate::load::{self, LoadError, LoadedEnvironment, LoadedRelease, ManifestSource};
use crate::model::Object;
use crate::model::environment::Environment;
use crate::model::names::API_VERSION;
use crate::registry::RegistryOptions;
use crate::signing::{Refusal, demand};
use clap::Args;
use std::path::{Path, PathBuf};

/// kubectl's own flags for manifests.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Manifests")]
pub struct ManifestArgs {
    /// A file or folder with manifests, or - for standard input; may be repeated
    #[arg(short, long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// A kustomization's folder
    #[arg(short, long, value_name = "DIR")]
    pub kustomize: Option<PathBuf>,
    /// Read the folders below too
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

impl ManifestArgs {
    /// Whether any manifest is named.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty() && self.kustomize.is_none()
    }

    /// Reads them.
    pub fn read(&self) -> Result<Vec<Object>, CommandError> {
        let file = |path: &PathBuf| ManifestSource::Path {
            path: path.clone(),
            recursive: self.recursive,
        };
        let mut sources: Vec<_> = self.filename.iter().map(file).collect();
        sources.extend(self.kustomize.clone().map(ManifestSource::Kustomization));
        Ok(load::manifests(&sources)?)
    }
}

/// Flags that name an environment, and manifests of one's own.
#[derive(Args, Clone, Debug, Default)]
pub struct InputArgs {
    /// The environment's file: how this cluster may differ from what was tested
    #[arg(short, long, value_name = "FILE")]
    pub environment: Option<PathBuf>,
    /// Manifests instead of the environment's and the release's own.
    #[command(flatten)]
    pub manifests: ManifestArgs,
}

/// How long to wait for what something outside of the release brings about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WaitMode {
    /// An address of a load balancer or Ingress, and an APIService of another release, for 30 seconds; then a note
    #[default]
    Default,
    /// For everything, and fail without it
    Strict,
}

/// What was read.
pub struct Inputs {
    /// The release.
    pub release: LoadedRelease,
    /// The environment as read; one that declares nothing where none is named.
    pub environment: LoadedEnvironment,
    /// Manifests instead of the release's own.
    pub manifests: Option<Vec<Object>>,
    /// Signatures and evidence that the environment requires and that were not shown.
    pub refusals: Vec<Refusal>,
}

impl InputArgs {
    /// A release and the environment as they were named, to be typed again.
    pub fn as_given(&self, release: &str) -> String {
        let environment = self
            .environment
            .as_ref()
            .map(|file| format!(" -e {}", file.display()));
        format!("{release}{}", environment.unwrap_or_default())
    }

    /// Reads the files.
    pub async fn read(&self, release: &str) -> Result<Inputs, CommandError> {
        let opened = open(release, &RegistryOptions::default()).await?;
        let mut environment = open_environment(self.environment.as_deref())?;
        let manifests = match self.manifests.is_empty() {
            true => environment.manifests.take(),
            false => Some(self.manifests.read()?),
        };
        let refusals = refusals(&opened, &environment)?;
        Ok(Inputs {
            release: opened.release,
            environment,
            manifests,
            refusals,
        })
    }
}

impl Inputs {
    /// The connection: flags win over the environment's file.
    pub fn connection(&self, flags: &ConnectionArgs) -> ConnectionArgs {
        let spec = &self.environment.environment.spec;
        flags
            .clone()
            .or_environment(spec.context.as_deref(), spec.namespace.as_deref())
    }
}

impl From<LoadError> for CommandError {
    fn from(error: LoadError) -> Self {
        let hint = error.hint();
        let failure = CommandError::from_error(ErrorKind::Usage, &error);
        match hint {
            Some(hint) => failure.with_hint(hint),
            None => failure,
        }
    }
}

/// How registries are reached that hold releases.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// A registry without TLS; the loopback's need no flag
    #[arg(long, value_name = "HOST")]
    pub insecure_registry: Vec<String>,
}

/// Opens the release that an argument names.
pub async fn open_release(place: &str) -> Result<LoadedRelease, CommandError> {
    Ok(open(place, &RegistryOptions::default()).await?.release)
}

/// What an environment requires of a release and was not shown.
fn refusals(opened: &Opened, environment: &LoadedEnvironment) -> Result<Vec<Refusal>, CommandError> {
    let require = &environment.environment.spec.require;
    let places: Vec<String> = require
        .keys
        .iter()
        .map(|key| environment.beside(key).display().to_string())
        .collect();
    let (attestations, unreadable) = opened.attestations();
    let mut refusals = demand(
        &public_keys(&places)?,
        &require.evidence,
        &attestations,
        &opened.release.digest,
    );
    if let Some(first) = refusals.first_mut() {
        for broken in unreadable {
            first.message.push_str(&format!("; {broken}"));
        }
    }
    Ok(refusals)
}

/// Reads the environment that `-e` names and checks its expressions; without one, an environment that declares nothing.
pub fn open_environment(path: Option<&Path>) -> Result<LoadedEnvironment, CommandError> {
    let Some(path) = path else {
        let environment = Environment {
            api_version: API_VERSION.into(),
            kind: "Environment".into(),
            ..Environment::default()
        };
        return Ok(LoadedEnvironment {
            environment,
            path: PathBuf::new(),
            text: String::new(),
            manifests: None,
        });
    };
    let loaded = load::environment(path)?;
    let broken = check_expressions(&loaded.environment);
    if broken.is_empty() {
        return Ok(loaded);
    }
    let told: Vec<String> = broken
        .iter()
        .map(|(expression, why)| format!("{}: {why}", loaded.place_of(expression)))
        .collect();
    Err(CommandError::usage(told.join("\n"))
        .with_hint("expressions are CEL over tested, desired and live: docs/environment.md"))
}

/// Today, in UTC.
pub fn today() -> jiff::civil::Date {
    jiff::tz::TimeZone::UTC.to_datetime(jiff::Timestamp::now()).date()
}
