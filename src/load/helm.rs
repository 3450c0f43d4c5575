//! What Helm stores of a revision: base64 of gzip of JSON, of which the manifest and what identifies the revision are read.
//!
//! Values, notes, templates and hooks are passed over while they are unpacked, and never held: they may hold passwords. Whoever
//! may write the object may have put anything there: what is unpacked has a bound, and no error shows a byte of it.

use super::error::LoadError;
use super::{manifests, yaml};
use crate::model::helm::{HelmChart, HelmRevision, add_ownership};
use crate::model::phrase::shorten;
use crate::model::{NotAnObject, Object, secret_data};
use flate2::read::GzDecoder;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;
use serde_json::error::Category;
use std::io::{self, BufReader, ErrorKind, Read};
use std::path::Path;

/// Of what is unpacked. An object of a cluster has at most 1.5 MiB, and what Helm stores is seldom packed to a tenth.
const LIMIT_MIB: u64 = 32;
/// Characters of a text that is shown: names of charts and of a status are shorter.
const LONGEST: usize = 100;
/// How gzip begins, with the one method that it has.
const GZIP: [u8; 3] = [0x1f, 0x8b, 0x08];
/// What errors call the manifest.
const MANIFEST: &str = "its manifest";

/// Why what Helm stores cannot be read. The object that holds it is for the caller to name.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum HelmError {
    /// Nothing stands under Helm's key.
    #[error("holds no release")]
    Empty,
    /// It is not encoded.
    #[error("its release is not base64")]
    NotBase64,
    /// It is packed, and does not unpack.
    #[error("its release is not valid gzip")]
    NotGzip,
    /// It unpacks to more than any release has.
    #[error("its release has more than {limit} MiB")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// It is not JSON, or not whole.
    #[error("its release is not valid JSON")]
    NotJson,
    /// It is JSON of another shape.
    #[error("its release is not one of Helm: a field is missing or has another type")]
    OtherShape,
    /// It is of another release, revision or namespace than the name of its object says.
    #[error("its release is another one than its name says")]
    OtherRelease,
    /// The manifest is not YAML.
    #[error("its manifest is not valid YAML (line {line}, column {column})")]
    NotYaml {
        /// From 1.
        line: u64,
        /// From 1.
        column: u64,
    },
    /// The manifest describes an object twice.
    #[error("its manifest defines {object} twice")]
    Doubled {
        /// The object.
        object: String,
    },
    /// The manifest holds something that is no object, or an object that no API server takes.
    #[error("{why}")]
    NotAnObject {
        /// Which document, and what is wrong with it.
        why: String,
    },
}

/// A revision of a release of Helm.
#[derive(Debug)]
pub struct HelmRelease {
    /// What it is.
    pub revision: HelmRevision,
    /// The objects of its manifest as Helm sends them, but for their namespaces: in their order, without hooks.
    pub objects: Vec<Object>,
    /// How many objects the server names at each creation (`generateName`): nothing in the cluster is known to be one of them.
    pub unnamed: usize,
    /// How many hooks the chart has.
    pub hooks: usize,
}

/// Which revision an object holds, by its name.
#[derive(Clone, Copy, Debug)]
pub struct HelmPlace<'p> {
    /// The release's name.
    pub name: &'p str,
    /// Its namespace.
    pub namespace: &'p str,
    /// Its revision.
    pub revision: u32,
}

// Only the fields that are read: whatever else Helm stores is not even parsed into values.
#[derive(Deserialize)]
struct Stored {
    name: String,
    version: u32,
    namespace: Option<String>,
    info: Option<StoredInfo>,
    chart: Option<StoredChart>,
    manifest: Option<String>,
    hooks: Option<Vec<IgnoredAny>>,
}

#[derive(Deserialize)]
struct StoredInfo {
    status: Option<String>,
}

#[derive(Deserialize)]
struct StoredChart {
    metadata: Option<StoredChartMetadata>,
}

#[derive(Deserialize)]
struct StoredChartMetadata {
    name: Option<String>,
    version: Option<String>,
}

