//! A terminal that a test owns: the program runs in a session of its own with it, and hears when it is closed.

use rustix::pty::{grantpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A read that finds nothing returns at once: a terminal that is being read cannot be closed.
const O_NONBLOCK: i32 = 0o4000;
const O_NOCTTY: i32 = 0o400;

/// A program on a terminal of 100 columns.
pub struct Terminal {
    child: Child,
    shown: Arc<Mutex<String>>,
    is_closed: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Terminal {
    /// Starts a command on a terminal of so many rows.
    pub fn start(command: &Command, rows: u16) -> Self {
        let open = |path: &OsStr, flags: i32| {
            let mut options = OpenOptions::new();
            options.read(true).write(true).custom_flags(flags);
            options
                .open(path)
                .unwrap_or_else(|error| panic!("{}: {error}", path.display()))
        };
        let master = open(OsStr::new("/dev/ptmx"), O_NONBLOCK | O_NOCTTY);
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        let slave = open(OsStr::from_bytes(name.to_bytes()), O_NOCTTY);
        let size = Winsize {
            ws_row: rows,
            ws_col: 100,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).unwrap();

        // The leader of a session hears of its terminal's end from the kernel.
        let mut on_terminal = Command::new("setsid");
        on_terminal
            .arg("--ctty")
            .arg(command.get_program())
            .args(command.get_args())
            .env_clear();
        on_terminal.envs(
            command
                .get_envs()
                .filter_map(|(name, value)| Some((name, value?))),
        );
        on_terminal.env("TERM", "xterm-256color");
        let file = |slave: &File| slave.try_clone().unwrap();
        on_terminal.stdin(file(&slave)).stdout(file(&slave)).stderr(slave);
        let child = on_terminal.spawn().unwrap();

        let (shown, is_closed) = (
            Arc::new(Mutex::new(String::new())),
            Arc::new(AtomicBool::new(false)),
        );
        let reader = read(master, shown.clone(), is_closed.clone());
        Self {
            child,
            shown,
            is_closed,
            reader: Some(reader),
        }
    }

    /// Everything that was written to it so far.
    pub fn shown(&self) -> String {
        self.shown.lock().unwrap().clone()
    }

    /// SIGHUP, SIGINT, …
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        Command::new("kill")
            .args([&format!("-{name}"), &id])
            .status()
            .unwrap();
    }

    /// Closes it, as a connection that is lost does.
    pub fn close(&mut self) {
        self.is_closed.store(true, Ordering::Relaxed);
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
    }

    /// Waits for the program's end; its exit code. Fails after two minutes.
    pub fn wait(&mut self) -> Option<i32> {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                // What it wrote last is read as well.
                self.close();
                return status.code();
            }
            assert!(
                start.elapsed() < Duration::from_secs(120),
                "it did not end:\n{}",
                self.shown()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // After wait() this does nothing; after a panic nothing must be left behind.
        self.child.kill().ok();
        self.child.wait().ok();
        self.is_closed.store(true, Ordering::Relaxed);
    }
}

fn read(mut master: File, shown: Arc<Mutex<String>>, is_closed: Arc<AtomicBool>) -> JoinHandle<()> {
    std::thread::spawn(move || {
        let mut bytes = [0; 64 * 1024];
        let mut begun = Vec::new();
        loop {
            // Before the read: what was there when it was closed is taken.
            let is_last = is_closed.load(Ordering::Relaxed);
            match master.read(&mut bytes) {
                Ok(length) => {
                    begun.extend(&bytes[..length]);
                    // A character that is cut stays for the next read.
                    let whole =
                        std::str::from_utf8(&begun).map_or_else(|error| error.valid_up_to(), str::len);
                    let rest = begun.split_off(whole);
                    shown
                        .lock()
                        .unwrap()
                        .push_str(std::str::from_utf8(&begun).unwrap());
                    begun = rest;
                }
                // Nothing now, or nobody has it open.
                Err(error) if error.kind() == ErrorKind::WouldBlock || !is_last => {
                    if is_last {
                        return;
                    }
                    std::thread::sleep(Duration::from_millis(5));
                }
                Err(_) => return,
            }
        }
    })
}
