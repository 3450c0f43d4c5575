//! What commands read: manifests by kubectl's flags, releases and environments by their place.

use crate::load::ManifestSource;
use crate::model::environment::UnknownHealth;
use crate::registry::RegistryOptions;
use crate::usecase::CommandError;
use crate::usecase::comparing::Mode;
use crate::usecase::inputs::Inputs;
use crate::usecase::releases::ReleaseLocation;
use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};
use std::path::PathBuf;

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

    /// Where they are, in the order of the flags.
    pub fn sources(&self) -> Vec<ManifestSource> {
        let file = |path: &PathBuf| ManifestSource::Path {
            path: path.clone(),
            recursive: self.recursive,
        };
        let mut sources: Vec<_> = self.filename.iter().map(file).collect();
        sources.extend(self.kustomize.clone().map(ManifestSource::Kustomization));
        sources
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

/// What becomes of a custom resource whose health nothing reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum UnknownHealthMode {
    /// It is noted, and the rollout goes on, unless the environment says `fail`
    #[default]
    Note,
    /// The rollout fails
    Fail,
}

impl From<UnknownHealthMode> for UnknownHealth {
    fn from(mode: UnknownHealthMode) -> Self {
        match mode {
            UnknownHealthMode::Note => Self::Note,
            UnknownHealthMode::Fail => Self::Fail,
        }
    }
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
        let location = ReleaseLocation::parse(release)?;
        Inputs::read(&location, self.environment.as_deref(), &self.manifests.sources()).await
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

impl RegistryArgs {
    /// As the registry takes them.
    pub fn options(&self) -> RegistryOptions {
        RegistryOptions {
            insecure: self.insecure_registry.clone(),
            ..RegistryOptions::default()
        }
    }
}

impl ValueEnum for Mode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Mode::Auto, Mode::Server, Mode::Readonly]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Mode::Auto => PossibleValue::new("auto").help(
                "The server, but for what provably did not change; predictions where it may not be asked",
            ),
            Mode::Server => PossibleValue::new("server").help("The server, for every object"),
            Mode::Readonly => PossibleValue::new("readonly")
                .help("Reads alone: needs get and list, and findings are predictions"),
        })
    }
}
