//! The revision of the sources, as git tells it.

use crate::model::release::Source;
use std::path::Path;
use std::process::{Command, Stdio};

/// Repository, commit and whether the work tree has changes; none outside a repository, or without git.
pub fn source_of(folder: &Path) -> Option<Source> {
    let revision = git(folder, &["rev-parse", "HEAD"])?;
    let repository =
        git(folder, &["config", "--get", "remote.origin.url"]).map(|url| without_credentials(&url));
    let dirty = git(folder, &["status", "--porcelain"]).is_some_and(|status| !status.is_empty());
    Some(Source { repository, revision: Some(revision), dirty })
}

fn git(folder: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .output()
        .ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// A URL without user and password.
fn without_credentials(url: &str) -> String {
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
            format!("{scheme}://{host}/{path}")
        }
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
        assert_eq!(without_credentials("git@host.example:a/b.git"), "git@host.example:a/b.git");
    }
}
