//! Which process holds a lock, and whether it is certainly gone.
//!
//! A number alone says little: it belongs to a pid namespace of one machine since its last start, and is
//! given to other processes later. So all of that is part of the identity, and the time when the process
//! started. Of another machine nothing is concluded: a lock that is taken over late costs some seconds, one
//! that is taken from a living run can cost an installation.

use std::fs;

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
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default().trim().to_owned();

        let pid = std::process::id();
        Self {
            host: word(&read("/proc/sys/kernel/hostname")),
            boot: word(&read("/proc/sys/kernel/random/boot_id")),
            pid_namespace: pid_namespace(),
            pid,
            start: start_time(pid).unwrap_or_default(),
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
        let here = Self::this("");
        // A number from before a restart, or of another pid namespace, says nothing here.
        let same_machine =
            !self.boot.is_empty() && self.boot == here.boot && self.pid_namespace == here.pid_namespace;
        same_machine && start_time(self.pid).is_none_or(|start| start != self.start)
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

fn pid_namespace() -> String {
    let link = fs::read_link("/proc/self/ns/pid").unwrap_or_default();
    link.to_string_lossy()
        .chars()
        .filter(char::is_ascii_digit)
        .collect()
}

/// When a process was started, in clock ticks since boot; none where it is not there, or has ended and is a
/// zombie.
fn start_time(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field may hold spaces; it ends at the last parenthesis.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    // Counted from the state, the third field: the start is the 22nd of all.
    let (state, start) = (fields.first()?, fields.get(19)?);
    (!matches!(*state, "Z" | "X")).then(|| (*start).to_owned())
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
        let start = start_time(child.id()).unwrap();
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
