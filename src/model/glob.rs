//! Globs as the environment's file writes them: `*` for any text, `?` for one character.
//!
//! Patterns come from files, and take time in proportion to the product of pattern and text at most: only the
//! last star is ever tried again. That bound is why it is written here, and tested here, and no crate's to change.

/// Whether `text` is what `pattern` describes, as a whole.
pub fn matches(pattern: &str, text: &str) -> bool {
    // Letters and not bytes: a question mark stands for one of any script.
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);

    // Where the last star stands, and how far its text reaches.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                star = Some((at, read));
                at += 1;
            }
            Some(c) if *c == '?' || *c == text[read] => {
                at += 1;
                read += 1;
            }
            _ => match star {
                // An earlier star could take nothing that the last one cannot: it needs no second try.
                Some((from, reached)) => {
                    star = Some((from, reached + 1));
                    at = from + 1;
                    read = reached + 1;
                }
                None => return false,
            },
        }
    }

    // Stars may be left over: they take nothing.
    pattern[at..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_is_any_text_and_a_question_mark_one_character() {
        for (pattern, text, expected) in [
            ("*/istio/proxyv2", "docker.io/istio/proxyv2", true),
            ("*/istio/proxyv2", "docker.io/istio/proxyv2-evil", false),
            ("*", "", true),
            ("shop*", "shop", true),
            ("*-a", "shop-a", true),
            ("shop", "shops", false),
            ("s?op", "shop", true),
            ("s?op", "sop", false),
            ("*a*b", "xaxxb", true),
            ("*a*b", "xaxxbc", false),
            ("", "", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }
}
