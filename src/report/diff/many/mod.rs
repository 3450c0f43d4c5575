//! Several releases, each compared with what runs: a table of all of them, and below it what was found of each.
//!
//! Every format is one document. What is shown of one release is laid out as where it is compared alone.

mod html;
mod junit;
mod markdown;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use text::text;
pub use view::{ImageCounts, ManyView, ReleaseFacts, ReleaseHealth, ReleaseView};

use crate::model::ObjectId;
use std::io::{self, Write};

/// Objects with unexpected differences and workloads that would not start again, one a line, with their namespaces: as
/// `kubectl get` takes them.
pub fn name(view: &ManyView, out: &mut dyn Write) -> io::Result<()> {
    let views = view.releases.iter().filter_map(|release| release.diff.as_ref());
    let names = views.flat_map(super::unexpected_ids);
    names
        .map(ObjectId::kubectl_args)
        .try_for_each(|name| writeln!(out, "{name}"))
}
