//! Beside other projects' controllers, which run here as they are: what they write into the objects that a release has
//! brought, what they do with them, and what every command says of it.
//!
//! `make engines` builds them and starts a control plane for them, since their CRDs are everybody's.

mod controller;
mod flux;
mod rollouts;
