//! The line breaks that YAML 1.1 has and 1.2 has not: U+0085, U+2028 and U+2029. kubectl and kustomize follow 1.1, and what
//! they write breaks lines at them; the parser follows 1.2.
//!
//! The parser reads a text of as many characters, in which a block breaks at each of them and marks stand for the rest; the
//! values that it finds are put right.

use serde_yaml::granit_parser::{ScalarStyle, Span};
use std::borrow::Cow;

/// Characters that no text has: a text with one of them is left as it is.
const FEED: char = '\u{fdd0}';
const LINE: char = '\u{fdd1}';
const PARAGRAPH: char = '\u{fdd2}';
/// For what is folded away, so that places in the text stay what they are.
const NOTHING: char = '\u{fdd3}';

/// A text with such breaks, and what the parser reads in its place.
pub(super) struct LineBreaks {
    original: Vec<char>,
    pub text: String,
}

impl LineBreaks {
    /// Nothing for a text without such breaks: nearly every one.
    pub fn of(text: &str) -> Option<Self> {
        if !text.contains(is_old) || text.contains([FEED, LINE, PARAGRAPH, NOTHING]) {
            return None;
        }

        let original: Vec<char> = text.chars().collect();
        let mut read = original.clone();
        let mut block: Option<usize> = None;
        for line in lines(&original) {
            let (indent, is_blank) = indent_of(&original[line.clone()]);
            if block.is_some_and(|least| !is_blank && indent < least) {
                block = None;
            }
            match (block, read.get_mut(line.end)) {
                (Some(_), Some(end)) if is_old(*end) => *end = '\n',
                _ => {}
            }
            if block.is_none() {
                block = block_below(&original[line]);
            }
        }
        fold(&mut read);

        Some(Self {
            original,
            text: read.into_iter().collect(),
        })
    }

    /// What a scalar is that was read so, or why that is not known.
    pub fn restore<'t>(
        &self,
        text: Cow<'t, str>,
        style: ScalarStyle,
        span: &Span,
    ) -> Result<Cow<'t, str>, &'static str> {
        if !matches!(style, ScalarStyle::Literal | ScalarStyle::Folded) {
            return Ok(match text.contains([FEED, LINE, PARAGRAPH, NOTHING]) {
                true => text.chars().filter_map(restored).collect::<String>().into(),
                false => text,
            });
        }

        // It begins with the first line that is not empty: those before it belong to it too.
        let before = &self.original[..span.start.index()];
        let is_gap = |c: &char| is_break(*c) || *c == ' ';
        let start = before.iter().rposition(|c| !is_gap(c)).map_or(0, |at| at + 1);
        let raw = &self.original[start..span.end.index().min(self.original.len())];
        if !raw.iter().any(|c| is_old(*c)) {
            return Ok(text);
        }
        if style == ScalarStyle::Folded {
            return Err(
                "a line separator (U+0085, U+2028 or U+2029) in a folded block; write it as a literal one (|)",
            );
        }

        // The first break ends the header.
        let mut breaks = raw.iter().filter(|c| is_break(**c)).skip(1);
        let broken = text.chars().map(|c| match c {
            '\n' => breaks.next().copied().map_or('\n', as_broken),
            c => c,
        });
        Ok(broken.collect::<String>().into())
    }
}

fn is_old(c: char) -> bool {
    matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}')
}

fn is_break(c: char) -> bool {
    c == '\n' || is_old(c)
}

/// A next line is an ordinary break; the two separators stay what they are.
fn as_broken(c: char) -> char {
    if c == '\u{85}' { '\n' } else { c }
}

fn restored(c: char) -> Option<char> {
    match c {
        FEED => Some('\n'),
        LINE => Some('\u{2028}'),
        PARAGRAPH => Some('\u{2029}'),
        NOTHING => None,
        c => Some(c),
    }
}

/// Where each line lies, without its break.
fn lines(text: &[char]) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut start = 0;
    let ends = text
        .iter()
        .enumerate()
        .filter(|(_, c)| is_break(**c))
        .map(|(at, _)| at);
    ends.chain([text.len()]).map(move |end| {
        let line = start..end;
        start = end + 1;
        line
    })
}

fn indent_of(line: &[char]) -> (usize, bool) {
    let indent = line.iter().take_while(|c| **c == ' ').count();
    let is_blank = line[indent..].iter().all(|c| matches!(c, '\r' | '\t' | ' '));
    (indent, is_blank)
}

/// The least indentation of the block that a line opens.
fn block_below(line: &[char]) -> Option<usize> {
    let (mut at, _) = indent_of(line);
    let mut least = at + 1;
    while line.get(at) == Some(&'-') && line.get(at + 1) == Some(&' ') {
        // The keys of an item stand where its dash does not.
        least = at + 1;
        at += 1 + indent_of(&line[at + 1..]).0;
    }

    let content: String = line[at..].iter().collect();
    let content = content
        .split_once(" #")
        .map_or(&*content, |(content, _)| content)
        .trim_end();
    let (before, header) = content.rsplit_once(' ').unwrap_or(("", content));
    let indicators = header.strip_prefix(['|', '>'])?;
    if !indicators.chars().all(|c| matches!(c, '+' | '-' | '1'..='9')) {
        return None;
    }

    match before {
        "" => Some(least),
        "---" => Some(0),
        _ => Some(at + 1),
    }
}

/// Outside of blocks: blanks around such a break go, and other breaks behind it stay.
fn fold(text: &mut [char]) {
    let mut at = 0;
    while at < text.len() {
        let is_gap = |c: &char| is_break(*c) || matches!(c, ' ' | '\t' | '\r');
        let length = text[at..].iter().take_while(|c| is_gap(c)).count();
        let gap = &mut text[at..at + length];
        if gap.iter().any(|c| is_old(*c)) {
            let breaks: Vec<char> = gap
                .iter()
                .copied()
                .filter(|c| is_break(*c))
                .map(as_broken)
                .collect();
            let folded: Vec<char> = match &breaks[..] {
                ['\n'] => vec![' '],
                ['\n', rest @ ..] => rest.to_vec(),
                all => all.to_vec(),
            };
            gap.fill(NOTHING);
            for (place, c) in gap.iter_mut().zip(folded) {
                *place = match c {
                    '\n' => FEED,
                    '\u{2028}' => LINE,
                    '\u{2029}' => PARAGRAPH,
                    c => c,
                };
            }
        }
        at += length.max(1);
    }
}
