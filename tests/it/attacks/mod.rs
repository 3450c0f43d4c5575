//! Attacks, each as one with few rights would do it: what they gain is nothing.

mod canary;
mod day;
mod digests;
mod files;
mod members;
mod quoting;
mod traces;
mod unseen;
