//! One or more good files of each kind.

use serde_json::{Value, json};
use std::path::Path;

const DIGEST: &str = "sha256:0000000000000000000000000000000000000000000000000000000000000000";

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(
        Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("tests/fixtures/cosign")
            .join(name),
    )
    .unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}

fn objects() -> Value {
    json!([
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a", "namespace": "shop"}, "data": {"A": "1"}},
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}, "stringData": {"a": "b"}, "data": {"k": "dmFs"}},
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "annotations": {"a/b": "c"}},
            "spec": {"replicas": 2, "template": {"spec": {"containers": [{"name": "web", "image": "acme/web:1"}]}}}},
    ])
}

pub fn releases() -> Vec<Vec<u8>> {
    let platform = json!({"platform": "linux/amd64", "manifest": DIGEST, "config": DIGEST});
    let release = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Release",
        "metadata": {"name": "shop", "version": "1"}, "spec": {"objects": objects(),
            "images": [{"reference": "acme/web:1", "digest": DIGEST, "platforms": [platform]}]}});
    let list = json!({"apiVersion": "v1", "kind": "List", "items": objects()});
    let anchors = b"base: &b {x: 1, z: [1, 2]}\nown:\n  <<: *b\n  z: !!binary aGk=\n---\nkind: A\n".to_vec();
    vec![
        bytes(&release),
        bytes(&list),
        anchors,
        fixture("shop.release.yaml"),
    ]
}

pub fn helm_revisions() -> Vec<Vec<u8>> {
    let manifest = "---\n# Source: web/a.yaml\napiVersion: v1\nkind: ConfigMap\nmetadata: {name: a, labels: {a: b, a: c}}\n---\napiVersion: v1\nkind: List\nitems: []\n";
    let release = json!({"name": "web", "version": 3, "namespace": "shop", "info": {"status": "deployed", "notes": ""},
        "chart": {"metadata": {"name": "web", "version": "1"}, "templates": [{"name": "a", "data": "YQ=="}], "values": {}},
        "config": {"a": [1, {"b": null}]}, "hooks": [{"name": "a"}], "manifest": manifest});
    let bare = json!({"name": "web", "version": 3});
    vec![bytes(&release), bytes(&bare)]
}

pub fn environments() -> Vec<Vec<u8>> {
    let rule = json!({"target": {"kind": "ConfigMap", "name": "a*"}, "path": "/data/A", "reason": "r",
        "expires": "2027-01-01", "when": "desired == 'x' || tested.a.exists(e, e == 'b') || live == null"});
    let check = json!({"group": "a.b", "kind": "C", "current": "self.status.conditions.exists(c, c.type == 'Ready')",
        "failed": "has(self.a) && self.a.map(s, s + s) == []"});
    let gate = json!({"name": "g", "prometheus": {"url": "http://a", "query": "up", "condition": "result.all(v, v < 1.0)"}});
    let environment = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Environment", "metadata": {"name": "e"},
        "spec": {"namespace": "shop", "differences": [rule], "healthChecks": [check], "gates": [gate],
            "require": {"keys": ["a.pub"], "evidence": ["integration"]}}});
    let text = "apiVersion: kubectl-delivery.io/v1alpha1\nkind: Environment\nmetadata: {name: e}\nspec:\n  differences:\n  - target: {}\n    reason: r\n    expires: 2027-01-01\n    when: live.size() > 3\n";
    vec![bytes(&environment), text.into()]
}

pub fn plans() -> Vec<Vec<u8>> {
    let resource = json!({"group": "", "version": "v1", "kind": "ConfigMap", "plural": "configmaps", "namespaced": true});
    let target = json!({"resource": resource, "namespace": "shop", "name": "a"});
    let step = json!({"id": 0, "wave": 0, "target": target, "action": {"type": "create", "body": objects()[0]},
        "expect": {"type": "absent"}, "undo": {"type": "delete"}, "why": "not in the cluster", "changes": ["/data/A"]});
    let plan = json!({"apiVersion": "kubectl-delivery.io/v1alpha1", "kind": "Plan", "id": "p",
        "release": {"name": "shop", "version": "1", "digest": DIGEST}, "namespace": "shop", "revision": 1,
        "createdAt": "2026-01-01T00:00:00Z", "actor": "me", "steps": [step], "prune": [], "unchanged": [target],
        "members": [target], "settings": {}});
    vec![bytes(&plan)]
}

