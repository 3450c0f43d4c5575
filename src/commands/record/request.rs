//! From the command line to what is recorded.

use super::Args;
use crate::model::release::ImagePath;
use crate::model::{FieldPath, Sha256Digest};
use crate::registry::RegistryOptions;
use crate::usecase::CommandError;
use crate::usecase::record::{Origin, Request};
use std::collections::BTreeMap;

impl Args {
    pub(super) fn request(&self) -> Result<Request, CommandError> {
        let map = pairs(&self.registry_map, "--registry-map FROM=TO")?;
        Ok(Request {
            origin: self.origin()?,
            name: self.name.clone(),
            version: self.version.clone(),
            repository: self.source.clone(),
            offline: self.offline,
            registries: RegistryOptions {
                insecure: self.insecure_registry.clone(),
                map: map.into_iter().collect(),
                ..RegistryOptions::default()
            },
            environment: self.environment.clone(),
            output: self.output.clone(),
            from_cluster: self.from_cluster,
            evidence: self.evidence.request(),
        })
    }

    fn origin(&self) -> Result<Origin, CommandError> {
        if let Some(release) = &self.from {
            return Ok(Origin::Earlier {
                release: release.clone(),
                images: pairs(&self.image, "--image REPOSITORY=REFERENCE")?,
                image_paths: self.image_paths()?,
            });
        }
        if self.manifests.is_empty() {
            return Err(CommandError::usage("no manifests given")
                .with_hint("add -f PATH or -k DIR, or -f - for stdin"));
        }
        Ok(Origin::Manifests {
            sources: self.manifests.sources(),
            by_hand: digests(&self.image)?,
            image_paths: self.image_paths()?,
        })
    }

    fn image_paths(&self) -> Result<Vec<ImagePath>, CommandError> {
        let mut paths = image_paths(&self.image_path, "--image-path", false)?;
        paths.extend(image_paths(&self.ignore_image, "--ignore-image", true)?);
        Ok(paths)
    }
}

/// `A=B`, split at the first `=`.
fn pairs(texts: &[String], form: &str) -> Result<Vec<(String, String)>, CommandError> {
    let pair = |text: &String| match text.split_once('=') {
        Some((from, to)) if !from.is_empty() && !to.is_empty() => Ok((from.to_owned(), to.to_owned())),
        _ => Err(CommandError::usage(format!("expected {form}, found {text:?}"))),
    };
    texts.iter().map(pair).collect()
}

fn digests(texts: &[String]) -> Result<BTreeMap<String, Sha256Digest>, CommandError> {
    pairs(texts, "--image REFERENCE=sha256:…")?
        .into_iter()
        .map(|(reference, digest)| Ok((reference, digest.parse().map_err(CommandError::usage)?)))
        .collect()
}

fn image_paths(texts: &[String], flag: &str, ignored: bool) -> Result<Vec<ImagePath>, CommandError> {
    let image_path = |(kind, path): (String, String)| {
        let (kind, group) = kind.split_once('.').unwrap_or((&kind, ""));
        // Any item of a list stands for all of them.
        path.replace("[*]", "[0]")
            .parse::<FieldPath>()
            .map_err(CommandError::usage)?;
        Ok(ImagePath {
            group: group.into(),
            kind: kind.into(),
            path,
            ignored,
        })
    };
    pairs(texts, &format!("{flag} KIND.GROUP=/spec/…/image"))?
        .into_iter()
        .map(image_path)
        .collect()
}
