//! `kubectl delivery record`: writes down what CI tests.

mod notes;
mod request;

use super::attest::{EvidenceArgs, attest};
use super::inputs::ManifestArgs;
use crate::cli::{ConnectionArgs, Context, Exit};
use crate::load;
use crate::model::Sha256Digest;
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
    /// The release's name, a DNS label; the objects that it keeps in a cluster are named after it
    #[arg(long, value_name = "NAME", required_unless_present = "from")]
    name: Option<String>,
    /// The release's version: free text
    #[arg(long, value_name = "TEXT")]
    version: String,
    /// Where to write it, as YAML, or as JSON where the name ends in .json; standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Begin with this release: only the images given by --image change
    #[arg(long, value_name = "RELEASE", conflicts_with_all = ["filename", "kustomize"])]
    from: Option<String>,
    /// An image by hand: REFERENCE=sha256:…; with --from: REPOSITORY=REFERENCE; may be repeated
    #[arg(long, value_name = "IMAGE=VALUE")]
    image: Vec<String>,
    /// Where objects of a custom kind hold images: KIND.GROUP=/spec/workers/[*]/image; may be repeated
    #[arg(long, value_name = "KIND=PATH")]
    image_path: Vec<String>,
    /// Where objects of a custom kind hold what looks like an image and no container runs; may be repeated
    #[arg(long, value_name = "KIND=PATH")]
    ignore_image: Vec<String>,
    /// Ask no registry: every reference must carry its digest
    #[arg(long)]
    offline: bool,
    /// A registry without TLS; the loopback's need no flag
    #[arg(long, value_name = "HOST")]
    insecure_registry: Vec<String>,
    /// Ask another registry than the one written: FROM=TO
    #[arg(long, value_name = "FROM=TO")]
    registry_map: Vec<String>,
    /// An environment's file: its registries say where else to ask; --registry-map wins. Nothing else of it counts
    #[arg(short, long, value_name = "FILE")]
    environment: Option<PathBuf>,
    /// URL of the sources' repository, instead of git's
    #[arg(long, value_name = "URL")]
    source: Option<String>,
    /// Look at the pods in the test cluster: each must run what is recorded, and each workload must be ready
    #[arg(long)]
    from_cluster: bool,
    /// Write only the file: no summary
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
    let mut out = context.stdout();
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
    let count =
        |number: usize, one: &str, many: &str| format!("{number} {}", if number == 1 { one } else { many });
    writeln!(
        err,
        "recorded {} {}{place}: {}, {}, {} ({})",
        release.metadata.name,
        release.metadata.version,
        count(spec.objects.len(), "object", "objects"),
        count(spec.images.len(), "image", "images"),
        count(spec.requires.len(), "requirement", "requirements"),
        digest.short(),
    )?;
    if spec.source.as_ref().is_some_and(|source| source.dirty) {
        writeln!(
            err,
            "note: the work tree has changes that are not in the recorded revision"
        )?;
    }
    Ok(())
}
