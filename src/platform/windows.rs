//! Windows: console events, and files whose access follows from their directory.

use super::{EndRequest, SpecialKind};
use std::fs::{File, Metadata};
use std::io;
use std::path::Path;
use std::time::Instant;
use tokio::signal::windows;
use tokio::sync::mpsc::UnboundedSender;

/// Sends what one kind of console event asks for, each time.
macro_rules! forward {
    ($stream:expr, $request:expr, $came:expr) => {
        // Where an event cannot be listened for, it ends the process; the journal is there for that.
        if let Ok(mut stream) = $stream {
            let came = $came.clone();
            tokio::spawn(async move {
                while stream.recv().await.is_some() {
                    if came.send(($request, Instant::now())).is_err() {
                        return;
                    }
                }
            });
        }
    };
}

/// Sends each Ctrl-C, Ctrl-Break, closed console, logoff and shutdown from here on, with its time. Needs a runtime. After the
/// last three Windows ends the process within seconds, whatever it does: the next run settles what is unfinished.
pub fn listen(came: &UnboundedSender<(EndRequest, Instant)>) {
    forward!(windows::ctrl_c(), EndRequest::CtrlC, came);
    forward!(windows::ctrl_break(), EndRequest::Other, came);
    forward!(windows::ctrl_close(), EndRequest::Other, came);
    forward!(windows::ctrl_logoff(), EndRequest::Other, came);
    forward!(windows::ctrl_shutdown(), EndRequest::Other, came);
}

/// The standard library knows regular files and directories here, and no others.
pub fn find_special_kind(_: &Metadata) -> Option<SpecialKind> {
    None
}

/// A file inherits from its directory who may read it: nothing is to be done.
///
/// # Errors
///
/// None.
pub fn share_for_reading(_: &File) -> io::Result<()> {
    Ok(())
}

/// The directory for temporary files lies in the user's profile, which no other user may open.
pub fn make_private(_: &mut tempfile::Builder<'_, '_>) {}

/// Opens a file anew; it is as private as its directory.
///
/// # Errors
///
/// Where it cannot be written.
pub fn open_private(path: &Path) -> io::Result<File> {
    File::create(path)
}
