//! Against a real kubelet: `make e2e`.

mod image;
mod in_pod;
mod rollout;
