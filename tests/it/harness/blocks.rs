//! The code blocks of a document, each with the section that it stands in.

use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

/// A code block.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// The heading of second degree before it.
    pub section: String,
    /// What stands behind its fence; nothing where it is indented.
    pub language: String,
    pub text: String,
}

/// All code blocks of a document, in their order.
pub fn blocks(markdown: &str) -> Vec<Block> {
    let (mut found, mut section, mut is_heading): (Vec<Block>, _, _) = (Vec::new(), String::new(), false);
    let mut inside = None;
    for event in Parser::new(markdown) {
        match event {
            Event::Start(Tag::Heading { level, .. }) if level as usize <= 2 => {
                section.clear();
                is_heading = true;
            }
            Event::End(TagEnd::Heading(_)) => is_heading = false,
            Event::Text(text) | Event::Code(text) if is_heading => section += &text,
            Event::Start(Tag::CodeBlock(kind)) => {
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.to_string(),
                    CodeBlockKind::Indented => String::new(),
                };
                inside = Some(Block {
                    section: section.clone(),
                    language,
                    text: String::new(),
                });
            }
            Event::Text(text) => inside
                .iter_mut()
                .for_each(|block: &mut Block| block.text += &text),
            Event::End(TagEnd::CodeBlock) => found.extend(inside.take()),
            _ => {}
        }
    }
    found
}

/// Whether its commands are krew's, or what krew installs: `make krew-check` runs it.
pub fn needs_krew(block: &Block) -> bool {
    block.text.contains("kubectl krew")
}

#[test]
fn every_code_block_of_a_document_is_found_with_its_section() {
    let text = "# A\n\n## Use `it`\n\n```sh\na\n\nb\n```\n\n- item\n\n  ```\n  c\n  ```\n\n## Other\n\n    indented\n";
    let found = blocks(text);
    let shown: Vec<_> = found
        .iter()
        .map(|block| (&*block.section, &*block.language, &*block.text))
        .collect();
    assert_eq!(
        shown,
        [
            ("Use it", "sh", "a\n\nb\n"),
            ("Use it", "", "c\n"),
            ("Other", "", "indented\n")
        ]
    );
}
