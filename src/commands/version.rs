//! `kubectl delivery version`: this program's version and the API server's.

use crate::cli::{ConnectionArgs, Context, DataFormat, Exit};
use crate::report::clean;
use crate::usecase::CommandError;
use clap::Args as ClapArgs;
use serde::Serialize;

/// Arguments of `version`.
#[derive(ClapArgs, Debug)]
#[command(before_help = "Examples:
  kubectl delivery version
  kubectl delivery version --client -o json")]
pub struct Args {
    /// Do not ask the API server
    #[arg(long)]
    client: bool,
    /// Format
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    output: Option<DataFormat>,
    #[command(flatten)]
    connection: ConnectionArgs,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Versions {
    client_version: ClientVersion,
    #[serde(skip_serializing_if = "Option::is_none")]
    server_version: Option<Server>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ClientVersion {
    git_version: String,
    platform: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Server {
    git_version: String,
    major: String,
    minor: String,
    address: String,
}

/// Prints the versions.
pub async fn run(args: Args, context: &Context) -> Result<Exit, CommandError> {
    let server = if args.client {
        None
    } else {
        Some(server_version(&args.connection, context).await?)
    };
    let versions = Versions {
        client_version: client_version(),
        server_version: server,
    };
    let mut out = context.stdout();
    match args.output {
        Some(DataFormat::Json) => crate::report::json(&versions, &mut out)?,
        Some(DataFormat::Yaml) => {
            let text = serde_yaml::to_string(&versions).map_err(std::io::Error::other)?;
            write!(out, "{text}")?;
        }
        None => {
            writeln!(
                out,
                "client: {} ({})",
                versions.client_version.git_version, versions.client_version.platform
            )?;
            if let Some(server) = &versions.server_version {
                writeln!(
                    out,
                    "server: {} ({})",
                    clean(&server.git_version),
                    clean(&server.address)
                )?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::OK)
}

fn client_version() -> ClientVersion {
    ClientVersion {
        git_version: format!("v{}", env!("CARGO_PKG_VERSION")),
        platform: format!("{}/{}", std::env::consts::OS, std::env::consts::ARCH),
    }
}

async fn server_version(connection: &ConnectionArgs, context: &Context) -> Result<Server, CommandError> {
    let cluster = context.cluster(connection).await?;
    let version = cluster.server_version().await?;
    Ok(Server {
        git_version: version.git_version,
        major: version.major,
        minor: version.minor,
        address: cluster.server().to_owned(),
    })
}
