//! Ctrl-C and its kin: the first asks for a revert, the second to leave at once.

use crate::execute::Interrupt;
use crate::model::event::{Event, EventSink};
use std::sync::Arc;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// Listens for SIGINT, SIGTERM and SIGHUP from here on.
pub(super) fn listen(events: Arc<dyn EventSink>) -> watch::Receiver<Interrupt> {
    let (wanted, receiver) = watch::channel(Interrupt::None);
    let (came, mut signals) = mpsc::unbounded_channel();
    for kind in [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()] {
        let came = came.clone();
        // Where a signal cannot be listened for, it ends the process; the journal is there for that.
        let Ok(mut stream) = signal(kind) else { continue };
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if came.send(()).is_err() {
                    return;
                }
            }
        });
    }
    tokio::spawn(async move {
        while signals.recv().await.is_some() {
            let (next, message) = match *wanted.borrow() {
                Interrupt::None => {
                    (Interrupt::Revert, "interrupted: putting everything back; once more leaves at once")
                }
                Interrupt::Revert | Interrupt::Leave => (Interrupt::Leave, "leaving at once"),
            };
            events.emit(Event::Note { object: None, message: message.into() });
            wanted.send_replace(next);
        }
    });
    receiver
}
