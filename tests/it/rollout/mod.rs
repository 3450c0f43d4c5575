//! Rollouts as the real control plane plays them, followed through the library.

mod followed;
mod kinds;
mod plays;
mod service;
