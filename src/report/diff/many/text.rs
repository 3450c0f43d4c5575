//! As text: the headline, the table, then what was found of each release.

use super::super::text::{self, Style};
use super::table::{header, row};
use super::view::{ManyView, ReleaseView};
use crate::report::table::{Cell, rows};
use crate::report::{Palette, Tone, clean};
use std::io::{self, Write};

/// Writes the view.
pub fn text(view: &ManyView, style: Style, out: &mut dyn Write) -> io::Result<()> {
    let palette = Palette::new(style.color);
    let tone = if view.is_clean() {
        Tone::Success
    } else {
        Tone::Warning
    };
    writeln!(out, "{}\n", palette.paint(tone, &view.headline))?;

    let lines = [header(view)].into_iter();
    let lines = lines.chain(view.releases.iter().map(|release| row(view, release, false)));
    let name = |text: String| Cell::Name(clean(&text).replace('\n', " "));
    let cells: Vec<Vec<Cell>> = lines.map(|line| line.into_iter().map(name).collect()).collect();
    for line in rows(&cells, None).into_iter().flatten() {
        writeln!(out, "{line}")?;
    }

    let found = view.releases.iter().filter(|release| release.has_findings());
    for release in found {
        let title = release.full_title(view.names_namespace);
        writeln!(
            out,
            "\n{}",
            palette.paint(Tone::Heading, &format!("RELEASE {}", clean(&title)))
        )?;
        write_findings(release, style, out)?;
    }
    Ok(())
}

fn write_findings(release: &ReleaseView, style: Style, out: &mut dyn Write) -> io::Result<()> {
    if let Some(error) = &release.error {
        writeln!(out, "not compared: {}", clean(error).replace('\n', "\n  "))?;
    }
    for cause in release.not_ready() {
        writeln!(out, "not ready: {}", clean(cause).replace('\n', "\n  "))?;
    }
    match release.diff.as_ref().filter(|diff| !diff.summary.is_clean()) {
        Some(diff) => text::text(diff, style, out),
        None => Ok(()),
    }
}
