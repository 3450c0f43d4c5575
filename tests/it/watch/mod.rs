//! `watch` on the real API server: what it reports, and what it does not.

mod chaos;
mod cut;
mod limited;
mod reported;
mod stream;
