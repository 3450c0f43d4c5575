//! What is known about Kubernetes, once: its kinds, the keys of its lists, what it writes by itself, and what pods look like.

pub mod allocation;
pub mod kinds;
pub mod list_key;
pub mod pod;
pub mod pod_spec;
pub mod quantity;
pub mod writers;
