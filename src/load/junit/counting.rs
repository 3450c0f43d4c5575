//! Counts test cases, and holds them against the counts that the suites' attributes name: where the two disagree, the
//! worse one holds.

use super::NotAReport;
use super::dialects::{Count, HistoryOutcome, count, outcome_of_attribute, outcome_of_element};
use crate::model::attestation::TestTotals;

/// What is counted so far.
#[derive(Default)]
pub(super) struct Counting {
    open: Vec<Open>,
    all: TestTotals,
}

/// An element that is open.
enum Open {
    Suite { found: TestTotals, named: Named },
    Case(HistoryOutcome),
    Other,
}

/// What a suite's attributes name.
#[derive(Default)]
struct Named {
    tests: Option<u64>,
    failures: u64,
    errors: u64,
    skipped: u64,
}

impl Counting {
    /// An element begins.
    pub fn opens(&mut self, name: &str, attributes: &[(String, String)]) -> Result<(), NotAReport> {
        let open = match name {
            "testsuites" | "testsuite" => Open::Suite {
                found: TestTotals::default(),
                named: Named::from_element(name, attributes)?,
            },
            "testcase" => {
                let mut ending = HistoryOutcome::Passed;
                for (attribute, value) in attributes {
                    // The worst of them: some tools write a status and a result.
                    ending = ending.max(outcome_of_attribute(attribute, value)?.unwrap_or_default());
                }
                Open::Case(ending)
            }
            _ => {
                // It may lie deeper than directly in its test case, in another tool's wrapper.
                if let Some(ending) = outcome_of_element(name) {
                    self.ends(ending);
                }
                Open::Other
            }
        };

        self.open.push(open);
        Ok(())
    }

    /// An element says how the test case that holds it ended, or else that the suite itself did.
    fn ends(&mut self, ending: HistoryOutcome) {
        for open in self.open.iter_mut().rev() {
            match open {
                Open::Case(known) => {
                    *known = ending.max(*known);
                    return;
                }
                // A set-up that failed is nobody's test case, and counts all the same.
                Open::Suite { found, .. } => return add(found, ending, 0),
                Open::Other => {}
            }
        }
    }

    /// The innermost element ends.
    pub fn closes(&mut self) {
        // Only now: an element inside may have said how it ended.
        match self.open.pop() {
            Some(Open::Case(ending)) => add(self.around(), ending, 1),
            Some(Open::Suite { found, named }) => *self.around() += named.worse(found),
            Some(Open::Other) | None => {}
        }
    }

    /// The totals of the suite around, or of the whole.
    fn around(&mut self) -> &mut TestTotals {
        // The innermost one: a suite's own sums are of what stands within it.
        let suites = self.open.iter_mut().rev().find_map(|open| match open {
            Open::Suite { found, .. } => Some(found),
            Open::Case(_) | Open::Other => None,
        });
        suites.unwrap_or(&mut self.all)
    }

    /// All of it, where there was anything.
    pub fn totals(self) -> Result<TestTotals, NotAReport> {
        if self.all.tests == 0 {
            Err(NotAReport::NoTests)
        } else {
            Ok(self.all)
        }
    }
}

fn add(totals: &mut TestTotals, ending: HistoryOutcome, tests: u64) {
    totals.tests += tests;
    match ending {
        HistoryOutcome::Passed => {}
        HistoryOutcome::Skipped => totals.skipped += 1,
        HistoryOutcome::Failed => totals.failures += 1,
        HistoryOutcome::Errored => totals.errors += 1,
    }
}

impl Named {
    fn from_element(element: &str, attributes: &[(String, String)]) -> Result<Self, NotAReport> {
        let mut named = Self::default();
        for (attribute, value) in attributes {
            let Some(count) = count(attribute).filter(|_| !value.trim().is_empty()) else {
                continue;
            };

            let number = value.trim().parse().map_err(|_| NotAReport::Number {
                element: element.into(),
                attribute: attribute.clone(),
                found: value.clone(),
            })?;

            match count {
                Count::Tests => named.tests = Some(number),
                // `failures` and `failed` are two names of one sum.
                Count::Failures => named.failures = named.failures.max(number),
                Count::Errors => named.errors = number,
                // Left out for one reason or another.
                Count::Skipped => named.skipped = named.skipped.saturating_add(number),
            }
        }
        Ok(named)
    }

    /// The fewer tests, and the more of everything that is not good. Some dialects count assertions as tests.
    fn worse(&self, found: TestTotals) -> TestTotals {
        let failures = found.failures.max(self.failures);
        let errors = found.errors.max(self.errors);
        let skipped = found.skipped.max(self.skipped);
        // A suite cannot claim more tests than it shows; nor does it get fewer than have failed.
        let tests = self.tests.map_or(found.tests, |tests| tests.min(found.tests));
        TestTotals {
            tests: tests.max(failures.saturating_add(errors)),
            failures,
            errors,
            skipped,
        }
    }
}
