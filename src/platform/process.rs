//! A machine since its last start, and whether one of its processes still runs.
//!
//! Linux tells by files, macOS and Windows by small programs that are part of them. What they print is read by pure
//! functions. Whatever fails is *unknown*: of a process of which nothing is known nothing may be concluded.

use super::System;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;
use std::process::{Command, Stdio};

/// What makes a process's number one process: numbers belong to a machine since its last start, and on Linux to a
/// namespace of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Its name, for users.
    pub host: String,
    /// One text for the time since its last start; empty where it is unknown.
    pub boot: String,
    /// The namespace of process numbers; empty where there are none.
    pub pid_namespace: String,
}

/// How a process is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessState {
    /// It runs, and was started then, in whatever unit the system counts.
    Running(String),
    /// There is none of that number, or it has ended.
    Gone,
    /// The system did not answer.
    Unknown,
}

impl Machine {
    /// This one. Asked once in a process by whoever uses it often: macOS and Windows start programs for it.
    pub fn current(system: System) -> Self {
        match system {
            System::Linux => Self {
                host: read("/proc/sys/kernel/hostname"),
                boot: read("/proc/sys/kernel/random/boot_id"),
                pid_namespace: pid_namespace(),
            },
            System::MacOs => {
                let lines = output("sysctl", &["-n", "kern.hostname", "kern.bootsessionuuid"]);
                Self::from_sysctl(&lines.unwrap_or_default())
            }
            System::Windows => {
                let value = |key: &str, name: &str| {
                    let text = output("reg", &["query", key, "/v", name]).unwrap_or_default();
                    registry_value(&text, name).map(str::to_owned)
                };
                Self {
                    host: std::env::var("COMPUTERNAME").unwrap_or_default(),
                    boot: windows_boot(value(MACHINE_GUID.0, MACHINE_GUID.1), value(BOOT_ID.0, BOOT_ID.1)),
                    pid_namespace: String::new(),
                }
            }
            System::Other => Self::default(),
        }
    }

    /// By the two lines that `sysctl -n kern.hostname kern.bootsessionuuid` prints; another number of lines says nothing.
    fn from_sysctl(text: &str) -> Self {
        match text.lines().map(str::trim).collect::<Vec<_>>()[..] {
            [host, boot] => Self {
                host: host.to_owned(),
                boot: boot.to_owned(),
                pid_namespace: String::new(),
            },
            _ => Self::default(),
        }
    }
}

impl ProcessState {
    /// How the process of that number is on this machine now.
    pub fn read(system: System, pid: u32) -> Self {
        match system {
            System::Linux => match fs::read_to_string(format!("/proc/{pid}/stat")) {
                Ok(stat) => Self::from_stat(&stat),
                // Where /proc hides the processes of other users (hidepid), the first one cannot be seen either.
                Err(error) if error.kind() == ErrorKind::NotFound && Path::new("/proc/1").exists() => {
                    Self::Gone
                }
                // A process that ends while it is read (ESRCH) is gone at the next look.
                Err(_) => Self::Unknown,
            },
            System::MacOs => Self::from_ps(run("ps", &["-o", "stat=,lstart=", "-p", &pid.to_string()])),
            System::Windows => {
                let script = WINDOWS_START.replace("PID", &pid.to_string());
                let flags = ["-NoProfile", "-NonInteractive", "-Command", &script];
                Self::from_powershell(&output("powershell", &flags).unwrap_or_default())
            }
            System::Other => Self::Unknown,
        }
    }

    /// By `/proc/PID/stat`: the start in clock ticks since boot.
    fn from_stat(stat: &str) -> Self {
        // The second field may hold spaces; it ends at the last parenthesis.
        let Some((_, rest)) = stat.rsplit_once(')') else {
            return Self::Unknown;
        };
        let fields: Vec<&str> = rest.split_whitespace().collect();
        // Counted from the state, the third field: the start is the 22nd of all.
        match (fields.first(), fields.get(19)) {
            (Some(&"Z" | &"X"), _) => Self::Gone,
            (Some(_), Some(start)) => Self::Running((*start).to_owned()),
            _ => Self::Unknown,
        }
    }

    /// By what `ps -o stat=,lstart= -p PID` prints and whether it succeeded: a state, and a time such as `Mon Nov 30
    /// 15:51:22 2026`. It fails and prints nothing where there is no such process.
    fn from_ps(ran: Option<(bool, String)>) -> Self {
        let Some((succeeded, text)) = ran else {
            return Self::Unknown;
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        match words[..] {
            [] if !succeeded => Self::Gone,
            [state, ..] if state.starts_with('Z') => Self::Gone,
            [_, weekday, month, day, time, year] => {
                Self::Running([weekday, month, day, time, year].join("-"))
            }
            _ => Self::Unknown,
        }
    }

    /// By what `WINDOWS_START` prints: a count of 100 ns since 1601, or `gone`.
    fn from_powershell(text: &str) -> Self {
        match text.trim() {
            "gone" => Self::Gone,
            start if !start.is_empty() && start.bytes().all(|byte| byte.is_ascii_digit()) => {
                Self::Running(start.to_owned())
            }
            _ => Self::Unknown,
        }
    }
}

/// A machine's own identity in the registry of Windows.
const MACHINE_GUID: (&str, &str) = ("HKLM\\SOFTWARE\\Microsoft\\Cryptography", "MachineGuid");

/// The number of the machine's last start there.
const BOOT_ID: (&str, &str) = (
    "HKLM\\SYSTEM\\CurrentControlSet\\Control\\Session Manager\\Memory Management\\PrefetchParameters",
    "BootId",
);

/// Prints when the process `PID` was started; of one that may not be asked, nothing.
const WINDOWS_START: &str = "$p = Get-Process -Id PID -ErrorAction SilentlyContinue; \
    if ($null -eq $p) { 'gone' } elseif ($null -ne $p.StartTime) { $p.StartTime.ToFileTimeUtc() }";

/// Both or none: a machine without a number of its start is any time of it, and a number without a machine any machine.
fn windows_boot(machine: Option<String>, boot: Option<String>) -> String {
    match (machine, boot) {
        (Some(machine), Some(boot)) => format!("{machine}-{boot}"),
        _ => String::new(),
    }
}

/// The value in the lines that `reg query KEY /v NAME` prints: name, type and value.
fn registry_value<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let line = text
        .lines()
        .map(str::trim)
        .find_map(|line| line.strip_prefix(name))?;
    let mut words = line.split_whitespace();
    let (kind, value) = (words.next()?, words.next()?);
    (kind.starts_with("REG_") && words.next().is_none()).then_some(value)
}

fn pid_namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default().trim().to_owned()
}

/// What a program printed, where it succeeded.
fn output(program: &str, arguments: &[&str]) -> Option<String> {
    let (succeeded, text) = run(program, arguments)?;
    succeeded.then_some(text)
}

/// Whether a program succeeded and what it printed; none where it could not be run.
fn run(program: &str, arguments: &[&str]) -> Option<(bool, String)> {
    let mut command = Command::new(program);
    // In one language and one time zone: what is compared later must be written alike.
    command.args(arguments).env("LC_ALL", "C").env("TZ", "UTC");
    let output = command.stdin(Stdio::null()).stderr(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    Some((output.status.success(), text))
}

#[cfg(test)]
mod tests;
