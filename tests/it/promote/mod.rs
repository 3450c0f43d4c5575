//! Promotions: the preflight, adoption, pruning, rights.

mod hooks;
mod preflight;
mod rights;
mod support;
mod whole;
