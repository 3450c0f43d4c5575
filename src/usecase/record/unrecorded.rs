//! Fields that look like images have to be recorded or ignored before there is a release.

use crate::compare::UnrecordedImage;
use crate::model::Gvk;
use crate::model::k8s::pod_spec::pod_spec_path;
use crate::model::release::ImagePath;
use crate::usecase::CommandError;

/// Fields that are named; the rest is counted.
const SHOWN: usize = 10;

/// An error where a field for an image is neither recorded nor ignored: all of them at once.
pub(super) fn ensure_recorded(fields: &[UnrecordedImage]) -> Result<(), CommandError> {
    if fields.is_empty() {
        return Ok(());
    }

    let mut lines: Vec<String> = fields
        .iter()
        .take(SHOWN)
        .map(|image| {
            let UnrecordedImage {
                object,
                path,
                reference,
                ..
            } = image;
            format!("{object}: image {reference} at {path} is not recorded")
        })
        .collect();
    if fields.len() > SHOWN {
        lines.push(format!("{} more of these", fields.len() - SHOWN));
    }

    Err(CommandError::usage(lines.join("\n"))
        .with_hint(format!("to record them: {}", flags("--image-path", fields)))
        .with_hint(format!("to ignore them: {}", flags("--ignore-image", fields))))
}

/// A flag for each field, once: a kind can have many objects.
fn flags(flag: &str, fields: &[UnrecordedImage]) -> String {
    let mut flags: Vec<String> = Vec::new();
    for path in fields.iter().filter_map(|image| image.field.as_ref()) {
        let text = format!("{flag} {path}");
        if !flags.contains(&text) {
            flags.push(text);
        }
    }
    flags.join(" ")
}

/// What a pod runs is recorded without exception: ignored, it would not be pinned.
pub(super) fn check_ignored(paths: &[ImagePath]) -> Result<(), CommandError> {
    let has_pods = |path: &&ImagePath| {
        let gvk = Gvk {
            group: path.group.clone(),
            version: String::new(),
            kind: path.kind.clone(),
        };
        path.ignored && pod_spec_path(&gvk).is_some()
    };
    match paths.iter().find(has_pods) {
        Some(path) => Err(CommandError::usage(format!(
            "--ignore-image {path}: images of a {} are always recorded",
            path.kind
        ))),
        None => Ok(()),
    }
}
