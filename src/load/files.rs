//! Bytes from files and standard input, bounded; and files that appear whole or not at all.

use super::error::{LoadError, STDIN};
use super::file_kind::FileKind;
use crate::model::similar::nearest;
use crate::platform::{self, SpecialKind};
use std::fs::{self, File};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// No manifest and no release is larger.
const LIMIT_MIB: u64 = 256;

/// The bytes of a file, or of standard input where the path is `-`.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>, LoadError> {
    if path == Path::new("-") {
        return bounded(std::io::stdin().lock(), path, 0);
    }

    let unreadable = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => LoadError::Missing {
            path: name(path),
            similar: similar(path),
        },
        _ => LoadError::Unreadable {
            path: name(path),
            why: error.to_string(),
        },
    };
    let metadata = fs::metadata(path).map_err(unreadable)?;
    // Before it is opened: reading a device may never end, or do something.
    if let Some(found) = other_than_file(&metadata) {
        return Err(LoadError::NotAFile {
            path: name(path),
            found,
        });
    }
    bounded(File::open(path).map_err(unreadable)?, path, metadata.len())
}

fn bounded(reader: impl Read, path: &Path, expected: u64) -> Result<Vec<u8>, LoadError> {
    let limit = LIMIT_MIB * 1024 * 1024;
    let mut bytes = Vec::with_capacity(usize::try_from(expected.min(limit)).unwrap_or_default() + 1);

    reader
        // One byte more than is taken: only so a file that is too large is told from one that just fits.
        .take(limit + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| LoadError::Unreadable {
            path: name(path),
            why: error.to_string(),
        })?;

    if bytes.len() as u64 > limit {
        return Err(LoadError::TooLarge {
            path: name(path),
            limit: LIMIT_MIB,
        });
    }
    Ok(bytes)
}

/// What a path is that holds no manifests; pipes are read, as kubectl reads them.
fn other_than_file(metadata: &fs::Metadata) -> Option<&'static str> {
    if metadata.is_file() {
        return None;
    }

    match platform::find_special_kind(metadata) {
        // `<(helm template …)` is one.
        Some(SpecialKind::Pipe) => None,
        Some(SpecialKind::Device) => Some("a device"),
        Some(SpecialKind::Socket) => Some("a socket"),
        None => Some("a directory"),
    }
}

/// The error where a file of another kind was expected.
pub(super) fn other_file(found: FileKind, expected: FileKind, path: &Path) -> LoadError {
    LoadError::OtherFile {
        path: name(path),
        expected,
        found,
    }
}

/// The file beside a missing one that may have been meant: its name is like it, or is all that begins with it.
fn similar(path: &Path) -> Option<String> {
    let typed = path.file_name()?.to_str()?;
    let entries = fs::read_dir(directory(path)).ok()?;
    let names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .collect();

    let mut longer = names
        .iter()
        .filter(|name| name.strip_prefix(typed).is_some_and(|rest| rest.starts_with('.')));
    let only = longer.next().filter(|_| longer.next().is_none());
    let name = nearest(typed, names.iter().map(String::as_str)).or(only.map(String::as_str))?;
    Some(path.with_file_name(name).display().to_string())
}

fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

pub(super) fn name(path: &Path) -> String {
    if path == Path::new("-") {
        STDIN.into()
    } else {
        path.display().to_string()
    }
}

/// Writes a file whole or not at all: beside it first, then renamed over it. What is no file, as /dev/null or a pipe, is
/// written to and stays what it is.
///
/// # Errors
///
/// Where the file or its directory cannot be written. What was there stays.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), LoadError> {
    let unwritable = |error: std::io::Error| LoadError::Unwritable {
        path: name(path),
        why: error.to_string(),
    };
    // A rename would put a file in its place, for everybody on the machine.
    if fs::metadata(path).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        let mut there = fs::OpenOptions::new()
            .write(true)
            .open(path)
            .map_err(unwritable)?;
        return there.write_all(bytes).map_err(unwritable);
    }

    // Beside it, for a rename does not go from one file system to another.
    let mut file = tempfile::NamedTempFile::new_in(directory(path)).map_err(unwritable)?;
    // A temporary file is its user's alone, and what is written here is to be read by others.
    platform::share_for_reading(file.as_file()).map_err(unwritable)?;

    file.write_all(bytes)
        // Otherwise the new name can outlive a power failure that the content does not.
        .and_then(|()| file.as_file().sync_all())
        .map_err(unwritable)?;
    file.persist(path).map_err(|error| unwritable(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn what_is_written_to_a_pipe_arrives_and_the_pipe_stays_one() {
        use std::os::unix::fs::FileTypeExt;
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(
            std::process::Command::new("mkfifo")
                .arg(&pipe)
                .status()
                .unwrap()
                .success()
        );

        let reading = pipe.clone();
        // On a thread of its own: opening a pipe to write waits for somebody who reads.
        let reader = std::thread::spawn(move || fs::read_to_string(reading).unwrap());
        write_whole(&pipe, b"a release").unwrap();

        assert!(
            fs::metadata(&pipe).unwrap().file_type().is_fifo(),
            "a file took its place"
        );

        assert_eq!(reader.join().unwrap(), "a release");
    }
}
