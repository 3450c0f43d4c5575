//! Names that no identifier has: each was some other concept's second word, or none's.

use proc_macro2::{TokenStream, TokenTree};
use std::path::Path;
use std::{fs, str::FromStr};

const NEVER: [&str; 9] = [
    "beside", "door", "hand", "heard", "kept", "said", "told", "well", "whose",
];

fn identifiers(tokens: TokenStream, found: &mut Vec<String>) {
    for token in tokens {
        match token {
            TokenTree::Ident(ident) => found.push(ident.to_string()),
            TokenTree::Group(group) => identifiers(group.stream(), found),
            _ => (),
        }
    }
}

fn add_wrong(folder: &Path, wrong: &mut Vec<String>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            add_wrong(&path, wrong);
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }

        let tokens = TokenStream::from_str(&fs::read_to_string(&path).unwrap());
        let mut names = Vec::new();
        identifiers(
            tokens.unwrap_or_else(|e| panic!("{}: {e}", path.display())),
            &mut names,
        );
        let never = names.iter().filter(|name| NEVER.contains(&name.as_str()));
        wrong.extend(never.map(|name| format!("{}: {name}", path.display())));
    }
}

#[test]
fn no_identifier_is_a_word_that_names_nothing() {
    let mut wrong = Vec::new();
    for folder in ["src", "tests"] {
        add_wrong(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), &mut wrong);
    }

    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
