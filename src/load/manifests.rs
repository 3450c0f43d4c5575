//! Manifests as `kubectl apply` takes them: files, folders, standard input, kustomizations, lists.
//!
//! The order of the objects is that of the sources, the files by name and the documents: the same input gives
//! the same release. Unlike with kubectl, an object that is described twice is refused, for only one of the
//! two could be desired.

use super::error::LoadError;
use super::file_kind::FileKind;
use super::{files, kustomize, secrets, yaml};
use crate::model::k8s::kinds::well_known;
use crate::model::{Object, ObjectId};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Endings that kubectl reads in folders.
const ENDINGS: &[&str] = &["yaml", "yml", "json"];

/// Where manifests come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManifestSource {
    /// `-f`: a file, a folder (`-R`: and all below it), or `-`.
    Path {
        /// The path.
        path: PathBuf,
        /// Whether folders below are read.
        recursive: bool,
    },
    /// `-k`: a kustomization's folder.
    Kustomization(PathBuf),
}

/// Every object, in the order of the sources, the files and the documents. An object that is described twice is refused.
///
/// # Errors
///
/// Where a source cannot be read or rendered, a document is no object, one is described twice, or there is none.
pub fn manifests(sources: &[ManifestSource]) -> Result<Vec<Object>, LoadError> {
    let mut objects = Vec::new();
    let mut places = Vec::new();

    for source in sources {
        for (path, bytes) in read_source(source)? {
            let found = objects_of(yaml::documents(&bytes, &path)?, &path)?;
            // `check_unique` walks both side by side.
            places.resize(places.len() + found.len(), files::name(&path));
            objects.extend(found);
        }
    }

    check_unique(&objects, places)?;
    if objects.is_empty() {
        let names: Vec<String> = sources.iter().map(|source| files::name(source.path())).collect();
        return Err(LoadError::Nothing {
            looked_at: names.join(", "),
        });
    }
    Ok(objects)
}

/// A cluster-scoped object is one, whether or not a namespace stands in it.
pub(super) fn check_unique(objects: &[Object], places: Vec<String>) -> Result<(), LoadError> {
    // Of custom kinds only a CRD among the objects tells, for no cluster is asked here.
    let cluster_scoped: BTreeSet<(&str, &str)> = objects
        .iter()
        .filter(|object| object.kind() == "CustomResourceDefinition")
        .filter(|definition| definition.text("/spec/scope") == "Cluster")
        .map(|definition| {
            (
                definition.text("/spec/group"),
                definition.text("/spec/names/kind"),
            )
        })
        .collect();

    let mut seen: BTreeMap<ObjectId, String> = BTreeMap::new();
    for (object, place) in objects.iter().zip(places) {
        let mut id = object.id();
        let known = well_known(&object.gvk());
        if known.is_some_and(|kind| !kind.namespaced)
            || cluster_scoped.contains(&(id.group.as_str(), id.kind.as_str()))
        {
            id.namespace = None;
        }
        // The later one would win in silence, and which one that is depends on the names of files.
        if let Some(first) = seen.insert(id, place.clone()) {
            return Err(LoadError::Duplicate {
                object: object.id().to_string(),
                first,
                second: place,
            });
        }
    }
    Ok(())
}

impl ManifestSource {
    fn path(&self) -> &Path {
        match self {
            ManifestSource::Path { path, .. } | ManifestSource::Kustomization(path) => path,
        }
    }
}

fn read_source(source: &ManifestSource) -> Result<Vec<(PathBuf, Vec<u8>)>, LoadError> {
    match source {
        ManifestSource::Kustomization(folder) => Ok(vec![(folder.clone(), kustomize::render(folder)?)]),
        ManifestSource::Path { path, recursive } => {
            let mut found = Vec::new();
            if path.is_dir() {
                walk(path, *recursive, &mut found)?;
            } else {
                // A file that was named is read whatever its
                // ending; in folders only manifests are looked for.
                found.push(path.clone());
            }
            found
                .into_iter()
                .map(|path| files::read_file(&path).map(|bytes| (path, bytes)))
                .collect()
        }
    }
}

fn walk(folder: &Path, recursive: bool, found: &mut Vec<PathBuf>) -> Result<(), LoadError> {
    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        path: files::name(folder),
        why: error.to_string(),
    };

    let mut entries: Vec<PathBuf> = fs::read_dir(folder)
        .map_err(unreadable)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<_, _>>()
        .map_err(unreadable)?;
    // A folder's own order is another one on each machine, and the release's bytes must not be.
    entries.sort();
    for path in entries {
        if path.is_dir() {
            if recursive {
                walk(&path, recursive, found)?;
            }
        } else if path
            .extension()
            .and_then(|ending| ending.to_str())
            .is_some_and(|ending| ENDINGS.contains(&ending))
        {
            found.push(path);
        }
    }
    Ok(())
}

