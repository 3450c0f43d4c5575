//! Ctrl-C and its kin: the first asks for a revert, the second to leave at once. Listened to once in a process: a signal
//! counts for whatever comes after it, too.

use crate::execute::Interrupt;
use crate::usecase::{CommandError, ErrorKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, watch};

/// What a person wants while the process runs.
#[derive(Clone, Debug)]
pub struct Signals {
    wanted: watch::Receiver<Interrupt>,
}

impl Signals {
    /// Listens for SIGINT, SIGTERM and SIGHUP from here on; they no longer end the process.
    pub fn listen() -> Self {
        let (wanted, receiver) = watch::channel(Interrupt::None);
        let (came, mut signals) = mpsc::unbounded_channel();
        for kind in [
            SignalKind::interrupt(),
            SignalKind::terminate(),
            SignalKind::hangup(),
        ] {
            // Who starts us may have us outlive it (nohup).
            if is_ignored(kind) {
                continue;
            }
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
                let next = match *wanted.borrow() {
                    Interrupt::None => Interrupt::Revert,
                    Interrupt::Revert | Interrupt::Leave => Interrupt::Leave,
                };
                wanted.send_replace(next);
            }
        });
        Self { wanted: receiver }
    }

    /// The channel that an execution listens to.
    pub fn wanted(&self) -> watch::Receiver<Interrupt> {
        self.wanted.clone()
    }

    /// Whether a signal has come.
    pub fn is_interrupted(&self) -> bool {
        *self.wanted.borrow() != Interrupt::None
    }

    /// What is to be done before anything is touched: a signal ends it.
    ///
    /// # Errors
    ///
    /// Where a signal came first; else those of the work.
    pub async fn end<T>(
        &self,
        work: impl Future<Output = Result<T, CommandError>>,
    ) -> Result<T, CommandError> {
        let mut wanted = self.wanted();
        tokio::select! {
            biased;
            Ok(_) = wanted.wait_for(|wanted| *wanted != Interrupt::None) => {
                Err(CommandError::new(ErrorKind::Interrupted, "interrupted; nothing was changed"))
            }
            done = work => done,
        }
    }
}

/// Whether the process was started with the signal ignored, by the mask that Linux shows of it.
fn is_ignored(kind: SignalKind) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores(&status, kind.as_raw_value())
}

fn ignores(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_the_process_was_started_without_is_told_from_its_mask() {
        let status =
            "Name:\tx\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(ignores(status, 1), "SIGHUP, under nohup");
        assert!(ignores(status, 13), "SIGPIPE");
        assert!(!ignores(status, 2) && !ignores(status, 15));
        assert!(!ignores("", 1));
    }
}
