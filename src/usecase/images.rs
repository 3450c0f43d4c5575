//! What registries hold under digests that nodes report and that no release records.

use crate::model::image::ImageReference;
use crate::model::release::{PlatformDigests, RecordedImage};
use crate::model::running::ImageTrees;
use crate::monitor::ImageResolver;
use crate::observe::Pods;
use crate::registry::{Registries, RegistryOptions};
use async_trait::async_trait;
use std::collections::BTreeSet;
use std::time::Duration;

/// A registry that takes longer has not said anything.
const PATIENCE: Duration = Duration::from_secs(5);

/// Asks the registries that references name.
pub struct AskRegistries;

#[async_trait]
impl ImageResolver for AskRegistries {
    async fn resolve(&self, references: &[String]) -> Vec<Vec<PlatformDigests>> {
        let silent = || vec![Vec::new(); references.len()];
        let named = references.to_vec();
        // Reads the machine's certificates, and knocks at loopback registries.
        let made = tokio::task::spawn_blocking(move || Registries::new(&RegistryOptions::default(), &named));
        let Ok(registries) = made.await else {
            return silent();
        };
        let mut found = silent();
        let ask = async {
            for (place, reference) in found.iter_mut().zip(references) {
                if let Ok(resolved) = registries.resolve(reference).await {
                    *place = resolved.platforms;
                }
            }
        };
        // What was answered by then counts.
        tokio::time::timeout(PATIENCE, ask).await.ok();
        found
    }
}

/// What registries hold under references by digest.
pub async fn read_image_trees(references: &[String]) -> ImageTrees {
    let mut trees = ImageTrees::default();
    if references.is_empty() {
        return trees;
    }
    for (reference, platforms) in references.iter().zip(AskRegistries.resolve(references).await) {
        if let Some(digest) = reference
            .parse::<ImageReference>()
            .ok()
            .and_then(|image| image.digest)
        {
            trees.insert(digest, platforms);
        }
    }
    trees
}

/// What pods report of images of the release's repositories under digests that it does not record.
pub fn unfamiliar(pods: &Pods, tested: &[RecordedImage]) -> Vec<String> {
    let path = |text: &str| text.parse::<ImageReference>().ok().map(|image| image.repository);
    let ours: BTreeSet<String> = tested.iter().filter_map(|one| path(&one.reference)).collect();
    let containers = pods.pods.iter().flat_map(|pod| &pod.containers);
    let is_new = |text: &String| {
        let digest = text.parse::<ImageReference>().ok().and_then(|image| image.digest);
        let is_known = digest.is_none_or(|digest| tested.iter().any(|one| one.is(&digest)));
        !is_known && path(text).is_some_and(|path| ours.contains(&path))
    };
    let found: BTreeSet<String> = containers
        .filter_map(|one| one.reported())
        .filter(is_new)
        .collect();
    found.into_iter().collect()
}
