//! Work beside the threads that move bytes: to parse, compare or pack hundreds of objects there would hold up every answer.

use std::future::Future;
use std::panic::resume_unwind;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::task::{JoinHandle, spawn_blocking};

/// Begins the work at once, on another thread.
pub fn aside<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Aside<T> {
    Aside(spawn_blocking(work))
}

/// Work that goes on elsewhere; gives what comes of it.
pub struct Aside<T>(JoinHandle<T>);

impl<T> Future for Aside<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        // Nothing aborts it: what ends it early is a panic, a fault of ours that goes on here.
        let ended = Pin::new(&mut self.0).poll(context);
        ended.map(|ended| ended.unwrap_or_else(|error| resume_unwind(error.into_panic())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_comes_of_it_is_given_though_nobody_waits_at_once() {
        let (begun, begins) = std::sync::mpsc::channel();
        let work = aside(move || begun.send(()).map(|()| 7));
        // It has begun before it is waited for.
        begins.recv().unwrap();
        assert_eq!(work.await, Ok(7));
    }

    #[tokio::test]
    #[should_panic(expected = "of ours")]
    async fn a_panic_goes_on_where_it_is_waited_for() {
        aside::<()>(|| panic!("a fault of ours")).await;
    }
}
