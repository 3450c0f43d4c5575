//! `-o`: the formats that commands write, one type a set of them.
//!
//! A set is closed, so that a command lays out each format that it offers. Names are part of the command line; the
//! lines above them are what `--help` and completion say.

use clap::ValueEnum;
use std::path::PathBuf;

/// Formats that kubectl's users expect behind `-o`, besides those that commands here have.
const KUBECTL_FORMATS: [&str; 11] = [
    "wide",
    "jsonpath",
    "jsonpath-as-json",
    "jsonpath-file",
    "go-template",
    "go-template-file",
    "template",
    "templatefile",
    "custom-columns",
    "custom-columns-file",
    "kyaml",
];

/// A file to write, for `-o` of commands that write one: the name of a format is no file.
///
/// # Errors
///
/// Where the text is the name of a format.
pub fn parse_output_file(text: &str) -> Result<PathBuf, String> {
    let name = text.split('=').next().unwrap_or_default();
    let is_ours = DiffFormat::value_variants()
        .iter()
        .filter_map(ValueEnum::to_possible_value)
        .any(|format| format.matches(name, true));
    if is_ours || KUBECTL_FORMATS.contains(&name) {
        return Err(format!(
            "expected a file, found the format {name:?}; a file of that name is ./{name}"
        ));
    }
    Ok(text.into())
}

/// Of commands that otherwise write text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum JsonFormat {
    /// JSON: one document, or one event a line while a command runs
    Json,
}

/// Of commands that write a small document, and otherwise text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum DataFormat {
    /// JSON
    Json,
    /// YAML
    Yaml,
}

/// Of what is in a release.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum ReleaseFormat {
    /// Tables
    #[default]
    Text,
    /// The release itself
    Json,
    /// The release itself
    Yaml,
}

/// Of a comparison of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum CompareFormat {
    /// Text
    #[default]
    Text,
    /// One JSON document
    Json,
    /// For a comment on a pull request
    Markdown,
    /// For CI systems
    Junit,
}

/// Of a comparison with a cluster.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum DiffFormat {
    /// Text
    #[default]
    Text,
    /// One JSON document
    Json,
    /// The same document as YAML
    Yaml,
    /// Names of the objects that differ
    Name,
    /// For a comment on a pull request
    Markdown,
    /// For CI systems
    Junit,
    /// One self-contained HTML page
    Html,
    /// Patches for kustomize that make the manifests equal to what runs
    Patch,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_of_a_format_is_no_file() {
        for format in [
            "json",
            "yaml",
            "name",
            "wide",
            "text",
            "html",
            "patch",
            "JSON",
            "jsonpath={.a}",
        ] {
            assert!(parse_output_file(format).is_err(), "{format}");
        }
        for file in ["./json", "out.json", "release.yaml", "-"] {
            assert_eq!(parse_output_file(file), Ok(file.into()));
        }
    }
}
