//! Data that every stage shares: identities, paths, images, the two file kinds, what was observed,
//! what was found, the plan and the events. Nothing here reads, writes or asks the time.
//!
//! What is kept in the cluster and in plan files is read again by other versions of this program
//! (`format.rs`): a field that is added has a default, and a name that was written once stays. A field that
//! is left out of JSON rather than written as null is documented so, or stands thousands of times in a
//! journal that has to fit into one object.

pub mod admission;
pub mod attestation;
pub mod bundle;
pub mod check;
pub mod cluster_identity;
pub mod digest;
pub mod drift;
pub mod emptiness;
pub mod environment;
pub mod event;
pub mod evidence;
pub mod expression;
pub mod finding;
pub mod format;
pub mod glob;
pub mod helm;
pub mod hook;
pub mod identity;
pub mod image;
pub mod inventory;
pub mod journal;
pub mod k8s;
pub mod keep;
pub mod label_selector;
pub mod member;
pub mod moves;
pub mod names;
pub mod object;
pub mod occurrence;
pub mod operation;
pub mod patch;
pub mod path;
pub mod path_text;
pub mod phrase;
pub mod plain_words;
pub mod plan;
pub mod preflight;
pub mod refusal;
pub mod rehearsal;
pub mod release;
pub mod revision;
pub mod rollback_outlook;
pub mod rollback_plan;
pub mod run_end;
pub mod running;
pub mod running_image;
pub mod schema;
pub mod seal;
pub mod secret_data;
pub mod secret_forms;
pub mod secret_texts;
pub mod similar;
pub mod snapshot;
pub mod start;
pub mod state_key;
pub mod status;
pub mod step_id;
pub mod step_verb;
pub mod unknown;
pub mod unreachable_webhook;
pub mod unseen;
pub mod verb;
pub mod verdict;
pub mod verification;

pub use cluster_identity::ClusterIdentity;
pub use digest::Sha256Digest;
pub use identity::{ObjectId, Target, Uid};
pub use k8s::kinds::{Gvk, ResourceType};
pub use object::{NotAnObject, Object};
pub use operation::Operation;
pub use path::FieldPath;
pub use plain_words::plain_words;
pub use step_id::{StepId, WaveIndex};
pub use step_verb::StepVerb;
