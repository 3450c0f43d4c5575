//! What tables of several commands share: columns, and times as people read them.

use super::clean;
use jiff::Timestamp;

/// Columns, three spaces apart; the last one as long as it is.
pub fn table<const N: usize>(header: [&str; N], rows: impl IntoIterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(header.map(String::from))
        .chain(rows)
        .map(|row| row.map(|cell| clean(&cell).replace('\n', " ")))
        .collect();

    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths: Vec<usize> = (0..N).map(width).collect();

    let mut text = String::new();
    for row in &rows {
        let cells: Vec<String> = row
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:<width$}"))
            .collect();
        text.push_str(cells.join("   ").trim_end());
        text.push('\n');
    }
    text
}

/// A time in UTC, to the second.
pub fn utc_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell_and_a_row_is_one_line() {
        let rows = [["web", "two\nlines"], ["a-longer-name", ""]].map(|row| row.map(String::from));
        assert_eq!(
            table(["NAME", "MESSAGE"], rows),
            "NAME            MESSAGE\nweb             two lines\na-longer-name\n"
        );
    }
}
