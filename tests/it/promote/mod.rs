//! Promotions: the preflight, adoption, pruning, rights.

mod adoption;
mod barriers;
mod baseline;
mod defaults;
mod emptied;
mod everything;
mod hooks;
mod hooks_that_go;
mod own_namespace;
mod preflight;
mod prune;
mod quarantine;
mod quota;
mod quota_scopes;
mod quoting;
mod repairs;
mod rights;
mod sentences;
mod sizes;
pub mod support;
mod target;
mod waivers;
mod webhook;
mod whole;
