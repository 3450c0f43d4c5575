//! Answers of the server: status, warnings, errors.
//!
//! Nothing between here and an API server is trusted to be one: bodies are bounded, and what is no `Status`
//! of Kubernetes is told by its first line and never taken for the server's word.

use super::failure;
use crate::cluster::{ApiError, StatusCause};
use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use http_body_util::BodyExt;
use kube::client::Body;
use serde::Deserialize;
use std::time::Duration;
use tokio::sync::Semaphore;

/// A page of the largest objects that a store takes has less.
const LARGEST: usize = 96 * 1024 * 1024;
/// Most have less.
const ORDINARY: usize = 8 * 1024 * 1024;
/// What a refusal says.
const LARGEST_REFUSAL: usize = 4 * 1024 * 1024;

/// A whole answer.
pub(super) struct ApiResponse {
    /// Status code.
    pub code: StatusCode,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Bytes,
}

/// The server's Retry-After, in seconds.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers
        .get(http::header::RETRY_AFTER)?
        .to_str()
        .ok()?
        .trim()
        .parse()
        .ok()?;

    // Its other form, a date, is no number: the pause is our own then.
    Some(Duration::from_secs(seconds))
}

/// `metav1.Status`, as far as it is read.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct Status {
    kind: String,
    status: String,
    message: String,
    reason: String,
    code: u16,
    details: Option<Details>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Details {
    // Empty where a path is not served: a Status about an object names it.
    name: String,
    causes: Option<Vec<Cause>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Cause {
    reason: String,
    message: String,
    field: String,
}

impl ApiResponse {
    /// Reads the whole body, where it is one that an API server sends. Of large ones one is read at a time.
    pub async fn read(response: Response<Body>, large: &Semaphore) -> Result<Self, ApiError> {
        let (head, mut body) = response.into_parts();
        // A refusal quotes one object at most, and a page holds hundreds.
        let limit = if head.status.is_success() {
            LARGEST
        } else {
            LARGEST_REFUSAL
        };

        let (mut read, mut turn) = (BytesMut::new(), None);

        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| failure::from_body(&error))?;
            let Ok(data) = frame.into_data() else { continue };
            if read.len() + data.len() > ORDINARY && turn.is_none() {
                // Sixteen answers of the largest size at once would fill the memory.
                // The semaphore is never closed.
                turn = large.acquire().await.ok();
            }

            if read.len() + data.len() > limit {
                return Err(ApiError::TooLarge {
                    code: head.status.as_u16(),
                    mib: limit / 1024 / 1024,
                });
            }
            read.extend_from_slice(&data);
        }

        Ok(Self {
            code: head.status,
            headers: head.headers,
            body: read.freeze(),
        })
    }

    /// Success, or the error that it tells. `resource` is `plural.group/version`, for kinds that are not served.
    pub fn check(self, resource: &str) -> Result<Self, ApiError> {
        if self.code.is_success() {
            Ok(self)
        } else {
            Err(self.error(resource))
        }
    }

    /// The error that it tells.
    pub fn error(&self, resource: &str) -> ApiError {
        let code = self.code.as_u16();

        match serde_json::from_slice::<Status>(&self.body)
            .ok()
            // Every field has a default: a proxy's own JSON would pass for a Status without a word in it.
            .filter(|status| status.kind == "Status")
        {
            // "the server could not find the requested resource": the path, not the object.
            Some(status) if code == 404 && status.names_nothing() => not_served(resource),
            Some(status) => status.into_error(code),
            // Below a group that nobody serves there is only the plain 404 of an HTTP server.
            None if code == 404 => not_served(resource),
            None => ApiError::Unreadable {
                code,
                body: first_line(&self.body),
            },
        }
    }

    /// The texts of its Warning headers (RFC 7234: `299 - "text"`).
    pub fn warnings(&self) -> Vec<String> {
        let headers = self.headers.get_all(http::header::WARNING).iter();
        headers
            .filter_map(|value| warning(&String::from_utf8_lossy(value.as_bytes())))
            .collect()
    }
}

