//! The fields that a step changes, by name: the reason of the step in a plan.

use crate::model::FieldPath;
use crate::model::path::Step;

/// `image changes`; `image, /spec/replicas and env DEBUG change`.
pub(super) fn summarize(changes: &[FieldPath]) -> String {
    let names = names(changes);
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last} change", rest.join(", ")),
        Some((only, _)) => format!("{only} changes"),
        None => String::new(),
    }
}

/// What each field is called: by a word where that tells which one it is, else by its path.
fn names(changes: &[FieldPath]) -> Vec<String> {
    let short: Vec<Option<String>> = changes.iter().map(short_name).collect();
    let is_shared = |name: &Option<String>| short.iter().filter(|other| *other == name).count() > 1;

    let each = changes.iter().zip(&short);
    each.map(|(path, name)| match name {
        Some(word) if !is_shared(name) => word.clone(),
        _ => path.to_string(),
    })
    .collect()
}

fn short_name(path: &FieldPath) -> Option<String> {
    match path.steps() {
        [.., Step::Key(_), Step::Field(field)] if field == "image" => Some(field.clone()),
        [.., Step::Field(list), Step::Key(key), Step::Field(_)] | [.., Step::Field(list), Step::Key(key)]
            if list == "env" =>
        {
            let (_, name) = key.first()?;
            // A key field is JSON text: a name has its quotes.
            Some(format!("env {}", name.trim_matches('"')))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_named_and_by_its_path_where_a_word_would_name_two() {
        let web = "/spec/template/spec/containers/[name=web]";
        let proxy = "/spec/template/spec/containers/[name=proxy]";
        let text = |changes: &[String]| {
            let changes: Vec<_> = changes.iter().map(|path| path.parse().unwrap()).collect();
            summarize(&changes)
        };

        assert_eq!(text(&[format!("{web}/image")]), "image changes");
        assert_eq!(
            text(&[
                format!("{web}/image"),
                "/spec/replicas".into(),
                format!("{web}/env/[name=DEBUG]/value")
            ]),
            "image, /spec/replicas and env DEBUG change"
        );
        assert_eq!(
            text(&[format!("{web}/image"), format!("{proxy}/image")]),
            format!("{web}/image and {proxy}/image change")
        );
    }
}
