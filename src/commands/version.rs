//! `kubectl delivery version`: this program's version and the API server's.

use crate::cli::{ConnectionArgs, Context, DataFormat, Exit};
use crate::report::{self, clean};
use crate::usecase::CommandError;
use crate::usecase::version::versions;
use clap::Args as ClapArgs;

/// Arguments of `version`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery version
  kubectl delivery version --client -o json")]
pub struct Args {
    /// Print the client version only
    #[arg(long)]
    client: bool,
    /// Output format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<DataFormat>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

/// Prints the versions.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let cluster = if args.client {
        None
    } else {
        Some(context.cluster(&args.connection).await?)
    };
    let versions = versions(cluster.as_deref()).await?;

    let mut out = context.stdout();
    match args.output {
        Some(DataFormat::Json) => report::json(&versions, &mut out)?,
        Some(DataFormat::Yaml) => {
            let text = serde_yaml::to_string(&versions).map_err(std::io::Error::other)?;
            write!(out, "{text}")?;
        }
        None => {
            let client = &versions.client_version;
            writeln!(out, "client: {} ({})", client.git_version, client.platform)?;
            if let Some(server) = &versions.server_version {
                let (version, address) = (clean(&server.git_version), clean(&server.address));
                writeln!(out, "server: {version} ({address})")?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::OK)
}
