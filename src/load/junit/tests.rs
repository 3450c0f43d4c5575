//! Every dialect as its tool writes it, passing and failing, and what is no evidence.

use super::*;
use rstest::rstest;

fn totals(tests: u64, failures: u64, errors: u64, skipped: u64) -> TestTotals {
    TestTotals {
        tests,
        failures,
        errors,
        skipped,
    }
}

fn read(text: &str) -> Result<TestTotals, NotAReport> {
    junit(text.as_bytes(), "report.xml").map(|found| found.expect("it is XML"))
}

#[rstest]
#[case::surefire(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuite xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" name="ShopTest" time="0.1" tests="3" errors="0" skipped="1" failures="0">
      <properties><property name="java.version" value="21"/></properties>
      <testcase name="a" classname="ShopTest" time="0.01"/><testcase name="b" classname="ShopTest"><skipped message="later"/></testcase>
      <testcase name="c" classname="ShopTest"><flakyFailure message="x" type="T"><stackTrace>at</stackTrace></flakyFailure></testcase></testsuite>"#,
    totals(3, 0, 0, 1)
)]
#[case::surefire_reruns(
    r#"<testsuite tests="1" errors="0" skipped="0" failures="0"><testcase name="a"><rerunFailure message="x"><stackTrace>at</stackTrace></rerunFailure></testcase></testsuite>"#,
    totals(1, 1, 0, 0)
)]
#[case::gtest(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuites tests="3" failures="1" disabled="1" errors="0" time="0.01" timestamp="2026-01-01T00:00:00" name="AllTests">
      <testsuite name="Math" tests="3" failures="1" disabled="1" skipped="0" errors="0" time="0.01">
        <testcase name="adds" status="run" result="completed" time="0.01" classname="Math"/>
        <testcase name="divides" status="run" result="completed" classname="Math"><failure message="Expected" type=""><![CDATA[math.cc:5 <failure/>]]></failure></testcase>
        <testcase name="DISABLED_roots" status="notrun" result="suppressed" classname="Math"/></testsuite></testsuites>"#,
    totals(3, 1, 0, 1)
)]
#[case::catch2_counts_assertions(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuites><testsuite name="tests" errors="0" failures="2" skipped="0" tests="12" hostname="tbd" time="0.02">
      <testcase classname="tests.global" name="a" time="0" status="run"/>
      <testcase classname="tests.global" name="b" time="0" status="run"><failure message="1 == 2" type="REQUIRE">FAILED</failure></testcase></testsuite></testsuites>"#,
    totals(2, 2, 0, 0)
)]
#[case::pytest(
    r#"<?xml version="1.0" encoding="utf-8"?><testsuites name="pytest tests"><testsuite name="pytest" errors="1" failures="1" skipped="1" tests="4" time="0.1" hostname="ci">
      <testcase classname="t" name="ok"/><testcase classname="t" name="bad"><failure message="assert">t.py:3</failure></testcase>
      <testcase classname="t" name="teardown"><error message="failed on teardown">x</error></testcase>
      <testcase classname="t" name="xfail"><skipped type="pytest.xfail" message=""/></testcase></testsuite></testsuites>"#,
    totals(4, 1, 1, 1)
)]
#[case::jest(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuites name="jest tests" tests="2" failures="0" errors="0" time="1.2">
      <testsuite name="cart" errors="0" failures="0" skipped="1" timestamp="2026-01-01T00:00:00" time="0.4" tests="2">
        <testcase classname="cart adds" name="cart adds" time="0.003"></testcase><testcase classname="cart todo" name="cart todo"><skipped/></testcase></testsuite></testsuites>"#,
    totals(2, 0, 0, 1)
)]
#[case::go_junit_report(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuites tests="2" failures="1"><testsuite name="example.com/shop" tests="2" failures="1" errors="0" id="0" hostname="ci" time="0.1">
      <testcase name="TestA" classname="example.com/shop" time="0.0"></testcase>
      <testcase name="TestB" classname="example.com/shop"><failure message="Failed"><![CDATA[a_test.go:7]]></failure></testcase></testsuite></testsuites>"#,
    totals(2, 1, 0, 0)
)]
#[case::nextest(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuites name="nextest-run" tests="2" failures="1" errors="0" uuid="u" timestamp="2026-01-01T00:00:00.000+00:00" time="0.1">
      <testsuite name="shop" tests="2" disabled="0" errors="0" failures="1"><testcase name="a" classname="shop" time="0.01"><flakyFailure type="test failure"/></testcase>
      <testcase name="b" classname="shop"><failure type="test failure">x</failure><rerunFailure type="test failure"/></testcase></testsuite></testsuites>"#,
    totals(2, 1, 0, 0)
)]
#[case::robot(
    r#"<?xml version="1.0" encoding="UTF-8"?><testsuite name="All" tests="3" errors="0" failures="1" skipped="1" time="1.0">
      <testsuite name="Cart" tests="2" errors="0" failures="1" skipped="0"><testcase classname="All.Cart" name="a"/><testcase classname="All.Cart" name="b"><failure message="1 != 2" type="AssertionError"/></testcase></testsuite>
      <testsuite name="Pay" tests="1" errors="0" failures="0" skipped="1"><testcase classname="All.Pay" name="c"><skipped message="no"/></testcase></testsuite></testsuite>"#,
    totals(3, 1, 0, 1)
)]
#[case::k6(
    r#"<?xml version="1.0"?><testsuites tests="2" failures="1"><testsuite name="k6 thresholds" tests="2" failures="1">
      <testcase name="http_req_duration - p(95)&lt;500" /><testcase name="http_req_failed - rate&lt;0.01"><failure message="failed" /></testcase></testsuite></testsuites>"#,
    totals(2, 1, 0, 0)
)]
fn a_dialect_is_counted_by_its_cases_and_its_sums(#[case] report: &str, #[case] expected: TestTotals) {
    assert_eq!(read(report), Ok(expected));
}