impl Status {
    fn names_nothing(&self) -> bool {
        self.details
            .as_ref()
            .is_none_or(|details| details.name.is_empty())
    }

    /// Whether it tells of a success, as the answer to a delete does.
    pub fn is_success(&self) -> bool {
        self.kind == "Status" && self.status == "Success"
    }

    /// As an error; `code` where it has none itself.
    pub fn into_error(self, code: u16) -> ApiError {
        let causes = self
            .details
            .and_then(|details| details.causes)
            .unwrap_or_default();
        let causes = causes
            .into_iter()
            .map(|cause| StatusCause {
                reason: cause.reason,
                message: cause.message,
                field: cause.field,
            })
            .collect();
        // An event of a watch has no HTTP status of its own: the Status carries it.
        let code = if self.code == 0 { code } else { self.code };

        let message = if self.message.is_empty() {
            self.reason.clone()
        } else {
            self.message
        };
        ApiError::Status {
            code,
            reason: self.reason,
            message,
            causes,
        }
    }
}

fn not_served(resource: &str) -> ApiError {
    ApiError::NotServed {
        resource: resource.to_owned(),
    }
}

fn first_line(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let line = text
        .lines()
        .find(|line| !line.trim().is_empty())
        .unwrap_or("an empty answer")
        .trim();

    // A page of HTML in one line would fill the screen.
    line.chars().take(200).collect()
}

/// The quoted text of one Warning header.
fn warning(header: &str) -> Option<String> {
    let quoted = &header[header.find('"')? + 1..];

    let mut text = String::new();
    let mut rest = quoted.chars();
    while let Some(c) = rest.next() {
        match c {
            '"' => return Some(text),
            '\\' => text.extend(rest.next()),
            c => text.push(c),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(code: u16, body: &str) -> ApiResponse {
        ApiResponse {
            code: StatusCode::from_u16(code).unwrap(),
            headers: HeaderMap::new(),
            body: Bytes::from(body.to_owned()),
        }
    }

    #[test]
    fn a_missing_object_is_told_from_a_missing_kind() {
        // Both are a 404 with a Status: only details.name tells them apart.
        let object = r#"{"kind":"Status","code":404,"reason":"NotFound","message":"pods \"a\" not found","details":{"name":"a","kind":"pods"}}"#;
        assert!(matches!(
            answer(404, object).error("pods/v1"),
            ApiError::Status { code: 404, .. }
        ));

        let path = r#"{"kind":"Status","code":404,"reason":"NotFound","message":"the server could not find the requested resource","details":{}}"#;
        for body in [path, "404 page not found\n"] {
            assert!(matches!(
                answer(404, body).error("x/v1"),
                ApiError::NotServed { .. }
            ));
        }
    }

    #[test]
    fn the_causes_of_a_refusal_are_kept() {
        let body = r#"{"kind":"Status","code":409,"reason":"Conflict","message":"m","details":{"causes":[{"reason":"FieldManagerConflict","message":"conflict with \"kubectl\"","field":".spec.replicas"}]}}"#;
        let ApiError::Status { causes, .. } = answer(409, body).error("x") else {
            panic!()
        };
        assert_eq!(causes[0].field, ".spec.replicas");
    }

    #[test]
    fn a_proxys_page_is_told_by_its_first_line() {
        let error = answer(502, "\n<html>Bad Gateway</html>\nmore").error("x");
        assert_eq!(
            error.to_string(),
            "the API server answered 502: <html>Bad Gateway</html>"
        );
    }

    #[test]
    fn the_text_of_a_warning_is_unquoted() {
        assert_eq!(
            warning(r#"299 - "unknown field \"spec.x\"""#).as_deref(),
            Some(r#"unknown field "spec.x""#)
        );
        assert_eq!(warning("299 - nothing"), None);
    }
}
