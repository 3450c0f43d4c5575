//! A small HTTP server: `GET` of three paths, and nothing else. Whoever reaches the port may ask: connections are bounded in
//! number, in bytes and in time, and an answer holds names and numbers alone.

use super::exposition::{Exposition, ProbeResult};
use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use prometheus_client::encoding::prometheus_text;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;

/// Connections at a time; further ones wait to be accepted.
const CONNECTIONS: usize = 64;
/// How long a connection lasts in all: a scrape of many series over a slow network takes less.
const WHOLE: Duration = Duration::from_secs(10);
/// Until the head of a request has come.
const HEAD: Duration = Duration::from_secs(3);
/// Bytes of the head of a request.
const HEAD_BYTES: usize = 16 * 1024;
/// After an error of the listener, such as too many open files.
const ACCEPT_AGAIN: Duration = Duration::from_millis(200);

type Answer = Response<Full<Bytes>>;

/// Answers on a listener until it is dropped.
pub async fn serve(listener: TcpListener, exposition: Arc<Exposition>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    // The semaphore is never closed.
    while let Ok(place) = places.clone().acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let exposition = exposition.clone();
                tokio::spawn(async move {
                    // What becomes of a connection is its client's concern.
                    drop(tokio::time::timeout(WHOLE, answer_one(stream, exposition)).await);
                    drop(place);
                });
            }
            Err(_) => tokio::time::sleep(ACCEPT_AGAIN).await,
        }
    }
}

/// One request a connection: none that idles takes a place.
async fn answer_one(stream: TcpStream, exposition: Arc<Exposition>) {
    let service = service_fn(move |request| {
        let exposition = exposition.clone();
        async move { Ok::<_, Infallible>(answer(&request, exposition).await) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    drop(connection.await);
}

async fn answer(request: &Request<Incoming>, exposition: Arc<Exposition>) -> Answer {
    if request.method() != Method::GET {
        let mut refused = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET\n");
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET"));
        return refused;
    }
    match request.uri().path() {
        "/healthz" => probe(&exposition.liveness(Instant::now())),
        "/readyz" => probe(&exposition.readiness()),
        "/metrics" => metrics(exposition).await,
        _ => plain(StatusCode::NOT_FOUND, "/metrics, /healthz or /readyz\n"),
    }
}

async fn metrics(exposition: Arc<Exposition>) -> Answer {
    // Thousands of series take a while: the watch goes on meanwhile.
    let encoded = tokio::task::spawn_blocking(move || exposition.metrics()).await;
    match encoded {
        Ok(Ok(text)) => {
            let mut answer = Response::new(Full::from(text));
            let content_type = HeaderValue::from_static(prometheus_text::CONTENT_TYPE);
            answer.headers_mut().insert(CONTENT_TYPE, content_type);
            answer
        }
        _ => plain(StatusCode::INTERNAL_SERVER_ERROR, "cannot encode the metrics\n"),
    }
}

fn probe(result: &ProbeResult) -> Answer {
    let status = if result.is_ok {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    plain(status, &format!("{}\n", result.text))
}

fn plain(status: StatusCode, text: &str) -> Answer {
    let mut answer = Response::new(Full::from(text.to_owned()));
    *answer.status_mut() = status;
    let content_type = HeaderValue::from_static("text/plain; charset=utf-8");
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

#[cfg(test)]
mod tests {
    use super::super::Role;
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    /// What a server answers to these bytes, until it closes the connection.
    async fn ask(bytes: &[u8]) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = tokio::spawn(serve(listener, Exposition::new(Role::Standby)));

        let mut stream = TcpStream::connect(address).await.unwrap();
        // A server that has read enough closes before all is sent.
        stream.write_all(bytes).await.ok();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.ok();
        server.abort();
        String::from_utf8(answer).unwrap()
    }

    fn request(line: &str) -> Vec<u8> {
        format!("{line} HTTP/1.1\r\nHost: x\r\n\r\n").into_bytes()
    }

    #[tokio::test]
    async fn three_paths_are_answered_and_no_other_and_nothing_but_get() {
        let metrics = ask(&request("GET /metrics?x=1")).await;
        assert!(metrics.starts_with("HTTP/1.1 200"), "{metrics}");
        assert!(
            metrics.contains("text/plain; version=0.0.4") && metrics.contains("kubectl_delivery_leader 0")
        );

        for (line, code) in [
            ("GET /healthz", 200),
            ("GET /readyz", 200),
            ("GET /", 404),
            ("GET /metrics/x", 404),
            ("POST /metrics", 405),
            ("DELETE /healthz", 405),
        ] {
            let answer = ask(&request(line)).await;
            assert!(
                answer.starts_with(&format!("HTTP/1.1 {code}")),
                "{line}: {answer}"
            );
        }
    }

    #[tokio::test]
    async fn a_head_without_end_is_refused() {
        let mut endless = b"GET /metrics HTTP/1.1\r\n".to_vec();
        endless.extend(format!("X: {}\r\n", "y".repeat(1000)).repeat(1000).into_bytes());
        let answer = ask(&endless).await;
        assert!(!answer.contains("200 OK"), "{answer}");
    }

    #[tokio::test]
    async fn a_request_that_never_comes_is_given_up() {
        let start = Instant::now();
        ask(b"GET /metr").await;
        assert!(start.elapsed() <= WHOLE + HEAD);
    }
}
