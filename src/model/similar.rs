//! "Did you mean …": the name that a mistyped one is nearest to.
//!
//! A guess only words an error: nothing acts on it.

/// The candidate that `typed` is nearest to, where it is near enough to be a slip: a third of its letters at most are
/// missing, too many, others or swapped.
pub fn nearest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // One letter at least: short names have slips, too.
    let allowed = (typed.chars().count() / 3).max(1);
    let measured = candidates
        .into_iter()
        .map(|candidate| (distance(typed, candidate), candidate));
    let (distance, nearest) = measured.min_by_key(|(distance, _)| *distance)?;

    (distance <= allowed).then_some(nearest)
}

/// Letters to insert, remove, replace or swap with their neighbour (optimal string alignment).
fn distance(a: &str, b: &str) -> usize {
    let (a, b): (Vec<char>, Vec<char>) = (
        a.to_lowercase().chars().collect(),
        b.to_lowercase().chars().collect(),
    );

    // A swap looks two rows back; no other row of the table is needed.
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=b.len()).collect();

    for i in 0..a.len() {
        let mut row = vec![i + 1];
        for j in 0..b.len() {
            let replaced = last[j] + usize::from(a[i] != b[j]);
            let mut least = replaced.min(row[j] + 1).min(last[j + 1] + 1);
            // Two letters the other way round are one slip.
            if i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j] {
                least = least.min(before[j - 1] + 1);
            }
            row.push(least);
        }
        before = std::mem::replace(&mut last, row);
    }
    last[b.len()]
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
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
    }
}
