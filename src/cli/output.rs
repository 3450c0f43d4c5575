//! `-o`: the formats that commands write, one type a set of them.
//!
//! A set is closed, so that a command lays out each format that it offers. Names are part of the command line; the
//! lines above them are what `--help` and completion say.

use clap::ValueEnum;

/// Of commands that otherwise write for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JsonFormat {
    /// For programs: one document, or one event a line of what runs
    Json,
}

/// Of commands that write a small document, and otherwise for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// For programs
    Json,
    /// For programs, and people
    Yaml,
}

/// Of what is in a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReleaseFormat {
    /// Tables
    #[default]
    #[value(name = "person")]
    Text,
    /// The release itself
    Json,
    /// The release itself
    Yaml,
}

/// Of a comparison of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// For a person
    #[default]
    #[value(name = "person")]
    Text,
    /// One document, docs/diff-json.md
    Json,
    /// For a comment on a pull request
    Markdown,
    /// For CI systems
    Junit,
}

/// Of a comparison with a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// For a person
    #[default]
    #[value(name = "person")]
    Text,
    /// One document, docs/diff-json.md
    Json,
    /// The same as YAML
    Yaml,
    /// Names of the objects that differ
    Name,
    /// For a comment on a pull request
    Markdown,
    /// For CI systems
    Junit,
    /// One page that needs nothing else
    Html,
}
