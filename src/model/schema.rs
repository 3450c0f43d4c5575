//! JSON schemas of the two kinds of files, from their types: docs/schema holds them, and those of what commands print
//! (`usecase/schema.rs`).
//!
//! A test holds the files against these types: what an editor accepts is what the reader accepts, but for
//! what only the reader can know.

use super::digest::Sha256Digest;
use super::environment::Environment;
use super::names::API_VERSION;
use super::object::Object;
use super::path::FieldPath;
use super::release::{PublicDigest, Release};
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;

/// The schema of a release's file.
pub fn release() -> Value {
    of::<Release>("Release")
}

/// The schema of an environment's file.
pub fn environment() -> Value {
    of::<Environment>("Environment")
}

fn of<T: JsonSchema>(kind: &str) -> Value {
    let mut schema = SchemaSettings::draft2020_12()
        .into_generator()
        .into_root_schema_for::<T>()
        .to_value();
    // The types take any text here, and the reader refuses it: an editor knows it earlier.
    if let Some(properties) = schema.get_mut("properties") {
        properties["apiVersion"] = json!({"const": API_VERSION});
        properties["kind"] = json!({"const": kind});
    }
    schema
}

impl JsonSchema for Sha256Digest {
    fn schema_name() -> Cow<'static, str> {
        "Digest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"})
    }
}

impl JsonSchema for PublicDigest {
    fn schema_name() -> Cow<'static, str> {
        "PublicDigest".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "The sha256 of the file of a release; keyed where the file holds values of Secrets.",
            "pattern": "^(hmac-)?sha256:[0-9a-f]{64}$"
        })
    }
}

impl JsonSchema for FieldPath {
    fn schema_name() -> Cow<'static, str> {
        "FieldPath".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "description": "A path into an object: /spec/template/spec/containers/[name=web]/image",
            "pattern": "^/"
        })
    }
}

impl JsonSchema for Object {
    fn schema_name() -> Cow<'static, str> {
        "Object".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "object",
            "description": "A Kubernetes object.",
            "required": ["apiVersion", "kind", "metadata"],
            "properties": {
                "apiVersion": {"type": "string"},
                "kind": {"type": "string"},
                "metadata": {"type": "object"}
            }
        })
    }
}
