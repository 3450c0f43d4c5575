//! Where a watch reports, besides its own output: metrics and probes, CloudEvents, Alertmanager; and which replica does.

use crate::cli::Context;
use crate::model::drift::DriftSink;
use crate::notify::{
    AlertmanagerSink, CloudEventsSink, ContentMode, Endpoint, EndpointError, Exposition, ListenAddress,
    MetricsSink, Role,
};
use crate::report::clean;
use crate::usecase::watch::{LeaseName, Replica};
use crate::usecase::{CommandError, ErrorKind};
use clap::builder::PossibleValue;
use clap::{Args as ClapArgs, ValueEnum};
use jiff::Timestamp;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

/// Where it reports.
#[derive(ClapArgs, Debug)]
#[command(next_help_heading = "Reporting")]
pub(super) struct SinkArgs {
    /// Serve /metrics, /healthz and /readyz over HTTP
    #[arg(long, value_name = "[HOST]:PORT", value_parser = ListenAddress::parse)]
    listen: Option<ListenAddress>,
    /// Post each event as a CloudEvent to this URL
    #[arg(long, value_name = "URL")]
    cloudevents: Option<String>,
    /// How a CloudEvent is put into a request
    #[arg(long, value_enum, value_name = "MODE", default_value = "structured")]
    cloudevents_mode: ContentMode,
    /// Source of the CloudEvents [default: the URL of the API server]
    #[arg(long, value_name = "URI", requires = "cloudevents")]
    cloudevents_source: Option<String>,
    /// Bearer token for --cloudevents: a file, which is read for each request
    #[arg(long, value_name = "FILE", requires = "cloudevents")]
    cloudevents_token_file: Option<PathBuf>,
    /// Post open findings as alerts to this Alertmanager; can be repeated
    #[arg(long, value_name = "URL")]
    alertmanager: Vec<String>,
    /// Add this label to every alert; can be repeated
    #[arg(long, value_name = "NAME=VALUE", requires = "alertmanager", value_parser = parse_label)]
    alertmanager_label: Vec<(String, String)>,
    /// Bearer token for --alertmanager: a file, which is read for each request
    #[arg(long, value_name = "FILE", requires = "alertmanager")]
    alertmanager_token_file: Option<PathBuf>,
    /// Report only while holding this Lease: of several replicas one does
    #[arg(long, value_name = "[NAMESPACE/]NAME", value_parser = LeaseName::parse)]
    lease: Option<LeaseName>,
}

impl SinkArgs {
    /// The Lease by which replicas agree who reports; none where there is one process.
    pub(super) fn lease(&self) -> Option<&LeaseName> {
        self.lease.as_ref()
    }

    /// Serves metrics and probes from now on, where that is asked for; a process that waits for a Lease answers probes, too.
    pub(super) async fn serve(&self) -> Result<Option<Arc<Exposition>>, CommandError> {
        let Some(address) = &self.listen else {
            return Ok(None);
        };
        let listener = address.bind().await.map_err(|error| {
            let message = format!("cannot listen on {address}");
            CommandError::new(ErrorKind::Usage, message).with_source(&error)
        })?;
        let role = if self.lease.is_some() {
            Role::Standby
        } else {
            Role::Leading
        };
        let exposition = Exposition::new(role);
        tokio::spawn(crate::notify::serve(listener, exposition.clone()));
        Ok(Some(exposition))
    }

    /// All of them; `exposition` is what is served.
    pub(super) fn sinks(
        &self,
        exposition: Option<Arc<Exposition>>,
    ) -> Result<Vec<Box<dyn DriftSink>>, CommandError> {
        let mut sinks: Vec<Box<dyn DriftSink>> = Vec::new();
        if let Some(exposition) = exposition {
            sinks.push(Box::new(MetricsSink::new(exposition)));
        }
        if let Some(url) = &self.cloudevents {
            let endpoint = Endpoint::parse(url, self.cloudevents_token_file.clone());
            let endpoint = endpoint.map_err(|error| invalid("--cloudevents", &error))?;
            let source = self.cloudevents_source.clone();
            sinks.push(Box::new(CloudEventsSink::new(
                endpoint,
                self.cloudevents_mode,
                source,
            )));
        }
        for url in &self.alertmanager {
            let endpoint = Endpoint::parse(url, self.alertmanager_token_file.clone());
            let endpoint = endpoint.map_err(|error| invalid("--alertmanager", &error))?;
            let labels = self.alertmanager_label.iter().cloned().collect();
            sinks.push(Box::new(AlertmanagerSink::new(endpoint, labels, Timestamp::now)));
        }
        Ok(sinks)
    }
}

/// What a replica says on stderr, and what its probes are answered.
pub(super) struct NotedReplica<'a> {
    pub context: &'a Context,
    pub exposition: Option<Arc<Exposition>>,
}

impl Replica for NotedReplica<'_> {
    fn note(&self, waiting: &str) {
        // Where nobody reads stderr, the wait goes on.
        writeln!(self.context.stderr(), "note: {}", clean(waiting)).ok();
    }

    fn lead(&self) {
        if let Some(exposition) = &self.exposition {
            exposition.lead();
        }
    }
}

fn invalid(flag: &str, error: &EndpointError) -> CommandError {
    CommandError::usage(format!("{flag}: {error}"))
}

/// A label as Alertmanager takes it.
fn parse_label(text: &str) -> Result<(String, String), String> {
    let is_inside = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let label = text.split_once('=').filter(|(name, value)| {
        let is_name = name.chars().all(is_inside) && !name.starts_with(|c: char| c.is_ascii_digit());
        is_name && !name.is_empty() && !value.is_empty()
    });
    let (name, value) =
        label.ok_or_else(|| format!("expected NAME=VALUE such as cluster=prod-eu, found {text:?}"))?;
    Ok((name.to_owned(), value.to_owned()))
}

impl ValueEnum for ContentMode {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Structured, Self::Binary]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Structured => PossibleValue::new("structured").help("One JSON document"),
            Self::Binary => PossibleValue::new("binary").help("Attributes as headers"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::parse_label;

    #[test]
    fn a_label_has_a_name_that_alertmanager_takes_and_a_value() {
        let label = |name: &str, value: &str| Ok((name.to_owned(), value.to_owned()));
        assert_eq!(parse_label("cluster=prod=eu"), label("cluster", "prod=eu"));
        for wrong in ["cluster", "cluster=", "=x", "a-b=x", "1a=x", ""] {
            assert!(parse_label(wrong).is_err(), "{wrong}");
        }
    }
}
