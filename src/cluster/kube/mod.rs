//! The real client of an API server, over the client library.
//!
//! `config` (with `kubeconfig`, `flags`, `checks`, `surroundings`, `proxy`, `authority`, `certificate`) says how it is
//! reached; `credentials`, `plugin` and `grant` what is said about who asks; `transport` (with `retry`, `answer`, `failure`)
//! sends; `client` is the trait, with `write`, `body`, `watch`, `discovery` and `path`.
//!
//! Of the library it takes TLS, proxies, connections and the format of kubeconfigs. Tokens, plugins, limits,
//! retries and errors are its own: a journal relies on what is sent again, and on whether a lost write may
//! have been done.

mod answer;
mod authority;
mod body;
mod certificate;
mod checks;
mod client;
mod config;
mod credentials;
mod discovery;
mod failure;
mod flags;
mod grant;
mod kubeconfig;
mod path;
mod plugin;
mod process_env;
mod proxy;
mod retry;
mod transport;
mod watch;
mod write;

pub use client::connect;
pub use kubeconfig::kubeconfig_names;
