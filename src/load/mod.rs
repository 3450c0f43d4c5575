//! Files, standard input and kustomize's output → model. YAML is read here, and only here.
//!
//! What `kubectl apply` takes is read as kubectl reads it: otherwise what is reviewed and recorded would not
//! be what runs. Files may be anybody's, so that bytes, values and levels are bounded, and a key that stands
//! twice is refused. Errors name the file and the place, and never a value of a Secret. No cluster is asked:
//! what only a server knows, such as the scope of a kind that it defines, stays open here.

mod block_style;
mod compose;
mod environment;
mod error;
mod file_kind;
mod files;
mod git;
mod helm;
mod junit;
mod kustomize;
mod line_breaks;
mod manifests;
mod release;
mod scalar;
mod secrets;
mod statements;
mod value;
mod yaml;
mod yaml_text;

pub use environment::{LoadedEnvironment, environment};
pub use error::LoadError;
pub use files::write_whole;
pub use git::source_of;
pub use helm::{HelmPlace, HelmRelease, helm_release};
pub use junit::junit;
pub use manifests::{ManifestSource, manifests};
pub use release::{LoadedRelease, parse_release, release};
pub use statements::{bytes, is_title, statement_path, statements};
pub use yaml::{documents, typed_json};
pub use yaml_text::to_yaml;
