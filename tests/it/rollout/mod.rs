//! Rollouts as the real control plane plays them, followed through the library.

mod cases;
mod control_plane;
pub mod followed;
pub mod gates;
mod kinds;
mod outage;
mod plays;
pub mod service;
mod watch;
