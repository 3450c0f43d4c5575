//! CloudEvents 1.0 over HTTP: each event of the watch as one request, in structured or binary mode.
//!
//! `data` is what `watch -o json` prints of the event. An id is that of the event and its time, so that a receiver knows one that
//! was sent again by `source` and `id`, as the specification has it.

use super::endpoint::{Endpoint, Poster};
use crate::model::drift::{DriftEvent, DriftSink, DriftUpdate, SinkError, StampedDriftEvent};
use crate::model::names::docs_url;
use crate::model::{ClusterIdentity, Sha256Digest};
use async_trait::async_trait;
use http::HeaderMap;
use http::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::fmt::Write;

/// What types begin with: the reverse of the domain that labels and annotations have.
const TYPE_PREFIX: &str = "io.kubectl-delivery.";

/// How an event is put into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContentMode {
    /// Attributes and data in one JSON document.
    Structured,
    /// Attributes as headers, data as the body.
    Binary,
}

/// Posts CloudEvents to a URL.
pub struct CloudEventsSink {
    poster: Poster,
    mode: ContentMode,
    source: Option<String>,
    /// Those of an update that was taken in part, by their ids.
    done: BTreeSet<String>,
}

impl CloudEventsSink {
    /// To an endpoint; `source` is the API server's URL where none is given.
    pub fn new(endpoint: Endpoint, mode: ContentMode, source: Option<String>) -> Self {
        Self {
            poster: Poster::new(endpoint),
            mode,
            source,
            done: BTreeSet::new(),
        }
    }

    async fn post(&self, event: &CloudEvent) -> Result<(), SinkError> {
        let (headers, body) = match self.mode {
            ContentMode::Structured => event.structured(),
            ContentMode::Binary => event.binary()?,
        };
        self.poster.post(headers, body).await
    }
}

#[async_trait]
impl DriftSink for CloudEventsSink {
    fn name(&self) -> &str {
        "cloudevents"
    }

    async fn deliver(&mut self, update: &DriftUpdate) -> Result<(), SinkError> {
        let mut refused = None;
        for stamped in &update.events {
            let event = CloudEvent::new(stamped, self.source.as_deref(), &update.snapshot.cluster)?;
            if self.done.contains(&event.id) {
                continue;
            }

            match self.post(&event).await {
                // This one and those after it come again.
                Err(error) if !error.is_final => return Err(error),
                // Those after it may be taken all the same.
                Err(error) => refused = refused.or(Some(error)),
                Ok(()) => {}
            }
            self.done.insert(event.id);
        }
        self.done.clear();
        refused.map_or(Ok(()), Err)
    }
}

/// One event with its attributes.
#[derive(Debug, PartialEq)]
struct CloudEvent {
    id: String,
    attributes: Vec<(&'static str, String)>,
    data: Value,
}

impl CloudEvent {
    fn new(
        stamped: &StampedDriftEvent,
        source: Option<&str>,
        cluster: &ClusterIdentity,
    ) -> Result<Self, SinkError> {
        let data = serde_json::to_value(&stamped.event)
            .map_err(|error| SinkError::permanent(format!("cannot encode an event: {error}")))?;
        let name = data["event"].as_str().unwrap_or_default();
        let kind = format!("{TYPE_PREFIX}{name}");
        let time = stamped.time.to_string();
        let source = source.unwrap_or(&cluster.server).to_owned();
        let digest = Sha256Digest::compute(format!("{time}\n{data}").as_bytes());
        let id = digest.hex()[..32].to_owned();

        let mut attributes = vec![
            ("specversion", "1.0".to_owned()),
            ("id", id.clone()),
            ("source", source),
            ("type", kind),
            ("time", time),
            ("dataschema", docs_url("schema/drift-event.v1.json")),
        ];
        attributes.extend(subject(&stamped.event).map(|subject| ("subject", subject)));
        Ok(Self { id, attributes, data })
    }

