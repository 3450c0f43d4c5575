//! The binary: parses, runs and exits.

use std::process::ExitCode;

// A comparison makes and drops a small value for each field of each object, on several threads.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    kubectl_delivery::app::end_on_panic();

    // Two TLS providers may be linked in; the first connection must find one chosen. Only
    // a second call fails.
    rustls::crypto::ring::default_provider().install_default().ok();

    let arguments: Vec<_> = std::env::args_os().collect();
    let exit = kubectl_delivery::app::run(&arguments);
    ExitCode::from(exit.0)
}
