//! What a JUnit report counts.

use crate::model::attestation::TestTotals;
use quick_xml::Reader;
use quick_xml::events::Event;

/// The totals of a JUnit report, counted from its test cases and never taken from its sums; none where the bytes are
/// another kind of file.
pub fn junit(bytes: &[u8]) -> Option<TestTotals> {
    let mut reader = Reader::from_reader(bytes);
    let mut totals = TestTotals::default();
    let (mut depth, mut is_report, mut worst) = (0usize, false, Outcome::Passed);
    let mut buffer = Vec::new();
    loop {
        let event = reader.read_event_into(&mut buffer).ok()?;
        let (name, opens) = match &event {
            Event::Start(tag) => (tag.local_name().as_ref().to_owned(), true),
            Event::Empty(tag) => (tag.local_name().as_ref().to_owned(), false),
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                if tag.local_name().as_ref() == "testcase" {
                    worst.count(&mut totals);
                }
                continue;
            }
            Event::Eof => break,
            _ => continue,
        };
        if depth == 0 {
            is_report = matches!(name.as_str(), "testsuites" | "testsuite");
        }
        if !is_report {
            return None;
        }
        match (name.as_str(), opens) {
            ("testcase", true) => worst = Outcome::Passed,
            ("testcase", false) => Outcome::Passed.count(&mut totals),
            ("failure", _) => worst = worst.max(Outcome::Failed),
            ("error", _) => worst = worst.max(Outcome::Errored),
            ("skipped", _) => worst = worst.max(Outcome::Skipped),
            _ => {}
        }
        depth += usize::from(opens);
    }
    // A report that was cut off shows nothing.
    (is_report && depth == 0).then_some(totals)
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    Passed,
    Skipped,
    Failed,
    Errored,
}

impl Outcome {
    fn count(self, totals: &mut TestTotals) {
        totals.tests += 1;
        match self {
            Outcome::Passed => {}
            Outcome::Skipped => totals.skipped += 1,
            Outcome::Failed => totals.failures += 1,
            Outcome::Errored => totals.errors += 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_are_counted_and_the_reports_own_sums_are_not_believed() {
        let report = br#"<?xml version="1.0"?><testsuites tests="1" failures="0"><testsuite>
            <testcase name="a"/><testcase name="b"><failure>x</failure><system-out>y</system-out></testcase>
            <testcase name="c"><skipped/></testcase><testcase name="d"><error/></testcase></testsuite></testsuites>"#;
        assert_eq!(junit(report), Some(TestTotals { tests: 4, failures: 1, errors: 1, skipped: 1 }));
    }

    #[test]
    fn what_is_no_whole_report_counts_nothing() {
        for other in ["", "coverage: 90%", "<html></html>", "<testsuite><testcase name=\"a\">"] {
            assert_eq!(junit(other.as_bytes()), None, "{other}");
        }
    }
}
