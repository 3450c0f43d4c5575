//! kubectl's own connection flags.
//!
//! By the names that kubectl gives them, so that a command line works behind both. A flag wins over an environment's
//! file, and that over the kubeconfig.

use crate::cluster::ConnectionOptions;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;

/// kubectl's own connection flags, on every command that talks to a cluster.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Cluster")]
pub struct ConnectionArgs {
    /// Path to the kubeconfig file (default: KUBECONFIG, then ~/.kube/config)
    #[arg(long, value_name = "FILE")]
    pub kubeconfig: Option<PathBuf>,
    /// Context of the kubeconfig
    #[arg(long, value_name = "NAME")]
    pub context: Option<String>,
    /// Cluster of the kubeconfig, instead of the context's
    #[arg(long, value_name = "NAME")]
    pub cluster: Option<String>,
    /// User of the kubeconfig, instead of the context's
    #[arg(long, value_name = "NAME")]
    pub user: Option<String>,
    /// Namespace, instead of the context's
    #[arg(short, long, value_name = "NAME")]
    pub namespace: Option<String>,
    /// Address of the API server
    #[arg(short, long, value_name = "URL")]
    pub server: Option<String>,
    /// Bearer token for the API server
    #[arg(long, value_name = "TOKEN", hide_env_values = true)]
    pub token: Option<String>,
    /// User to impersonate
    #[arg(long = "as", value_name = "USER")]
    pub impersonate: Option<String>,
    /// Group to impersonate; may be repeated
    #[arg(long = "as-group", value_name = "GROUP")]
    pub impersonate_groups: Vec<String>,
    /// UID to impersonate
    #[arg(long = "as-uid", value_name = "UID")]
    pub impersonate_uid: Option<String>,
    /// Time limit of one request, such as 30s or 1m; 0 means no limit
    #[arg(long, value_name = "TIME", value_parser = parse_timeout)]
    pub request_timeout: Option<RequestTimeout>,
    /// Do not verify the server's certificate (insecure)
    #[arg(long)]
    pub insecure_skip_tls_verify: bool,
    /// File with the certificate of the certificate authority
    #[arg(long, value_name = "FILE")]
    pub certificate_authority: Option<PathBuf>,
    /// File with the client certificate
    #[arg(long, value_name = "FILE")]
    pub client_certificate: Option<PathBuf>,
    /// File with the client key
    #[arg(long, value_name = "FILE")]
    pub client_key: Option<PathBuf>,
    /// Server name to verify the certificate for, instead of the host in the address
    #[arg(long, value_name = "NAME")]
    pub tls_server_name: Option<String>,
}

/// `--request-timeout`: none is kubectl's 0, which asks for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestTimeout(pub Option<Duration>);

/// kubectl's own form: `30` or `30s`, `1m`, `2h`, `1m30s`, `500ms`; 0 for none.
fn parse_timeout(text: &str) -> Result<RequestTimeout, String> {
    parse_duration(text).map(|limit| RequestTimeout((!limit.is_zero()).then_some(limit)))
}

/// A duration as kubectl's flags take it: seconds, or numbers with the units `ms`, `s`, `m`, `h`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("expected a time such as 30s, 5m or 1m30s, found {text:?}");

    if let Ok(seconds) = text.parse::<u32>() {
        return Ok(Duration::from_secs(seconds.into()));
    }

    let mut sum = 0.0;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .ok_or_else(wrong)?;
        // Without a digit in front, as before a sign, there is nothing to parse.
        let number: f64 = rest[..digits].parse().map_err(|_| wrong())?;
        let unit = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len() - digits);

        let seconds = match &rest[digits..digits + unit] {
            "ms" => 0.001,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };

        sum += number * seconds;
        rest = &rest[digits + unit..];
    }

    // Far below what the conversion panics at, and far above what anybody waits for.
    if text.is_empty() || sum > 1e9 {
        Err(wrong())
    } else {
        Ok(Duration::from_secs_f64(sum))
    }
}

impl ConnectionArgs {
    /// As plain data, which the cluster's client takes.
    pub fn options(&self) -> ConnectionOptions {
        ConnectionOptions {
            kubeconfig: self.kubeconfig.clone(),
            context: self.context.clone(),
            cluster: self.cluster.clone(),
            user: self.user.clone(),
            namespace: self.namespace.clone(),
            server: self.server.clone(),
            token: self.token.clone(),
            impersonate: self.impersonate.clone(),
            impersonate_groups: self.impersonate_groups.clone(),
            impersonate_uid: self.impersonate_uid.clone(),
            // Without the flag and with a 0 alike: no limit of its own.
            request_timeout: self.request_timeout.and_then(|timeout| timeout.0),
            insecure_skip_tls_verify: self.insecure_skip_tls_verify,
            certificate_authority: self.certificate_authority.clone(),
            client_certificate: self.client_certificate.clone(),
            client_key: self.client_key.clone(),
            tls_server_name: self.tls_server_name.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    // Without a unit, as kubectl takes it: seconds.
    #[case("30", 30_000)]
    #[case("30s", 30_000)]
    #[case("1m30s", 90_000)]
    #[case("500ms", 500)]
    #[case("1.5h", 5_400_000)]
    #[case("0", 0)]
    fn a_time_is_read_as_kubectl_reads_it(#[case] text: &str, #[case] millis: u64) {
        assert_eq!(parse_duration(text), Ok(Duration::from_millis(millis)));
    }

    #[rstest]
    #[case("")]
    #[case("s")]
    #[case("5 apples")]
    // A negative time would be over before it begins.
    #[case("-3s")]
    #[case("1.2.3s")]
    fn a_text_that_is_no_time_is_refused_with_what_was_found(#[case] text: &str) {
        assert!(parse_duration(text).unwrap_err().contains(&format!("{text:?}")));
    }
}
