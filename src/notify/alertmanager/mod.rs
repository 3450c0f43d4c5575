//! Alertmanager's v2 API: what is open fires, and is sent again as long as it does; what was closed is resolved.
//!
//! As Prometheus sends alerts: with an `endsAt` a few minutes ahead, which each sending moves. Alerts of a process that ended
//! without a successor resolve by themselves then; that nothing watches any more is an alert of the rule file.

mod alert;

use super::endpoint::{Endpoint, Poster};
use crate::model::drift::{DriftSink, DriftUpdate, SinkError};
use alert::{Alert, Labels, alerts};
use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderValue};
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// After which time an alert that still fires is sent again.
const RESEND: Duration = Duration::from_secs(60);
/// After which time an alert that was not sent again resolves.
const ENDS_AFTER: SignedDuration = SignedDuration::from_secs(300);
/// Alerts of one request.
const BATCH: usize = 100;

/// Posts alerts to one Alertmanager.
pub struct AlertmanagerSink {
    name: String,
    poster: Poster,
    labels: Labels,
    now: fn() -> Timestamp,
    /// What fires there, as far as it took it.
    firing: BTreeMap<Labels, Sent>,
}

/// An alert that was sent, and when.
struct Sent {
    alert: Alert,
    at: Instant,
}

/// One alert of a request.
struct Sending {
    alert: Alert,
    is_resolved: bool,
}

impl AlertmanagerSink {
    /// To the Alertmanager at this URL, with labels that every alert gets.
    pub fn new(endpoint: Endpoint, labels: BTreeMap<String, String>, now: fn() -> Timestamp) -> Self {
        Self {
            // Several of them are told apart by their hosts.
            name: format!("alertmanager {}", endpoint.host()),
            poster: Poster::new(endpoint.below("/api/v2/alerts")),
            labels,
            now,
            firing: BTreeMap::new(),
        }
    }

    /// What is to be sent now: new and changed alerts, those that are due again, and those that were closed.
    fn due(&self, wanted: Vec<Alert>, now: Instant) -> Vec<Sending> {
        let wanted: BTreeMap<Labels, Alert> = wanted
            .into_iter()
            .map(|alert| (alert.labels.clone(), alert))
            .collect();
        let closed: Vec<Sending> = self
            .firing
            .iter()
            .filter(|(labels, _)| !wanted.contains_key(*labels))
            .map(|(_, sent)| Sending {
                alert: sent.alert.clone(),
                is_resolved: true,
            })
            .collect();

        let is_due = |alert: &Alert| {
            let sent = self.firing.get(&alert.labels);
            sent.is_none_or(|sent| {
                !sent.alert.reads_as(alert) || now.saturating_duration_since(sent.at) >= RESEND
            })
        };
        let firing = wanted.into_values().filter(is_due).map(|alert| Sending {
            alert,
            is_resolved: false,
        });
        closed.into_iter().chain(firing).collect()
    }

    /// Notes what was sent: taken, or refused in a way that the next sending will not change.
    fn record(&mut self, sent: Vec<Sending>, at: Instant) {
        for Sending { alert, is_resolved } in sent {
            if is_resolved {
                self.firing.remove(&alert.labels);
            } else {
                self.firing.insert(alert.labels.clone(), Sent { alert, at });
            }
        }
    }

    async fn post(&self, batch: &[Sending]) -> Result<(), SinkError> {
        let now = (self.now)();
        let body: Vec<Value> = batch
            .iter()
            .map(|sending| {
                let ends = if sending.is_resolved {
                    now
                } else {
                    now.saturating_add(ENDS_AFTER).unwrap_or(Timestamp::MAX)
                };
                sending.alert.as_json(ends)
            })
            .collect();

        let content_type = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        self.poster
            .post(headers, Value::from(body).to_string().into_bytes())
            .await
    }
}

#[async_trait]
impl DriftSink for AlertmanagerSink {
    fn name(&self) -> &str {
        &self.name
    }

    fn interval(&self) -> Option<Duration> {
        Some(RESEND)
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        // From what is known now and not from the events: a delivery that failed needs no memory.
        let mut due = self.due(alerts(&update.snapshot, &self.labels), Instant::now());
        let mut refused = None;

        while !due.is_empty() {
            let rest = due.split_off(due.len().min(BATCH));
            match self.post(&due).await {
                // Not noted as sent: it is due again at the next delivery.
                Err(error) if !error.is_final => return Err(error),
                // The alerts of other batches may be taken all the same.
                Err(error) => refused = refused.or(Some(error)),
                Ok(()) => {}
            }
            self.record(due, Instant::now());
            due = rest;
        }
        refused.map_or(Ok(()), Err)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drift::DriftKind;
    use crate::notify::samples::{finding, snapshot};

    fn sink() -> AlertmanagerSink {
        rustls::crypto::ring::default_provider().install_default().ok();
        let endpoint = Endpoint::parse("http://alertmanager:9093/am/", None).unwrap();
        AlertmanagerSink::new(endpoint, BTreeMap::new(), || Timestamp::UNIX_EPOCH)
    }

    fn wanted(names: &[&str]) -> Vec<Alert> {
        let open = names
            .iter()
            .map(|name| finding(DriftKind::Changed, name, "/spec", "kubectl-edit"));
        alerts(
            &snapshot([("shop", "web".to_owned(), open.collect())]),
            &BTreeMap::new(),
        )
    }

    fn shown(due: &[Sending]) -> Vec<(String, bool)> {
        due.iter()
            .map(|sending| (sending.alert.labels["name"].clone(), sending.is_resolved))
            .collect()
    }

    #[test]
    fn what_fires_is_sent_once_and_again_when_it_is_due_and_resolved_when_it_is_closed() {
        let mut sink = sink();
        let start = Instant::now();
        let due = sink.due(wanted(&["api", "web"]), start);
        assert_eq!(shown(&due), [("api".into(), false), ("web".into(), false)]);
        sink.record(due, start);

        assert!(sink.due(wanted(&["api", "web"]), start).is_empty());
        assert_eq!(sink.due(wanted(&["api", "web"]), start + RESEND).len(), 2);

        let due = sink.due(wanted(&["api"]), start);
        assert_eq!(shown(&due), [("web".into(), true)]);
        // Not taken: it is due until it is.
        assert_eq!(sink.due(wanted(&["api"]), start).len(), 1);
        sink.record(due, start);
        assert!(sink.due(wanted(&["api"]), start).is_empty());
    }

    #[test]
    fn a_firing_alert_ends_in_some_minutes_and_a_resolved_one_now() {
        let alert = wanted(&["web"]).remove(0);
        assert!(ENDS_AFTER > SignedDuration::try_from(RESEND * 3).unwrap());
        let now: Timestamp = "2026-11-28T07:52:47Z".parse().unwrap();
        assert_eq!(alert.as_json(now)["endsAt"], "2026-11-28T07:52:47Z");
    }
}