pub fn statements() -> Vec<Vec<u8>> {
    let subject = json!([{"name": "shop", "digest": {"sha256": &DIGEST[7..]}}]);
    let statement = json!({"_type": "https://in-toto.io/Statement/v1", "subject": subject,
        "predicateType": "https://kubectl-delivery.io/test/v1alpha1", "predicate": {"name": "integration", "files": []}});
    let bundle = "ours/shop.release.yaml.integration.sigstore.json";
    vec![bytes(&statement), fixture(bundle)]
}

pub fn reports() -> Vec<Vec<u8>> {
    let failed = r#"<?xml version="1.0" encoding="UTF-8"?><testsuites tests="2" failures="1"><testsuite name="a" tests="2" failures="1" skipped="0"><testcase name="b" time="0.1"><failure message="&lt;x&gt;"><![CDATA[why]]></failure></testcase><testcase name="c" status="passed"/></testsuite></testsuites>"#;
    vec![fixture("junit.xml"), failed.into()]
}

pub fn kubeconfigs() -> Vec<Vec<u8>> {
    let exec = json!({"apiVersion": "client.authentication.k8s.io/v1", "command": "true", "args": ["a"], "interactiveMode": "Never"});
    let config = json!({"apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1", "certificate-authority-data": "YQ=="}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u", "namespace": "shop"}}],
        "users": [{"name": "u", "user": {"token": "t", "exec": exec}}], "preferences": {}});
    let text = "apiVersion: v1\nkind: Config\nclusters:\n- name: a\n  cluster:\n    server: https://127.0.0.1:1\nusers: []\ncontexts: []\n";
    vec![bytes(&config), text.into()]
}

pub fn states() -> Vec<Vec<u8>> {
    let bundle = json!({"secret": true, "namespace": "shop", "names": ["a"], "digest": DIGEST});
    let identity = json!({"name": "shop", "version": "1", "digest": DIGEST});
    let journal = json!({"id": "p1", "serial": 3, "release": identity, "namespace": "shop", "revision": 1, "actor": "me",
        "startedAt": "2026-01-01T00:00:00Z", "phase": "closed", "ending": "promoted", "message": "promoted",
        "holder": "me", "parts": [bundle], "record": [bundle], "steps": []});
    let entry = json!({"revision": 1, "id": "p", "actor": "jane", "ending": "promoted", "failure": null, "release": identity,
        "startedAt": "2026-11-23T06:00:00Z", "endedAt": "2026-11-23T06:00:00Z", "record": [bundle]});
    let members = "apps/v1 deployments Deployment shop web\nrbac.authorization.k8s.io/v1 clusterroles ClusterRole - reader\n";
    let mac = DIGEST.replace("sha256", "hmac-sha256");
    let sealed = json!({"sequence": 3, "key": "0011223344556677", "outside": true, "head": mac, "inventory": mac, "mac": mac});
    let keyed = json!({"secret": true, "namespace": "shop", "names": ["a"], "digest": mac});
    let both = json!({"head": {"current": journal, "previous": {"bundle": keyed, "parts": []}},
        "members": members, "history": [entry], "moved": [],
        "seal": {"formatVersion": 1, "current": sealed, "next": sealed}, "key": "QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE="});
    vec![bytes(&both), members.into()]
}

pub fn layouts() -> Vec<Vec<u8>> {
    let of = |media: &str| json!({"mediaType": media, "digest": DIGEST, "size": 2});
    let manifest = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.kubectl-delivery.release.v1alpha1", "config": of("application/vnd.oci.empty.v1+json"),
        "layers": [of("application/vnd.kubectl-delivery.release.v1alpha1+yaml")], "subject": of("a"), "annotations": {"a": "b"}});
    let index = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [of("application/vnd.oci.image.manifest.v1+json")]});
    vec![
        bytes(&json!({"manifest": manifest})),
        bytes(&json!({"index": index})),
    ]
}
