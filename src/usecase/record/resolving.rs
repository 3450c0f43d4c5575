//! Every image of a recording: by hand, from its reference, or from its registry.

use crate::compare::NeededImage;
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::model::release::{DigestOrigin, RecordedImage};
use crate::registry::{Registries, RegistryOptions};
use crate::usecase::{CommandError, ErrorKind};
use std::collections::BTreeMap;

/// The images in the order in which they are needed.
pub async fn resolve(
    needed: &[NeededImage],
    by_hand: &BTreeMap<String, Sha256Digest>,
    offline: bool,
    options: &RegistryOptions,
) -> Result<Vec<RecordedImage>, CommandError> {
    let mut found: BTreeMap<&str, RecordedImage> = BTreeMap::new();
    let mut to_ask: Vec<&NeededImage> = Vec::new();
    let mut wrong = Vec::new();
    let mut without_digest = Vec::new();
    for image in needed {
        let recorded = |digest: &Sha256Digest, origin| RecordedImage {
            reference: image.reference.clone(),
            digest: digest.clone(),
            origin: Some(origin),
            platforms: Vec::new(),
        };
        if let Some(digest) = by_hand.get(&image.reference) {
            found.insert(&image.reference, recorded(digest, DigestOrigin::ByHand));
            continue;
        }
        let parsed: ImageReference = match image.reference.parse() {
            Ok(parsed) => parsed,
            Err(error) => {
                wrong.push(format!("{}: {error}", image.used_by));
                continue;
            }
        };
        match (offline, parsed.digest) {
            (true, Some(digest)) => {
                drop(found.insert(&image.reference, recorded(&digest, DigestOrigin::Reference)))
            }
            (true, None) => without_digest.push(image),
            (false, _) => to_ask.push(image),
        }
    }
    check_all_known(wrong, &without_digest)?;
    let references: Vec<String> = to_ask.iter().map(|image| image.reference.clone()).collect();
    let answers = Registries::new(options, &references)
        .resolve_all(&references)
        .await;
    let mut failures = Vec::new();
    for (image, answer) in to_ask.iter().zip(answers) {
        match answer {
            Ok(resolved) => {
                let recorded = RecordedImage {
                    reference: image.reference.clone(),
                    digest: resolved.digest,
                    origin: None,
                    platforms: resolved.platforms,
                };
                found.insert(&image.reference, recorded);
            }
            Err(error) => failures.push((image, error)),
        }
    }
    if let Some((_, first)) = failures.first() {
        let told: Vec<String> = failures
            .iter()
            .map(|(image, error)| format!("{}: {error}", image.used_by))
            .collect();
        let error = CommandError::new(ErrorKind::Unreachable, told.join("\n"));
        return Err(match first.trouble.hint() {
            Some(hint) => error.with_hint(hint),
            None => error,
        });
    }
    Ok(needed
        .iter()
        .filter_map(|image| found.remove(image.reference.as_str()))
        .collect())
}

/// All images at once: one a run would be as many runs as images.
fn check_all_known(mut wrong: Vec<String>, without_digest: &[&NeededImage]) -> Result<(), CommandError> {
    wrong.extend(without_digest.iter().map(|image| {
        format!(
            "{}: expected a digest in {} (--offline asks no registry), found none",
            image.used_by, image.reference
        )
    }));
    if wrong.is_empty() {
        return Ok(());
    }
    let flags: Vec<String> = without_digest
        .iter()
        .map(|image| format!("--image {}=sha256:…", image.reference))
        .collect();
    let error = CommandError::usage(wrong.join("\n"));
    Err(if flags.is_empty() {
        error
    } else {
        error.with_hint(flags.join(" "))
    })
}
