//! As one HTML file: the table, whose rows lead to what was found of each release.

use super::super::html::{code, escape, write_body, write_page_head};
use super::table::{header, row};
use super::view::ManyView;
use crate::model::phrase::utc;
use std::io::{self, Write};

/// Writes the view.
pub fn html(view: &ManyView, out: &mut dyn Write) -> io::Result<()> {
    write_page_head("releases", out)?;
    let state = if view.is_clean() { "good" } else { "bad" };
    writeln!(
        out,
        "<header><h1 class=\"{state}\">{}</h1><dl>",
        escape(&view.headline)
    )?;
    let facts = [
        ("cluster", view.cluster.cluster()),
        ("compared", utc(view.compared_at)),
    ];
    for (name, value) in facts {
        writeln!(out, "<dt>{name}</dt><dd>{}</dd>", code(&value))?;
    }
    writeln!(out, "</dl></header><main>")?;
    write_table(view, out)?;

    for (at, release) in view.releases.iter().enumerate() {
        if !release.has_findings() {
            continue;
        }
        let title = escape(&release.full_title(view.names_namespace));
        writeln!(out, "<h2 class=\"release\" id=\"release-{at}\">{title}</h2>")?;
        let error = release.error.iter().map(|error| ("not compared", error));
        let causes = release.not_ready().iter().map(|cause| ("not ready", cause));
        for (what, text) in error.chain(causes) {
            writeln!(out, "<p class=\"note\">{what}: {}</p>", code(text))?;
        }
        let diff = release.diff.as_ref();
        if let Some(diff) = diff.filter(|diff| !diff.summary.is_clean()) {
            writeln!(out, "<p>{}</p>", escape(&diff.headline))?;
            write_body(diff, out)?;
        }
    }
    writeln!(out, "</main></body></html>")
}

fn write_table(view: &ManyView, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "<table><thead><tr>")?;
    for name in header(view) {
        writeln!(out, "<th>{}</th>", escape(&name))?;
    }
    writeln!(out, "</tr></thead><tbody>")?;

    let named = usize::from(view.names_namespace);
    for (at, release) in view.releases.iter().enumerate() {
        writeln!(out, "<tr>")?;
        for (column, cell) in row(view, release, true).into_iter().enumerate() {
            let cell = escape(&cell);
            if column == named && release.has_findings() {
                writeln!(out, "<td><a href=\"#release-{at}\">{cell}</a></td>")?;
            } else {
                writeln!(out, "<td>{cell}</td>")?;
            }
        }
        writeln!(out, "</tr>")?;
    }
    writeln!(out, "</tbody></table>")
}
