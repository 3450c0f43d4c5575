//! A release as a person reads it.
//!
//! A release's file is anybody's: each text out of it is cleaned. Statements are told as what they
//! claim, and checked elsewhere.

use super::clean::clean;
use super::paint::{Palette, Tone};
use super::table::columns;
use crate::model::Sha256Digest;
use crate::model::release::{DigestOrigin, RecordedImage, Release, Requirement, Source};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// What is shown.
pub struct Page<'p> {
    /// The release.
    pub release: &'p Release,
    /// The sha256 of its bytes.
    pub digest: &'p Sha256Digest,
    /// What is said about it, one line each.
    pub statements: &'p [String],
    /// Whether colours are used.
    pub color: bool,
}

/// Writes tables: what it is, its images, its objects by kind, what it needs.
pub fn page(page: &Page<'_>, out: &mut dyn Write) -> io::Result<()> {
    page.write_identity(out)?;
    page.write_images(out)?;
    page.write_ignored(out)?;
    page.write_objects(out)?;
    page.write_requirements(out)?;
    page.write_statements(out)
}

impl Page<'_> {
    fn write_heading(&self, out: &mut dyn Write, text: &str) -> io::Result<()> {
        let heading = Palette::new(self.color).paint(Tone::Heading, &clean(text));
        writeln!(out, "{heading}")
    }

    /// The heading of a section and how much is in it.
    fn write_section(&self, out: &mut dyn Write, name: &str, count: usize) -> io::Result<()> {
        writeln!(out)?;
        self.write_heading(out, &format!("{name} ({count})"))
    }

    fn write_identity(&self, out: &mut dyn Write) -> io::Result<()> {
        let metadata = &self.release.metadata;
        self.write_heading(out, &format!("{} {}", metadata.name, metadata.version))?;
        writeln!(out, "  digest  {}", self.digest)?;

        match &self.release.spec.source {
            Some(source) => writeln!(out, "  source  {}", clean(&source_text(source))),
            None => Ok(()),
        }
    }

    fn write_images(&self, out: &mut dyn Write) -> io::Result<()> {
        let images = &self.release.spec.images;
        self.write_section(out, "images", images.len())?;

        for image in images {
            writeln!(out, "  {}", clean(&image.reference))?;
            writeln!(out, "    {}  {}", image.digest, clean(&origin_text(image)))?;
        }
        Ok(())
    }

    /// What looks like an image, and was said to be none.
    fn write_ignored(&self, out: &mut dyn Write) -> io::Result<()> {
        let paths = self.release.spec.image_paths.iter();
        let ignored: Vec<_> = paths.filter(|path| path.ignored).collect();
        if ignored.is_empty() {
            return Ok(());
        }

        self.write_section(out, "ignored image fields", ignored.len())?;
        ignored
            .iter()
            .try_for_each(|path| writeln!(out, "  {}", clean(&path.to_string())))
    }

    fn write_objects(&self, out: &mut dyn Write) -> io::Result<()> {
        let objects = &self.release.spec.objects;
        self.write_section(out, "objects", objects.len())?;

        // By kind: a release can hold hundreds of objects.
        let mut kinds: BTreeMap<&str, Vec<String>> = BTreeMap::new();
        for object in objects {
            let name = object.namespace().map_or_else(
                || object.name().to_owned(),
                |namespace| format!("{namespace}/{}", object.name()),
            );
            kinds.entry(object.kind()).or_default().push(name);
        }

        let rows = kinds
            .into_iter()
            .map(|(kind, names)| [kind.to_owned(), names.join(", ")]);
        columns(rows, 2)
            .lines()
            .try_for_each(|line| writeln!(out, "  {line}"))
    }

    fn write_requirements(&self, out: &mut dyn Write) -> io::Result<()> {
        let requirements = &self.release.spec.requires;
        if requirements.is_empty() {
            return Ok(());
        }

        self.write_section(out, "requirements", requirements.len())?;
        requirements
            .iter()
            .try_for_each(|requirement| writeln!(out, "  {}", clean(&requirement_text(requirement))))
    }

    /// Claims, each as it says of itself: whether to believe it is for `verify` to say.
    fn write_statements(&self, out: &mut dyn Write) -> io::Result<()> {
        if self.statements.is_empty() {
            return Ok(());
        }

        self.write_section(out, "attestations", self.statements.len())?;
        self.statements
            .iter()
            .try_for_each(|statement| writeln!(out, "  {}", clean(statement)))
    }
}

/// `URL at REVISION`.
fn source_text(source: &Source) -> String {
    let repository = source
        .repository
        .as_deref()
        .map(|url| format!("{url} at "))
        .unwrap_or_default();
    let revision = source.revision.as_deref().unwrap_or("unknown revision");

    // The commit alone would not make this release again.
    let dirty = if source.dirty {
        ", with uncommitted changes"
    } else {
        ""
    };
    format!("{repository}{revision}{dirty}")
}

