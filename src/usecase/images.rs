//! What registries hold under digests that nodes report and that no release records.

use crate::model::image::{ImageReference, Presence};
use crate::model::release::RecordedImage;
use crate::model::running::{ImageTree, ImageTrees};
use crate::model::unknown::Unknown;
use crate::monitor::ImageResolver;
use crate::observe::{Pods, aside};
use crate::registry::{Registries, RegistryFailure, RegistryOptions};
use async_trait::async_trait;
use futures::stream::{self, StreamExt};
use std::collections::BTreeSet;
use std::time::Duration;
use tokio::time::Instant;

/// A registry that takes longer for an answer has given none.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// All answers together: what is slow and answers has an end, too.
const ALL: Duration = Duration::from_secs(30);
/// References that are asked for at a time.
const CONCURRENCY: usize = 8;

/// Asks the registries that references name, where an environment says that they are.
pub struct AskRegistries(RegistryOptions);

impl AskRegistries {
    /// With a short patience: somebody waits for the answers.
    pub fn new(options: &RegistryOptions) -> Self {
        Self(options.clone().with_patience(PATIENCE))
    }
}

#[async_trait]
impl ImageResolver for AskRegistries {
    async fn resolve(&self, references: &[String]) -> Vec<ImageTree> {
        let registries = open_registries(&self.0, references).await;
        let end = Instant::now() + ALL;
        let ask = async |reference: &String| {
            let answered = tokio::time::timeout_at(end, registries.resolve(reference)).await;
            match answered.map(|answer| answer.map_err(|error| error.trouble)) {
                Ok(Ok(resolved)) => Ok(resolved.platforms),
                // It says that it holds none.
                Ok(Err(RegistryFailure::NotFound(_))) => Ok(Vec::new()),
                Ok(Err(trouble)) => Err(Unknown::new(trouble)),
                Err(_) => Err(Unknown::new(format_args!("no answer within {}s", ALL.as_secs()))),
            }
        };
        stream::iter(references.iter().map(ask))
            .buffered(CONCURRENCY)
            .collect()
            .await
    }
}

/// A client for the registries of references. It reads the machine's certificates and knocks at loopback registries, which
/// blocks: so on another thread.
async fn open_registries(options: &RegistryOptions, references: &[String]) -> Registries {
    let (options, named) = (options.clone(), references.to_vec());
    aside(move || Registries::new(&options, &named)).await
}

/// Whether registries have what references name.
pub async fn look_up_images(references: Vec<String>, options: &RegistryOptions) -> Vec<(String, Presence)> {
    // A client reads all of the machine's certificates: none is made for nothing.
    if references.is_empty() {
        return Vec::new();
    }
    let options = options.clone().with_patience(PATIENCE);
    let registries = &open_registries(&options, &references).await;
    let ask = |reference: String| async move {
        let presence = registries.presence(&reference).await;
        (reference, presence)
    };
    stream::iter(references)
        .map(ask)
        .buffered(CONCURRENCY)
        .collect()
        .await
}

/// What registries hold under references by digest.
pub async fn read_image_trees(references: &[String], options: &RegistryOptions) -> ImageTrees {
    let mut trees = ImageTrees::default();
    if references.is_empty() {
        return trees;
    }
    let found = AskRegistries::new(options).resolve(references).await;
    for (reference, tree) in references.iter().zip(found) {
        if let Some(digest) = reference
            .parse::<ImageReference>()
            .ok()
            .and_then(|image| image.digest)
        {
            trees.insert(digest, tree);
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
