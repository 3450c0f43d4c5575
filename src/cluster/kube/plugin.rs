//! Runs a credential plugin (KEP-541, `client.authentication.k8s.io`).
//!
//! It runs once for each answer; how long that is kept, `credentials` says. It may ask a person only where
//! stdin is a terminal; then its stderr is the person's too, and else it is kept for the error. Its stdout is
//! never shown: it may be a token.

use super::grant::{ClientCertificate, Grant};
use crate::cluster::ConnectError;
use kube::config::{ExecAuthCluster, ExecConfig, ExecInteractiveMode};
use serde::Deserialize;
use serde_json::json;
use std::io::{ErrorKind, IsTerminal};
use std::process::{Output, Stdio};
use std::time::Duration;
use tokio::process::Command;

/// A credential plugin, as the kubeconfig describes it.
pub(super) struct Plugin {
    /// Command, arguments, environment.
    pub config: ExecConfig,
    /// What it is told of the cluster, where it asks for that.
    pub cluster: Option<ExecAuthCluster>,
    /// The kubeconfig's user, for messages.
    pub user: String,
    /// How long it may take when nobody is there to answer it.
    pub limit: Duration,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ExecCredential {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    expiration_timestamp: Option<jiff::Timestamp>,
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
}

/// Runs it once.
pub(super) async fn run(plugin: &Plugin) -> Result<Grant, ConnectError> {
    let config = &plugin.config;
    let name = config.command.clone().unwrap_or_default();
    let failed = |why: String| ConnectError::PluginFailed {
        command: name.clone(),
        user: plugin.user.clone(),
        why,
    };
    if name.is_empty() {
        return Err(failed("the kubeconfig has no command for it".into()));
    }

    let interactive =
        config.interactive_mode != Some(ExecInteractiveMode::Never) && std::io::stdin().is_terminal();
    // In a pipeline it would wait for ever for somebody to type.
    if config.interactive_mode == Some(ExecInteractiveMode::Always) && !interactive {
        return Err(failed("it asks for input, and stdin is not a terminal".into()));
    }

    let mut command = command(plugin, &name, interactive).map_err(|error| failed(error.to_string()))?;
    // Its arguments and variables are not logged: they may be secrets.
    tracing::info!(command = name, "running the credential plugin");
    let child = command.spawn().map_err(|error| match error.kind() {
        ErrorKind::NotFound => ConnectError::PluginMissing {
            command: name.clone(),
            user: plugin.user.clone(),
            install_hint: config.install_hint.clone(),
        },
        _ => failed(error.to_string()),
    })?;

    let output = if interactive {
        // A person takes the time that a person takes.
        child.wait_with_output().await
    } else {
        match tokio::time::timeout(plugin.limit, child.wait_with_output()).await {
            Ok(output) => output,
            // The child is dropped with its future, and killed by that.
            Err(_) => {
                return Err(failed(format!(
                    "no output within {}s",
                    plugin.limit.as_secs_f64()
                )));
            }
        }
    };

    let output = output.map_err(|error| failed(error.to_string()))?;
    parse_grant(&output, version(plugin)).map_err(failed)
}

/// The version of the protocol, which the kubeconfig names.
fn version(plugin: &Plugin) -> &str {
    plugin.config.api_version.as_deref().unwrap_or_default()
}

fn command(plugin: &Plugin, name: &str, interactive: bool) -> Result<Command, serde_json::Error> {
    let config = &plugin.config;
    let mut spec = json!({"interactive": interactive});
    if let Some(cluster) = &plugin.cluster {
        spec["cluster"] = serde_json::to_value(cluster)?;
    }

    let info = json!({"apiVersion": version(plugin), "kind": "ExecCredential", "spec": spec});

    let mut command = Command::new(name);
    command
        .args(config.args.iter().flatten())
        .env("KUBERNETES_EXEC_INFO", info.to_string());
    for variable in config.env.iter().flatten() {
        if let Some((name, value)) = variable.get("name").zip(variable.get("value")) {
            command.env(name, value);
        }
    }

    let (stdin, stderr) = if interactive {
        // What it asks a person must be seen, so that it cannot be kept for an error.
        (Stdio::inherit(), Stdio::inherit())
    } else {
        (Stdio::null(), Stdio::piped())
    };

    command
        .stdin(stdin)
        .stdout(Stdio::piped())
        .stderr(stderr)
        .kill_on_drop(true);
    Ok(command)
}

/// The answer, or why there is none. What the program wrote to stdout is never shown: it may be a token.
fn parse_grant(output: &Output, version: &str) -> Result<Grant, String> {
    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        // Programs say last what went wrong; before that come traces and usage.
        let last: Vec<_> = text
            .lines()
            .rev()
            .filter(|line| !line.trim().is_empty())
            .take(3)
            .collect();
        let last = last.into_iter().rev().collect::<Vec<_>>().join("; ");

        let status = output.status;
        return Err(if last.is_empty() {
            status.to_string()
        } else {
            format!("{status}: {last}")
        });
    }

    // JSON is YAML, and kubectl takes both.
    let answer: ExecCredential = serde_json::from_slice(&output.stdout)
        .or_else(|error| serde_yaml::from_slice(&output.stdout).map_err(|_| error))
        .map_err(|error| format!("its output is not an ExecCredential (line {})", error.line()))?;

    if answer.kind != "ExecCredential" || answer.api_version != version {
        // Neither is shown: the program may have put anything there.
        return Err(format!("its output is not an ExecCredential of {version}"));
    }

    let status = answer.status.ok_or("its output has no status")?;
    let set = |text: Option<String>| text.filter(|text| !text.is_empty());

    let token = set(status.token);
    let certificate = match (set(status.client_certificate_data), set(status.client_key_data)) {
        (Some(certificate), Some(key)) => Some(ClientCertificate { certificate, key }),
        (None, None) => None,
        // One without the other proves nothing: the server would see an anonymous client.
        _ => return Err("its output has only one of client certificate and key".into()),
    };

    if token.is_none() && certificate.is_none() {
        return Err("its output has neither a token nor a client certificate".into());
    }

    Grant::new(token.as_deref(), certificate, status.expiration_timestamp)
        .ok_or_else(|| "its token is not one line of text".into())
}