#[rstest]
#[case::failures_in_attributes_alone(r#"<testsuite tests="5" failures="2"/>"#, totals(2, 2, 0, 0))]
#[case::errors_in_attributes_alone(
    r#"<testsuites errors="1"><testsuite><testcase/></testsuite></testsuites>"#,
    totals(1, 0, 1, 0)
)]
#[case::status(r#"<testsuite><testcase status="failed"/></testsuite>"#, totals(1, 1, 0, 0))]
#[case::result(r#"<testsuite><testcase result="Failed"/></testsuite>"#, totals(1, 1, 0, 0))]
#[case::of_the_suite(
    r#"<testsuite><testcase/><error>setup</error></testsuite>"#,
    totals(1, 0, 1, 0)
)]
#[case::deep_in_a_case(
    r#"<testsuite><testcase><details><failure/></details></testcase></testsuite>"#,
    totals(1, 1, 0, 0)
)]
#[case::with_a_prefix(
    r#"<j:testsuite xmlns:j="u"><j:testcase><j:failure/></j:testcase></j:testsuite>"#,
    totals(1, 1, 0, 0)
)]
fn a_failure_that_is_told_otherwise_counts(#[case] report: &str, #[case] expected: TestTotals) {
    assert_eq!(read(report), Ok(expected));
}

