//! Image references as manifests and pods write them.
//!
//! Parsed references compare as images do: short names are written out, and Docker Hub has one name. Whether
//! an image exists, only a registry says; here a reference is refused that none could have.

use super::digest::Sha256Digest;
use super::unknown::Unknown;
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

/// `registry/repository` of a reference; the text itself where it is none.
pub fn image_name(reference: &str) -> String {
    let parsed = reference.parse::<ImageReference>();
    parsed.map_or_else(|_| reference.to_owned(), |image| image.name())
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
        let error = |why| NotAnImage {
            text: text.to_owned(),
            why,
        };

        // The digest first: what stands before it may have the colons of a port and of a tag.
        let (rest, digest) = match text.split_once('@') {
            Some((rest, digest)) => {
                let digest = digest.parse();
                (
                    rest,
                    Some(digest.map_err(|_| error("what follows @ is not a sha256 digest"))?),
                )
            }
            None => (text, None),
        };

        // A colon before a slash belongs to a port.
        let (name, tag) = match rest.rsplit_once(':') {
            Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
            _ => (rest, None),
        };

        let (registry, repository) = split_registry(name);
        check_name(&registry, &repository).map_err(error)?;
        if !tag.is_none_or(is_tag) {
            return Err(error(
                "a tag has up to 128 letters, digits, dots, dashes and underscores",
            ));
        }

        // A digest stands for itself: the default tag would only mislead.
        let default = digest.is_none().then_some("latest");
        Ok(Self {
            registry,
            repository,
            tag: tag.or(default).map(str::to_owned),
            digest,
        })
    }
}

/// What is wrong with the part before tag and digest.
fn check_name(registry: &str, repository: &str) -> Result<(), &'static str> {
    if !is_host(registry) {
        return Err("a registry is a host name or an address, and a port where one is written");
    }
    if !repository.split('/').all(is_component) {
        return Err(
            "a repository has lower-case letters and digits between slashes, separated by a dot, underscores or dashes",
        );
    }
    if registry.len() + 1 + repository.len() > 255 {
        return Err("a registry and a repository have at most 255 characters");
    }
    Ok(())
}

fn is_tag(text: &str) -> bool {
    let is_of_tag = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    text.len() <= 128 && text.chars().all(is_of_tag) && starts_tag(text)
}

/// A tag starts with what a word does.
fn starts_tag(tag: &str) -> bool {
    tag.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
}

/// Labels between dots, or an IPv6 address in brackets, and a port (distribution's `domain`).
fn is_host(text: &str) -> bool {
    let (host, port) = match text.rsplit_once(':') {
        // A colon inside the brackets is part of an address.
        Some((host, port)) if !port.ends_with(']') => (host, Some(port)),
        _ => (text, None),
    };

    let is_port = |port: &str| !port.is_empty() && port.chars().all(|c| c.is_ascii_digit());
    let is_label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let is_address = |inner: &str| inner.chars().all(|c| c.is_ascii_hexdigit() || c == ':');

    let is_name = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => !inner.is_empty() && is_address(inner),
        None => host.split('.').all(is_label),
    };
    is_name && port.is_none_or(is_port)
}

/// Letters and digits, with one dot, one or two underscores, or dashes between them (distribution's `path-component`).
fn is_component(text: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    // Two plain characters beside each other leave an empty gap.
    let is_separator = |gap: &str| matches!(gap, "" | "." | "_" | "__") || gap.chars().all(|c| c == '-');

    text.starts_with(is_plain) && text.ends_with(is_plain) && text.split(is_plain).all(is_separator)
}

/// The first part is a registry where it has a dot or a colon, or is `localhost`; else Docker Hub is meant.
fn split_registry(name: &str) -> (String, String) {
    match name.split_once('/') {
        Some((host, rest)) if host.contains(['.', ':']) || host == "localhost" => {
            // Docker Hub's other name.
            let host = if host == "index.docker.io" {
                "docker.io"
            } else {
                host
            };
            // There, images without a user's name lie under `library`.
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

/// Whether a registry has an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It has.
    There,
    /// It says that it has not.
    Absent,
    /// It did not say.
    Unknown(Unknown),
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
            ("a--b/c__d.e_f", "docker.io/a--b/c__d.e_f:latest"),
            ("[fd00::1]:5000/x:1", "[fd00::1]:5000/x:1"),
            // Capitals are right in a host, and wrong behind it.
            ("Reg.Example/x:_1", "Reg.Example/x:_1"),
            ("localhost/web", "localhost/web:latest"),
            ("127.0.0.1:5000/shop/web:1.4.2", "127.0.0.1:5000/shop/web:1.4.2"),
            ("index.docker.io/nginx:1", "docker.io/library/nginx:1"),
        ] {
            assert_eq!(text.parse::<ImageReference>().unwrap().to_string(), full);
        }
    }

    #[test]
    fn a_reference_with_tag_and_digest_keeps_both() {
        let digest = Sha256Digest::compute(b"x");
        let text = format!("ghcr.io/acme/web:1@{digest}");
        let image: ImageReference = text.parse().unwrap();

        assert_eq!(
            (image.tag.as_deref(), image.digest.clone()),
            (Some("1"), Some(digest))
        );
        assert_eq!(image.to_string(), text);
    }

    #[test]
    fn what_is_not_a_reference_says_why() {
        for bad in [
            "",
            "UPPER/x",
            "web:",
            "web@sha256:12",
            "a//b",
            "web:ta g",
            "-foo/bar",
            "foo-/bar",
            "a..b/c",
            "a___b",
            "a/.b",
            "reg.example:/x",
            "reg.example:port/x",
            ".reg/x",
            "reg-.example/x",
            "web:-1",
            "https://reg.example/x",
            "[::1/x",
        ] {
            assert!(bad.parse::<ImageReference>().is_err(), "{bad}");
        }
    }
}
