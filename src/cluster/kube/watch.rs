//! Watches: one line of JSON an event, read as it comes.
//!
//! It ends with the server's end, with the first error, or where the server keeps it open for longer than it
//! was asked to: such a connection is dead. It is never resumed here; whoever reads it knows the last
//! resourceVersion.

use super::answer::Status;
use super::transport::{Call, Transport};
use super::{failure, path};
use crate::cluster::{ApiError, WatchEvent, WatchRequest, WatchStream};
use crate::model::Object;
use bytes::{Buf, BytesMut};
use futures::{StreamExt, stream};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use serde_json::Value;
use std::collections::VecDeque;
use std::time::Duration;

/// How much longer than asked the server may keep a watch open before it counts as dead.
const GRACE: Duration = Duration::from_secs(15);
/// No object that a store takes makes a longer line.
const LONGEST_LINE: usize = 32 * 1024 * 1024;

/// Opens a watch.
pub(super) async fn open(transport: &Transport, request: &WatchRequest) -> Result<WatchStream, ApiError> {
    let resource = path::resource_name(&request.resource);
    let address = path::collection(&request.resource, request.namespace.as_deref())?;
    let seconds = request.timeout_seconds.to_string();

    let query = [
        ("watch", "true"),
        // A quiet collection would otherwise end up with a version that the server has compacted away.
        ("allowWatchBookmarks", "true"),
        ("labelSelector", request.labels.as_str()),
        ("fieldSelector", request.fields.as_str()),
        ("resourceVersion", request.resource_version.as_str()),
        ("timeoutSeconds", seconds.as_str()),
    ];

    let response = transport
        .open(Call::get(path::with_query(&address, &query), &resource))
        .await?;

    let limit = Duration::from_secs(request.timeout_seconds.into()) + GRACE;

    let reader = Reader {
        body: response.into_body(),
        buffer: BytesMut::new(),
        events: VecDeque::new(),
        end: tokio::time::Instant::now() + limit,
        ended: false,
    };

    Ok(stream::unfold(reader, |mut reader| async move {
        Some((reader.next().await?, reader))
    })
    .boxed())
}

struct Reader {
    body: Body,
    buffer: BytesMut,
    events: VecDeque<Result<WatchEvent, ApiError>>,
    end: tokio::time::Instant,
    ended: bool,
}

impl Reader {
    /// The next event; none after the server's end or an error.
    async fn next(&mut self) -> Option<Result<WatchEvent, ApiError>> {
        loop {
            if let Some(event) = self.events.pop_front() {
                // Nothing after an error can be trusted to be complete.
                self.ended |= event.is_err();
                if event.is_err() {
                    self.events.clear();
                }
                return Some(event);
            }
            if self.ended {
                return None;
            }

            match tokio::time::timeout_at(self.end, self.body.frame()).await {
                Ok(Some(Ok(frame))) => {
                    if let Ok(data) = frame.into_data() {
                        self.take(&data);
                    }
                }
                // An error is an event like any other: what came before it is handed out first.
                Ok(Some(Err(error))) => self.events.push_back(Err(failure::from_body(&error))),
                Ok(None) => {
                    self.ended = true;
                    if !self.buffer.trim_ascii().is_empty() {
                        let why = "the watch was closed in the middle of an event".into();
                        self.events.push_back(Err(ApiError::Broken { why }));
                    }
                }
                // The server did not end it in time: it is dead, and the caller opens another one.
                Err(_) => self.ended = true,
            }
        }
    }

    fn take(&mut self, data: &[u8]) {
        let before = self.buffer.len();
        self.buffer.extend_from_slice(data);

        // What came before holds no end of a line.
        let last = data.iter().rposition(|byte| *byte == b'\n').map(|at| before + at);
        let Some(last) = last else {
            if self.buffer.len() > LONGEST_LINE {
                let error = ApiError::TooLarge {
                    code: 200,
                    mib: LONGEST_LINE / 1024 / 1024,
                };
                self.events.push_back(Err(error));
                self.buffer.clear();
            }
            return;
        };

        // What has no end of a line yet stays in the buffer, without the newline before it.
        let complete = self.buffer.split_to(last);
        self.buffer.advance(1);

        let lines = complete
            .as_ref()
            .split(|byte: &u8| *byte == b'\n')
            .filter(|line| !line.trim_ascii().is_empty());
        self.events.extend(lines.map(event));
    }
}

#[derive(Deserialize)]
struct Line {
    #[serde(rename = "type")]
    kind: String,
    object: Value,
}

fn event(line: &[u8]) -> Result<WatchEvent, ApiError> {
    let unreadable = |why: String| ApiError::Unreadable { code: 200, body: why };
    let Line { kind, object } =
        serde_json::from_slice(line).map_err(|error| unreadable(error.to_string()))?;
    let read = |value: Value| Object::new(value).map_err(|error| unreadable(error.to_string()));

    match kind.as_str() {
        // One and the same for a store: a watch that goes on may
        // tell of an object that was added before as changed.
        "ADDED" | "MODIFIED" => read(object).map(WatchEvent::Present),
        "DELETED" => read(object).map(WatchEvent::Deleted),
        "BOOKMARK" => {
            let version = object
                .pointer("/metadata/resourceVersion")
                .and_then(Value::as_str);
            Ok(WatchEvent::Bookmark(version.unwrap_or_default().to_owned()))
        }
        "ERROR" => {
            let status: Status =
                serde_json::from_value(object).map_err(|error| unreadable(error.to_string()))?;
            // The HTTP status was 200: what went wrong since then stands in the Status, a 410 above all.
            Err(status.into_error(500))
        }
        // Passed over, it could be the deletion that everybody waits for.
        other => Err(unreadable(format!("a watch event of the type {other:?}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_that_is_too_old_says_list_again() {
        let line = br#"{"type":"ERROR","object":{"kind":"Status","code":410,"reason":"Expired","message":"too old resource version"}}"#;
        assert!(event(line).unwrap_err().is_expired());
    }

    #[test]
    fn a_bookmark_carries_a_resource_version_alone() {
        let line = br#"{"type":"BOOKMARK","object":{"kind":"Pod","metadata":{"resourceVersion":"12"}}}"#;
        assert_eq!(event(line), Ok(WatchEvent::Bookmark("12".into())));
    }
}
