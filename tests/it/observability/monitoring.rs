//! A Prometheus and an Alertmanager of a test's own, on the loopback.

use crate::harness::{Run, free_port, get, until};
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// The directory of a program that `make observability` builds.
fn built(engine: &str, program: &str) -> PathBuf {
    let variable = format!("KUBECTL_DELIVERY_{}", engine.to_uppercase());
    let directory = std::env::var_os(&variable)
        .unwrap_or_else(|| panic!("this test needs {engine}, and {variable} is not set: make observability"));
    let path = Path::new(&directory).join(program);
    assert!(
        path.is_file(),
        "{} is missing: make observability",
        path.display()
    );
    path
}

/// Prometheus' own checks.
pub fn promtool() -> Command {
    Command::new(built("prometheus", "promtool"))
}

/// A program that ends when it is dropped; a test that fails prints its last lines.
struct Server {
    child: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Server {
    /// `arguments` of its address and its directory.
    fn start(program: &Path, arguments: impl Fn(&str, &Path) -> Vec<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = Command::new(program)
            .args(arguments(&address, folder.path()))
            .current_dir(folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}", program.display()));
        let server = Self {
            child,
            url: format!("http://{address}"),
            folder,
        };
        let is_ready = until(60, || server.get("/-/ready").0 == 200);
        assert!(is_ready, "{} is not ready", program.display());
        server
    }

    fn get(&self, path: &str) -> (u16, String) {
        get(&format!("{}{path}", self.url))
    }

    fn json(&self, path: &str) -> Value {
        let (code, text) = self.get(path);
        assert_eq!(code, 200, "{path}: {text}");
        serde_json::from_str(&text).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            let log = std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(40).collect();
            eprintln!("--- the last lines of {}", self.url);
            lines.iter().rev().for_each(|line| eprintln!("{line}"));
        }
    }
}

/// A running Alertmanager, which tells a webhook everything at once.
pub struct Alertmanager(Server);

impl Alertmanager {
    pub fn start(webhook: &str) -> Self {
        let config = serde_json::json!({
            "route": {"receiver": "test", "group_by": ["..."], "group_wait": "0s", "group_interval": "1s"},
            "receivers": [{"name": "test", "webhook_configs": [{"url": webhook, "send_resolved": true}]}],
        });
        Self(Server::start(
            &built("alertmanager", "alertmanager"),
            |address, folder| {
                std::fs::write(folder.join("alertmanager.yml"), config.to_string()).unwrap();
                vec![
                    "--config.file=alertmanager.yml".into(),
                    format!("--web.listen-address={address}"),
                    "--cluster.listen-address=".into(),
                    format!("--storage.path={}", folder.join("data").display()),
                ]
            },
        ))
    }

    pub fn url(&self) -> &str {
        &self.0.url
    }

    pub fn address(&self) -> &str {
        self.0.url.trim_start_matches("http://")
    }

    /// The alerts that fire, which have these labels.
    pub fn firing(&self, labels: &[(&str, &str)]) -> Vec<Value> {
        let alerts = self.0.json("/api/v2/alerts?active=true");
        let has = |alert: &Value| labels.iter().all(|(name, value)| alert["labels"][name] == *value);
        alerts
            .as_array()
            .unwrap()
            .iter()
            .filter(|alert| has(alert))
            .cloned()
            .collect()
    }
}

/// What a Prometheus scrapes, and where it sends alerts.
pub struct PrometheusConfig<'a> {
    /// `scrape_configs` as JSON.
    pub scrape: Value,
    /// A rule file.
    pub rules: &'a str,
    /// `host:port` of an Alertmanager.
    pub alertmanager: &'a str,
}

/// A running Prometheus that scrapes and evaluates each second.
pub struct Prometheus(Server);

impl Prometheus {
    pub fn start(config: &PrometheusConfig<'_>) -> Self {
        let text = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["rules.yaml"],
            "alerting": {"alertmanagers": [{"static_configs": [{"targets": [config.alertmanager]}]}]},
            "scrape_configs": config.scrape,
        });
        Self(Server::start(
            &built("prometheus", "prometheus"),
            |address, folder| {
                std::fs::write(folder.join("prometheus.yml"), text.to_string()).unwrap();
                std::fs::write(folder.join("rules.yaml"), config.rules).unwrap();
                let checked = promtool()
                    .args(["check", "config"])
                    .arg(folder.join("prometheus.yml"))
                    .run();
                checked.exits(0);
                vec![
                    "--config.file=prometheus.yml".into(),
                    format!("--web.listen-address={address}"),
                    format!("--storage.tsdb.path={}", folder.join("data").display()),
                    "--rules.alert.resend-delay=2s".into(),
                ]
            },
        ))
    }

    /// The series of a query.
    pub fn query(&self, query: &str) -> Vec<Value> {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let answer = self.0.json(&format!("/api/v1/query?query={encoded}"));
        answer["data"]["result"].as_array().unwrap().clone()
    }

    /// What it says of its targets, for a test that fails.
    pub fn targets(&self) -> Value {
        self.0.json("/api/v1/targets")["data"]["activeTargets"].clone()
    }
}
