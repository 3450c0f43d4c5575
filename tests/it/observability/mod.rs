//! With a real Prometheus and a real Alertmanager, built from their Go modules: `make observability`.

mod alerting;
mod monitoring;
mod rules;

pub use monitoring::{Alertmanager, Prometheus, PrometheusConfig, promtool};
