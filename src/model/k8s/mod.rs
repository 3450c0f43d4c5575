//! What is known about Kubernetes, once: its kinds, the keys of its lists, what it writes by itself, and what
//! pods look like.
//!
//! It is what has to be known before a server is asked, and what no answer of a server tells. Where a dry run
//! can tell, there is no table of it here: a table is wrong for the next version and for every custom
//! resource.

pub mod allocation;
pub mod carried;
pub mod controller;
pub mod conversion;
pub mod defaults;
pub mod entries;
pub mod image_fields;
pub mod image_paths;
pub mod images;
pub mod kinds;
pub mod known_kind;
pub mod list_key;
pub mod marks;
pub mod merge_keys;
pub mod ownership;
pub mod pod;
pub mod pod_references;
pub mod pod_spec;
pub mod pod_usage;
pub mod quantity;
pub mod quota_scopes;
pub mod writers;
