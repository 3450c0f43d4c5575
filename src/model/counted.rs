//! Nouns that agree with their counts.

/// `1 pod`, `2 pods`; for nouns whose plural ends in `s` alone.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn a_noun_agrees_with_its_count() {
        let texts: Vec<String> = (0..=2).map(|count| counted(count, "pod")).collect();
        assert_eq!(texts, ["0 pods", "1 pod", "2 pods"]);
    }
}
