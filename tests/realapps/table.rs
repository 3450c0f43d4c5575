//! What came of it, as a table.

use crate::scene::logs;
use std::path::Path;

/// The columns after the name and the count of objects.
const COLUMNS: [&str; 14] = [
    "record",
    "promote",
    "diff",
    "again",
    "revert",
    "hands",
    "overwrite",
    "breaks",
    "rollback",
    "apply",
    "server-side",
    "helm",
    "way back",
    "rendered",
];

/// One application.
pub struct Row {
    name: &'static str,
    pub objects: usize,
    cells: Vec<(&'static str, Result<String, String>)>,
}

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self { name, objects: 0, cells: vec![] }
    }

    pub fn passed(&mut self, column: &'static str, said: impl Into<String>) {
        self.cells.push((column, Ok(said.into())));
    }

    pub fn failed(&mut self, column: &'static str, why: impl Into<String>) {
        let why = why.into();
        eprintln!("FAILED {} {column}: {why}", self.name);
        self.cells.push((column, Err(why)));
    }

    /// Writes down what came of a part, and whether the next can follow.
    pub fn result(&mut self, column: &'static str, came: Result<String, String>) -> bool {
        match came {
            Ok(said) => self.passed(column, said),
            Err(why) => self.failed(column, why),
        }
        self.cells.last().is_some_and(|(_, came)| came.is_ok())
    }

    fn cell(&self, column: &str) -> String {
        let of_column: Vec<_> = self.cells.iter().filter(|(name, _)| *name == column).collect();
        if of_column.is_empty() {
            return "–".into();
        }
        let said = |(_, came): &&(&str, Result<String, String>)| match came {
            Ok(said) => said.clone(),
            Err(_) => "**failed**".into(),
        };
        of_column.iter().map(said).collect::<Vec<_>>().join(", ")
    }

    pub fn line(&self) -> String {
        let cells: Vec<String> = COLUMNS[..13].iter().map(|column| self.cell(column)).collect();
        format!("| {} | {} | {} |", self.name, self.objects, cells.join(" | "))
    }

    pub fn failures(&self) -> Vec<String> {
        let failed =
            self.cells.iter().filter_map(|(column, came)| came.as_ref().err().map(|why| (column, why)));
        failed.map(|(column, why)| format!("{} {column}: {why}", self.name)).collect()
    }
}

/// Writes the table beside the logs, and into docs where everything ran.
pub fn write(rows: &[Row], seed: u64) {
    let mut text = format!("| application | objects | {} |\n|---|", COLUMNS[..13].join(" | "));
    text.push_str(&"---|".repeat(14));
    text.push('\n');
    for row in rows {
        text.push_str(&row.line());
        text.push('\n');
    }
    std::fs::create_dir_all(logs()).unwrap();
    std::fs::write(logs().join("table.md"), &text).unwrap();
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    if !set("APPS") && !set("PARTS") {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/real-applications.md");
        std::fs::write(file, document(&text, rows, seed)).unwrap();
    }
}

fn document(table: &str, rows: &[Row], seed: u64) -> String {
    let modules: Vec<String> = crate::apps::all()
        .iter()
        .map(|app| format!("`{}` ({}, {})", app.name, app.module.split('@').next().unwrap(), app.version()))
        .collect();
    let failures: Vec<String> =
        rows.iter().flat_map(Row::failures).map(|line| format!("- {line}\n")).collect();
    let failures = if failures.is_empty() { "None.\n".into() } else { failures.concat() };
    format!(
        "{}\n{table}\n{}",
        include_str!("about.md")
            .trim_end()
            .replace("MACHINE", &machine())
            .replace("SEED", &seed.to_string())
            .replace("MODULES", &modules.join(", ")),
        format_args!("## What failed\n\n{failures}")
    )
}

/// Processors, memory and the day.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes =
        memory.lines().next().and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let gigabytes = kilobytes.unwrap_or_default() / 1_000_000;
    let day = jiff::Timestamp::now().strftime("%Y-%m-%d");
    format!("{processors} processors, {gigabytes} GB of memory, {} ({day})", std::env::consts::OS)
}
