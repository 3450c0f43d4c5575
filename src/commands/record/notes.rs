//! What is worth a word after a recording: fields that were left out, and texts that name images which are not in it.

use crate::cli::Context;
use crate::compare::{LeftOut, UnrecordedImage};
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
            "note: {}: {paths} not recorded (set by another cluster)",
            one.object
        )
    });
    let images = images.iter().map(|image| {
        let line = format!(
            "note: {}: image {} at {} is not recorded",
            image.object, image.reference, image.path
        );
        match &image.field {
            Some(field) => format!("{line} (hint: add --image-path {field})"),
            None => line,
        }
    });
    shortened(fields.collect())
        .chain(shortened(images.collect()))
        .collect()
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
