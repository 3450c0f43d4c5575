//! What tables of several commands share: cleaned cells in columns, for the terminal as for a pipe.
//!
//! A cell is never wrapped and the last column is as long as it is: who pipes a table to another program finds a row
//! in each line.

use super::clean::clean;
use comfy_table::{Table, presets};
use jiff::Timestamp;

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

/// A time in UTC, to the second.
pub fn utc_second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_longest_cell_and_lines_end_with_their_text() {
        let rows = [["KIND", "NAME"], ["Odd\u{200b}", "a\nb"], ["Service", ""]];
        let rows = rows.map(|row| row.map(str::to_owned));

        // An escape is longer than the character that it stands for.
        assert_eq!(columns(rows, 3), "KIND        NAME\nOdd\\u200b   a b\nService\n");
    }
}
