//! Image references as manifests and pods write them.

use super::digest::Sha256Digest;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// An image reference, read as container runtimes read it: `nginx` is `docker.io/library/nginx:latest`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ImageReference {
    /// Host, and port where there is one.
    pub registry: String,
    /// Path in the registry.
    pub repository: String,
    /// Tag; none where only a digest was written.
    pub tag: Option<String>,
    /// Digest, where one was written.
    pub digest: Option<Sha256Digest>,
}

/// A text that is not an image reference.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected an image reference such as registry.example/team/web:1.4.2, found {text:?}: {why}")]
pub struct NotAnImage {
    /// What was read.
    pub text: String,
    /// What is wrong with it.
    pub why: &'static str,
}

impl ImageReference {
    /// `registry/repository`, without tag and digest.
    pub fn name(&self) -> String {
        format!("{}/{}", self.registry, self.repository)
    }

    /// The same image by digest alone: `registry/repository@sha256:…`.
    pub fn at_digest(&self, digest: &Sha256Digest) -> String {
        format!("{}@{digest}", self.name())
    }
}

impl fmt::Display for ImageReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())?;
        if let Some(tag) = &self.tag {
            write!(f, ":{tag}")?;
        }
        if let Some(digest) = &self.digest {
            write!(f, "@{digest}")?;
        }
        Ok(())
    }
}

impl FromStr for ImageReference {
    type Err = NotAnImage;

    fn from_str(text: &str) -> Result<Self, NotAnImage> {
        let error = |why| NotAnImage { text: text.to_owned(), why };
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                (rest, Some(digest.parse().map_err(|_| error("what follows @ is not a sha256 digest"))?))
            }
            None => (text, None),
        };
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag.to_owned())),
            _ => (rest, None),
        };
        let (registry, repository) = split_registry(name);
        let is_component = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c);
        let well_formed = |part: &str| !part.is_empty() && part.chars().all(is_component);
        if !repository.split('/').all(well_formed) {
            return Err(error(
                "a repository has lower-case letters, digits, dots, dashes and underscores between slashes",
            ));
        }
        let is_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        if tag.as_deref().is_some_and(|tag| tag.is_empty() || tag.len() > 128 || !tag.chars().all(is_tag)) {
            return Err(error("a tag has up to 128 letters, digits, dots, dashes and underscores"));
        }
        let tag = if tag.is_none() && digest.is_none() { Some("latest".to_owned()) } else { tag };
        Ok(Self { registry, repository, tag, digest })
    }
}

/// The first part is a registry where it has a dot or a colon, or is `localhost`; else Docker Hub is meant.
fn split_registry(name: &str) -> (String, String) {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            let host = if host == "index.docker.io" { "docker.io" } else { host };
            let rest = if host == "docker.io" && !rest.contains('/') {
                format!("library/{rest}")
            } else {
                rest.to_owned()
            };
            (host.to_owned(), rest)
        }
        Some(_) => ("docker.io".into(), name.to_owned()),
        None => ("docker.io".into(), format!("library/{name}")),
    }
}

/// `os/architecture[/variant]` of an image.
#[derive(
    Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(transparent)]
pub struct Platform(pub String);

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_names_mean_what_container_runtimes_take_them_for() {
        for (text, full) in [
            ("nginx", "docker.io/library/nginx:latest"),
            ("acme/web:1", "docker.io/acme/web:1"),
            ("localhost/web", "localhost/web:latest"),
            ("127.0.0.1:5000/shop/web:1.4.2", "127.0.0.1:5000/shop/web:1.4.2"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), full);
        }
    }

    #[test]
    fn a_reference_with_tag_and_digest_keeps_both() {
        let digest = Sha256Digest::of(b"x");
        let text = format!("ghcr.io/acme/web:1@{digest}");
        let image: ImageReference = text.parse().unwrap();
        assert_eq!((image.tag.as_deref(), image.digest.clone()), (Some("1"), Some(digest)));
        assert_eq!(image.to_string(), text);
    }

    #[test]
    fn what_is_not_a_reference_says_why() {
        for bad in ["", "UPPER/x", "web:", "web@sha256:12", "a//b", "web:ta g"] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }
}
