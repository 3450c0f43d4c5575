//! The environment's rules, applied to drift. What they say of untested differences was found with desired; here the
//! changes of each compared object are marked, and the remarks of both sides are joined.

use crate::compare::{Rules, Sides};
use crate::model::Object;
use crate::model::finding::{ObjectComparison, RuleFinding, RuleState};

/// Marks the drift that the rules expect. Where the environment's own manifests differ from what was tested, they
/// count, and the cluster is to follow.
pub(super) fn expect_drift(object: &mut ObjectComparison, rules: &Rules) {
    let id = object.id();
    let desired = object.desired.as_ref();
    let tested = object.tested.as_ref().or(desired);
    let untested = &object.untested;

    for change in &mut object.changes {
        let path = &change.path;
        let is_untested = untested
            .iter()
            .any(|other| other.path.starts_with(path) || path.starts_with(&other.path));
        if is_untested {
            continue;
        }

        let side = |object: Option<&Object>| object.and_then(|object| path.get(object.value()).cloned());
        let (tested, desired) = (side(tested), side(desired));
        let sides = Sides {
            tested: tested.as_ref(),
            desired: desired.as_ref(),
            live: change.live.as_ref(),
        };
        let answer = rules.answer(&id, path, sides);
        change.expected_by = answer.allowed_by;
        change.rule_note = answer.note;
    }
}

/// The remarks on the rules: one is unused where neither an untested difference nor drift met it.
pub(super) fn join_remarks(untested: Vec<RuleFinding>, drift: &[RuleFinding]) -> Vec<RuleFinding> {
    let is_unused = |finding: &RuleFinding| finding.state == RuleState::Unused;
    untested
        .into_iter()
        .filter(|finding| !is_unused(finding) || drift.contains(finding))
        .collect()
}
