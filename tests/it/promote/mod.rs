//! Promotions: the preflight, adoption, pruning, rights.

mod adoption;
mod barriers;
mod baseline;
mod defaults;
mod emptied;
mod everything;
mod hooks;
mod hooks_that_go;
mod no_drift;
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
mod server_values;
mod sizes;
pub mod support;
mod target;
mod waivers;
mod webhook;
mod webhook_repairs;
mod whole;
