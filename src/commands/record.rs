//! `kubectl delivery record`: writes down what CI tests.

mod notes;
mod request;

use super::attest::{EvidenceArgs, attest};
use super::inputs::ManifestArgs;
use crate::cli::{ConnectionArgs, Context, Exit, parse_output_file};
use crate::load;
use crate::model::Sha256Digest;
use crate::model::phrase::counted;
use crate::model::release::Release;
use crate::report::clean;
use crate::usecase::CommandError;
use crate::usecase::record;
use clap::Args as ClapArgs;
use std::io::Write;
use std::path::{Path, PathBuf};

/// Arguments of `record`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery record -k deploy/ci --name shop --version 1.4.2 -o shop.release.yaml
  kubectl delivery record -f manifests/ --name shop --version 1.4.2 --offline
  kubectl delivery record -k deploy/ci --name shop --version 1.4.2 -o shop.release.yaml --from-cluster --evidence integration=junit.xml
  kubectl delivery record --from shop.release.yaml --version 1.4.3 --image acme/web=acme/web:1.4.3")]
pub struct Args {
    #[command(flatten)]
    manifests: ManifestArgs,
    /// Name of the release, a DNS label
    #[arg(long, value_name = "NAME", required_unless_present = "from")]
    name: Option<String>,
    /// Version of the release: free text
    #[arg(long, value_name = "TEXT")]
    version: String,
    /// Output file, as YAML, or as JSON if its name ends in .json (default: stdout)
    #[arg(short, long, value_name = "FILE", value_parser = parse_output_file)]
    output: Option<PathBuf>,
    /// Start from this release and change only the images given by --image
    #[arg(long, value_name = "RELEASE", conflicts_with_all = ["filename", "kustomize"])]
    from: Option<String>,
    /// The digest of an image: REFERENCE=sha256:…; with --from: REPOSITORY=REFERENCE; may be repeated
    #[arg(long, value_name = "IMAGE=VALUE")]
    image: Vec<String>,
    /// Path of images in a custom resource: KIND.GROUP=/spec/workers/[*]/image; may be repeated
    #[arg(long, value_name = "KIND=PATH")]
    image_path: Vec<String>,
    /// Path in a custom resource of what looks like an image but is not run: KIND.GROUP=PATH; may be repeated
    #[arg(long, value_name = "KIND=PATH")]
    ignore_image: Vec<String>,
    /// Do not query registries: every image reference must have a digest
    #[arg(long)]
    offline: bool,
    /// A registry without TLS; not needed for a loopback address
    #[arg(long, value_name = "HOST")]
    insecure_registry: Vec<String>,
    /// Query another registry instead of the one in the reference: FROM=TO
    #[arg(long, value_name = "FROM=TO")]
    registry_map: Vec<String>,
    /// An environment file whose registries are used; --registry-map takes precedence
    #[arg(short, long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// URL of the source repository (default: the git remote)
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Check the test cluster: every workload must be ready and run the recorded image digests
    #[arg(long)]
    from_cluster: bool,
    /// Write only the file, without a summary
    #[arg(short, long)]
    quiet: bool,
    #[command(flatten)]
    evidence: EvidenceArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Reads, resolves, writes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mut recording = record::record(&args.request()?).await?;
    if args.from_cluster {
        let scope = context.scope(&args.connection).await?;
        let seen = record::look(&recording.release, &scope).await?;
        // They may explain why it is refused.
        let mut err = context.stderr();
        for note in &seen.notes {
            writeln!(err, "note: {}", clean(note))?;
        }
        recording.evidence.add_containers(&seen.containers?);
    }

    let output = args.output.as_deref();
    let encoded = recording.encode(output)?;
    write(&encoded.bytes, output, context)?;
    let release = &recording.release;
    if !args.quiet {
        summarise(release, &encoded.identity.digest, output, context)?;
        let notes = notes::describe(&recording.left_out, &recording.unrecorded);
        notes::print(&notes, context)?;
    }

    let place = output.map(|path| path.display().to_string()).unwrap_or_default();
    let (evidence, registries) = (&recording.evidence, &recording.registries);
    attest(evidence, &place, &encoded.identity, registries, context).await?;
    Ok(Exit::OK)
}

fn write(bytes: &[u8], output: Option<&Path>, context: &Context) -> Result<(), CommandError> {
    if let Some(path) = output {
        return Ok(load::write_whole(path, bytes)?);
    }
    let mut out = context.data();
    out.write_all(bytes)?;
    Ok(out.flush()?)
}

fn summarise(
    release: &Release,
    digest: &Sha256Digest,
    output: Option<&Path>,
    context: &Context,
) -> Result<(), CommandError> {
    let spec = &release.spec;
    let mut err = context.stderr();
    let place = output
        .map(|path| format!(" in {}", path.display()))
        .unwrap_or_default();
    writeln!(
        err,
        "recorded {} {}{place}: {}, {}, {} ({})",
        release.metadata.name,
        release.metadata.version,
        counted(spec.objects.len(), "object"),
        counted(spec.images.len(), "image"),
        counted(spec.requires.len(), "requirement"),
        digest.short(),
    )?;
    if spec.source.as_ref().is_some_and(|source| source.dirty) {
        writeln!(err, "note: the working tree has uncommitted changes")?;
    }
    Ok(())
}
