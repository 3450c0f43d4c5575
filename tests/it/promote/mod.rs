//! Promotions: the preflight, adoption, pruning, rights.

mod adoption;
mod barriers;
mod everything;
mod hooks;
mod preflight;
mod quarantine;
mod rights;
mod sizes;
mod support;
mod webhook;
mod whole;
