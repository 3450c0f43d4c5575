//! As JUnit XML: a suite for each release.

use super::super::junit::{TestCase, TestOutcome, line_end, start, test_cases, write_suite};
use super::view::{DriftState, ManyView, ReleaseView};
use quick_xml::Writer;
use std::io::{self, Write};

/// Writes the view.
pub fn junit(view: &ManyView, out: &mut dyn Write) -> io::Result<()> {
    let mut xml: Writer<&mut dyn Write> = start(out)?;
    xml.create_element("testsuites")
        .with_attribute(("name", "kubectl delivery diff"))
        .write_inner_content(|xml| {
            for release in &view.releases {
                line_end(xml, "")?;
                let name = format!("{}/{}", release.namespace, release.name);
                write_suite(xml, &name, &cases(release))?;
            }
            line_end(xml, "")
        })?;
    line_end(&mut xml, "")
}

fn cases(release: &ReleaseView) -> Vec<TestCase> {
    match (&release.diff, &release.error) {
        (Some(diff), _) => test_cases(diff),
        (None, Some(error)) => vec![TestCase::new("compared", TestOutcome::Error(error.clone()))],
        // A suite without a case is taken for one that was not run by some.
        (None, None) => {
            let name = match release.drift {
                DriftState::NotPromoted => "no revision is promoted",
                DriftState::InSync | DriftState::Drifted | DriftState::Unknown => "compared",
            };
            vec![TestCase::new(name, TestOutcome::Passed)]
        }
    }
}
