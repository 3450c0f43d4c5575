//! What an environment requires of evidence.
//!
//! A bare name is the usual case, and asks for what is hardest to show by accident: a report that was read,
//! and a test that ran. Failures are never evidence, whatever kind is asked for.

use super::attestation::TestResult;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU64;
use std::str::FromStr;

/// Required evidence. A name alone stands for a JUnit report of at least one test that ran.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EvidenceRule {
    /// Its name.
    pub name: String,
    /// The kind of evidence.
    #[serde(default)]
    pub kind: EvidenceKind,
    /// How many tests must have run, of a JUnit report.
    // Never zero: a report of nothing would do.
    #[serde(default = "one")]
    pub min_tests: NonZeroU64,
    /// Whether tests that were skipped count among them.
    #[serde(default)]
    pub allow_skipped: bool,
}

/// A kind of evidence.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum EvidenceKind {
    /// A JUnit report without failures.
    #[default]
    Junit,
    /// Any file.
    File,
    /// What the pods of the test cluster ran.
    Cluster,
}

fn one() -> NonZeroU64 {
    NonZeroU64::MIN
}

impl EvidenceRule {
    /// A JUnit report of this name.
    pub fn named(name: &str) -> Self {
        Self {
            name: name.into(),
            kind: EvidenceKind::Junit,
            min_tests: one(),
            allow_skipped: false,
        }
    }

    /// What a result of this name lacks; none where it is enough.
    pub fn lacks(&self, result: &TestResult) -> Option<String> {
        // Accepted failures as well: who accepted them did not speak for this environment.
        if let Some(totals) = result.totals.filter(|totals| !totals.passed()) {
            let failed = totals.failures.saturating_add(totals.errors);
            return Some(format!("{failed} of {} tests failed", totals.tests));
        }

        match (self.kind, result.totals) {
            (EvidenceKind::File, _) => result.files.is_empty().then(|| "no file".into()),
            (EvidenceKind::Cluster, _) => result
                .ran
                .is_empty()
                .then(|| "nothing from the test cluster".into()),
            (EvidenceKind::Junit, Some(totals)) => {
                let counted = if self.allow_skipped {
                    totals.tests
                } else {
                    totals.ran()
                };

                let least = self.min_tests.get();
                (counted < least).then(|| {
                    let skipped = if totals.skipped == 0 {
                        String::new()
                    } else {
                        format!(", {} skipped", totals.skipped)
                    };
                    format!("{counted} of at least {least} tests{skipped}")
                })
            }
            (EvidenceKind::Junit, None) if result.files.is_empty() => {
                Some("no JUnit report; use `kind: cluster` for what the test cluster ran".into())
            }
            (EvidenceKind::Junit, None) => Some("not a JUnit report; use `kind: file` for it".into()),
        }
    }
}

impl FromStr for EvidenceRule {
    type Err = String;

    /// `NAME`, or `NAME=KIND`.
    fn from_str(text: &str) -> Result<Self, String> {
        let (name, kind) = text.split_once('=').unwrap_or((text, "junit"));
        let kind = match kind {
            "junit" => EvidenceKind::Junit,
            "file" => EvidenceKind::File,
            "cluster" => EvidenceKind::Cluster,
            _ => return Err(format!("expected junit, file or cluster, found {kind:?}")),
        };

        Ok(Self {
            kind,
            ..Self::named(name)
        })
    }
}

/// Rules, each of which may be written as its name alone.
pub(super) fn names_or_rules<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<EvidenceRule>, D::Error> {
    let written = Vec::<NameOrRule>::deserialize(deserializer)?;
    Ok(written.into_iter().map(|NameOrRule(rule)| rule).collect())
}

/// A rule, or its name.
pub(super) struct NameOrRule(EvidenceRule);

impl<'de> Deserialize<'de> for NameOrRule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // By hand: of an untagged enum serde says no more than that nothing fits.
        deserializer.deserialize_any(Reader).map(Self)
    }
}