    fn structured(&self) -> (HeaderMap, Vec<u8>) {
        let mut document: Map<String, Value> = Map::new();
        for (name, value) in &self.attributes {
            document.insert((*name).to_owned(), json!(value));
        }
        document.insert("datacontenttype".into(), json!("application/json"));
        document.insert("data".into(), self.data.clone());

        let content_type = HeaderValue::from_static("application/cloudevents+json; charset=utf-8");
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        (headers, Value::Object(document).to_string().into_bytes())
    }

    fn binary(&self) -> Result<(HeaderMap, Vec<u8>), SinkError> {
        let content_type = HeaderValue::from_static("application/json");
        let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, content_type)]);
        for (name, value) in &self.attributes {
            let invalid = |error: http::Error| SinkError::permanent(format!("cannot encode {name}: {error}"));
            let header = HeaderName::try_from(format!("ce-{name}")).map_err(|error| invalid(error.into()))?;
            let value = HeaderValue::try_from(header_text(value)).map_err(|error| invalid(error.into()))?;
            headers.insert(header, value);
        }
        Ok((headers, self.data.to_string().into_bytes()))
    }
}

/// What an event is about: `shop/web`, a release; `shop/web/0123456789abcdef`, a finding of it.
fn subject(event: &DriftEvent) -> Option<String> {
    let release = event.release()?;
    Some(match event.finding() {
        Some(finding) => format!("{release}/{}", finding.id()),
        None => release.to_string(),
    })
}

/// A value as the binding to HTTP writes it into a header: percent-encoded but for visible ASCII without `"` and `%`.
fn header_text(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for byte in value.bytes() {
        if byte.is_ascii_graphic() && byte != b'"' && byte != b'%' {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            write!(text, "%{byte:02X}").ok();
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::drift::{CloseReason, DriftKind};
    use crate::notify::samples::{at, cluster, finding};

    fn event(second: i64) -> CloudEvent {
        let finding = finding(DriftKind::Changed, "web", "/spec/replicas", "kubectl-edit");
        let stamped = StampedDriftEvent {
            time: at(second),
            event: DriftEvent::closed(finding, CloseReason::NotFound),
        };
        CloudEvent::new(&stamped, None, &cluster()).unwrap()
    }

    #[test]
    fn an_event_has_the_attributes_that_the_specification_requires() {
        let (headers, body) = event(1_000).structured();
        let document: Value = serde_json::from_slice(&body).unwrap();

        assert_eq!(
            headers[CONTENT_TYPE],
            "application/cloudevents+json; charset=utf-8"
        );
        let id = finding(DriftKind::Changed, "web", "/spec/replicas", "").id();
        for (name, value) in [
            ("specversion", "1.0"),
            ("source", "https://10.96.0.1:443"),
            ("type", "io.kubectl-delivery.driftClosed"),
            ("time", "1970-01-01T00:16:40Z"),
            ("datacontenttype", "application/json"),
            ("subject", &format!("shop/web/{id}")),
        ] {
            assert_eq!(document[name], value, "{document:#}");
        }
        assert_eq!(document["data"]["reason"], "notFound");
    }

    #[test]
    fn an_id_is_that_of_the_event_and_its_time() {
        assert_eq!(event(1).id, event(1).id);
        assert_ne!(event(1).id, event(2).id);
    }

    #[test]
    fn in_binary_mode_attributes_are_headers_and_the_body_is_the_data() {
        let (headers, body) = event(1_000).binary().unwrap();
        assert_eq!(headers["ce-specversion"], "1.0");
        assert_eq!(headers["ce-type"], "io.kubectl-delivery.driftClosed");
        assert_eq!(headers[CONTENT_TYPE], "application/json");
        assert_eq!(serde_json::from_slice::<Value>(&body).unwrap(), event(1_000).data);
    }

    #[test]
    fn a_header_holds_visible_ascii_alone() {
        assert_eq!(
            header_text("a/b \"c\" 5% €\n"),
            "a/b%20%22c%22%205%25%20%E2%82%AC%0A"
        );
    }
}
