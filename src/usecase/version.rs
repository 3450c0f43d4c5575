//! Version: this program's and the API server's.

use super::CommandError;
use crate::cluster::Cluster;
use crate::platform::go_platform;
use schemars::JsonSchema;
use serde::Serialize;
use std::env::consts;

/// Both versions. The names in JSON are kubectl's.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    /// This program's.
    pub client_version: ClientVersion,
    /// The API server's, where it was asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_version: Option<ServerVersion>,
}

/// This program's version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ClientVersion {
    /// As it is tagged.
    pub git_version: String,
    /// What it was built for, as kubectl writes it: `linux/amd64`.
    pub platform: String,
}

/// The API server's version.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ServerVersion {
    /// As it is tagged.
    pub git_version: String,
    /// Its first number.
    pub major: String,
    /// Its second number; some providers add a sign.
    pub minor: String,
    /// Where it answers.
    pub address: String,
}

/// Finds them out; without a cluster, this program's alone.
///
/// # Errors
///
/// Where the API server does not answer.
pub async fn versions(cluster: Option<&dyn Cluster>) -> Result<Versions, CommandError> {
    let server_version = match cluster {
        Some(cluster) => Some(server_version(cluster).await?),
        None => None,
    };
    Ok(Versions {
        client_version: ClientVersion {
            git_version: format!("v{}", env!("CARGO_PKG_VERSION")),
            platform: go_platform(consts::OS, consts::ARCH, cfg!(target_endian = "little")),
        },
        server_version,
    })
}

async fn server_version(cluster: &dyn Cluster) -> Result<ServerVersion, CommandError> {
    let version = cluster.server_version().await?;
    Ok(ServerVersion {
        git_version: version.git_version,
        major: version.major,
        minor: version.minor,
        address: cluster.server().to_owned(),
    })
}
