//! `record --from`: the next release, where one service changed. The same objects, some images new.
//!
//! The objects may have been recorded by another version, which knew fewer shapes of images: they are looked at anew.

use super::{Request, ensure_recorded, find_source, resolve};
use crate::compare::{NeededImage, Unrecorded, needed_images, unrecorded_images};
use crate::model::Object;
use crate::model::image::ImageReference;
use crate::model::k8s::images::images;
use crate::model::release::{ImagePath, RecordedImage, Release};
use crate::registry::RegistryOptions;
use crate::usecase::CommandError;
use crate::usecase::inputs::open_release;
use std::collections::BTreeMap;
use std::path::Path;

/// An earlier release with other images (repository, and the new reference) and more paths of images; with the texts that
/// name images which are not in it.
pub(super) async fn next_release(
    request: &Request,
    earlier: &str,
    (images, image_paths): (&[(String, String)], &[ImagePath]),
    registries: &RegistryOptions,
) -> Result<(Release, Unrecorded), CommandError> {
    let mut release = open_release(earlier, registries).await?.release;
    if images.is_empty() {
        return Err(CommandError::usage("--from without --image REPOSITORY=REFERENCE"));
    }
    let spec = &mut release.spec;
    // What is said of a field now takes the place of what was.
    let is_replaced = |old: &ImagePath| {
        let is_same =
            |new: &ImagePath| (&new.group, &new.kind, &new.path) == (&old.group, &old.kind, &old.path);
        image_paths.iter().any(is_same)
    };
    spec.image_paths.retain(|old| !is_replaced(old));
    spec.image_paths.extend_from_slice(image_paths);
    let unrecorded = unrecorded_images(&spec.objects, &spec.image_paths);
    ensure_recorded(&unrecorded.fields)?;
    let mut new = needed_images(&spec.objects, &spec.image_paths);
    new.retain(|needed| {
        spec.images
            .iter()
            .all(|known| known.reference != needed.reference)
    });
    let found = resolve(&new, &BTreeMap::new(), request.offline, registries).await?;
    spec.images.extend(found);

    for (repository, reference) in images {
        let at = find_image(&release, repository)?;
        let needed = NeededImage {
            reference: reference.clone(),
            used_by: "--image".into(),
        };
        let found = resolve(&[needed], &BTreeMap::new(), request.offline, registries).await?;

        let old = release.spec.images[at].reference.clone();
        let (objects, paths) = (&mut release.spec.objects, &release.spec.image_paths);
        rename_image(objects, paths, &old, reference);
        release.spec.images.splice(at..=at, found);
    }

    release.metadata.version.clone_from(&request.version);
    if let Some(name) = &request.name {
        release.metadata.name.clone_from(name);
    }
    release.spec.source = find_source(request, Path::new(".")).or(release.spec.source);
    Ok((release, unrecorded))
}

/// Where in the release an image stands, by its repository or its whole reference.
fn find_image(release: &Release, repository: &str) -> Result<usize, CommandError> {
    let is_meant = |image: &RecordedImage| {
        let parsed = image.reference.parse::<ImageReference>();
        parsed.is_ok_and(|parsed| parsed.name() == repository || image.reference == repository)
    };
    let images = &release.spec.images;
    images.iter().position(is_meant).ok_or_else(|| {
        let known: Vec<&str> = images.iter().map(|image| image.reference.as_str()).collect();
        CommandError::usage(format!(
            "the release has no image {repository}; it has {}",
            known.join(", ")
        ))
    })
}

fn rename_image(objects: &mut [Object], paths: &[ImagePath], old: &str, new: &str) {
    for object in objects {
        let found = images(object, paths);
        for image in found.into_iter().filter(|image| image.reference == old) {
            image.path.set(object.value_mut(), new.into());
        }
    }
}
