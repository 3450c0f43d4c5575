//! Promotions: the preflight, adoption, pruning, rights.

mod preflight;
mod rights;
mod support;
mod whole;
