//! Promotions and reverts against the real server: exactness, crashes, two at once, somebody else's hand.

pub mod app;
mod copy;
mod crash;
mod exact;
mod hand;
mod reference;
mod together;
