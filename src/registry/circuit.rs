//! Which hosts are left alone: one that gave no answer twice in a row is asked no more, and who waits for it waits no longer.
//!
//! Hundreds of images may lie in one registry: each of them would wait for its own answer.

use super::error::RegistryFailure;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// After so many requests in a row without an answer a host is left alone.
const MOST_UNANSWERED: u32 = 2;

/// What is known of the hosts that were asked. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Circuits(Arc<Mutex<HashMap<String, Circuit>>>);

#[derive(Clone, Debug)]
struct Circuit(Arc<watch::Sender<HostState>>);

#[derive(Debug, Default)]
struct HostState {
    /// Requests in a row without an answer.
    unanswered: u32,
    /// Why the host is left alone; none where it is not.
    cause: Option<RegistryFailure>,
}

impl Circuits {
    /// Sends a request to a host, once more where there is no answer. From a host that is left alone the answer is why.
    pub(super) async fn ask<T, F>(&self, host: &str, request: impl Fn() -> F) -> Result<T, RegistryFailure>
    where
        F: Future<Output = Result<T, RegistryFailure>>,
    {
        let circuit = self.circuit(host);
        match circuit.ask_once(request()).await {
            Err(failure) if failure.is_unanswered() => circuit.ask_once(request()).await,
            answered => answered,
        }
    }

    fn circuit(&self, host: &str) -> Circuit {
        // Held to find one, never while it is used. After a panic the map is whole: it only grows.
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(host.to_owned())
            .or_insert_with(|| Circuit(Arc::new(watch::Sender::default())))
            .clone()
    }
}

impl Circuit {
    async fn ask_once<T>(
        &self,
        request: impl Future<Output = Result<T, RegistryFailure>>,
    ) -> Result<T, RegistryFailure> {
        let answered = tokio::select! {
            // First: a host that is left alone gets no request.
            biased;
            cause = self.left_alone() => return Err(cause),
            answered = request => answered,
        };

        self.0.send_modify(|state| match &answered {
            Err(failure) if failure.is_unanswered() => {
                state.unanswered += 1;
                if state.unanswered >= MOST_UNANSWERED {
                    state.cause.get_or_insert_with(|| failure.clone());
                }
            }
            _ => state.unanswered = 0,
        });
        answered
    }

    /// Ends when the host is left alone, with why.
    async fn left_alone(&self) -> RegistryFailure {
        let mut state = self.0.subscribe();
        let found = state.wait_for(|state| state.cause.is_some()).await;
        match found.ok().and_then(|state| state.cause.clone()) {
            Some(cause) => cause,
            // The sender lives as long as this does.
            None => std::future::pending().await,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::registry::error::Unreachable;
    use std::sync::atomic::{AtomicU32, Ordering};

    fn silent() -> RegistryFailure {
        RegistryFailure::Unreachable {
            host: "r.example".into(),
            cause: Unreachable::NameNotResolved,
        }
    }

    #[tokio::test]
    async fn a_host_without_an_answer_is_asked_once_more_and_then_no_more() {
        let (circuits, asked) = (Circuits::default(), AtomicU32::new(0));
        let ask = |host| {
            circuits.ask(host, || async {
                asked.fetch_add(1, Ordering::Relaxed);
                Err::<(), _>(silent())
            })
        };

        for _ in 0..250 {
            assert_eq!(ask("r.example").await, Err(silent()));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);

        // Another host is another matter, and clones share what is known.
        assert_eq!(ask("other.example").await, Err(silent()));
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        let unasked = || async { panic!("asked") };
        assert_eq!(
            circuits.clone().ask::<(), _>("r.example", unasked).await,
            Err(silent())
        );
    }

    #[tokio::test]
    async fn who_waits_for_a_host_that_is_left_alone_waits_no_longer() {
        let circuits = Circuits::default();
        let waiting = circuits.ask("r.example", std::future::pending::<Result<(), _>>);
        let failing = circuits.ask("r.example", || async { Err::<(), _>(silent()) });

        assert_eq!(futures::join!(waiting, failing), (Err(silent()), Err(silent())));
    }

    #[tokio::test]
    async fn a_refusal_is_an_answer_and_one_answer_in_between_begins_anew() {
        let circuits = Circuits::default();
        let refused = || RegistryFailure::NotFound("404".into());
        for _ in 0..5 {
            let asked = circuits.ask("r.example", || async { Err::<(), _>(refused()) });
            assert_eq!(asked.await, Err(refused()));
        }

        let (first, second) = (AtomicU32::new(0), Ok::<(), _>(()));
        for _ in 0..5 {
            let flaky = circuits.ask("r.example", || async {
                match first.fetch_add(1, Ordering::Relaxed) % 2 {
                    0 => Err(silent()),
                    _ => second.clone(),
                }
            });
            assert_eq!(flaky.await, Ok(()));
        }
    }
}
