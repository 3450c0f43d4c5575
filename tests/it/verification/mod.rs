//! What is said at the end of each image of a release: verified, wrong, not running, or unknown.

mod canary;
mod chains;
mod idle;
mod shop;
