//! Following a rollout: watches feed the pure verdicts, and every change of a verdict comes out.

mod clock;
mod followed;
mod following;
mod status_kinds;
mod view;

pub use followed::Update;
pub use following::{Blocker, Follow};
