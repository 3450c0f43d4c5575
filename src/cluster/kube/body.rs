//! Bodies: how an apply and a delete are written, and how objects and pages are read.
//!
//! Everything stays JSON, and a large answer is parsed beside the threads that move bytes. What cannot be read
//! is an answer all the same: whether a write was done, the error's code tells.

use super::answer::{ApiResponse, Status};
use crate::cluster::{ApiError, DeleteOptions, Deleted, ListRequest, Page};
use crate::model::Object;
use crate::model::plan::Propagation;
use bytes::Bytes;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// A body of this size is parsed beside the threads that move bytes.
const LARGE: usize = 256 * 1024;

#[derive(Deserialize)]
struct List {
    metadata: ListMetadata,
    items: Option<Vec<Value>>,
}

#[derive(Deserialize, Default)]
#[serde(default, rename_all = "camelCase")]
struct ListMetadata {
    resource_version: String,
    #[serde(rename = "continue")]
    continue_from: Option<String>,
}

/// The page that a list is answered with.
pub(super) async fn page_of(answer: ApiResponse, request: &ListRequest) -> Result<Page, ApiError> {
    let list: List = parse(answer.body).await?;

    let api_version = Value::from(request.resource.api_version());
    // Whatever kind was claimed for it: all that hides values goes by what an object says it is.
    let kind = if request.resource.is_secret() {
        "Secret"
    } else {
        &request.resource.kind
    };
    let kind = Value::from(kind);

    // A built-in list's items carry neither field, and those of metadata alone say PartialObjectMetadata.
    let named = |mut item: Value| {
        if let Some(fields) = item.as_object_mut() {
            fields.shift_insert(0, "apiVersion".into(), api_version.clone());
            fields.shift_insert(1, "kind".into(), kind.clone());
        }
        object(item, 200)
    };

    // Go writes an empty list as null.
    let items = list.items.unwrap_or_default().into_iter();
    Ok(Page {
        items: items.map(named).collect::<Result<_, _>>()?,
        continue_from: list.metadata.continue_from.filter(|token| !token.is_empty()),
        resource_version: list.metadata.resource_version,
    })
}

/// An apply is read as YAML, which refuses what JSON leaves as it is: DEL and C1.
pub(super) fn as_yaml(json: String) -> String {
    const REFUSED: std::ops::RangeInclusive<char> = '\u{7f}'..='\u{9f}';
    if !json.contains(|c| REFUSED.contains(&c)) {
        return json;
    }

    let escaped = |c: char| {
        if REFUSED.contains(&c) {
            format!("\\u{:04x}", u32::from(c))
        } else {
            c.into()
        }
    };
    json.chars().map(escaped).collect()
}

pub(super) fn delete_body(options: &DeleteOptions) -> Value {
    // Under one name there may be another object by now, which nobody decided about.
    let mut preconditions = json!({"uid": options.uid});
    if let Some(version) = &options.resource_version {
        preconditions["resourceVersion"] = version.as_str().into();
    }

    let policy = match options.propagation {
        Propagation::Background => "Background",
        Propagation::Foreground => "Foreground",
        Propagation::Orphan => "Orphan",
    };

    // Where a delete has a body, the server does not read `dryRun` from the query: it would really delete.
    let dry_run = if options.dry_run {
        json!(["All"])
    } else {
        json!([])
    };

    json!({
        "apiVersion": "v1",
        "kind": "DeleteOptions",
        "preconditions": preconditions,
        "propagationPolicy": policy,
        "dryRun": dry_run,
    })
}

/// A Status says that it is gone; the object, that it is going, or what it last was.
pub(super) async fn deleted(answer: ApiResponse) -> Result<Deleted, ApiError> {
    if serde_json::from_slice::<Status>(&answer.body).is_ok_and(|status| status.is_success()) {
        return Ok(Deleted::Gone);
    }

    let object = parse(answer.body).await.and_then(|value| object(value, 200))?;
    // Some kinds answer with the object as it was, though nothing of it is left.
    let goes = !object.text("/metadata/deletionTimestamp").is_empty();
    Ok(if goes {
        Deleted::Going(object)
    } else {
        Deleted::Gone
    })
}

/// Parses a body; a large one beside the threads that move bytes.
pub(super) async fn parse<T: DeserializeOwned + Send + 'static>(body: Bytes) -> Result<T, ApiError> {
    let is_large = body.len() > LARGE;
    let read = move || serde_json::from_slice(&body).map_err(|error| unreadable(200, &error.to_string()));
    if !is_large {
        return read();
    }

    // One thread drives all connections, and the lock's renewal with them.
    tokio::task::spawn_blocking(read)
        .await
        .unwrap_or_else(|error| Err(unreadable(200, &error.to_string())))
}

pub(super) fn object(value: Value, code: u16) -> Result<Object, ApiError> {
    Object::new(value).map_err(|error| unreadable(code, &error.to_string()))
}

fn unreadable(code: u16, why: &str) -> ApiError {
    ApiError::Unreadable {
        code,
        body: why.to_owned(),
    }
}
