//! "Did you mean …": the name that a mistyped one is nearest to.
//!
//! A guess only words an error: nothing acts on it.

use strsim::osa_distance;

/// The candidate that `typed` is nearest to, where it is near enough to be a slip: a third of its letters at most are
/// missing, too many, others or swapped.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One letter at least: short names have slips, too.
    let allowed = (typed.chars().count() / 3).max(1);
    let lower = typed.to_lowercase();
    // Letters to insert, remove or replace; two that are swapped count once.
    let measured = candidates
        .into_iter()
        .map(|candidate| (osa_distance(&lower, &candidate.to_lowercase()), candidate));
    let (distance, nearest) = measured.min_by_key(|(distance, _)| *distance)?;

    (distance <= allowed).then_some(nearest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_answered_with_what_was_meant() {
        let known = ["production", "staging", "kind-dev"];
        assert_eq!(nearest("prodution", known), Some("production"));
        assert_eq!(nearest("stagign", known), Some("staging"));
        assert_eq!(nearest("Kind-Dev", known), Some("kind-dev"));
    }

    #[test]
    fn another_word_is_not_taken_for_a_slip() {
        assert_eq!(nearest("minikube", ["production", "staging"]), None);
        assert_eq!(nearest("a", []), None);
    }

    #[test]
    fn neighbours_that_are_swapped_count_once() {
        // Three letters have one slip: a swap counted as two would be another word.
        assert_eq!(nearest("dve", ["dev"]), Some("dev"));
    }
}
