//! The environment's rules: which differences are expected, and until when.
//!
//! Rules remember whether they were used, so that [`Rules::remarks`] has to come after every question. Any rule that
//! allows a difference is enough; one that speaks of it and does not allow it leaves its reason. An expression that
//! cannot be evaluated allows nothing: a mistake in a rule must not open what it was to guard.

use crate::model::environment::{DifferenceRule, Environment, TargetPattern};
use crate::model::expression::Expression;
use crate::model::finding::{RuleFinding, RuleState};
use crate::model::{FieldPath, ObjectId};
use jiff::civil::Date;
use serde_json::Value;
use std::cell::{Cell, RefCell};

/// How many days before its end a rule is warned of.
const WARN_DAYS: i64 = 14;

/// The rules of one environment, and which of them were used.
pub struct Rules {
    rules: Vec<Rule>,
    today: Date,
}

struct Rule {
    rule: DifferenceRule,
    program: Option<Result<Expression, String>>,
    used: Cell<bool>,
    broken: RefCell<Option<String>>,
}

/// What the rules say of one difference.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RuleAnswer {
    /// The rule that allows it.
    pub allowed_by: Option<usize>,
    /// Why a rule that speaks of it does not allow it.
    pub note: Option<String>,
}

/// The three sides of a difference.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sides<'v> {
    /// As tested.
    pub tested: Option<&'v Value>,
    /// As desired.
    pub desired: Option<&'v Value>,
    /// As it is in the cluster.
    pub live: Option<&'v Value>,
}

impl Rules {
    /// The rules of an environment as they hold on `today` (UTC).
    pub fn new(environment: &Environment, today: Date) -> Self {
        let rules = environment.spec.differences.iter().map(|rule| Rule {
            rule: rule.clone(),
            // An expression that does not parse is kept as its error, and told with the
            // difference that it would decide.
            program: rule.when.as_deref().map(Expression::parse),
            used: Cell::new(false),
            broken: RefCell::new(None),
        });

        Self {
            rules: rules.collect(),
            today,
        }
    }

    /// Paths that rules of this object speak of.
    pub(super) fn paths_for<'s>(&'s self, id: &'s ObjectId) -> impl Iterator<Item = &'s FieldPath> {
        self.rules
            .iter()
            .filter(|rule| matches(&rule.rule.target, id))
            .filter_map(|rule| rule.rule.path.as_ref())
    }

    /// Whether a difference at `path` of `id` is expected. Remembers which rules were used.
    pub fn answer(&self, id: &ObjectId, path: &FieldPath, sides: Sides<'_>) -> RuleAnswer {
        let mut note = None;
        for (index, rule) in self.rules.iter().enumerate() {
            let speaks = matches(&rule.rule.target, id)
                && rule
                    .rule
                    .path
                    .as_ref()
                    .is_none_or(|prefix| path.starts_with(prefix));
            if !speaks {
                continue;
            }

            // Used also where it objects: it still has something to say, and is no leftover.
            rule.used.set(true);

            match self.objection(rule, sides) {
                None => {
                    return RuleAnswer {
                        allowed_by: Some(index),
                        note: None,
                    };
                }
                // A later rule may allow it all the same.
                Some(why) => note = Some(why),
            }
        }
        RuleAnswer {
            allowed_by: None,
            note,
        }
    }

    fn objection(&self, rule: &Rule, sides: Sides<'_>) -> Option<String> {
        if let Some(end) = rule.rule.expires.filter(|end| *end < self.today) {
            return Some(format!("its allow rule ({}) expired on {end}", rule.rule.reason));
        }

        // Past its end a rule is not even evaluated; the last day itself still counts.
        let when = rule.rule.when.as_deref()?;
        let result = match rule.program.as_ref()? {
            Ok(program) => holds(program, sides),
            Err(why) => Err(why.clone()),
        };

        match result {
            Ok(true) => None,
            Ok(false) => Some(format!("the constraint of its allow rule is not met: {when}")),
            Err(why) => {
                // Remembered apart from the difference: the rule itself is to be corrected.
                rule.broken.replace(Some(why.clone()));
                Some(format!(
                    "the constraint of its allow rule cannot be evaluated: {why}"
                ))
            }
        }
    }

    /// Remarks on the rules after every difference was asked about; `ids` are the objects of the release here.
    pub fn remarks(&self, ids: &[ObjectId]) -> Vec<RuleFinding> {
        let mut found = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let mut say = |state| found.push(RuleFinding { rule: index, state });

            if let Some(why) = rule.broken.borrow().clone() {
                say(RuleState::Broken { why });
            }

            if let Some(end) = rule.rule.expires {
                // Counted by whole days in UTC, as the file writes them.
                let days = self
                    .today
                    .until(end)
                    .map(|span| i64::from(span.get_days()))
                    .unwrap_or_default();

                if end < self.today {
                    say(RuleState::Expired);
                } else if days <= WARN_DAYS {
                    say(RuleState::ExpiresSoon { days });
                }
            }

            // A rule for what this release does not hold may be meant for another one.
            if !rule.used.get() && ids.iter().any(|id| matches(&rule.rule.target, id)) {
                say(RuleState::Unused);
            }
        }
        found
    }
}

