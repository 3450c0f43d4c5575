//! A thread that shows events, so that the run never waits for its screen: a terminal that takes nothing (Ctrl-S, a connection
//! that is gone without a word) holds up a write for minutes, and the lock has to be renewed meanwhile.

use crate::model::event::{Event, EventSink};
use crate::report::progress::EventWriter;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long an event may take to be shown before the run goes on without it.
const GRACE: Duration = Duration::from_millis(500);

/// More than any run has events: the count of a thread that has ended.
const ENDED: u64 = u64::MAX;

/// What shows events.
pub(super) trait EventDisplay: Send {
    /// Takes an event. A stream that is gone is no error: a run does not end by it.
    fn show(&mut self, event: &Event);

    /// When it wants to be drawn though nothing happens.
    fn due(&self) -> Option<Instant> {
        None
    }

    /// Draws what is due.
    fn draw(&mut self) {}
}

impl EventDisplay for EventWriter {
    fn show(&mut self, event: &Event) {
        self.emit(event.clone());
    }
}

/// Hands events to the thread. What is written to the same stream afterwards comes after them.
pub(super) struct Background {
    sender: Mutex<Sender>,
    shown: Arc<Shown>,
}

/// The way to the thread, and how many events went there.
struct Sender {
    events: mpsc::Sender<Event>,
    sent: u64,
}

/// How many events were shown.
#[derive(Default)]
struct Shown {
    count: Mutex<u64>,
    changed: Condvar,
}

impl Background {
    /// Starts the thread; it ends with the last event.
    pub fn start(mut display: Box<dyn EventDisplay>) -> Self {
        let (events, receiver) = mpsc::channel();
        let shown = Arc::new(Shown::default());
        let counter = shown.clone();
        std::thread::spawn(move || {
            while let Some(event) = next(&receiver, &mut *display) {
                display.show(&event);
                counter.add(1);
            }
            // A run that ended without its last event: what waits to be drawn is drawn.
            display.draw();
            counter.add(ENDED);
        });
        Self {
            sender: Mutex::new(Sender { events, sent: 0 }),
            shown,
        }
    }
}

/// The next event; meanwhile the display is drawn when it wants to be.
fn next(events: &mpsc::Receiver<Event>, display: &mut dyn EventDisplay) -> Option<Event> {
    loop {
        let Some(due) = display.due() else {
            return events.recv().ok();
        };
        match events.recv_timeout(due.saturating_duration_since(Instant::now())) {
            Ok(event) => return Some(event),
            Err(RecvTimeoutError::Timeout) => display.draw(),
            Err(RecvTimeoutError::Disconnected) => return None,
        }
    }
}

impl Shown {
    fn add(&self, count: u64) {
        let mut shown = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        *shown = shown.saturating_add(count);
        self.changed.notify_all();
    }

    /// Waits until so many were shown. One that is late once is not waited for again until it has caught up.
    fn wait(&self, count: u64, grace: Option<Duration>) {
        let shown = self.count.lock().unwrap_or_else(PoisonError::into_inner);
        match grace {
            Some(_) if shown.saturating_add(1) < count && count != ENDED => {}
            Some(grace) => drop(
                self.changed
                    .wait_timeout_while(shown, grace, |shown| *shown < count),
            ),
            None => drop(self.changed.wait_while(shown, |shown| *shown < count)),
        }
    }
}

impl EventSink for Background {
    fn emit(&self, event: Event) {
        // The last one has all the time: nothing is held up by it, and it is what a person looks for.
        let grace = (!matches!(event, Event::Finished(_))).then_some(GRACE);
        let sent = {
            let mut sender = self.sender.lock().unwrap_or_else(PoisonError::into_inner);
            if sender.events.send(event).is_err() {
                return;
            }
            sender.sent += 1;
            sender.sent
        };
        self.shown.wait(sent, grace);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let sender = self.sender.get_mut().unwrap_or_else(PoisonError::into_inner);
        // The thread ends once nobody can send.
        sender.events = mpsc::channel().0;
        self.shown.wait(ENDED, Some(GRACE));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A terminal that takes nothing until it is let go.
    struct Stopped {
        go: mpsc::Receiver<()>,
        lines: mpsc::Sender<String>,
    }

    impl EventDisplay for Stopped {
        fn show(&mut self, event: &Event) {
            self.go.recv().ok();
            if let Event::Note { message, .. } = event {
                self.lines.send(message.clone()).ok();
            }
        }
    }

    fn note(message: String) -> Event {
        Event::Note {
            object: None,
            message,
        }
    }

    #[test]
    fn a_terminal_that_takes_nothing_holds_up_one_event_for_a_moment_and_loses_none() {
        let (go, gate) = mpsc::channel();
        let (lines, shown) = mpsc::channel();
        let sink = Background::start(Box::new(Stopped { go: gate, lines }));

        let start = Instant::now();
        for n in 0..1000 {
            sink.emit(note(n.to_string()));
        }
        assert!(start.elapsed() < GRACE * 4, "{:?}", start.elapsed());

        // Ctrl-Q: all of it comes, in its order.
        drop(go);
        let all: Vec<String> = (0..1000).map(|_| shown.recv().unwrap()).collect();
        assert_eq!((all[0].as_str(), all[999].as_str()), ("0", "999"));
    }

    #[test]
    fn what_is_written_after_an_event_comes_after_it() {
        let (go, gate) = mpsc::channel::<()>();
        drop(go);
        let (lines, shown) = mpsc::channel();
        let sink = Background::start(Box::new(Stopped { go: gate, lines }));

        sink.emit(note("first".into()));
        assert_eq!(shown.try_recv().unwrap(), "first");
    }
}
