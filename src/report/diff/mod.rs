//! A comparison as people and programs read it. `build` makes redacted data of it, the `view`; the formats only lay it out.
//!
//! No format looks at the comparison itself, so that none can show a value that another one hides. The words that
//! several of them use stand in one place: `field_manager`, `pods`, `snippet`.

mod aside;
mod build;
mod field_manager;
mod html;
mod junit;
mod markdown;
mod pods;
mod since;
mod snippet;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use build::view;
pub use html::html;
pub use junit::junit;
pub use markdown::markdown;
pub use since::since;
pub use text::{Style, text};
pub use view::{Meta, View};

use std::io::{self, Write};

/// Objects with unexpected differences, one a line, as `kubectl get -o name` prints them.
pub fn name(view: &View, out: &mut dyn Write) -> io::Result<()> {
    view.objects
        .iter()
        .filter(|object| object.is_unexpected())
        .try_for_each(|object| writeln!(out, "{}", object.kubectl_name))
}
