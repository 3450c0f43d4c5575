//! Kustomizations, rendered by `kubectl kustomize`, so that they read as the user's own kubectl reads them.
//!
//! What comes out is parsed like any other file of manifests. `kubectl` has to be on the PATH; where it refuses, its own
//! words are the error, without the frame of its log.

use super::error::LoadError;
use std::path::Path;
use std::process::{Command, Stdio};

/// The manifests of the kustomization in a folder, as one YAML stream.
pub(super) fn render(folder: &Path) -> Result<Vec<u8>, LoadError> {
    // kubectl says of a file only that nothing is in it.
    if folder.is_file() {
        return Err(LoadError::NotADirectory {
            path: folder.display().to_string(),
            hint: file_hint(folder),
        });
    }
    let failed = |why: String| LoadError::Kustomize {
        folder: folder.display().to_string(),
        why,
    };

    let output = Command::new("kubectl")
        .arg("kustomize")
        // As an argument of its own, and never through a shell.
        .arg(folder)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| failed(format!("kubectl cannot be started: {error}")))?;

    if !output.status.success() {
        let text = String::from_utf8_lossy(&output.stderr);
        return Err(failed(error_text(&text)));
    }
    Ok(output.stdout)
}

/// What to type about a file: the directory of a kustomization, or else the file's own flag.
fn file_hint(file: &Path) -> String {
    let is_kustomization = file
        .file_stem()
        .is_some_and(|stem| stem.eq_ignore_ascii_case("kustomization"));
    let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty());
    match directory {
        _ if !is_kustomization => format!("name a file by its flag: -f {}", file.display()),
        Some(directory) => format!("-k {}", directory.display()),
        None => "-k .".into(),
    }
}

/// What it says, without the frame that newer kubectl puts around it when nobody watches.
fn error_text(text: &str) -> String {
    let text = text.trim();
    match text
        .split_once("err=\"")
        .and_then(|(_, rest)| rest.rsplit_once('"'))
    {
        // A line of a structured log, in which the message is a quoted Go string.
        Some((why, _)) => why.replace("\\\"", "\"").replace("\\n", "\n"),
        None => text.trim_start_matches("error: ").to_owned(),
    }
}
