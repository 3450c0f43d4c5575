//! Hostile texts in every place of a comparison, read by a real parser of markdown; pages that have no room for all.

mod texts;

use self::texts::{OUTSIDE, hostile_view};
use super::*;
use crate::model::unseen::is_unseen;
use crate::report::clean;
use crate::report::diff::html;
use proptest::prelude::*;
use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};
use serde_json::json;

fn page(view: &View, max_bytes: usize) -> String {
    let limit = MarkdownLimit {
        max_bytes,
        command: "kubectl delivery diff -n shop",
    };
    let mut bytes = Vec::new();
    markdown(view, limit, &mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

/// Texts of the same length and lines that are nothing but letters.
fn harmless(texts: &[String]) -> Vec<String> {
    let letters = |text: &String| {
        let shown = clean(text).into_owned();
        shown.chars().map(|c| if c == '\n' { c } else { 'a' }).collect()
    };
    texts.iter().map(letters).collect()
}

/// The blocks and spans of a page, without their texts; what stands outside of code is checked.
fn structure(page: &str) -> Vec<String> {
    let mut code_depth = 0;
    let mut found = Vec::new();
    for event in Parser::new_ext(page, Options::all()) {
        match event {
            Event::Start(tag) => {
                let is_ours = matches!(
                    tag,
                    Tag::Paragraph
                        | Tag::Heading { .. }
                        | Tag::HtmlBlock
                        | Tag::List(None)
                        | Tag::Item
                        | Tag::CodeBlock(_)
                );
                assert!(is_ours, "{tag:?} in\n{page}");
                code_depth += usize::from(matches!(tag, Tag::CodeBlock(_)));
                found.push(format!("{:?}", tag.to_end()));
            }
            Event::End(tag) => {
                code_depth -= usize::from(tag == TagEnd::CodeBlock);
                found.push(format!("end of {tag:?}"));
            }
            Event::Text(text) if code_depth == 0 => {
                assert!(!text.contains(OUTSIDE), "{text} in\n{page}");
            }
            Event::Html(html) => found.push(check_html(&html)),
            Event::Code(_) => found.push("code".into()),
            Event::Text(_) | Event::SoftBreak => {}
            other => panic!("{other:?} in\n{page}"),
        }
    }
    found
}

/// The tags of a piece of HTML: this program's alone.
fn check_html(html: &str) -> String {
    if let Some(comment) = html.strip_prefix("<!-- kubectl-delivery: diff ") {
        let marker = comment.trim_end().strip_suffix(" -->").unwrap();
        assert!(!marker.contains(['<', '>', '@', '#', OUTSIDE]), "{html}");
        return "marker".into();
    }

    let mut tags = String::new();
    let mut outside = false;
    for piece in html.split('<').skip(1) {
        let (tag, text) = piece.split_once('>').unwrap_or_else(|| panic!("{html}"));
        let known = [
            "details",
            "details open",
            "/details",
            "summary",
            "/summary",
            "code",
            "/code",
        ];
        assert!(known.contains(&tag), "{html}");
        outside = tag == "code" || (outside && tag != "/code");
        assert!(outside || !text.contains(OUTSIDE), "{html}");
        assert!(!text.contains('>'), "{html}");
        tags += tag;
    }
    tags
}

/// Pieces of markup, of HTML and of what forges make links of.
const PIECES: [&str; 40] = [
    "`",
    "``",
    "````",
    "~~~",
    "*",
    "_",
    "**",
    "[a](http://b)",
    "![a](b)",
    "<b>",
    "</details>",
    "<script>",
    "-->",
    "<!--",
    "@team",
    "@org/team",
    "#1",
    "GH-1",
    "org/repo#2",
    "deadbeef1",
    "https://evil.example",
    "www.evil.example",
    "a@b.example",
    "|",
    "|-|",
    "\n",
    "\n\n",
    "\r",
    "\r\n",
    "# h",
    "- item",
    "1. one",
    "> quote",
    "    code",
    "\u{202e}",
    "\u{200b}",
    "&lt;",
    "$x$",
    "\\",
    "===",
];

fn hostile_text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => prop::sample::select(&PIECES[..]).prop_map(str::to_owned),
        1 => "\\PC{0,6}",
        1 => " {1,4}",
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_text_from_outside_becomes_markup_or_a_block(texts in prop::collection::vec(hostile_text(), 1..9)) {
        let page = page(&hostile_view(&texts), 1 << 20);
        let hidden = |c: char| is_unseen(c) && c != '\n' && c != '\t';
        prop_assert!(!page.contains(hidden), "{page}");
        let harmless = self::page(&hostile_view(&harmless(&texts)), 1 << 20);
        prop_assert_eq!(structure(&page), structure(&harmless), "{}", page);
    }

    #[test]
    fn no_text_from_outside_becomes_a_tag_of_the_html_page(texts in prop::collection::vec(hostile_text(), 1..9)) {
        let tags = |texts: &[String]| {
            let mut bytes = Vec::new();
            html(&hostile_view(texts), &mut bytes).unwrap();
            let page = String::from_utf8(bytes).unwrap();
            // Lines of values are as many as they are.
            let tags = page.split('<').map(|piece| piece.split('>').next().unwrap_or_default().to_owned());
            tags.filter(|tag| !["del", "/del", "ins", "/ins", "span", "/span"].contains(&&**tag)).collect::<Vec<_>>()
        };
        prop_assert_eq!(tags(&texts), tags(&harmless(&texts)));
    }

    #[test]
    fn a_page_is_never_longer_than_it_may_be(
        texts in prop::collection::vec("[a-z☃`\n]{0,900}", 1..9),
        max_bytes in prop_oneof![MIN_BYTES..12_000, 0..MIN_BYTES],
    ) {
        let page = page(&hostile_view(&texts), max_bytes);
        prop_assert!(page.len() <= max_bytes, "{} > {max_bytes}", page.len());
    }
}

/// A view of so many ConfigMaps that each differ in their own way, and as many that do not exist.
fn large_view(count: usize) -> View {
    let mut view = hostile_view(&["a".into()]);
    let template = view.objects[0].clone();
    view.objects = (0..count)
        .map(|number| {
            let mut object = template.clone();
            object.id.name = format!("settings-{number}");
            object.changes[0].live = Some(json!(format!("value {number}")));
            object
        })
        .collect();
    view
}

#[test]
fn a_page_without_room_for_all_keeps_its_head_and_says_what_is_cut() {
    let view = large_view(40);
    let page = page(&view, 8_000);

    assert!(page.len() <= 8_000);
    let lines: Vec<&str> = page.lines().collect();
    assert!(lines[0].starts_with("<!-- kubectl-delivery: diff "), "{page}");
    assert!(lines[1].starts_with("### ⚠️ "), "{page}");

    let shown = page.matches("<details open>").count();
    let last = lines.last().unwrap();
    let expected = format!("{} more objects: {} changed", 40 - shown, 40 - shown);
    assert!(shown > 0 && last.starts_with(&expected), "{last}");
    assert!(
        last.ends_with("; run `kubectl delivery diff -n shop` for all"),
        "{last}"
    );
}

#[test]
fn objects_that_differ_in_the_same_way_are_one_entry_with_a_list_that_is_folded_above_twenty() {
    let page_of = |count: usize| {
        let mut view = large_view(count);
        for object in &mut view.objects {
            let change = &mut object.changes[0];
            (change.path, change.live, change.desired) =
                ("/data/LEVEL".into(), Some(json!("trace")), Some(json!("info")));
            object.changes.truncate(1);
            object.untested.clear();
        }
        page(&view, 60_000)
    };

    let few = page_of(3);
    let title =
        "<summary><code>/data/LEVEL</code> <code>trace</code> → <code>info</code> in 3 ConfigMaps</summary>";
    assert!(few.contains(title), "{few}");
    assert!(
        few.contains("/settings-0`, ") && !few.contains("<summary>all "),
        "{few}"
    );

    let many = page_of(40);
    assert!(many.contains("in 40 ConfigMaps</summary>"), "{many}");
    assert!(many.contains("<details><summary>all 40</summary>"), "{many}");
    assert_eq!(many.matches("/data/LEVEL` ").count(), 1, "{many}");
}
