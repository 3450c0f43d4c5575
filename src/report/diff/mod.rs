//! A comparison as people and programs read it. `build` makes redacted data of it, the `view`; the formats only lay it out.
//!
//! No format looks at the comparison itself, so that none can show a value that another one hides. What several of them
//! show stands in one place: `group`, `wording`, `snippet`.

mod aside;
mod build;
mod group;
mod html;
mod junit;
pub mod many;
mod markdown;
mod patch;
mod pods;
mod rules;
mod since;
mod snippet;
mod starts;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod view;
mod wording;

pub use build::view;
pub use html::html;
pub use junit::junit;
pub(super) use markdown::code_span;
pub use markdown::{MIN_BYTES, MarkdownLimit, markdown};
pub use patch::{patch, patch_note};
pub use since::since;
pub use text::{Style, text};
pub(in crate::report) use text::{write_changes, write_values};
pub use view::{ChangeView, Meta, View};

use crate::model::ObjectId;
use std::collections::HashSet;
use std::io::{self, Write};

/// Objects with unexpected differences and workloads that would not start again, one a line, as `kubectl get -o name` prints them.
pub fn name(view: &View, out: &mut dyn Write) -> io::Result<()> {
    let mut names = unexpected_ids(view).map(ObjectId::kubectl_name);
    names.try_for_each(|name| writeln!(out, "{name}"))
}

/// The same as identities.
fn unexpected_ids(view: &View) -> impl Iterator<Item = &ObjectId> {
    let unexpected = view.objects.iter().filter(|object| object.is_unexpected());
    let named: HashSet<&ObjectId> = unexpected.clone().map(|object| &object.id).collect();
    let starts = view.would_not_start.iter().map(|start| &start.workload);
    let others = starts.filter(move |id| !named.contains(id));
    unexpected.map(|object| &object.id).chain(others)
}
