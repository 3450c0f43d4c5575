//! A real admission webhook: what it denies is found before anything is touched.

use super::support::{ReleaseFile, config, contents, promote};
use crate::harness::{Namespace, Run, TestCluster};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::convert::Infallible;
use std::sync::Arc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Denies ConfigMaps with the key `forbidden`, over TLS on loopback; its registration goes when it is dropped.
struct Webhook {
    name: String,
    _runtime: tokio::runtime::Runtime,
}

impl Webhook {
    fn register(namespace: &Namespace) -> Self {
        let key = rcgen::KeyPair::generate().unwrap();
        let parameters = rcgen::CertificateParams::new(vec!["127.0.0.1".into()]).unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(
                vec![certificate.der().clone()],
                PrivateKeyDer::try_from(key.serialize_der()).unwrap(),
            )
            .unwrap();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        runtime.spawn(serve(listener, TlsAcceptor::from(Arc::new(config))));
        let name = format!("deny-{namespace}");
        use base64::Engine;
        let bundle = base64::engine::general_purpose::STANDARD.encode(certificate.pem());
        let registration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
            "metadata": {"name": name}, "webhooks": [{
                "name": "deny.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "clientConfig": {"url": url, "caBundle": bundle},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}},
                "rules": [{"apiGroups": [""], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": ["configmaps"]}]}]});
        let hook = Self { name, _runtime: runtime };
        TestCluster::get().kubectl().args(["create", "-f", "-"]).run_with(&registration.to_string()).ok();
        hook
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        let kind = "validatingwebhookconfiguration";
        TestCluster::get().kubectl().args(["delete", kind, &self.name, "--ignore-not-found"]).run();
    }
}

async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let tls = tls.clone();
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else { return };
            let served = hyper::server::conn::http1::Builder::new();
            served.serve_connection(TokioIo::new(stream), service_fn(answer)).await.ok();
        });
    }
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let allowed = review.pointer("/request/object/data/forbidden").is_none();
    let text = answer_text(&review, allowed);
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(Full::new(Bytes::from(text))).unwrap())
}

fn answer_text(review: &Value, allowed: bool) -> String {
    json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": {
        "uid": review["request"]["uid"], "allowed": allowed, "status": {"message": "no forbidden keys here"}}})
    .to_string()
}

#[test]
fn what_a_webhook_denies_refuses_the_promotion_with_its_words_and_changes_nothing() {
    let namespace = TestCluster::get().namespace_named("t-preflight");
    let _hook = Webhook::register(&namespace);
    // A registration counts a moment after it is there.
    let probe = config("probe", json!({"forbidden": "x"})).to_string();
    let denied = || {
        namespace.kubectl().args(["create", "--dry-run=server", "-f", "-"]).run_with(&probe).code != Some(0)
    };
    assert!((0..100).any(|_| denied() || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        false
    }));
    let bad = vec![config("fine", json!({"a": "1"})), config("bad", json!({"forbidden": "x"}))];
    let before = contents(&namespace);
    let ran = promote(&namespace, &ReleaseFile::new("shop", "1", bad), &["-y"]).exits(2);
    assert!(ran.stderr.contains("refused [admission]"), "{}", ran.stderr);
    assert!(ran.stderr.contains("no forbidden keys here") && ran.stderr.contains("/bad"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("/fine:"), "{}", ran.stderr);
    assert_eq!(contents(&namespace), before);
    let good = vec![config("fine", json!({"a": "1"}))];
    promote(&namespace, &ReleaseFile::new("shop", "2", good), &["-y"]).exits(0);
}
