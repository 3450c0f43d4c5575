//! Parts of sentences: nouns that agree with their counts, lists of which only the first are named, and texts that have a
//! bound.

/// `1 pod`, `2 pods`; for nouns whose plural ends in `s` alone.
pub fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}

/// So many of a list by name, the rest counted: `a, b and 3 more`; between sentences `a; b; and 3 more`.
pub fn list_first<T: ToString>(
    items: impl ExactSizeIterator<Item = T>,
    most: usize,
    separator: &str,
) -> String {
    let more = items.len().saturating_sub(most);
    let named: Vec<String> = items.take(most).map(|item| item.to_string()).collect();
    let named = named.join(separator);

    let last = if separator == ", " { " " } else { separator };
    match more {
        0 => named,
        more => format!("{named}{last}and {more} more"),
    }
}

/// The text, or so many characters of it and an ellipsis.
pub fn shorten(mut text: String, most: usize) -> String {
    if let Some((end, _)) = text.char_indices().nth(most) {
        text.truncate(end);
        text.push('…');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::{counted, list_first, shorten};

    #[test]
    fn a_noun_agrees_with_its_count() {
        let texts: Vec<String> = (0..=2).map(|count| counted(count, "pod")).collect();
        assert_eq!(texts, ["0 pods", "1 pod", "2 pods"]);
    }

    #[test]
    fn the_first_are_named_and_the_rest_is_counted() {
        let list = |separator: &str| list_first(["a", "b", "c"].iter(), 2, separator);
        assert_eq!(
            (list(", "), list("; ")),
            ("a, b and 1 more".into(), "a; b; and 1 more".into())
        );
        assert_eq!(list_first(["a", "b"].iter(), 2, ", "), "a, b");
        assert_eq!(list_first([""; 0].iter(), 2, ", "), "");
    }

    #[test]
    fn a_text_is_cut_between_characters() {
        assert_eq!(shorten("größe".into(), 3), "grö…");
        assert_eq!(shorten("größe".into(), 5), "größe");
    }
}
