//! What differs between operating systems. Nothing else of the program asks which one runs it.
//!
//! What has to be compiled for one of them stands in a file each (`unix.rs`, `windows.rs`) with the same functions, and
//! `cfg` picks the file here. What can be found out without that, such as a process's start, is decided while running
//! ([`System`]), so that all of it is compiled and tested everywhere.

pub mod process;
#[cfg(any(unix, test))]
mod signal_mask;
mod system;
#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

pub use system::{System, go_platform};
#[cfg(unix)]
pub use unix::{find_special_kind, listen, make_private, open_private, share_for_reading};
#[cfg(windows)]
pub use windows::{find_special_kind, listen, make_private, open_private, share_for_reading};

/// What asks the process to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndRequest {
    /// Ctrl-C, or SIGINT.
    CtrlC,
    /// Whatever else: SIGTERM, a terminal that was closed, Ctrl-Break, a session that ends.
    Other,
}

/// A file that is neither a regular one nor a directory.
#[cfg_attr(
    windows,
    allow(dead_code, reason = "the standard library tells none of them there")
)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpecialKind {
    /// A named pipe, such as `<(helm template …)`.
    Pipe,
    /// A device.
    Device,
    /// A socket.
    Socket,
}
