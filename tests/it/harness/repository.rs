//! A repository in the cluster's registry, and images of every shape in it.

use super::{Run, TestCluster, unique};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";

/// A repository of a test's own in the cluster's registry.
pub struct Repository(pub String);

impl Repository {
    pub fn new() -> Self {
        Self(format!("{}/{}/web", TestCluster::get().registry, unique()))
    }

    /// What crane answers.
    pub fn crane(&self, words: &[&str]) -> String {
        let mut command = Command::new(TestCluster::get().tools.join("crane"));
        command.arg("--insecure").args(words).run().ok().trim().to_owned()
    }

    pub fn tag(&self, tag: &str) -> String {
        format!("{}:{tag}", self.0)
    }

    /// An image that no other test has; `script` is what it runs.
    pub fn image(&self, tag: &str, script: Option<&str>) -> String {
        let from = format!("{}/shop/web:1.0.0", TestCluster::get().registry);
        let (to, label) = (self.tag(tag), format!("of={}", self.tag(tag)));
        let mut words = vec!["mutate", &from, "--tag", &to, "--label", &label];
        if let Some(script) = script {
            words.extend(["--entrypoint", "/bin/sh,-c", "--cmd", script]);
        }
        self.crane(&words);
        to
    }

    /// A descriptor of what a tag points to.
    pub fn entry(&self, tag: &str, platform: Option<Value>) -> Value {
        let manifest = self.crane(&["manifest", &self.tag(tag)]);
        let parsed: Value = serde_json::from_str(&manifest).unwrap();
        let digest = self.crane(&["digest", &self.tag(tag)]);
        let mut entry = json!({"mediaType": parsed["mediaType"], "digest": digest, "size": manifest.len()});
        if let Some(platform) = platform {
            entry["platform"] = platform;
        }
        entry
    }

    /// An index of these entries, as a build tool pushes it.
    pub fn index(&self, tag: &str, entries: &[Value]) -> String {
        self.put(
            tag,
            INDEX,
            &json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}),
        )
    }

    /// A manifest as it is.
    pub fn put(&self, tag: &str, media: &str, manifest: &Value) -> String {
        let body = manifest.to_string();
        let (host, path) = self.0.split_once('/').unwrap();
        let mut stream = TcpStream::connect(host).unwrap();
        let length = body.len();
        let head = format!(
            "PUT /v2/{path}/manifests/{tag} HTTP/1.1\r\nHost: {host}\r\nContent-Type: {media}\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n"
        );
        stream.write_all((head + &body).as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
        self.tag(tag)
    }
}

/// The platform of the real node.
pub fn linux() -> Value {
    json!({"os": "linux", "architecture": "amd64"})
}
