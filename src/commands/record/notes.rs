//! What is worth a word after a recording: fields that were left out, and images that are not in it.

use crate::cli::Context;
use crate::compare::{LeftOut, UnrecordedImage};
use crate::model::path::Step;
use crate::report::clean;
use crate::usecase::CommandError;
use std::io::Write;

/// Lines of one cause; the rest is counted.
const SHOWN: usize = 10;

/// The notes, one line each.
pub(super) fn describe(left_out: &[LeftOut], images: &[UnrecordedImage]) -> Vec<String> {
    let fields = left_out.iter().map(|one| {
        let paths = one.paths.join(", ");
        format!(
            "note: {}: {paths} left out of the release (written by another cluster)",
            one.object
        )
    });
    let images = images.iter().map(|image| {
        let line = format!(
            "note: {}: {} names {}, which is not recorded",
            image.object, image.path, image.reference
        );
        if !image.is_field || image.group.is_empty() || image.group == "apps" || image.group == "batch" {
            return line;
        }
        format!("{line} (hint: add --image-path {})", image_path(image))
    });
    shortened(fields.collect())
        .chain(shortened(images.collect()))
        .collect()
}

/// As the flag takes it: any item of a list.
fn image_path(image: &UnrecordedImage) -> String {
    let step = |step: &Step| match step {
        Step::Field(name) => format!("/{name}"),
        _ => "/[*]".to_owned(),
    };
    let path: String = image.path.steps().iter().map(step).collect();
    format!("{}.{}={path}", image.object.kind, image.group)
}

fn shortened(mut lines: Vec<String>) -> impl Iterator<Item = String> {
    let more = lines.len().saturating_sub(SHOWN);
    lines.truncate(SHOWN);
    lines
        .into_iter()
        .chain((more > 0).then(|| format!("note: {more} more of these")))
}

/// Writes them to stderr.
pub(super) fn print(notes: &[String], context: &Context) -> Result<(), CommandError> {
    let mut err = context.stderr();
    for note in notes {
        writeln!(err, "{}", clean(note))?;
    }
    Ok(())
}
