//! The binary: parses, runs and exits.

fn main() {}
