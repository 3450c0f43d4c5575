//! What an earlier version of this program left in a cluster, and this one goes on with: journals of runs that were killed
//! anywhere. And the way back: what this one writes, before the earlier one.
//!
//! `make old-journals` builds that version from its commit and runs these tests. Kept state cannot be restored into a
//! cluster for this: seals and journals name uids of objects, and no other cluster gives those. What the earlier version
//! wrote is kept beside it, for reading alone, in `tests/fixtures/formats/v1/open` (`formats/open.rs`).

mod application;
mod down;
mod fixtures;
mod hooks;
mod killed;
mod rolling_back;

use std::path::PathBuf;
use std::process::Command;

/// The earlier program.
fn program() -> PathBuf {
    let path = std::env::var_os("KUBECTL_DELIVERY_EARLIER").map(PathBuf::from);
    path.filter(|path| path.is_file())
        .expect("this test needs an earlier version of the program: make old-journals")
}

/// The same command, of the earlier program.
pub fn by_earlier(command: &Command) -> Command {
    let mut earlier = Command::new(program());
    earlier.args(command.get_args()).env_clear();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            earlier.env(key, value);
        }
    }
    earlier.stdin(std::process::Stdio::null());
    earlier
}
