//! Promotions and reverts against the real server: exactness, crashes, faults, two at once, somebody else's hand.

pub mod app;
mod changed_meanwhile;
mod ci;
pub mod copy;
mod crash;
pub mod crash_points;
mod credentials;
mod doubt;
mod exact;
mod faults;
mod outage;
pub mod place;
mod reference;
pub mod small;
mod together;
mod zombies;

/// What a panic says.
pub fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
        .unwrap_or_default()
}
