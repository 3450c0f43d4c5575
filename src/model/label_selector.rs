//! Label selectors as kubectl takes them: `team=shop,tier!=test`, `role in (inventory,journal)`, `!canary`.
//!
//! The API server selects by them where it is asked; here they select among objects that are held already. As there, what
//! does not carry a label is not of any of its values: `tier!=test` selects it.

use std::collections::BTreeSet;
use std::fmt;

/// What labels must be for an object to be selected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LabelSelector {
    /// As it was given.
    text: String,
    requirements: Vec<Requirement>,
}

/// What one label must be.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Requirement {
    key: String,
    is: Is,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Is {
    There,
    NotThere,
    OneOf(BTreeSet<String>),
    NoneOf(BTreeSet<String>),
}

/// A text that is no label selector.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a label selector such as team=shop or 'tier in (web,api)', found {found:?}")]
pub struct NotASelector {
    /// The part that is none.
    found: String,
}

impl LabelSelector {
    /// From a text; an empty one selects everything.
    ///
    /// # Errors
    ///
    /// Where a part of it is no requirement, or names what is no label.
    pub fn parse(text: &str) -> Result<Self, NotASelector> {
        let parts = split(text).into_iter().map(str::trim);
        let parts = parts.filter(|part| !part.is_empty());
        let requirements = parts.map(|part| {
            requirement(part).ok_or_else(|| NotASelector {
                found: part.to_owned(),
            })
        });
        Ok(Self {
            text: text.to_owned(),
            requirements: requirements.collect::<Result<_, _>>()?,
        })
    }

    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.requirements.is_empty()
    }

    /// Whether it asks for this label.
    pub fn names(&self, key: &str) -> bool {
        self.requirements.iter().any(|one| one.key == key)
    }

    /// Whether labels are selected; `label` gives the value of one, where it is there.
    pub fn selects<'l>(&self, label: impl Fn(&str) -> Option<&'l str>) -> bool {
        self.requirements
            .iter()
            .all(|one| match (label(&one.key), &one.is) {
                (value, Is::There) => value.is_some(),
                (value, Is::NotThere) => value.is_none(),
                (value, Is::OneOf(values)) => value.is_some_and(|value| values.contains(value)),
                (value, Is::NoneOf(values)) => value.is_none_or(|value| !values.contains(value)),
            })
    }
}

impl fmt::Display for LabelSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The parts between commas, those in parentheses apart.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn requirement(part: &str) -> Option<Requirement> {
    let (key, is) = if let Some(key) = part.strip_prefix('!') {
        (key.trim(), Is::NotThere)
    } else if let Some((key, values)) = part.strip_suffix(')').and_then(|part| part.split_once('(')) {
        let values = values
            .split(',')
            .map(str::trim)
            .map(String::from)
            .collect::<BTreeSet<_>>();
        match key.trim_end().rsplit_once(char::is_whitespace)? {
            (key, "in") => (key.trim(), Is::OneOf(values)),
            (key, "notin") => (key.trim(), Is::NoneOf(values)),
            _ => return None,
        }
    } else if let Some((key, value)) = part.split_once("!=") {
        (key.trim(), Is::NoneOf([value.trim().to_owned()].into()))
    } else if let Some((key, value)) = part.split_once("==").or_else(|| part.split_once('=')) {
        (key.trim(), Is::OneOf([value.trim().to_owned()].into()))
    } else {
        (part, Is::There)
    };

    let has_labels = match &is {
        Is::OneOf(values) | Is::NoneOf(values) => values.iter().all(|value| is_value(value)),
        Is::There | Is::NotThere => true,
    };
    (is_key(key) && has_labels).then(|| Requirement {
        key: key.to_owned(),
        is,
    })
}

/// `name`, or `prefix/name`.
fn is_key(text: &str) -> bool {
    let (prefix, name) = text.rsplit_once('/').unwrap_or(("example.org", text));
    !name.is_empty() && is_value(name) && !prefix.is_empty() && prefix.len() <= 253 && has_letters(prefix)
}

fn is_value(text: &str) -> bool {
    text.len() <= 63 && has_letters(text)
}

fn has_letters(text: &str) -> bool {
    text.chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_selects_what_the_api_server_would() {
        let labels = [("team", "shop"), ("tier", "web"), ("example.org/stage", "")];
        let label = |key: &str| {
            labels
                .iter()
                .find(|(name, _)| *name == key)
                .map(|(_, value)| *value)
        };

        for (selector, is_selected) in [
            ("", true),
            ("team=shop", true),
            ("team==shop,tier=web", true),
            ("team=shop, tier=api", false),
            ("tier!=api", true),
            ("tier!=web", false),
            ("owner!=me", true),
            ("tier in (web, api)", true),
            ("tier notin (web,api),team", false),
            ("owner notin (a)", true),
            ("example.org/stage", true),
            ("example.org/stage=", true),
            ("!owner,team", true),
            ("! team", false),
        ] {
            let parsed = LabelSelector::parse(selector).unwrap();
            assert_eq!(parsed.selects(label), is_selected, "{selector}");
        }
    }

    #[test]
    fn what_is_no_selector_is_named() {
        for (text, found) in [
            ("team=shop,tier>3", "tier>3"),
            ("tier in web", "tier in web"),
            ("tier of (web)", "tier of (web)"),
            ("=shop", "=shop"),
            ("team=a b", "team=a b"),
            ("a/b/c", "a/b/c"),
        ] {
            let error = LabelSelector::parse(text).unwrap_err().to_string();
            assert!(error.ends_with(&format!("found {found:?}")), "{error}");
        }
    }
}
