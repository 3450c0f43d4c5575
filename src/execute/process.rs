//! Which process holds a lock, and whether it is certainly gone.
//!
//! A number alone says little: it belongs to a pid namespace of one machine since its last start, and is
//! given to other processes later. So all of that is part of the identity, and the time when the process
//! started. Of another machine nothing is concluded: a lock that is taken over late costs some seconds, one
//! that is taken from a living run can cost an installation.

use crate::platform::System;
use crate::platform::process::{Machine, ProcessState};
use std::sync::OnceLock;

/// A holder's identity: `HOST_BOOT_PIDNS_PID_START_INSTANCE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Holder {
    pub host: String,
    boot: String,
    pid_namespace: String,
    pid: u32,
    start: String,
    instance: String,
}

impl Holder {
    /// This process.
    pub(super) fn this(instance: &str) -> Self {
        let Machine {
            host,
            boot,
            pid_namespace,
        } = machine();
        let pid = std::process::id();
        let start = match ProcessState::read(System::current(), pid) {
            ProcessState::Running(start) => start,
            ProcessState::Gone | ProcessState::Unknown => String::new(),
        };
        Self {
            host: word(host),
            boot: word(boot),
            pid_namespace: word(pid_namespace),
            pid,
            start: word(&start),
            instance: word(instance),
        }
    }

    /// From a Lease's `holderIdentity`; none where it is not ours.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let [host, boot, pid_namespace, pid, start, instance] = text.split('_').collect::<Vec<_>>()[..]
        else {
            return None;
        };

        Some(Self {
            host: host.into(),
            boot: boot.into(),
            pid_namespace: pid_namespace.into(),
            pid: pid.parse().ok()?,
            start: start.into(),
            instance: instance.into(),
        })
    }

    /// Whether it ran on this machine since its last start, and no longer does. False where nothing is known.
    pub(super) fn is_gone(&self) -> bool {
        let here = machine();
        // A number from before a restart, or of another pid namespace, says nothing here.
        let same_machine = !self.boot.is_empty()
            && self.boot == word(&here.boot)
            && self.pid_namespace == word(&here.pid_namespace);
        // Without its start another process of that number could be taken for it: it is waited for.
        if !same_machine || self.start.is_empty() {
            return false;
        }

        match ProcessState::read(System::current(), self.pid) {
            ProcessState::Running(start) => word(&start) != self.start,
            ProcessState::Gone => true,
            ProcessState::Unknown => false,
        }
    }

    /// For people: `process 12 on host`.
    pub(super) fn shown(text: &str) -> String {
        match Self::parse(text) {
            Some(holder) => format!("process {} on {}", holder.pid, holder.host),
            None => text.to_owned(),
        }
    }
}

impl std::fmt::Display for Holder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self {
            host,
            boot,
            pid_namespace,
            pid,
            start,
            instance,
        } = self;
        write!(f, "{host}_{boot}_{pid_namespace}_{pid}_{start}_{instance}")
    }
}

fn word(text: &str) -> String {
    // An underscore parts the fields.
    text.chars()
        .map(|c| if c == '_' || c.is_whitespace() { '-' } else { c })
        .collect()
}

/// Asked once: it stays what it is while the process runs.
fn machine() -> &'static Machine {
    static MACHINE: OnceLock<Machine> = OnceLock::new();
    MACHINE.get_or_init(|| Machine::current(System::current()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_not_gone_and_one_that_has_ended_is() {
        let this = Holder::this("a_b");
        assert_eq!(Holder::parse(&this.to_string()), Some(this.clone()));

        assert!(!this.is_gone());

        let mut child = std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let ProcessState::Running(start) = ProcessState::read(System::current(), child.id()) else {
            panic!("it was just started");
        };
        let holder = Holder {
            pid: child.id(),
            start,
            ..this.clone()
        };

        assert!(!holder.is_gone());

        child.kill().unwrap();
        child.wait().unwrap();
        assert!(holder.is_gone());
        // As when the kernel has given the number to another process.
        assert!(
            Holder {
                start: "1".into(),
                ..this
            }
            .is_gone(),
            "another process has its number now"
        );
    }

    #[test]
    fn nothing_is_known_of_a_process_on_another_machine() {
        let this = Holder::this("x");
        assert!(
            !Holder {
                boot: "other".into(),
                pid: 4_000_000,
                ..this.clone()
            }
            .is_gone()
        );
        // In another pid namespace the same number is another process.
        assert!(
            !Holder {
                pid_namespace: "1".into(),
                pid: 4_000_000,
                ..this
            }
            .is_gone()
        );
        assert_eq!(Holder::parse("somebody"), None);
    }
}
