//! A release as a person reads it.
//!
//! A release's file is anybody's: each text out of it is cleaned. Statements are told as what they
//! claim, and checked elsewhere.

use super::clean::clean;
use crate::model::Sha256Digest;
use crate::model::release::{DigestOrigin, Release};
use std::borrow::Cow;
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
    let (release, spec) = (page.release, &page.release.spec);

    let head = |text: &str| {
        if page.color {
            format!("\u{1b}[1m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    };

    writeln!(
        out,
        "{}",
        head(&clean(&format!(
            "{} {}",
            release.metadata.name, release.metadata.version
        )))
    )?;
    writeln!(out, "  id      {}", page.digest)?;

    if let Some(source) = &spec.source {
        let revision = source.revision.as_deref().unwrap_or("unknown revision");
        // The commit alone would not make this release again.
        let dirty = if source.dirty {
            ", with changes that are not in it"
        } else {
            ""
        };

        let repository = source
            .repository
            .as_deref()
            .map(|url| format!("{url} at "))
            .unwrap_or_default();
        writeln!(
            out,
            "  source  {}{dirty}",
            clean(&format!("{repository}{revision}"))
        )?;
    }

    writeln!(out, "\n{}", head(&format!("images ({})", spec.images.len())))?;
    for image in &spec.images {
        let platforms: Vec<&str> = image
            .platforms
            .iter()
            .map(|platform| platform.platform.0.as_str())
            .collect();
        // No registry was asked, or its manifest names no platform.
        let platforms = if platforms.is_empty() {
            "platforms unknown".to_owned()
        } else {
            clean(&platforms.join(", ")).into_owned()
        };

        let origin = match image.origin {
            Some(DigestOrigin::ByHand) => ", given by hand",
            Some(DigestOrigin::Reference) => ", as the reference says",
            // A registry's answer is the rule, and needs no word.
            None => "",
        };

        writeln!(
            out,
            "  {}\n    {}  {platforms}{origin}",
            clean(&image.reference),
            image.digest
        )?;
    }

    // By kind: a release can hold hundreds of objects.
    let mut kinds: BTreeMap<Cow<'_, str>, Vec<String>> = BTreeMap::new();
    for object in &spec.objects {
        let name = object.namespace().map_or_else(
            || object.name().to_owned(),
            |ns| format!("{ns}/{}", object.name()),
        );
        kinds.entry(clean(object.kind())).or_default().push(name);
    }

    writeln!(out, "\n{}", head(&format!("objects ({})", spec.objects.len())))?;
    // Of the names as they are shown: an escape is longer than what it stands for.
    let width = kinds.keys().map(|kind| kind.len()).max().unwrap_or_default();
    for (kind, names) in &kinds {
        writeln!(out, "  {kind:<width$}  {}", clean(&names.join(", ")))?;
    }

    if !spec.requires.is_empty() {
        writeln!(out, "\n{}", head(&format!("needs ({})", spec.requires.len())))?;
    }
    for need in &spec.requires {
        let keys = if need.keys.is_empty() {
            String::new()
        } else {
            format!(" with {}", need.keys.join(", "))
        };

        let producer = need
            .produced_by
            .as_deref()
            .map(|name| format!(", which {name} produces"))
            .unwrap_or_default();

        let optional = if need.optional { ", optional" } else { "" };
        writeln!(
            out,
            "  {}",
            clean(&format!("{} {}{keys}{producer}{optional}", need.kind, need.name))
        )?;
    }

    // Claims, each as it says of itself: whether to believe it is for `verify` to say.
    if !page.statements.is_empty() {
        writeln!(
            out,
            "\n{}",
            head(&format!("statements ({})", page.statements.len()))
        )?;
    }
    for statement in page.statements {
        writeln!(out, "  {}", clean(statement))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Object;
    use crate::model::release::{
        PlatformDigests, RecordedImage, ReleaseMetadata, ReleaseSpec, Requirement, Source,
    };
    use crate::model::image::Platform;
    use serde_json::json;

    fn object(kind: &str, name: &str, namespace: Option<&str>) -> Object {
        let mut object = Object::new(json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": name}})).unwrap();
        object.set_namespace(namespace);
        object
    }

    fn image(reference: &str, origin: Option<DigestOrigin>, platforms: &[&str]) -> RecordedImage {
        let digest = Sha256Digest::of(reference.as_bytes());
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
                ..ReleaseSpec::default()
            },
        }
    }

    fn shown(release: &Release, statements: &[String], color: bool) -> String {
        let mut bytes = Vec::new();
        let shown = Page {
            release,
            digest: &Sha256Digest::of(b"release"),
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
