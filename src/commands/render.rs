//! `kubectl delivery render`: the objects that a promotion would apply, for a GitOps repository.

use super::inputs::InputArgs;
use crate::cli::{Context, Exit};
use crate::compare::{self, DesiredInput};
use crate::load::{to_yaml, write_whole};
use crate::usecase::today;
use crate::usecase::{CommandError, ErrorKind};
use clap::Args as ClapArgs;
use std::io::Write;
use std::path::PathBuf;

/// Arguments of `render`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery render shop.release.yaml -e environments/production.yaml > rendered.yaml
  kubectl delivery render shop.release.yaml -n shop -o rendered.yaml")]
pub struct Args {
    /// The release
    #[arg(value_name = "RELEASE")]
    release: String,
    /// Namespace of objects that name none
    #[arg(short, long, value_name = "NAME")]
    namespace: Option<String>,
    /// Where to write it; standard output without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    inputs: InputArgs,
}

/// Reads, pins, writes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let mut inputs = args.inputs.read(&args.release).await?;
    let tested = std::mem::take(&mut inputs.release.release.spec.objects);
    let environment = &inputs.environment.environment;
    let home = args
        .namespace
        .clone()
        .or_else(|| environment.spec.namespace.clone())
        .unwrap_or_else(|| "default".into());
    let desired = compare::desired(DesiredInput {
        release: &inputs.release.release,
        tested,
        manifests: inputs.manifests.take(),
        environment,
        home: &home,
        is_namespaced: &|_| None,
        today: today(),
    })
    .map_err(|errors| {
        let said: Vec<String> = errors.iter().map(ToString::to_string).collect();
        CommandError::new(ErrorKind::Usage, said.join("\n"))
    })?;
    if let Some(secret) = desired.objects.iter().find(|one| one.object.kind() == "Secret") {
        let message = format!("{} would be written with its values", secret.object.id());
        return Err(CommandError::usage(message).with_hint("declare it under external in the environment, or produce it there (ExternalSecret, SealedSecret)"));
    }
    let documents: Vec<String> = desired
        .objects
        .iter()
        .map(|one| to_yaml(one.object.value()))
        .collect();
    let text = documents.join("---\n");
    match &args.output {
        Some(path) => write_whole(path, text.as_bytes())?,
        None => {
            let mut out = context.stdout();
            out.write_all(text.as_bytes())?;
            out.flush()?;
        }
    }
    Ok(Exit::OK)
}
