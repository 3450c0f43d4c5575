//! `kubectl delivery record`: writes down what CI tests.

mod notes;

use super::attest::{self, EvidenceArgs};
use super::inputs::ManifestArgs;
use crate::cli::{ConnectionArgs, Context, Exit};
use crate::compare::{self, NeededImage, leave_out_server_fields, needed_images, unrecorded_images};
use crate::load::{self, LoadedRelease};
use crate::model::attestation::TestResult;
use crate::model::image::ImageReference;
use crate::model::release::{ImagePath, RecordedImage, Release, ReleaseIdentity, ReleaseMetadata, Source};
use crate::model::{FieldPath, Object, Sha256Digest};
use crate::registry::RegistryOptions;
use crate::report::clean;
use crate::usecase::inputs::{open_environment, open_release};
use crate::usecase::record;
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use std::collections::BTreeMap;
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
    let options = registry_options(&args)?;
    let mut results = args.evidence.read()?;
    let key = args.evidence.signer()?;
    let place = statements_place(&args)?;
    let (release, notes) = match &args.from {
        Some(from) => (
            next(&args, open_release(from).await?, &options).await?,
            Vec::new(),
        ),
        None => first(&args, &options).await?,
    };
    if args.from_cluster {
        let seen = record::look(&release, &context.scope(&args.connection).await?).await?;
        let mut err = context.stderr();
        for note in &seen.notes {
            writeln!(err, "note: {}", clean(note))?;
        }
        let ran = seen.containers?;
        if results.is_empty() {
            results.push(TestResult::named("cluster", args.evidence.run()));
        }
        results.iter_mut().for_each(|result| result.ran.clone_from(&ran));
    }
    let bytes = written(&release, args.output.as_deref())?;
    match &args.output {
        Some(path) => load::write_whole(path, &bytes)?,
        None => {
            let mut out = context.stdout();
            out.write_all(&bytes)?;
            out.flush()?;
        }
    }
    let digest = Sha256Digest::of(&bytes);
    if !args.quiet {
        summarise(&release, &digest, &args, context)?;
        notes::print(&notes, context)?;
    }
    let ReleaseMetadata { name, version } = release.metadata;
    let identity = ReleaseIdentity {
        name,
        version,
        digest,
    };
    attest::write(results, key.as_ref(), (&place, &identity), &options, context).await?;
    Ok(Exit::OK)
}

/// Statements lie beside the release, so that it has to be a file.
fn statements_place(args: &Args) -> Result<String, CommandError> {
    let has_statements = args.from_cluster || !args.evidence.evidence.is_empty();
    match &args.output {
        Some(path) => Ok(path.display().to_string()),
        None if has_statements => Err(CommandError::usage(
            "expected a file for the release, so that its evidence can lie beside it",
        )
        .with_hint("name it: -o shop.release.yaml")),
        None if args.evidence.key.is_some() => {
            Err(CommandError::usage("--key signs evidence, and there is none")
                .with_hint("kubectl delivery sign RELEASE --key cosign.key signs a release"))
        }
        None => Ok(String::new()),
    }
}

fn registry_options(args: &Args) -> Result<RegistryOptions, CommandError> {
    let mut map = match &args.environment {
        Some(path) => open_environment(Some(path))?.environment.spec.registries,
        None => BTreeMap::new(),
    };
    map.extend(pairs(&args.registry_map, "--registry-map FROM=TO")?);
    Ok(RegistryOptions {
        insecure: args.insecure_registry.clone(),
        map,
    })
}

/// A release of the manifests, and what its reader should know of them.
async fn first(args: &Args, options: &RegistryOptions) -> Result<(Release, Vec<String>), CommandError> {
    if args.manifests.is_empty() {
        return Err(CommandError::usage("expected manifests, found none")
            .with_hint("name them: -f PATH, -k DIR, or - for standard input"));
    }
    let (objects, left_out) = leave_out_server_fields(args.manifests.read()?);
    let paths = image_paths(&args.image_path)?;
    let notes = notes::describe(&left_out, &unrecorded_images(&objects, &paths));
    let by_hand: BTreeMap<String, Sha256Digest> = pairs(&args.image, "--image REFERENCE=sha256:…")?
        .into_iter()
        .map(|(reference, digest)| Ok((reference, digest.parse().map_err(CommandError::usage)?)))
        .collect::<Result<_, CommandError>>()?;
    let needed = needed_images(&objects, &paths);
    if let Some(unused) = by_hand
        .keys()
        .find(|reference| !needed.iter().any(|image| image.reference == **reference))
    {
        return Err(CommandError::usage(format!(
            "--image names {unused}, which no manifest uses"
        )));
    }
    let images = record::resolve(&needed, &by_hand, args.offline, options).await?;
    let metadata = ReleaseMetadata {
        name: args.name.clone().unwrap_or_default(),
        version: args.version.clone(),
    };
    Ok((
        compare::record(metadata, source(args), objects, images, paths),
        notes,
    ))
}

