//! Every image of a recording: by hand, from its reference, or from its registry.

use crate::compare::NeededImage;
use crate::model::Sha256Digest;
use crate::model::image::ImageReference;
use crate::model::phrase::list_first;
use crate::model::release::{DigestOrigin, RecordedImage};
use crate::registry::{Registries, RegistryError, RegistryFailure, RegistryOptions};
use crate::usecase::{CommandError, ErrorKind};
use std::collections::BTreeMap;

/// Images of one host that a message names; the rest is counted.
const MOST_NAMED: usize = 10;

/// The images in the order in which they are needed.
///
/// # Errors
///
/// Where a reference is malformed, has no digest while no registry is asked, or its registry does not give one.
pub async fn resolve(
    needed: &[NeededImage],
    by_hand: &BTreeMap<String, Sha256Digest>,
    offline: bool,
    options: &RegistryOptions,
) -> Result<Vec<RecordedImage>, CommandError> {
    let Sorted {
        known,
        to_ask,
        wrong,
        without_digest,
    } = sort(needed, by_hand, offline);
    // Before any registry is asked: what is wrong in a file needs no network to be found.
    check_all_known(wrong, &without_digest)?;

    let mut found = known;
    found.extend(ask(&to_ask, options).await?);
    Ok(needed
        .iter()
        // In the manifests' order, whatever came first: the same manifests give the same file.
        .filter_map(|image| found.remove(image.reference.as_str()))
        .collect())
}

/// Images by where their digests come from.
#[derive(Default)]
struct Sorted<'n> {
    /// Those whose digest was given, by reference.
    known: BTreeMap<&'n str, RecordedImage>,
    /// Those that a registry is asked for.
    to_ask: Vec<&'n NeededImage>,
    /// What is wrong with references.
    wrong: Vec<String>,
    /// Those whose digest nothing says.
    without_digest: Vec<&'n NeededImage>,
}

fn sort<'n>(
    needed: &'n [NeededImage],
    by_hand: &BTreeMap<String, Sha256Digest>,
    offline: bool,
) -> Sorted<'n> {
    let mut sorted = Sorted::default();
    for image in needed {
        let mut know = |digest: &Sha256Digest, origin| {
            let recorded = RecordedImage {
                reference: image.reference.clone(),
                digest: digest.clone(),
                origin: Some(origin),
                platforms: Vec::new(),
            };
            sorted.known.insert(&image.reference, recorded);
        };
        // Before the reference is looked at: by hand, one may be given that no registry could be asked for.
        if let Some(digest) = by_hand.get(&image.reference) {
            know(digest, DigestOrigin::ByHand);
            continue;
        }
        match image.reference.parse::<ImageReference>() {
            Err(error) => sorted.wrong.push(format!("{}: {error}", image.used_by)),
            Ok(_) if !offline => sorted.to_ask.push(image),
            Ok(parsed) => match parsed.digest {
                Some(digest) => know(&digest, DigestOrigin::Reference),
                None => sorted.without_digest.push(image),
            },
        }
    }
    sorted
}

/// What registries say. One that fails does not hide the others.
async fn ask<'n>(
    images: &[&'n NeededImage],
    options: &RegistryOptions,
) -> Result<Vec<(&'n str, RecordedImage)>, CommandError> {
    let references: Vec<String> = images.iter().map(|image| image.reference.clone()).collect();
    let answers = Registries::new(options, &references)
        .resolve_all(&references)
        .await;

    let (mut found, mut failures) = (Vec::new(), Vec::new());
    for (image, answer) in images.iter().zip(answers) {
        match answer {
            Ok(resolved) => {
                let recorded = RecordedImage {
                    reference: image.reference.clone(),
                    digest: resolved.digest,
                    origin: None,
                    platforms: resolved.platforms,
                };
                found.push((image.reference.as_str(), recorded));
            }
            Err(error) => failures.push((image, error)),
        }
    }
    let Some((_, first)) = failures.first() else {
        return Ok(found);
    };
    let error = CommandError::new(ErrorKind::Unreachable, causes(&failures).join("\n"));
    Err(first.hint().into_iter().fold(error, CommandError::with_hint))
}

/// A line an image; of a host that does not answer one line for all of its images.
fn causes(failures: &[(&&NeededImage, RegistryError)]) -> Vec<String> {
    let mut groups: Vec<(&RegistryFailure, Vec<String>)> = Vec::new();
    for (image, error) in failures {
        let place = format!("{}: {}", image.used_by, error.reference);
        let is_its = |known: &RegistryFailure| known.is_unanswered() && *known == error.trouble;
        match groups.iter_mut().find(|(known, _)| is_its(known)) {
            Some((_, places)) => places.push(place),
            None => groups.push((&error.trouble, vec![place])),
        }
    }
    let line = |(trouble, places): (&RegistryFailure, Vec<String>)| {
        format!("{}: {trouble}", list_first(places.iter(), MOST_NAMED, "; "))
    };
    groups.into_iter().map(line).collect()
}

/// All images at once: one a run would be as many runs as images.
fn check_all_known(mut wrong: Vec<String>, without_digest: &[&NeededImage]) -> Result<(), CommandError> {
    wrong.extend(without_digest.iter().map(|image| {
        format!(
            "{}: no digest in {}, and --offline queries no registry",
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
        error.with_hint(format!("add {}", flags.join(" ")))
    })
}
