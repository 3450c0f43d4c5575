//! What is known of single kinds: one file a kind in `src/rollout/health/rules/GROUP/KIND.yaml`, compiled in.
//!
//! A rule is data: CEL over the object, answered by nothing but its own status. What it leaves out the generic rule answers.
//! Its cases stand in the same file, and one test runs them all.

use super::conditions::status_of;
use crate::model::expression::Expression;
use crate::model::glob::matches;
use include_dir::{Dir, include_dir};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::sync::{LazyLock, OnceLock};

static FILES: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/src/rollout/health/rules");

/// What a file says, as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[cfg_attr(
    not(test),
    allow(dead_code, reason = "the source and the cases are for its tests")
)]
pub(super) struct RuleText {
    /// API group; `*` stands for any text, as in `kind`.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Where it is documented what the controller writes.
    #[serde(default)]
    pub source: String,
    /// True where it is not to run, as somebody has asked for.
    pub suspended: Option<String>,
    /// True where it has failed for now: its controller may still mend it.
    pub failed: Option<String>,
    /// True where it has failed for good, and waiting changes nothing.
    pub failed_for_good: Option<String>,
    /// True where it is ready.
    pub current: Option<String>,
    /// True where its controller is at work.
    pub progressing: Option<String>,
    /// Text that says what it waits for, or why it failed.
    pub message: Option<String>,
    /// Whether pods are to run because of it; false where they are started on demand.
    pub wants_pods: Option<String>,
    /// What its controller wrote, and what that means.
    #[serde(default)]
    pub cases: Vec<Case>,
}

/// One case of a rule.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
#[cfg_attr(not(test), allow(dead_code, reason = "read by the test that runs them"))]
pub(super) struct Case {
    /// `ready`, `failed`, `progressing`, `paused`, `unknown`; nothing where only `pods` is asked.
    pub is: Option<String>,
    /// Whether it wants pods.
    pub pods: Option<bool>,
    /// A part of what is said of it.
    pub says: Option<String>,
    /// `metadata`, where it matters.
    pub metadata: Map<String, Value>,
    /// `spec`, where it matters.
    pub spec: Map<String, Value>,
    /// `status`.
    pub status: Option<Value>,
}

/// A rule with its expressions parsed.
pub(super) struct Rule {
    /// Whether it is of every kind of its group.
    pub is_of_many: bool,
    pub suspended: Option<Expression>,
    pub failed: Option<Expression>,
    pub failed_for_good: Option<Expression>,
    pub current: Option<Expression>,
    pub progressing: Option<Expression>,
    pub message: Option<Expression>,
    pub wants_pods: Option<Expression>,
}

/// A file, parsed when the first object of its kind comes: a run meets few of the kinds.
struct RuleFile {
    group: String,
    kind: String,
    text: &'static str,
    rule: OnceLock<Option<Rule>>,
}

static RULES: LazyLock<Vec<RuleFile>> = LazyLock::new(|| {
    // An underscore stands for a star, which no file system likes: neither groups nor kinds have one.
    let pattern = |part: &str| part.replace('_', "*");
    let file = |(path, text): (String, &'static str)| {
        let (group, kind) = path.strip_suffix(".yaml")?.split_once('/')?;
        Some(RuleFile {
            group: pattern(group),
            kind: pattern(kind),
            text,
            rule: OnceLock::new(),
        })
    };
    texts().filter_map(file).collect()
});

/// Every file with its path.
pub(super) fn texts() -> impl Iterator<Item = (String, &'static str)> {
    let files = FILES.dirs().flat_map(Dir::files);
    files.filter_map(|file| Some((file.path().to_str()?.to_owned(), file.contents_utf8()?)))
}

/// Whether there is a rule of that very kind.
pub fn is_known(group: &str, kind: &str) -> bool {
    find(group, kind).is_some_and(|rule| !rule.is_of_many)
}

/// The rule of a kind: one that names both, before one that stands for many.
pub(super) fn find(group: &str, kind: &str) -> Option<&'static Rule> {
    let fits = |file: &&RuleFile| matches(&file.group, group) && matches(&file.kind, kind);
    // `false` sorts first: a rule without a star wins, and one that names its group before one that names its kind.
    let stars = |file: &&RuleFile| (file.group.contains('*'), file.kind.contains('*'));
    let file = RULES.iter().filter(fits).min_by_key(stars)?;

    // One that is broken would be a mistake of ours: a test parses all of them, and here it is left out.
    let parse = || Rule::parse(&serde_yaml::from_str(file.text).ok()?).ok();
    file.rule.get_or_init(parse).as_ref()
}

impl Rule {
    /// From what its file says; the error names the field.
    pub fn parse(text: &RuleText) -> Result<Self, String> {
        let parse = |field: &str, expression: &Option<String>| {
            let parsed = expression.as_deref().map(Expression::parse).transpose();
            parsed.map_err(|why| format!("{}/{}: {field}: {why}", text.group, text.kind))
        };

        Ok(Self {
            is_of_many: text.kind.contains('*'),
            suspended: parse("suspended", &text.suspended)?,
            failed: parse("failed", &text.failed)?,
            failed_for_good: parse("failedForGood", &text.failed_for_good)?,
            current: parse("current", &text.current)?,
            progressing: parse("progressing", &text.progressing)?,
            message: parse("message", &text.message)?,
            wants_pods: parse("wantsPods", &text.wants_pods)?,
        })
    }
}

/// What an expression is told: the object, its spec and its status (empty where there is none), and of its conditions the
/// `status` (`is`) and the `reason` by their types.
pub(super) struct Facts {
    object: Value,
    spec: Value,
    status: Value,
    is: Value,
    reason: Value,
}

impl Facts {
    /// Of an object.
    pub fn new(object: &Value) -> Self {
        let part = |name: &str| match object.get(name) {
            Some(Value::Object(fields)) => Value::Object(fields.clone()),
            _ => json!({}),
        };

        let status = part("status");
        let (mut is, mut reason) = (Map::new(), Map::new());
        // Of two conditions of one type the later one holds, as for whoever reads the list to its end.
        for condition in status
            .get("conditions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            let text = |field: &str| {
                let text = condition.get(field).and_then(Value::as_str);
                text.unwrap_or_default().to_owned()
            };
            is.insert(text("type"), status_of(condition).into());
            reason.insert(text("type"), text("reason").into());
        }

        Self {
            object: object.clone(),
            spec: part("spec"),
            status,
            is: is.into(),
            reason: reason.into(),
        }
    }

    fn variables(&self) -> [(&str, &Value); 5] {
        [
            ("self", &self.object),
            ("spec", &self.spec),
            ("status", &self.status),
            ("is", &self.is),
            ("reason", &self.reason),
        ]
    }

    /// Whether an expression holds; a field that it asks for and that is not there yet is no yes.
    pub fn hold(&self, expression: Option<&Expression>) -> bool {
        // CEL fails on a missing field; a rule need not ask `has()` before each.
        expression.is_some_and(|one| one.holds(&self.variables()) == Ok(true))
    }

    /// The text that an expression gives, where it gives any.
    pub fn text(&self, expression: Option<&Expression>) -> Option<String> {
        let text = expression?.text(&self.variables()).ok()?;
        Some(text).filter(|text| !text.is_empty())
    }
}

/// Whether pods are to run because of an object; none where its kind is not known.
pub fn wants_pods(group: &str, kind: &str, object: &Value) -> Option<bool> {
    let expression = find(group, kind)?.wants_pods.as_ref()?;
    // Where it cannot be answered the generic rule decides, as for a kind without a rule.
    expression.holds(&Facts::new(object).variables()).ok()
}
