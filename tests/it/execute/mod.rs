//! Promotions and reverts against the real server: exactness, crashes, faults, two at once, somebody else's hand.

pub mod app;
mod ci;
mod concurrent_edits;
mod crash;
pub mod crash_fixture;
pub mod crash_points;
mod credentials;
mod faults;
pub mod kill_points;
mod live;
mod outage;
mod partial_steps;
mod reference;
mod revert_is_exact;
mod signals;
mod silence;
pub mod small_app;
pub mod snapshot;
mod together;
mod zombies;

/// What a panic says.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