/// Reads what Helm stores under the key `release` at a place.
///
/// # Errors
///
/// Where it is not what Helm stores there, or is larger than any release, or its manifest holds something else than objects.
pub fn helm_release(payload: &[u8], place: HelmPlace<'_>) -> Result<HelmRelease, HelmError> {
    let stored = unpack(payload)?;
    let is_here = stored
        .namespace
        .is_none_or(|namespace| namespace == place.namespace);
    if stored.name != place.name || stored.version != place.revision || !is_here {
        return Err(HelmError::OtherRelease);
    }

    let chart = stored.chart.and_then(|chart| chart.metadata);
    let (chart, version) = chart.map_or((None, None), |chart| (chart.name, chart.version));
    let status = stored.info.and_then(|info| info.status);
    let shown = |text: Option<String>| shorten(text.unwrap_or_else(|| "unknown".into()), LONGEST);

    let (objects, unnamed) = objects_of(&stored.manifest.unwrap_or_default(), place)?;
    Ok(HelmRelease {
        revision: HelmRevision {
            name: stored.name,
            revision: stored.version,
            status: shown(status),
            chart: HelmChart {
                name: shown(chart),
                version: shown(version),
            },
        },
        objects,
        unnamed,
        hooks: stored.hooks.map_or(0, |hooks| hooks.len()),
    })
}

fn unpack(payload: &[u8]) -> Result<Stored, HelmError> {
    if payload.is_empty() {
        return Err(HelmError::Empty);
    }
    let text = std::str::from_utf8(payload).ok();
    let bytes = text.and_then(secret_data::decode).ok_or(HelmError::NotBase64)?;
    // Before Helm packed releases it stored them plain, and it reads those still.
    if bytes.starts_with(&GZIP) {
        parse(GzDecoder::new(&bytes[..]))
    } else {
        parse(&bytes[..])
    }
}

/// Parses as it unpacks: of what is not read nothing stays in memory.
fn parse(plain: impl Read) -> Result<Stored, HelmError> {
    let bounded = Bounded {
        inner: plain,
        left: LIMIT_MIB * 1024 * 1024,
    };
    let mut reader = serde_json::Deserializer::from_reader(BufReader::new(bounded));
    let stored = Stored::deserialize(&mut reader).map_err(|error| unreadable(&error))?;
    // To the end: gzip's checksum stands there.
    reader.end().map_err(|error| unreadable(&error))?;
    Ok(stored)
}

/// Without the parser's own words: they quote what they found.
fn unreadable(error: &serde_json::Error) -> HelmError {
    match error.classify() {
        Category::Io if error.io_error_kind() == Some(ErrorKind::FileTooLarge) => {
            HelmError::TooLarge { limit: LIMIT_MIB }
        }
        Category::Io => HelmError::NotGzip,
        Category::Syntax | Category::Eof => HelmError::NotJson,
        Category::Data => HelmError::OtherShape,
    }
}

/// A reader that ends with an error where there is more than a bound.
struct Bounded<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or_else(|| io::Error::from(ErrorKind::FileTooLarge))?;
        Ok(count)
    }
}

/// The objects of a manifest, and how many of its documents have no name yet.
fn objects_of(manifest: &str, place: HelmPlace<'_>) -> Result<(Vec<Object>, usize), HelmError> {
    let path = Path::new(MANIFEST);
    let mut documents = yaml::applied_documents(manifest.as_bytes(), path).map_err(refused)?;
    let all = documents.len();
    documents.retain(|document| !is_named_by_the_server(document));
    let unnamed = all - documents.len();

    let mut objects = manifests::objects_of(documents, path).map_err(refused)?;
    let places = vec![MANIFEST.to_owned(); objects.len()];
    manifests::check_unique(&objects, places).map_err(refused)?;
    for object in &mut objects {
        add_ownership(object, place.name, place.namespace);
    }
    Ok((objects, unnamed))
}

fn is_named_by_the_server(document: &Value) -> bool {
    let text = |pointer| {
        document
            .pointer(pointer)
            .and_then(Value::as_str)
            .unwrap_or_default()
    };
    text("/metadata/name").is_empty() && !text("/metadata/generateName").is_empty()
}

/// What is wrong with a manifest, without a word of it: rendered Secrets stand in it.
fn refused(error: LoadError) -> HelmError {
    match error {
        LoadError::Syntax { line, column, .. } => HelmError::NotYaml { line, column },
        LoadError::Duplicate { object, .. } => HelmError::Doubled { object },
        // The value of a field that identifies an object may be anything, too.
        LoadError::NotAnObject {
            document,
            why: NotAnObject::NotText { field, .. },
            ..
        } => HelmError::NotAnObject {
            why: format!("{MANIFEST}, document {document}: {field} is not text"),
        },
        // Kinds, names and keys, as anywhere else.
        other => HelmError::NotAnObject {
            why: other.to_string(),
        },
    }
}

#[cfg(test)]
mod tests;
