//! Linux and macOS: signals, permission bits, and files that are none.

use super::signal_mask::is_ignored;
use super::{EndRequest, SpecialKind};
use std::fs::{File, Metadata, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Instant;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::UnboundedSender;

/// Sends each SIGINT, SIGTERM and SIGHUP from here on, with its time; they no longer end the process. Needs a runtime.
pub fn listen(came: &UnboundedSender<(EndRequest, Instant)>) {
    for (kind, request) in [
        (SignalKind::interrupt(), EndRequest::CtrlC),
        (SignalKind::terminate(), EndRequest::Other),
        (SignalKind::hangup(), EndRequest::Other),
    ] {
        // Who starts us may have us outlive it (nohup). macOS does not show the mask.
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        if is_ignored(&status, kind.as_raw_value()) {
            continue;
        }

        let came = came.clone();
        // Where a signal cannot be listened for, it ends the process; the journal is there for that.
        let Ok(mut stream) = signal(kind) else { continue };
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if came.send((request, Instant::now())).is_err() {
                    return;
                }
            }
        });
    }
}

/// What a path is that is neither a regular file nor a directory.
pub fn find_special_kind(metadata: &Metadata) -> Option<SpecialKind> {
    let kind = metadata.file_type();
    if kind.is_fifo() {
        return Some(SpecialKind::Pipe);
    }
    if kind.is_char_device() || kind.is_block_device() {
        return Some(SpecialKind::Device);
    }
    kind.is_socket().then_some(SpecialKind::Socket)
}

/// Lets others read a temporary file, which is its user's alone.
///
/// # Errors
///
/// Where the file system refuses.
pub fn share_for_reading(file: &File) -> io::Result<()> {
    file.set_permissions(Permissions::from_mode(0o644))
}

/// Has the directory that is made be one that no other user may open, whatever the umask is.
pub fn make_private(builder: &mut tempfile::Builder<'_, '_>) {
    // Set as it is made: changed afterwards, it would have been open for a moment.
    builder.permissions(Permissions::from_mode(0o700));
}

/// Opens a file anew that no other user may read.
///
/// # Errors
///
/// Where it cannot be written.
pub fn open_private(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true).mode(0o600);
    options.open(path)
}
