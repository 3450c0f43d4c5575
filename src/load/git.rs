//! The revision of the sources, as git tells it.

use crate::model::release::Source;
use std::path::Path;
use std::process::{Command, Stdio};

/// Repository, commit and whether the work tree has changes; none outside a repository, or without git.
///
/// Changed are tracked files anywhere, and untracked ones in the manifests' folder: others are what CI itself leaves, and
/// so is `own`, which is being written, with the statements beside it.
pub fn source_of(folder: &Path, own: Option<&Path>) -> Option<Source> {
    let revision = git(folder, &["rev-parse", "HEAD"])?;
    // A remote's URL may hold a CI job's token, and a release is read by everybody.
    let repository =
        git(folder, &["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url));
    let dirty = is_dirty(folder, own);

    Some(Source {
        repository,
        revision: Some(revision),
        dirty,
    })
}

fn is_dirty(folder: &Path, own: Option<&Path>) -> bool {
    // Ended by NUL: names with spaces or other letters would come in quotes.
    let status = |arguments: &[&str]| git(folder, &[&["status", "--porcelain", "-z"], arguments].concat());
    if status(&["--untracked-files=no"]).is_some_and(|changed| !changed.is_empty()) {
        return true;
    }

    let (Some(top), Some(untracked)) = (
        git(folder, &["rev-parse", "--show-toplevel"]),
        status(&["--untracked-files=all", "--", "."]),
    ) else {
        // Where git says nothing there is nothing that would be known to differ.
        return false;
    };

    let own = own
        .and_then(|own| std::path::absolute(own).ok())
        .map(|own| own.display().to_string());

    let is_own = |path: &str| {
        own.as_ref().is_some_and(|own| {
            path.strip_prefix(own.as_str())
                // The file itself, and `shop.release.yaml.TITLE`: statements beside it.
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    };

    let mut files = untracked
        .split('\0')
        .filter_map(|entry| entry.strip_prefix("?? "));
    files.any(|path| !is_own(&format!("{top}/{path}")))
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        // `not a git repository` is an answer here, and no error of ours.
        .stderr(Stdio::null())
        .output()
        .ok()?;

    output
        .status
        .success()
        .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A URL without user and password.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
        // `git@host:path` names a user that everybody has.
        None => url.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::without_credentials;

    #[test]
    fn a_token_in_the_url_does_not_reach_the_release() {
        assert_eq!(
            without_credentials("https://user:token@host.example/a/b.git"),
            "https://host.example/a/b.git"
        );
        assert_eq!(
            without_credentials("git@host.example:a/b.git"),
            "git@host.example:a/b.git"
        );
    }
}
