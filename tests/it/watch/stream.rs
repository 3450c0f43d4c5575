//! A watch at work, and the events that it has written so far.

use crate::harness::{KillProxy, Run, until};
use crate::screens::stage::Stage;
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// For how long an event is waited for: what is due within three seconds comes on a busy machine as well.
pub const PATIENCE: u64 = 60;

/// A watch at work; killed when it is dropped.
pub struct Watching {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Watching {
    /// Starts `watch -o json` with these words, and waits until it has compared every release.
    pub fn start(stage: &Stage, words: &str) -> Self {
        let watching = Self::spawn(&mut stage.command(&format!("watch -o json {words}")));
        watching.wait_for("releaseAdded", |_| true);
        // Its first comparison follows: a finding of it is there after that.
        watching.settle();
        watching
    }

    /// The same through a proxy.
    pub fn start_through(proxy: &KillProxy, stage: &Stage, words: &str) -> Self {
        let namespace = stage.namespace.name();
        let mut command = stage.command(&format!("watch -o json -n {namespace} {words}"));
        let watching = Self::spawn(command.env("KUBECONFIG", proxy.kubeconfig()));
        watching.wait_for("releaseAdded", |_| true);
        watching
    }

    /// Starts a command.
    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = Arc::<Mutex<Vec<String>>>::default();
        let (out, written) = (child.stdout.take().unwrap(), lines.clone());
        std::thread::spawn(move || {
            for line in BufReader::new(out).lines().map_while(Result::ok) {
                written.lock().unwrap().push(line);
            }
        });
        Self { child, lines }
    }

    /// Every line so far.
    pub fn lines(&self) -> Vec<String> {
        self.lines.lock().unwrap().clone()
    }

    /// Every event so far.
    pub fn events(&self) -> Vec<Value> {
        let lines = self.lines();
        lines
            .iter()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Events of that name so far.
    pub fn named(&self, name: &str) -> Vec<Value> {
        let events = self.events().into_iter();
        events.filter(|event| event["event"] == name).collect()
    }

    /// Waits for an event of that name of which that holds.
    pub fn wait_for(&self, name: &str, holds: impl Fn(&Value) -> bool) -> Value {
        let find = || self.named(name).into_iter().find(|event| holds(event));
        assert!(
            until(PATIENCE, || find().is_some()),
            "no such {name} after {PATIENCE} s:\n{}",
            self.lines().join("\n")
        );
        find().unwrap()
    }

    /// Waits until nothing was written for some seconds.
    pub fn settle(&self) {
        let mut before = usize::MAX;
        while before != self.lines().len() {
            before = self.lines().len();
            std::thread::sleep(std::time::Duration::from_secs(4));
        }
    }

    /// What is open, by path or by the finding's name.
    pub fn open(&self) -> Vec<String> {
        let mut open: Vec<(String, String)> = Vec::new();
        for event in self.events() {
            let id = event["id"].as_str().unwrap_or_default().to_owned();
            match event["event"].as_str() {
                Some("driftOpened") => {
                    assert!(
                        open.iter().all(|(known, _)| *known != id),
                        "opened twice: {event}"
                    );
                    open.push((id, about(&event)));
                }
                Some("driftClosed") => {
                    let known = open.iter().position(|(known, _)| *known == id);
                    open.remove(known.unwrap_or_else(|| panic!("closed and not open: {event}")));
                }
                _ => {}
            }
        }
        let mut open: Vec<String> = open.into_iter().map(|(_, about)| about).collect();
        open.sort();
        open
    }

    /// Ctrl-C; the exit code, and all that was written.
    pub fn interrupt(mut self) -> (Option<i32>, Vec<Value>) {
        Command::new("kill")
            .args(["-INT", &self.child.id().to_string()])
            .run()
            .ok();
        let code = self.child.wait().unwrap().code();
        // The reader has read all of it soon after the end.
        assert!(
            until(5, || !self.named("finished").is_empty()),
            "{:?}",
            self.lines()
        );
        let events = self.events();
        for event in &events {
            crate::schema::assert_valid("drift-event", event);
        }
        (code, events)
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// `Deployment web /spec/replicas`.
pub fn about(event: &Value) -> String {
    let object = &event["object"];
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let what = match &event["path"] {
        Value::String(path) => path.clone(),
        _ => text(&event["finding"]),
    };
    format!("{} {} {what}", text(&object["kind"]), text(&object["name"]))
}

/// Whether an event is about an object and a field or finding.
pub fn is_about(what: &str) -> impl Fn(&Value) -> bool + '_ {
    move |event| about(event) == what
}
