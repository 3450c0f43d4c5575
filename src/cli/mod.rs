//! The ground that commands stand on: flags that several have, what a command gets ([`Context`]) and how it ends
//! ([`Exit`], [`CommandError`](crate::usecase::CommandError)).
//!
//! A command lives in `src/commands/NAME.rs` as `Args` (clap derive, which flattens [`ConnectionArgs`] where it talks
//! to a cluster) and `async fn run(args: Args, context: &Context) -> Result<Exit, CommandError>`.

mod color;
mod connection;
mod context;
mod error;
mod output;
mod visible;

pub use color::{ColorChoice, ColorEnvironment, Stream};
pub use connection::{ConnectionArgs, parse_duration};
pub use context::{Context, GlobalArgs};
pub use error::{Exit, Family, write_error};
pub use output::{CompareFormat, DataFormat, DiffFormat, JsonFormat, ReleaseFormat};
pub use visible::Visible;