/// Every expression of an environment that does not compile, with what is wrong with it.
pub fn check_expressions(environment: &Environment) -> Vec<(String, String)> {
    let spec = &environment.spec;
    let rules = spec.differences.iter().filter_map(|rule| rule.when.as_deref());

    let checks = spec.health_checks.iter().flat_map(|check| {
        check
            .failed
            .as_deref()
            .into_iter()
            .chain([check.current.as_str()])
    });

    let gates = spec
        .gates
        .iter()
        .filter_map(|gate| gate.prometheus.as_ref().map(|query| query.condition.as_str()));

    rules
        .chain(checks)
        .chain(gates)
        .filter_map(|expression| {
            Expression::parse(expression)
                .err()
                .map(|why| (expression.to_owned(), why))
        })
        .collect()
}

fn holds(expression: &Expression, sides: Sides<'_>) -> Result<bool, String> {
    let sides = [
        ("tested", sides.tested),
        ("desired", sides.desired),
        ("live", sides.live),
    ];

    // A side that has no such field is null: an expression can ask for it without failing.
    expression.holds(&sides.map(|(name, side)| (name, side.unwrap_or(&Value::Null))))
}

/// Whether a rule's target is this object.
pub(super) fn matches(pattern: &TargetPattern, id: &ObjectId) -> bool {
    pattern.matches(id)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn environment(rule: &Value) -> Environment {
        serde_json::from_value(json!({"apiVersion": "v", "kind": "Environment", "metadata": {"name": "p"}, "spec": {"differences": [rule]}})).unwrap()
    }

    fn ask(rule: &Value, path: &str, desired: &Value) -> (RuleAnswer, Vec<RuleState>) {
        let rules = Rules::new(&environment(rule), "2026-11-23".parse().unwrap());
        let id = ObjectId::new("", "ConfigMap", Some("shop"), "shop-config");
        let answer = rules.answer(
            &id,
            &path.parse().unwrap(),
            Sides {
                desired: Some(desired),
                ..Sides::default()
            },
        );
        (
            answer,
            rules
                .remarks(&[id])
                .into_iter()
                .map(|finding| finding.state)
                .collect(),
        )
    }

    #[test]
    fn a_rule_allows_what_lies_under_its_path_and_meets_its_constraint() {
        let rule = json!({"target": {"kind": "ConfigMap", "name": "shop*"}, "path": "/data/URL", "when": "desired.startsWith('https://')", "reason": "r"});
        assert_eq!(ask(&rule, "/data/URL", &json!("https://x")).0.allowed_by, Some(0));

        let (answer, _) = ask(&rule, "/data/URL", &json!("http://x"));
        assert!(answer.allowed_by.is_none() && answer.note.unwrap().contains("constraint"));

        let (answer, remarks) = ask(&rule, "/data/OTHER", &json!("https://x"));
        assert_eq!(
            (answer, remarks),
            (RuleAnswer::default(), vec![RuleState::Unused])
        );
    }

    #[test]
    fn an_expired_rule_allows_nothing_and_is_said() {
        let rule = |day: &str| json!({"target": {}, "reason": "r", "expires": day});

        let (answer, remarks) = ask(&rule("2026-11-22"), "/data", &json!(1));
        assert!(answer.allowed_by.is_none() && answer.note.unwrap().contains("expired on 2026-11-22"));
        assert_eq!(remarks, [RuleState::Expired]);

        // Its last day: it allows, and is warned of.
        let (answer, remarks) = ask(&rule("2026-11-23"), "/data", &json!(1));
        assert_eq!(
            (answer.allowed_by, remarks),
            (Some(0), vec![RuleState::ExpiresSoon { days: 0 }])
        );

        assert_eq!(ask(&rule("2027-06-30"), "/data", &json!(1)).1, []);
    }

    #[test]
    fn a_constraint_that_cannot_be_evaluated_allows_nothing() {
        let (answer, remarks) = ask(
            &json!({"target": {}, "reason": "r", "when": "live.size() > 3"}),
            "/x",
            &json!(1),
        );

        // Null has no size: the field is not in live.
        assert!(answer.allowed_by.is_none());
        assert!(matches!(remarks[..], [RuleState::Broken { .. }]));
        assert_eq!(
            check_expressions(&environment(
                &json!({"target": {}, "reason": "r", "when": "a ++"})
            ))
            .len(),
            1
        );
    }
}
