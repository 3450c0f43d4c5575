//! Rollouts as the real control plane plays them, followed through the library.

pub mod followed;
mod gates;
mod kinds;
mod plays;
mod service;
