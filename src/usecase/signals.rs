//! Ctrl-C and its kin: the first signal asks for a rollback, a second Ctrl-C aborts it. Listened to once in a process: a
//! signal counts for whatever comes after it, too.

use crate::execute::Interrupt;
use crate::platform::{self, EndRequest};
use crate::usecase::{CommandError, ErrorKind};
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, watch};

/// A Ctrl-C this soon after the first is the same one: a key that was hit twice, or a process group and a parent that
/// both forward it.
const SAME_PRESS: Duration = Duration::from_secs(1);

/// What a person wants while the process runs.
#[derive(Clone, Debug)]
pub struct Signals {
    wanted: watch::Receiver<Interrupt>,
}

impl Signals {
    /// Listens for SIGINT, SIGTERM and SIGHUP from here on (on Windows for the events of the console); they no longer end the
    /// process.
    pub fn listen() -> Self {
        let (wanted, receiver) = watch::channel(Interrupt::None);
        let (came, mut signals) = mpsc::unbounded_channel();
        platform::listen(&came);
        tokio::spawn(async move {
            let mut interruption = Interruption::default();
            while let Some((request, at)) = signals.recv().await {
                let is_ctrl_c = request == EndRequest::CtrlC;
                wanted.send_replace(interruption.add_signal(is_ctrl_c, at));
            }
        });
        Self { wanted: receiver }
    }

    /// The channel that an execution listens to.
    pub fn wanted(&self) -> watch::Receiver<Interrupt> {
        self.wanted.clone()
    }

    /// Waits for a signal.
    pub async fn interrupted(&self) {
        let mut wanted = self.wanted();
        // The sender lives as long as the process: without one there is nothing that could come.
        if wanted
            .wait_for(|wanted| *wanted != Interrupt::None)
            .await
            .is_err()
        {
            std::future::pending::<()>().await;
        }
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

/// What the signals that came so far add up to.
#[derive(Debug, Default)]
struct Interruption {
    wanted: Interrupt,
    first_ctrl_c: Option<Instant>,
}

impl Interruption {
    /// Takes one signal more; what is wanted now. A closed terminal sends SIGHUP twice (its shell does, and the kernel), a
    /// runner that cancels SIGTERM after SIGINT: neither is a person who asks again.
    fn add_signal(&mut self, is_ctrl_c: bool, at: Instant) -> Interrupt {
        let again = self
            .first_ctrl_c
            .is_some_and(|first| at.saturating_duration_since(first) >= SAME_PRESS);
        if is_ctrl_c {
            self.first_ctrl_c.get_or_insert(at);
        }

        let wanted = if is_ctrl_c && again {
            Interrupt::Leave
        } else {
            Interrupt::Revert
        };
        self.wanted = self.wanted.max(wanted);
        self.wanted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    const INT: bool = true;
    const HUP_OR_TERM: bool = false;

    #[rstest]
    #[case::one_ctrl_c(&[(INT, 0)], Interrupt::Revert)]
    #[case::a_double_key_press(&[(INT, 0), (INT, 200)], Interrupt::Revert)]
    #[case::just_within_a_second(&[(INT, 0), (INT, 999)], Interrupt::Revert)]
    #[case::again_after_a_second(&[(INT, 0), (INT, 1000)], Interrupt::Leave)]
    #[case::a_double_press_and_then_again(&[(INT, 0), (INT, 300), (INT, 1100)], Interrupt::Leave)]
    #[case::a_closed_terminal(&[(HUP_OR_TERM, 0), (HUP_OR_TERM, 5000)], Interrupt::Revert)]
    #[case::a_cancelled_job(&[(INT, 0), (HUP_OR_TERM, 7500)], Interrupt::Revert)]
    #[case::the_first_ctrl_c_after_another_signal(&[(HUP_OR_TERM, 0), (INT, 5000)], Interrupt::Revert)]
    #[case::the_second_ctrl_c_after_another_signal(&[(HUP_OR_TERM, 0), (INT, 5000), (INT, 6000)], Interrupt::Leave)]
    #[case::nothing_takes_it_back(&[(INT, 0), (INT, 2000), (HUP_OR_TERM, 2001)], Interrupt::Leave)]
    fn only_a_second_ctrl_c_at_least_a_second_after_the_first_aborts(
        #[case] signals: &[(bool, u64)],
        #[case] expected: Interrupt,
    ) {
        let start = Instant::now();
        let mut interruption = Interruption::default();
        for (is_ctrl_c, millis) in signals {
            interruption.add_signal(*is_ctrl_c, start + Duration::from_millis(*millis));
        }
        assert_eq!(interruption.wanted, expected);
    }
}
