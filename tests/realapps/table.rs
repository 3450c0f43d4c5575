//! What came of it, as a table.

use crate::scene::logs;
use std::fmt::Write;
use std::path::Path;

/// The columns after the name and the count of objects.
const COLUMNS: [&str; 13] = [
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
];

/// One application.
pub struct Row {
    name: &'static str,
    pub objects: usize,
    cells: Vec<(&'static str, Result<String, String>)>,
}

impl Row {
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            objects: 0,
            cells: vec![],
        }
    }

    pub fn passed(&mut self, column: &'static str, message: impl Into<String>) {
        self.cells.push((column, Ok(message.into())));
    }

    pub fn failed(&mut self, column: &'static str, why: impl Into<String>) {
        let why = why.into();
        eprintln!("FAILED {} {column}: {why}", self.name);
        self.cells.push((column, Err(why)));
    }

    /// Writes down what came of a part, and whether the next can follow.
    pub fn result(&mut self, column: &'static str, came: Result<String, String>) -> bool {
        match came {
            Ok(message) => self.passed(column, message),
            Err(why) => self.failed(column, why),
        }
        self.cells.last().is_some_and(|(_, came)| came.is_ok())
    }

    fn cell(&self, column: &str) -> String {
        let of_column: Vec<_> = self.cells.iter().filter(|(name, _)| *name == column).collect();
        if of_column.is_empty() {
            return "–".into();
        }
        let message = |(_, came): &&(&str, Result<String, String>)| match came {
            Ok(message) => message.clone(),
            Err(_) => "**failed**".into(),
        };
        of_column.iter().map(message).collect::<Vec<_>>().join(", ")
    }

    pub fn line(&self) -> String {
        let cells: Vec<String> = COLUMNS.iter().map(|column| self.cell(column)).collect();
        format!("| {} | {} | {} |", self.name, self.objects, cells.join(" | "))
    }

    pub fn failures(&self) -> Vec<String> {
        let failed = self
            .cells
            .iter()
            .filter_map(|(column, came)| came.as_ref().err().map(|why| (column, why)));
        failed
            .map(|(column, why)| format!("{} {column}: {why}", self.name))
            .collect()
    }
}

/// Writes the table beside the logs, and into docs where everything was done with these: the rows of others stay.
pub fn write(rows: &[Row], seed: u64) {
    std::fs::create_dir_all(logs()).unwrap();
    std::fs::write(logs().join("table.md"), document("", rows, seed)).unwrap();
    let is_whole = std::env::var_os("PARTS").is_none_or(|parts| parts.is_empty());
    if is_whole && std::env::var("APPS").as_deref() != Ok("ci") {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/real-applications.md");
        let earlier = std::fs::read_to_string(&file).unwrap_or_default();
        std::fs::write(file, document(&earlier, rows, seed)).unwrap();
    }
}

fn document(earlier: &str, rows: &[Row], seed: u64) -> String {
    let (mut table, mut failures) = (String::new(), String::new());
    for app in crate::apps::all() {
        let (cells, failed) = (format!("| {} |", app.name), format!("- {} ", app.name));
        if let Some(row) = rows.iter().find(|row| row.name == app.name) {
            writeln!(table, "{} {}, seed {seed} |", row.line(), machine()).unwrap();
            for why in row.failures() {
                let start: String = why.replace('\n', " ").chars().take(300).collect();
                writeln!(failures, "- {start}").unwrap();
            }
        } else {
            let is_its = |line: &&str| line.starts_with(&cells);
            let is_failure = |line: &&str| line.starts_with(&failed);
            table.extend(earlier.lines().filter(is_its).map(|line| format!("{line}\n")));
            failures.extend(earlier.lines().filter(is_failure).map(|line| format!("{line}\n")));
        }
    }
    if failures.is_empty() {
        failures.push_str("Nothing.\n");
    }
    let module = |app: crate::apps::App| {
        format!(
            "`{}` ({}, {})",
            app.name,
            app.module.split('@').next().unwrap(),
            app.version()
        )
    };
    let modules: Vec<String> = crate::apps::all().into_iter().map(module).collect();
    let about = include_str!("about.md")
        .trim_end()
        .replace("MODULES", &modules.join(", "));
    let head = format!(
        "| application | objects | {} | run |\n|---|{}",
        COLUMNS.join(" | "),
        "---|".repeat(15)
    );
    format!("{about}\n\n{head}\n{table}\n## What failed\n\n{failures}")
}

/// The day, processors and memory.
fn machine() -> String {
    let processors = std::thread::available_parallelism().map_or(0, usize::from);
    let memory = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kilobytes = memory
        .lines()
        .next()
        .and_then(|line| line.split_whitespace().nth(1)?.parse::<u64>().ok());
    let gigabytes = kilobytes.unwrap_or_default() / 1_000_000;
    format!(
        "{}, {processors} processors, {gigabytes} GB",
        jiff::Timestamp::now().strftime("%Y-%m-%d")
    )
}