/// The objects of documents; `path` is what errors name.
pub(super) fn objects_of(documents: Vec<Value>, path: &Path) -> Result<Vec<Object>, LoadError> {
    let mut objects = Vec::new();
    for (index, document) in documents.into_iter().enumerate() {
        for value in flatten(document) {
            // No cluster knows them: applied as objects they would only be rejected.
            if let Some(found @ (FileKind::Release | FileKind::Environment)) = FileKind::of_document(&value) {
                return Err(files::other_file(found, FileKind::Manifests, path));
            }
            let mut object = Object::new(value).map_err(|why| LoadError::NotAnObject {
                path: files::name(path),
                document: index + 1,
                why,
            })?;

            // Here, so that nobody behind this ever sees stringData.
            secrets::encode_string_data(&mut object).map_err(|why| LoadError::Invalid {
                path: files::name(path),
                why,
            })?;
            objects.push(object);
        }
    }
    Ok(objects)
}

/// `List` and typed lists hold objects; a list of lists is flattened too.
fn flatten(value: Value) -> Vec<Value> {
    // By its shape: `List` and `ConfigMapList` are lists, and a custom resource may be called `AllowList`.
    let is_list = value
        .get("kind")
        .and_then(Value::as_str)
        .is_some_and(|kind| kind.ends_with("List"))
        && value
            .get("items")
            .is_some_and(|items| items.is_array() || items.is_null());

    match value {
        Value::Object(mut map) if is_list => match map.shift_remove("items") {
            Some(Value::Array(items)) => items.into_iter().flat_map(flatten).collect(),
            // `items:` without anything, as a template with nothing to say writes it.
            _ => Vec::new(),
        },
        value => vec![value],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    fn file(text: &str) -> tempfile::NamedTempFile {
        let mut file = tempfile::Builder::new().suffix(".yaml").tempfile().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        file
    }

    fn load(text: &str) -> Result<Vec<Object>, LoadError> {
        let file = file(text);
        manifests(&[ManifestSource::Path {
            path: file.path().into(),
            recursive: false,
        }])
    }

    #[test]
    fn lists_give_their_items_in_order() {
        let objects = load("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: b}}\n- {apiVersion: v1, kind: ConfigMap, metadata: {name: a}}\n").unwrap();
        assert_eq!(objects.iter().map(Object::name).collect::<Vec<_>>(), ["b", "a"]);
    }

    #[test]
    fn an_object_that_is_described_twice_is_refused() {
        let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";
        let error = load(&format!("{one}---\n{one}")).unwrap_err();
        assert!(
            error.to_string().starts_with("ConfigMap a is defined twice"),
            "{error}"
        );
    }

    #[test]
    fn a_list_without_items_holds_nothing() {
        let objects = load(
            "apiVersion: v1\nkind: List\nitems:\n---\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n",
        );
        assert_eq!(objects.unwrap().len(), 1);
    }

    #[test]
    fn a_cluster_scoped_object_is_one_with_and_without_a_namespace() {
        let role = |namespace: &str| {
            format!(
                "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {{name: a{namespace}}}\n"
            )
        };
        let error = load(&format!("{}---\n{}", role(""), role(", namespace: shop"))).unwrap_err();
        assert!(matches!(error, LoadError::Duplicate { .. }), "{error}");
    }

    #[test]
    fn a_document_without_a_kind_is_refused_with_its_number() {
        let error = load("apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n---\napiVersion: v1\nmetadata: {name: b}\n").unwrap_err();
        assert!(
            error
                .to_string()
                .contains("document 2: expected a Kubernetes object, found no kind"),
            "{error}"
        );
    }

    #[test]
    fn string_data_becomes_data() {
        let objects =
            load("apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {key: value}\n").unwrap();
        assert_eq!(objects[0].value()["data"]["key"], "dmFsdWU=");
        assert!(objects[0].at("/stringData").is_none());
    }

    #[test]
    fn a_device_is_no_manifest() {
        let error = manifests(&[ManifestSource::Path {
            path: "/dev/zero".into(),
            recursive: false,
        }])
        .unwrap_err();
        assert!(
            error.to_string().contains("/dev/zero is a device, not a file"),
            "{error}"
        );
    }

    #[test]
    fn folders_are_read_in_order_and_deeper_ones_only_when_asked() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, object: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(
                path,
                format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {object}}}\n"),
            )
            .unwrap();
        };

        write("b.yaml", "second");
        write("a.yml", "first");
        write("deep/c.yaml", "third");
        // Not a manifest by its ending.
        write("notes.txt", "none");

        let names = |recursive| {
            let objects = manifests(&[ManifestSource::Path {
                path: folder.path().into(),
                recursive,
            }])
            .unwrap();
            objects
                .iter()
                .map(|object| object.name().to_owned())
                .collect::<Vec<_>>()
        };

        assert_eq!(names(false), ["first", "second"]);
        assert_eq!(names(true), ["first", "second", "third"]);
    }
}
