//! `watch` on the real API server: what it reports, and what it does not.

mod chaos;
mod custom_kinds;
mod cut;
mod everywhere;
mod limited;
mod promoting;
mod reported;
mod restarted;
mod selected;
pub mod stream;
