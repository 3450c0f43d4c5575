//! Reads a JUnit report strictly: what is not a whole, well-formed report of tests that ran shows nothing.
//!
//! A report is evidence, and may open the way into production: whatever is in doubt counts against it. An
//! empty file, an error page, a report that was cut off, a status that nobody knows and an entity that could
//! stand for anything are refused. `dialects` knows the words of the tools, `counting` adds up.

mod counting;
mod dialects;
#[cfg(test)]
mod tests;

use crate::model::attestation::TestTotals;
use counting::Counting;
use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};
use std::borrow::Cow;

/// Elements within each other; real reports have some ten.
const DEPTH: usize = 100;

/// Encodings in which the names of a report's elements and attributes are what they are in UTF-8.
const ENCODINGS: &[&str] = &[
    "utf-8",
    "us-ascii",
    "ascii",
    "iso-8859-1",
    "latin1",
    "windows-1252",
];

/// Why a file shows nothing of a test.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotAReport {
    /// It is empty.
    #[error("the JUnit report is empty")]
    Empty,
    /// It is in an encoding that is not read.
    #[error("expected a JUnit report in UTF-8, found {0}")]
    Encoding(String),
    /// It declares a document type, which may define entities that stand for anything.
    #[error("the JUnit report has a DOCTYPE, which is not read")]
    Doctype,
    /// It is another document.
    #[error("expected a JUnit report (<testsuites> or <testsuite>), found <{0}>")]
    Root(String),
    /// Its end is missing.
    #[error("the JUnit report is truncated within <{0}>")]
    CannotContinue(String),
    /// It is not XML.
    #[error("malformed XML at byte {at}: {why}")]
    Malformed {
        /// Bytes before it.
        at: u64,
        /// What is wrong there.
        why: String,
    },
    /// It nests deeper than any report.
    #[error("more than {DEPTH} levels of elements")]
    Deep,
    /// A count is no number.
    #[error("expected a number as {attribute} of <{element}>, found {found:?}")]
    Number {
        /// The element.
        element: String,
        /// Its attribute.
        attribute: String,
        /// Its value.
        found: String,
    },
    /// A test case has a status of which it is not known whether it is good.
    #[error("expected a known {attribute} of <testcase>, such as passed, failed or skipped, found {found:?}")]
    Status {
        /// Its attribute.
        attribute: String,
        /// Its value.
        found: String,
    },
    /// Nothing ran.
    #[error("the JUnit report has no test")]
    NoTests,
}

/// The totals of a JUnit report; none where the file is of another kind, which shows nothing but itself. `name` is the
/// file's: what is called `.xml` has to be a report.
///
/// # Errors
///
/// Where a report is broken, empty, in another encoding or of an unknown form, or a file called `.xml` is no report.
pub fn junit(bytes: &[u8], name: &str) -> Result<Option<TestTotals>, NotAReport> {
    let is_xml_by_name = name.to_ascii_lowercase().ends_with(".xml");

    // Four bytes are enough to tell a mark, a wide encoding and a first bracket.
    let start: Vec<u8> = bytes
        .iter()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .take(4)
        .collect();

    match start.as_slice() {
        [] => return Err(NotAReport::Empty),
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] | [b'<', 0, ..] | [0, b'<', ..] => {
            return Err(NotAReport::Encoding("UTF-16".into()));
        }
        [b'<', ..] | [0xef, 0xbb, 0xbf, b'<'] => {}
        _ if is_xml_by_name => {
            return Err(NotAReport::Malformed {
                at: 0,
                why: "it does not begin with <".into(),
            });
        }
        // Evidence of another kind, such as a load test's JSON, is kept as a file, and counts no tests.
        _ => return Ok(None),
    }
    report(&text(bytes)?).map(Some)
}

/// As text; single-byte encodings are read as Latin-1, of which a report's own words are a part.
fn text(bytes: &[u8]) -> Result<Cow<'_, str>, NotAReport> {
    // A declaration stands at the very beginning, or nowhere.
    let head = String::from_utf8_lossy(bytes.get(..200).unwrap_or(bytes)).to_ascii_lowercase();
    let declaration = head.split("?>").next().filter(|start| start.contains("<?xml"));

    let declared = declaration
        .and_then(|start| start.split("encoding").nth(1))
        .and_then(|rest| {
            let quoted = rest.trim_start().strip_prefix('=')?.trim_start();
            let quote = quoted
                .chars()
                .next()
                .filter(|first| matches!(first, '"' | '\''))?;
            quoted[1..].split(quote).next().map(str::to_owned)
        });

    let declared = declared.unwrap_or_else(|| "utf-8".into());
    // In another encoding the bytes of `<failure` may be something else, and a failure would be missed.
    if !ENCODINGS.contains(&declared.as_str()) {
        return Err(NotAReport::Encoding(declared.to_uppercase()));
    }

    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        // Which of the single-byte encodings it is makes no difference to what is counted.
        Err(_) if declared != "utf-8" => Ok(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Err(error) => {
            let at = u64::try_from(error.valid_up_to()).unwrap_or_default();
            Err(NotAReport::Malformed {
                at,
                why: "a byte that is not UTF-8".into(),
            })
        }
    }
}