impl JsonSchema for NameOrRule {
    fn schema_name() -> Cow<'static, str> {
        "NameOrEvidenceRule".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let rule = generator.subschema_for::<EvidenceRule>();
        json_schema!({"anyOf": [{"type": "string"}, rule]})
    }
}

struct Reader;

impl<'de> Visitor<'de> for Reader {
    type Value = EvidenceRule;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the name of evidence, or a map that holds it")
    }

    fn visit_str<E>(self, name: &str) -> Result<EvidenceRule, E> {
        Ok(EvidenceRule::named(name))
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<EvidenceRule, M::Error> {
        // With the errors of the map's own fields.
        EvidenceRule::deserialize(MapAccessDeserializer::new(map))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sha256Digest;
    use crate::model::attestation::{EvidenceFile, RanContainer, TestTotals};
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<EvidenceRule, serde_json::Error> {
        serde_json::from_value(value).map(|NameOrRule(rule)| rule)
    }

    fn rule(value: Value) -> EvidenceRule {
        read(value).unwrap()
    }

    fn result(totals: Option<(u64, u64, u64)>) -> TestResult {
        let totals = totals.map(|(tests, failures, skipped)| TestTotals {
            tests,
            failures,
            errors: 0,
            skipped,
        });
        let file = EvidenceFile {
            name: "a".into(),
            digest: Sha256Digest::compute(b"a"),
        };
        TestResult {
            totals,
            files: vec![file],
            ..TestResult::named("a", None)
        }
    }

    #[test]
    fn a_name_alone_stands_for_a_report_of_one_test_that_ran() {
        // All of it has a default but the name.
        assert_eq!(
            rule(json!("a")),
            rule(json!({"name": "a", "kind": "junit", "minTests": 1, "allowSkipped": false}))
        );

        for wrong in [
            json!({"name": "a", "minTests": 0}),
            json!({"name": "a", "other": 1}),
            json!({}),
            json!(3),
        ] {
            assert!(read(wrong.clone()).is_err(), "{wrong}");
        }

        // What is written in full is read as the short form.
        let written = serde_json::to_value(rule(json!("a"))).unwrap();
        assert_eq!(rule(written.clone()), rule(json!("a")), "{written}");
    }

    #[test]
    fn what_is_shown_is_held_against_what_is_asked_for() {
        let lacks = |rule_of: Value, result: &TestResult| rule(rule_of).lacks(result).unwrap_or_default();
        // One of the three ran.
        assert_eq!(lacks(json!("a"), &result(Some((3, 0, 2)))), "");
        assert_eq!(
            lacks(json!("a"), &result(Some((2, 0, 2)))),
            "0 of at least 1 tests, 2 skipped"
        );
        assert_eq!(
            lacks(
                json!({"name": "a", "allowSkipped": true}),
                &result(Some((2, 0, 2)))
            ),
            ""
        );
        assert_eq!(
            lacks(json!({"name": "a", "minTests": 9}), &result(Some((8, 0, 0)))),
            "8 of at least 9 tests"
        );
        assert_eq!(
            lacks(json!("a"), &result(None)),
            "not a JUnit report; use `kind: file` for it"
        );
        assert_eq!(lacks(json!({"name": "a", "kind": "file"}), &result(None)), "");
        // It is a report all the same, and its failures count.
        assert_eq!(
            lacks(json!({"name": "a", "kind": "file"}), &result(Some((3, 1, 0)))),
            "1 of 3 tests failed"
        );

        let seen = RanContainer {
            workload: "w".into(),
            container: "c".into(),
            image: "i".into(),
            digests: vec![],
            pods: 1,
        };

        let cluster = TestResult {
            ran: vec![seen],
            ..TestResult::named("a", None)
        };
        assert_eq!(lacks(json!({"name": "a", "kind": "cluster"}), &cluster), "");
        // The error says which kind would take it.
        assert!(lacks(json!("a"), &cluster).contains("kind: cluster"));
        assert!(lacks(json!({"name": "a", "kind": "cluster"}), &result(None)).contains("nothing"));
    }
}
