//! A running `watch` that serves its metrics.

use super::{blocking, until};
use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// A running `watch`, which ends when it is dropped; a test that fails prints what it wrote.
pub struct WatchProcess {
    child: Child,
    address: String,
    folder: tempfile::TempDir,
}

impl WatchProcess {
    /// Starts `command`, which lacks `--listen` alone.
    pub fn start(mut command: Command) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let address = format!("127.0.0.1:{}", free_port());
        let child = command
            .arg("--listen")
            .arg(&address)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        Self {
            child,
            address,
            folder,
        }
    }

    /// The same, once it is ready.
    pub fn start_ready(command: Command) -> Self {
        let process = Self::start(command);
        assert!(
            until(60, || process.get("/readyz").0 == 200),
            "{:?}",
            process.get("/readyz")
        );
        process
    }

    pub fn address(&self) -> &str {
        &self.address
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The code and the text of an answer; 0 where there is none.
    pub fn get(&self, path: &str) -> (u16, String) {
        get(&format!("http://{}{path}", self.address))
    }

    pub fn metrics(&self) -> String {
        let (code, text) = self.get("/metrics");
        assert_eq!(code, 200, "{text}");
        text
    }

    /// Series whose line has all of these texts, with their values.
    pub fn series(&self, texts: &[&str]) -> Vec<(String, f64)> {
        series(&self.metrics(), texts)
    }

    /// Waits until the metrics are as they should be.
    pub fn wait_for(&self, what: &str, is_it: impl Fn(&str) -> bool) {
        assert!(
            until(60, || is_it(&self.get("/metrics").1)),
            "{what}:\n{}\n--- log\n{}",
            self.get("/metrics").1,
            self.log()
        );
    }

    /// What it wrote.
    pub fn log(&self) -> String {
        read(self.folder.path())
    }

    /// Sends a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let status = Command::new("kill")
            .args([&format!("-{name}"), &self.pid().to_string()])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end: its exit code, and what it wrote.
    pub fn ended(mut self) -> (Option<i32>, String) {
        let start = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status.code(), self.log());
            }
            assert!(start.elapsed() < Duration::from_secs(60), "it has not ended");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for WatchProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
        if std::thread::panicking() {
            eprintln!("--- what watch wrote\n{}", self.log());
        }
    }
}

fn read(folder: &Path) -> String {
    std::fs::read_to_string(folder.join("log")).unwrap_or_default()
}

/// The code and the text of an answer; 0 where there is none.
pub fn get(url: &str) -> (u16, String) {
    // Only a second call fails.
    rustls::crypto::ring::default_provider().install_default().ok();
    blocking(async {
        let client = reqwest::Client::builder()
            .timeout(std::time::Duration::from_secs(10))
            .no_proxy()
            .build()
            .unwrap();
        match client.get(url).send().await {
            Ok(answer) => (answer.status().as_u16(), answer.text().await.unwrap_or_default()),
            Err(error) => (0, error.to_string()),
        }
    })
}

/// Series of a page whose line has all of these texts, with their values.
pub fn series(page: &str, texts: &[&str]) -> Vec<(String, f64)> {
    let lines = page.lines().filter(|line| !line.starts_with('#'));
    let found = lines.filter(|line| texts.iter().all(|text| line.contains(text)));
    found
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// A port that no process listened on a moment ago.
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}
