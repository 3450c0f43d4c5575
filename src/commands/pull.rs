//! `kubectl delivery pull`: a release and its statements out of a registry or an OCI layout, into files.

use super::inputs::RegistryArgs;
use crate::cli::{Context, Exit};
use crate::load;
use crate::usecase::CommandError;
use crate::usecase::releases::{ReleaseLocation, open};
use clap::Args as ClapArgs;
use std::path::PathBuf;

/// Arguments of `pull`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery pull oci://ghcr.io/acme/releases/shop:1.4.2 -o shop.release.yaml
  kubectl delivery pull oci-layout:out/shop:1.4.2")]
pub struct Args {
    /// Where from: oci://HOST/REPOSITORY:TAG, oci://…@sha256:… or oci-layout:DIR
    #[arg(value_name = "PLACE")]
    place: String,
    /// Where to write the release; its statements are written beside it. NAME-VERSION.release.yaml without it
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    #[command(flatten)]
    registry: RegistryArgs,
}

/// Reads, checks, writes.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let ReleaseLocation::Registry(_) = ReleaseLocation::parse(&args.place)? else {
        let message = format!(
            "expected oci://HOST/REPOSITORY:TAG or oci-layout:DIR, found {}",
            args.place
        );
        return Err(CommandError::usage(message));
    };
    let opened = open(&args.place, &args.registry.options()).await?;
    let identity = opened.release.identity();
    let path = args.output.unwrap_or_else(|| {
        // The version is free text: only what cannot lead elsewhere becomes part of a file's name.
        let is_plain = |c: &char| c.is_ascii_alphanumeric() || "._-".contains(*c);
        let version: String = identity.version.chars().filter(is_plain).collect();
        let ending = if opened.title.ends_with(".json") {
            "json"
        } else {
            "yaml"
        };
        format!("{}-{version}.release.{ending}", identity.name).into()
    });
    let mut count = 0;
    for (at, statement) in opened.statements.iter().enumerate() {
        // A name from a registry is somebody's claim, and leads nowhere.
        let title = match load::is_title(&statement.title) {
            true => statement.title.clone(),
            false => format!("statement-{at}.intoto.json"),
        };
        load::write_whole(&load::statement_path(&path, &title), &statement.bytes)?;
        count += 1;
    }
    load::write_whole(&path, &opened.release.bytes)?;
    let digest = identity.digest.short();
    let beside = if count == 1 {
        "1 statement".to_owned()
    } else {
        format!("{count} statements")
    };
    writeln!(
        context.stderr(),
        "pulled {} {} ({digest}) into {} with {beside}",
        identity.name,
        identity.version,
        path.display()
    )?;
    Ok(Exit::OK)
}
