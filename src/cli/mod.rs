//! The ground that commands stand on: flags that several have, what a command gets ([`Context`]) and how it ends
//! ([`Exit`], [`CommandError`](crate::usecase::CommandError)).
//!
//! A command lives in `src/commands/NAME.rs` as `Args` (clap derive, which flattens [`ConnectionArgs`] where it talks
//! to a cluster) and `async fn run(args: Args, context: &Context) -> Result<Exit, CommandError>`.

mod ci;
mod color;
mod connection;
mod context;
mod error;
mod output;
mod panics;
mod program;
mod usage;
mod visible;

pub use ci::{annotate_error, ci_system};
pub use color::{ColorChoice, ColorEnvironment, Stream};
pub use connection::{ConnectionArgs, parse_duration};
pub use context::{Context, GlobalArgs};
pub use error::{Exit, Family, write_error};
pub use output::{CompareFormat, DataFormat, DiffFormat, JsonFormat, ReleaseFormat, parse_output_file};
pub use panics::end_on_panic;
pub use program::{Program, named_as_typed, plugin_file};
pub use usage::usage_error;
pub use visible::Visible;
