//! What evaluating an expression can cost at most: the largest value it can make, and the steps it can take.
//!
//! A value's size is an upper bound of its bytes. A loop over a list is as dear as the dearest way in which the list's
//! content can be spread over its elements: sizes grow at least in proportion, so that this is all of it in one element.
//!
//! It is told from the tree and from the sizes of the variables, before anything is evaluated. Sizes err
//! upward, for an allocation that fails ends the process. Steps are an estimate of time, good enough to tell
//! milliseconds from minutes. What this meter does not know is taken to hold all that it was given.

use cel::common::ast::{CallExpr, ComprehensionExpr, EntryExpr, Expr, LiteralValue};
use serde_json::Value;
use std::collections::HashMap;

/// What an expression may make, besides what stands in its variables.
const LARGEST: u64 = 8 * 1024 * 1024;
/// Steps: some seconds.
const MOST_STEPS: u64 = 50_000_000;
/// Nodes that are looked at to tell the cost: loops within each other are looked at several times.
const MOST_LOOKS: u32 = 200_000;
// The walk is recursive: a deeper tree could exhaust the stack.
const DEEPEST: u32 = 150;
/// Of any value.
// Besides the text in it.
const NODE: u64 = 32;
/// Of a number as text.
// A float that is written out has some 340 characters.
const TEXT: u64 = 512;
/// Copied in one step.
const COPIED: u64 = 256;
/// Compared in one step: most comparisons end at their first byte.
const LOOKED_AT: u64 = 8192;
/// Steps of compiling a pattern.
const PATTERN: u64 = 300;
/// What gives a truth value or a number, whatever it is given.
// `_+_` is not among them: it joins texts and lists.
const PLAIN: &[&str] = &[
    "_==_",
    "_!=_",
    "_<_",
    "_<=_",
    "_>_",
    "_>=_",
    "_&&_",
    "_||_",
    "!_",
    "-_",
    "_-_",
    "_*_",
    "_/_",
    "_%_",
    "@in",
    "size",
    "contains",
    "startsWith",
    "endsWith",
    "matches",
    "int",
    "uint",
    "double",
    "bool",
];

/// An upper bound of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Size {
    bytes: u64,
    /// Entries of its own, where it is a list or map.
    count: u64,
    /// Entries of the longest list or map in it, or of itself.
    longest: u64,
}

impl Size {
    /// Of a variable's value.
    pub(super) fn from_value(value: &Value) -> Self {
        let parts: Vec<Size> = match value {
            Value::String(text) => return Size::text(text.len()),
            Value::Array(items) => items.iter().map(Size::from_value).collect(),
            Value::Object(map) => {
                let entry = |(key, value): (&String, &Value)| {
                    let held = Size::from_value(value);
                    Size {
                        bytes: NODE + key.len() as u64 + held.bytes,
                        // The key counts as bytes alone: whatever lies deeper is the value's.
                        ..held
                    }
                };
                map.iter().map(entry).collect()
            }
            _ => return Size::plain(),
        };

        Size::list(&parts)
    }

    /// Of a list of numbers.
    pub(super) fn numbers(count: usize) -> Self {
        let count = count as u64;
        Size {
            bytes: NODE.saturating_mul(count.saturating_add(1)),
            count,
            longest: count,
        }
    }

    fn plain() -> Self {
        Size {
            bytes: NODE,
            ..Size::default()
        }
    }

    fn text(length: usize) -> Self {
        Size {
            bytes: NODE + length as u64,
            ..Size::default()
        }
    }

    fn list(parts: &[Size]) -> Self {
        let count = parts.len() as u64;
        let longest = parts.iter().map(|part| part.longest).max().unwrap_or_default();
        Size {
            bytes: NODE.saturating_add(sum(parts).bytes),
            count,
            longest: longest.max(count),
        }
    }

    /// Something in it, whatever it is.
    fn part(self) -> Self {
        // It may have all of the bytes, and as many entries as the longest has.
        Size {
            count: self.longest,
            ..self
        }
    }

    fn larger(self, other: Self) -> Self {
        Size {
            bytes: self.bytes.max(other.bytes),
            count: self.count.max(other.count),
            longest: self.longest.max(other.longest),
        }
    }

    /// An element that holds all that the list holds.
    fn extreme(self) -> Self {
        // Each entry has the size of a value at least: there cannot be more.
        let most = self.bytes / NODE;
        Size {
            bytes: self.bytes,
            count: most,
            longest: most,
        }
    }
}

