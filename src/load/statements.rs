//! Statements beside a release's file: `shop.release.yaml.TITLE`, where TITLE ends in `.sigstore.json` or `.intoto.json`.

use super::error::LoadError;
use super::files;
use std::path::{Path, PathBuf};

/// How the names of statements end: signed, unsigned.
const ENDINGS: [&str; 2] = [".sigstore.json", ".intoto.json"];

/// The statements beside a release, by title, in the order of their titles.
///
/// # Errors
///
/// Where the directory or one of the statements cannot be read.
pub fn statements(release: &Path) -> Result<Vec<(String, Vec<u8>)>, LoadError> {
    let Some(name) = release
        .file_name()
        .map(|name| name.to_string_lossy().into_owned())
    else {
        return Ok(Vec::new());
    };

    let folder = release
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));

    let unreadable = |error: std::io::Error| LoadError::Unreadable {
        path: files::name(folder),
        why: error.to_string(),
    };
    // Standard input lies in no folder, and nothing beside it.
    if release == Path::new("-") {
        return Ok(Vec::new());
    }

    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let own = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        // Whatever else begins with the release's name, an editor's copy above all, is no statement.
        if let Some(title) = own
            .strip_prefix(&format!("{name}."))
            .filter(|title| is_title(title))
        {
            found.push((title.to_owned(), files::read_file(&path)?));
        }
    }

    found.sort();
    Ok(found)
}

/// Where the statement of a title lies.
pub fn statement_path(release: &Path, title: &str) -> PathBuf {
    let mut name = release.as_os_str().to_owned();
    name.push(".");
    name.push(title);
    name.into()
}

/// Whether a name is a statement's, and leads nowhere else.
pub fn is_title(title: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // Titles come out of registries as well, and become names of files: no separator and no leading dot.
    ENDINGS
        .iter()
        .any(|ending| title.strip_suffix(ending).is_some_and(|rest| !rest.is_empty()))
        && title.chars().all(inner)
        && !title.starts_with('.')
}

/// The bytes of a file that a command was given, such as a key or a test report.
///
/// # Errors
///
/// Where the file cannot be read, or is larger than any of its kind.
pub fn bytes(path: &Path) -> Result<Vec<u8>, LoadError> {
    files::read_file(path)
}
