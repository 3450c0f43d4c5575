//! The real door to an API server, over the client library.
//!
//! `config` (with `kubeconfig`, `checks`, `surroundings`, `proxy`, `certificate`) says how it is reached;
//! `credentials` and `plugin` what is said about who asks; `transport` (with `retry`, `answer`, `failure`)
//! sends; `door` is the trait, with `watch`, `discovery` and `path`.
//!
//! Of the library it takes TLS, proxies, connections and the format of kubeconfigs. Tokens, plugins, limits,
//! retries and errors are its own: a journal relies on what is sent again, and on whether a lost write may
//! have been done.

mod answer;
mod certificate;
mod checks;
mod config;
mod connect;
mod credentials;
mod discovery;
mod door;
mod failure;
mod kubeconfig;
mod path;
mod plugin;
mod proxy;
mod retry;
mod surroundings;
mod transport;
mod watch;

pub use connect::connect;
pub use kubeconfig::{KubeconfigNames, kubeconfig_names};