#[rstest]
#[case::empty("", "is empty")]
#[case::blank(" \n", "is empty")]
#[case::no_tests(r#"<testsuites tests="0"/>"#, "has no test")]
// A sum alone shows no test that ran.
#[case::claimed_tests(r#"<testsuite tests="9"/>"#, "has no test")]
#[case::a_page("<html><body>502 Bad Gateway</body></html>", "found <html>")]
#[case::a_page_with_a_type("<!DOCTYPE html><html></html>", "DOCTYPE")]
// Declared or not, what an entity stands for is not looked up.
#[case::an_entity(
    r#"<!DOCTYPE t [<!ENTITY f "x">]><testsuite><testcase>&f;</testcase></testsuite>"#,
    "DOCTYPE"
)]
#[case::an_entity_of_nobody(
    "<testsuite><testcase>&f;</testcase></testsuite>",
    "entity that is not defined"
)]
// What a killed run leaves.
#[case::cut_in_a_failure("<testsuite><testcase><failure>expec", "truncated within <failure>")]
#[case::cut_in_a_tag("<testsuite><testcase name=\"a\"><fail", "truncated within <testcase>")]
#[case::cut_in_a_value("<testsuite><testcase/><testcase name=\"a", "truncated within <testsuite>")]
#[case::two("<testsuite><testcase/></testsuite><testsuite/>", "a second document")]
#[case::mismatched("<testsuite><testcase></testsuite></testcase>", "malformed XML")]
// Of two values one is read, and nobody can say which.
#[case::twice(r#"<testsuite tests="1" tests="2"><testcase/></testsuite>"#, "malformed XML")]
#[case::text_behind("<testsuite><testcase/></testsuite> and more", "text outside")]
#[case::no_number(
    r#"<testsuite failures="none"><testcase/></testsuite>"#,
    "expected a number as failures"
)]
#[case::negative(
    r#"<testsuite failures="-1"><testcase/></testsuite>"#,
    "expected a number as failures"
)]
#[case::unknown_status(
    r#"<testsuite><testcase status="purple"/></testsuite>"#,
    "expected a known status"
)]
#[case::encoding(
    r#"<?xml version="1.0" encoding="UTF-7"?><testsuite><testcase/></testsuite>"#,
    "found UTF-7"
)]
#[case::not_xml("PASS\nok", "does not begin with <")]
fn what_is_no_whole_report_of_tests_is_refused(#[case] report: &str, #[case] why: &str) {
    let refused = read(report).expect_err("it is no evidence").to_string();
    assert!(refused.contains(why), "{refused}");
}

#[test]
fn wide_texts_and_deep_ones_are_refused_by_name() {
    let report = "<testsuite><testcase/></testsuite>";
    let little: Vec<u8> = report.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = report.encode_utf16().flat_map(u16::to_be_bytes).collect();

    for wide in [
        [&[0xff, 0xfe], &little[..]].concat(),
        [&[0xfe, 0xff], &big[..]].concat(),
        little,
        big,
    ] {
        assert_eq!(junit(&wide, "a.xml"), Err(NotAReport::Encoding("UTF-16".into())));
    }

    // Without an end: the depth is told before that.
    let deep = format!("<testsuite>{}", "<a>".repeat(200_000));
    assert_eq!(read(&deep), Err(NotAReport::Deep));
}

#[test]
fn a_byte_of_latin_1_is_read_where_it_is_declared() {
    let report = |encoding: &str| {
        let mut bytes =
            format!(r#"<?xml version="1.0" encoding="{encoding}"?><testsuite><testcase name="caf"#)
                .into_bytes();
        bytes.extend(b"\xe9\"/></testsuite>");
        junit(&bytes, "a.xml")
    };

    assert_eq!(report("ISO-8859-1"), Ok(Some(totals(1, 0, 0, 0))));
    assert!(matches!(report("UTF-8"), Err(NotAReport::Malformed { .. })));

    // A byte order mark is no part of the text.
    let marked = [&b"\xef\xbb\xbf"[..], b"<testsuite><testcase/></testsuite>"].concat();
    assert_eq!(junit(&marked, "a.xml"), Ok(Some(totals(1, 0, 0, 0))));
}

#[test]
fn another_kind_of_file_shows_nothing_but_itself() {
    for other in ["{\"metrics\": {}}", "coverage: 90%", "\u{1f}\u{8b}"] {
        assert_eq!(junit(other.as_bytes(), "k6.json"), Ok(None), "{other}");
    }
}

/// Every byte of a report taken away, doubled or changed: it never shows more than the whole did, and nothing panics.
#[test]
fn no_damage_makes_a_failed_report_a_good_one_unless_the_report_is_another() {
    let report = r#"<testsuites tests="2" failures="1"><testsuite tests="2" failures="1"><testcase name="a"/><testcase name="b"><failure>x</failure></testcase></testsuite></testsuites>"#;

    for at in 0..report.len() {
        let cut = &report[..at];
        assert!(read(cut).is_err(), "{cut}");
    }

    for at in 0..report.len() {
        let without = format!("{}{}", &report[..at], &report[at + 1..]);
        let passed = read(&without).is_ok_and(|totals| totals.passed());
        assert!(!passed, "{without}");
    }
}
