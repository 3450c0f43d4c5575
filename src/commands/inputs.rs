//! What commands read: manifests by kubectl's flags, releases and environments by their place.

use crate::load::ManifestSource;
use crate::model::environment::UnknownHealth;
use crate::model::start::StartDepth;
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
    /// A file or directory with manifests, or - for stdin; may be repeated
    #[arg(short, long, value_name = "PATH")]
    pub filename: Vec<PathBuf>,
    /// A kustomization directory
    #[arg(short, long, value_name = "DIR")]
    pub kustomize: Option<PathBuf>,
    /// Process the directory used in -f recursively
    #[arg(short = 'R', long)]
    pub recursive: bool,
}

impl ManifestArgs {
    /// Whether any manifest is named.
    pub fn is_empty(&self) -> bool {
        self.filename.is_empty() && self.kustomize.is_none()
    }

    /// The flags, as they were given.
    fn as_given(&self) -> String {
        let files = self.filename.iter().map(|path| format!(" -f {}", path.display()));
        let directory = self
            .kustomize
            .iter()
            .map(|path| format!(" -k {}", path.display()));
        let recursive = self.recursive.then(|| " -R".to_owned());
        files.chain(directory).chain(recursive).collect()
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
    /// The environment file: how this cluster may differ from the release
    #[arg(short, long, value_name = "FILE")]
    pub environment: Option<PathBuf>,
    /// Manifests instead of the environment's and the release's own.
    #[command(flatten)]
    pub manifests: ManifestArgs,
    /// How registries are reached.
    #[command(flatten)]
    pub registry: RegistryArgs,
}

/// How long to wait for what something outside of the release brings about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum WaitMode {
    /// Wait 30s for load balancer and Ingress addresses and for an APIService of another release; then print a note
    #[default]
    Default,
    /// Wait for all of them, and fail without them
    Strict,
}

/// What becomes of a custom resource whose health nothing reports.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum UnknownHealthMode {
    /// Print a note and continue, unless the environment sets `fail`
    #[default]
    Note,
    /// Fail the rollout
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
    /// A release, the environment and the manifests as they were named, to be typed again.
    pub fn as_given(&self, release: &str) -> String {
        let environment = self
            .environment
            .as_ref()
            .map(|file| format!(" -e {}", file.display()));
        let manifests = self.manifests.as_given();
        format!("{release}{}{manifests}", environment.unwrap_or_default())
    }

    /// Reads the files.
    pub async fn read(&self, release: &str) -> Result<Inputs, CommandError> {
        let location = ReleaseLocation::parse(release)?;
        let environment = self.environment.as_deref();
        let registries = self.registry.options();
        Inputs::read(&location, environment, &self.manifests.sources(), &registries).await
    }
}

/// How registries are reached.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Registries")]
pub struct RegistryArgs {
    /// A registry without TLS; not needed for a loopback address
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
            Mode::Auto => PossibleValue::new("auto")
                .help("Dry-run what cannot be computed; without permission to update and patch, predict it"),
            Mode::Server => PossibleValue::new("server").help("Dry-run every object"),
            Mode::Readonly => {
                PossibleValue::new("readonly").help("Only get and list: findings are predictions")
            }
        })
    }
}

impl ValueEnum for StartDepth {
    fn value_variants<'a>() -> &'a [Self] {
        &[StartDepth::Reads, StartDepth::Full, StartDepth::Off]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            StartDepth::Reads => PossibleValue::new("reads").help("What get and list tell"),
            StartDepth::Full => PossibleValue::new("full")
                .help("Also dry-run a pod of each workload, and ask registries for the images that run"),
            StartDepth::Off => PossibleValue::new("off").help("Nothing"),
        })
    }
}
