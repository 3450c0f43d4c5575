//! Promotions and reverts against the real server: exactness, crashes, two at once, somebody else's hand.

mod copy;
mod crash;
mod reference;
