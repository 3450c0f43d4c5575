//! What a promotion waits for, how long, and what every command says of it.

mod api_services;
mod conditions;
mod everywhere;
mod images;
mod outside;
mod unknown_health;
mod unobserved;

pub use conditions::{Definition, definition, group};
