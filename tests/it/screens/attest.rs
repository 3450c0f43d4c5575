//! Screens of `attest`.

use super::Stage;
use super::stage::config;

#[test]
fn evidence_is_attested() {
    let stage = Stage::new();
    stage.release("1.4.2", &[config("settings", "EUR")]);
    let cases = "<testcase name='pays'/><testcase name='ships'><skipped/></testcase>";
    stage.write("junit.xml", &format!("<testsuite>{cases}</testsuite>"));
    stage.write("empty.xml", "<testsuites tests='0'/>");

    stage.assert_screen(
        "attest",
        "attest shop-1.4.2.yaml --evidence integration=junit.xml",
    );
    stage.assert_screen(
        "attest_no_tests",
        "attest shop-1.4.2.yaml --evidence integration=empty.xml",
    );
}
