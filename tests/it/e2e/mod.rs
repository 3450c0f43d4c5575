//! Against a real kubelet: `make e2e`.

mod gated;
mod image;
mod in_pod;
mod indexes;
mod measured;
mod promoted;
mod quoting;
pub mod readme;
mod rehearsed;
mod rollout;
mod starts;
mod tags;
mod watched;
mod which_image;
