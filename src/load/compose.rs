//! YAML documents as JSON values, as kubectl reads them: merge keys in their order, tags, anchors, no key twice.
//!
//! They are made of the parser's events. A reader that hands out values has decided by then what `on`, `0644`
//! and a doubled key are, and none of that could be taken back. Every value counts against one bound before
//! it is made, an alias for as many as it stands for.

use super::line_breaks::LineBreaks;
use super::scalar::{Scalar, resolve};
use super::value::MAX_NODES;
use serde_json::{Map, Value};
use serde_yaml::granit_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};
use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

/// No honest manifest is nested deeper.
const MAX_DEPTH: usize = 200;
const CORE: &str = "tag:yaml.org,2002:";

/// What is wrong with a text, and where.
#[derive(Debug)]
pub(super) struct Fault {
    pub line: u64,
    pub column: u64,
    pub why: String,
}

impl Fault {
    fn new(at: &Marker, why: impl Into<String>) -> Self {
        Self {
            line: at.line() as u64,
            column: at.col() as u64 + 1,
            why: why.into(),
        }
    }
}

impl From<ScanError> for Fault {
    fn from(error: ScanError) -> Self {
        Fault::new(error.marker(), error.info().lines().next().unwrap_or_default())
    }
}

/// What becomes of a key that stands twice in one mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DoubledKeys {
    /// It is refused: which of the two is meant nobody can tell.
    Refused,
    /// The last one counts, as where a manifest is read that was applied so.
    LastCounts,
}

/// Every document, empty ones as null.
pub(super) fn compose(text: &str, doubled: DoubledKeys) -> Result<Vec<Value>, Fault> {
    let breaks = LineBreaks::of(text);
    let mut composer = Composer {
        doubled,
        parser: Parser::new_from_str(breaks.as_ref().map_or(text, |breaks| &breaks.text)),
        breaks: breaks.as_ref(),
        anchors: HashMap::new(),
        nodes: 0,
    };

    let mut documents = Vec::new();
    while let Some((event, span)) = composer.next()? {
        match event {
            // An alias reaches no further back than its own document.
            Event::DocumentStart(..) => composer.anchors.clear(),
            Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
            node => documents.push(composer.node(node, span, 0)?),
        }
    }
    Ok(documents)
}

struct Composer<'i> {
    doubled: DoubledKeys,
    parser: Parser<'i, StrInput<'i>>,
    /// Of a text that has some which the parser does not take for any.
    breaks: Option<&'i LineBreaks>,
    /// Anchored nodes, and how many nodes each has.
    anchors: HashMap<usize, (Value, usize)>,
    nodes: usize,
}

impl<'i> Composer<'i> {
    /// The next event that is content: comments and the names of anchors are none.
    fn next(&mut self) -> Result<Option<(Event<'i>, Span)>, Fault> {
        loop {
            // An anchor's name comes as an event of its own, and its node carries a number.
            match self.parser.next_event().transpose()? {
                Some((Event::Comment(..) | Event::Anchor(..), _)) => {}
                Some((Event::Scalar(text, style, anchor, tag), span)) => {
                    let text = match self.breaks {
                        Some(breaks) => breaks
                            .restore(text, style, &span)
                            .map_err(|why| Fault::new(&span.start, why))?,
                        None => text,
                    };
                    return Ok(Some((Event::Scalar(text, style, anchor, tag), span)));
                }
                other => return Ok(other),
            }
        }
    }

    fn count(&mut self, nodes: usize, at: &Marker) -> Result<(), Fault> {
        // Counted before it is made: ten lines of aliases can stand for more values than fit into any memory.
        self.nodes += nodes;
        if self.nodes > MAX_NODES {
            let why = format!("more than {MAX_NODES} values in one file (an alias counts each time)");
            return Err(Fault::new(at, why));
        }
        Ok(())
    }

    fn node(&mut self, event: Event<'i>, span: Span, depth: usize) -> Result<Value, Fault> {
        let at = span.start;
        let before = self.nodes;
        self.count(1, &at)?;
        // Each level is a call of this function, and the stack has an end.
        if depth > MAX_DEPTH {
            return Err(Fault::new(
                &at,
                format!("more than {MAX_DEPTH} levels of nesting"),
            ));
        }

        let (value, anchor) = match event {
            Event::Alias(anchor) => (self.alias(anchor, &at)?, 0),
            Event::Scalar(text, style, anchor, tag) => {
                let scalar = scalar(&text, style, tag.as_deref(), &at)?;
                let value = scalar.into_value();
                (
                    value.ok_or_else(|| Fault::new(&at, "the number cannot be written as JSON"))?,
                    anchor,
                )
            }
            Event::SequenceStart(_, anchor, _) => (self.sequence(depth)?, anchor),
            // A collection's own tag says nothing that JSON could hold:
            // `!!set` and `!!omap` are read as what they look like.
            Event::MappingStart(_, anchor, _) => (self.mapping(depth)?, anchor),
            _ => return Err(Fault::new(&at, "expected a value, found none")),
        };

        if anchor != 0 {
            // What an anchor keeps takes memory too.
            let size = self.nodes - before;
            self.count(size, &at)?;
            self.anchors.insert(anchor, (value.clone(), size));
        }
        Ok(value)
    }

