//! Flux: its kustomize-controller applies a Deployment from an archive, and this program watches beside it.

use super::controller::{Controller, Engine};
use crate::execute::app::{App, image, workload};
use crate::harness::{Ran, Run};
use kubectl_delivery::testing::model::Sha256Digest;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Command;

/// An archive of manifests, as Flux's source-controller serves them.
struct Archive {
    bytes: Vec<u8>,
    url: String,
}

impl Archive {
    /// Served until the process ends.
    fn serve(manifest: &Value) -> Archive {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("web.yaml"), manifest.to_string()).unwrap();
        let archive = folder.path().join("archive.tar.gz");
        Command::new("tar")
            .arg("-C")
            .arg(folder.path())
            .arg("-czf")
            .arg(&archive)
            .arg("web.yaml")
            .run()
            .ok();
        let bytes = std::fs::read(&archive).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/archive.tar.gz", listener.local_addr().unwrap());
        let body = bytes.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut lines = BufReader::new(&stream).lines();
                while lines
                    .next()
                    .is_some_and(|line| line.is_ok_and(|line| !line.is_empty()))
                {}
                let head = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                    body.len()
                );
                stream
                    .write_all(head.as_bytes())
                    .and_then(|()| stream.write_all(&body))
                    .ok();
            }
        });
        Archive { bytes, url }
    }

    /// What a source-controller would report of it.
    fn status(&self) -> Value {
        let now = "2026-01-01T00:00:00Z";
        json!({"status": {"observedGeneration": 1,
            "conditions": [{"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored", "lastTransitionTime": now}],
            "artifact": {"url": self.url, "path": "archive.tar.gz", "revision": "main@sha1:1", "lastUpdateTime": now,
                "size": self.bytes.len(), "digest": Sha256Digest::compute(&self.bytes)}}})
    }
}

/// A namespace whose Deployment is Flux's.
struct Scene {
    app: App,
    _controller: Controller,
}

impl Scene {
    fn new(objects: &[Value; 1]) -> Scene {
        let engine = Engine::flux();
        let app = App::new();
        let arguments = [
            "--watch-all-namespaces=false",
            "--events-addr=",
            "--metrics-addr=127.0.0.1:0",
            "--health-addr=127.0.0.1:0",
        ];
        let environment = [("RUNTIME_NAMESPACE", app.namespace.name())];
        let controller = engine.start("kustomize-controller", &arguments, &environment);
        let source = json!({"apiVersion": "source.toolkit.fluxcd.io/v1", "kind": "GitRepository",
            "metadata": {"name": "shop"}, "spec": {"interval": "1h", "url": "https://git.example/shop"}});
        app.kubectl_with(&["create"], &source).exits(0);
        let status = Archive::serve(&objects[0]).status().to_string();
        app.kubectl(&[
            "patch",
            "gitrepository",
            "shop",
            "--subresource=status",
            "--type=merge",
            "-p",
            &status,
        ]);
        let applied = json!({"apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
            "metadata": {"name": "shop"}, "spec": {"interval": "1h", "path": "./", "prune": true, "targetNamespace": app.namespace.name(),
                "sourceRef": {"kind": "GitRepository", "name": "shop"}}});
        app.kubectl_with(&["create"], &applied).exits(0);
        Scene {
            app,
            _controller: controller,
        }
    }

    fn run(&self, command: &str, objects: &[Value], flags: &[&str]) -> Ran {
        let release = self.app.release("1", objects);
        let mut run = self.app.delivery();
        run.arg(command).arg(release);
        run.args(["-n", self.app.namespace.name()]).args(flags).run()
    }
}

#[test]
fn beside_flux_diff_is_silent_and_a_manual_change_is_named_by_diff_and_by_wait() {
    let objects = [workload("Deployment", "web", '1', None)];
    let scene = Scene::new(&objects);
    let waiting = ["--timeout", "60s", "--settle", "0s"];
    scene.run("wait", &objects, &waiting).exits(0);
    let labels = scene.app.namespace.get("apps", "Deployment", "web").unwrap();
    let mark = labels.at("/metadata/labels/kustomize.toolkit.fluxcd.io~1name");
    assert_eq!(mark, Some(&json!("shop")), "Flux has not applied it");
    let silent = scene.run("diff", &objects, &["-o", "name"]).exits(0);
    assert_eq!(silent.stdout, "", "{silent:#?}");

    scene.app.kubectl(&["set", "env", "deployment/web", "DEBUG=1"]);
    scene
        .app
        .kubectl(&["rollout", "status", "deployment/web", "--timeout=60s"]);
    let named = scene.run("diff", &objects, &[]).exits(1);
    let variable = "/spec/template/spec/containers/[name=main]/env/[name=DEBUG]";
    for word in ["DEBUG", "kubectl-set"] {
        assert!(named.stdout.contains(word), "{word:?} in {named:#?}");
    }
    let waited = scene
        .run("wait", &objects, &["--timeout", "10s", "--settle", "0s"])
        .exits(3);
    for word in [variable, "manually by kubectl-set"] {
        assert!(waited.stderr.contains(word), "{word:?} in {waited:#?}");
    }
}

#[test]
fn a_promotion_of_what_flux_applies_is_refused_by_its_name() {
    let objects = [workload("Deployment", "web", '1', None)];
    let scene = Scene::new(&objects);
    scene
        .run("wait", &objects, &["--timeout", "60s", "--settle", "0s"])
        .exits(0);
    let next = [workload("Deployment", "web", '2', None)];
    let ran = scene.app.promote("2", &next).run().exits(2);
    assert!(ran.stderr.contains("Flux"), "{ran:#?}");
    let live = scene.app.namespace.get("apps", "Deployment", "web").unwrap();
    assert_eq!(
        live.at("/spec/template/spec/containers/0/image"),
        Some(&json!(image('1')))
    );
}
