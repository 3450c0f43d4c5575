//! The process that acts are done to.

use crate::harness::Ran;
use std::io::Read;
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
    readers: [Option<JoinHandle<String>>; 2],
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

    /// Waits for its end. Kills it and fails after five minutes.
    pub fn wait(mut self) -> Ran {
        let code = loop {
            if let Some(status) = self.process.child().try_wait().unwrap() {
                break status.code();
            }
            if self.start.elapsed() > Duration::from_secs(300) {
                self.process.kill();
                let said = self.readers[1]
                    .take()
                    .map(|thread| thread.join().unwrap())
                    .unwrap_or_default();
                panic!("{} did not end within 300 s:\n{said}", self.command);
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let took = self.start.elapsed();
        let [stdout, stderr] = self.readers.each_mut().map(|reader| {
            reader
                .take()
                .map(|thread| thread.join().unwrap())
                .unwrap_or_default()
        });
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

fn reader(mut pipe: impl Read + Send + 'static) -> JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        pipe.read_to_end(&mut bytes).ok();
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
