//! A comparison as people and programs read it. `view` makes redacted data of it; the formats only lay it out.
//!
//! No format looks at the comparison itself, so that none can show a value that another one hides. The words that
//! several of them use stand in one place: `hand`, `pods`, `snippet`.

mod aside;
mod hand;
mod html;
mod junit;
mod markdown;
mod person;
mod pods;
mod since;
mod snippet;
mod summary;
#[cfg(test)]
mod tests;
mod view;

pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use person::{Style, person};
pub use since::since;
pub use summary::Summary;
pub use view::{Meta, View, view};

use std::io::{self, Write};

/// Objects with unexpected differences, one a line, as `kubectl get -o name` prints them.
pub fn name(view: &View, out: &mut dyn Write) -> io::Result<()> {
    view.objects
        .iter()
        .filter(|object| object.is_unexpected())
        .try_for_each(|object| writeln!(out, "{}", object.kubectl_name))
}
