//! The signals that a process was started without, by the mask that Linux shows of it. Elsewhere there is no such file, and
//! none counts as ignored.

/// Whether a signal of that number is ignored, by the text of `/proc/PID/status`.
pub(super) fn is_ignored(status: &str, signal: i32) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .unwrap_or_default();
    u32::try_from(signal - 1).is_ok_and(|bit| mask.checked_shr(bit).is_some_and(|mask| mask & 1 == 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signal_that_the_process_was_started_without_is_read_from_its_mask() {
        let status =
            "Name:\tx\nSigBlk:\t0000000000000003\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        assert!(is_ignored(status, 1), "SIGHUP, under nohup");
        assert!(is_ignored(status, 13), "SIGPIPE");
        assert!(!is_ignored(status, 2) && !is_ignored(status, 15));
        assert!(!is_ignored("", 1));
    }
}
