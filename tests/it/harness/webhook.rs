//! A real admission webhook, over TLS on loopback.

use super::{Namespace, Run, TestCluster};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

/// Answers the reviews of one namespace; its registration goes when it is dropped.
pub struct Webhook {
    kind: &'static str,
    name: String,
    _runtime: tokio::runtime::Runtime,
}

impl Webhook {
    /// Denies what `why` says something of: objects of a group's resource.
    pub fn denying(
        namespace: &Namespace,
        (group, resource): (&str, &str),
        why: fn(&Value) -> Option<String>,
    ) -> Self {
        let answer = move |review: &Value| match why(review) {
            Some(why) => Some(json!({"allowed": false, "status": {"message": why}})),
            None => Some(json!({"allowed": true})),
        };
        Self::register(
            namespace,
            "ValidatingWebhookConfiguration",
            group,
            resource,
            answer,
        )
    }

    /// Changes objects of a resource of `apps` by the JSON patch that `patch` gives.
    pub fn changing(namespace: &Namespace, resource: &str, patch: fn(&Value) -> Value) -> Self {
        Self::changing_of(namespace, ("apps", resource), patch)
    }

    /// Changes objects of a group's resource by the JSON patch that `patch` gives.
    pub fn changing_of(
        namespace: &Namespace,
        (group, resource): (&str, &str),
        patch: fn(&Value) -> Value,
    ) -> Self {
        let answer = move |review: &Value| {
            let patch = base64(patch(review).to_string().as_bytes());
            Some(json!({"allowed": true, "patchType": "JSONPatch", "patch": patch}))
        };
        Self::register(namespace, "MutatingWebhookConfiguration", group, resource, answer)
    }

    /// Allows every object of a group's resource, and hangs up on two of three that are no dry run.
    pub fn lapsing(namespace: &Namespace, (group, resource): (&str, &str)) -> Self {
        let asked = AtomicU32::new(0);
        let answer = move |review: &Value| {
            let hangs_up =
                review["request"]["dryRun"] != true && asked.fetch_add(1, Ordering::Relaxed) % 3 < 2;
            (!hangs_up).then(|| json!({"allowed": true}))
        };
        Self::register(
            namespace,
            "ValidatingWebhookConfiguration",
            group,
            resource,
            answer,
        )
    }

    fn register(
        namespace: &Namespace,
        kind: &'static str,
        group: &str,
        resource: &str,
        answer: impl Fn(&Value) -> Option<Value> + Send + Sync + 'static,
    ) -> Self {
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
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = runtime
            .block_on(tokio::net::TcpListener::bind("127.0.0.1:0"))
            .unwrap();
        let url = format!("https://127.0.0.1:{}/", listener.local_addr().unwrap().port());
        runtime.spawn(serve(
            listener,
            TlsAcceptor::from(Arc::new(config)),
            Arc::new(answer),
        ));
        let name = format!("test-{namespace}");
        let registration = json!({"apiVersion": "admissionregistration.k8s.io/v1", "kind": kind,
            "metadata": {"name": name}, "webhooks": [{
                "name": "test.example.com", "admissionReviewVersions": ["v1"], "sideEffects": "None",
                "clientConfig": {"url": url, "caBundle": base64(certificate.pem().as_bytes())},
                "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": namespace.name()}},
                "rules": [{"apiGroups": [group], "apiVersions": ["v1"], "operations": ["CREATE", "UPDATE"], "resources": [resource]}]}]});
        let hook = Self {
            kind,
            name,
            _runtime: runtime,
        };
        TestCluster::get()
            .kubectl()
            .args(["create", "-f", "-"])
            .run_with(&registration.to_string())
            .ok();
        hook
    }

    /// A registration counts a moment after it is there: waits until `is_seen` says so.
    pub fn wait(&self, is_seen: impl Fn() -> bool) {
        let seen = (0..100).any(|_| {
            is_seen() || {
                std::thread::sleep(std::time::Duration::from_millis(100));
                false
            }
        });
        assert!(seen, "the registration {} does not count after 10 s", self.name);
    }
}

impl Drop for Webhook {
    fn drop(&mut self) {
        TestCluster::get()
            .kubectl()
            .args(["delete", self.kind, &self.name, "--ignore-not-found"])
            .run();
    }
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

type Answering = Arc<dyn Fn(&Value) -> Option<Value> + Send + Sync>;

async fn serve(listener: tokio::net::TcpListener, tls: TlsAcceptor, answer: Answering) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, answer) = (tls.clone(), answer.clone());
        tokio::spawn(async move {
            let Ok(stream) = tls.accept(stream).await else {
                return;
            };
            let served = hyper::server::conn::http1::Builder::new();
            let service = service_fn(move |request| respond(request, answer.clone()));
            served.serve_connection(TokioIo::new(stream), service).await.ok();
        });
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the connection is closed without an answer")]
struct HungUp;

async fn respond(request: Request<Incoming>, answer: Answering) -> Result<Response<Full<Bytes>>, HungUp> {
    let body = request.into_body().collect().await.unwrap().to_bytes();
    let review: Value = serde_json::from_slice(&body).unwrap();
    let mut response = answer(&review).ok_or(HungUp)?;
    response["uid"] = review["request"]["uid"].clone();
    let text = json!({"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "response": response})
        .to_string();
    let answer = Response::builder().header("content-type", "application/json");
    Ok(answer.body(Full::new(Bytes::from(text))).unwrap())
}