/// The next release, where one service changed: the same objects, some images new.
async fn next(args: &Args, from: LoadedRelease, options: &RegistryOptions) -> Result<Release, CommandError> {
    let mut release = from.release;
    let wanted = pairs(&args.image, "--image REPOSITORY=REFERENCE")?;
    if wanted.is_empty() {
        return Err(CommandError::usage(
            "expected --image REPOSITORY=REFERENCE with --from, found none",
        ));
    }
    for (repository, reference) in wanted {
        let is_meant = |image: &RecordedImage| {
            image
                .reference
                .parse::<ImageReference>()
                .is_ok_and(|parsed| parsed.name() == repository || image.reference == repository)
        };
        let Some(at) = release.spec.images.iter().position(is_meant) else {
            let known: Vec<&str> = release
                .spec
                .images
                .iter()
                .map(|image| image.reference.as_str())
                .collect();
            return Err(CommandError::usage(format!(
                "the release has no image {repository}; it has {}",
                known.join(", ")
            )));
        };
        let needed = NeededImage {
            reference: reference.clone(),
            used_by: "--image".into(),
        };
        let found = record::resolve(&[needed], &BTreeMap::new(), args.offline, options).await?;
        let old = release.spec.images[at].reference.clone();
        rename_image(
            &mut release.spec.objects,
            &release.spec.image_paths,
            &old,
            &reference,
        );
        release.spec.images.splice(at..=at, found);
    }
    release.metadata.version.clone_from(&args.version);
    if let Some(name) = &args.name {
        release.metadata.name.clone_from(name);
    }
    release.spec.source = source(args).or(release.spec.source);
    Ok(release)
}

fn rename_image(objects: &mut [Object], paths: &[ImagePath], old: &str, new: &str) {
    for object in objects {
        let found = crate::model::k8s::pod_spec::images(object, paths);
        for image in found.into_iter().filter(|image| image.reference == old) {
            image.path.set(object.value_mut(), new.into());
        }
    }
}

/// `A=B`, split at the first `=` of a plain name and at the last one before a digest alike.
fn pairs(texts: &[String], form: &str) -> Result<Vec<(String, String)>, CommandError> {
    texts
        .iter()
        .map(|text| match text.split_once('=') {
            Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
            _ => Err(CommandError::usage(format!("expected {form}, found {text:?}"))),
        })
        .collect()
}

fn image_paths(texts: &[String]) -> Result<Vec<ImagePath>, CommandError> {
    pairs(texts, "--image-path KIND.GROUP=/spec/…/image")?
        .into_iter()
        .map(|(kind, path)| {
            let (kind, group) = kind.split_once('.').unwrap_or((&kind, ""));
            path.replace("[*]", "[0]")
                .parse::<FieldPath>()
                .map_err(CommandError::usage)?;
            Ok(ImagePath {
                group: group.into(),
                kind: kind.into(),
                path,
            })
        })
        .collect()
}

/// From git where the manifests lie; flags win.
fn source(args: &Args) -> Option<Source> {
    let place = args
        .manifests
        .kustomize
        .as_deref()
        .or(args.manifests.filename.first().map(PathBuf::as_path));
    let folder = match place {
        Some(path) if path.is_dir() => path,
        Some(path) => path
            .parent()
            .filter(|folder| !folder.as_os_str().is_empty())
            .unwrap_or(Path::new(".")),
        None => Path::new("."),
    };
    let found = load::source_of(folder, args.output.as_deref());
    match (&args.source, found) {
        (Some(url), found) => Some(Source {
            repository: Some(url.clone()),
            ..found.unwrap_or(Source {
                repository: None,
                revision: None,
                dirty: false,
            })
        }),
        (None, found) => found,
    }
}

/// The bytes of the file; reading them back must give the same release.
fn written(release: &Release, output: Option<&Path>) -> Result<Vec<u8>, CommandError> {
    let is_json = output
        .and_then(|path| path.extension())
        .is_some_and(|ending| ending == "json");
    let text = if is_json {
        crate::report::clean_json(&serde_json::to_string_pretty(release).map_err(std::io::Error::from)?)
            .into_owned()
            + "\n"
    } else {
        load::to_yaml(release)
    };
    let bytes = text.into_bytes();
    let read = load::parse_release(bytes.clone(), output.unwrap_or(Path::new("the release")))?;
    if read.release != *release {
        let message = "the release cannot be written as YAML without changing it";
        return Err(CommandError::new(ErrorKind::Other, message).with_hint("write JSON: -o NAME.json"));
    }
    Ok(bytes)
}

fn summarise(
    release: &Release,
    digest: &Sha256Digest,
    args: &Args,
    context: &Context,
) -> Result<(), CommandError> {
    let spec = &release.spec;
    let mut err = context.stderr();
    let place = args
        .output
        .as_ref()
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
