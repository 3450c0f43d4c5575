//! The process that acts are done to.

use crate::harness::Ran;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A process that can be killed and frozen from another thread.
pub struct Process {
    child: Mutex<Child>,
    id: u32,
}

impl Process {
    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// SIGKILL.
    pub fn kill(&self) {
        self.child().kill().ok();
    }

    /// SIGSTOP.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    /// SIGCONT.
    pub fn go_on(&self) {
        self.signal("CONT");
    }

    /// SIGINT, SIGTERM, …
    pub fn signal(&self, name: &str) {
        // A child that was waited for has given its id back.
        if self.child().try_wait().is_ok_and(|ended| ended.is_none()) {
            Command::new("kill")
                .arg(format!("-{name}"))
                .arg(self.id.to_string())
                .status()
                .ok();
        }
    }
}

/// A started command.
pub struct Running {
    process: Arc<Process>,
    command: String,
    start: Instant,
    readers: [Option<Reader>; 2],
}

impl Running {
    /// Starts it, with what it writes being read.
    pub fn start(command: &mut Command) -> Self {
        let start = Instant::now();
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{command:?}: {error}"));
        let readers = [child.stdout.take().map(reader), child.stderr.take().map(reader)];
        let id = child.id();
        let words = command.get_args().map(|word| word.to_string_lossy().into_owned());
        let shown = std::iter::once("kubectl-delivery".to_owned())
            .chain(words)
            .collect::<Vec<_>>()
            .join(" ");
        let process = Arc::new(Process {
            child: Mutex::new(child),
            id,
        });
        Self {
            process,
            command: shown,
            start,
            readers,
        }
    }

    /// The process.
    pub fn process(&self) -> Arc<Process> {
        self.process.clone()
    }

    /// Whether it has ended.
    pub fn has_ended(&self) -> bool {
        self.process.child().try_wait().is_ok_and(|ended| ended.is_some())
    }

    /// Waits until its stderr holds that text. Fails where it ends without, and after a minute.
    pub fn until_stderr(&self, text: &str) {
        self.until_written(1, text);
    }

    /// The same of its stdout.
    pub fn until_stdout(&self, text: &str) {
        self.until_written(0, text);
    }

    fn until_written(&self, stream: usize, text: &str) {
        let start = Instant::now();
        loop {
            // Before the look: what it wrote last is read as well.
            let is_over = self.has_ended() || start.elapsed() > Duration::from_secs(60);
            let written = self.readers[stream]
                .as_ref()
                .map(Reader::so_far)
                .unwrap_or_default();
            if written.contains(text) {
                return;
            }
            assert!(!is_over, "{} did not write {text:?}:\n{written}", self.command);
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits for its end. Kills it and fails after five minutes.
    pub fn wait(mut self) -> Ran {
        let code = loop {
            if let Some(status) = self.process.child().try_wait().unwrap() {
                break status.code();
            }
            if self.start.elapsed() > Duration::from_secs(300) {
                self.process.kill();
                let stderr = self.readers[1].take().map(Reader::join).unwrap_or_default();
                panic!("{} did not end within 300 s:\n{stderr}", self.command);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.start.elapsed();
        let [stdout, stderr] = self
            .readers
            .each_mut()
            .map(|reader| reader.take().map(Reader::join).unwrap_or_default());
        Ran {
            command: self.command.clone(),
            code,
            stdout,
            stderr,
            took,
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // After wait() this does nothing; after a panic nothing must be left behind.
        self.process.kill();
        self.process.child().wait().ok();
    }
}

/// What one of its streams holds, while it is written and at its end.
struct Reader {
    text: Arc<Mutex<String>>,
    thread: JoinHandle<()>,
}

impl Reader {
    fn so_far(&self) -> String {
        self.text.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn join(self) -> String {
        self.thread.join().unwrap();
        std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn reader(pipe: impl Read + Send + 'static) -> Reader {
    let text = Arc::new(Mutex::new(String::new()));
    let written = text.clone();

    let thread = std::thread::spawn(move || {
        let mut pipe = BufReader::new(pipe);
        let mut line = Vec::new();
        while pipe.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
            let mut text = written.lock().unwrap_or_else(PoisonError::into_inner);
            text.push_str(&String::from_utf8_lossy(&line));
            line.clear();
        }
    });
    Reader { text, thread }
}
