//! What tables of several commands share: cleaned cells in columns, for the terminal as for a pipe.
//!
//! A cell is never wrapped and the last column is as long as it is: who pipes a table to another program finds a row
//! in each line.

use super::clean::clean;
use comfy_table::{Table, presets};

/// Rows in columns that are `gap` spaces apart, a line each. No line ends in spaces.
pub fn columns<const N: usize>(rows: impl IntoIterator<Item = [String; N]>, gap: u16) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for row in rows {
        // A line end in a cell would look like another row.
        table.add_row(row.map(|cell| clean(&cell).replace('\n', " ")));
    }

    for column in table.column_iter_mut() {
        column.set_padding((0, gap));
    }
    // Each line with its end; no row is no line.
    table.trim_fmt().lines().map(|line| format!("{line}\n")).collect()
}

/// A cell of a table for the terminal.
pub enum Cell {
    /// An object, a path or a word: on one line, however narrow the terminal is.
    Name(String),
    /// Words, which wrap at blanks.
    Prose(String),
}

/// Spaces between columns.
const GAP: usize = 2;

/// Rows in columns, each as its lines, within `width` as far as names and words are not broken for it.
pub fn rows(cells: &[Vec<Cell>], width: Option<usize>) -> Vec<Vec<String>> {
    let widths = column_widths(cells, width);
    cells.iter().map(|row| row_lines(row, &widths)).collect()
}

fn row_lines(row: &[Cell], widths: &[usize]) -> Vec<String> {
    let wrapped = row.iter().zip(widths).map(|(cell, width)| match cell {
        Cell::Name(name) => vec![name.clone()],
        Cell::Prose(text) => wrap(text, *width),
    });
    let wrapped: Vec<Vec<String>> = wrapped.collect();

    let height = wrapped.iter().map(Vec::len).max().unwrap_or_default();
    let line = |at: usize| {
        let cells = wrapped.iter().zip(widths).map(|(lines, width)| {
            let text = lines.get(at).map_or("", String::as_str);
            format!("{text:<width$}{:GAP$}", "")
        });
        cells.collect::<String>().trim_end().to_owned()
    };
    (0..height).map(line).collect()
}

/// Of names the longest; of prose the longest word, and a share of what the width leaves beyond that.
fn column_widths(cells: &[Vec<Cell>], width: Option<usize>) -> Vec<usize> {
    let columns = cells.first().map_or(0, Vec::len);
    let column = |at: usize| cells.iter().filter_map(move |row| row.get(at));
    let natural = |at| {
        column(at)
            .map(|cell| length(cell.text()))
            .max()
            .unwrap_or_default()
    };
    let Some(width) = width else {
        return (0..columns).map(natural).collect();
    };

    let least = |at| column(at).map(Cell::least_width).max().unwrap_or_default();
    let mut widths: Vec<usize> = (0..columns).map(least).collect();
    let gaps = GAP * columns.saturating_sub(1);
    let mut room = width.saturating_sub(widths.iter().sum::<usize>() + gaps);

    // The narrow ones first: what they leave goes to those that wrap.
    let mut prose: Vec<usize> = (0..columns).filter(|at| natural(*at) > widths[*at]).collect();
    prose.sort_by_key(|at| natural(*at));
    for (place, at) in prose.iter().enumerate() {
        let more = (natural(*at) - widths[*at]).min(room / (prose.len() - place));
        widths[*at] += more;
        room -= more;
    }
    widths
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Cell {
    fn text(&self) -> &str {
        match self {
            Self::Name(text) | Self::Prose(text) => text,
        }
    }

    fn least_width(&self) -> usize {
        match self {
            Self::Name(text) => length(text),
            Self::Prose(text) => text.split(' ').map(length).max().unwrap_or_default(),
        }
    }
}

/// The lines of a text that is broken at blanks alone: a longer word is a longer line.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last().map_or(0, |line| length(line));
        match lines.last_mut() {
            Some(last) if line == 0 => last.push_str(word),
            Some(last) if line + 1 + length(word) <= width => {
                last.push(' ');
                last.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_wraps_at_blanks_and_a_name_stays_whole_at_any_width() {
        let name = "Deployment shop/catalog-service-with-a-rather-long-name";
        let table = |width: usize| {
            let row = vec![
                Cell::Name("update".into()),
                Cell::Name(name.into()),
                Cell::Prose("image and /spec/template/spec/replicas change".into()),
                Cell::Prose("restarts its pods".into()),
            ];
            rows(&[row], Some(width)).remove(0)
        };

        assert_eq!(
            table(200),
            [format!(
                "update  {name}  image and /spec/template/spec/replicas change  restarts its pods"
            )]
        );
        for width in [1, 20, 40, 80, 100] {
            let lines = table(width);
            assert!(
                lines[0].starts_with(&format!("update  {name}  image")),
                "{lines:#?}"
            );
            for word in ["/spec/template/spec/replicas", "restarts"] {
                assert!(
                    lines
                        .iter()
                        .any(|line| line.split(' ').any(|found| found == word)),
                    "{lines:#?}"
                );
            }
        }
        assert!(table(110).iter().all(|line| line.chars().count() <= 110));
    }

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_and_lines_end_with_their_text() {
        let rows = [["KIND", "NAME"], ["Odd\u{200b}", "a\nb"], ["Service", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));

        // An escape is longer than the character that it stands for.
        assert_eq!(columns(rows, 3), "KIND        NAME\nOdd\\u200b   a b\nService\n");
    }
}
