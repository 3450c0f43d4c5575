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