    fn alias(&mut self, anchor: usize, at: &Marker) -> Result<Value, Fault> {
        let size = self.anchors.get(&anchor).map(|(_, size)| *size);
        // An anchor is known once its node is complete.
        let size = size.ok_or_else(|| Fault::new(at, "an alias refers to its own anchor"))?;
        // A copy, for JSON has no references: it counts in full.
        self.count(size, at)?;
        Ok(self
            .anchors
            .get(&anchor)
            .map(|(value, _)| value.clone())
            .unwrap_or_default())
    }

    fn sequence(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut items = Vec::new();
        while let Some((event, span)) = self.next()? {
            if event == Event::SequenceEnd {
                break;
            }
            items.push(self.node(event, span, depth + 1)?);
        }
        Ok(Value::Array(items))
    }

    fn mapping(&mut self, depth: usize) -> Result<Value, Fault> {
        let mut map = Map::new();
        // Only from the first merge on do some keys not stand in the mapping itself.
        let mut own: Option<HashSet<String>> = None;
        while let Some((event, span)) = self.next()? {
            if event == Event::MappingEnd {
                break;
            }

            let at = span.start;
            // What stands in the mapping so far is its own; what is
            // merged now may be named again without being twice.
            if is_merge(&event) {
                own.get_or_insert_with(|| map.keys().cloned().collect());
                let source = self.value(depth)?;
                merge(&mut map, source, &at)?;
                continue;
            }

            let key = self.key(event, span, depth)?;
            let is_twice = match &mut own {
                Some(own) => !own.insert(key.clone()),
                None => map.contains_key(&key),
            };
            if is_twice && self.doubled == DoubledKeys::Refused {
                return Err(Fault::new(&at, format!("duplicate key {key:?}")));
            }
            let value = self.value(depth)?;
            map.insert(key, value);
        }
        Ok(Value::Object(map))
    }

    fn value(&mut self, depth: usize) -> Result<Value, Fault> {
        match self.next()? {
            Some((event, span)) => self.node(event, span, depth + 1),
            None => Ok(Value::Null),
        }
    }

    fn key(&mut self, event: Event<'i>, span: Span, depth: usize) -> Result<String, Fault> {
        let at = span.start;
        let key = match event {
            // Without an anchor. One with an anchor is a node like any other, for an alias may mean it.
            Event::Scalar(text, style, 0, tag) => scalar(&text, style, tag.as_deref(), &at)?.into_key(),
            other => match self.node(other, span, depth + 1)? {
                Value::String(text) => Some(text),
                Value::Bool(value) => Some(value.to_string()),
                Value::Number(number) => number.as_i64().map(|number| number.to_string()),
                _ => None,
            },
        };
        key.ok_or_else(|| Fault::new(&at, "expected a string as key"))
    }
}

fn is_merge(event: &Event<'_>) -> bool {
    match event {
        Event::Scalar(text, style, _, tag) => {
            let is_tagged = tag.as_ref().is_some_and(|tag| name_of(tag) == "merge");
            // In quotes it is an ordinary key.
            text == "<<" && (is_tagged || tag.is_none() && *style == ScalarStyle::Plain)
        }
        _ => false,
    }
}

/// What is merged wins over what stands before it, and the first of several over the others.
fn merge(map: &mut Map<String, Value>, source: Value, at: &Marker) -> Result<(), Fault> {
    let sources = match source {
        Value::Array(sources) => sources,
        one => vec![one],
    };

    // From the last one to the first, each over the ones before: the first one is left on top.
    for source in sources.into_iter().rev() {
        let Value::Object(source) = source else {
            return Err(Fault::new(
                at,
                "expected a mapping or a list of mappings after <<",
            ));
        };
        map.extend(source);
    }
    Ok(())
}

/// The core schema's name of a tag; a tag of another schema has none.
fn name_of(tag: &Tag) -> Cow<'_, str> {
    let full = format!("{}{}", tag.handle(), tag.suffix());
    Cow::Owned(full.strip_prefix(CORE).unwrap_or_default().to_owned())
}

fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>, at: &Marker) -> Result<Scalar, Fault> {
    let as_text = || Scalar::Text(text.to_owned());
    let Some(tag) = tag else {
        return Ok(if style == ScalarStyle::Plain {
            resolve(text)
        } else {
            as_text()
        });
    };

    let name = name_of(tag);
    match (&*name, resolve(text)) {
        ("binary", _) => binary(text, at),
        ("null", Scalar::Null) => Ok(Scalar::Null),
        ("bool", found @ Scalar::Bool(_)) => Ok(found),
        ("int", found @ (Scalar::Integer(_) | Scalar::Large(_))) => Ok(found),
        ("float", found @ Scalar::Float(_)) => Ok(found),
        // An integer is a float where its tag says so; the other way round it is refused.
        ("float", Scalar::Integer(value)) => Ok(Scalar::Float(value as f64)),
        (wanted @ ("null" | "bool" | "int" | "float"), _) => {
            Err(Fault::new(at, format!("expected !!{wanted}, found {text:?}")))
        }
        // `!!str`, and tags of other schemas: the text as it stands.
        _ => Ok(as_text()),
    }
}

fn binary(text: &str, at: &Marker) -> Result<Scalar, Fault> {
    use base64::Engine;
    let packed: String = text.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();

    let bytes = base64::engine::general_purpose::STANDARD
        .decode(packed)
        .map_err(|_| Fault::new(at, "expected base64 after !!binary"))?;
    // Go would put a replacement character there: another value.
    let text = String::from_utf8(bytes);
    text.map(Scalar::Text)
        .map_err(|_| Fault::new(at, "expected UTF-8 in !!binary"))
}