fn report(text: &str) -> Result<TestTotals, NotAReport> {
    let mut reader = Reader::from_str(text.trim_start_matches('\u{feff}'));
    // `<testcase/>` opens and closes like any other.
    reader.config_mut().expand_empty_elements = true;
    reader.config_mut().check_comments = true;

    let mut document = Document::default();
    loop {
        let at = reader.buffer_position();
        match reader.read_event() {
            Ok(Event::Eof) => return document.totals(at),
            Ok(event) => document.take(event, at)?,
            // A file that was cut off within markup.
            Err(quick_xml::Error::Syntax(_)) if !document.open.is_empty() => return Err(document.cut_off()),
            Err(error) => return Err(malformed(at, &error.to_string())),
        }
    }
}

fn malformed(at: u64, why: &str) -> NotAReport {
    NotAReport::Malformed { at, why: why.into() }
}

/// A document as far as it was read.
#[derive(Default)]
struct Document {
    /// Names of the elements that are open, from the root on.
    open: Vec<String>,
    counting: Counting,
    /// Whether its root is closed.
    is_over: bool,
}

impl Document {
    fn take(&mut self, event: Event<'_>, at: u64) -> Result<(), NotAReport> {
        let is_outside = self.open.is_empty();
        match event {
            Event::Start(tag) => self.open(&tag, at),
            Event::End(_) => {
                self.counting.closes();
                self.open.pop();
                self.is_over = self.open.is_empty();
                Ok(())
            }
            // Entities could stand for a `<failure>` that nobody sees.
            Event::DocType(_) => Err(NotAReport::Doctype),
            Event::GeneralRef(one) if !is_predefined(&one) => {
                Err(malformed(at, "an entity that is not defined"))
            }
            Event::Text(text) if is_outside && !text.trim().is_empty() => {
                Err(malformed(at, "text outside of the document"))
            }
            Event::CData(_) | Event::GeneralRef(_) if is_outside => {
                Err(malformed(at, "text outside of the document"))
            }
            _ => Ok(()),
        }
    }

    fn open(&mut self, tag: &BytesStart<'_>, at: u64) -> Result<(), NotAReport> {
        // A prefix of a namespace is the tool's own choice.
        let name = tag.local_name().as_ref().to_owned();
        if self.open.is_empty() && self.is_over {
            return Err(malformed(at, "a second document"));
        }
        if self.open.is_empty() && !matches!(name.as_str(), "testsuites" | "testsuite") {
            return Err(NotAReport::Root(name));
        }
        // A million open elements would be kept as a million names.
        if self.open.len() >= DEPTH {
            return Err(NotAReport::Deep);
        }

        self.counting.opens(&name, &attributes(tag, at)?)?;
        self.open.push(name);
        Ok(())
    }

    /// What it counts, at the end of the file.
    fn totals(mut self, at: u64) -> Result<TestTotals, NotAReport> {
        // A run that was killed leaves the tests that passed so far.
        if !self.open.is_empty() {
            return Err(self.cut_off());
        }
        if !self.is_over {
            return Err(malformed(at, "no document"));
        }
        self.counting.totals()
    }

    fn cut_off(&mut self) -> NotAReport {
        NotAReport::CannotContinue(self.open.pop().unwrap_or_default())
    }
}

fn is_predefined(reference: &quick_xml::events::BytesRef<'_>) -> bool {
    reference.is_char_ref() || matches!(&**reference, "lt" | "gt" | "amp" | "apos" | "quot")
}

/// Names and raw values; none may stand twice.
fn attributes(tag: &BytesStart<'_>, at: u64) -> Result<Vec<(String, String)>, NotAReport> {
    // The iterator refuses a name that stands twice: one of the two could say that nothing failed.
    let attribute = |one: Result<quick_xml::events::attributes::Attribute<'_>, _>| match one {
        Ok(one) => Ok((one.key.local_name().as_ref().to_owned(), one.value.into_owned())),
        Err(error) => Err(NotAReport::Malformed {
            at,
            why: format!("{error}"),
        }),
    };
    tag.attributes().map(attribute).collect()
}
