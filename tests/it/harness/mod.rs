//! What the tests stand on: the real cluster, a namespace per test, limited users, clusters of one's own, the built
//! program in a hermetic environment, and a proxy that kills it, holds its requests or plays faults.
//!
//! A test that needs the cluster and finds none fails with the command to type; nothing is skipped.

#![allow(
    dead_code,
    unused_imports,
    reason = "shared by all tests: not every helper is used at every time"
)]

mod blocks;
mod cluster;
mod helm;
mod namespace;
mod own;
mod program;
mod proxy;
mod pty;
mod public_names;
mod receiver;
mod repository;
mod user;
mod watching;
mod webhook;

pub use blocks::{Block, blocks, needs_krew};
pub use cluster::TestCluster;
pub use helm::{HELM_VALUE, encoded_release, go, helm, helm3, stored_release, stored_revision};
pub use namespace::Namespace;
pub use own::OwnCluster;
pub use program::{Ran, Run, delivery, linked_as, measured, ran};
pub use proxy::{Act, Faults, KillProxy, Recorded, Running};
pub use pty::Terminal;
pub use public_names::PublicNames;
pub use receiver::{Posted, Receiver};
pub use repository::{Repository, linux};
pub use user::User;
pub use watching::{WatchProcess, free_port, get, series};
pub use webhook::Webhook;

use std::future::Future;
use std::sync::LazyLock;
use std::time::Duration;
use tokio::runtime::Runtime;

/// An upper bound of what waits for nothing: far below every deadline, and far above what a busy machine takes.
pub const AT_ONCE: Duration = Duration::from_secs(20);

/// Where calls of [`blocking`] run. It outlives them, and with it their connections to the cluster.
static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(1).enable_all().build().unwrap()
});

/// Runs a future to its end from anywhere, inside another runtime too: on a thread of its own.
pub fn blocking<T: Send>(work: impl Future<Output = T> + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| RUNTIME.block_on(work));
        thread
            .join()
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// A text that no other test has: for names in the cluster. Always ten digits, so that no table is wider in one run than in another.
pub fn unique() -> String {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::{SystemTime, UNIX_EPOCH};
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64;
    let count = u64::from(COUNT.fetch_add(1, Ordering::Relaxed));
    let mixed = nanos ^ (u64::from(std::process::id()) << 40) ^ (count << 20);
    format!("{:010x}", mixed & 0xff_ffff_ffff)
}

/// Whether a condition holds within so many seconds.
pub fn until(seconds: u64, holds: impl Fn() -> bool) -> bool {
    (0..seconds * 10).any(|_| {
        holds() || {
            std::thread::sleep(Duration::from_millis(100));
            false
        }
    })
}