/// The platforms that an image is for, and how its digest came to be known.
fn origin_text(image: &RecordedImage) -> String {
    let platforms: Vec<&str> = image
        .platforms
        .iter()
        .map(|platform| platform.platform.0.as_str())
        .collect();

    // No registry was asked, or its manifest names no platform.
    let platforms = if platforms.is_empty() {
        "platforms unknown".to_owned()
    } else {
        platforms.join(", ")
    };
    let origin = match image.origin {
        Some(DigestOrigin::ByHand) => ", given manually",
        Some(DigestOrigin::Reference) => ", from the reference",
        // A registry's answer is the rule, and needs no word.
        None => "",
    };
    format!("{platforms}{origin}")
}

/// What is needed, of whom, and whether it may be missing.
fn requirement_text(requirement: &Requirement) -> String {
    let keys = match requirement.keys.as_slice() {
        [] => String::new(),
        keys => format!(" with {}", keys.join(", ")),
    };
    let producer = requirement
        .produced_by
        .as_deref()
        .map(|name| format!(", produced by {name}"))
        .unwrap_or_default();
    let optional = if requirement.optional { ", optional" } else { "" };

    format!(
        "{} {}{keys}{producer}{optional}",
        requirement.kind, requirement.name
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Object;
    use crate::model::image::Platform;
    use crate::model::release::{ImagePath, PlatformDigests, ReleaseMetadata, ReleaseSpec};
    use serde_json::json;

    fn object(kind: &str, name: &str, namespace: Option<&str>) -> Object {
        let mut object =
            Object::new(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})).unwrap();
        object.set_namespace(namespace);
        object
    }

    fn image(reference: &str, origin: Option<DigestOrigin>, platforms: &[&str]) -> RecordedImage {
        let digest = Sha256Digest::compute(reference.as_bytes());
        let platform = |name: &&str| PlatformDigests {
            platform: Platform((*name).into()),
            manifest: digest.clone(),
            config: digest.clone(),
        };
        RecordedImage {
            reference: reference.into(),
            digest: digest.clone(),
            origin,
            platforms: platforms.iter().map(platform).collect(),
        }
    }

    fn requirement(kind: &str, name: &str) -> Requirement {
        Requirement {
            kind: kind.into(),
            namespace: None,
            name: name.into(),
            type_: None,
            keys: Vec::new(),
            produced_by: None,
            optional: false,
        }
    }

    fn release() -> Release {
        Release {
            api_version: "kubectl-delivery.io/v1alpha1".into(),
            kind: "Release".into(),
            metadata: ReleaseMetadata {
                name: "shop".into(),
                version: "1.4.2\u{1b}[2J".into(),
            },
            spec: ReleaseSpec {
                source: Some(Source {
                    repository: Some("https://example.com/shop".into()),
                    revision: Some("abc123".into()),
                    dirty: true,
                }),
                images: vec![
                    image("registry.example/web:1", None, &["linux/amd64", "linux/arm64"]),
                    image("registry.example/job:1", Some(DigestOrigin::ByHand), &[]),
                    image("registry.example/db:1", Some(DigestOrigin::Reference), &[]),
                ],
                objects: vec![
                    object("Service", "web", Some("shop")),
                    object("ConfigMap", "config", None),
                    object("Service", "api", Some("shop")),
                    object("Odd\u{200b}", "x", None),
                ],
                requires: vec![
                    Requirement {
                        keys: vec!["a".into(), "b".into()],
                        produced_by: Some("ExternalSecret/db".into()),
                        ..requirement("Secret", "db")
                    },
                    Requirement {
                        optional: true,
                        ..requirement("ConfigMap", "extra")
                    },
                ],
                image_paths: vec![ImagePath {
                    group: "acme.example".into(),
                    kind: "Farm".into(),
                    path: "/spec/\u{1b}image".into(),
                    ignored: true,
                }],
            },
        }
    }

    fn shown(release: &Release, statements: &[String], color: bool) -> String {
        let mut bytes = Vec::new();
        let shown = Page {
            release,
            digest: &Sha256Digest::compute(b"release"),
            statements,
            color,
        };
        page(&shown, &mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn a_release_is_shown_with_its_images_its_objects_and_what_it_needs() {
        let statements = ["tested by ci".to_owned()];
        assert_eq!(
            shown(&release(), &statements, true),
            include_str!("../../tests/fixtures/report/release.txt")
        );
    }

    #[test]
    fn what_a_release_does_not_hold_gets_no_heading() {
        let mut release = release();
        release.spec = ReleaseSpec::default();

        let text = shown(&release, &[], false);
        assert!(text.ends_with("\n\nimages (0)\n\nobjects (0)\n"), "{text}");
    }
}
