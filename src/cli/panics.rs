//! A panic is a bug, wherever it is: it says where, and ends the process. What a run has begun lies in its journal.

use crate::report::command;
use std::io::Write;
use std::panic::PanicHookInfo;

/// The exit code of Rust's programs that panic.
const PANICKED: i32 = 101;

/// Has a panic of any thread end the process.
pub fn end_on_panic() {
    std::panic::set_hook(Box::new(|panic| {
        // Nobody is left to be told where stderr is closed.
        std::io::stderr().write_all(message(panic).as_bytes()).ok();
        std::process::exit(PANICKED);
    }));
}

/// The payload of a panic may hold what must not be printed; the place is enough to find it.
fn message(panic: &PanicHookInfo<'_>) -> String {
    let place = panic.location().map(ToString::to_string).unwrap_or_default();
    let command = command();

    format!(
        "error: internal error at {place}: this is a bug in kubectl-delivery\n\
         hint: to see what a run has left: {command} status\n\
         hint: please report it, with the command that you typed\n"
    )
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    const CHILD: &str = "KUBECTL_DELIVERY_TEST_PANICS";

    #[test]
    fn a_panic_in_a_thread_ends_the_process_and_tells_its_place_alone() {
        if std::env::var_os(CHILD).is_some() {
            super::end_on_panic();
            let thread = std::thread::spawn(|| panic!("hunter2"));
            thread.join().ok();
            println!("went on");
            return;
        }
        let this = std::env::current_exe().unwrap();
        let name = "cli::panics::tests::a_panic_in_a_thread_ends_the_process_and_tells_its_place_alone";
        let mut again = Command::new(this);
        again.args(["--exact", name, "--nocapture"]).env(CHILD, "1");
        let ran = again.output().unwrap();
        let stderr = String::from_utf8_lossy(&ran.stderr);
        assert_eq!(ran.status.code(), Some(101), "{stderr}");
        assert!(
            stderr.contains("error: internal error at src/cli/panics.rs:"),
            "{stderr}"
        );
        assert!(!stderr.contains("hunter2"), "{stderr}");
        assert!(!String::from_utf8_lossy(&ran.stdout).contains("went on"));
    }
}
