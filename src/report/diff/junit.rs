//! The view as JUnit XML: one test case an object, for CI systems that show those.
//!
//! What differs unexpectedly is a failure, what could not be checked an error; what is expected passes. The suite's
//! counts are those of the cases that stand in it.
//!
//! Written with the crate that also reads reports. `quick-junit` is not used: it takes the tabs out of values, so
//! that two which differ could look the same.

use super::snippet::diff_lines;
use super::view::{ObjectView, View};
use super::wording::{Wording, unquoted};
use quick_xml::events::{BytesDecl, BytesText, Event};
use quick_xml::{Writer, writer::ElementWriter};
use std::io::{self, Write};
use std::iter;

/// A report is kept: its times are absolute.
const WORDING: Wording = Wording {
    quote: unquoted,
    now: None,
};

/// Writes the view.
pub fn junit(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let mut xml = start(out)?;
    write_suite(&mut xml, "kubectl delivery diff", &test_cases(view))?;
    line_end(&mut xml, "")
}

/// Starts a document.
pub(super) fn start(out: &mut dyn Write) -> io::Result<Writer<&mut dyn Write>> {
    let mut xml = Writer::new(out);
    xml.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    line_end(&mut xml, "")?;
    Ok(xml)
}

/// Writes a suite of cases.
pub(super) fn write_suite(
    xml: &mut Writer<&mut dyn Write>,
    name: &str,
    cases: &[TestCase],
) -> io::Result<()> {
    let count = |is_counted: fn(&TestOutcome) -> bool| {
        let counted = cases.iter().filter(|case| is_counted(&case.outcome));
        counted.count().to_string()
    };
    let name = printable(name);
    xml.create_element("testsuite")
        .with_attribute(("name", name.as_str()))
        .with_attribute(("tests", cases.len().to_string().as_str()))
        .with_attribute((
            "failures",
            count(|outcome| matches!(outcome, TestOutcome::Failed(_))).as_str(),
        ))
        .with_attribute((
            "errors",
            count(|outcome| matches!(outcome, TestOutcome::Error(_))).as_str(),
        ))
        .write_inner_content(|xml| {
            for case in cases {
                line_end(xml, "  ")?;
                case.write(xml)?;
            }
            line_end(xml, "")
        })
        .map(drop)
}

/// One case of the suite.
pub(super) struct TestCase {
    name: String,
    outcome: TestOutcome,
}

pub(super) enum TestOutcome {
    Passed,
    Failed(String),
    Error(String),
}

impl TestOutcome {
    /// A failure where there is a text of one.
    fn from_failure(text: Option<String>) -> Self {
        text.map_or(TestOutcome::Passed, TestOutcome::Failed)
    }
}

impl TestCase {
    pub fn new(name: &(impl ToString + ?Sized), outcome: TestOutcome) -> Self {
        Self {
            name: name.to_string(),
            outcome,
        }
    }

    fn write(&self, xml: &mut Writer<&mut dyn Write>) -> io::Result<()> {
        let name = printable(&self.name);
        let element = xml
            .create_element("testcase")
            .with_attribute(("classname", "delivery"))
            .with_attribute(("name", name.as_str()));

        match &self.outcome {
            TestOutcome::Passed => element.write_empty().map(drop),
            TestOutcome::Failed(text) => write_with_reason(element, "failure", text),
            TestOutcome::Error(text) => write_with_reason(element, "error", text),
        }
    }
}

/// What differs first; then what does not, so that a suite without differences is not empty.
pub(super) fn test_cases(view: &View) -> Vec<TestCase> {
    let objects = view
        .objects
        .iter()
        .map(|object| TestCase::new(&object.id, object_outcome(object)));

    let images = view.images.iter().map(|image| {
        let running: Vec<_> = image
            .runs()
            .map(|running| format!("running {}", WORDING.running(running)))
            .collect();
        let text = format!(
            "{}: {}, {}",
            WORDING.image(image),
            WORDING.tested(image),
            running.join(", ")
        );

        let name = format!("{}, container {}", image.workload, image.container);
        // What is expected, or not known yet, passes, and is named all the same.
        TestCase::new(
            &name,
            TestOutcome::from_failure(image.is_unexpected().then_some(text)),
        )
    });

    let stale = view.stale.iter().map(|stale| {
        let name = format!("{}, started before {} changed", stale.workload, stale.source);
        TestCase::new(&name, TestOutcome::Failed(WORDING.stale(stale)))
    });

    let starts = view.would_not_start.iter().map(|start| {
        let causes: Vec<&str> = start.causes.iter().map(|cause| &*cause.message).collect();
        let name = format!("{}, started again", start.workload);
        let text = format!("{}: {}", start.title(), causes.join("\n"));
        TestCase::new(&name, TestOutcome::Failed(text))
    });

    let requirements = view.requirements.iter().map(|requirement| {
        // What another object produces, or could not be read, is no failure.
        let failure = (!requirement.is_note).then(|| requirement.message.clone());
        TestCase::new(&requirement.object, TestOutcome::from_failure(failure))
    });

    let same = view.same.iter().map(|id| TestCase::new(id, TestOutcome::Passed));
    objects
        .chain(images)
        .chain(stale)
        .chain(starts)
        .chain(requirements)
        .chain(same)
        .collect()
}

fn object_outcome(object: &ObjectView) -> TestOutcome {
    if object.status == "not-checked" {
        return TestOutcome::Error(failure_text(object));
    }
    TestOutcome::from_failure(object.is_unexpected().then(|| failure_text(object)))
}

/// The status, then what makes it a failure: expected changes are left out.
fn failure_text(object: &ObjectView) -> String {
    let message = object.message.as_deref();
    let message = message.map(|message| format!(": {message}")).unwrap_or_default();
    let changes = object
        .changes
        .iter()
        .filter(|change| change.expected.is_none())
        .map(|change| (&change.path, &change.live, &change.desired));
    let untested = object
        .untested
        .iter()
        .filter(|change| change.expected.is_none())
        .map(|change| (&change.path, &change.tested, &change.desired));

    let lines: String = changes
        .chain(untested)
        .flat_map(|(path, from, to)| {
            let diff = diff_lines(from.as_ref(), to.as_ref()).into_iter();
            let diff = diff.map(|(mark, line)| format!("  {} {line}\n", mark.sign()));
            iter::once(format!("{path}\n")).chain(diff)
        })
        .collect();
    format!("{}{message}\n{lines}", object.status)
}

fn write_with_reason(case: ElementWriter<'_, &mut dyn Write>, element: &str, text: &str) -> io::Result<()> {
    let text = printable(text);
    // The message is an attribute, which holds one line; the text has all of them.
    let message = text.lines().next().unwrap_or_default();

    case.write_inner_content(|xml| {
        xml.create_element(element)
            .with_attribute(("message", message))
            .write_text_content(BytesText::new(&text))
            .map(drop)
    })
    .map(drop)
}

/// A line end between two elements, and the next one's indent.
pub(super) fn line_end(xml: &mut Writer<&mut dyn Write>, indent: &str) -> io::Result<()> {
    let text = format!("\n{indent}");
    xml.write_event(Event::Text(BytesText::from_escaped(text)))
}

/// XML allows no control characters at all, escaped or not.
fn printable(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
        .collect()
}