fn sum(parts: &[Size]) -> Size {
    // Several values may come to be one list.
    parts.iter().fold(Size::default(), |all, part| {
        let count = all.count.saturating_add(part.count);
        let longest = all.longest.max(part.longest).max(count);
        Size {
            bytes: all.bytes.saturating_add(part.bytes),
            count,
            longest,
        }
    })
}

/// Adds up what an expression can cost.
pub(super) struct Meter<'e> {
    known: HashMap<&'e str, Size>,
    largest: u64,
    looks: u32,
}

type Cost = Result<(Size, u64), String>;

impl<'e> Meter<'e> {
    /// With these variables; of others nothing stands in them.
    pub(super) fn new(variables: &[(&'e str, Size)]) -> Self {
        let given: u64 = variables
            .iter()
            .map(|(_, size)| size.bytes)
            .fold(0, u64::saturating_add);

        Self {
            known: variables.iter().copied().collect(),
            // What is given counts twice: a copy of it is no bomb.
            largest: LARGEST.saturating_add(given.saturating_mul(2)),
            looks: 0,
        }
    }

    /// Whether it costs more than it may.
    pub(super) fn check(&mut self, expression: &'e cel::IdedExpr) -> Result<(), String> {
        self.cost(&expression.expr, 0).map(drop)
    }

    fn cost(&mut self, expression: &'e Expr, depth: u32) -> Cost {
        // A loop's body is walked four times, and that of a loop in it sixteen times.
        self.looks += 1;
        if self.looks > MOST_LOOKS || depth > DEEPEST {
            return Err("the expression is nested too deeply: write it shorter".into());
        }

        let depth = depth + 1;
        let (size, steps) = match expression {
            Expr::Unspecified => (Size::plain(), 1),
            Expr::Literal(LiteralValue::String(text)) => (Size::text(text.inner().len()), 1),
            Expr::Literal(LiteralValue::Bytes(bytes)) => (Size::text(bytes.inner().len()), 1),
            Expr::Literal(_) => (Size::plain(), 1),
            // Without a value it counts as nothing: parsing looks at an expression before there are any.
            Expr::Ident(name) => (self.known.get(name.as_str()).copied().unwrap_or_default(), 1),
            Expr::Select(select) => {
                let (size, steps) = self.cost(&select.operand.expr, depth)?;
                // `has()` gives a truth value and no part.
                (if select.test { Size::plain() } else { size.part() }, steps)
            }
            Expr::List(list) => {
                let (parts, steps) = self.all(list.elements.iter().map(|one| &one.expr), depth)?;
                (Size::list(&parts), steps)
            }
            Expr::Map(map) => self.entries(map.entries.iter().map(|entry| &entry.expr), depth)?,
            Expr::Struct(one) => self.entries(one.entries.iter().map(|entry| &entry.expr), depth)?,
            Expr::Call(call) => self.call(call, depth)?,
            Expr::Comprehension(one) => self.comprehension(one, depth)?,
        };

        if size.bytes > self.largest {
            let mib = self.largest / 1024 / 1024;
            return Err(format!(
                "evaluating the expression can take too much memory (a value of more than {mib} MiB)"
            ));
        }

        let steps = steps.saturating_add(1);
        if steps > MOST_STEPS {
            return Err(format!(
                "evaluating the expression can take too long (more than {MOST_STEPS} steps)"
            ));
        }
        Ok((size, steps))
    }

    fn all(
        &mut self,
        expressions: impl Iterator<Item = &'e Expr>,
        depth: u32,
    ) -> Result<(Vec<Size>, u64), String> {
        let (mut parts, mut total) = (Vec::new(), 0u64);
        for one in expressions {
            let (size, steps) = self.cost(one, depth)?;
            parts.push(size);
            total = total.saturating_add(steps);
        }

        Ok((parts, total))
    }

    fn entries(&mut self, entries: impl Iterator<Item = &'e EntryExpr>, depth: u32) -> Cost {
        let both = entries.flat_map(|entry| match entry {
            EntryExpr::StructField(field) => vec![&field.value.expr],
            EntryExpr::MapEntry(entry) => vec![&entry.key.expr, &entry.value.expr],
        });

        let (parts, steps) = self.all(both, depth)?;
        Ok((Size::list(&parts), steps))
    }

    fn call(&mut self, call: &'e CallExpr, depth: u32) -> Cost {
        // The target of a method is an argument like any other.
        let target = call.target.iter().map(|target| &target.expr);
        let (parts, steps) = self.all(target.chain(call.args.iter().map(|one| &one.expr)), depth)?;

        let given = sum(&parts);
        let size = match (call.func_name.as_str(), parts.as_slice()) {
            ("_[_]" | "_[?_]", [of, ..]) => of.part(),
            ("_?_:_", [_, one, other]) => one.larger(*other),
            // Getters of times give numbers.
            (name, _) if PLAIN.contains(&name) || name.starts_with("get") => Size::plain(),
            // A number as text, and bytes that are none, are longer than they were.
            ("string", _) => Size {
                bytes: given.bytes.saturating_mul(3).saturating_add(TEXT),
                ..given
            },
            // Joins, and whatever is not known: all that was given in one value.
            _ => Size {
                bytes: given.bytes.saturating_add(NODE),
                ..given
            },
        };

        let pattern = if call.func_name == "matches" { PATTERN } else { 0 };
        let copied = match call.func_name.as_str() {
            // A part is handed on: that counts as no copy.
            "_?_:_" | "_[_]" | "_[?_]" => 0,
            name if PLAIN.contains(&name) => given.bytes / LOOKED_AT,
            _ => given.bytes / COPIED,
        };
        Ok((size, steps.saturating_add(copied).saturating_add(pattern)))
    }

    fn comprehension(&mut self, one: &'e ComprehensionExpr, depth: u32) -> Cost {
        let (range, before) = self.cost(&one.iter_range.expr, depth)?;
        let (start, first) = self.cost(&one.accu_init.expr, depth)?;

        let count = range.count;
        let (empty, full) = (Size::default(), range.extreme());
        // No round: the result is what it begins as.
        if count == 0 {
            return Ok((start, before.saturating_add(first)));
        }

        // How much one round makes: of an empty element, and of one that holds all of the list.
        let (small, _) = self.step(one, empty, empty, depth)?;
        let (large, _) = self.step(one, full, empty, depth)?;
        // All rounds but one with nothing: any other spread makes less.
        let grown = |of: fn(Size) -> u64| {
            of(start)
                .saturating_add(of(small).saturating_mul(count - 1))
                .saturating_add(of(large))
        };

        let made = grown(|size| size.count);
        let longest = made.max(large.longest).max(start.longest);
        let result = Size {
            bytes: grown(|size| size.bytes),
            count: made,
            longest,
        };

        // Over the limit already: the caller says so, and another walk would say no more.
        if result.bytes > self.largest {
            return Ok((result, 0));
        }

        // And what a round costs once the result is as large as it gets.
        let (_, each) = self.step(one, empty, result, depth)?;
        let (last, dearest) = self.step(one, full, result, depth)?;

        // What takes its own result twice doubles it in each round.
        if last.bytes > large.bytes.saturating_add(result.bytes) {
            return Ok((
                Size {
                    bytes: u64::MAX,
                    ..result
                },
                0,
            ));
        }

        let steps = each.saturating_mul(count - 1).saturating_add(dearest);
        let (size, after) = self.with(&one.accu_var, result, |meter| meter.cost(&one.result.expr, depth))?;
        Ok((
            size,
            [before, first, steps, after]
                .into_iter()
                .fold(0, u64::saturating_add),
        ))
    }

    /// One round, with an element and a result so far of these sizes.
    fn step(&mut self, one: &'e ComprehensionExpr, element: Size, result: Size, depth: u32) -> Cost {
        self.with(&one.iter_var, element, |meter| {
            // Of a map both the key and the value: either may hold all of it.
            let second = one.iter_var2.as_deref().unwrap_or(&one.iter_var);
            meter.with(second, element, |meter| {
                meter.with(&one.accu_var, result, |meter| {
                    // The condition is asked before each round.
                    let (_, asked) = meter.cost(&one.loop_cond.expr, depth)?;
                    let (size, steps) = meter.cost(&one.loop_step.expr, depth)?;
                    Ok((size, steps.saturating_add(asked)))
                })
            })
        })
    }

    fn with<T>(&mut self, name: &'e str, size: Size, work: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.known.insert(name, size);
        let done = work(self);
        // An inner loop may use an outer one's name: the outer one has it back behind it.
        match before {
            Some(before) => self.known.insert(name, before),
            None => self.known.remove(name),
        };
        done
    }
}
